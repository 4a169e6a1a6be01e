"""The delta query on users: whoever changed is looked at again, whatever Graph makes of the rows (§4.6)."""

import asyncio
from typing import Any

import msgspec
import pytest

from sandbox.graph import skus
from sandbox.graph.faults import Fault
from sandbox.graph.service_operations import ClearFaults
from shared.graph.delta import DeltaPage, delta_page
from shared.storage import Stale
from shared.watch.messages import DELTA, GONE, Changed, write_changed
from shared.watch.users import delta, delta_state, sweep
from shared.watch.users.delta_state import Delta
from tests.watch.scene import Scene, Worker, sweep_of
from tests.watch.test_watch_sweep_faults import told

pytestmark = pytest.mark.real

QUERY = "GET /users/delta"


async def state_of(watch: Worker) -> Delta:
    """Where the chain stands."""
    found = await delta_state.recall(watch)
    assert found is not None
    return found


async def round_(scene: Scene, worker: Worker | None = None) -> list[Changed]:
    """Let the next round come due and run; what it asks for."""
    watch = worker or scene.watch
    scene.clock.pass_by(minutes=16)
    assert await delta.run_if_due(watch)
    return watch.changed()


def users_of(asked: list[Changed], why: str = DELTA) -> list[str]:
    return sorted(user for one in asked if one.why == why for user in one.users)


async def test_nothing_is_asked_before_the_first_reading_of_all_users_began(scene: Scene) -> None:
    watch = await scene.ready()
    assert not await delta.run_if_due(watch)
    assert await delta_state.recall(watch) is None


async def test_a_change_that_nobody_told_is_found_and_judged(known: Scene) -> None:
    user = known.world.cast["synced_with_ems"]
    began = known.clock.now()
    await known.control.unassign(user, skus.EMS_E3)
    asked = await round_(known)
    assert users_of(asked) == [user]
    [message] = asked
    assert message.look == 1
    assert message.since is not None
    assert message.since < began < message.at
    known.watch.changed_users.sent = [(write_changed(message.at, users=[user], why=DELTA)[0], 0.0)]
    await known.work_off()
    assert (await known.watch.record(user)).verdict.state == "writeback-uncovered"


async def test_rounds_go_on_after_the_clock_was_ahead_and_set_back(known: Scene) -> None:
    user = known.world.cast["synced_with_ems"]
    known.clock.pass_by(days=2)
    assert await delta.run_if_due(known.watch)
    known.clock.pass_by(days=-2)
    await known.control.unassign(user, skus.EMS_E3)
    assert users_of(await round_(known)) == [user]


async def test_a_round_is_done_when_it_is_due_and_begins_where_the_last_ended(known: Scene) -> None:
    user = known.world.cast["admin"]
    await known.control.set_enabled(user, False)
    assert users_of(await round_(known)) == [user]
    first = await state_of(known.watch)
    calls = await known.calls(QUERY)
    known.clock.pass_by(minutes=5)
    assert not await delta.run_if_due(known.watch)
    assert await known.calls(QUERY) == calls
    assert await round_(known) == []
    second = await state_of(known.watch)
    assert (first.rounds, second.rounds) == (1, 2)
    assert first.last_round_at is not None
    assert second.last_round_at is not None
    assert second.last_round_at > first.last_round_at


async def test_somebody_may_ask_for_a_round_before_it_is_due(known: Scene) -> None:
    await round_(known)
    assert not await delta.run_if_due(known.watch)
    assert await delta.run_soon(known.watch)
    assert await delta.run_soon(known.watch)
    assert await delta.run_if_due(known.watch)
    assert not await delta.run_if_due(known.watch)


async def test_who_was_removed_is_said_to_be_gone_and_with_either_reason(known: Scene) -> None:
    softly, for_good = known.world.cast["admin"], known.world.cast["cloud_with_ems"]
    await known.control.delete_user(softly)
    await known.control.delete_user(for_good, permanently=True)
    asked = await round_(known)
    assert users_of(asked, GONE) == sorted([softly, for_good])
    assert users_of(asked) == []
    assert (await state_of(known.watch)).removed == 2


