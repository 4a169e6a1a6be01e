"""Changed groups: those that assign licences, their errors and their members (design §4.1)."""

from datetime import UTC, datetime, timedelta

import pytest

from sandbox.graph import skus
from sandbox.graph.faults import Fault
from sandbox.graph.operations import ReprocessGroup, SetGroupLicences
from sandbox.waiting import until
from shared.model import LicensingGroup
from shared.watch.licensing import groups
from shared.watch.licensing.groups import evaluate_groups
from shared.watch.messages import AGAIN, DELTA, HEARD, Changed, put_on_at, read_changed
from shared.watch.tenant_facts import facts
from tests.watch.licensed import assigning, unlicensed
from tests.watch.scene import Scene, looked_at

MEMBERS = "GET /groups/{id}/members"


async def failing(scene: Scene, group: str) -> bool:
    """Whether the group's licences fail on a member."""
    return bool((await scene.control.group(group))["errors"])


async def nothing_fails(scene: Scene, group: str) -> bool:
    """Whether they don't."""
    return not await failing(scene, group)


@pytest.mark.real
@pytest.mark.parametrize("why", [HEARD, DELTA])
async def test_a_group_that_does_not_matter_is_dropped_without_a_call_or_a_write(
    known: Scene, why: str
) -> None:
    group = known.world.cast["group_emergency"]
    before, writes, calls = await known.watch.tenant(), known.ledger_writes(), await known.requests()
    await known.look_at_group(group, look=1, why=why)
    await known.look_at_group("00000000-0000-4000-8000-000000000000", look=1, why=why)
    assert (await known.watch.tenant(), known.ledger_writes()) == (before, writes)
    assert known.watch.changed() == []
    assert await known.requests() == calls


@pytest.mark.real
async def test_a_group_that_the_watch_itself_asks_about_is_read_and_dropped_if_it_assigns_nothing(
    known: Scene,
) -> None:
    group = known.world.cast["group_emergency"]
    before = await known.watch.tenant()
    await known.look_at_group(group, look=1)
    await known.look_at_group("00000000-0000-4000-8000-000000000000", look=1)
    assert await known.watch.tenant() == before
    assert known.watch.changed() == []
    assert await known.calls(MEMBERS) == 0


@pytest.mark.real
async def test_a_burst_of_notifications_reads_a_group_once_now_and_once_later(known: Scene) -> None:
    people = await unlicensed(known, 3)
    group = await assigning(known, *people)
    await known.look_at_group(group)
    await known.empty_queues()
    known.clock.pass_by(hours=1)
    at = known.clock.now()
    read = await known.calls(MEMBERS)
    for late in (0, 1, 2):
        message = Changed(at=at - timedelta(seconds=late), groups=(group,))
        await evaluate_groups(known.watch, message)
    assert await known.calls(MEMBERS) == read + 1
    later = [read_changed(text) for text, _ in known.watch.changed_users.sent]
    assert [(one.groups, one.look) for one in later] == [((group,), 2)] * 3
    assert len({one.at for one in later}) == 1
    known.clock.pass_by(minutes=6)
    await known.empty_queues()
    for one in later:
        await evaluate_groups(known.watch, one)
    assert await known.calls(MEMBERS) == read + 2
    assert known.watch.changed() == []


@pytest.mark.real
async def test_a_group_that_another_worker_reads_is_left_to_it_and_asked_about_a_little_later(
    known: Scene,
) -> None:
    [person] = await unlicensed(known, 1)
    group = await assigning(known, person)
    async with known.watch.ledger.lock(f"groups/{group}", 60) as held:
        assert held
        message = Changed(at=known.clock.now(), groups=(group,), why=AGAIN)
        await evaluate_groups(known.watch, message)
    [(text, delay)] = known.watch.changed_users.sent
    assert (read_changed(text), delay) == (message, 15.0)
    assert await known.calls(MEMBERS) == 0


