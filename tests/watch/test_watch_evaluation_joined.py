"""Messages worked on together leave the ledger and the queue as each by itself would have."""

from datetime import timedelta
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from sandbox.graph import skus
from sandbox.graph.faults import Fault
from sandbox.storage_proxy import Match
from shared.ledger import manifest as layout
from shared.ledger.books import BOOKS_KEPT
from shared.ledger.commits import CommitOutcome
from shared.ledger.records import UserRecord
from shared.ledger.shards import shard_of
from shared.model import State
from shared.watch.messages import DELTA, GONE, HEARD, Changed
from shared.watch.users.evaluation import Incomplete, evaluate_users
from tests.watch.conftest import Opener
from tests.watch.scene import LEDGER, Scene

pytestmark = pytest.mark.real


async def test_each_user_is_heard_of_at_the_time_of_its_own_notification(known: Scene) -> None:
    one, other = sorted(known.world.users)[:2]
    at = known.clock.now()
    messages = [Changed(at=at + timedelta(seconds=n), users=(user,)) for n, user in enumerate((one, other))]
    await evaluate_users(known.watch, *messages)
    assert (await known.watch.record(one)).heard_at == at
    assert (await known.watch.record(other)).heard_at == at + timedelta(seconds=1)


async def test_of_two_notifications_about_one_user_the_later_counts(known: Scene) -> None:
    [user] = sorted(known.world.users)[:1]
    at = known.clock.now()
    messages = [Changed(at=at + timedelta(seconds=n), users=(user,)) for n in (3, 0, 1)]
    calls = await known.calls("GET /users/{id}")
    await evaluate_users(known.watch, *messages)
    assert await known.calls("GET /users/{id}") == calls + 1
    assert (await known.watch.record(user)).heard_at == at + timedelta(seconds=3)
    [second] = known.watch.changed()
    assert second.users == (user,)


async def test_who_was_told_of_twice_waits_since_the_first_time_that_no_reading_answered(
    known: Scene,
) -> None:
    user = known.world.cast["synced_with_ems"]
    await known.look_at(user)
    read_at = (await known.watch.record(user)).observed_at
    known.clock.pass_by(minutes=5)
    await known.watch.ledger.tally(known.clock.now())
    known.watch.changed()
    await known.control.unassign(user, skus.EMS_E3)
    # The first of these was answered by that reading.
    ago = (timedelta(seconds=-1), timedelta(seconds=200), timedelta(seconds=290))
    await evaluate_users(known.watch, *(Changed(at=read_at + one, users=(user,)) for one in ago))
    assert (await known.watch.record(user)).heard_at == read_at + ago[-1]
    [second] = known.watch.changed()
    assert second.since == read_at + ago[1]
    tally = await known.watch.ledger.tally(known.clock.now())
    assert tally.heard == 1
    assert 100 <= tally.longest < 200


async def test_a_user_told_of_twice_and_put_off_comes_back_as_told_of_first_and_to_be_read_since_the_last(
    known: Scene,
) -> None:
    [user] = sorted(known.world.users)[:1]
    await known.control.fault(
        Fault(path=f"/users/{user}", where="item", status=429, retry_after="7", count=1)
    )
    at = known.clock.now()
    times = [at, at + timedelta(seconds=30)]
    await evaluate_users(known.watch, *(Changed(at=one, users=(user,)) for one in times))
    [back] = known.watch.changed()
    assert (back.at, back.since, back.look, back.why) == (times[1], times[0], 1, HEARD)
    await evaluate_users(known.watch, back)
    [second] = known.watch.changed()
    assert (second.since, second.look) == (times[0], 2)


async def test_second_looks_go_together_only_where_the_first_came_within_two_seconds(known: Scene) -> None:
    users = sorted(known.world.users)[:6]
    at = known.clock.now()
    ahead = (0.0, 1.0, 2.0, 2.5, 4.0, 60.0)
    messages = [
        Changed(at=at + timedelta(seconds=n), users=(user,)) for n, user in zip(ahead, users, strict=True)
    ]
    await evaluate_users(known.watch, *messages)
    seconds = sorted(known.watch.changed(), key=lambda one: one.since or at)
    assert [(sorted(one.users), one.since, one.look) for one in seconds] == [
        (users[:3], at, 2),
        (users[3:5], at + timedelta(seconds=2.5), 2),
        (users[5:], at + timedelta(seconds=60), 2),
    ]


async def test_a_throttled_user_comes_back_with_its_own_message_and_the_others_are_done(known: Scene) -> None:
    late, done = sorted(known.world.users)[:2]
    await known.control.fault(Fault(path=f"/users/{late}", where="item", status=429, retry_after="7"))
    at = known.clock.now()
    messages = [
        Changed(at=at, users=(late,), look=2, why=DELTA, since=at - timedelta(minutes=9)),
        Changed(at=at, users=(done,), look=2, why=DELTA, since=at - timedelta(minutes=4)),
    ]
    await evaluate_users(known.watch, *messages)
    assert known.watch.changed() == [messages[0]]
    assert (await known.watch.record(done)).observed_at > at


async def test_who_could_not_be_read_is_named_and_all_others_are_committed(known: Scene) -> None:
    unread, fine = known.world.cast["admin"], known.world.cast["synced_with_ems"]
    await known.control.unassign(fine, skus.EMS_E3)
    await known.control.fault(Fault(path=f"/users/{unread}", where="item", status=500))
    at = known.clock.now()
    with pytest.raises(Incomplete) as failed:
        await evaluate_users(known.watch, *(Changed(at=at, users=(user,), look=2) for user in (unread, fine)))
    assert failed.value.users == {unread}
    assert (await known.watch.record(fine)).verdict.state == "writeback-uncovered"


