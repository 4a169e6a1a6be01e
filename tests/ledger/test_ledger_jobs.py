"""What jobs ask of the ledger: the gap, whom to look at, sums; and that only shards concerned are read."""

import asyncio
import re
from collections.abc import Callable

import msgspec
import pytest

from sandbox.storage_proxy import Match, Passed, StorageProxy
from shared.ledger.gap import HEARD_WITHIN, Tally
from shared.ledger.journal import replay
from shared.ledger.ledger import Ledger
from shared.ledger.manifest import Paths
from shared.ledger.shards import encode, shard_of
from shared.ledger.totals import totals_of
from shared.model import Judged
from shared.storage import Storage
from tests.ledger.readings import FAILED, UNCOVERED, absence, after, reading, user_id
from tests.ledger.test_ledger_storage import journal

pytestmark = pytest.mark.real

WITHIN = HEARD_WITHIN.total_seconds()
SHARD_BLOB = re.compile("^ledger/.*/users/([0-9a-f]{4})$")
OTHER = ("sku-ems",)


async def four_shards() -> int:
    """A count of users that makes a ledger of four shards."""
    return 8000


def in_shard(number: int) -> int:
    """A user of the shard with that number, of four."""
    return next(n for n in range(1, 100) if shard_of(user_id(n), 4) == f"{number:04x}")


A, B, C = (in_shard(number) for number in range(3))


@pytest.fixture
async def wide(worker: Callable[[], Ledger]) -> Ledger:
    """A ledger of four shards, with a user in each of the first three, read at second 1."""
    ledger = worker()
    await ledger.manifest(four_shards)
    for number, user in enumerate((A, B, C)):
        await ledger.commit_users(f"{number:04x}", [reading(user, seen=1)], after(2))
    return ledger


class Watched:
    """What shards were asked for since this was made, by method and name."""

    def __init__(self, proxy: StorageProxy) -> None:
        self._proxy = proxy
        self._first = len(proxy.passed)

    def touched(self, method: str) -> list[str]:
        """Names of shards, once for each request of that method."""
        found = [SHARD_BLOB.match(one.target) for one in self._since() if one.method == method]
        return [one[1] for one in found if one]

    def requests(self) -> int:
        """All requests there were."""
        return len(self._since())

    def _since(self) -> list[Passed]:
        return self._proxy.passed[self._first :]


async def failing(ledger: Ledger) -> list[str]:
    """The answer, as a list."""
    return [one async for one in ledger.failing_users()]


async def waiting(ledger: Ledger) -> list[tuple[str, tuple[str, ...]]]:
    """The answer, as a list."""
    return [one async for one in ledger.waiting_for_report()]


async def holders(ledger: Ledger, *sku_ids: str) -> list[tuple[str, tuple[str, ...]]]:
    """The answer, as a list."""
    return [one async for one in ledger.holders(sku_ids)]


# --- deletions ---------------------------------------------------------------------------------------------


async def test_a_deletion_is_in_the_ledger_and_in_the_journal_by_one_commit(
    ledger: Ledger, proxy: StorageProxy
) -> None:
    await ledger.commit_users("0000", [reading(1, UNCOVERED), reading(2, UNCOVERED)], after(1))
    watched = Watched(proxy)
    outcome = await ledger.commit_users(
        "0000", [reading(2, seen=5)], after(6), absences=[absence(1, seen=5), absence(3, seen=5)]
    )
    assert (outcome.gone, outcome.committed) == ((user_id(1), user_id(3)), (user_id(2),))
    assert watched.touched("PUT") == ["0000", "0000"]
    ends = [(line.seq, line.subject.id, line.cause) for line in (await journal(ledger))[2:]]
    assert ends == [(2, user_id(2), "licensed"), (2, user_id(1), "deleted")]
    assert replay(await journal(ledger)) == {}


async def test_tombstones_are_found_by_id_and_are_not_among_the_records(ledger: Ledger) -> None:
    await ledger.commit_users("0000", [reading(1), reading(2)], after(1))
    await ledger.commit_users("0000", [], after(6), absences=[absence(1, seen=5)])
    assert [one.id async for one in ledger.records()] == [user_id(2)]
    assert set(await ledger.user_records([user_id(1), user_id(2)])) == {user_id(1), user_id(2)}
    assert (await ledger.totals()).users == 1


async def test_a_user_of_another_shard_is_turned_away_gone_or_heard_of(wide: Ledger) -> None:
    with pytest.raises(ValueError, match="1 of 2 users"):
        await wide.commit_users("0000", [reading(A, seen=3)], after(4), absences=[absence(B, seen=3)])
    with pytest.raises(ValueError, match="1 of 1 users"):
        await wide.commit_users("0000", [], after(4), heard={user_id(B): after(3)})