@pytest.mark.real
async def test_a_group_that_was_read_while_a_message_waited_for_it_is_not_read_again(known: Scene) -> None:
    [person] = await unlicensed(known, 1)
    group = await assigning(known, person)
    await known.look_at_group(group)
    known.clock.pass_by(hours=1)
    await known.empty_queues()
    told = put_on_at(Changed(at=known.clock.now(), groups=(group,)), None)
    async with known.watch.ledger.lock(f"groups/{group}", 60):
        await evaluate_groups(known.watch, told)
    [(text, _)] = known.watch.changed_users.sent
    read = await known.calls(MEMBERS)
    await known.look_at_group(group)
    # That reading began before the message was put back, and ends now.
    await evaluate_groups(known.watch, put_on_at(read_changed(text), known.clock.now()))
    assert await known.calls(MEMBERS) == read + 1


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
    assert looked_at(known) == set(people), "the group has only just begun to assign"
    known.clock.pass_by(minutes=2)
    await known.look_at_group(group)
    assert looked_at(known) == short
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
async def test_after_a_reading_of_the_tenant_groups_that_are_new_or_assign_no_more_are_looked_at(
    known: Scene,
) -> None:
    people = await unlicensed(known, 2)
    group = await assigning(known, *people)
    known.clock.pass_by(minutes=2)
    await facts.refresh(known.watch)
    await groups.ask_about_new_and_former(known.watch)
    asked = [one for one in known.watch.changed() if group in one.groups]
    assert [one.why for one in asked] == [AGAIN]
    await evaluate_groups(known.watch, asked[0])
    assert looked_at(known) >= set(people)
    await known.empty_queues()
    await groups.ask_about_new_and_former(known.watch)
    assert known.watch.changed() == []
    await known.control.do(SetGroupLicences(group=group, licences={}))
    assert await known.control.settle()
    known.clock.pass_by(minutes=2)
    await facts.refresh(known.watch)
    assert group not in (await known.watch.facts()).groups
    await groups.ask_about_new_and_former(known.watch)
    [former] = known.watch.changed()
    assert former.groups == (group,)
    await evaluate_groups(known.watch, former)
    assert looked_at(known) == set(people)
    await groups.ask_about_new_and_former(known.watch)
    assert known.watch.changed() == []


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
    await known.look_at_group(group)
    await known.empty_queues()
    await known.look_at_group(group, look=1, why=HEARD)
    [(text, delay)] = known.watch.changed_users.sent
    again = read_changed(text)
    assert (again.groups, again.look, again.why) == ((group,), 2, HEARD)
    assert 290 < delay <= 300
    known.watch.changed()
    known.clock.pass_by(minutes=6)
    read = await known.calls(MEMBERS)
    await evaluate_groups(known.watch, again)
    assert await known.calls(MEMBERS) == read + 1
    assert known.watch.changed() == []


@pytest.mark.real
async def test_a_group_read_by_a_clock_that_was_ahead_is_read_again_and_looked_at_in_time(
    known: Scene,
) -> None:
    [person] = await unlicensed(known, 1)
    group = await assigning(known, person)
    known.clock.pass_by(hours=1)
    await known.look_at_group(group)
    await known.empty_queues()
    known.clock.pass_by(hours=-1)
    read = await known.calls(MEMBERS)
    await known.look_at_group(group, look=1, why=HEARD)
    assert await known.calls(MEMBERS) == read + 1
    [(_, delay)] = known.watch.changed_users.sent
    assert 290 < delay <= 300


@pytest.mark.real
async def test_a_group_is_looked_at_again_while_its_job_runs_but_no_longer_than_four_hours(
    known: Scene,
) -> None:
    [person] = await unlicensed(known, 1)
    await known.control.set_rates(licensing_delay=(9 * 3600, 9 * 3600))
    group = await assigning(known, person, settled=False)
    await known.look_at_group(group)
    known.watch.changed()
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
    message = Changed(at=known.clock.now(), groups=(slow, fine), look=2, why=AGAIN)
    await evaluate_groups(known.watch, message)
    sent = [(read_changed(text), delay) for text, delay in known.watch.changed_users.sent]
    [(back, delay)] = [(one, delay) for one, delay in sent if one.groups]
    assert (back.groups, back.at, back.why) == ((slow,), message.at, AGAIN)
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
            ("noted by a clock that was ahead", now + timedelta(days=1)),
        )
    }
    assert [name for name, group in groups.items() if group.job_runs(now)] == ["young", "old"]