async def test_who_delta_says_is_gone_is_gone_where_messages_are_joined(known: Scene) -> None:
    users = sorted(known.world.users)[:2]
    for user in users:
        await known.control.delete_user(user)
    at = known.clock.now()
    await evaluate_users(known.watch, *(Changed(at=at, users=(user,), look=2, why=GONE) for user in users))
    assert [(await known.watch.record(user)).gone_at is not None for user in users] == [True, True]


async def test_messages_that_ask_for_different_looks_are_refused_together(known: Scene) -> None:
    [user] = sorted(known.world.users)[:1]
    at = known.clock.now()
    mixed = [Changed(at=at, users=(user,), look=look) for look in (1, 2)]
    with pytest.raises(ValueError, match="same look"):
        await evaluate_users(known.watch, *mixed)
    with pytest.raises(ValueError, match="same look"):
        await evaluate_users(known.watch, *(Changed(at=at, users=(user,), why=why) for why in (HEARD, DELTA)))


@pytest.fixture
async def spread(open_scene: Opener, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Sixty users, after their baseline, in more shards than a worker keeps decoded."""
    monkeypatch.setattr(layout, "shards_for", lambda users: 4 * BOOKS_KEPT)
    scene = await open_scene()
    await scene.begin()
    return scene


async def test_a_shard_is_written_once_for_all_messages_that_touch_it(spread: Scene) -> None:
    users = sorted(spread.world.users)[:40]
    touched = {shard_of(user, 4 * BOOKS_KEPT) for user in users}
    assert len(touched) > BOOKS_KEPT
    spread.proxy.passed.clear()
    at = spread.clock.now()
    await evaluate_users(spread.watch, *(Changed(at=at, users=(user,)) for user in users))
    assert len(spread.proxy.seen("PUT", LEDGER)) == len(touched)
    # Each shard once at a glance and once to write it, the tenant once.
    assert len(spread.proxy.seen("GET", LEDGER)) == 2 * len(touched) + 1


async def test_what_others_read_while_many_shards_are_written_is_not_taken_for_dated_ahead(
    spread: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = sorted(spread.world.users, key=lambda one: shard_of(one, 4 * BOOKS_KEPT))
    first, last = users[0], users[-1]
    commit = spread.watch.ledger.commit_users
    begun: list[str] = []

    async def overtaken(name: str, *args: Any, **rest: Any) -> CommitOutcome:
        if not begun:
            begun.append(name)
            await spread.look_at(last)
        return await commit(name, *args, **rest)

    monkeypatch.setattr(spread.watch.ledger, "commit_users", overtaken)
    spread.watch.changed()
    await evaluate_users(spread.watch, Changed(at=spread.clock.now(), users=(first, last), look=2))
    assert begun == [shard_of(first, 4 * BOOKS_KEPT)]
    assert spread.watch.changed() == []


async def test_another_look_is_asked_for_though_the_next_shard_can_not_be_written(spread: Scene) -> None:
    loser = spread.world.cast["synced_with_ems"]
    shard = shard_of(loser, 4 * BOOKS_KEPT)
    later = max(spread.world.users, key=lambda one: shard_of(one, 4 * BOOKS_KEPT))
    assert shard < shard_of(later, 4 * BOOKS_KEPT)
    spread.clock.pass_by(seconds=40)
    await spread.look_at(loser)
    spread.clock.pass_by(seconds=-40)
    await spread.control.unassign(loser, skus.EMS_E3)
    spread.watch.changed()
    path = f"{LEDGER.removesuffix('(users/|tenant$)')}users/{shard_of(later, 4 * BOOKS_KEPT)}"
    spread.proxy.answer(Match(method="PUT", path=path, nth=None), 403)
    message = Changed(at=spread.clock.now(), users=(loser, later), look=2)
    with pytest.raises(HttpResponseError):
        await evaluate_users(spread.watch, message)
    spread.proxy.forget_rules()
    # By the next try the record is not dated ahead any more.
    spread.clock.pass_by(seconds=50)
    await evaluate_users(spread.watch, message)
    await spread.work_off()
    assert (await spread.watch.record(loser)).verdict.state == State.WRITEBACK_UNCOVERED


async def test_what_a_crash_left_unpublished_is_published_though_only_glanced_at(spread: Scene) -> None:
    users = sorted(spread.world.users)
    loser = spread.world.cast["synced_with_ems"]
    await spread.control.unassign(loser, skus.EMS_E3)
    spread.proxy.answer(Match(method="PUT", path=r"^alerts/", nth=None), 403)
    with pytest.raises(HttpResponseError):
        await spread.look_at(loser)
    spread.proxy.forget_rules()
    assert await spread.watch.lines(loser) == []
    await spread.watch.ledger.user_records(users)
    assert [line.state for line in await spread.watch.lines(loser)] == ["writeback-uncovered"]


async def test_a_glance_finds_the_same_records_as_reading_all(spread: Scene) -> None:
    users = sorted(spread.world.users)
    glanced = await spread.watch.ledger.user_records([*users, "00000000-0000-4000-8000-000000000000"])
    one_by_one: dict[str, UserRecord] = {}
    for user in users:
        one_by_one |= await spread.watch.ledger.user_records([user])
    assert glanced == one_by_one
    assert len(glanced) == len(users)
