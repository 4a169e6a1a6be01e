"""Crashes and lost answers: whatever happens between two requests, each transition is in the journal once."""

import asyncio
from collections.abc import Callable

import pytest
from azure.core.exceptions import HttpResponseError

from sandbox.storage_proxy import Match, StorageProxy
from shared.ledger.ledger import Ledger
from shared.storage import Storage
from tests.ledger.readings import UNCOVERED, after, one_user, reading, user_id
from tests.ledger.test_ledger_storage import SHARD, journal

pytestmark = pytest.mark.real

LEDGER = "^ledger/.*/users/"
STEPS = {
    "ledger": Match("PUT", LEDGER, nth=1),
    "journal": Match("PUT", "^alerts/"),
    "queue": Match("POST", "^journal/messages"),
    "clear": Match("PUT", LEDGER, nth=2),
}


async def _die_at(proxy: StorageProxy, ledger: Ledger, step: str, *, after_it: bool) -> None:
    """Commit two users, and die at that step: before storage sees it, or before its answer is seen."""
    died = asyncio.Event()
    proxy.kill(STEPS[step], died.set, after=after_it)
    work = asyncio.create_task(
        ledger.commit_users(SHARD, [reading(1, UNCOVERED), reading(2, UNCOVERED)], after(1))
    )
    await died.wait()
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    proxy.forget_rules()


