"""Where a subscription can't be had, one card says what a person must do, and once it is done all is well
(design §4.7)."""

import pytest

from sandbox.graph.operations import SetTenant
from sandbox.graph.service_operations import DropSubscription
from sandbox.graph.subscription_operations import AddSubscription
from shared.watch import health
from shared.watch.hearing import subscriptions
from shared.watch.tenant_facts import facts
from tests.watch.conftest import Opener
from tests.watch.postbox import Postbox
from tests.watch.scene import Scene
from tests.watch.subscribed import (
    ELSEWHERE,
    POST,
    all_is_well,
    caught_up_by_delta,
    faults,
    ids,
    is_told_of,
    kept,
    there,
)

pytestmark = pytest.mark.real


@pytest.fixture
async def known(open_scene: Opener, postbox: Postbox) -> Scene:
    """A tenant after its baseline, whose notifications are verified."""
    scene = await open_scene(NOTIFICATION_BASE_URL=postbox.url)
    postbox.serve(scene)
    await scene.begin()
    return scene


# --- made by another deployment -----------------------------------------------------------------------------


async def test_one_of_another_deployment_in_the_way_is_left_alone_and_one_card_says_what_to_do(
    known: Scene, postbox: Postbox
) -> None:
    await known.control.do(DropSubscription(id=(await ids(known))["users"]))
    other = (await known.control.do(AddSubscription(notification_url=ELSEWHERE)))["id"]
    for _ in range(2):
        await subscriptions.keep(known.watch)
        assert await there(known, ELSEWHERE) == ["users"]
        assert await faults(known) == {"subscription-users": "in-the-way"}
    lines = await known.watch.lines(known.watch.settings.tenant_id)
    assert [line.transition for line in lines if line.kind == "watch-unwell"] == ["opened"]
    seen = await health.look(known.watch)
    [problem] = [one for one in seen.problems if "another address is in the way" in one]
    assert "delete its subscription" in problem
    assert other in problem
    await known.control.do(DropSubscription(id=other))
    await subscriptions.keep(known.watch)
    await all_is_well(known, postbox)


async def test_one_of_another_deployment_that_is_not_in_the_way_is_only_mentioned(
    known: Scene, postbox: Postbox
) -> None:
    other = (
        await known.control.do(AddSubscription(notification_url=ELSEWHERE, resource="/users", minutes=3000))
    )["id"]
    known.clock.pass_by(hours=24)
    await subscriptions.keep(known.watch)
    assert await there(known, ELSEWHERE) == ["/users"]
    seen = await health.look(known.watch)
    assert [other in note for note in seen.notes] == [True]
    await known.control.do(DropSubscription(id=other))
    await all_is_well(known, postbox)


# --- permission revoked -------------------------------------------------------------------------------------


async def test_without_the_permission_for_users_one_card_says_so_and_with_it_all_is_well_again(
    known: Scene, postbox: Postbox
) -> None:
    roles = known.world.roles
    await grant(known, roles - {"User.Read.All"})
    assert await known.control.settle()
    for _ in range(3):
        await subscriptions.keep(known.watch)
        assert await faults(known) == {"subscription-users": "permission"}
    assert not await is_told_of(known, postbox, 1)
    [problem] = [
        one for one in (await health.look(known.watch)).problems if "for lack of a permission" in one
    ]
    assert "Grant the watch the application permission User.Read.All" in problem
    await grant(known, roles)
    await subscriptions.keep(known.watch)
    await all_is_well(known, postbox)
    assert await caught_up_by_delta(known)


