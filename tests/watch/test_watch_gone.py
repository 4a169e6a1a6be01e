"""Who is gone and who is not: created, deleted, restored at whatever moment (design §4.6, "Gone")."""

import asyncio
from datetime import timedelta

import pytest

from sandbox.graph import skus
from sandbox.graph.faults import Fault
from sandbox.storage_proxy import Match
from shared.graph import users as graph_users
from shared.watch.messages import (
    AGAIN,
    DELTA,
    ERRORS,
    FACTS,
    GONE,
    HEARD,
    STANDING,
    SWEEP,
    Changed,
    write_step,
)
from shared.watch.users import delta, sweep, sweep_phases
from shared.watch.users.evaluation import evaluate_users
from tests.watch.scene import Scene, Worker
from tests.watch.test_watch_evaluation import new_generation

pytestmark = pytest.mark.real


async def look(scene: Scene, user: str, why: str, look: int = 1) -> None:
    """A message about this user from now, and what follows from it."""
    scene.watch.changed_users.sent = []
    await evaluate_users(scene.watch, Changed(at=scene.clock.now(), users=(user,), why=why, look=look))
    await scene.work_off()


async def uncovered(scene: Scene) -> str:
    """A user with an open finding."""
    user = scene.world.cast["synced_with_ems"]
    await scene.control.unassign(user, skus.EMS_E3)
    await scene.look_at(user)
    assert list((await scene.watch.record(user)).open) == ["coverage"]
    return user


async def told(watch: Worker, user: str) -> list[tuple[str, str, int]]:
    """The journal of a user: transition, cause, and how often the finding came back."""
    return [
        (str(line.transition), line.cause if line.transition == "resolved" else "", line.reopened)
        for line in await watch.lines(user)
    ]


# --- who says so -------------------------------------------------------------------------------------------


async def test_who_is_removed_and_not_there_is_gone_and_its_findings_with_it(known: Scene) -> None:
    user = await uncovered(known)
    await known.control.delete_user(user)
    await look(known, user, GONE)
    record = await known.watch.record(user)
    assert record.gone_at is not None
    assert (record.verdict.reach, dict(record.open)) == ("deleted", {})
    [opened, resolved] = await known.watch.lines(user)
    assert (resolved.transition, resolved.cause, resolved.finding) == ("resolved", "deleted", opened.finding)
    assert resolved.evidence["observedAt"]


@pytest.mark.parametrize("why", [HEARD, DELTA, ERRORS, FACTS, STANDING, AGAIN])
async def test_nobody_else_can_say_that_a_user_is_gone(known: Scene, why: str) -> None:
    user = await uncovered(known)
    await known.control.delete_user(user)
    await look(known, user, why)
    record = await known.watch.record(user)
    assert (record.gone_at, list(record.open)) == (None, ["coverage"])


async def test_who_is_said_to_be_gone_and_is_there_is_judged_as_usual(known: Scene) -> None:
    user = known.world.cast["synced_with_ems"]
    await known.control.unassign(user, skus.EMS_E3)
    await look(known, user, GONE)
    record = await known.watch.record(user)
    assert (record.gone_at, record.verdict.state) == (None, "writeback-uncovered")


async def test_who_was_seen_after_the_word_is_asked_for_all_the_same(known: Scene) -> None:
    """Delta says it once, and the later look may have been served by a replica that lagged."""
    user = known.world.cast["admin"]
    at = known.clock.now()
    await known.look_at(user)
    await known.control.delete_user(user)
    assert (await known.watch.record(user)).observed_at > at
    await evaluate_users(known.watch, Changed(at=at, users=(user,), why=GONE))
    assert (await known.watch.record(user)).gone_at is not None
    calls = await known.calls("GET /users/{id}")
    await evaluate_users(known.watch, Changed(at=at, users=(user,), why=GONE))
    assert await known.calls("GET /users/{id}") == calls, "once it is known it is not asked again"


async def test_the_second_look_at_who_is_gone_is_one_of_the_same_kind(known: Scene) -> None:
    user = known.world.cast["admin"]
    since = known.clock.now() - timedelta(minutes=15)
    await known.control.delete_user(user)
    message = Changed(at=known.clock.now(), users=(user,), why=GONE, since=since)
    await evaluate_users(known.watch, message)
    [second] = known.watch.changed()
    assert (second.users, second.why, second.look, second.since) == ((user,), GONE, 2, since)