@pytest.mark.parametrize("after_it", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
async def test_after_a_crash_at_any_step_draining_completes_the_journal(
    worker: Callable[[], Ledger], proxy: StorageProxy, storage: Storage, step: str, after_it: bool
) -> None:
    crashed, restarted = worker(), worker()
    await crashed.manifest(one_user)
    await _die_at(proxy, crashed, step, after_it=after_it)

    stranded = (step, after_it) not in (("ledger", False), ("clear", True))
    assert await restarted.drain() == ((SHARD,) if stranded else ())
    # The queue delivers the message of the changed users again.
    again = [reading(1, UNCOVERED, seen=2), reading(2, UNCOVERED, seen=2)]
    await restarted.commit_users(SHARD, again, after(3))

    assert sorted(line.subject.id for line in await journal(restarted)) == [user_id(1), user_id(2)]
    assert {one.text for one in await storage.journal.receive()} == {SHARD}
    assert await restarted.drain() == ()


@pytest.mark.parametrize("step", ["ledger", "journal", "queue"])
async def test_whoever_reads_the_shard_after_a_crash_publishes_what_was_left(
    worker: Callable[[], Ledger], proxy: StorageProxy, storage: Storage, step: str
) -> None:
    crashed, reader = worker(), worker()
    await crashed.manifest(one_user)
    await _die_at(proxy, crashed, step, after_it=True)
    assert (await reader.read_shard(SHARD)).record.outbox == ()
    assert len(await journal(reader)) == 2
    assert await storage.journal.length() >= 1


async def test_a_later_commit_publishes_the_crashed_ones_transitions_before_its_own(
    worker: Callable[[], Ledger], proxy: StorageProxy
) -> None:
    crashed, other = worker(), worker()
    await crashed.manifest(one_user)
    await _die_at(proxy, crashed, "ledger", after_it=True)
    await other.commit_users(SHARD, [reading(3, UNCOVERED)], after(2))
    assert [line.subject.id for line in await journal(other)] == [user_id(1), user_id(2), user_id(3)]


async def test_the_journal_has_no_gap_even_while_it_is_being_published(
    worker: Callable[[], Ledger], proxy: StorageProxy
) -> None:
    workers = [worker() for _ in range(3)]
    await workers[0].manifest(one_user)
    await _die_at(proxy, workers[0], "ledger", after_it=True)
    # The next writer leaves a second entry behind, with only one journal blob written.
    died = asyncio.Event()
    proxy.kill(Match("PUT", "^alerts/", nth=2), died.set, after=False)
    work = asyncio.create_task(workers[1].commit_users(SHARD, [reading(3, UNCOVERED)], after(2)))
    await died.wait()
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    proxy.forget_rules()
    assert [line.seq for line in await journal(workers[2])] == [1, 1]
    await workers[2].drain()
    assert [line.seq for line in await journal(workers[2])] == [1, 1, 2]


async def test_draining_reads_only_books_that_have_something_to_publish(
    worker: Callable[[], Ledger], proxy: StorageProxy
) -> None:
    crashed, restarted = worker(), worker()
    await crashed.manifest(one_user)
    await crashed.commit_tenant(lambda record: (record, ()), after(0))
    await _die_at(proxy, crashed, "journal", after_it=False)
    before = len(proxy.passed)
    assert await restarted.drain() == (SHARD,)
    read = [one.target for one in proxy.passed[before:] if one.method == "GET" and "/users/" in one.target]
    assert len(read) == 1
    before = len(proxy.passed)
    assert await restarted.drain() == ()
    assert [one.method for one in proxy.passed[before:]] == ["GET"], "one listing and nothing else"


async def test_several_who_drain_at_once_publish_once(
    worker: Callable[[], Ledger], proxy: StorageProxy
) -> None:
    crashed = worker()
    await crashed.manifest(one_user)
    await _die_at(proxy, crashed, "ledger", after_it=True)
    workers = [worker() for _ in range(5)]
    await asyncio.gather(*(one.drain() for one in workers))
    assert len(await journal(workers[0])) == 2
    assert (await workers[0].read_shard(SHARD)).record.outbox == ()


@pytest.mark.parametrize("first_commit", [True, False], ids=["created", "replaced"])
async def test_a_commit_whose_answer_was_lost_is_recognised_and_not_made_twice(
    ledger: Ledger, proxy: StorageProxy, first_commit: bool
) -> None:
    if not first_commit:
        await ledger.commit_users(SHARD, [reading(9)], after(0))
    proxy.drop_answer(Match("PUT", LEDGER))
    outcome = await ledger.commit_users(SHARD, [reading(1, UNCOVERED)], after(1))
    assert proxy.seen("PUT", LEDGER, 409 if first_commit else 412), "the client did not try again"
    assert (outcome.committed, len(outcome.transitions)) == ((user_id(1),), 1)
    held = await ledger.read_shard(SHARD)
    assert len(held.record.commits) == (1 if first_commit else 2)
    assert len(await journal(ledger)) == 1


@pytest.mark.parametrize("step", ["journal", "clear"])
async def test_a_lost_answer_while_publishing_is_harmless(
    ledger: Ledger, proxy: StorageProxy, step: str
) -> None:
    rule = proxy.drop_answer(STEPS[step])
    await ledger.commit_users(SHARD, [reading(1, UNCOVERED)], after(1))
    assert rule.hits == 1
    assert len(await journal(ledger)) == 1
    assert (await ledger.read_shard(SHARD)).record.outbox == ()


async def test_a_lost_answer_is_recognised_even_where_others_committed_meanwhile(
    worker: Callable[[], Ledger], proxy: StorageProxy
) -> None:
    unlucky, other = worker(), worker()
    await unlucky.manifest(one_user)
    rule = proxy.drop_answer(Match("PUT", LEDGER))
    work = asyncio.create_task(unlucky.commit_users(SHARD, [reading(1, UNCOVERED)], after(1)))
    await rule.acted.wait()
    await other.commit_users(SHARD, [reading(2, UNCOVERED)], after(2))
    outcome = await work
    assert outcome.committed == (user_id(1),)
    assert sorted(line.subject.id for line in await journal(other)) == [user_id(1), user_id(2)]


async def test_where_the_queue_refuses_the_error_is_raised_and_a_redelivery_completes(
    worker: Callable[[], Ledger], proxy: StorageProxy, storage: Storage
) -> None:
    failing, later = worker(), worker()
    await failing.manifest(one_user)
    proxy.answer(Match("POST", "^journal/messages", nth=None), 403)
    with pytest.raises(HttpResponseError):
        await failing.commit_users(SHARD, [reading(1, UNCOVERED)], after(1))
    proxy.forget_rules()
    await later.commit_users(SHARD, [reading(1, UNCOVERED, seen=5)], after(6))
    assert len(await journal(later)) == 1
    assert await storage.journal.length() == 1
    assert await later.drain() == ()
