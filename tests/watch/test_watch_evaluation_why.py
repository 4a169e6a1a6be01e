"""Who asked for a look: it goes with the message, and with what the ledger learns from it (design §4.2)."""

from datetime import datetime, timedelta

import pytest

from sandbox.graph import skus
from sandbox.graph.faults import Fault
from shared.watch.messages import AGAIN, DELTA, ERRORS, FACTS, HEARD, STANDING, WHY, Changed
from shared.watch.tenant_facts import facts
from shared.watch.users.evaluation import evaluate_users
from tests.watch.conftest import Opener
from tests.watch.scene import Scene
from tests.watch.test_watch_hanging import synchronised

pytestmark = pytest.mark.real


def message(scene: Scene, user: str, why: str, look: int = 1, since: datetime | None = None) -> Changed:
    return Changed(at=scene.clock.now(), users=(user,), why=why, look=look, since=since)


@pytest.mark.parametrize("why", [one for one in WHY if one != HEARD])
async def test_a_second_look_is_for_whom_the_first_was(known: Scene, why: str) -> None:
    since = known.clock.now() - timedelta(minutes=15)
    await evaluate_users(known.watch, message(known, known.world.cast["admin"], why, since=since))
    [second] = known.watch.changed()
    assert (second.why, second.look, second.since) == (why, 2, since)
    await evaluate_users(known.watch, second)
    assert known.watch.changed() == []


async def test_a_throttled_user_comes_back_for_whom_it_was(known: Scene) -> None:
    user = known.world.cast["admin"]
    since = known.clock.now() - timedelta(minutes=15)
    await known.control.fault(Fault(path=f"/users/{user}", where="item", status=429, retry_after="7"))
    first = message(known, user, DELTA, since=since)
    await evaluate_users(known.watch, first)
    assert known.watch.changed() == [first]


async def test_only_a_notification_counts_as_heard(known: Scene) -> None:
    user = known.world.cast["admin"]
    for why in (DELTA, ERRORS, FACTS, STANDING, AGAIN):
        await evaluate_users(known.watch, message(known, user, why))
        assert (await known.watch.record(user)).heard_at is None
    heard = message(known, user, HEARD)
    await evaluate_users(known.watch, heard)
    assert (await known.watch.record(user)).heard_at == heard.at


async def test_the_second_look_after_a_notification_still_answers_it(known: Scene) -> None:
    user = known.world.cast["synced_with_ems"]
    heard = message(known, user, HEARD)
    await evaluate_users(known.watch, heard)
    [second] = known.watch.changed()
    known.clock.pass_by(minutes=5)
    await known.control.unassign(user, skus.EMS_E3)
    await evaluate_users(known.watch, second)
    assert (await known.watch.record(user)).heard_at == heard.at
    tally = await known.watch.ledger.tally(known.clock.now())
    assert (tally.heard, tally.missed) == (1, 0)
    assert 300 <= tally.longest < 330, "counted from the notification on"


async def test_who_was_read_after_a_notification_was_heard_of_all_the_same(known: Scene) -> None:
    user, other = known.world.cast["synced_with_ems"], known.world.cast["admin"]
    heard = message(known, user, HEARD)
    since = heard.at - timedelta(minutes=15)
    await known.control.unassign(user, skus.EMS_E3)
    await evaluate_users(known.watch, message(known, user, DELTA, look=2, since=since))
    assert (await known.watch.record(user)).missed is not None
    calls = await known.calls("GET /users/{id}")
    await evaluate_users(known.watch, heard)
    assert await known.calls("GET /users/{id}") == calls, "its record is younger"
    assert (await known.watch.record(user)).missed is None
    assert (await known.watch.record(other)).heard_at is None


async def test_a_change_that_delta_finds_without_a_notification_is_missed(known: Scene) -> None:
    user, same = known.world.cast["synced_with_ems"], known.world.cast["admin"]
    since = known.clock.now() - timedelta(minutes=15)
    await known.control.unassign(user, skus.EMS_E3)
    for one in (user, same):
        await evaluate_users(known.watch, message(known, one, DELTA, look=2, since=since))
    missed = (await known.watch.record(user)).missed
    assert missed is not None
    assert missed.since == since
    assert (await known.watch.record(same)).missed is None, "nothing of it changed"


async def test_a_notification_about_who_is_not_there_is_remembered(known: Scene) -> None:
    user = known.world.cast["admin"]
    await known.control.delete_user(user)
    heard = message(known, user, HEARD)
    await evaluate_users(known.watch, heard)
    assert (await known.watch.record(user)).heard_at == heard.at


async def test_a_cause_that_opens_no_finding_is_not_counted_for_every_message(
    open_scene: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = await open_scene(PASSWORD_WRITEBACK="unknown", FACTS_AT_MOST_EVERY="1m")
    for user in scene.world.users:
        scene.world.update_user(user, synced=False)
    await scene.begin()
    counts = 0

    async def opens_nothing(_: object) -> None:
        nonlocal counts
        counts += 1

    monkeypatch.setattr(facts, "count_again", opens_nothing)
    # A reading of the facts counts too.
    monkeypatch.setattr(facts, "refresh", facts.present)
    seen = []
    for minutes in (0, 0, 0, 2, 0):
        scene.clock.pass_by(minutes=minutes)
        await scene.look_at(await synchronised(scene))
        seen.append(counts)
    assert seen == [1, 1, 1, 2, 2]
