"""Sums over users: each count on its own, and that shards add up."""

import random
import sys
import uuid

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from shared.ledger.records import UserRecord
from shared.ledger.totals import add, packed, totals_of, unpacked
from shared.model import Because, JudgedBy, Part, State, Totals, Verdict
from tests.ledger.readings import START

SETTING = Because(kind="setting-needed", about="PASSWORD_WRITEBACK")
NO_LICENCE = Because(kind="no-licence")
OF_A_GROUP = Because(kind="licence-errors", about="sku-1", subject="group-1")


def record(
    user: int = 1,
    state: State = State.COVERED,
    *,
    reach: str = "report",
    writeback: str = "not-asked",
    because: tuple[Because, ...] = (),
    others: dict[str, State] | None = None,
    synced: bool = False,
    location: bool = True,
    skus: tuple[str, ...] = (),
    mismatch: bool = False,
    gone: bool = False,
) -> UserRecord:
    verdict = Verdict(
        state=state,
        rule="S4",
        cause="",
        reach=reach,
        reset=Part(answer="yes"),
        writeback=Part(answer=writeback),
        because=because,
    )
    return UserRecord(
        id=f"user-{user:04d}",
        observed_at=START,
        judged_by=JudgedBy(generation=1, policy="policy"),
        verdict=verdict,
        synced=synced,
        location=location,
        skus=skus,
        others=others or {},
        scope_mismatch=mismatch,
        gone_at=START if gone else None,
    )


RECORD = st.builds(
    record,
    st.integers(1, 60),
    st.sampled_from(State),
    reach=st.sampled_from(["report", "account-disabled", "not-yet-reported"]),
    writeback=st.sampled_from(["yes", "no", "not-asked"]),
    because=st.sets(st.sampled_from([SETTING, NO_LICENCE, OF_A_GROUP])).map(tuple),
    others=st.dictionaries(st.just("2025-03-04"), st.sampled_from(State)),
    synced=st.booleans(),
    location=st.booleans(),
    mismatch=st.booleans(),
    skus=st.sets(st.sampled_from(["sku-1", "sku-2"])).map(lambda found: tuple(sorted(found))),
)
RECORDS = st.lists(RECORD, max_size=60, unique_by=lambda one: one.id)


@given(RECORDS, st.integers(0, 60), st.integers(0, 60))
def test_however_users_are_split_into_shards_the_sums_are_the_same(
    records: list[UserRecord], first: int, second: int
) -> None:
    low, high = sorted((first, second))
    parts = [totals_of(records[:low]), totals_of(records[low:high]), totals_of(records[high:])]
    whole = totals_of(records)
    assert add(add(parts[0], parts[1]), parts[2]) == whole
    assert add(parts[2], add(parts[1], parts[0])) == whole


@given(RECORDS)
def test_nothing_added_changes_nothing_and_every_user_has_one_state(records: list[UserRecord]) -> None:
    totals = totals_of(records)
    assert add(totals, Totals()) == totals
    assert sum(totals.states.values()) == totals.users == len(records)


def test_in_reach_is_everyone_the_verdict_does_not_leave_out() -> None:
    totals = totals_of(
        [
            record(1),
            record(2, State.UNCOVERED, synced=True),
            record(3, State.UNDETERMINED, reach="unknown", synced=True, location=False),
            record(4, State.NOT_IN_REACH, reach="account-disabled", synced=True, location=False),
        ]
    )
    assert (totals.users, totals.in_reach, totals.synced_in_reach, totals.no_location) == (4, 3, 2, 1)
    assert totals.states == {"covered": 1, "uncovered": 1, "undetermined": 1, "not-in-reach": 1}


