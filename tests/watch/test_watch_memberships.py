"""Members of the scope group and of the emergency group: a notification is enough (design §4.1)."""

import pytest

from tests.watch.conftest import Opener
from tests.watch.scene import Scene

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
    assert await scene.calls(REPORT) == calls
    [message] = watch.changed()
    assert message.users == (user,)
    await scene.look_at(user)
    assert (await watch.record(user)).verdict.reach == "emergency"


async def test_another_group_reads_no_members_for_the_scope(open_scene: Opener) -> None:
    scene, _ = await scoped(open_scene)
    other = scene.world.cast["group_sspr"]
    calls = await scene.calls(MEMBERS)
    await scene.look_at_group(other)
    assert await scene.calls(MEMBERS) == calls
    assert scene.watch.changed() == []
