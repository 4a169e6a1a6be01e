"""Members of a licensing group who came or went, and all of them when it assigns something else."""

import pytest
from azure.core.exceptions import HttpResponseError

from sandbox.graph import skus
from sandbox.graph.operations import SetGroupLicences
from sandbox.storage_proxy import Match
from shared.watch.licensing import members
from shared.watch.messages import HEARD
from shared.watch.tenant_facts import facts
from shared.watch.users import rejudge
from tests.watch.licensed import assigning, unlicensed
from tests.watch.scene import Scene, looked_at


@pytest.mark.real
async def test_members_who_came_or_went_are_looked_at_and_the_list_is_kept(known: Scene) -> None:
    first, second, third = people = await unlicensed(known, 3)
    group = await assigning(known, first, second)
    await known.look_at_group(group)
    kept = await members.recall(known.watch, group)
    assert kept is not None
    assert list(kept.users()) == sorted([first, second])
    looked_at(known)
    await known.control.remove_members(group, first)
    await known.control.add_members(group, third)
    assert await known.control.settle()
    await known.look_at_group(group)
    assert looked_at(known) == {first, third}
    await known.look_at_group(group)
    assert looked_at(known) == set()
    await known.control.remove_members(group, second, third)
    assert await known.control.settle()
    await known.look_at_group(group)
    assert looked_at(known) == {second, third}
    await known.control.add_members(group, *people)
    assert await known.control.settle()
    await known.look_at_group(group)
    assert looked_at(known) == set(people), "the first members of an empty group came too"


@pytest.mark.real
async def test_members_of_a_group_that_assigned_before_the_baseline_are_not_looked_at_for_the_first_list(
    scene: Scene,
) -> None:
    [person] = await unlicensed(scene, 1)
    group = await assigning(scene, person)
    await scene.begin()
    await scene.look_at_group(group)
    assert looked_at(scene) == set()
    assert await members.recall(scene.watch, group) is not None


@pytest.mark.real
async def test_before_the_baseline_has_ended_no_member_is_looked_at(scene: Scene) -> None:
    people = await unlicensed(scene, 2)
    watch = await scene.ready()
    group = await assigning(scene, *people)
    await scene.look_at_group(group)
    assert group in (await watch.facts()).groups
    assert looked_at(scene) == set()


@pytest.mark.real
async def test_all_members_are_looked_at_when_a_group_assigns_something_else(known: Scene) -> None:
    people = await unlicensed(known, 2)
    group = await assigning(known, *people)
    await known.look_at_group(group)
    looked_at(known)
    await known.control.do(SetGroupLicences(group=group, licences={skus.ENTRA_P2: (), skus.EMS_E3: ()}))
    assert await known.control.settle()
    known.clock.pass_by(hours=2)
    # A reading of the tenant in between must not hide that.
    await facts.refresh(known.watch)
    await known.look_at_group(group)
    assert set(people) <= looked_at(known)


@pytest.mark.real
async def test_so_many_members_are_looked_at_by_reading_everybody(
    known: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rejudge, "FEW", 2)
    people = await unlicensed(known, 3)
    group = await assigning(known, *people)
    await known.look_at_group(group)
    assert looked_at(known) == set()
    record = await known.watch.tenant()
    assert record.sweep is not None
    assert record.sweep.why == "standing"
    assert record.sweep.ended_at is None


@pytest.mark.real
async def test_members_of_a_group_that_is_deleted_or_assigns_no_more_are_looked_at_once(known: Scene) -> None:
    people = await unlicensed(known, 2)
    group = await assigning(known, *people)
    await known.look_at_group(group)
    looked_at(known)
    await known.control.do(SetGroupLicences(group=group, licences={}))
    assert await known.control.settle()
    await known.look_at_group(group, why=HEARD)
    assert looked_at(known) == set(people)
    assert await members.recall(known.watch, group) is None
    await known.look_at_group(group)
    assert looked_at(known) == set()


@pytest.mark.real
async def test_members_are_not_forgotten_where_the_message_about_them_could_not_be_written(
    known: Scene,
) -> None:
    first, second = await unlicensed(known, 2)
    group = await assigning(known, first)
    await known.look_at_group(group)
    looked_at(known)
    await known.control.add_members(group, second)
    assert await known.control.settle()
    known.proxy.answer(Match("POST", r"^changed-users/messages"), 403)
    with pytest.raises(HttpResponseError):
        await known.look_at_group(group)
    await known.look_at_group(group)
    assert looked_at(known) == {second}
