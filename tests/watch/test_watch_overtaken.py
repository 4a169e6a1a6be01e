"""Facts that change while everybody is being read: whoever was judged by the old ones is looked at again."""

from collections.abc import Awaitable, Callable

import msgspec
import pytest

from sandbox.graph import skus
from sandbox.graph.operations import SetSku
from shared.findings.owed import EVERYBODY
from shared.graph.tenant import read_tenant
from shared.model import TenantFacts
from shared.watch.hearing import subscriptions
from shared.watch.messages import FACTS
from shared.watch.tenant_facts import facts
from shared.watch.users import rejudge, sweep
from tests.watch.scene import Scene

pytestmark = pytest.mark.real


async def lapses(scene: Scene) -> None:
    """The subscription ends, and the tenant is read again."""
    await scene.control.do(SetSku(sku=skus.M365_E5, status="Suspended"))
    scene.clock.pass_by(minutes=2)
    await facts.refresh(scene.watch)


async def administrators_may_no_longer_reset(scene: Scene) -> None:
    """A change that everybody's verdict hangs on."""
    scene.clock.pass_by(minutes=2)
    with pytest.MonkeyPatch.context() as patch:
        otherwise(patch)
        await facts.refresh(scene.watch)


def otherwise(patch: pytest.MonkeyPatch, meanwhile: Callable[[], Awaitable[object]] | None = None) -> None:
    """The tenant as read has another switch for administrators; something may happen during the reading."""

    async def read(*given: object) -> TenantFacts:
        found = await read_tenant(*given)  # type: ignore[arg-type]  # passed on as they came
        if meanwhile:
            await meanwhile()
        return msgspec.structs.replace(found, admin_sspr_allowed=not found.admin_sspr_allowed)

    patch.setattr(facts, read_tenant.__name__, read)


async def started(scene: Scene) -> None:
    """The first reading of all users has begun."""
    await subscriptions.keep(await scene.ready())
    assert await sweep.start_if_due(scene.watch)


def once_judged(scene: Scene, patch: pytest.MonkeyPatch, happens: Callable[[Scene], Awaitable[None]]) -> None:
    """Between judging and committing users let something happen, and what is owed then be paid."""
    commit = scene.watch.ledger.commit_users

    async def later(*given: object, **named: object) -> object:
        patch.setattr(scene.watch.ledger, "commit_users", commit)
        await happens(scene)
        await rejudge.pay(scene.watch)
        return await commit(*given, **named)  # type: ignore[arg-type]  # passed on as they came

    patch.setattr(scene.watch.ledger, "commit_users", later)


async def holders(scene: Scene) -> set[str]:
    return {one async for _, ids in scene.watch.ledger.holders([skus.M365_E5]) for one in ids}


async def outdated(scene: Scene) -> set[str]:
    """Who is judged by older facts than there are."""
    generation = (await scene.watch.facts()).generation
    return {one async for _, ids in scene.watch.ledger.everybody(before=generation) for one in ids}


async def same_sweep(scene: Scene) -> bool:
    """Whether the first reading of all users is the only one, and no other was ordered."""
    record = (await scene.watch.tenant()).sweep
    assert record is not None
    assert record.ended_at
    return (record.why, record.again) == ("first", "")


async def test_whom_a_sweep_commits_by_the_facts_from_before_is_looked_at_when_it_has_ended(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await started(scene)
    once_judged(scene, monkeypatch, lapses)
    await scene.run_sweep()
    wanted = await holders(scene)
    assert wanted
    assert wanted <= await outdated(scene)
    assert (await scene.watch.tenant()).owed == (skus.M365_E5,)
    scene.watch.changed()
    assert await rejudge.pay(scene.watch)
    told = scene.watch.changed_users.sent
    assert told
    await scene.work_off()
    assert not wanted & await outdated(scene)
    assert (await scene.watch.tenant()).owed == ()
    assert await same_sweep(scene)


async def test_what_everybody_hangs_on_needs_no_second_sweep_where_ids_suffice(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await started(scene)
    once_judged(scene, monkeypatch, administrators_may_no_longer_reset)
    await scene.run_sweep()
    wanted = await outdated(scene)
    assert wanted
    assert (await scene.watch.tenant()).owed == (EVERYBODY,)
    assert await rejudge.pay(scene.watch)
    messages = scene.watch.changed()
    assert {user for one in messages for user in one.users if one.why == FACTS} == wanted
    assert (await scene.watch.tenant()).owed == ()
    assert await same_sweep(scene)


async def test_too_many_are_read_with_everybody_but_only_when_the_sweep_has_ended(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rejudge, "FEW", 1)
    await started(scene)
    once_judged(scene, monkeypatch, administrators_may_no_longer_reset)
    await scene.run_sweep()
    assert await same_sweep(scene)
    assert await rejudge.pay(scene.watch)
    assert not [one for one in scene.watch.changed() if one.why == FACTS]
    await scene.run_sweep()
    assert await outdated(scene) == set()
    assert (await scene.watch.tenant()).owed == ()


@pytest.mark.parametrize("happens", [lapses, administrators_may_no_longer_reset])
async def test_what_changes_before_anybody_is_judged_costs_nothing(
    scene: Scene, happens: Callable[[Scene], Awaitable[None]]
) -> None:
    await started(scene)
    await happens(scene)
    assert not await rejudge.pay(scene.watch)
    assert (await scene.watch.tenant()).owed
    await scene.run_sweep()
    assert await outdated(scene) == set()
    assert await rejudge.pay(scene.watch)
    assert not [one for one in scene.watch.changed() if one.why == FACTS]
    assert (await scene.watch.tenant()).owed == ()
    assert await same_sweep(scene)


async def test_those_whom_the_ledger_has_are_told_of_at_once_and_once_while_a_sweep_goes_on(
    known: Scene,
) -> None:
    await sweep.start_again(known.watch)
    wanted = await holders(known)
    await lapses(known)
    assert await rejudge.pay(known.watch)
    assert {user for one in known.watch.changed() for user in one.users} == wanted
    assert (await known.watch.tenant()).owed == (skus.M365_E5,)
    for _ in range(2):
        assert not await rejudge.pay(known.watch)
    assert known.watch.changed() == []
    await known.run_sweep()
    assert await rejudge.pay(known.watch)
    assert known.watch.changed() == []
    assert (await known.watch.tenant()).owed == ()


async def test_a_sweep_that_comes_and_goes_while_the_facts_are_read_does_not_count_as_judging_by_them(
    known: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def everybody_is_read() -> None:
        monkeypatch.undo()
        await sweep.start_again(known.watch)
        await known.run_sweep()

    known.clock.pass_by(minutes=2)
    otherwise(monkeypatch, everybody_is_read)
    await facts.refresh(known.watch)
    assert await outdated(known)
    assert (await known.watch.tenant()).owed == (EVERYBODY,)
    assert await rejudge.pay(known.watch)
    await known.run_sweep()
    assert await outdated(known) == set()
