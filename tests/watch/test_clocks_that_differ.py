"""No change is lost because of clocks that differ by less than a minute, or one that is wrong by more."""

from datetime import datetime, timedelta

import msgspec
import pytest

from sandbox.graph import skus
from shared.model import State
from shared.watch.messages import GONE, HEARD, Changed, put_on_at
from shared.watch.parts import Watch
from shared.watch.reach import named_groups
from shared.watch.users.evaluation import evaluate_users
from tests.watch.scene import Scene, Worker
from tests.watch.test_clock_set_back import keep_named
from tests.watch.test_watch_named_groups import inside, listed, named, outer_and_inner

pytestmark = pytest.mark.real


async def read_by_a_clock_a_little_ahead(scene: Scene) -> str:
    """A user whose record is dated later than now."""
    user = scene.world.cast["synced_with_ems"]
    scene.clock.pass_by(seconds=40)
    await scene.look_at(user)
    scene.clock.pass_by(seconds=-40)
    scene.watch.changed()
    return user


async def test_a_change_read_while_the_record_is_dated_a_little_later_is_not_lost(known: Scene) -> None:
    user = await read_by_a_clock_a_little_ahead(known)
    await known.control.unassign(user, skus.EMS_E3)
    await known.look_at(user)
    assert (await known.watch.record(user)).verdict.state == State.COVERED, "which came first nobody knows"
    assert await known.work_off() == 1
    assert (await known.watch.record(user)).verdict.state == State.WRITEBACK_UNCOVERED


async def test_who_is_gone_is_buried_though_the_record_is_dated_a_little_later(known: Scene) -> None:
    user = await read_by_a_clock_a_little_ahead(known)
    await known.control.delete_user(user)
    await evaluate_users(known.watch, Changed(at=known.clock.now(), users=(user,), look=2, why=GONE))
    assert (await known.watch.record(user)).gone_at is None
    assert await known.work_off() == 1
    assert (await known.watch.record(user)).gone_at is not None


async def test_a_group_is_read_though_it_was_by_a_clock_a_little_ahead(known: Scene) -> None:
    group = next(one for one in (await known.watch.facts()).groups)
    known.clock.pass_by(seconds=40)
    await known.look_at_group(group)
    known.clock.pass_by(seconds=-40)
    calls = await known.calls("GET /groups/{id}")
    await known.look_at_group(group)
    assert await known.calls("GET /groups/{id}") == calls + 1


async def test_a_change_of_a_named_group_that_was_read_by_a_clock_a_little_ahead_is_not_lost(
    known: Scene,
) -> None:
    outer, inner = await outer_and_inner(known)
    one, soon = await named(known.watch, outer), known.clock.now() + timedelta(seconds=40)
    evidence = msgspec.structs.replace(one.evidence, tried_at=soon)
    await keep_named(known, outer, msgspec.structs.replace(one, begun_at=soon, evidence=evidence))
    person = min(inside(known, inner))
    await known.control.remove_members(inner, person)
    await known.look_at_group(inner, why=HEARD)
    known.clock.pass_by(minutes=15)
    assert await named_groups.refresh_if_due(known.watch)
    assert person not in (await listed(known.watch, outer) or ())


async def test_a_change_told_of_by_a_clock_that_was_behind_is_read_though_the_record_looks_younger(
    known: Scene,
) -> None:
    user = known.world.cast["synced_with_ems"]
    await known.look_at(user)
    await known.control.unassign(user, skus.EMS_E3)
    now = known.clock.now()
    message = Changed(at=now - timedelta(minutes=3), users=(user,))
    await evaluate_users(known.watch, put_on_at(message, now))
    assert (await known.watch.record(user)).verdict.state == State.WRITEBACK_UNCOVERED


class ByStorage(Worker):
    """A worker that goes by storage's clock, as the app does."""

    def now(self) -> datetime:
        return Watch.now(self)


@pytest.mark.parametrize("minutes", [4, -3])
async def test_a_worker_whose_machine_has_the_wrong_time_dates_what_it_reads_by_storage(
    known: Scene, minutes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = known.world.cast["synced_with_ems"]
    wrong = ByStorage(known.watch.settings, known.clock)
    monkeypatch.setattr(wrong._time, "own", lambda: known.clock.now() + timedelta(minutes=minutes))
    try:
        await wrong.ready()
        await evaluate_users(wrong, Changed(at=known.clock.now(), users=(user,), look=2))
    finally:
        await wrong.close()
    record = await known.watch.record(user)
    assert abs(known.clock.now() - record.observed_at) < timedelta(seconds=10)
    # By its own clock four minutes ahead it would seem read since, once these have passed.
    told = Changed(at=known.clock.now() + timedelta(seconds=10), users=(user,), look=2)
    await known.control.unassign(user, skus.EMS_E3)
    known.clock.pass_by(minutes=5)
    await evaluate_users(known.watch, told)
    assert (await known.watch.record(user)).verdict.state == State.WRITEBACK_UNCOVERED
