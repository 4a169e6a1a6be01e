"""Changed groups: those that assign licences, their errors and their members (design §4.1)."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from azure.core.exceptions import HttpResponseError

from sandbox.graph import skus
from sandbox.graph.faults import Fault
from sandbox.graph.operations import ReprocessGroup, SetGroupLicences
from sandbox.storage_proxy import Match
from sandbox.waiting import until
from shared.model import LicensingGroup
from shared.watch import facts
from shared.watch.groups import evaluate_groups
from shared.watch.messages import Changed, read_changed
from tests.watch.scene import Scene

MEMBERS = "GET /groups/{id}/members"


async def unlicensed(scene: Scene, count: int) -> list[str]:
    """New synced users without a licence."""
    return [await scene.control.add_user(f"New {number}", synced=True) for number in range(count)]


async def assigning(scene: Scene, *members: str, seats: int = 100, settled: bool = True) -> str:
    """A new group that assigns Entra ID P2 to these; so many seats are free."""
    await scene.control.set_free_seats(skus.ENTRA_P2, seats)
    group = await scene.control.add_licensing_group("Premium", [skus.ENTRA_P2], members)
    assert not settled or await scene.control.settle()
    return group


async def failing(scene: Scene, group: str) -> bool:
    """Whether the group's licences fail on a member."""
    return bool((await scene.control.group(group))["errors"])


async def nothing_fails(scene: Scene, group: str) -> bool:
    """Whether they don't."""
    return not await failing(scene, group)


def looked_at(scene: Scene) -> set[str]:
    """Users whom the first worker put on the queue."""
    return {user for one in scene.watch.changed() for user in one.users}


@pytest.mark.real
async def test_a_group_that_assigns_nothing_is_dropped_without_a_write(known: Scene) -> None:
    group = known.world.cast["group_emergency"]
    before, writes = await known.watch.tenant(), known.ledger_writes()
    await known.look_at_group(group, look=1)
    await known.look_at_group("00000000-0000-4000-8000-000000000000", look=1)
    assert (await known.watch.tenant(), known.ledger_writes()) == (before, writes)
    assert known.watch.changed() == []
    assert await known.calls(MEMBERS) == 0


@pytest.mark.real
async def test_a_failing_group_is_told_once_with_fresh_seats_and_its_members_are_looked_at(
    known: Scene,
) -> None:
    people = await unlicensed(known, 3)
    known.clock.pass_by(minutes=2)
    generation = (await known.watch.facts()).generation
    group = await assigning(known, *people, seats=1)
    await known.look_at_group(group)
    now = await known.watch.facts()
    assert now.generation == generation + 1
    assert now.skus[skus.ENTRA_P2].free == 0
    [line] = await known.watch.lines(group)
    assert (line.transition, line.kind, line.subject.about) == ("opened", "licence-errors", skus.ENTRA_P2)
    assert (line.facts["members"], line.facts["codes"]) == (2, ["CountViolation"])
    errors = now.groups[group].errors
    short = set((await known.control.group(group))["errors"])
    assert {user for error in errors for user in error.sample} == short
    assert looked_at(known) == short
    known.clock.pass_by(minutes=2)
    await known.look_at_group(group)
    assert len(await known.watch.lines(group)) == 1
    assert (await known.watch.facts()).generation == generation + 1


@pytest.mark.real
async def test_a_failing_group_is_told_though_the_directory_index_does_not_know_it_yet(known: Scene) -> None:
    first, second = await unlicensed(known, 2)
    group = await assigning(known, first)
    await known.look_at_group(group)
    known.clock.pass_by(hours=2)
    await known.control.set_rates(index_lag=3600.0)
    await known.control.set_free_seats(skus.ENTRA_P2, 0)
    await known.control.add_members(group, second)
    # The index is an hour behind, so the tenant does not settle.
    await until("the licence failed", lambda: failing(known, group), 10)
    known.clock.pass_by(minutes=2)
    before = (await known.watch.facts()).generation
    await known.look_at_group(group)
    assert (await known.watch.facts()).generation == before + 1
    assert [line.transition for line in await known.watch.lines(group)] == ["opened"]
    assert [error.sample for error in (await known.watch.facts()).groups[group].errors] == [(second,)]


@pytest.mark.real
@pytest.mark.parametrize("listed", [True, False], ids=["listed without errors", "not listed"])
async def test_a_failing_group_stays_so_until_it_says_otherwise_itself_whatever_the_index_lists(
    known: Scene, listed: bool
) -> None:
    first, second = await unlicensed(known, 2)
    group = await assigning(known, first)
    if listed:
        known.clock.pass_by(hours=2)
    await known.control.set_rates(index_lag=3600.0)
    await known.control.set_free_seats(skus.ENTRA_P2, 0)
    await known.control.add_members(group, second)
    await until("the licence failed", lambda: failing(known, group), 10)
    await known.look_at_group(group)
    for _ in range(2):
        known.clock.pass_by(minutes=2)
        errors = (await facts.refresh(known.watch)).groups[group].errors
        assert [(error.code, error.sample) for error in errors] == [("CountViolation", (second,))]
    assert [line.transition for line in await known.watch.lines(group)] == ["opened"]
    await known.control.set_free_seats(skus.ENTRA_P2, 1)
    await known.control.do(ReprocessGroup(group=group))
    await until("the licence is given", lambda: nothing_fails(known, group), 10)
    known.clock.pass_by(minutes=2)
    assert (await facts.refresh(known.watch)).groups[group].errors == ()
    assert [(line.transition, line.cause) for line in await known.watch.lines(group)][1:] == [
        ("resolved", "fixed")
    ]