async def test_without_the_permission_for_groups_there_is_no_card_and_graph_is_not_hammered(
    known: Scene, postbox: Postbox
) -> None:
    roles = known.world.roles
    await grant(known, (roles - {"Group.Read.All"}) | {"GroupMember.Read.All"})
    await known.control.do(DropSubscription(id=(await ids(known))["groups"]))
    before = await known.calls(POST)
    for _ in range(4):
        known.clock.pass_by(minutes=15)
        await subscriptions.keep(known.watch)
    assert await known.calls(POST) == before + 1
    memory = await kept(known)
    assert memory.refused["groups"].permission == "Group.Read.All"
    assert not memory.alive("groups", known.clock.now())
    assert memory.alive("users", known.clock.now())
    assert (memory.problems, await faults(known)) == ((), {})
    seen = await health.look(known.watch)
    assert not [one for one in seen.problems if "subscription" in one]
    assert [note for note in seen.notes if "Group.Read.All" in note and "by delta" in note]
    await grant(known, roles)
    known.clock.pass_by(hours=24)
    await subscriptions.keep(known.watch)
    assert (await kept(known)).refused == {}
    await all_is_well(known, postbox)


async def test_a_permission_for_groups_that_the_facts_show_again_is_used_at_once(
    known: Scene, postbox: Postbox
) -> None:
    roles = known.world.roles
    await grant(known, roles - {"Group.Read.All", "GroupMember.Read.All", "Directory.Read.All"})
    await known.control.do(DropSubscription(id=(await ids(known))["groups"]))
    known.clock.pass_by(minutes=2)
    await facts.refresh(known.watch)
    await subscriptions.keep(known.watch)
    assert set((await kept(known)).refused) == {"groups"}
    await grant(known, roles)
    known.clock.pass_by(minutes=2)
    await subscriptions.keep(known.watch)
    assert set((await kept(known)).refused) == {"groups"}
    await facts.refresh(known.watch)
    await subscriptions.keep(known.watch)
    assert (await kept(known)).refused == {}


async def grant(scene: Scene, roles: frozenset[str]) -> None:
    """The app has these permissions from now on, and a token that says so."""
    await scene.control.do(SetTenant(roles=tuple(roles)))
    await scene.restarted()


# --- what a person must mend --------------------------------------------------------------------------------


async def test_an_address_that_graph_cannot_reach_is_told_by_one_card_from_the_second_run_on(
    known: Scene, postbox: Postbox
) -> None:
    for one in (await ids(known)).values():
        await known.control.do(DropSubscription(id=one))
    postbox.reachable = False
    await subscriptions.keep(known.watch)
    assert await faults(known) == {}
    await subscriptions.keep(known.watch)
    assert await faults(known) == {"subscription-users": "address", "subscription-groups": "address"}
    postbox.reachable = True
    await subscriptions.keep(known.watch)
    await all_is_well(known, postbox)


async def test_a_full_quota_is_told_by_a_card_of_its_own(known: Scene, postbox: Postbox) -> None:
    await known.control.do(DropSubscription(id=(await ids(known))["users"]))
    added = [
        (await known.control.do(AddSubscription(notification_url=ELSEWHERE, resource=f"users/{user}")))["id"]
        for user in (list(known.world.user_order)[10:] * 2)[:99]
    ]
    await subscriptions.keep(known.watch)
    assert await faults(known) == {"subscription-users": "quota"}
    await known.control.do(DropSubscription(id=added[0]))
    await subscriptions.keep(known.watch)
    await all_is_well(known, postbox)


async def test_another_cause_of_the_same_fault_is_told_as_a_change(known: Scene, postbox: Postbox) -> None:
    await known.control.do(DropSubscription(id=(await ids(known))["users"]))
    other = (await known.control.do(AddSubscription(notification_url=ELSEWHERE)))["id"]
    await subscriptions.keep(known.watch)
    await known.control.do(DropSubscription(id=other))
    postbox.reachable = False
    await subscriptions.keep(known.watch)
    assert await faults(known) == {"subscription-users": "address"}
    lines = await known.watch.lines(known.watch.settings.tenant_id)
    told = [(line.transition, line.cause) for line in lines if line.kind == "watch-unwell"]
    assert told == [("opened", "in-the-way"), ("changed", "address")]
