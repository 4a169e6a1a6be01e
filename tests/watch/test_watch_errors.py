"""Licence errors: members on whom a group's licence fails now, failed last time, or has an open finding."""

import asyncio

import pytest
from azure.core.exceptions import HttpResponseError

from sandbox.graph import skus
from sandbox.graph.faults import Fault
from sandbox.graph.operations import ForceError, ReprocessGroup, SetGroupLicences
from sandbox.storage_proxy import Match
from shared.graph.errors import Unavailable
from shared.watch.licensing import errors
from shared.watch.messages import ERRORS
from shared.watch.parts import Watch
from shared.watch.tenant_facts import facts
from shared.watch.users.evaluation import evaluate_users
from tests.watch.scene import Scene

pytestmark = pytest.mark.real

LISTED = "/groups"


async def failing(
    scene: Scene, count: int, *, seats: int = 0, sku: str = skus.ENTRA_P2
) -> tuple[str, set[str]]:
    """A licensing group with so few seats that its members fail; and these members."""
    people = [await scene.control.add_user(f"New {number}", synced=True) for number in range(count)]
    await scene.control.set_free_seats(sku, seats)
    group = await scene.control.add_licensing_group("Premium", [sku], people)
    assert await scene.control.settle()
    return group, set((await scene.control.group(group))["errors"])


def looked_at(scene: Scene) -> set[str]:
    """Users asked for because of errors since this was last asked."""
    messages = scene.watch.changed()
    assert {one.why for one in messages if one.users} <= {ERRORS}
    return {user for one in messages for user in one.users}


async def mended(scene: Scene, group: str) -> None:
    await scene.control.set_free_seats(skus.ENTRA_P2, 100)
    await scene.control.do(ReprocessGroup(group=group))
    assert await scene.control.settle()


async def test_all_members_in_error_are_looked_at_and_the_group_is_told_with_fresh_seats(
    known: Scene,
) -> None:
    known.clock.pass_by(minutes=2)
    group, short = await failing(known, 25)
    assert len(short) == 25
    generation = (await known.watch.facts()).generation
    await errors.look(known.watch)
    assert looked_at(known) == short
    found = (await known.watch.facts()).groups[group].errors
    assert [(one.code, one.members) for one in found] == [("CountViolation", 25)]
    assert (await known.watch.facts()).generation == generation + 1, "who is short is a question of seats"
    [line] = await known.watch.lines(group)
    assert (line.transition, line.kind) == ("opened", "licence-errors")
    await errors.look(known.watch)
    assert looked_at(known) == short, "no word comes of any change: they are looked at each time"
    assert (await known.watch.facts()).generation == generation + 1
    assert len(await known.watch.lines(group)) == 1


async def test_members_of_the_last_list_are_looked_at_once_more_when_nothing_fails_any_more(
    known: Scene,
) -> None:
    group, short = await failing(known, 3)
    await errors.look(known.watch)
    looked_at(known)
    await mended(known, group)
    await errors.look(known.watch)
    assert looked_at(known) == short
    assert (await known.watch.facts()).groups[group].errors == ()
    assert [line.transition for line in await known.watch.lines(group)] == ["opened", "resolved"]
    await errors.look(known.watch)
    assert looked_at(known) == set()


async def test_a_group_is_asked_itself_while_the_index_does_not_know_that_it_is_well(known: Scene) -> None:
    group, short = await failing(known, 2)
    await errors.look(known.watch)
    looked_at(known)
    await known.control.set_rates(index_lag=3600.0)
    await known.control.set_free_seats(skus.ENTRA_P2, 100)
    await known.control.do(ReprocessGroup(group=group))
    known.clock.pass_by(minutes=1)
    known.world.licensing.run(known.clock.now())
    known.world.licensing.run(known.clock.now())
    assert (await known.control.group(group))["errors"] == []
    await errors.look(known.watch)
    assert looked_at(known) == short
    assert (await known.watch.facts()).groups[group].errors == ()


async def test_failing_members_are_looked_at_when_due_whatever_becomes_of_delta(known: Scene) -> None:
    _, short = await failing(known, 2)
    await known.control.fault(Fault(path="/users/delta", status=503, count=100))
    for _ in range(2):
        assert await errors.look_if_due(known.watch)
        assert looked_at(known) == short
        for _ in range(2):
            known.clock.pass_by(minutes=5)
            assert not await errors.look_if_due(known.watch)
        known.clock.pass_by(minutes=5)