async def test_a_deletion_that_a_lagging_replica_hides_is_found_by_the_second_look(known: Scene) -> None:
    user = known.world.cast["admin"]
    message = Changed(at=known.clock.now(), users=(user,), why=GONE)
    await evaluate_users(known.watch, message)
    assert (await known.watch.record(user)).gone_at is None
    await known.control.delete_user(user)
    await known.work_off()
    assert (await known.watch.record(user)).gone_at is not None


@pytest.mark.parametrize("status", [403, 429, 500, 503])
async def test_only_a_404_is_the_end_of_a_user(known: Scene, status: int) -> None:
    user = await uncovered(known)
    fault = Fault(path=f"/users/{user}", where="item", status=status, retry_after="1")
    await known.control.fault(fault)
    with_error = evaluate_users(known.watch, Changed(at=known.clock.now(), users=(user,), why=GONE))
    await asyncio.gather(with_error, return_exceptions=True)
    assert (await known.watch.record(user)).gone_at is None
    back = [one for one in known.watch.changed() if one.look == 1]
    assert [one.why for one in back] == ([GONE] if status == 429 else [])


# --- delta -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("permanently", [False, True])
async def test_a_deletion_that_nobody_told_is_found_by_delta(known: Scene, permanently: bool) -> None:
    user = await uncovered(known)
    await known.control.delete_user(user, permanently=permanently)
    known.clock.pass_by(minutes=16)
    known.watch.changed()
    assert await delta.run_if_due(known.watch)
    await known.work_off()
    assert (await known.watch.record(user)).gone_at is not None
    assert await told(known.watch, user) == [("opened", "", 0), ("resolved", "deleted", 0)]


async def test_a_restored_user_continues_its_findings(known: Scene) -> None:
    user = await uncovered(known)
    [opened] = await known.watch.lines(user)
    await known.control.delete_user(user)
    await look(known, user, GONE)
    known.clock.pass_by(days=20)
    await known.control.restore_user(user)
    await look(known, user, HEARD)
    record = await known.watch.record(user)
    assert (record.gone_at, list(record.open)) == (None, ["coverage"])
    assert record.open["coverage"].id == opened.finding
    assert await told(known.watch, user) == [("opened", "", 0), ("resolved", "deleted", 0), ("opened", "", 1)]


async def test_deleted_and_restored_between_two_rounds_is_there(known: Scene) -> None:
    user = known.world.cast["admin"]
    await known.control.delete_user(user)
    await known.control.restore_user(user)
    known.clock.pass_by(minutes=16)
    assert await delta.run_if_due(known.watch)
    await known.work_off()
    assert (await known.watch.record(user)).gone_at is None


async def test_an_old_row_that_is_sent_again_buries_nobody(known: Scene) -> None:
    user = known.world.cast["admin"]
    await known.control.set_rates(delta_replay_rate=1.0)
    await known.control.delete_user(user)
    for _ in range(2):
        known.clock.pass_by(minutes=16)
        assert await delta.run_if_due(known.watch)
        await known.work_off()
    assert (await known.watch.record(user)).gone_at is not None
    await known.control.restore_user(user)
    for _ in range(3):
        known.clock.pass_by(minutes=16)
        assert await delta.run_if_due(known.watch)
        await known.work_off()
    assert (await known.watch.record(user)).gone_at is None


# --- a reading of all users --------------------------------------------------------------------------------


async def read_all(scene: Scene) -> None:
    """Read everybody again, and do what follows."""
    await sweep.start_again(scene.watch, "tests")
    await scene.run_sweep()
    await scene.work_off()


async def halfway(scene: Scene) -> None:
    """Another reading of all users whose pages were all put aside and none judged."""
    await sweep.start_again(scene.watch, "tests")
    while True:
        [step] = scene.watch.steps()
        record = (await scene.watch.tenant()).sweep
        assert record is not None
        if record.phase == "judging":
            scene.watch.sweeps.sent = [(write_step(SWEEP, step.id, step.step), 0.0)]
            return
        await sweep.take_step(scene.watch, step)


