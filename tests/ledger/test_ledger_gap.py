"""The gap: which changes were told of and which were not, without storage."""

from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ledger import gap
from shared.ledger.commits import CommitOutcome, UserReading, apply_readings
from shared.ledger.gap import HEARD_WITHIN, SAMPLE, Tally
from shared.ledger.records import Heard, Missed, Shard, UserRecord
from shared.ledger.shards import labels
from shared.ledger.tombstones import Absence
from shared.model import AssignedLicense, Identity, LicenseAssignmentState, User
from shared.rules.loader import load_rules
from tests.ledger.readings import START, TENANT_ID, UNCOVERED, absence, after, reading, user_id

RULES = load_rules()
EMPTY = Shard(name="0000")
ADA = user_id(1)
WITHIN = HEARD_WITHIN.total_seconds()
OTHER = ("sku-ems",)


def apply(
    shard: Shard, *news: UserReading | Absence, at: float = 100, heard: float | None = None
) -> tuple[Shard, CommitOutcome]:
    """One commit; `heard`: user 1 was heard of then and needs no reading."""
    readings = [one for one in news if isinstance(one, UserReading)]
    absences = [one for one in news if isinstance(one, Absence)]
    marks = {} if heard is None else {ADA: after(heard)}
    return apply_readings(shard, readings, after(at), TENANT_ID, RULES, absences, marks)


def record_of(shard: Shard) -> UserRecord:
    return shard.users[ADA]


KNOWN, _ = apply(EMPTY, reading(1, seen=5), at=6)
CHANGED = Missed(since=after(50), found_at=after(100))
MISSED, _ = apply(KNOWN, reading(1, seen=99, skus=OTHER, since=50), at=100)
"""User 1 is known since second 6; at second 100 delta found a change of which nothing was heard since 50."""


# --- what is missed ----------------------------------------------------------------------------------------


def test_a_change_that_delta_finds_and_nothing_told_of_is_missed() -> None:
    assert record_of(MISSED).missed == CHANGED


@pytest.mark.parametrize("heard", [50, 70, 99])
def test_it_is_not_if_a_notification_came_since_the_round_before(heard: float) -> None:
    shard, _ = apply(KNOWN, reading(1, seen=heard, heard=heard), at=heard)
    shard, _ = apply(shard, reading(1, seen=99.5, skus=OTHER, since=50), at=100)
    assert record_of(shard).missed is None


def test_a_notification_before_the_round_before_told_of_something_else() -> None:
    shard, _ = apply(KNOWN, reading(1, seen=49, heard=49), at=49)
    shard, _ = apply(shard, reading(1, seen=99, skus=OTHER, since=50), at=100)
    assert record_of(shard).missed == CHANGED


@pytest.mark.parametrize("since", [None, 50])
def test_what_did_not_change_is_not_missed_and_what_delta_did_not_find_neither(since: float | None) -> None:
    skus = OTHER if since is None else ("sku-e3",)
    shard, _ = apply(KNOWN, reading(1, seen=99, skus=skus, since=since), at=100)
    assert record_of(shard).missed is None


def test_a_verdict_that_moves_without_the_user_is_not_missed() -> None:
    shard, outcome = apply(KNOWN, reading(1, UNCOVERED, seen=99, since=50, generation=2), at=100)
    assert outcome.transitions
    assert record_of(shard).missed is None


def test_a_new_name_is_not_missed() -> None:
    shard, outcome = apply(KNOWN, reading(1, seen=99, since=50, name="Ada King"), at=100)
    assert outcome.committed == (ADA,)
    assert record_of(shard).missed is None


def test_a_new_user_of_whom_nobody_told_is_missed_but_not_before_everybody_was_read_once() -> None:
    new, _ = apply(EMPTY, reading(1, seen=99, since=50), at=100)
    first, _ = apply(EMPTY, reading(1, seen=99, since=50, baseline=True), at=100)
    assert record_of(new).missed == CHANGED
    assert record_of(first).missed is None


def test_a_deletion_of_which_nothing_was_heard_is_missed_and_one_that_was_heard_is_not() -> None:
    silent, _ = apply(KNOWN, absence(1, seen=99, since=50), at=100)
    heard, _ = apply(apply(KNOWN, heard=60)[0], absence(1, seen=99, since=50), at=100)
    swept, _ = apply(KNOWN, absence(1, seen=99), at=100)
    assert record_of(silent).missed == CHANGED
    assert (record_of(heard).missed, record_of(heard).heard_at) == (None, after(60))
    assert record_of(swept).missed is None


