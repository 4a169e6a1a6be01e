"""Groups in licensing groups: their members get nothing, and that is told of the group, not of each."""

import pytest
from azure.core.exceptions import HttpResponseError

from sandbox.graph import skus
from sandbox.graph.faults import Fault
from sandbox.graph.operations import Members as ChangeMembers
from sandbox.storage_proxy import Match
from shared.watch.licensing import nested
from shared.watch.licensing.groups import evaluate_groups
from shared.watch.messages import HEARD, STANDING, Changed
from shared.watch.tenant_facts import facts
from shared.watch.users.evaluation import evaluate_users
from tests.watch.cards import Cards
from tests.watch.scene import Scene, looked_at

pytestmark = pytest.mark.real


class Nest:
    """A licensing group with one direct member, a department in it, and a team in that."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.group = self.department = self.team = ""
        self.direct = self.first = self.second = ""

    async def made(self) -> "Nest":
        control = self.scene.control
        await control.set_free_seats(skus.ENTRA_P2, 100)
        names = ("Direct", "First", "Second")
        people = [await control.add_user(name, synced=True) for name in names]
        self.direct, self.first, self.second = people
        self.team = await control.add_licensing_group("Team", [], [self.second])
        self.department = await control.add_licensing_group("Department", [], [self.first, self.team])
        self.group = await control.add_licensing_group(
            "Premium", [skus.ENTRA_P2], [self.direct, self.department]
        )
        assert await control.settle()
        await self.scene.look_at(*people)
        self.scene.clock.pass_by(minutes=2)
        await facts.refresh(self.scene.watch)
        await self.scene.empty_queues()
        return self

    async def standing(self, user: str) -> tuple[str, ...]:
        watch = self.scene.watch
        found = await watch.standings.of(watch.manifest, [user], await watch.facts())
        return found[user].nested_in


async def judged(scene: Scene) -> None:
    """Work on what is on the queue for users when it is due."""
    messages = scene.watch.changed()
    scene.clock.pass_by(minutes=1)
    for message in messages:
        if message.users:
            await evaluate_users(scene.watch, message)


async def test_nested_members_at_any_depth_are_marked_and_counted_and_the_group_is_told(known: Scene) -> None:
    nest = await Nest(known).made()
    assert await nested.refresh(known.watch)
    group = (await known.watch.facts()).groups[nest.group]
    assert set(group.nested) == {nest.department, nest.team}
    assert group.nested_unlicensed == 2
    assert await nest.standing(nest.first) == await nest.standing(nest.second) == (nest.group,)
    assert await nest.standing(nest.direct) == ()
    [line] = await known.watch.lines(nest.group)
    assert (line.kind, line.facts["members"]) == ("nested-members-unlicensed", 2)
    messages = known.watch.changed()
    assert {one.why for one in messages} == {STANDING}
    assert {user for one in messages for user in one.users} == {nest.first, nest.second}


async def test_one_card_names_the_group_and_none_its_nested_members(known: Scene) -> None:
    cards = Cards(known)
    await cards.after(hours=1)
    nest = await Nest(known).made()
    await nested.refresh(known.watch)
    await judged(known)
    record = await known.watch.record(nest.second)
    [own] = [one.finding for one in record.open.values()]
    assert (own.kind, own.groups) == ("coverage", (nest.group,))
    assert {(one.kind, one.subject) for one in own.because} == {("nested-members-unlicensed", nest.group)}
    titles = await cards.after(hours=2)
    assert len(titles) == 1
    assert "nested" in titles[0].lower()
    assert "Premium" in cards.text


async def test_who_has_the_product_otherwise_is_not_counted(known: Scene) -> None:
    nest = await Nest(known).made()
    await known.control.assign(nest.first, skus.ENTRA_P2)
    await known.look_at(nest.first)
    await nested.refresh(known.watch)
    assert (await known.watch.facts()).groups[nest.group].nested_unlicensed == 1


async def test_who_becomes_a_member_itself_or_leaves_is_no_longer_nested_and_looked_at(known: Scene) -> None:
    nest = await Nest(known).made()
    await nested.refresh(known.watch)
    await known.empty_queues()
    await known.control.add_members(nest.group, nest.first)
    await known.control.remove_members(nest.team, nest.second)
    assert await known.control.settle()
    await nested.refresh(known.watch)
    assert looked_at(known) == {nest.first, nest.second}
    assert await nest.standing(nest.first) == await nest.standing(nest.second) == ()
    await known.look_at(nest.first, nest.second)
    await nested.refresh(known.watch)
    assert looked_at(known) == set()
    assert [line.transition for line in await known.watch.lines(nest.group)] == ["opened", "resolved"]


async def test_a_group_that_is_taken_out_leaves_nobody_nested(known: Scene) -> None:
    nest = await Nest(known).made()
    await nested.refresh(known.watch)
    await known.control.do(ChangeMembers(group=nest.group, remove=(nest.department,)))
    assert await known.control.settle()
    await known.empty_queues()
    await nested.refresh(known.watch)
    assert looked_at(known) == {nest.first, nest.second}
    assert (await known.watch.facts()).groups[nest.group].nested == ()
    assert await known.watch.standings.nesting.shards(known.watch.manifest.epoch) == frozenset()


@pytest.mark.parametrize("part", ["members/graph.group", "transitiveMembers"])
async def test_a_group_that_cannot_be_read_stays_as_it_was(known: Scene, part: str) -> None:
    nest = await Nest(known).made()
    await nested.refresh(known.watch)
    await known.empty_queues()
    before = await known.watch.facts()
    await known.control.fault(Fault(path=f"/groups/*/{part}", status=503, count=100))
    await nested.refresh(known.watch)
    assert (await known.watch.facts()).groups == before.groups
    assert await nest.standing(nest.first) == (nest.group,)
    assert looked_at(known) == set()


async def test_where_the_query_by_type_is_refused_all_members_are_read(known: Scene) -> None:
    nest = await Nest(known).made()
    fault = Fault(
        path="/groups/*/members/graph.group", status=400, code="Request_UnsupportedQuery", count=100
    )
    await known.control.fault(fault)
    await nested.refresh(known.watch)
    assert (await known.watch.facts()).groups[nest.group].nested_unlicensed == 2


async def test_a_word_of_a_nested_group_reads_the_nested_members_once(known: Scene) -> None:
    nest = await Nest(known).made()
    await nested.refresh(known.watch)
    await known.empty_queues()
    third = await known.control.add_user("Third", synced=True)
    await known.control.add_members(nest.team, third)
    assert await known.control.settle()
    calls = await known.calls("GET /groups/{id}/transitiveMembers")
    at = known.clock.now()
    for _ in range(3):
        await evaluate_groups(known.watch, Changed(at=at, groups=(nest.team,), why=HEARD))
    assert await known.calls("GET /groups/{id}/transitiveMembers") == calls + 1
    assert third in looked_at(known)
    assert await nest.standing(third) == (nest.group,)


async def test_a_group_put_into_a_licensing_group_is_found_by_the_word_of_that_group(known: Scene) -> None:
    nest = await Nest(known).made()
    await nested.refresh(known.watch)
    await known.look_at_group(nest.group)
    person = await known.control.add_user("Fourth", synced=True)
    other = await known.control.add_licensing_group("Other", [], [person])
    await known.control.do(ChangeMembers(group=nest.group, add=(other,)))
    assert await known.control.settle()
    await known.look_at_group(nest.group, why=HEARD)
    assert other in (await known.watch.facts()).groups[nest.group].nested
    assert await nest.standing(person) == (nest.group,)


async def test_users_are_not_forgotten_where_their_messages_could_not_be_written(known: Scene) -> None:
    nest = await Nest(known).made()
    known.proxy.answer(Match("POST", r"^changed-users/messages"), 403)
    with pytest.raises(HttpResponseError):
        await nested.refresh(known.watch)
    await nested.refresh(known.watch)
    assert looked_at(known) == {nest.first, nest.second}


async def test_it_is_due_hourly_at_first_and_once_everybody_was_read(scene: Scene) -> None:
    await scene.ready()
    assert await nested.refresh_if_due(scene.watch)
    assert not await nested.refresh_if_due(scene.watch)
    await scene.begin()
    assert await nested.refresh_if_due(scene.watch)
    assert not await nested.refresh_if_due(scene.watch)
    scene.clock.pass_by(minutes=61)
    assert await nested.refresh_if_due(scene.watch)


async def test_a_tenant_without_such_groups_costs_one_request_a_group_and_no_write_of_an_index(
    known: Scene,
) -> None:
    calls, groups = await known.requests(), len((await known.watch.facts()).groups)
    await nested.refresh(known.watch)
    assert await known.requests() == calls + groups
    assert await known.watch.standings.nesting.shards(known.watch.manifest.epoch) == frozenset()