async def test_who_is_not_seen_is_asked_for_and_is_gone(known: Scene) -> None:
    user = await uncovered(known)
    await known.control.delete_user(user, permanently=True)
    known.watch.changed()
    await sweep.start_again(known.watch, "tests")
    await known.run_sweep()
    [asked] = known.watch.changed_users.sent
    record = (await known.watch.tenant()).sweep
    assert record is not None
    assert record.unseen == 1
    assert (await known.watch.record(user)).gone_at is None, "not seen is not enough"
    await known.work_off()
    assert (await known.watch.record(user)).gone_at is not None
    assert f'"{user}"' in asked[0]
    await read_all(known)
    record = (await known.watch.tenant()).sweep
    assert record is not None
    assert record.unseen == 0, "who is gone is not asked for again"


async def test_who_is_not_seen_but_there_stays(known: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = await uncovered(known)

    def without(rows: bytes) -> object:
        users, odd = graph_users.users_of(rows)
        return [one for one in users if one.id != hidden], odd

    monkeypatch.setattr(sweep_phases, "users_of", without)
    await read_all(known)
    record = await known.watch.record(hidden)
    assert (record.gone_at, list(record.open)) == (None, ["coverage"])


async def test_a_user_created_during_the_reading_is_not_asked_for(known: Scene, small_steps: None) -> None:
    await halfway(known)
    user = await known.control.add_user("Late", synced=True)
    await known.look_at(user)
    before = await known.watch.record(user)
    await known.run_sweep()
    assert [one for one in known.watch.changed() if user in one.users] == []
    assert await known.watch.record(user) == before


async def test_a_user_refused_by_the_guard_counts_as_seen(known: Scene, small_steps: None) -> None:
    await halfway(known)
    user = known.world.cast["synced_with_ems"]
    await known.control.unassign(user, skus.EMS_E3)
    await known.look_at(user)
    later = await known.watch.record(user)
    await known.run_sweep()
    assert await known.watch.record(user) == later, "what was put aside is older than this"
    assert [one for one in known.watch.changed() if user in one.users] == []


async def test_a_user_judged_by_newer_facts_during_the_reading_is_looked_at_once_more(
    known: Scene, small_steps: None
) -> None:
    user = known.world.cast["admin"]
    await halfway(known)
    await known.look_at(user)
    await new_generation(known.watch)
    await known.run_sweep()
    again = [one for one in known.watch.changed() if user in one.users]
    assert [(one.why, one.look) for one in again] == [(AGAIN, 2)]


async def test_a_user_deleted_after_its_page_was_read_does_not_rise_from_the_dead(
    known: Scene, small_steps: None
) -> None:
    user = await uncovered(known)
    stranger = await known.control.add_user("Short", synced=True)
    await halfway(known)
    for one in (user, stranger):
        await known.control.delete_user(one)
        await look(known, one, GONE)
    assert await known.run_sweep() == 1
    for one in (user, stranger):
        assert (await known.watch.record(one)).gone_at is not None
    assert [one for one, _, _ in await told(known.watch, user)] == ["opened", "resolved"]
    assert await told(known.watch, stranger) == []


async def test_a_user_deleted_while_it_is_being_judged_does_not_rise_from_the_dead(known: Scene) -> None:
    user = await uncovered(known)
    slow, quick = known.watch, await known.another().ready()
    await known.control.assign(user, skus.EMS_E3)
    held = known.proxy.hold(Match("PUT", r"^ledger/.*/users/", nth=1))
    message = Changed(at=known.clock.now(), users=(user,), look=2)
    judging = asyncio.create_task(evaluate_users(slow, message))
    await held.arrived()
    await known.control.delete_user(user)
    await evaluate_users(quick, Changed(at=known.clock.now(), users=(user,), why=GONE, look=2))
    assert (await quick.record(user)).gone_at is not None
    held.release()
    await judging
    assert (await slow.record(user)).gone_at is not None
    assert [one for one, _, _ in await told(slow, user)] == ["opened", "resolved"]


async def test_a_restored_user_is_found_by_the_next_reading_whatever_was_missed(known: Scene) -> None:
    user = await uncovered(known)
    await known.control.delete_user(user)
    await look(known, user, GONE)
    await known.control.restore_user(user)
    await read_all(known)
    record = await known.watch.record(user)
    assert (record.gone_at, list(record.open)) == (None, ["coverage"])


async def test_the_gone_are_in_no_sum(known: Scene) -> None:
    user = await uncovered(known)
    await known.control.delete_user(user)
    await look(known, user, GONE)
    await read_all(known)
    totals = (await known.watch.tenant()).totals
    assert totals is not None
    assert totals.users == 59
