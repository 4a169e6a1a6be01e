"""Keeping house by the clock: the trend goes on, what is old goes, and a watch that can't do it says so."""

from datetime import timedelta
from typing import NoReturn

import pytest

from shared.archive import retention, snapshots
from shared.archive.snapshots import Stored
from shared.ledger.manifest import trail_path
from shared.report.trend import read_trend
from shared.watch import housekeeping
from shared.watch.tenant_facts import facts
from shared.watch.users import sweep
from shared.watch.wellbeing import self_watch
from tests.watch.scene import Scene, Worker

pytestmark = pytest.mark.real


async def stored(watch: Worker) -> list[Stored]:
    return await snapshots.stored(watch.storage.evidence, watch.settings.tenant_id)


async def evidence(watch: Worker, below: str) -> list[str]:
    prefix = f"{watch.settings.tenant_id}/{below}/"
    return [one.name async for one in watch.storage.evidence.names(prefix)]


async def read_everybody(scene: Scene) -> None:
    assert await sweep.start_if_due(scene.watch)
    await scene.run_sweep()
    await scene.empty_queues()


async def test_each_complete_reading_makes_a_point_of_the_trend(known: Scene) -> None:
    watch = known.watch
    tenant = watch.settings.tenant_id
    [first] = await read_trend(watch.storage.evidence, tenant)
    totals = (await watch.tenant()).totals
    assert totals is not None
    assert (first.users, first.in_reach) == (60, totals.in_reach)
    assert sum(first.states.values()) == 60
    known.clock.pass_by(days=8)
    known.world.add_user("Ada Lovelace")
    await facts.refresh(watch)
    await read_everybody(known)
    points = await read_trend(watch.storage.evidence, tenant)
    assert [one.users for one in points] == [60, 61]
    assert points[1].day - first.day == timedelta(days=8)


async def test_between_readings_the_days_go_on_from_the_ledger(known: Scene) -> None:
    watch = known.watch
    tenant = watch.settings.tenant_id
    for _ in range(3):
        known.clock.pass_by(days=1)
        await facts.refresh(watch)
        await housekeeping.keep_house(watch)
        await housekeeping.keep_house(watch)
    points = await read_trend(watch.storage.evidence, tenant)
    assert len(points) == 4
    # Nothing is counted, nothing is said of the day.
    known.clock.pass_by(days=1)
    await housekeeping.keep_house(watch)
    assert await read_trend(watch.storage.evidence, tenant) == points


async def test_before_the_first_reading_has_ended_there_is_no_trend(scene: Scene) -> None:
    watch = await scene.ready()
    await housekeeping.keep_house(watch)
    assert await read_trend(watch.storage.evidence, watch.settings.tenant_id) == ()


async def test_snapshots_and_trail_go_when_they_are_old_and_the_newest_snapshot_stays(known: Scene) -> None:
    watch = await known.restarted(SNAPSHOT_KEEP_DAYS="30", TRAIL_KEEP_DAYS="10")
    tenant = watch.settings.tenant_id
    for ago in (12, 11, 9):
        await watch.storage.evidence.put(trail_path(tenant, watch.now() - timedelta(days=ago)), b"{}")
    await housekeeping.keep_house(watch)
    assert len(await evidence(watch, "told")) == 1
    known.clock.pass_by(days=20)
    await facts.refresh(watch)
    await read_everybody(known)
    assert len(await stored(watch)) == 2
    known.clock.pass_by(days=20)
    await housekeeping.keep_house(watch)
    [left] = await stored(watch)
    assert len(await evidence(watch, "snapshots")) == 2
    assert await evidence(watch, "told") == []
    known.clock.pass_by(days=400)
    await housekeeping.keep_house(watch)
    assert await stored(watch) == [left]
    known.clock.pass_by(days=1)
    other = await known.restarted(SNAPSHOTS="off")
    await housekeeping.keep_house(other)
    assert await stored(other) == []


async def test_it_tidies_up_once_a_day_and_goes_on_at_once_while_more_is_left(
    known: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "AT_ONCE", 4)
    watch, tenant = known.watch, known.watch.settings.tenant_id

    async def told(count: int) -> None:
        for n in range(count):
            at = watch.now() - timedelta(days=500, seconds=n)
            await watch.storage.evidence.put(trail_path(tenant, at), b"{}")

    await told(9)
    counts = []
    for _ in range(4):
        await housekeeping.keep_house(watch)
        counts.append(len(await evidence(watch, "told")))
    assert counts == [5, 1, 0, 0]
    await told(1)
    known.clock.pass_by(hours=12)
    await housekeeping.keep_house(watch)
    assert len(await evidence(watch, "told")) == 1
    known.clock.pass_by(hours=12)
    await housekeeping.keep_house(watch)
    assert await evidence(watch, "told") == []


async def test_a_watch_whose_housekeeping_fails_for_days_is_unwell_until_it_works_again(
    known: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = known.watch
    await housekeeping.keep_house(watch)

    async def refused(*given: object, **named: object) -> NoReturn:
        raise PermissionError("an immutability policy")

    monkeypatch.setattr(retention, "old_snapshots", refused)
    for _ in range(4):
        known.clock.pass_by(days=1)
        await facts.refresh(watch)
        with pytest.raises(PermissionError):
            await housekeeping.keep_house(watch)
        # One that can't be done does not hinder the other.
        [*_, last] = await read_trend(watch.storage.evidence, watch.settings.tenant_id)
        assert last.day == watch.now().date()
        known.clock.pass_by(minutes=10)
        await self_watch.look_if_due(watch)
    assert (await watch.tenant()).unwell["housekeeping-overdue"]
    monkeypatch.undo()
    await housekeeping.keep_house(watch)
    known.clock.pass_by(minutes=10)
    await self_watch.look_if_due(watch)
    assert "housekeeping-overdue" not in (await watch.tenant()).unwell
