"""Life without notifications of groups: groups/delta tells which to look at (design §4.7)."""

import msgspec
import pytest
from azure.core.exceptions import HttpResponseError

from sandbox.graph.faults import Fault
from sandbox.graph.service_operations import ClearFaults
from sandbox.storage_proxy import Match
from shared.ledger.records import Posting, TenantRecord
from shared.watch.licensing import group_delta
from shared.watch.messages import AGAIN, DELTA
from shared.watch.subscription_memory import Kept, Refused, remember
from shared.watch.tenant import with_evidence
from shared.watch.tenant_facts import facts
from tests.watch.licensed import assigning, unlicensed
from tests.watch.scene import Scene

pytestmark = pytest.mark.real

PAGE = "/groups/delta"


@pytest.fixture
async def refused(known: Scene) -> Scene:
    """A tenant that refuses us notifications of groups."""
    now = known.clock.now()
    refusal = Refused(permission="Group.Read.All", since=now, tried_at=now)
    await remember(known.watch, Kept(at=now, refused={"groups": refusal}))
    return known


async def licensing(scene: Scene) -> tuple[str, str]:
    """A licensing group that the facts know, and its one member."""
    [person] = await unlicensed(scene, 1)
    group = await assigning(scene, person)
    scene.clock.pass_by(minutes=2)
    await facts.refresh(scene.watch)
    await scene.empty_queues()
    return group, person


async def runs(scene: Scene, minutes: int = 16) -> dict[str, set[str]]:
    """Let time pass and run it; the groups that it asks for, by who asks."""
    scene.clock.pass_by(minutes=minutes)
    assert await group_delta.look(scene.watch)
    asked: dict[str, set[str]] = {}
    for one in scene.watch.changed():
        asked.setdefault(one.why, set()).update(one.groups)
    return asked


async def test_it_is_needed_only_where_notifications_of_groups_are_refused(known: Scene) -> None:
    assert not await group_delta.needed(known.watch)
    assert not await group_delta.look(known.watch)
    now = known.clock.now()
    refusal = Refused(permission="Group.Read.All", since=now, tried_at=now)
    await remember(known.watch, Kept(at=now, refused={"groups": refusal}))
    assert await group_delta.needed(known.watch)


async def test_changed_groups_that_matter_are_looked_at_and_no_others(refused: Scene) -> None:
    group, _ = await licensing(refused)
    first = await runs(refused)
    assert group in first[AGAIN], "what happened before the chain began nobody tells"
    assert await runs(refused) == {}
    [person] = await unlicensed(refused, 1)
    plain = await refused.control.add_licensing_group("Plain", [], [person])
    await refused.control.add_members(group, person)
    assert await refused.control.settle()
    assert await runs(refused) == {DELTA: {group}}
    assert plain not in (await refused.watch.facts()).groups
    assert await runs(refused) == {}


async def test_it_runs_every_delta_every_and_one_at_a_time(refused: Scene) -> None:
    await runs(refused)
    assert not await group_delta.look(refused.watch)
    refused.clock.pass_by(minutes=16)
    async with refused.watch.ledger.lock("group-delta", 60) as held:
        assert held
        assert not await group_delta.look(refused.watch)
    assert await group_delta.look(refused.watch)


async def test_a_link_that_graph_has_forgotten_begins_anew_with_every_group_that_matters(
    refused: Scene,
) -> None:
    group, _ = await licensing(refused)
    await runs(refused)
    await refused.control.fault(Fault(path=PAGE, status=410, code="syncStateNotFound"))
    assert group in (await runs(refused))[AGAIN]
    assert await runs(refused) == {}


async def test_a_page_whose_groups_could_not_be_passed_on_is_asked_for_again(refused: Scene) -> None:
    group, _ = await licensing(refused)
    await runs(refused)
    [person] = await unlicensed(refused, 1)
    await refused.control.add_members(group, person)
    assert await refused.control.settle()
    refused.clock.pass_by(minutes=16)
    refused.proxy.answer(Match("POST", r"^changed-users/messages"), 403)
    with pytest.raises(HttpResponseError):
        await group_delta.look(refused.watch)
    assert await runs(refused) == {DELTA: {group}}


async def test_where_graph_fails_again_and_again_somebody_is_told_until_it_answers(refused: Scene) -> None:
    await runs(refused)
    await refused.control.fault(Fault(path=PAGE, status=503, count=8))
    for _ in range(2):
        await runs(refused)
        assert "groups-delta" not in (await refused.watch.tenant()).unwell
    await runs(refused)
    assert (await refused.watch.tenant()).unwell["groups-delta"].startswith("Unavailable 503")
    await refused.control.do(ClearFaults())
    await runs(refused)
    assert "groups-delta" not in (await refused.watch.tenant()).unwell


async def test_a_chain_is_let_go_when_notifications_come_and_begun_anew_when_not(refused: Scene) -> None:
    await runs(refused)
    assert (await group_delta.present(refused.watch)).link
    kept = Kept(at=refused.clock.now())
    await remember(refused.watch, kept)
    refused.clock.pass_by(minutes=16)
    assert not await group_delta.look(refused.watch)
    assert (await group_delta.present(refused.watch)) == group_delta.State()
    now = refused.clock.now()
    again = {"groups": Refused(permission="Group.Read.All", since=now, tried_at=now)}
    await remember(refused.watch, msgspec.structs.replace(kept, refused=again))
    assert AGAIN in await runs(refused)


@pytest.mark.parametrize("read_before", [True, False])
async def test_a_missing_permission_is_told_once_by_what_knows_of_it_first(
    refused: Scene, read_before: bool
) -> None:
    await runs(refused)
    never = msgspec.structs.replace((await refused.watch.facts()).evidence_of("groups"), read_at=None)

    def change(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
        assert record.facts is not None
        facts = record.facts if read_before else with_evidence(record.facts, {"groups": never})
        return msgspec.structs.replace(record, facts=facts), ()

    await refused.watch.ledger.commit_tenant(change, refused.clock.now())
    await refused.control.fault(Fault(path=PAGE, status=403, code="Authorization_RequestDenied", count=9))
    for _ in range(3):
        await runs(refused)
    assert ("groups-delta" in (await refused.watch.tenant()).unwell) == read_before
