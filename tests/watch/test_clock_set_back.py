"""A clock that was ahead has been set back: what it noted keeps nothing from being done, and loses nothing.

Each story begins three days ahead, the work is done by that clock, and then it is right again.
"""

from datetime import timedelta

import msgspec
import pytest
from azure.core.exceptions import HttpResponseError

from sandbox.graph import skus
from sandbox.graph.faults import Fault
from sandbox.graph.operations import SetSku
from sandbox.graph.service_operations import ClearFaults, DropSubscription
from sandbox.storage_proxy import Match
from shared.ledger.records import NamedGroup
from shared.ledger.shards import shard_of
from shared.watch.hearing import subscriptions
from shared.watch.licensing import nested
from shared.watch.messages import CREATE, DELETE, GONE, HEARD, REGISTRATION
from shared.watch.reach import named_groups, registration, registration_state
from shared.watch.tenant_facts import facts
from shared.watch.users import delta, delta_state, poison, sweep
from shared.watch.wellbeing import self_watch
from shared.watch.wellbeing.overdue import SelfLook, Stranded
from tests.watch.conftest import Opener
from tests.watch.licensed import assigning, unlicensed
from tests.watch.scene import Scene, looked_at, run_reading, sweep_of
from tests.watch.subscribed import LIST, ids, kept
from tests.watch.test_watch_delta import state_of
from tests.watch.test_watch_memberships import MEMBERS, REPORT, scoped
from tests.watch.test_watch_named_groups import excepted, inside, listed, named, outer_and_inner
from tests.watch.test_watch_subscriptions import PATCH, delta_ordered, event
from tests.watch.test_watch_subscriptions_told import grant

pytestmark = pytest.mark.real

AHEAD = timedelta(days=3)


def run_ahead(scene: Scene) -> None:
    scene.clock.pass_by(days=3)


def set_back(scene: Scene) -> None:
    scene.clock.pass_by(days=-3)


# --- what is known of the tenant ----------------------------------------------------------------------------


async def test_facts_that_a_clock_ahead_read_are_replaced_by_the_next_reading(known: Scene) -> None:
    run_ahead(known)
    before = await facts.refresh(known.watch)
    set_back(known)
    await known.control.do(SetSku(sku=skus.M365_E3, status="Suspended"))
    assert await facts.refresh_if_due(known.watch)
    now = await known.watch.facts()
    assert now.generation > before.generation
    assert now.skus[skus.M365_E3].status == "Suspended"
    assert not await facts.refresh_if_due(known.watch)


async def test_sums_that_a_clock_ahead_counted_are_replaced_by_the_next(known: Scene) -> None:
    run_ahead(known)
    await facts.count_again(known.watch)
    set_back(known)
    await facts.count_again(known.watch)
    counted_at = (await known.watch.tenant()).counted_at
    assert counted_at
    assert counted_at <= known.clock.now()


async def test_a_group_that_a_clock_ahead_looked_at_follows_what_is_read_of_it(known: Scene) -> None:
    [person] = await unlicensed(known, 1)
    group = await assigning(known, person)
    run_ahead(known)
    await known.look_at_group(group)
    set_back(known)
    await known.look_at_group(group)
    observed_at = (await known.watch.facts()).groups[group].observed_at
    assert observed_at
    assert observed_at <= known.clock.now()
    run_ahead(known)
    await known.look_at_group(group)
    set_back(known)
    known.clock.pass_by(minutes=2)
    await facts.refresh(known.watch)
    observed_at = (await known.watch.facts()).groups[group].observed_at
    assert observed_at
    assert observed_at <= known.clock.now(), "nor does it keep a reading of all groups from being taken"


async def test_a_job_of_a_group_that_a_clock_ahead_saw_first_runs_since_now_at_most(known: Scene) -> None:
    [person] = await unlicensed(known, 1)
    await known.control.set_rates(licensing_delay=(3600, 3600))
    group = await assigning(known, person, settled=False)
    run_ahead(known)
    await known.look_at_group(group)
    set_back(known)
    await known.look_at_group(group)
    since = (await known.watch.facts()).groups[group].processing_since
    assert since
    assert since <= known.clock.now()


