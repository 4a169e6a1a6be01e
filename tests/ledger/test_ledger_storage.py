"""The ledger on storage: what is committed, what it costs, what readers see."""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace

import msgspec
import pytest

from sandbox.storage_proxy import Match, StorageProxy
from shared import findings
from shared.ledger import ledger as ledger_room
from shared.ledger.journal import JournalLine, replay
from shared.ledger.ledger import Ledger
from shared.ledger.manifest import LedgerMissing
from shared.ledger.records import Posting, TenantRecord
from shared.ledger.shards import Held, LedgerUnreadable, shard_of
from shared.ledger.totals import totals_of
from shared.model import Finding, Severity, SubjectType
from shared.rules.loader import load_rules
from shared.storage import Storage
from tests.ledger.readings import (
    CANNOT_WRITE_BACK,
    EDITION,
    FAILED,
    TENANT_ID,
    UNCOVERED,
    absence,
    after,
    one_user,
    reading,
    user_id,
)

pytestmark = pytest.mark.real

SHARD = "0000"
NESTED = Finding(kind="nested-members-unlicensed", state="nested", severity=Severity.HIGH)


async def journal(ledger: Ledger, book: str = SHARD) -> list[JournalLine]:
    """All lines of a book, after checking that its numbers have no gap."""
    numbers, lines = [], []
    async for seq, some in ledger.read_journal(book):
        numbers.append(seq)
        lines += some
    assert numbers == list(range(1, len(numbers) + 1))
    return lines


async def open_in(ledger: Ledger) -> dict[str, str]:
    """The fingerprints of the shard's open findings, by finding id."""
    users = (await ledger.read_shard(SHARD)).record.users
    return {held.id: held.fingerprint for record in users.values() for held in record.open.values()}


async def test_a_committed_user_is_read_back_and_its_transition_is_in_the_journal(ledger: Ledger) -> None:
    outcome = await ledger.commit_users(SHARD, [reading(1, UNCOVERED)], after(1))
    assert outcome.committed == (user_id(1),)
    found = await ledger.user_records([user_id(1), user_id(2)])
    assert list(found) == [user_id(1)]
    assert list(found[user_id(1)].open) == ["coverage"]
    [line] = await journal(ledger)
    assert (line.transition, line.subject.id, line.seq) == ("opened", user_id(1), 1)
    assert (await ledger.read_shard(SHARD)).record.outbox == ()


async def test_news_are_announced_by_the_name_of_the_book(ledger: Ledger, storage: Storage) -> None:
    await ledger.commit_users(SHARD, [reading(1, UNCOVERED)], after(1))
    assert [one.text for one in await storage.journal.receive()] == [SHARD]
    await ledger.commit_users(SHARD, [reading(1, UNCOVERED, seen=1)], after(2))
    assert await storage.journal.length() == 1


async def test_a_reader_goes_on_after_the_number_it_remembers(ledger: Ledger) -> None:
    for number in range(1, 4):
        await ledger.commit_users(SHARD, [reading(number, UNCOVERED)], after(number))
    seen = [(seq, [line.subject.id for line in lines]) async for seq, lines in ledger.read_journal(SHARD, 1)]
    assert seen == [(2, [user_id(2)]), (3, [user_id(3)])]
    assert [seq async for seq, _ in ledger.read_journal(SHARD, 3)] == []


async def test_a_message_costs_two_ledger_writes_for_a_shard_however_many_users(
    ledger: Ledger, proxy: StorageProxy
) -> None:
    await ledger.commit_users(SHARD, [reading(n, UNCOVERED) for n in range(100)], after(1))
    assert len(proxy.seen("PUT", "^ledger/.*/users/")) == 2
    assert len(proxy.seen("PUT", "^alerts/")) == 1
    assert len(proxy.seen("POST", "^journal/messages")) == 1


