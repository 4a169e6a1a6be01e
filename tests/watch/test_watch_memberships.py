"""Members of the scope group and of the emergency group: a notification is enough (design §4.1)."""

import pytest

from sandbox.graph.faults import Fault
from shared.model import EvidenceStatus
from shared.watch.licensing import groups
from shared.watch.messages import AGAIN, REGISTRATION, Changed
from shared.watch.reach import registration
from shared.watch.tenant_facts import facts
from tests.watch.conftest import Opener
from tests.watch.scene import Scene, run_reading

pytestmark = pytest.mark.real

REPORT = "GET /reports/authenticationMethods/userRegistrationDetails"
MEMBERS = "GET /groups/{id}/transitiveMembers"


async def scoped(open_scene: Opener) -> tuple[Scene, str]:
    """A scene after its baseline whose scope is one department, with an emergency group; the department."""
    scene = await open_scene()
    cast = scene.world.cast
    department = min(scene.world.groups[cast["group_sspr"]].nested)
    await scene.restarted(SSPR_SCOPE=f"groups:{department}", EMERGENCY_GROUP=cast["group_emergency"])
    await scene.begin(report=True)
    return scene, department


async def test_a_change_of_the_scope_group_reads_its_members_not_the_report_and_looks_at_who_changed(
    open_scene: Opener,
) -> None:
    scene, department = await scoped(open_scene)
    watch = scene.watch
    members = scene.world.groups[department].members
    # One who is in reach whoever belongs to the group would show nothing.
    leaver, stays = sorted(members - {scene.world.cast["admin"]})[:2]
    joiner = scene.world.cast["synced_with_ems"]
    if joiner in members:
        joiner = scene.world.cast["cloud_with_ems"]
    assert joiner not in members
    assert (await watch.record(leaver)).verdict.reach == "scope-group"
    assert (await watch.record(joiner)).verdict.reach == "outside-scope-group"
    report = (await watch.facts()).evidence_of("registration")
    await scene.control.remove_members(department, leaver)
    await scene.control.add_members(department, joiner)
    calls = await scene.calls(REPORT)
    await scene.look_at_group(department)
    await run_reading(watch)
    assert await scene.calls(REPORT) == calls
    assert (await watch.facts()).evidence_of("registration") == report
    [message] = watch.changed()
    assert set(message.users) == {leaver, joiner}
    await scene.look_at(*message.users, stays)
    reach = [(await watch.record(user)).verdict.reach for user in (leaver, joiner, stays)]
    assert reach == ["outside-scope-group", "scope-group", "scope-group"]


async def test_a_change_of_the_emergency_group_looks_at_its_new_member(open_scene: Opener) -> None:
    scene, department = await scoped(open_scene)
    watch, group = scene.watch, scene.world.cast["group_emergency"]
    user = min(scene.world.groups[department].members - {scene.world.cast["admin"]})
    await scene.control.add_members(group, user)
    calls = await scene.calls(REPORT)
    await scene.look_at_group(group)
    await run_reading(watch)
    assert await scene.calls(REPORT) == calls
    [message] = watch.changed()
    assert message.users == (user,)
    await scene.look_at(user)
    assert (await watch.record(user)).verdict.reach == "emergency"


async def test_groups_nested_in_the_scope_are_watched_as_well(open_scene: Opener) -> None:
    scene = await open_scene()
    cast = scene.world.cast
    outer, emergency = cast["group_sspr"], cast["group_emergency"]
    watch = await scene.restarted(SSPR_SCOPE=f"groups:{outer}", EMERGENCY_GROUP=emergency)
    await scene.begin(report=True)
    nested = scene.world.groups[outer].nested
    assert nested
    known = await watch.facts()
    assert known.watched == {outer: tuple(sorted(nested)), emergency: ()}
    assert registration.membership_groups(watch, known) == {outer, emergency, *nested}
    # Another reading of the tenant's facts leaves it so.
    scene.clock.pass_by(hours=2)
    await facts.refresh(watch)
    assert (await watch.facts()).watched == known.watched
    department = min(nested)
    leaver = min(scene.world.groups[department].members - {cast["admin"]})
    await scene.control.remove_members(department, leaver)
    await scene.look_at_group(department)
    await run_reading(watch)
    told = {user for one in watch.changed() for user in one.users}
    assert leaver in told
    await scene.look_at(leaver)
    assert (await watch.record(leaver)).verdict.reach == "outside-scope-group"
    await scene.control.remove_members(outer, department)
    await scene.look_at_group(outer)
    await run_reading(watch)
    assert department not in registration.membership_groups(watch, await watch.facts())


async def test_many_notifications_during_a_reading_are_followed_by_one_more(open_scene: Opener) -> None:
    scene, department = await scoped(open_scene)
    watch = scene.watch
    calls, report = await scene.calls(MEMBERS), await scene.calls(REPORT)
    for _ in range(4):
        await scene.look_at_group(department)
    assert await scene.calls(MEMBERS) == calls
    [first] = watch.take_steps(REGISTRATION)
    await registration.take_step(watch, first)
    for _ in range(4):
        await scene.look_at_group(department)
    await run_reading(watch)
    # Two groups, read twice: what changed after the first reading began may be missing from it.
    assert await scene.calls(MEMBERS) == calls + 4
    assert await scene.calls(REPORT) == report