async def test_hearing_of_users_is_one_write_and_hearing_again_none(
    wide: Ledger, proxy: StorageProxy
) -> None:
    for writes in (["0000"], []):
        watched = Watched(proxy)
        await wide.commit_users("0000", [], after(30), heard={user_id(A): after(20)})
        assert watched.touched("PUT") == writes
    assert (await wide.user_records([user_id(A)]))[user_id(A)].heard_at == after(20)


# --- the tally ---------------------------------------------------------------------------------------------


async def test_the_tally_is_over_all_shards_and_taken_once(
    worker: Callable[[], Ledger], wide: Ledger
) -> None:
    await wide.commit_users("0000", [reading(A, seen=99, skus=OTHER, since=50)], after(100))
    await wide.commit_users("0001", [reading(B, seen=99, skus=OTHER, since=40)], after(100))
    await wide.commit_users("0002", [reading(C, seen=99, skus=OTHER, heard=90)], after(100))
    other = worker()
    await other.manifest()
    wanted = Tally(
        missed=2,
        sample=tuple(sorted((user_id(A), user_id(B)))),
        longest_seconds=60,
        heard=1,
        seconds=10,
        longest=10,
    )
    assert await other.tally(after(102 + WITHIN)) == wanted
    assert await wide.tally(after(103 + WITHIN)) == Tally()


async def test_a_tally_reads_and_writes_only_shards_that_have_something_to_count(
    wide: Ledger, proxy: StorageProxy
) -> None:
    await wide.commit_users("0001", [reading(B, seen=99, skus=OTHER, since=50)], after(100))
    early = Watched(proxy)
    assert await wide.tally(after(100 + WITHIN)) == Tally()
    assert early.requests() == 1, "one listing and nothing else"
    due = Watched(proxy)
    assert (await wide.tally(after(102 + WITHIN))).missed == 1
    assert (due.touched("GET"), due.touched("PUT")) == (["0001"], ["0001"])
    done = Watched(proxy)
    assert await wide.tally(after(200 + WITHIN)) == Tally()
    assert done.requests() == 1


async def test_two_workers_that_count_at_once_count_each_change_once(
    worker: Callable[[], Ledger], wide: Ledger
) -> None:
    await wide.commit_users("0000", [reading(A, seen=99, skus=OTHER, heard=90)], after(100))
    workers = [wide, worker(), worker()]
    tallies = await asyncio.gather(*(one.tally(after(101)) for one in workers))
    assert sorted(one.heard for one in tallies) == [0, 0, 1]


async def test_a_tally_whose_answer_was_lost_is_not_lost(wide: Ledger, proxy: StorageProxy) -> None:
    await wide.commit_users("0000", [reading(A, seen=99, skus=OTHER, heard=90)], after(100))
    proxy.drop_answer(Match("PUT", "^ledger/.*/users/0000"))
    assert (await wide.tally(after(101))).heard == 1
    assert await wide.tally(after(102)) == Tally()


# --- whom to look at ---------------------------------------------------------------------------------------


async def test_only_shards_with_failing_users_are_read_for_them(wide: Ledger, proxy: StorageProxy) -> None:
    await wide.commit_users("0001", [reading(B, FAILED, UNCOVERED, seen=3)], after(4))
    await wide.commit_users("0002", [reading(C, UNCOVERED, seen=3)], after(4))
    watched = Watched(proxy)
    assert await failing(wide) == [user_id(B)]
    assert watched.touched("GET") == ["0001"]
    await wide.commit_users("0001", [reading(B, UNCOVERED, seen=5)], after(6))
    assert await failing(wide) == []


async def test_only_shards_where_someone_waits_for_the_report_are_read_for_them(
    wide: Ledger, proxy: StorageProxy
) -> None:
    new = reading(C, seen=3)
    verdict = msgspec.structs.replace(new.judged.verdict, reach="not-yet-reported")
    await wide.commit_users("0002", [msgspec.structs.replace(new, judged=Judged(verdict=verdict))], after(4))
    watched = Watched(proxy)
    assert await waiting(wide) == [("0002", (user_id(C),))]
    assert watched.touched("GET") == ["0002"]


async def test_holders_are_all_to_whom_one_of_the_skus_is_assigned_and_who_are_there(wide: Ledger) -> None:
    await wide.commit_users("0001", [reading(B, seen=3, skus=("sku-ems", "sku-e3"))], after(4))
    await wide.commit_users("0002", [reading(C, seen=3, skus=("sku-f1",))], after(4))
    assert await holders(wide, "sku-ems") == [("0001", (user_id(B),))]
    assert await holders(wide, "sku-ems", "sku-f1") == [("0001", (user_id(B),)), ("0002", (user_id(C),))]
    assert await holders(wide, "sku-f3") == await holders(wide) == []
    await wide.commit_users("0002", [], after(6), absences=[absence(C, seen=5)])
    assert await holders(wide, "sku-f1") == []