async def test_groups_are_read_as_ever_where_a_clock_ahead_ended_the_baseline(scene: Scene) -> None:
    run_ahead(scene)
    await scene.begin()
    set_back(scene)
    people = await unlicensed(scene, 2)
    group = await assigning(scene, *people)
    await scene.look_at_group(group)
    assert looked_at(scene) == set(people), "it began to assign, as far as is known"
    assert await nested.refresh_if_due(scene.watch)
    assert not await nested.refresh_if_due(scene.watch)


# --- who is in reach ----------------------------------------------------------------------------------------


async def test_a_report_that_a_clock_ahead_read_is_read_again(open_scene: Opener) -> None:
    scene, _ = await scoped(open_scene)
    run_ahead(scene)
    await registration.start(scene.watch)
    await run_reading(scene.watch)
    set_back(scene)
    calls = await scene.calls(REPORT)
    assert await registration.refresh_if_due(scene.watch)
    await run_reading(scene.watch)
    assert await scene.calls(REPORT) > calls
    assert not await registration.refresh_if_due(scene.watch)


async def test_a_word_of_members_that_a_clock_ahead_read_has_them_read_at_once(open_scene: Opener) -> None:
    scene, department = await scoped(open_scene)
    run_ahead(scene)
    await scene.look_at_group(department)
    await run_reading(scene.watch)
    set_back(scene)
    await scene.look_at_group(department)
    assert [delay for _, delay in scene.watch.sweeps.sent] == [0.0]
    calls = await scene.calls(MEMBERS)
    await run_reading(scene.watch)
    assert await scene.calls(MEMBERS) == calls + 2


async def test_a_word_during_a_reading_of_members_that_a_clock_ahead_began_has_it_followed_by_another(
    open_scene: Opener,
) -> None:
    scene, department = await scoped(open_scene)
    run_ahead(scene)
    await scene.look_at_group(department)
    [first] = scene.watch.take_steps(REGISTRATION)
    await registration.take_step(scene.watch, first)
    set_back(scene)
    calls = await scene.calls(MEMBERS)
    await scene.look_at_group(department)
    await run_reading(scene.watch)
    assert await scene.calls(MEMBERS) == calls + 2


@pytest.mark.parametrize("steps", [0, 1])
async def test_a_reading_that_a_clock_ahead_left_without_a_step_is_woken(
    open_scene: Opener, steps: int
) -> None:
    scene, _ = await scoped(open_scene)
    run_ahead(scene)
    assert await registration.start(scene.watch)
    for _ in range(steps):
        [step] = scene.watch.take_steps(REGISTRATION)
        await registration.take_step(scene.watch, step)
    lost = scene.watch.take_steps(REGISTRATION)
    set_back(scene)
    assert await registration.refresh_if_due(scene.watch)
    assert scene.watch.take_steps(REGISTRATION) == lost
    assert not await registration.refresh_if_due(scene.watch)


async def test_uses_are_read_from_the_beginning_where_a_clock_ahead_read_them_last(
    open_scene: Opener,
) -> None:
    scene = await open_scene(POPULATION="used")
    await grant(scene, scene.world.roles | {"Directory.Read.All"})
    await scene.begin(report=True)
    run_ahead(scene)
    await registration.start(scene.watch)
    await run_reading(scene.watch)
    set_back(scene)
    await registration.start(scene.watch)
    reading = await registration_state.present(scene.watch)
    assert reading
    assert reading.audit_since < scene.clock.now() - timedelta(days=300)


async def test_a_change_of_a_named_group_that_a_clock_ahead_began_to_read_is_not_lost(known: Scene) -> None:
    outer, inner = await outer_and_inner(known)
    ahead = msgspec.structs.replace(await named(known.watch, outer), begun_at=known.clock.now() + AHEAD)
    await keep_named(known, outer, ahead)
    person = min(inside(known, inner))
    await known.control.remove_members(inner, person)
    await known.look_at_group(inner, why=HEARD)
    known.clock.pass_by(minutes=15)
    assert await named_groups.refresh_if_due(known.watch)
    assert person not in (await listed(known.watch, outer) or ())


