"""Two workers at one piece of work, one of them stopped by Graph or frozen on the way: nobody is lost.

A lease runs out while its holder is frozen, and a queue may deliver a message twice. So whoever goes on where
another has been must not take away what the other has put aside, nor store what is no longer whole.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.graph import users as graph_users
from shared.graph.errors import Throttled
from shared.graph.pages import RawRows
from shared.model import Moment
from shared.watch.hearing import subscriptions
from shared.watch.licensing import nested
from shared.watch.messages import REGISTRATION
from shared.watch.parts import Busy
from shared.watch.reach import registration, registration_pages
from shared.watch.users import sweep, sweep_phases
from tests.watch.scene import Scene, Worker, standing_rows, sweep_of
from tests.watch.test_watch_nested import Nest
from tests.watch.test_watch_registration_steps import begun, hurry

pytestmark = pytest.mark.real


class Lock:
    """A worker's lock that is always granted, and is lost when `lost` is set."""

    def __init__(self, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lost = False
        monkeypatch.setattr(worker.ledger, "lock", self._lock)

    def __bool__(self) -> bool:
        return not self.lost

    @contextlib.asynccontextmanager
    async def _lock(self, name: str, seconds: int) -> AsyncIterator["Lock"]:
        yield self


async def test_a_step_of_the_sweep_that_two_take_and_one_cannot_end_loses_nobody(
    scene: Scene, small_steps: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = await scene.ready()
    await subscriptions.keep(watch)
    assert await sweep.start_if_due(watch)
    [step] = watch.steps()
    monkeypatch.setattr(sweep_phases, "PAGES_A_STEP", 20)
    other = await scene.another().ready()
    pages, ended, asked = graph_users.user_pages, asyncio.Event(), 0

    async def throttled(graph: Any, link: str | None) -> RawRows:
        nonlocal asked
        if graph is other.graph:
            asked += 1
            if asked == 2:
                await ended.wait()
                raise Throttled(90.0)
        return await pages(graph, link)

    async def first() -> None:
        await sweep.take_step(watch, step)
        ended.set()

    monkeypatch.setattr(sweep_phases, "user_pages", throttled)
    await asyncio.gather(first(), sweep.take_step(other, step))
    assert asked == 2
    await scene.run_sweep()
    assert (await sweep_of(watch)).users == 60
    assert len(await watch.ledger.user_records(scene.world.users)) == 60


async def two_readers(scene: Scene) -> tuple[Worker, Worker]:
    """Two workers of a tenant after its baseline, whose report has three pages."""
    await scene.begin(report=True)
    await scene.control.set_rates(report_page_size=20, report_takes_top=False, throttling=False)
    await scene.empty_queues()
    workers = scene.watch, await scene.another().ready()
    for one in workers:
        hurry(one)
    return workers


@pytest.mark.parametrize("lost", [True, False], ids=["it knows", "it does not know yet"])
async def test_a_frozen_worker_does_not_take_rows_from_the_report_that_another_has_read(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, lost: bool
) -> None:
    watch, other = await two_readers(scene)
    ours, _ = Lock(watch, monkeypatch), Lock(other, monkeypatch)
    known = await standing_rows(watch)
    step = await begun(watch)
    page, read = registration_pages._page, 0

    async def frozen(worker: Worker, *rest: Any) -> registration_pages.Got:
        nonlocal read
        if worker is watch:
            read += 1
            if read == 2:
                await registration.take_step(other, step)
                ours.lost = lost
                raise Throttled(5.0)
        return await page(worker, *rest)

    monkeypatch.setattr(registration_pages, "_page", frozen)
    with pytest.raises(Busy) if lost else contextlib.nullcontext():
        await registration.take_step(watch, step)
    assert read == 2
    steps = [*watch.take_steps(REGISTRATION), *other.take_steps(REGISTRATION)]
    while steps:
        await registration.take_step(other, steps.pop())
        steps += other.take_steps(REGISTRATION)
    now = await standing_rows(other)
    assert now.keys() == known.keys()
    assert [row.registration is None for row in now.values()] == [
        row.registration is None for row in known.values()
    ]


async def test_a_frozen_worker_does_not_drop_what_a_later_reading_has_put_aside(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, other = await two_readers(scene)
    ours, _ = Lock(watch, monkeypatch), Lock(other, monkeypatch)
    known = await standing_rows(watch)
    step = await begun(watch)
    steps = [step]

    async def work_on() -> None:
        while steps:
            await registration.take_step(other, steps.pop())
            steps.extend(other.take_steps(REGISTRATION))

    async def frozen(worker: Worker, *rest: Any) -> Any:
        if worker is watch:
            await work_on()
            steps.append(await begun(other))
            await registration.take_step(other, steps.pop())
            steps.extend(other.take_steps(REGISTRATION))
            ours.lost = True
        return await registration_pages.read_on(worker, *rest)

    monkeypatch.setattr("shared.watch.reach.registration.read_on", frozen)
    with pytest.raises(Busy):
        await registration.take_step(watch, step)
    await work_on()
    rows = await standing_rows(other)
    assert {key for key, row in rows.items() if row.registration} == {
        key for key, row in known.items() if row.registration
    }


async def test_a_frozen_worker_does_not_undo_what_another_has_counted_of_nested_members(
    known: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    nest = await Nest(known).made()
    watch, other = known.watch, await known.another().ready()
    ours, _ = Lock(watch, monkeypatch), Lock(other, monkeypatch)
    take_in = nested._take_in

    async def overtaken(worker: Worker, *rest: Any) -> Any:
        if worker is watch:
            assert await nested.refresh(other)
            ours.lost = True
        return await take_in(worker, *rest)

    monkeypatch.setattr(nested, "_take_in", overtaken)
    assert not await nested.refresh(watch)
    assert ours.lost
    assert (await watch.facts()).groups[nest.group].nested_unlicensed == 2
    assert await nest.standing(nest.first) == (nest.group,)
    assert [line.transition for line in await watch.lines(nest.group)] == [Moment.OPENED]