async def test_of_holders_and_of_everybody_those_judged_by_older_facts_can_be_asked_for(wide: Ledger) -> None:
    await wide.commit_users("0001", [reading(B, seen=3, generation=2, skus=("sku-ems",))], after(4))
    await wide.commit_users("0002", [reading(C, seen=3, generation=3, skus=("sku-ems",))], after(4))
    for before, found in ((2, []), (3, ["0001"]), (4, ["0001", "0002"]), (None, ["0001", "0002"])):
        assert [name async for name, _ in wide.holders(["sku-ems"], before=before)] == found
    assert [name async for name, ids in wide.everybody(before=3) if user_id(C) in ids] == []
    assert {one async for _, ids in wide.everybody() for one in ids} >= {user_id(B), user_id(C)}
    await wide.commit_users("0002", [], after(6), absences=[absence(C, seen=5)])
    assert user_id(C) not in {one async for _, ids in wide.everybody() for one in ids}


async def test_a_shard_that_was_written_before_there_were_labels_is_looked_into(
    wide: Ledger, storage: Storage
) -> None:
    await wide.commit_users("0001", [reading(B, FAILED, seen=3)], after(4))
    await _relabel(wide, storage, "0001", {"outbox": "0"})
    assert await failing(wide) == [user_id(B)]
    assert await waiting(wide) == []
    assert await wide.tally(after(10**6)) == Tally()


async def _relabel(ledger: Ledger, storage: Storage, name: str, labels: dict[str, str]) -> None:
    manifest = await ledger.manifest()
    assert manifest is not None
    await storage.ledger.put(
        Paths(manifest).book(name), encode((await ledger.read_shard(name)).record), labels
    )


async def test_a_ledger_without_users_answers_with_nothing(worker: Callable[[], Ledger]) -> None:
    ledger = worker()
    await ledger.manifest(four_shards)
    assert await failing(ledger) == []
    assert await waiting(ledger) == []
    assert await holders(ledger, "sku-e3") == []
    assert await ledger.tally(after(1)) == Tally()
    assert (await ledger.totals()).users == 0


# --- sums --------------------------------------------------------------------------------------------------


async def test_sums_are_asked_only_of_shards_that_changed(
    worker: Callable[[], Ledger], wide: Ledger, proxy: StorageProxy
) -> None:
    counting = worker()
    await counting.manifest()
    first = Watched(proxy)
    assert (await counting.totals()).users == 3
    assert first.touched("GET") == ["0000", "0001", "0002"]
    again = Watched(proxy)
    assert (await counting.totals()).users == 3
    assert again.requests() == 1, "one listing and nothing else"
    await wide.commit_users("0001", [reading(B, UNCOVERED, seen=3)], after(4))
    changed = Watched(proxy)
    assert (await counting.totals()).states == {"covered": 2, "uncovered": 1}
    assert changed.touched("GET") == ["0001"]


async def test_whoever_commits_most_of_a_shard_need_not_read_it_for_the_sums(
    wide: Ledger, proxy: StorageProxy
) -> None:
    watched = Watched(proxy)
    assert (await wide.totals()).users == 3
    assert watched.touched("GET") == []
    # Its own transitions are published in between, which changes the shard once more.
    await wide.commit_users("0000", [reading(A, UNCOVERED, seen=3)], after(4))
    again = Watched(proxy)
    assert (await wide.totals()).states == {"covered": 2, "uncovered": 1}
    assert again.touched("GET") == []


async def test_sums_kept_in_memory_are_those_of_the_records(wide: Ledger) -> None:
    await wide.commit_users("0000", [reading(A, UNCOVERED, seen=3)], after(4))
    await wide.commit_users("0001", [], after(6), absences=[absence(B, seen=5)])
    for _ in range(2):
        assert await wide.totals() == totals_of([one async for one in wide.records()])


# --- records of earlier versions ---------------------------------------------------------------------------

OLD = b"""{"name": "0000", "next_seq": 2, "users": {"u": {"id": "u", "observed_at": "2026-03-01T12:00:00Z",
"judged_by": {"generation": 1, "policy": "p"}, "verdict": {"state": "covered", "rule": "S4", "cause": "p1",
"reach": "report", "reset": {"answer": "yes"}, "writeback": {"answer": "not-asked"}}}}}"""


async def test_a_shard_of_an_earlier_version_is_read(ledger: Ledger, storage: Storage) -> None:
    manifest = await ledger.manifest()
    assert manifest is not None
    await storage.ledger.put(Paths(manifest).book("0000"), OLD)
    record = (await ledger.read_shard("0000")).record.users["u"]
    assert (record.gone_at, record.heard_at, record.missed, record.judged_on) == (None, None, None, "")
    await ledger.commit_users("0000", [reading(1, seen=1)], after(2))
    assert (await ledger.totals()).users == 2