def test_who_was_never_known_had_no_verdict_that_could_be_wrong() -> None:
    shard, _ = apply(EMPTY, absence(1, seen=99, since=50), at=100)
    assert record_of(shard).missed is None


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("skus", [(), OTHER])
def test_a_user_brought_back_in_silence_is_missed_however_bare(skus: tuple[str, ...], enabled: bool) -> None:
    shard, _ = apply(KNOWN, absence(1, seen=10), at=11)
    shard, _ = apply(shard, reading(1, seen=99, since=50, skus=skus, enabled=enabled), at=100)
    assert record_of(shard).missed == CHANGED


def test_of_several_changes_in_silence_the_first_is_remembered() -> None:
    shard, _ = apply(MISSED, reading(1, seen=199, since=100), at=200)
    assert record_of(shard).missed == CHANGED


def test_of_an_old_record_what_it_kept_of_the_facts_is_compared() -> None:
    old = msgspec.structs.replace(record_of(KNOWN), judged_on="")
    shard = msgspec.structs.replace(KNOWN, users={ADA: old})
    same, _ = apply(shard, reading(1, seen=99, since=50), at=100)
    other, _ = apply(shard, reading(1, seen=99, since=50, skus=OTHER), at=100)
    disabled, _ = apply(shard, reading(1, seen=99, since=50, enabled=False), at=100)
    assert record_of(same).missed is None
    assert record_of(same).judged_on == record_of(KNOWN).judged_on
    assert record_of(other).missed == record_of(disabled).missed == CHANGED


# --- heard after all ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heard", "cleared"), [(49, False), (50, True), (101, True), (100 + WITHIN, True), (101 + WITHIN, False)]
)
@pytest.mark.parametrize("how", ["mark", "reading", "superseded"])
def test_a_notification_within_half_an_hour_of_finding_clears_what_was_missed(
    heard: float, cleared: bool, how: str
) -> None:
    at = heard + 100
    if how == "mark":
        shard, _ = apply(MISSED, at=at, heard=heard)
    else:
        seen = heard + 90 if how == "reading" else 98
        shard, outcome = apply(MISSED, reading(1, seen=seen, skus=OTHER, heard=heard), at=at)
        assert (outcome.superseded == (ADA,)) is (how == "superseded")
    assert record_of(shard).missed == (None if cleared else CHANGED)


@pytest.mark.parametrize("first", ["heard", "delta"])
def test_in_whichever_order_notification_and_delta_are_worked_on_the_change_was_heard(first: str) -> None:
    told = reading(1, seen=97, skus=OTHER, heard=95)
    found = reading(1, seen=98, skus=OTHER, since=50)
    order = (told, found) if first == "heard" else (found, told)
    shard = KNOWN
    for number, one in enumerate(order):
        shard, _ = apply(shard, one, at=100 + number)
    assert record_of(shard).missed is None
    assert record_of(shard).heard_at == after(95)


def test_a_tombstone_hears_too() -> None:
    shard, _ = apply(KNOWN, absence(1, seen=99, since=50), at=100)
    shard, _ = apply(shard, at=200, heard=150)
    assert (record_of(shard).missed, record_of(shard).heard_at) == (None, after(150))


def test_the_copies_of_a_notification_cost_no_write() -> None:
    shard, _ = apply(KNOWN, reading(1, seen=61, heard=60), at=62)
    for heard in (10, 60, 60.5, 60.9):
        same, outcome = apply(shard, at=200, heard=heard)
        assert same is shard
        assert outcome == CommitOutcome(book="0000")
    moved, _ = apply(shard, at=200, heard=61)
    assert record_of(moved).heard_at == after(61)


def test_the_first_notification_ever_is_written_down() -> None:
    shard, outcome = apply(KNOWN, at=200, heard=150)
    assert record_of(shard) == msgspec.structs.replace(record_of(KNOWN), heard_at=after(150))
    assert outcome == CommitOutcome(book="0000")


def test_a_notification_of_somebody_unknown_is_passed_over() -> None:
    same, _ = apply(EMPTY, at=200, heard=150)
    assert same is EMPTY


def test_an_older_notification_does_not_set_the_time_back() -> None:
    shard, _ = apply(KNOWN, reading(1, seen=61, heard=60), at=62)
    shard, _ = apply(shard, reading(1, seen=71, heard=30), at=72)
    assert record_of(shard).heard_at == after(60)
    late = 101 + WITHIN
    shard, _ = apply(MISSED, at=late, heard=late)
    shard, _ = apply(shard, at=late + 1, heard=70)
    assert (record_of(shard).missed, record_of(shard).heard_at) == (None, after(late))


