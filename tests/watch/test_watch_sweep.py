"""The reading of all users: one step after the other, whatever happens in between (design §4.6)."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from sandbox.graph import skus
from sandbox.graph.faults import Fault
from sandbox.graph.operations import SetSku
from sandbox.graph.service_operations import ClearFaults
from shared.watch.hearing import subscriptions
from shared.watch.messages import SWEEP, ReadingStep
from shared.watch.parts import Watch
from shared.watch.tenant_facts import facts
from shared.watch.users import delta_state, spill, sweep
from tests.watch.conftest import Opener
from tests.watch.scene import Scene, Worker, read_report, sweep_of

pytestmark = pytest.mark.real


async def started(scene: Scene) -> tuple[Worker, ReadingStep]:
    """A sweep that was started; its first step."""
    watch = await scene.ready()
    await subscriptions.keep(watch)
    assert await sweep.start_if_due(watch)
    [step] = watch.steps()
    return watch, step


JOBS: dict[str, Callable[[Watch], Awaitable[object]]] = {
    "facts": facts.refresh,
    "registration": read_report,
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


async def test_pages_are_put_aside_first_and_judged_after(scene: Scene) -> None:
    watch, step = await started(scene)
    await sweep.take_step(watch, step)
    record = await watch.tenant()
    assert record.sweep is not None
    assert (record.sweep.phase, record.sweep.users, record.sweep.pages, record.sweep.step) == (
        "judging",
        60,
        1,
        2,
    )
    assert (record.sweep.bucket, record.sweep.buckets, record.sweep.expected) == (0, 1, 60)
    assert await watch.ledger.user_records(scene.world.users) == {}
    [following] = watch.steps()
    await sweep.take_step(watch, following)
    record = await watch.tenant()
    assert record.sweep is not None
    assert record.sweep.ended_at == record.baseline_ended_at is not None
    assert (record.sweep.phase, record.sweep.percent, record.sweep.why) == ("ended", 100, "first")
    assert record.totals is not None
    assert (record.totals.users, sum(record.totals.states.values())) == (60, 60)
    for done in (step, following):
        await sweep.take_step(watch, done)
    assert watch.steps() == [], "what has ended asks for no more steps"
    opened = [line for user in scene.world.users for line in await watch.lines(user)]
    assert opened
    assert all(line.baseline for line in opened)


async def put_aside(scene: Scene) -> set[str]:
    """The readings of which rows lie in storage."""
    names = [one.name async for one in scene.storage.evidence.names("")]
    return {name.split("/")[4] for name in names if "/spill/sweep/" in name}


async def test_nothing_that_was_put_aside_is_left_behind(scene: Scene, small_steps: None) -> None:
    watch, step = await started(scene)
    await sweep.take_step(watch, step)
    [following] = watch.steps()
    assert await put_aside(scene) == {step.id}
    scene.clock.pass_by(hours=2)
    await sweep.take_step(watch, following)
    [again] = watch.steps()
    assert again.id != step.id
    await sweep.take_step(watch, again)
    assert await put_aside(scene) == {again.id}, "what an abandoned reading left is of no use"
    await scene.run_sweep()
    assert await put_aside(scene) == set()


async def test_several_steps_read_everybody_once_although_pages_are_empty(
    scene: Scene, small_steps: None
) -> None:
    await scene.control.set_rates(empty_page_rate=0.3)
    watch, step = await started(scene)
    await sweep.take_step(watch, step)
    record = await watch.tenant()
    assert record.sweep is not None
    assert (record.sweep.phase, record.baseline_ended_at) == ("reading", None)
    assert record.sweep.link
    taken = await scene.run_sweep()
    assert taken >= 3
    record = await watch.tenant()
    assert record.sweep is not None
    assert (record.sweep.users, record.sweep.step) == (60, taken + 2)
    assert record.sweep.pages >= 3
    assert record.baseline_ended_at
    assert len(await watch.ledger.user_records(scene.world.users)) == 60
    assert watch.changed() == []


async def test_how_far_it_is_can_be_seen_in_each_phase(scene: Scene, small_steps: None) -> None:
    watch, first = await started(scene)
    seen: list[tuple[str, int | None]] = []
    steps = [first]
    while steps:
        await sweep.take_step(watch, steps.pop())
        steps += watch.take_steps(SWEEP)
        stands = await sweep_of(watch)
        seen.append((stands.phase, stands.percent))
    assert seen[0] == ("reading", 33)
    assert seen[1] == ("reading", 66)
    assert seen[-2:] == [("judging", 0), ("ended", 100)]


async def test_every_bucket_is_a_step_of_its_own_and_each_user_is_judged(
    open_scene: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spill, "SHARDS_A_BUCKET", 1)
    scene = await open_scene(4500)
    watch, step = await started(scene)
    assert watch.manifest.shards == 4
    await sweep.take_step(watch, step)
    assert await scene.run_sweep() == 4
    record = await watch.tenant()
    assert record.totals is not None
    assert record.totals.users == 4500 == len(await watch.ledger.user_records(scene.world.users))


async def test_a_message_out_of_sequence_is_dropped(scene: Scene, small_steps: None) -> None:
    watch, step = await started(scene)
    before, calls = await watch.tenant(), await scene.calls("GET /users")
    for wrong in (
        ReadingStep(reading=SWEEP, id=step.id, step=step.step + 1),
        ReadingStep(reading=SWEEP, id=step.id, step=step.step + 7),
        ReadingStep(reading=SWEEP, id="of-another-time", step=step.step),
    ):
        await sweep.take_step(watch, wrong)
    assert await watch.tenant() == before
    assert await scene.calls("GET /users") == calls
    assert watch.steps() == []


async def test_a_step_whose_worker_ended_before_it_asked_for_the_next_only_asks_for_it(
    scene: Scene, small_steps: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, step = await started(scene)

    async def killed(*_: object) -> None:
        raise ChildProcessError

    with monkeypatch.context() as patch:
        patch.setattr(sweep, "_ask", killed)
        with pytest.raises(ChildProcessError):
            await sweep.take_step(watch, step)
    assert watch.steps() == []
    calls = await scene.calls("GET /users")
    await sweep.take_step(watch, step)
    assert [one.step for one in watch.steps()] == [2]
    assert await scene.calls("GET /users") == calls


@pytest.mark.parametrize("twice", [1, 2, 3, 4])
async def test_a_message_delivered_twice_starts_no_second_chain(
    scene: Scene, small_steps: None, twice: int
) -> None:
    watch, step = await started(scene)
    waiting, taken = [step], []
    while waiting:
        one = waiting.pop(0)
        await sweep.take_step(watch, one)
        taken.append(one.step)
        asked = watch.take_steps(SWEEP)
        assert len(asked) <= 1
        waiting += asked * 2 if one.step == twice else asked
        if one.step == twice == taken.count(twice):
            waiting.append(one)
    doubled = [number for number in taken if taken.count(number) > 1]
    assert set(doubled) <= {twice, twice + 1}
    record = await watch.tenant()
    assert record.sweep is not None
    assert (record.sweep.users, record.sweep.ended_at is not None) == (60, True)


@pytest.mark.parametrize("phase", ["reading", "judging"])
async def test_a_step_that_two_workers_take_is_followed_by_one(
    scene: Scene, small_steps: None, phase: str
) -> None:
    watch, step = await started(scene)
    while phase == "judging" and (await sweep_of(watch)).phase == "reading":
        await sweep.take_step(watch, step)
        [step] = watch.steps()
    other = await scene.another().ready()
    await scene.control.fault(Fault(path="/users", kind="delay", seconds=0.3, count=2))
    await asyncio.gather(sweep.take_step(watch, step), sweep.take_step(other, step))
    left = [one.step for one in (*watch.steps(), *other.steps())]
    assert left == ([2] if phase == "reading" else [])
    assert (await sweep_of(watch)).users == (20 if phase == "reading" else 60)
    assert (*watch.changed(), *other.changed()) == (), "nobody counts as unseen because two looked"


async def test_a_sweep_that_stands_still_is_woken_and_not_over_and_over(
    scene: Scene, small_steps: None
) -> None:
    watch, step = await started(scene)
    await sweep.take_step(watch, step)
    [following] = watch.steps()
    scene.clock.pass_by(minutes=9)
    assert not await sweep.start_if_due(watch)
    scene.clock.pass_by(minutes=2)
    assert await sweep.start_if_due(watch)
    assert watch.steps() == [following]
    scene.clock.pass_by(minutes=5)
    assert not await sweep.start_if_due(watch)
    await sweep.take_step(watch, following)
    await scene.run_sweep()
    scene.clock.pass_by(minutes=20)
    assert not await sweep.start_if_due(watch)
    assert (await watch.tenant()).baseline_ended_at


async def test_a_sweep_that_a_clock_ahead_began_keeps_no_other_from_beginning(known: Scene) -> None:
    assert not await sweep.start_if_due(known.watch)
    known.clock.pass_by(days=-30)
    assert await sweep.start_if_due(known.watch)


async def test_a_sweep_whose_first_message_was_never_sent_is_woken_soon(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = await scene.ready()
    await subscriptions.keep(watch)

    async def killed(*_: object) -> None:
        raise ChildProcessError

    with monkeypatch.context() as patch:
        patch.setattr(sweep, "_ask", killed)
        with pytest.raises(ChildProcessError):
            await sweep.start_if_due(watch)
    assert not await sweep.start_if_due(watch)
    scene.clock.pass_by(minutes=2)
    assert await sweep.start_if_due(watch)
    assert [one.step for one in watch.steps()] == [1]


async def test_everybody_is_read_again_only_after_the_first_reading_began(scene: Scene) -> None:
    watch = await scene.ready()
    await sweep.start_again(watch)
    assert (await watch.tenant()).sweep is None
    assert watch.steps() == []
    await subscriptions.keep(watch)
    assert await sweep.start_if_due(watch)
    await scene.run_sweep()
    ended = (await watch.tenant()).baseline_ended_at
    await sweep.start_again(watch, "tests")
    assert await scene.run_sweep() == 2
    record = await watch.tenant()
    assert record.baseline_ended_at == ended
    assert record.sweep is not None
    assert (record.sweep.why, record.sweep.again) == ("tests", "")
    assert record.sweep.ended_at is not None
    assert ended is not None
    assert record.sweep.ended_at > ended


async def test_orders_while_one_runs_make_it_run_once_more(scene: Scene, small_steps: None) -> None:
    watch, step = await started(scene)
    await sweep.take_step(watch, step)
    for why in ("one", "another", "a third"):
        await sweep.start_again(watch, why)
    assert (await sweep_of(watch)).id == step.id
    assert [one.step for one in watch.take_steps(SWEEP)] == [2]
    ids = set()
    await sweep.take_step(watch, ReadingStep(reading=SWEEP, id=step.id, step=2))
    while steps := watch.take_steps(SWEEP):
        for one in steps:
            ids.add(one.id)
            await sweep.take_step(watch, one)
    assert len(ids) == 2
    last = await sweep_of(watch)
    assert (last.id != step.id, last.why, last.again, last.phase) == (True, "one", "", "ended")


async def test_an_order_that_graph_does_not_let_begin_stands_until_it_does(known: Scene) -> None:
    before = await sweep_of(known.watch)
    await known.control.fault(Fault(path="/users/delta", status=503, count=10))
    await sweep.start_again(known.watch, "tests")
    assert (await sweep_of(known.watch)).id == before.id
    assert known.watch.steps() == []
    await known.control.do(ClearFaults())
    assert await sweep.start_if_due(known.watch)
    assert (await sweep_of(known.watch)).why == "tests"


async def test_everybody_is_read_every_week(known: Scene) -> None:
    watch = known.watch
    known.clock.pass_by(days=6, hours=23)
    await facts.refresh(watch)
    assert not await sweep.start_if_due(watch)
    known.clock.pass_by(hours=2)
    assert await sweep.start_if_due(watch)
    assert (await sweep_of(watch)).why == "due"


async def test_two_workers_begin_one_reading(known: Scene) -> None:
    other = await known.another().ready()
    known.clock.pass_by(days=8)
    began = await asyncio.gather(sweep.start_if_due(known.watch), sweep.start_if_due(other))
    assert sorted(began) == [False, True]
    assert len([*known.watch.steps(), *other.steps()]) == 1


async def test_a_tenant_without_delta_is_read_all_the_same(scene: Scene) -> None:
    await scene.control.fault(
        Fault(path="/users/delta", status=400, code="Request_UnsupportedQuery", count=99)
    )
    watch, _ = await started(scene)
    await sweep.take_step(watch, ReadingStep(reading=SWEEP, id=(await sweep_of(watch)).id, step=1))
    await scene.run_sweep()
    last = await sweep_of(watch)
    assert (last.delta_link, last.phase, last.users) == ("", "ended", 60)


async def test_delta_goes_on_from_before_the_first_page(scene: Scene) -> None:
    watch, step = await started(scene)
    state = await delta_state.recall(watch)
    assert state is not None
    assert state.alive
    assert state.link == (await sweep_of(watch)).delta_link
    await sweep.take_step(watch, step)
    await scene.run_sweep()
    await sweep.start_again(watch)
    assert (await sweep_of(watch)).delta_link != state.link
    assert (await delta_state.recall(watch)) == state, "a chain that lives is not begun anew"


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