async def test_a_commit_that_changes_no_finding_costs_one_write_and_no_message(
    ledger: Ledger, proxy: StorageProxy
) -> None:
    outcome = await ledger.commit_users(SHARD, [reading(1)], after(1))
    assert outcome.committed == (user_id(1),)
    assert len(proxy.seen("PUT", "^ledger/.*/users/")) == 1
    assert not proxy.seen("POST", "^journal/messages")
    assert not proxy.seen(path="^alerts/.*ndjson")


async def test_refused_readings_write_nothing(ledger: Ledger, proxy: StorageProxy) -> None:
    await ledger.commit_users(SHARD, [reading(1, UNCOVERED, seen=5, generation=2)], after(6))
    before = len(proxy.seen("PUT", "^ledger/"))
    outcome = await ledger.commit_users(
        SHARD, [reading(1, seen=9, generation=1), reading(1, seen=4, generation=3)], after(10)
    )
    assert outcome.refused == outcome.superseded == (user_id(1),)
    assert len(proxy.seen("PUT", "^ledger/")) == before
    [record] = (await ledger.user_records([user_id(1)])).values()
    assert record.verdict.state == "uncovered"


async def test_16_writers_of_one_shard_all_land_and_each_transition_is_in_the_journal_once(
    worker: Callable[[], Ledger], proxy: StorageProxy
) -> None:
    workers = [worker() for _ in range(16)]
    await asyncio.gather(*(one.manifest(one_user) for one in workers))
    await asyncio.gather(
        *(
            one.commit_users(SHARD, [reading(number, UNCOVERED)], after(1))
            for number, one in enumerate(workers)
        )
    )
    assert proxy.seen("PUT", "^ledger/.*/users/", 412), "they never met"
    held = await workers[0].read_shard(SHARD)
    assert set(held.record.users) == {user_id(number) for number in range(16)}
    assert held.record.outbox == ()
    lines = await journal(workers[0])
    assert sorted(line.subject.id for line in lines) == sorted(user_id(number) for number in range(16))


async def test_16_writers_in_one_process_take_turns_and_never_collide(
    ledger: Ledger, proxy: StorageProxy
) -> None:
    await asyncio.gather(
        *(ledger.commit_users(SHARD, [reading(number, UNCOVERED)], after(1)) for number in range(16))
    )
    assert not proxy.seen("PUT", "^ledger/", 412)
    assert len(await journal(ledger)) == 16
    assert len((await ledger.read_shard(SHARD)).record.users) == 16


async def test_two_workers_interleaved_at_one_shard_both_land(
    worker: Callable[[], Ledger], proxy: StorageProxy
) -> None:
    slow, fast = worker(), worker()
    await slow.manifest(one_user)
    await slow.commit_users(SHARD, [reading(9)], after(0))
    held = proxy.hold(Match("PUT", "^ledger/.*/users/"))
    late = asyncio.create_task(slow.commit_users(SHARD, [reading(1, UNCOVERED)], after(1)))
    await held.arrived()
    await fast.commit_users(SHARD, [reading(2, UNCOVERED), reading(1, CANNOT_WRITE_BACK, seen=2)], after(2))
    held.release()
    outcome = await late
    assert len(proxy.seen("PUT", "^ledger/.*/users/", 412)) == 1
    # The slow worker's look at user 1 was the older one by then.
    assert outcome.superseded == (user_id(1),)
    found = await fast.user_records([user_id(1), user_id(2)])
    assert [found[user_id(n)].verdict.state for n in (1, 2)] == ["writeback-uncovered", "uncovered"]
    assert len(await journal(fast)) == 2