async def test_a_look_that_was_cut_short_is_done_again_and_one_that_graph_refused_in_its_time(
    known: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[Exception] = [Unavailable(503), ChildProcessError()]

    async def broken(_: Watch) -> None:
        raise raised.pop()

    with monkeypatch.context() as patch:
        patch.setattr(errors, "look", broken)
        with pytest.raises(ChildProcessError):
            await errors.look_if_due(known.watch)
        assert await errors.look_if_due(known.watch)
    assert not await errors.look_if_due(known.watch)
    known.clock.pass_by(minutes=15)
    assert await errors.look_if_due(known.watch)


async def test_one_worker_at_a_time_looks_at_licence_errors_and_none_before_the_first_reading(
    scene: Scene,
) -> None:
    await scene.ready()
    assert not await errors.look_if_due(scene.watch)
    await scene.begin()
    other = await scene.another().ready()
    await scene.control.fault(Fault(path="/groups", kind="delay", seconds=0.3))
    ran = await asyncio.gather(errors.look_if_due(scene.watch), errors.look_if_due(other))
    assert sorted(ran) == [False, True]


async def test_users_with_an_open_finding_are_looked_at_although_no_group_lists_them(known: Scene) -> None:
    group, short = await failing(known, 2)
    await errors.look(known.watch)
    for message in known.watch.changed():
        await evaluate_users(known.watch, message)
    assert {one async for one in known.watch.ledger.failing_users()} == short
    await known.storage.evidence.delete(f"{known.watch.settings.tenant_id}/errors")
    await mended(known, group)
    await known.control.do(SetGroupLicences(group=group, licences={}))
    assert await known.control.settle()
    known.clock.pass_by(minutes=2)
    await facts.refresh(known.watch)
    await known.empty_queues()
    await errors.look(known.watch)
    assert looked_at(known) == short


async def test_an_error_that_changes_its_code_is_found_without_any_word_of_it(known: Scene) -> None:
    group, short = await failing(known, 1)
    [person] = short
    await errors.look(known.watch)
    for message in known.watch.changed():
        await evaluate_users(known.watch, message)
    await known.control.do(ForceError(group=group, user=person, code="ProhibitedInUsageLocationViolation"))
    await known.control.do(ReprocessGroup(group=group))
    assert await known.control.settle()
    await errors.look(known.watch)
    for message in known.watch.changed():
        await evaluate_users(known.watch, message)
    record = await known.watch.record(person)
    [own] = [one.finding for one in record.open.values() if one.finding.kind == "assignment-error"]
    assert own.cause == "ProhibitedInUsageLocationViolation"


async def test_the_list_is_kept_only_after_the_messages_are_sent(known: Scene) -> None:
    group, short = await failing(known, 2)
    await errors.look(known.watch)
    looked_at(known)
    await mended(known, group)
    known.proxy.answer(Match("POST", r"^changed-users/messages"), 403)
    with pytest.raises(HttpResponseError):
        await errors.look(known.watch)
    await errors.look(known.watch)
    assert looked_at(known) == short


@pytest.mark.parametrize("status", [403, 503])
async def test_what_graph_refuses_to_tell_stays_as_it_was(known: Scene, status: int) -> None:
    group, short = await failing(known, 2)
    await errors.look(known.watch)
    looked_at(known)
    before = await known.watch.facts()
    await known.control.fault(Fault(path="/groups*", status=status, count=50))
    await errors.look(known.watch)
    assert looked_at(known) == short
    assert (await known.watch.facts()).groups[group] == before.groups[group]
    assert await errors.recall(known.watch) == {group: short}
    assert [line.transition for line in await known.watch.lines(group)] == ["opened"]


async def test_a_later_look_at_a_group_is_not_overwritten(
    known: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    group, _ = await failing(known, 2)
    known.clock.pass_by(minutes=2)
    original = errors._read

    async def with_a_look_meanwhile(*given: object) -> object:
        found = await original(*given)  # type: ignore[arg-type]  # passed on as they came
        await mended(known, group)
        await known.look_at_group(group)
        return found

    await known.look_at_group(group)
    monkeypatch.setattr(errors, "_read", with_a_look_meanwhile)
    await errors.look(known.watch)
    assert (await known.watch.facts()).groups[group].errors == ()
