"""The reading of all users: one step after the other, whatever happens in between (design §4.6)."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from sandbox.graph import skus
from sandbox.graph.faults import Fault
from sandbox.graph.operations import SetSku
from shared.graph import users as graph_users
from shared.graph.users import Page
from shared.watch import facts, registration, subscriptions, sweep
from shared.watch.evaluation import evaluate_users
from shared.watch.messages import SweepStep
from shared.watch.parts import Watch
from tests.watch.scene import Scene, Worker

pytestmark = pytest.mark.real


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """One page of twenty users a step: a tenant of sixty takes three, and more with empty pages."""
    monkeypatch.setattr(sweep, "PAGES_A_STEP", 1)
    monkeypatch.setattr(graph_users, "PAGE", 20)


async def started(scene: Scene) -> tuple[Worker, SweepStep]:
    """A sweep that was started; its first step."""
    watch = await scene.ready()
    await subscriptions.keep(watch)
    assert await sweep.start_if_due(watch)
    [step] = watch.steps()
    return watch, step


JOBS: dict[str, Callable[[Watch], Awaitable[object]]] = {
    "facts": facts.refresh,
    "registration": registration.refresh,
    "subscriptions": subscriptions.keep,
}


@pytest.mark.parametrize(
    "order", [("facts", "registration", "subscriptions"), ("subscriptions", "facts", "registration")]
)
async def test_the_first_reading_waits_for_facts_registration_and_subscriptions(
    scene: Scene, order: tuple[str, ...]
) -> None:
    watch = await scene.watch.ready()
    for job in map(JOBS.__getitem__, order):
        assert not await sweep.start_if_due(watch)
        assert (await watch.tenant()).sweep is None
        await job(watch)
    assert await sweep.start_if_due(watch)
    assert not await sweep.start_if_due(watch)
    assert len(watch.steps()) == 1


async def test_one_step_ends_the_baseline_of_a_small_tenant(scene: Scene) -> None:
    watch, step = await started(scene)
    assert (await watch.tenant()).baseline_ended_at is None
    await sweep.take_step(watch, step)
    record = await watch.tenant()
    assert record.sweep is not None
    assert record.sweep.ended_at == record.baseline_ended_at is not None
    assert (record.sweep.users, record.sweep.pages, record.sweep.step) == (60, 1, 2)
    assert record.totals is not None
    assert (record.totals.users, sum(record.totals.states.values())) == (60, 60)
    assert watch.steps() == []
    await sweep.take_step(watch, step)
    assert watch.steps() == [], "what has ended asks for no more steps"
    opened = [line for user in scene.world.users for line in await watch.lines(user)]
    assert opened
    assert all(line.baseline for line in opened)


async def test_several_steps_read_everybody_once(scene: Scene, small_steps: None) -> None:
    await scene.control.set_rates(empty_page_rate=0.3)
    watch, step = await started(scene)
    await sweep.take_step(watch, step)
    record = await watch.tenant()
    assert record.sweep is not None
    assert record.baseline_ended_at is None
    assert record.sweep.link
    taken = await scene.run_sweep()
    assert taken >= 2
    record = await watch.tenant()
    assert record.sweep is not None
    assert (record.sweep.users, record.sweep.step) == (60, taken + 2)
    assert record.baseline_ended_at
    assert len(await watch.ledger.user_records(scene.world.users)) == 60


async def test_a_message_out_of_sequence_is_dropped(scene: Scene, small_steps: None) -> None:
    watch, step = await started(scene)
    before, calls = await watch.tenant(), await scene.calls("GET /users")
    for wrong in (
        SweepStep(sweep=step.sweep, step=step.step + 1),
        SweepStep(sweep=step.sweep, step=step.step + 7),
        SweepStep(sweep="of-another-time", step=step.step),
    ):
        await sweep.take_step(watch, wrong)
    assert await watch.tenant() == before
    assert await scene.calls("GET /users") == calls
    assert watch.steps() == []


async def test_a_step_delivered_again_only_asks_for_the_next(scene: Scene, small_steps: None) -> None:
    watch, step = await started(scene)
    await sweep.take_step(watch, step)
    [following] = watch.steps()
    calls = await scene.calls("GET /users")
    await sweep.take_step(watch, step)
    assert watch.steps() == [following]
    assert await scene.calls("GET /users") == calls
    await sweep.take_step(watch, following)
    [third] = watch.steps()
    await sweep.take_step(watch, step)
    assert (third.step, watch.steps()) == (3, [])


async def test_a_step_that_two_workers_take_is_followed_by_one(scene: Scene, small_steps: None) -> None:
    watch, step = await started(scene)
    other = await scene.another().ready()
    await scene.control.fault(Fault(path="/users", kind="delay", seconds=0.3, count=2))
    await asyncio.gather(sweep.take_step(watch, step), sweep.take_step(other, step))
    assert [one.step for one in (*watch.steps(), *other.steps())] == [2]
    record = await watch.tenant()
    assert record.sweep is not None
    assert (record.sweep.users, record.sweep.step) == (20, 2)


async def test_a_sweep_that_stands_still_is_woken(scene: Scene, small_steps: None) -> None:
    watch, step = await started(scene)
    await sweep.take_step(watch, step)
    [following] = watch.steps()
    scene.clock.pass_by(minutes=9)
    assert not await sweep.start_if_due(watch)
    scene.clock.pass_by(minutes=2)
    assert await sweep.start_if_due(watch)
    assert watch.steps() == [following]
    await sweep.take_step(watch, following)
    await scene.run_sweep()
    scene.clock.pass_by(minutes=20)
    assert not await sweep.start_if_due(watch)
    assert (await watch.tenant()).baseline_ended_at


async def test_a_page_that_graph_has_forgotten_starts_the_reading_again(
    scene: Scene, small_steps: None
) -> None:
    watch, step = await started(scene)
    await sweep.take_step(watch, step)
    [following] = watch.steps()
    scene.clock.pass_by(hours=2)
    await sweep.take_step(watch, following)
    [again] = watch.steps()
    assert (again.sweep != step.sweep, again.step) == (True, 1)
    await sweep.take_step(watch, following)
    assert watch.steps() == []
    await sweep.take_step(watch, again)
    await scene.run_sweep()
    record = await watch.tenant()
    assert record.sweep is not None
    assert (record.sweep.id, record.sweep.users) == (again.sweep, 60)


async def test_a_row_that_cannot_be_read_is_read_by_itself_and_one_without_id_harms_nobody(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, step = await started(scene)
    odd = scene.world.cast["synced_with_ems"]
    original = graph_users.user_pages

    async def with_odd_rows(*given: object) -> Page:
        page = await original(*given)  # type: ignore[arg-type]  # passed on as they came
        return Page(
            users=[user for user in page.users if user.id != odd],
            next_link=page.next_link,
            observed_at=page.observed_at,
            unreadable=("", odd.upper(), "not a guid"),
        )

    monkeypatch.setattr(sweep, "user_pages", with_odd_rows)
    await sweep.take_step(watch, step)
    assert odd not in await watch.ledger.user_records([odd])
    [alone] = watch.changed()
    assert alone.users == (odd,)
    await evaluate_users(watch, alone)
    assert odd in await watch.ledger.user_records([odd])


async def test_everybody_is_read_again_only_after_the_first_reading_began(scene: Scene) -> None:
    watch = await scene.ready()
    await sweep.start_again(watch)
    assert (await watch.tenant()).sweep is None
    assert watch.steps() == []
    await subscriptions.keep(watch)
    assert await sweep.start_if_due(watch)
    await scene.run_sweep()
    ended = (await watch.tenant()).baseline_ended_at
    await sweep.start_again(watch)
    assert await scene.run_sweep() == 1
    record = await watch.tenant()
    assert record.baseline_ended_at == ended
    assert record.sweep is not None
    assert record.sweep.ended_at is not None
    assert ended is not None
    assert record.sweep.ended_at > ended


async def test_a_sweep_reads_no_facts_for_worse_verdicts(known: Scene) -> None:
    known.clock.pass_by(minutes=2)
    worse = known.world.cast["synced_with_ems"]
    await known.control.unassign(worse, skus.EMS_E3)
    before = (await known.watch.facts()).generation
    await sweep.start_again(known.watch)
    await known.run_sweep()
    assert (await known.watch.facts()).generation == before
    assert (await known.watch.record(worse)).verdict.state == "writeback-uncovered"


async def test_a_sweep_that_meets_an_unknown_sku_reads_the_facts_first_and_does_not_say_it_is_gone(
    known: Scene,
) -> None:
    known.clock.pass_by(minutes=2)
    bought = skus.KINDS["AAD_PREMIUM"].sku_id
    assert bought not in known.world.skus
    await known.control.do(SetSku(sku=bought, enabled=5))
    user = await known.control.add_user("New", synced=True)
    await known.control.assign(user, bought)
    before = await known.watch.facts()
    assert bought not in before.skus
    await sweep.start_again(known.watch)
    await known.run_sweep()
    now = await known.watch.facts()
    assert (bought in now.skus, now.generation) == (True, before.generation + 1)
    record = await known.watch.record(user)
    assert (record.verdict.state, record.judged_by.generation) == ("covered", now.generation)
    assert await known.watch.lines(user) == []