async def test_who_waits_long_for_storage_does_not_take_what_others_read_meanwhile_for_dated_ahead(
    worker: Callable[[], Ledger], proxy: StorageProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, fast = worker(), worker()
    await slow.manifest(one_user)
    await slow.commit_users(SHARD, [reading(9)], after(0))
    held = proxy.hold(Match("PUT", "^ledger/.*/users/"))
    gone = [absence(3, seen=1)]
    late = asyncio.create_task(slow.commit_users(SHARD, [reading(1, UNCOVERED)], after(1), absences=gone))
    await held.arrived()
    seen = [reading(1, CANNOT_WRITE_BACK, seen=75), reading(3, seen=75)]
    await fast.commit_users(SHARD, seen, after(75))
    passed = time.monotonic
    monkeypatch.setattr(ledger_room, "time", SimpleNamespace(monotonic=lambda: passed() + 80))
    held.release()
    outcome = await late
    assert proxy.seen("PUT", "^ledger/.*/users/", 412)
    assert (outcome.superseded, outcome.gone) == ((user_id(1), user_id(3)), ())
    assert (outcome.undated, outcome.unburied) == ((), ())
    found = await fast.user_records([user_id(1), user_id(3)])
    assert found[user_id(1)].verdict.state == "writeback-uncovered"
    assert found[user_id(3)].gone_at is None


async def test_a_random_life_replayed_from_the_journal_is_the_ledger(worker: Callable[[], Ledger]) -> None:
    workers = [worker() for _ in range(3)]
    await workers[0].manifest(one_user)
    choices = [(), (UNCOVERED,), (CANNOT_WRITE_BACK,), (FAILED,), (UNCOVERED, FAILED)]
    for moment in range(20):
        await asyncio.gather(
            *(
                one.commit_users(
                    SHARD,
                    [
                        reading(
                            user, *choices[(moment * 7 + user * 3 + number) % 5], seen=moment * 3 + number
                        )
                        for user in range(4)
                    ],
                    after(moment),
                )
                for number, one in enumerate(workers)
            )
        )
    replayed = replay(await journal(workers[0]))
    assert {key: line.fingerprint for key, line in replayed.items()} == await open_in(workers[1])


async def test_a_user_of_another_shard_is_turned_away(worker: Callable[[], Ledger]) -> None:
    ledger = worker()

    async def many() -> int:
        return 8000

    manifest = await ledger.manifest(many)
    assert manifest.shards == 4
    right = shard_of(user_id(1), 4)
    wrong = next(name for name in (await ledger.books())[1:] if name != right)
    with pytest.raises(ValueError, match="1 of 1 users"):
        await ledger.commit_users(wrong, [reading(1)], after(1))
    assert (await ledger.read_shard(wrong)) == Held((await ledger.read_shard(wrong)).record, None)
    await ledger.commit_users(right, [reading(1)], after(1))
    assert list(await ledger.user_records([user_id(1)])) == [user_id(1)]


async def test_sums_run_over_all_shards(worker: Callable[[], Ledger]) -> None:
    ledger = worker()

    async def many() -> int:
        return 8000

    manifest = await ledger.manifest(many)
    for number in range(12):
        name = shard_of(user_id(number), manifest.shards)
        found = (UNCOVERED,) if number % 3 else ()
        await ledger.commit_users(name, [reading(number, *found)], after(1))
    totals = await ledger.totals()
    assert (totals.users, totals.states) == (12, {"covered": 4, "uncovered": 8})
    assert totals == totals_of([record async for record in ledger.records()])


# --- the tenant's record -----------------------------------------------------------------------------------


async def test_concurrent_changes_of_the_tenant_are_each_applied_to_the_others_result(
    worker: Callable[[], Ledger],
) -> None:
    workers = [worker() for _ in range(8)]
    await asyncio.gather(*(one.manifest(one_user) for one in workers))

    def longer(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
        ended = (record.baseline_ended_at or after(0)) + timedelta(seconds=1)
        return msgspec.structs.replace(record, baseline_ended_at=ended), ()

    await asyncio.gather(*(one.commit_tenant(longer, after(1)) for one in workers))
    assert (await workers[0].read_tenant()).record.baseline_ended_at == after(8)


async def test_the_tenants_transitions_have_a_journal_of_their_own(ledger: Ledger) -> None:
    [opened] = findings.advance(
        TENANT_ID, SubjectType.GROUP, "group-1", {}, {}, (NESTED,), after(5), "fixed", load_rules()
    ).transitions

    def change(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
        posting = Posting(
            subject_type=SubjectType.GROUP, subject_id="group-1", transition=opened, edition=EDITION
        )
        return msgspec.structs.replace(record), (posting,)

    record = await ledger.commit_tenant(change, after(5))
    assert (record.next_seq, record.outbox, record.written_at) == (2, (), after(5))
    [line] = await journal(ledger, "tenant")
    assert (line.subject.type, line.subject.id, line.id.split("/")[1:]) == (
        "group",
        "group-1",
        ["tenant", "1", "0"],
    )


async def test_a_change_that_changes_nothing_writes_nothing(ledger: Ledger, proxy: StorageProxy) -> None:
    await ledger.commit_tenant(lambda record: (record, ()), after(1))
    assert not proxy.seen("PUT", "^ledger/.*/tenant$")
    assert (await ledger.read_tenant()).etag is None


async def test_an_unchanged_record_is_asked_for_by_etag_and_not_sent_again(
    ledger: Ledger, proxy: StorageProxy
) -> None:
    await ledger.commit_tenant(lambda record: (msgspec.structs.replace(record, totals=None), ()), after(1))
    first = await ledger.read_tenant()
    assert await ledger.read_tenant() == first
    assert [one.status for one in proxy.seen("GET", "^ledger/.*/tenant$")] == [404, 304, 304]


async def test_a_record_that_another_worker_changed_is_seen_changed(worker: Callable[[], Ledger]) -> None:
    mine, theirs = worker(), worker()
    await mine.manifest(one_user)
    await mine.read_tenant()

    def end(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
        return msgspec.structs.replace(record, baseline_ended_at=after(7)), ()

    await theirs.commit_tenant(end, after(7))
    assert (await mine.read_tenant()).record.baseline_ended_at == after(7)


# --- manifest and locks ------------------------------------------------------------------------------------


async def test_of_several_that_begin_a_ledger_one_wins_and_all_agree(
    worker: Callable[[], Ledger], storage: Storage
) -> None:
    async def count() -> int:
        await asyncio.sleep(0.05)
        return 4001

    manifests = await asyncio.gather(*(worker().manifest(count) for _ in range(8)))
    assert len({one.epoch for one in manifests}) == 1
    assert manifests[0].shards == 4
    assert [one.name async for one in storage.ledger.names("")] == [f"{TENANT_ID}/manifest"]


async def test_a_ledger_is_begun_once_and_never_counted_again(worker: Callable[[], Ledger]) -> None:
    begun = await worker().manifest(one_user)

    async def never() -> int:
        raise AssertionError("counted again")

    assert await worker().manifest(never) == begun


async def test_without_a_ledger_there_is_nothing_to_read_and_nothing_to_drain(
    worker: Callable[[], Ledger],
) -> None:
    ledger = worker()
    assert await ledger.manifest() is None
    assert await ledger.drain() == ()
    with pytest.raises(LedgerMissing, match=TENANT_ID):
        await ledger.read_tenant()


async def test_a_lock_excludes_other_workers_even_before_there_is_a_ledger(
    worker: Callable[[], Ledger],
) -> None:
    mine, theirs = worker(), worker()
    async with mine.lock("facts", 15) as held, theirs.lock("facts", 15) as refused:
        assert held
        assert refused is None
    async with theirs.lock("facts", 15) as held:
        assert held


async def test_a_damaged_shard_is_named_and_not_overwritten(ledger: Ledger, storage: Storage) -> None:
    manifest = await ledger.manifest()
    assert manifest is not None
    path = f"{TENANT_ID}/{manifest.epoch}/users/{SHARD}"
    await storage.ledger.put(path, b'{"name": 7}')
    with pytest.raises(LedgerUnreadable, match=path):
        await ledger.commit_users(SHARD, [reading(1)], after(1))
    found = await storage.ledger.read(path)
    assert found is not None
    assert found.data == b'{"name": 7}'