async def test_a_named_group_that_a_clock_ahead_put_off_is_read(known: Scene) -> None:
    outer, _ = await outer_and_inner(known)
    run_ahead(known)
    await known.control.fault(
        Fault(path="/groups/*/transitiveMembers*", status=429, retry_after="600", count=99)
    )
    assert await named_groups.refresh_if_due(known.watch)
    assert (await named(known.watch, outer)).put_off_until
    await known.control.do(ClearFaults())
    set_back(known)
    await known.restarted()
    assert await named_groups.refresh_if_due(known.watch)
    assert (await named(known.watch, outer)).put_off_until is None


async def keep_named(scene: Scene, group: str, one: NamedGroup) -> None:
    """The record as if this were known of the group."""
    at = scene.clock.now()
    await scene.watch.ledger.commit_tenant(named_groups._with(scene.watch, group, one, at), at)


# --- being called -------------------------------------------------------------------------------------------


async def test_strays_are_looked_for_although_a_clock_ahead_did_so_last(known: Scene) -> None:
    run_ahead(known)
    await subscriptions.keep(known.watch)
    set_back(known)
    lists = await known.calls(LIST)
    for _ in range(2):
        await subscriptions.keep(known.watch)
    assert await known.calls(LIST) == lists + 1


async def test_a_reauthorization_after_a_clock_ahead_renewed_is_answered_at_once(known: Scene) -> None:
    known.clock.pass_by(hours=20)
    asked = await event(known, "reauthorizationRequired")
    await subscriptions.answer(known.watch, [asked], known.clock.now())
    patched = await known.calls(PATCH)
    known.clock.pass_by(hours=-10)
    await subscriptions.answer(known.watch, [asked], known.clock.now())
    assert await known.calls(PATCH) == patched + 1
    assert known.watch.sweeps.sent == []


async def test_a_reauthorization_that_fails_after_a_clock_ahead_renewed_is_not_forgotten(
    known: Scene,
) -> None:
    known.clock.pass_by(hours=20)
    asked = await event(known, "reauthorizationRequired")
    await subscriptions.answer(known.watch, [asked], known.clock.now())
    known.clock.pass_by(hours=-10)
    await known.control.fault(Fault(path="/subscriptions/*", method="PATCH", status=503, count=9))
    await subscriptions.answer(known.watch, [asked], known.clock.now())
    assert (await kept(known)).reauthorize == (asked.subscription,)


async def test_what_was_missed_after_a_clock_ahead_caught_up_is_caught_up_with(known: Scene) -> None:
    run_ahead(known)
    await subscriptions.answer(known.watch, [await event(known, "missed")], known.clock.now())
    assert await delta.run_if_due(known.watch)
    known.watch.changed()
    set_back(known)
    await subscriptions.answer(known.watch, [await event(known, "missed")], known.clock.now())
    assert await delta_ordered(known)


async def test_a_permission_that_a_clock_ahead_was_refused_is_tried_for_again(known: Scene) -> None:
    roles = known.world.roles
    run_ahead(known)
    await grant(known, (roles - {"Group.Read.All"}) | {"GroupMember.Read.All"})
    await known.control.do(DropSubscription(id=(await ids(known))["groups"]))
    await subscriptions.keep(known.watch)
    assert set((await kept(known)).refused) == {"groups"}
    await grant(known, roles)
    set_back(known)
    await subscriptions.keep(known.watch)
    assert (await kept(known)).refused == {}


async def test_an_order_is_obeyed_after_one_by_a_clock_ahead_but_that_one_not_again(known: Scene) -> None:
    ahead = known.clock.now() + timedelta(hours=3)
    await subscriptions.obey(known.watch, DELETE, ahead)
    assert (await kept(known)).left
    known.clock.pass_by(minutes=5)
    await subscriptions.obey(known.watch, CREATE, known.clock.now())
    assert (await kept(known)).left is None
    obeyed = (await kept(known)).obeyed
    assert obeyed
    await subscriptions.obey(known.watch, CREATE, obeyed.at)
    assert (await kept(known)).obeyed == obeyed


# --- all users ----------------------------------------------------------------------------------------------


