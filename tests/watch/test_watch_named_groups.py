"""The members of groups that exceptions and routes name: read soon, kept, and nobody else's trouble."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest
from azure.core.exceptions import HttpResponseError

from sandbox.graph.faults import Fault
from sandbox.graph.operations import DeleteGroup
from sandbox.storage_proxy import Match
from shared.graph.groups import MemberPage, member_pages
from shared.graph.session import GraphSession
from shared.ledger import members
from shared.ledger.manifest import exceptions_path, watched_path
from shared.ledger.memberships import memberships
from shared.ledger.records import NamedGroup
from shared.model import EvidenceStatus, Step
from shared.notify.exceptions import agreed
from shared.notify.exceptions.agreed import AgreedUnreadable
from shared.notify.exceptions.proposals import Proposal
from shared.settings.routes import RouteRule, RouteSettings
from shared.watch.licensing.groups import evaluate_groups, that_matter
from shared.watch.messages import HEARD, Changed
from shared.watch.reach import named_groups
from shared.watch.tenant_facts import facts
from shared.watch.wellbeing.overdue import refused
from tests.watch.scene import Scene, Worker

pytestmark = pytest.mark.real

MEMBERS = "GET /groups/{id}/transitiveMembers"


async def excepted(scene: Scene, *groups: str, days: float = 30) -> list[str]:
    """Agree an exception for each of these groups; their ids."""
    proposals = [
        Proposal(
            owner="Ada",
            reason="Agreed",
            until=scene.clock.now() + timedelta(days=days),
            subject_type="group",
            subject_id=group,
        )
        for group in groups
    ]
    watch = scene.watch
    made = await agreed.add(
        watch.storage.ledger, watch.settings.tenant_id, proposals, watch.rules.kinds, scene.clock.now()
    )
    return [one.exemption.id for one in made]


async def listed(watch: Worker, group: str) -> set[str] | None:
    stored = await watch.storage.evidence.read(watched_path(watch.settings.tenant_id, group))
    return set(members.users(stored.data)) if stored else None


async def named(watch: Worker, group: str) -> NamedGroup:
    return (await watch.tenant()).named[group]


def inside(scene: Scene, group: str) -> set[str]:
    """Everybody in the group or in groups in it, as the simulated tenant has them."""
    one = scene.world.groups[group]
    return set(one.members).union(*(inside(scene, nested) for nested in one.nested))


async def outer_and_inner(scene: Scene) -> tuple[str, str]:
    """A group with groups in it, named by an exception and read; and one of those in it."""
    outer = scene.world.cast["group_sspr"]
    await excepted(scene, outer)
    assert await named_groups.refresh_if_due(scene.watch)
    return outer, min(scene.world.groups[outer].nested)


async def test_nothing_is_read_where_nothing_is_named(known: Scene) -> None:
    calls = await known.calls()
    assert not await named_groups.refresh_if_due(known.watch)
    assert await known.calls() == calls
    assert named_groups.EVIDENCE not in (await known.watch.facts()).evidence


async def test_a_new_group_is_read_at_the_next_turn_with_all_who_are_in_groups_in_it(known: Scene) -> None:
    watch = known.watch
    outer, inner = await outer_and_inner(known)
    assert await listed(watch, outer) == inside(known, outer)
    one = await named(watch, outer)
    assert (one.users, set(one.nested)) == (
        len(inside(known, outer)),
        set(known.world.groups[outer].nested),
    )
    assert inner in one.nested
    assert (await watch.facts()).evidence_of("named-groups").status is EvidenceStatus.OK
    calls = await known.calls(MEMBERS)
    assert not await named_groups.refresh_if_due(watch)
    assert await known.calls(MEMBERS) == calls


async def test_a_group_named_a_minute_later_does_not_wait_for_the_day_of_the_others(known: Scene) -> None:
    outer, inner = await outer_and_inner(known)
    await excepted(known, inner)
    known.clock.pass_by(minutes=1)
    calls = await known.calls(MEMBERS)
    assert await named_groups.refresh_if_due(known.watch)
    assert await known.calls(MEMBERS) == calls + 1
    assert await listed(known.watch, inner) == inside(known, inner)
    assert set((await known.watch.tenant()).named) == {outer, inner}


async def test_all_are_read_again_as_often_as_the_report(known: Scene) -> None:
    outer, inner = await outer_and_inner(known)
    person = min(inside(known, inner))
    await known.control.remove_members(inner, person)
    known.clock.pass_by(hours=20)
    assert not await named_groups.refresh_if_due(known.watch)
    known.clock.pass_by(hours=4)
    assert await named_groups.refresh_if_due(known.watch)
    assert await listed(known.watch, outer) == inside(known, outer)


async def test_a_change_of_a_group_in_it_leads_to_one_reading_and_a_burst_to_no_more(known: Scene) -> None:
    watch = known.watch
    outer, inner = await outer_and_inner(known)
    assert {outer, inner} <= await that_matter(watch)
    person = min(inside(known, inner))
    known.clock.pass_by(minutes=20)
    await known.control.remove_members(inner, person)
    writes = known.ledger_writes()
    for _ in range(3):
        await known.look_at_group(inner, why=HEARD)
    assert known.ledger_writes() == writes + 1
    assert await named_groups.refresh_if_due(watch)
    assert person not in (await listed(watch, outer) or ())
    await known.look_at_group(inner, why=HEARD)
    # Soon after a reading the next waits its time.
    assert not await named_groups.refresh_if_due(watch)
    known.clock.pass_by(minutes=15)
    assert await named_groups.refresh_if_due(watch)
    known.clock.pass_by(minutes=15)
    assert not await named_groups.refresh_if_due(watch)


async def test_a_word_that_is_older_than_the_reading_or_of_another_group_reads_nothing(known: Scene) -> None:
    before = known.clock.now()
    known.clock.pass_by(minutes=1)
    _, inner = await outer_and_inner(known)
    known.clock.pass_by(minutes=20)
    await evaluate_groups(known.watch, Changed(at=before, groups=(inner,), why=HEARD))
    await known.look_at_group(known.world.cast["group_emergency"], why=HEARD)
    assert not await named_groups.refresh_if_due(known.watch)


async def test_a_word_that_comes_while_the_group_is_read_is_not_forgotten(
    known: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = known.watch
    outer, inner = await outer_and_inner(known)
    known.clock.pass_by(minutes=20)
    await known.look_at_group(inner, why=HEARD)

    async def and_then_it_changes(
        session: GraphSession, group_id: str, *, transitive: bool
    ) -> AsyncIterator[MemberPage]:
        async for page in member_pages(session, group_id, transitive=transitive):
            yield page
        await known.look_at_group(inner, why=HEARD)

    with monkeypatch.context() as patch:
        patch.setattr(named_groups, "member_pages", and_then_it_changes)
        assert await named_groups.refresh_if_due(watch)
    known.clock.pass_by(minutes=15)
    assert await named_groups.refresh_if_due(watch)
    known.clock.pass_by(minutes=15)
    assert not await named_groups.refresh_if_due(watch)
    assert await listed(watch, outer) == inside(known, outer)


async def test_a_group_that_is_refused_keeps_its_list_is_noted_and_tried_again_within_the_hour(
    known: Scene,
) -> None:
    watch = known.watch
    outer, inner = await outer_and_inner(known)
    before = await listed(watch, outer)
    other = known.world.cast["group_emergency"]
    await excepted(known, other)
    known.clock.pass_by(hours=24)
    await known.control.fault(Fault(path=f"/groups/{outer}/transitiveMembers", status=403, code="Denied"))
    assert await named_groups.refresh_if_due(watch)
    # The one does not hinder the other.
    assert await listed(watch, other) == inside(known, other)
    assert await listed(watch, outer) == before
    piece = (await watch.facts()).evidence_of("named-groups")
    assert (piece.status, piece.permission) == (EvidenceStatus.FORBIDDEN, "Group.Read.All")
    assert piece.read_at is not None
    assert "named-groups" in refused(await watch.tenant(), watch.settings)
    # Another reading of the tenant's facts leaves it so.
    await facts.refresh(watch)
    assert (await watch.facts()).evidence_of("named-groups") == piece
    await known.control.remove_members(inner, min(inside(known, inner)))
    known.clock.pass_by(minutes=61)
    assert await named_groups.refresh_if_due(watch)
    assert await listed(watch, outer) == inside(known, outer)
    assert (await watch.facts()).evidence_of("named-groups").status is EvidenceStatus.OK


async def test_a_deleted_group_keeps_its_list_and_becomes_a_finding_when_that_is_too_old(
    known: Scene,
) -> None:
    watch = known.watch
    outer, _ = await outer_and_inner(known)
    before = await listed(watch, outer)
    await known.control.do(DeleteGroup(group=outer))
    known.clock.pass_by(hours=24)
    assert await named_groups.refresh_if_due(watch)
    assert await listed(watch, outer) == before
    assert (await named(watch, outer)).evidence.status is EvidenceStatus.FAILED
    missing = "evidence-missing|named-groups"
    assert missing not in (await watch.tenant()).subjects["tenant"].open
    known.clock.pass_by(days=14)
    assert await named_groups.refresh_if_due(watch)
    assert missing in (await watch.tenant()).subjects["tenant"].open
    assert [
        line.kind
        for line in await watch.lines(watch.settings.tenant_id)
        if line.subject.about == "named-groups"
    ]


async def test_a_group_whose_list_is_in_force_is_not_taken_for_a_mistyped_one(known: Scene) -> None:
    watch = known.watch
    outer, _ = await outer_and_inner(known)
    mistyped = "99999999-9999-4999-8999-999999999999"
    await excepted(known, mistyped)
    known.clock.pass_by(hours=24)
    await known.control.fault(Fault(path=f"/groups/{outer}/transitiveMembers", status=403, code="Denied"))
    await named_groups.refresh_if_due(watch)
    assert (await named(watch, outer)).evidence.status is not EvidenceStatus.OK
    assert set((await watch.facts()).evidence_of("named-groups").unread) == {mistyped}


async def test_an_id_that_is_no_group_is_told_at_once_and_the_finding_goes_with_its_exception(
    known: Scene,
) -> None:
    watch = known.watch
    unknown = "5f000000-0000-4000-8000-00000000dead"
    [key] = await excepted(known, unknown)
    assert await named_groups.refresh_if_due(watch)
    missing = "evidence-missing|named-groups"
    finding = (await watch.tenant()).subjects["tenant"].open[missing].finding
    assert (finding.state, finding.groups) == ("failed", (unknown,))
    assert finding.remedy[0] == Step(step="end-exception", values={"group": unknown, "exception": key})
    assert await memberships(watch.storage, watch.settings.tenant_id, [unknown], ["x"]) == {}
    await agreed.end(watch.storage.ledger, watch.settings.tenant_id, key, known.clock.now())
    known.clock.pass_by(days=8)
    assert await named_groups.refresh_if_due(watch)
    record = await watch.tenant()
    assert missing not in record.subjects["tenant"].open
    assert record.named == {}
    assert "named-groups" not in (await watch.facts()).evidence


async def test_a_group_that_graph_puts_off_is_asked_for_when_it_said_and_nothing_is_noted(
    known: Scene,
) -> None:
    watch = known.watch
    outer = known.world.cast["group_sspr"]
    await excepted(known, outer)
    path = f"/groups/{outer}/transitiveMembers"
    await known.control.fault(Fault(path=path, status=429, code="TooManyRequests", retry_after="900"))
    assert await named_groups.refresh_if_due(watch)
    assert "named-groups" not in (await watch.facts()).evidence
    known.clock.pass_by(minutes=10)
    assert not await named_groups.refresh_if_due(watch)
    known.clock.pass_by(minutes=5)
    assert await named_groups.refresh_if_due(await known.another().ready())
    assert await listed(watch, outer) == inside(known, outer)


async def test_a_page_that_graph_has_forgotten_starts_the_group_again(known: Scene) -> None:
    outer = known.world.cast["group_sspr"]
    await excepted(known, outer)
    path = f"/groups/{outer}/transitiveMembers"
    await known.control.fault(Fault(path=path, status=410, code="Directory_ExpiredPageToken"))
    assert await named_groups.refresh_if_due(known.watch)
    assert await listed(known.watch, outer) == inside(known, outer)


async def test_what_nobody_names_any_more_is_forgotten_a_week_later(known: Scene) -> None:
    watch = known.watch
    outer = known.world.cast["group_sspr"]
    [key] = await excepted(known, outer)
    await named_groups.refresh_if_due(watch)
    await agreed.end(watch.storage.ledger, watch.settings.tenant_id, key, known.clock.now())
    known.clock.pass_by(days=6)
    await named_groups.refresh_if_due(watch)
    assert await listed(watch, outer) == inside(known, outer)
    known.clock.pass_by(days=2)
    assert await named_groups.refresh_if_due(watch)
    assert await listed(watch, outer) is None
    assert outer not in await that_matter(watch)


async def test_groups_of_routes_are_named_as_well(known: Scene) -> None:
    outer, inner = await outer_and_inner(known)
    watch = known.watch
    assert set(await named_groups.named_groups(watch)) == {outer}
    sales = RouteSettings(rule=RouteRule(name="sales", groups=(inner,)), url="https://example.com/hook")
    routes = (*watch.settings.routes, sales)
    watch.settings = msgspec.structs.replace(watch.settings, routes=routes)
    named_by = await named_groups.named_groups(watch)
    assert named_by.keys() == {outer, inner}
    assert named_by[inner] == ("route:sales",)
    assert named_by[outer][0].startswith("exception:")


async def test_a_group_that_could_never_be_read_is_given_up_with_its_exception(known: Scene) -> None:
    watch = known.watch
    mistyped = "99999999-9999-4999-8999-999999999999"
    [given] = await excepted(known, mistyped)
    await named_groups.refresh_if_due(watch)
    assert mistyped in (await watch.tenant()).named
    await agreed.end(watch.storage.ledger, watch.settings.tenant_id, given, known.clock.now())
    known.clock.pass_by(minutes=1)
    assert mistyped not in await named_groups.named_groups(watch)
    await named_groups.refresh_if_due(watch)
    assert mistyped not in (await watch.tenant()).named


async def test_another_group_that_nobody_can_read_is_news_and_one_that_can_is_not_named(known: Scene) -> None:
    watch = known.watch
    outer, first, second = (
        known.world.cast["group_sspr"],
        "99999999-9999-4999-8999-999999999991",
        "99999999-9999-4999-8999-999999999992",
    )
    for group in (outer, first, second):
        await excepted(known, group)
        known.clock.pass_by(minutes=1)
        await named_groups.refresh_if_due(watch)
    news = [
        (str(line.transition), line.groups)
        for line in await watch.lines(watch.settings.tenant_id)
        if line.subject.about == "named-groups"
    ]
    assert news == [("opened", (first,)), ("changed", (first, second))]


async def test_exceptions_that_cannot_be_read_leave_every_list_as_it_is(known: Scene) -> None:
    watch = known.watch
    outer, _ = await outer_and_inner(known)
    await watch.storage.ledger.put(exceptions_path(watch.settings.tenant_id), b"{")
    known.clock.pass_by(hours=24)
    with pytest.raises(AgreedUnreadable):
        await named_groups.refresh_if_due(watch)
    assert await listed(watch, outer) == inside(known, outer)


async def test_of_two_workers_one_reads(known: Scene) -> None:
    await excepted(known, known.world.cast["group_sspr"])
    other = await known.another().ready()
    calls = await known.calls(MEMBERS)
    ran = await asyncio.gather(*map(named_groups.refresh_if_due, (known.watch, other)))
    assert True in ran
    assert await known.calls(MEMBERS) == calls + 1


@pytest.mark.parametrize("place", ["^evidence/.*/watched/", r"^ledger/.*/tenant$"])
async def test_a_turn_that_dies_is_made_up_for_by_the_next(known: Scene, place: str) -> None:
    outer = known.world.cast["group_sspr"]
    await excepted(known, outer)
    known.proxy.answer(Match("PUT", place), 403)
    with pytest.raises(HttpResponseError):
        await named_groups.refresh_if_due(known.watch)
    assert await named_groups.refresh_if_due(known.watch)
    assert await listed(known.watch, outer) == inside(known, outer)
    assert (await named(known.watch, outer)).users


async def test_a_turn_that_takes_too_long_leaves_the_rest_to_the_next(
    known: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = [known.world.cast["group_sspr"], known.world.cast["group_emergency"]]
    await excepted(known, *groups)
    monkeypatch.setattr(named_groups, "_AT_MOST", timedelta(0))
    assert await named_groups.refresh_if_due(known.watch)
    assert (await known.watch.tenant()).named == {}
    monkeypatch.undo()
    assert await named_groups.refresh_if_due(known.watch)
    assert set((await known.watch.tenant()).named) == set(groups)


async def test_memberships_are_those_of_the_users_asked_for_in_the_groups_asked_for(known: Scene) -> None:
    watch = known.watch
    outer, inner = await outer_and_inner(known)
    await excepted(known, inner)
    await named_groups.refresh_if_due(watch)
    tenant = watch.settings.tenant_id
    both = min(inside(known, inner))
    one = min(inside(known, outer) - inside(known, inner))
    nobody = min(known.world.users.keys() - inside(known, outer))
    asked = {both, one, nobody}
    assert await memberships(watch.storage, tenant, [outer, inner], asked) == {
        both: {outer, inner},
        one: {outer},
    }
    assert await memberships(watch.storage, tenant, [inner], asked) == {both: {inner}}
    assert await memberships(watch.storage, tenant, [], asked) == {}
    assert await memberships(watch.storage, tenant, [outer], []) == {}