def test_a_reading_that_was_heard_for_and_found_nothing_new_leaves_the_user_unchanged() -> None:
    shard, outcome = apply(MISSED, reading(1, seen=111, skus=OTHER, heard=110), at=112)
    assert outcome == CommitOutcome(book="0000", unchanged=(ADA,))
    assert (record_of(shard).missed, record_of(shard).heard_at) == (None, after(110))


# --- how long it took --------------------------------------------------------------------------------------


def test_the_wait_from_notification_to_verdict_is_summed_up_of_changes_only() -> None:
    shard, _ = apply(KNOWN, reading(1, seen=21, skus=OTHER, heard=20), at=24)
    shard, _ = apply(shard, reading(1, seen=31, skus=OTHER, heard=30), at=90)
    shard, _ = apply(
        shard, reading(1, seen=101, heard=100), reading(2, seen=101, heard=92), reading(3, seen=101), at=102
    )
    assert shard.heard == Heard(users=3, seconds=4 + 2 + 10, longest=10)


def test_a_clock_that_runs_behind_makes_no_negative_wait() -> None:
    shard, _ = apply(KNOWN, reading(1, seen=21, skus=OTHER, heard=30), at=25)
    assert shard.heard == Heard(users=1, seconds=0, longest=0)


# --- the tally ---------------------------------------------------------------------------------------------


def test_what_was_missed_is_taken_out_once_it_can_not_be_heard_of_any_more() -> None:
    same, nothing = gap.take_out(MISSED, after(100 + WITHIN))
    assert same is MISSED
    assert nothing == Tally()
    left, tally = gap.take_out(MISSED, after(101 + WITHIN))
    assert tally == Tally(missed=1, sample=(ADA,), longest_seconds=50)
    assert left.users[ADA] == msgspec.structs.replace(record_of(MISSED), missed=None)
    assert gap.take_out(left, after(102 + WITHIN)) == (left, Tally())


def test_waits_are_taken_out_at_once_and_leave_the_missed_where_they_are() -> None:
    shard = msgspec.structs.replace(MISSED, heard=Heard(users=3, seconds=16, longest=10))
    left, tally = gap.take_out(shard, after(101))
    assert tally == Tally(heard=3, seconds=16, longest=10)
    assert (left.heard, record_of(left).missed) == (None, CHANGED)


def test_whoever_asks_may_wait_less_for_notifications() -> None:
    _, tally = gap.take_out(MISSED, after(111), timedelta(seconds=10))
    assert tally.missed == 1


def test_a_tally_says_the_longest_wait_and_names_the_first_twenty() -> None:
    shard = EMPTY
    for number in range(1, 31):
        shard, _ = apply(shard, reading(number, seen=99, since=50 + number), at=100)
    _, tally = gap.take_out(shard, after(101 + WITHIN))
    assert (tally.missed, tally.longest_seconds) == (30, 49)
    assert tally.sample == tuple(user_id(number) for number in range(1, SAMPLE + 1))


TALLY = st.builds(
    lambda ids, longest, heard: Tally(
        missed=len(ids),
        sample=tuple(sorted(ids)[:SAMPLE]),
        longest_seconds=longest,
        heard=heard,
        seconds=2.0 * heard,
        longest=float(heard),
    ),
    st.sets(st.integers(0, 60).map(user_id), max_size=30),
    st.integers(0, 100).map(float),
    st.integers(0, 9),
)


@given(TALLY, TALLY, TALLY)
def test_tallies_add_up_in_any_grouping(one: Tally, two: Tally, three: Tally) -> None:
    assert gap.add(gap.add(one, two), three) == gap.add(one, gap.add(two, three))
    assert gap.add(one, two) == gap.add(two, one)
    assert gap.add(one, Tally()) == one


SHARD = st.builds(
    lambda found, heard: Shard(
        name="0000",
        users={
            user_id(number): msgspec.structs.replace(
                record_of(KNOWN), id=user_id(number), missed=Missed(since=START, found_at=when)
            )
            for number, when in enumerate(found)
        },
        heard=Heard(users=1, seconds=1, longest=1) if heard else None,
    ),
    st.lists(st.floats(0, 10_000).map(after), max_size=3),
    st.booleans(),
)


@given(SHARD, st.floats(0, 20_000).map(after))
def test_a_shard_is_due_by_its_label_within_a_second_of_when_it_has_something(
    shard: Shard, at: datetime
) -> None:
    left, _ = gap.take_out(shard, at)
    if gap.is_due(labels(shard), at, HEARD_WITHIN):
        assert left is not shard
    if left is not shard:
        assert gap.is_due(labels(shard), at + timedelta(seconds=1), HEARD_WITHIN)