async def test_a_reading_of_all_users_that_a_clock_ahead_left_without_a_step_is_woken(
    scene: Scene, small_steps: None
) -> None:
    watch = await scene.ready()
    run_ahead(scene)
    await subscriptions.keep(watch)
    assert await sweep.start_if_due(watch)
    [first] = watch.steps()
    await sweep.take_step(watch, first)
    lost = watch.steps()
    set_back(scene)
    await facts.refresh(watch)
    scene.clock.pass_by(minutes=11)
    await sweep.start_if_due(watch)
    scene.clock.pass_by(minutes=11)
    await sweep.start_if_due(watch)
    assert watch.steps() == lost
    assert not await sweep.start_if_due(watch), "and not over and over"


async def test_who_was_last_seen_by_a_clock_ahead_and_is_gone_is_found_missing(known: Scene) -> None:
    user = known.world.cast["synced_with_ems"]
    run_ahead(known)
    await known.look_at(user)
    set_back(known)
    await known.empty_queues()
    await known.control.delete_user(user)
    await sweep.start_again(known.watch)
    await known.run_sweep()
    assert [one.users for one in known.watch.changed() if one.why == GONE] == [(user,)]


async def test_a_chain_that_was_lost_by_a_clock_ahead_has_everybody_read_once(known: Scene) -> None:
    held = await delta_state.read(known.watch)
    lost = msgspec.structs.replace(held.state, link="", dead="x", lost_at=known.clock.now() + AHEAD, losses=1)
    begun = (await sweep_of(known.watch)).id
    await delta._begin_anew(known.watch, lost)
    assert (await sweep_of(known.watch)).id == begun, "the last reading has only just begun"


async def test_a_count_of_changes_after_one_by_a_clock_ahead_covers_no_time_backwards(known: Scene) -> None:
    run_ahead(known)
    assert await delta.run_if_due(known.watch)
    set_back(known)
    assert await delta.run_if_due(known.watch)
    gap = (await state_of(known.watch)).gap
    assert gap
    assert gap.since <= gap.until <= known.clock.now()


async def test_what_was_put_aside_by_a_clock_ahead_is_counted_on_from_now(known: Scene) -> None:
    state = await state_of(known.watch)
    ahead = delta_state.PutAside(rounds=2, taken_at=known.clock.now() + AHEAD)
    state = await poison.take_up(known.watch, msgspec.structs.replace(state, aside={"sweeps": ahead}))
    assert state.aside["sweeps"].rounds == 2
    known.clock.pass_by(hours=1)
    assert (await poison.take_up(known.watch, state)).aside == {}


# --- looking after itself -----------------------------------------------------------------------------------


async def test_what_is_overdue_is_told_in_time_although_a_clock_ahead_looked_last(known: Scene) -> None:
    run_ahead(known)
    assert await self_watch.look_if_due(known.watch)
    set_back(known)
    assert await self_watch.look_if_due(known.watch)
    look = await self_watch.last_look(known.watch)
    assert look
    assert look.up_since <= look.at <= known.clock.now()
    assert look.gap >= timedelta(0)


async def test_what_a_clock_ahead_first_saw_waits_since_now_at_most(known: Scene) -> None:
    watch, ahead, now = known.watch, known.clock.now() + AHEAD, known.clock.now()
    group, user = known.world.cast["group_sspr"], known.world.cast["synced_with_ems"]
    await excepted(known, group)
    book = shard_of(user, watch.manifest.shards)
    known.proxy.answer(Match(method="PUT", path=f"^alerts/.*/{book}/", nth=None), 403)
    await known.control.unassign(user, skus.EMS_E3)
    with pytest.raises(HttpResponseError):
        await known.look_at(user)
    [(name, etag)] = [one async for one in watch.ledger.unpublished()]
    before = SelfLook(
        at=now - timedelta(hours=1),
        up_since=now - timedelta(days=1),
        untried={group: ahead},
        outboxes={name: Stranded(etag, ahead)},
    )
    await self_watch._remember(watch, before)
    assert await self_watch.look_if_due(watch)
    look = await self_watch.last_look(watch)
    assert look
    assert look.untried[group] <= known.clock.now()
    assert look.outboxes[name].since <= known.clock.now()