def test_what_is_needed_depends_on_whether_the_password_is_written_back() -> None:
    totals = totals_of(
        [
            record(1, State.UNCOVERED, writeback="not-asked"),
            record(2, State.UNCOVERED, writeback="no"),
            record(3, State.WRITEBACK_UNCOVERED, writeback="no"),
            record(4, State.UNDETERMINED, writeback="undetermined"),
            record(5, State.COVERED, writeback="yes"),
        ]
    )
    assert (totals.need_cloud, totals.need_p1) == (1, 2)


def test_a_user_hangs_once_on_each_finding_of_the_tenant_and_on_none_of_a_group() -> None:
    twice = (SETTING, SETTING, NO_LICENCE, OF_A_GROUP)
    totals = totals_of([record(1, State.UNDETERMINED, because=twice), record(2, because=(SETTING,))])
    assert totals.hanging == {"setting-needed|PASSWORD_WRITEBACK": 2, "no-licence": 1}


def test_users_are_counted_by_each_edition_that_judges_them_otherwise() -> None:
    others = {"2025-03-04": State.UNCOVERED, "2030-01-01": State.COVERED}
    assert totals_of([record(1, others=others), record(2)]).differing == {"2025-03-04": 1}


def test_users_are_counted_on_whom_groups_and_report_disagree() -> None:
    assert totals_of([record(1, mismatch=True), record(2, State.UNCOVERED)]).scope_mismatch == 1


def test_seats_are_counted_of_accounts_out_of_reach_but_not_of_newcomers_or_for_an_emergency() -> None:
    totals = totals_of(
        [
            record(1, State.NOT_IN_REACH, reach="account-disabled", skus=("sku-1", "sku-2")),
            record(2, State.NOT_IN_REACH, reach="resource-account", skus=("sku-1",)),
            record(3, State.NOT_IN_REACH, reach="not-yet-reported", skus=("sku-1",)),
            record(4, State.COVERED, skus=("sku-1",)),
            record(5, State.NOT_IN_REACH, reach="emergency", skus=("sku-1",)),
        ]
    )
    assert totals.reclaimable == {"sku-1": 2, "sku-2": 1}
    assert totals.reclaimable_sample == {"sku-1": ("user-0001", "user-0002"), "sku-2": ("user-0001",)}


def test_a_tombstone_is_in_no_sum() -> None:
    everything = record(
        1,
        State.NOT_IN_REACH,
        reach="account-disabled",
        because=(SETTING,),
        others={"2025-03-04": State.UNCOVERED},
        synced=True,
        location=False,
        skus=("sku-1",),
        mismatch=True,
        gone=True,
    )
    assert totals_of([everything]) == totals_of([])


def test_a_sample_names_the_first_twenty_whichever_shard_they_are_in() -> None:
    holders = [
        record(number, State.NOT_IN_REACH, reach="account-disabled", skus=("sku-1",)) for number in range(50)
    ]
    totals = add(totals_of(holders[25:]), totals_of(holders[:25]))
    assert totals.reclaimable["sku-1"] == 50
    assert totals.reclaimable_sample["sku-1"] == tuple(f"user-{number:04d}" for number in range(20))


def test_totals_survive_storage() -> None:
    totals = totals_of([record(1, State.NOT_IN_REACH, reach="account-disabled", skus=("sku-1",))])
    assert msgspec.json.decode(msgspec.json.encode(totals), type=Totals) == totals


@given(st.lists(RECORD, max_size=5))
def test_packed_totals_come_back_as_they_were(records: list[UserRecord]) -> None:
    totals = totals_of(records)
    assert unpacked(packed(totals)) == totals


def test_packed_the_sums_of_a_shard_take_less_than_a_third_of_the_memory() -> None:
    ids = random.Random(2017)
    holders = {
        f"sku-{number}": tuple(str(uuid.UUID(int=ids.getrandbits(128))) for _ in range(20))
        for number in range(20)
    }
    totals = Totals(reclaimable=dict.fromkeys(holders, 20), reclaimable_sample=holders)
    assert len(packed(totals)) < sum(sys.getsizeof(one) for found in holders.values() for one in found) / 3