def test_a_fraction_of_a_second_before_its_time_a_shard_is_not_read_for_nothing() -> None:
    shard, _ = apply(KNOWN, reading(1, seen=99, skus=OTHER, since=50), at=100.9)
    at = after(100.5 + WITHIN)
    assert gap.take_out(shard, at)[0] is shard
    assert not gap.is_due(labels(shard), at, HEARD_WITHIN)


@pytest.mark.parametrize("old", [{}, {"outbox": "0"}])
def test_a_shard_written_before_there_were_labels_is_not_due(old: dict[str, str]) -> None:
    assert not gap.is_due(old, after(10**6), HEARD_WITHIN)


# --- the mark ----------------------------------------------------------------------------------------------

USER = User(
    id="u",
    user_principal_name="ada@contoso.example",
    account_enabled=True,
    user_type="Member",
    identities=(
        Identity(sign_in_type="userPrincipalName", issuer="contoso.example", issuer_assigned_id="ada"),
        Identity(sign_in_type="federated", issuer="fabrikam.example", issuer_assigned_id="ada"),
    ),
    usage_location="NL",
    assigned_licenses=(
        AssignedLicense(sku_id="sku-1", disabled_plans=("plan-1", "plan-2")),
        AssignedLicense(sku_id="sku-2"),
    ),
    license_assignment_states=(
        LicenseAssignmentState(sku_id="sku-1", assigned_by_group="group-1"),
        LicenseAssignmentState(sku_id="sku-1", state="Error", error="CountViolation"),
        LicenseAssignmentState(sku_id="sku-2", error=None),
    ),
)
FIRST, SECOND, THIRD = USER.license_assignment_states

ALIKE: dict[str, dict[str, object]] = {
    "names": {"user_principal_name": "ada.king@contoso.example", "display_name": "Ada King"},
    "another id": {"id": "v"},
    "the order of licences": {"assigned_licenses": USER.assigned_licenses[::-1]},
    "the order of plans": {
        "assigned_licenses": (
            AssignedLicense(sku_id="sku-1", disabled_plans=("plan-2", "plan-1")),
            USER.assigned_licenses[1],
        )
    },
    "the order of states": {"license_assignment_states": (SECOND, THIRD, FIRST)},
    "another word for no error": {
        "license_assignment_states": (FIRST, SECOND, msgspec.structs.replace(THIRD, error="None"))
    },
    "the order of identities": {"identities": USER.identities[::-1]},
    "another location": {"usage_location": "BE"},
    "not synced instead of never": {"on_premises_sync_enabled": False},
}
UNLIKE: dict[str, dict[str, object]] = {
    "disabled": {"account_enabled": False},
    "guest": {"user_type": "Guest"},
    "invited": {"creation_type": "Invitation"},
    "external": {"external_user_state": "Accepted"},
    "issuer": {"identities": USER.identities[:1]},
    "no location": {"usage_location": None},
    "synced": {"on_premises_sync_enabled": True},
    "licence": {"assigned_licenses": USER.assigned_licenses[:1]},
    "plan": {"assigned_licenses": (AssignedLicense(sku_id="sku-1"), USER.assigned_licenses[1])},
    "source": {"license_assignment_states": (SECOND, THIRD)},
    "group": {
        "license_assignment_states": (msgspec.structs.replace(FIRST, assigned_by_group="g"), SECOND, THIRD)
    },
    "state": {"license_assignment_states": (FIRST, msgspec.structs.replace(SECOND, state="Active"), THIRD)},
    "error": {
        "license_assignment_states": (
            FIRST,
            msgspec.structs.replace(SECOND, error="DependencyViolation"),
            THIRD,
        )
    },
    "plan of a source": {
        "license_assignment_states": (
            msgspec.structs.replace(FIRST, disabled_plans=("plan-1",)),
            SECOND,
            THIRD,
        )
    },
}


@pytest.mark.parametrize("change", ALIKE.values(), ids=ALIKE)
def test_what_no_rule_reads_leaves_the_mark(change: dict[str, object]) -> None:
    assert gap.mark(msgspec.structs.replace(USER, **change)) == gap.mark(USER)


@pytest.mark.parametrize("change", UNLIKE.values(), ids=UNLIKE)
def test_what_a_rule_may_read_moves_the_mark(change: dict[str, object]) -> None:
    assert gap.mark(msgspec.structs.replace(USER, **change)) != gap.mark(USER)
