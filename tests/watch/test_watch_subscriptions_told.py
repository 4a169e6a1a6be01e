"""Where a subscription can't be had, one card says what a person must do, and once it is done all is well
(design §4.7)."""

import pytest

from sandbox.graph.operations import SetTenant
from sandbox.graph.service_operations import DropSubscription
from sandbox.graph.subscription_operations import AddSubscription
from shared.watch.hearing import subscriptions
from shared.watch.tenant_facts import facts
from shared.watch.wellbeing import health
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


# --- made by another deployment -----------------------------------------------------------------------------


async def test_one_of_another_deployment_in_the_way_is_left_alone_and_one_card_says_what_to_do(
    heard: Scene, postbox: Postbox
) -> None:
    await heard.control.do(DropSubscription(id=(await ids(heard))["users"]))
    other = (await heard.control.do(AddSubscription(notification_url=ELSEWHERE)))["id"]
    for _ in range(2):
        await subscriptions.keep(heard.watch)
        assert await there(heard, ELSEWHERE) == ["users"]
        assert await faults(heard) == {"subscription-users": "in-the-way"}
    lines = await heard.watch.lines(heard.watch.settings.tenant_id)
    assert [line.transition for line in lines if line.kind == "watch-unwell"] == ["opened"]
    seen = await health.look(heard.watch)
    [problem] = [one for one in seen.problems if "another address is in the way" in one]
    assert "delete its subscription" in problem
    assert other in problem
    await heard.control.do(DropSubscription(id=other))
    await subscriptions.keep(heard.watch)
    await all_is_well(heard, postbox)


async def test_one_of_another_deployment_that_is_not_in_the_way_is_only_mentioned(
    heard: Scene, postbox: Postbox
) -> None:
    other = (
        await heard.control.do(AddSubscription(notification_url=ELSEWHERE, resource="/users", minutes=3000))
    )["id"]
    heard.clock.pass_by(hours=24)
    await subscriptions.keep(heard.watch)
    assert await there(heard, ELSEWHERE) == ["/users"]
    seen = await health.look(heard.watch)
    assert [other in note for note in seen.notes] == [True]
    await heard.control.do(DropSubscription(id=other))
    await all_is_well(heard, postbox)


# --- permission revoked -------------------------------------------------------------------------------------


async def test_without_the_permission_for_users_one_card_says_so_and_with_it_all_is_well_again(
    heard: Scene, postbox: Postbox
) -> None:
    roles = heard.world.roles
    await grant(heard, roles - {"User.Read.All"})
    assert await heard.control.settle()
    for _ in range(3):
        await subscriptions.keep(heard.watch)
        assert await faults(heard) == {"subscription-users": "permission"}
    assert not await is_told_of(heard, postbox, 1)
    [problem] = [
        one for one in (await health.look(heard.watch)).problems if "for lack of a permission" in one
    ]
    assert "Grant the watch the application permission User.Read.All" in problem
    await grant(heard, roles)
    await subscriptions.keep(heard.watch)
    await all_is_well(heard, postbox)
    assert await caught_up_by_delta(heard)


async def test_without_the_permission_for_groups_there_is_no_card_and_graph_is_not_hammered(
    heard: Scene, postbox: Postbox
) -> None:
    roles = heard.world.roles
    await grant(heard, (roles - {"Group.Read.All"}) | {"GroupMember.Read.All"})
    await heard.control.do(DropSubscription(id=(await ids(heard))["groups"]))
    before = await heard.calls(POST)
    for _ in range(4):
        heard.clock.pass_by(minutes=15)
        await subscriptions.keep(heard.watch)
    assert await heard.calls(POST) == before + 1
    memory = await kept(heard)
    assert memory.refused["groups"].permission == "Group.Read.All"
    assert not memory.alive("groups", heard.clock.now())
    assert memory.alive("users", heard.clock.now())
    assert (memory.failed, await faults(heard)) == ((), {})
    seen = await health.look(heard.watch)
    assert not [one for one in seen.problems if "subscription" in one]
    assert [note for note in seen.notes if "Group.Read.All" in note and "by delta" in note]
    await grant(heard, roles)
    heard.clock.pass_by(hours=24)
    await subscriptions.keep(heard.watch)
    assert (await kept(heard)).refused == {}
    await all_is_well(heard, postbox)


async def test_a_permission_for_groups_that_the_facts_show_again_is_used_at_once(
    heard: Scene, postbox: Postbox
) -> None:
    roles = heard.world.roles
    await grant(heard, roles - {"Group.Read.All", "GroupMember.Read.All", "Directory.Read.All"})
    await heard.control.do(DropSubscription(id=(await ids(heard))["groups"]))
    heard.clock.pass_by(minutes=2)
    await facts.refresh(heard.watch)
    await subscriptions.keep(heard.watch)
    assert set((await kept(heard)).refused) == {"groups"}
    await grant(heard, roles)
    heard.clock.pass_by(minutes=2)
    await subscriptions.keep(heard.watch)
    assert set((await kept(heard)).refused) == {"groups"}
    await facts.refresh(heard.watch)
    await subscriptions.keep(heard.watch)
    assert (await kept(heard)).refused == {}


async def grant(scene: Scene, roles: frozenset[str]) -> None:
    """The app has these permissions from now on, and a token that says so."""
    await scene.control.do(SetTenant(roles=tuple(roles)))
    await scene.restarted()


# --- what a person must mend --------------------------------------------------------------------------------


async def test_an_address_that_graph_cannot_reach_is_told_by_one_card_from_the_second_run_on(
    heard: Scene, postbox: Postbox
) -> None:
    for one in (await ids(heard)).values():
        await heard.control.do(DropSubscription(id=one))
    postbox.reachable = False
    await subscriptions.keep(heard.watch)
    assert await faults(heard) == {}
    await subscriptions.keep(heard.watch)
    assert await faults(heard) == {"subscription-users": "address", "subscription-groups": "address"}
    postbox.reachable = True
    await subscriptions.keep(heard.watch)
    await all_is_well(heard, postbox)


async def test_a_full_quota_is_told_by_a_card_of_its_own(heard: Scene, postbox: Postbox) -> None:
    await heard.control.do(DropSubscription(id=(await ids(heard))["users"]))
    added = [
        (await heard.control.do(AddSubscription(notification_url=ELSEWHERE, resource=f"users/{user}")))["id"]
        for user in (list(heard.world.user_order)[10:] * 2)[:99]
    ]
    await subscriptions.keep(heard.watch)
    assert await faults(heard) == {"subscription-users": "quota"}
    await heard.control.do(DropSubscription(id=added[0]))
    await subscriptions.keep(heard.watch)
    await all_is_well(heard, postbox)


async def test_another_cause_of_the_same_fault_is_told_as_a_change(heard: Scene, postbox: Postbox) -> None:
    await heard.control.do(DropSubscription(id=(await ids(heard))["users"]))
    other = (await heard.control.do(AddSubscription(notification_url=ELSEWHERE)))["id"]
    await subscriptions.keep(heard.watch)
    await heard.control.do(DropSubscription(id=other))
    postbox.reachable = False
    await subscriptions.keep(heard.watch)
    assert await faults(heard) == {"subscription-users": "address"}
    lines = await heard.watch.lines(heard.watch.settings.tenant_id)
    told = [(line.transition, line.cause) for line in lines if line.kind == "watch-unwell"]
    assert told == [("opened", "in-the-way"), ("changed", "address")]