async def test_a_word_that_is_older_than_the_last_reading_of_the_members_reads_nothing(
    open_scene: Opener,
) -> None:
    scene, department = await scoped(open_scene)
    before = scene.clock.now()
    scene.clock.pass_by(minutes=30)
    await scene.look_at_group(department)
    await run_reading(scene.watch)
    calls = await scene.calls(MEMBERS)
    await groups.evaluate_groups(scene.watch, Changed(at=before, groups=(department,), why=AGAIN))
    assert await run_reading(scene.watch) == 0
    assert await scene.calls(MEMBERS) == calls


async def test_words_that_come_before_a_reading_has_come_to_the_members_make_no_other(
    open_scene: Opener,
) -> None:
    scene, department = await scoped(open_scene)
    assert await registration.start(scene.watch)
    calls = await scene.calls(MEMBERS)
    await scene.look_at_group(department)
    await run_reading(scene.watch)
    assert await scene.calls(MEMBERS) == calls + 2


async def test_a_burst_of_words_reads_the_members_at_once_and_then_every_delta_every(
    open_scene: Opener,
) -> None:
    scene, department = await scoped(open_scene)
    watch = scene.watch
    scene.clock.pass_by(minutes=30)
    calls = await scene.calls(MEMBERS)
    await scene.look_at_group(department)
    assert [delay for _, delay in watch.sweeps.sent] == [0.0]
    await run_reading(watch)
    assert await scene.calls(MEMBERS) == calls + 2
    for _ in range(20):
        scene.clock.pass_by(seconds=10)
        await scene.look_at_group(department)
    [(_, delay)] = watch.sweeps.sent
    assert 14 * 60 < delay <= 15 * 60
    assert not await registration.refresh_if_due(watch)
    scene.clock.pass_by(seconds=delay)
    await run_reading(watch)
    assert await scene.calls(MEMBERS) == calls + 4
    # A word during a reading waits as well.
    scene.clock.pass_by(minutes=30)
    await scene.look_at_group(department)
    [first] = watch.take_steps(REGISTRATION)
    await registration.take_step(watch, first)
    await scene.look_at_group(department)
    [index] = watch.take_steps(REGISTRATION)
    await registration.take_step(watch, index)
    [finish] = watch.take_steps(REGISTRATION)
    await registration.take_step(watch, finish)
    [(_, delay)] = watch.sweeps.sent
    assert 14 * 60 < delay <= 15 * 60


async def test_an_order_for_the_report_does_not_wait_for_members_that_do(open_scene: Opener) -> None:
    scene, department = await scoped(open_scene)
    watch = scene.watch
    await scene.look_at_group(department)
    [(_, delay)] = watch.sweeps.sent
    assert delay > 60
    [late] = watch.take_steps(REGISTRATION)
    report, members = await scene.calls(REPORT), await scene.calls(MEMBERS)
    assert await registration.start(watch)
    assert [delay for _, delay in watch.sweeps.sent] == [0.0]
    await run_reading(watch)
    await registration.take_step(watch, late)
    assert await run_reading(watch) == 0
    assert (await scene.calls(REPORT), await scene.calls(MEMBERS)) == (report + 1, members + 2)


async def test_members_that_cannot_be_read_are_asked_for_again_within_an_hour_and_the_report_is_not(
    open_scene: Opener,
) -> None:
    scene, department = await scoped(open_scene)
    watch = scene.watch
    await scene.control.fault(
        Fault(path=f"/groups/{department}/transitiveMembers", status=403, code="Denied")
    )
    await scene.look_at_group(department)
    await run_reading(watch)
    piece = (await watch.facts()).evidence_of("scope-groups")
    assert (piece.status, piece.permission) == (EvidenceStatus.FORBIDDEN, "Group.Read.All")
    assert piece.read_at is not None
    report, members = await scene.calls(REPORT), await scene.calls(MEMBERS)
    scene.clock.pass_by(minutes=61)
    assert await registration.refresh_if_due(watch)
    await run_reading(watch)
    assert (await scene.calls(REPORT), await scene.calls(MEMBERS)) == (report, members + 1)
    assert (await watch.facts()).evidence_of("scope-groups").status == EvidenceStatus.OK


async def test_when_the_scope_groups_become_readable_everybody_is_read_again(open_scene: Opener) -> None:
    scene = await open_scene()
    department = min(scene.world.groups[scene.world.cast["group_sspr"]].nested)
    watch = await scene.restarted(SSPR_SCOPE=f"groups:{department}")
    path = f"/groups/{department}/transitiveMembers"
    await scene.control.fault(Fault(path=path, status=403, code="Denied", count=2))
    await scene.begin(report=True)
    outsider = scene.world.cast["synced_with_ems"]
    if outsider in scene.world.groups[department].members:
        outsider = scene.world.cast["cloud_with_ems"]
    assert (await watch.record(outsider)).verdict.reach == "unknown"
    scene.clock.pass_by(minutes=61)
    await registration.refresh_if_due(watch)
    await run_reading(watch)
    assert watch.changed() == []
    await scene.run_sweep()
    assert (await watch.record(outsider)).verdict.reach == "unknown"
    scene.clock.pass_by(minutes=61)
    await registration.refresh_if_due(watch)
    await run_reading(watch)
    assert watch.changed() == []
    await scene.run_sweep()
    assert (await watch.record(outsider)).verdict.reach == "outside-scope-group"


async def test_another_group_reads_no_members_for_the_scope(open_scene: Opener) -> None:
    scene, _ = await scoped(open_scene)
    other = scene.world.cast["group_sspr"]
    calls = await scene.calls(MEMBERS)
    await scene.look_at_group(other)
    assert await scene.calls(MEMBERS) == calls
    assert scene.watch.changed() == []