@pytest.mark.real
async def test_members_who_came_or_went_are_looked_at_and_the_list_is_kept(known: Scene) -> None:
    first, second, third = people = await unlicensed(known, 3)
    group = await assigning(known, first, second)
    await known.look_at_group(group)
    name = f"{known.watch.settings.tenant_id}/groups/{group}"
    stored = await known.storage.evidence.read(name)
    assert stored is not None
    assert msgspec.json.decode(stored.data) == sorted([first, second])
    # Nothing is known of what was before; whoever came then was told by his own notification.
    assert looked_at(known) == set()
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
async def test_members_are_not_forgotten_where_the_message_about_them_could_not_be_written(
    known: Scene,
) -> None:
    first, second = await unlicensed(known, 2)
    group = await assigning(known, first)
    await known.look_at_group(group)
    await known.control.add_members(group, second)
    assert await known.control.settle()
    known.proxy.answer(Match("POST", r"^changed-users/messages"), 403)
    with pytest.raises(HttpResponseError):
        await known.look_at_group(group)
    await known.look_at_group(group)
    assert looked_at(known) == {second}


@pytest.mark.real
async def test_a_group_that_stops_assigning_closes_its_finding(known: Scene) -> None:
    people = await unlicensed(known, 2)
    group = await assigning(known, *people, seats=0)
    await known.look_at_group(group)
    await known.control.do(SetGroupLicences(group=group, licences={}))
    assert await known.control.settle()
    await known.look_at_group(group)
    assert [(line.transition, line.cause) for line in await known.watch.lines(group)][1:] == [
        ("resolved", "fixed")
    ]
    assert group not in (await known.watch.facts()).groups


@pytest.mark.real
async def test_a_group_is_looked_at_a_second_time(known: Scene) -> None:
    [person] = await unlicensed(known, 1)
    group = await assigning(known, person)
    await known.look_at_group(group, look=1)
    [(text, delay)] = known.watch.changed_users.sent
    assert (read_changed(text).groups, read_changed(text).look, delay) == ((group,), 2, 300.0)
    known.watch.changed()
    await evaluate_groups(known.watch, read_changed(text))
    assert known.watch.changed() == []


@pytest.mark.real
async def test_a_group_is_looked_at_again_while_its_job_runs_but_no_longer_than_four_hours(
    known: Scene,
) -> None:
    [person] = await unlicensed(known, 1)
    await known.control.set_rates(licensing_delay=(9 * 3600, 9 * 3600))
    group = await assigning(known, person, settled=False)
    await known.look_at_group(group, look=2)
    started = (await known.watch.facts()).groups[group].processing_since
    assert started is not None
    for _ in range(4):
        [again] = known.watch.changed()
        assert (again.groups, again.look) == ((group,), 2)
        known.clock.pass_by(minutes=55)
        await evaluate_groups(known.watch, again)
    [last] = known.watch.changed()
    assert (await known.watch.facts()).groups[group].processing_since == started
    known.clock.pass_by(minutes=30)
    await evaluate_groups(known.watch, last)
    assert known.watch.changed() == []


@pytest.mark.real
async def test_a_throttled_group_goes_back_with_its_delay_and_the_others_are_looked_at(known: Scene) -> None:
    one, other = await unlicensed(known, 2)
    slow, fine = await assigning(known, one), await assigning(known, other)
    await known.control.fault(Fault(path=f"/groups/{slow}", status=429, retry_after="0.05", count=2))
    message = Changed(at=known.clock.now(), groups=(slow, fine), look=2)
    await evaluate_groups(known.watch, message)
    [(text, delay)] = known.watch.changed_users.sent
    assert (read_changed(text).groups, read_changed(text).at) == ((slow,), message.at)
    assert delay > 0
    groups = (await known.watch.facts()).groups
    assert fine in groups
    assert slow not in groups


def test_a_job_counts_as_running_for_four_hours() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    groups = {
        name: LicensingGroup(id=name, processing_since=since)
        for name, since in (
            ("idle", None),
            ("young", now - timedelta(minutes=1)),
            ("old", now - timedelta(hours=3, minutes=59)),
            ("stuck", now - timedelta(hours=4)),
        )
    }
    assert [name for name, group in groups.items() if group.job_runs(now)] == ["young", "old"]
