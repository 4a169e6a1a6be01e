"""A reading of all users that goes wrong: nothing is judged of half of it, and somebody is told (§4.6)."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from sandbox.graph import skus
from sandbox.graph.faults import Fault
from sandbox.graph.service_operations import ClearFaults
from shared.graph import users as graph_users
from shared.graph.errors import Throttled, Unavailable
from shared.graph.pages import RawRows
from shared.watch import details
from shared.watch.messages import AGAIN, SWEEP, ReadingStep, read_step
from shared.watch.tenant_facts import facts
from shared.watch.users import delta_state, sweep, sweep_phases
from shared.watch.users.evaluation import evaluate_users
from tests.watch.scene import Scene, Worker, sweep_of
from tests.watch.test_watch_evaluation import new_generation

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("small_steps")]


async def begun(scene: Scene) -> ReadingStep:
    """Another reading after the baseline, whose first page was put aside; its second step."""
    await sweep.start_again(scene.watch, "tests")
    [first] = scene.watch.steps()
    await sweep.take_step(scene.watch, first)
    [second] = scene.watch.steps()
    return second


async def fail(scene: Scene, step: ReadingStep, times: int) -> None:
    """The step fails so often."""
    await scene.control.fault(Fault(path="/users", status=503, count=100))
    for _ in range(times):
        with pytest.raises(Unavailable):
            await sweep.take_step(scene.watch, step)


async def findings_of(watch: Worker) -> dict[str, list[str]]:
    """The open findings of each user."""
    records = [record async for record in watch.ledger.records()]
    return {record.id: sorted(record.open) for record in records}


async def told(watch: Worker) -> list[tuple[str, Any]]:
    """What the journal says of faults of the watch."""
    lines = await watch.lines(watch.settings.tenant_id)
    return [(str(line.transition), line.subject.about) for line in lines if line.kind == "watch-unwell"]


async def test_a_page_that_fails_for_good_opens_and_resolves_nothing_and_is_told_once(known: Scene) -> None:
    watch = known.watch
    before, opened = await findings_of(watch), known.world.cast["synced_with_ems"]
    await known.control.unassign(opened, skus.EMS_E3)
    await known.control.delete_user(known.world.cast["cloud_with_ems"])
    step = await begun(known)
    await fail(known, step, 2)
    assert await told(watch) == []
    await fail(known, step, 5)
    assert await told(watch) == [("opened", "sweep")]
    noted = (await watch.tenant()).unwell["sweep"]
    assert details.for_the_log(noted).startswith("step 2: Unavailable 503")
    assert await findings_of(watch) == before
    assert watch.changed() == []
    stands = await sweep_of(watch)
    assert (stands.step, stands.phase) == (2, "reading")
    await known.control.do(ClearFaults())
    await sweep.take_step(watch, step)
    assert await told(watch) == [("opened", "sweep"), ("resolved", "sweep")]
    await known.run_sweep()
    assert (await sweep_of(watch)).phase == "ended"
    assert await findings_of(watch) != before


async def test_a_step_that_fails_for_good_is_tried_again_for_ever(known: Scene) -> None:
    step = await begun(known)
    await fail(known, step, 1)
    for _ in range(3):
        known.clock.pass_by(minutes=11)
        assert await sweep.start_if_due(known.watch)
        assert known.watch.steps() == [step]


async def test_a_step_that_graph_wants_later_comes_back_then_and_nobody_is_told(known: Scene) -> None:
    step = await begun(known)
    await known.control.fault(Fault(path="/users", status=429, retry_after="90"))
    await sweep.take_step(known.watch, step)
    [(text, delay)] = known.watch.sweeps.sent
    assert (read_step(text), delay) == (step, 90.0)
    assert (await sweep_of(known.watch)).failures == 0
    with pytest.raises(Throttled):
        await graph_users.user_pages(known.watch.graph)


@pytest.mark.parametrize("twice", [False, True])
async def test_a_page_that_graph_has_forgotten_starts_the_reading_again_at_once(
    known: Scene, twice: bool
) -> None:
    watch = known.watch
    step = await begun(known)
    old = await sweep_of(watch)
    if twice:
        await sweep.start_again(watch, "meanwhile")
    known.clock.pass_by(hours=2)
    await sweep.take_step(watch, step)
    [again] = watch.steps()
    assert (again.id != step.id, again.step) == (True, 1)
    stands = await sweep_of(watch)
    assert (stands.users, stands.again, stands.restarts, stands.why) == (0, "", 1, "tests")
    assert stands.started_at > old.started_at
    await sweep.take_step(watch, step)
    assert watch.steps() == []
    await sweep.take_step(watch, again)
    await known.run_sweep()
    stands = await sweep_of(watch)
    assert (stands.id, stands.users, stands.phase) == (again.id, 60, "ended")
    assert watch.changed() == [], "what was put aside before is not taken for the whole"


async def test_pages_that_are_forgotten_again_and_again_are_told(known: Scene) -> None:
    watch = known.watch
    step = await begun(known)
    for _ in range(3):
        await known.control.fault(Fault(path="/users", status=410, code="resyncRequired"))
        await sweep.take_step(watch, step)
        [step] = watch.steps()
    assert await told(watch) == [("opened", "sweep")]
    await sweep.take_step(watch, step)
    assert await told(watch) == [("opened", "sweep")], "the pages before were never the trouble"
    await known.run_sweep()
    assert await told(watch) == [("opened", "sweep"), ("resolved", "sweep")]


async def test_a_reading_whose_pages_are_always_forgotten_begins_at_longer_and_longer_intervals(
    known: Scene,
) -> None:
    watch = known.watch
    step, delays = await begun(known), []
    for _ in range(9):
        await known.control.fault(Fault(path="/users", status=410, code="resyncRequired"))
        await sweep.take_step(watch, step)
        [(text, delay)] = watch.sweeps.sent
        delays.append(delay)
        assert not await sweep.start_if_due(watch), "its message waits: it does not stand still"
        known.clock.pass_by(seconds=delay)
        assert not await sweep.start_if_due(watch)
        [step] = watch.steps()
        assert read_step(text) == step
        await sweep.take_step(watch, step)
        [step] = watch.steps()
    assert delays == [0, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert await told(watch) == [("opened", "sweep")]


async def test_a_reading_that_graph_puts_off_is_asked_for_once_however_long_that_is(known: Scene) -> None:
    watch = known.watch
    step = await begun(known)
    for waited in range(4):
        assert await told(watch) == ([] if waited < 3 else [("opened", "sweep")])
        await known.control.fault(Fault(path="/users", status=429, retry_after="3600"))
        await sweep.take_step(watch, step)
        # The session's gate goes by the machine's clock.
        watch.graph.gate._opens_at = 0.0
        known.clock.pass_by(minutes=59)
        assert not await sweep.start_if_due(watch)
        known.clock.pass_by(minutes=2)
        assert not await sweep.start_if_due(watch)
        assert watch.steps() == [step]
    noted = (await watch.tenant()).unwell["sweep"]
    assert details.for_the_log(noted).startswith("step 2: Throttled 429")
    known.clock.pass_by(minutes=11)
    assert await sweep.start_if_due(watch), "the message may be lost"
    [step] = watch.steps()
    await sweep.take_step(watch, step)
    await known.run_sweep()
    assert await told(watch) == [("opened", "sweep"), ("resolved", "sweep")]


async def test_pages_read_before_graph_wants_to_be_asked_later_are_kept(
    known: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = known.watch
    step = await begun(known)
    monkeypatch.setattr(sweep_phases, "PAGES_A_STEP", 20)
    original, answers = graph_users.user_pages, [True, False]

    async def throttled(*given: Any) -> RawRows:
        if not answers.pop():
            return await original(*given)
        raise Throttled(90.0)

    monkeypatch.setattr(sweep_phases, "user_pages", throttled)
    await sweep.take_step(watch, step)
    stands = await sweep_of(watch)
    assert (stands.step, stands.pages, stands.users) == (3, 2, 40)
    [(text, delay)] = watch.sweeps.sent
    assert (read_step(text).step, delay) == (3, 90.0)
    assert not await sweep.start_if_due(watch)
    monkeypatch.setattr(sweep_phases, "user_pages", original)
    await known.run_sweep()
    stands = await sweep_of(watch)
    assert (stands.users, stands.unseen, stands.phase) == (60, 0, "ended")


Twist = Callable[[RawRows], RawRows]


async def with_twist(scene: Scene, monkeypatch: pytest.MonkeyPatch, twist: Twist) -> None:
    """Another reading whose pages come a little other than Graph gave them."""
    original = graph_users.user_pages

    async def twisted(*given: Any) -> RawRows:
        return twist(await original(*given))

    monkeypatch.setattr(sweep_phases, "user_pages", twisted)
    await sweep.start_again(scene.watch, "tests")
    await scene.run_sweep()


async def test_a_row_that_cannot_be_read_is_read_by_itself_and_is_not_taken_for_gone(
    known: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = known.world.cast["synced_with_ems"]

    def twist(page: RawRows) -> RawRows:
        broken = json.dumps({"id": odd.upper(), "accountEnabled": "maybe"}).encode()
        rows = [(one, msgspec.Raw(broken) if one == odd else raw) for one, raw in page.rows]
        return msgspec.structs.replace(page, rows=rows)

    before = await known.watch.record(odd)
    await with_twist(known, monkeypatch, twist)
    assert await known.watch.record(odd) == before
    [alone] = known.watch.changed()
    assert (alone.users, alone.why) == ((odd,), AGAIN)
    await evaluate_users(known.watch, alone)
    assert (await known.watch.record(odd)).observed_at > before.observed_at


async def test_rows_without_an_id_are_counted_and_whom_they_may_stand_for_is_asked_for(
    known: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    nameless = known.world.cast["synced_with_ems"]

    def twist(page: RawRows) -> RawRows:
        rows = [(one, raw) for one, raw in page.rows if one != nameless]
        return msgspec.structs.replace(page, rows=rows, unnamed=len(page.rows) - len(rows))

    await with_twist(known, monkeypatch, twist)
    stands = await sweep_of(known.watch)
    assert (stands.unnamed, stands.unseen, stands.phase) == (1, 1, "ended")
    await known.work_off()
    assert (await known.watch.record(nameless)).gone_at is None


async def test_a_null_collection_spoils_neither_its_row_nor_the_others(
    known: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = known.world.cast["synced_with_ems"]

    def twist(page: RawRows) -> RawRows:
        nulls = {"id": bare, "accountEnabled": True, "assignedLicenses": None, "identities": None}
        rows = [
            (one, msgspec.Raw(json.dumps(nulls).encode()) if one == bare else raw) for one, raw in page.rows
        ]
        return msgspec.structs.replace(page, rows=rows)

    began = known.clock.now()
    await with_twist(known, monkeypatch, twist)
    records = await known.watch.ledger.user_records(known.world.users)
    assert all(record.observed_at > began for record in records.values())
    assert records[bare].skus == ()


async def test_users_whom_newer_facts_overtake_during_the_reading_are_judged_by_these(
    known: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, old = known.watch, await known.watch.facts()
    await new_generation(watch)
    newest = (await watch.facts()).generation
    user = known.world.cast["admin"]
    await known.look_at(user)
    once = facts.present
    answers = [old]

    async def older_first(given: Any) -> Any:
        return answers.pop() if answers else await once(given)

    monkeypatch.setattr(facts, "present", older_first)
    await sweep.start_again(watch, "tests")
    await known.run_sweep()
    records = await watch.ledger.user_records(known.world.users)
    assert records[user].judged_by.generation == newest
    assert (await sweep_of(watch)).phase == "ended"


async def test_a_lost_chain_of_delta_links_is_begun_anew_by_the_next_reading(known: Scene) -> None:
    watch = known.watch
    held = await delta_state.read(watch)
    await delta_state.write(watch, held, msgspec.structs.replace(held.state, link="", losses=1))
    await sweep.start_again(watch, "tests")
    state = await delta_state.recall(watch)
    assert state is not None
    assert (state.alive, state.link) == (True, (await sweep_of(watch)).delta_link)
    assert [one.reading for one in watch.steps()] == [SWEEP]