async def test_who_is_named_as_there_and_as_removed_is_asked_for_once_and_may_be_gone(
    known: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, there = sorted(known.world.users)[:2]

    async def contradicting(*given: Any) -> DeltaPage:
        page = await delta_page(*given)
        return msgspec.structs.replace(page, changed=[both, there], removed={both: "changed"})

    monkeypatch.setattr(delta, "delta_page", contradicting)
    asked = await round_(known)
    assert (users_of(asked), users_of(asked, GONE)) == ([there], [both])


async def test_rows_may_come_again_in_any_order_and_on_empty_pages_and_nobody_is_missed(
    known: Scene,
) -> None:
    await known.control.set_rates(
        delta_page_size=3, empty_page_rate=0.4, delta_shuffle=True, delta_replay_rate=0.5
    )
    changed = sorted(known.world.users)[:20]
    for user in changed:
        known.world.update_user(user, account_enabled=False)
    for _ in range(2):
        asked = await round_(known)
        assert set(users_of(asked)) <= set(known.world.users)
        if changed:
            assert set(changed) <= set(users_of(asked))
        changed = []
    assert (await state_of(known.watch)).pages >= 1


async def test_a_round_that_ends_early_goes_on_from_its_last_page(
    known: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await known.control.set_rates(delta_page_size=4)
    changed = sorted(known.world.users)[:20]
    for user in changed:
        known.world.update_user(user, account_enabled=False)
    monkeypatch.setattr(delta, "PAGES_A_RUN", 2)
    asked = await round_(known)
    assert len(users_of(asked)) == 8
    half = await state_of(known.watch)
    assert half.round_began_at is not None
    assert half.link != half.round_link
    runs = 1
    while (await state_of(known.watch)).round_began_at:
        assert await delta.run_if_due(known.watch), "a round under way is due at once"
        asked += known.watch.changed()
        runs += 1
    assert runs >= 3
    assert users_of(asked) == changed
    assert len({one.since for one in asked}) == 1


async def test_a_page_whose_link_could_not_be_stored_is_read_again_and_nobody_is_lost(
    known: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = known.world.cast["admin"]
    await known.control.set_enabled(user, False)

    async def killed(*_: Any) -> Any:
        raise ChildProcessError

    known.clock.pass_by(minutes=16)
    with monkeypatch.context() as patch:
        patch.setattr(delta_state, "write", killed)
        with pytest.raises(ChildProcessError):
            await delta.run_if_due(known.watch)
    assert users_of(known.watch.changed()) == [user]
    assert await delta.run_if_due(known.watch)
    assert users_of(known.watch.changed()) == [user]


async def test_one_worker_at_a_time_does_a_round(known: Scene) -> None:
    other = await known.another().ready()
    await known.control.set_enabled(known.world.cast["admin"], False)
    known.clock.pass_by(minutes=16)
    await known.control.fault(Fault(path="/users/delta", kind="delay", seconds=0.3))
    ran = await asyncio.gather(delta.run_if_due(known.watch), delta.run_if_due(other))
    assert sorted(ran) == [False, True]
    assert len([*known.watch.changed(), *other.changed()]) == 1


# --- links that are forgotten ----------------------------------------------------------------------------


async def test_a_forgotten_page_begins_the_round_again_once(
    known: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await known.control.set_rates(delta_page_size=4)
    changed = sorted(known.world.users)[:12]
    for user in changed:
        known.world.update_user(user, account_enabled=False)
    monkeypatch.setattr(delta, "PAGES_A_RUN", 2)
    asked = await round_(known)
    await known.control.fault(Fault(path="/users/delta", status=410, code="resyncRequired"))
    monkeypatch.setattr(delta, "PAGES_A_RUN", 50)
    assert await delta.run_if_due(known.watch)
    asked += known.watch.changed()
    assert set(users_of(asked)) == set(changed)
    state = await state_of(known.watch)
    assert (state.alive, state.losses, state.rounds) == (True, 0, 1)
    assert known.watch.steps() == []


@pytest.mark.parametrize("status", [400, 404, 410])
async def test_an_expired_chain_has_everybody_read_and_goes_on_from_the_new_link(
    known: Scene, status: int
) -> None:
    await known.control.set_rates(delta_expired_status=status)
    before = await state_of(known.watch)
    user = known.world.cast["synced_with_ems"]
    await known.control.unassign(user, skus.EMS_E3)
    known.clock.pass_by(days=8)
    assert await delta.run_if_due(known.watch)
    state = await state_of(known.watch)
    assert (state.alive, state.losses) == (True, 1)
    assert state.link != before.link
    started = await sweep_of(known.watch)
    assert (started.why, started.delta_link) == ("delta", state.link)
    assert await known.run_sweep() >= 1
    assert (await known.watch.record(user)).verdict.state == "writeback-uncovered"
    assert users_of(await round_(known)) == []
    assert (await state_of(known.watch)).losses == 0


async def test_a_forced_reset_is_a_lost_chain(known: Scene) -> None:
    await known.control.forget_delta("reset")
    await round_(known)
    assert (await sweep_of(known.watch)).why == "delta"
    assert (await state_of(known.watch)).alive


async def test_a_chain_lost_soon_after_everybody_was_read_has_everybody_read_at_once(known: Scene) -> None:
    for _ in range(2):
        await round_(known)
    before = await sweep_of(known.watch)
    await known.control.forget_delta("reset")
    await round_(known)
    after = await sweep_of(known.watch)
    assert (after.id != before.id, after.why) == (True, "delta"), "its link is older than the one that died"
    assert (await state_of(known.watch)).link == after.delta_link


async def test_a_chain_lost_while_everybody_is_read_goes_on_from_the_beginning_of_that_reading(
    known: Scene,
) -> None:
    known.clock.pass_by(days=6)
    await sweep.start_again(known.watch, "tests")
    [step] = known.watch.steps()
    running = await sweep_of(known.watch)
    user = known.world.cast["admin"]
    await known.control.set_enabled(user, False)
    known.clock.pass_by(days=2)
    assert await delta.run_if_due(known.watch)
    state = await state_of(known.watch)
    assert (state.link, state.losses) == (running.delta_link, 1)
    after = await sweep_of(known.watch)
    assert (after.id, after.again) == (running.id, "")
    assert users_of(await round_(known)) == [user]
    assert step.id == running.id


async def test_a_graph_that_forgets_every_link_has_nobody_read_for_ever(known: Scene) -> None:
    sweeps = set()
    for _ in range(20):
        await known.control.forget_delta("reset")
        await round_(known)
        await known.run_sweep()
        sweeps.add((await sweep_of(known.watch)).id)
    # 20 rounds are five hours and twenty minutes.
    assert len(sweeps) == 1, "one for the first loss, no other within hours"
    assert ("opened", "delta") in await told(known.watch)
    known.clock.pass_by(hours=6)
    await delta.run_if_due(known.watch)
    assert (await sweep_of(known.watch)).id not in sweeps
    await known.run_sweep()
    await round_(known)
    assert (await told(known.watch))[-1] == ("resolved", "delta")


async def test_a_tenant_without_delta_is_read_now_and_then_instead_and_somebody_is_told(
    known: Scene,
) -> None:
    await known.control.forget_delta("reset")
    none = Fault(path="/users/delta", status=400, code="Request_UnsupportedQuery", count=500)
    await known.control.fault(Fault(path="/users/delta", status=410, code="resyncRequired"))
    await known.control.fault(none)
    sweeps = set()
    for _ in range(10):
        await round_(known)
        await known.run_sweep()
        sweeps.add((await sweep_of(known.watch)).id)
    assert len(sweeps) == 1
    assert ("opened", "delta") in await told(known.watch)


async def test_a_link_that_tracks_something_else_is_not_followed(known: Scene) -> None:
    held = await delta_state.read(known.watch)
    await delta_state.write(known.watch, held, msgspec.structs.replace(held.state, tracked="other"))
    calls = await known.calls(QUERY)
    await round_(known)
    started = await sweep_of(known.watch)
    state = await state_of(known.watch)
    assert (started.why, state.alive, state.link) == ("delta", True, started.delta_link)
    assert state.link != held.state.link
    assert await known.calls(QUERY) == calls + 1, "only the new link was asked for"


async def test_a_graph_that_cannot_be_asked_is_asked_again_and_then_told(known: Scene) -> None:
    user = known.world.cast["admin"]
    await known.control.set_enabled(user, False)
    before = await state_of(known.watch)
    await known.control.fault(Fault(path="/users/delta", status=503, count=100))
    for _ in range(3):
        assert await told(known.watch) == []
        assert await round_(known) == []
    state = await state_of(known.watch)
    assert (state.link, state.failures) == (before.link, 3)
    assert state.fault.startswith("Unavailable 503")
    assert await told(known.watch) == [("opened", "delta")]
    await known.control.do(ClearFaults())
    assert users_of(await round_(known)) == [user]
    assert await told(known.watch) == [("opened", "delta"), ("resolved", "delta")]
    assert (await state_of(known.watch)).fault == ""


async def test_a_graph_that_cannot_be_asked_is_asked_again_at_longer_and_longer_intervals(
    known: Scene,
) -> None:
    await known.control.fault(Fault(path="/users/delta", status=503, count=100))
    await round_(known)
    waited = []
    for _ in range(5):
        minutes = 0
        while not await delta.run_if_due(known.watch):
            known.clock.pass_by(minutes=1)
            minutes += 1
        waited.append(minutes)
    assert waited == [2, 4, 8, 14, 14], "at the latest when a round would be due anyway"
    assert await delta.run_soon(known.watch)
    assert not await delta.run_if_due(known.watch)
    await known.control.do(ClearFaults())
    await round_(known)
    assert await delta.run_soon(known.watch)
    assert await delta.run_if_due(known.watch)


async def test_a_link_that_leads_away_from_graph_is_not_kept(known: Scene) -> None:
    before = await state_of(known.watch)
    await known.control.set_rates(delta_page_size=1)
    for user in sorted(known.world.users)[:3]:
        known.world.update_user(user, account_enabled=False)
    await known.control.fault(Fault(path="/users/delta", kind="foreign-link"))
    assert await round_(known) == []
    state = await state_of(known.watch)
    assert (state.link, state.failures) == (before.link, 1)


async def test_the_state_is_never_written_over_another_workers(known: Scene) -> None:
    held = await delta_state.read(known.watch)
    await delta_state.write(known.watch, held, msgspec.structs.replace(held.state, rounds=5))
    with pytest.raises(Stale):
        await delta_state.write(known.watch, held, held.state)
    assert (await state_of(known.watch)).rounds == 5
