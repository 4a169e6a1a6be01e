"""Whatever happens to the subscriptions, within two timer runs all is well and no notification was falsely
refused, or one card says what a person must do (design §4.7)."""

from collections.abc import AsyncIterator

import pytest

from sandbox.graph.faults import Fault
from sandbox.graph.operations import SetTenant
from sandbox.graph.service_operations import DropSubscription
from sandbox.graph.subscription_operations import AddSubscription, ExpireSubscription, PauseSubscription
from shared.model import OpenFinding
from shared.watch import health
from shared.watch.hearing import subscriptions
from shared.watch.hearing.subscription_memory import Kept, recall
from shared.watch.tenant_facts import facts
from shared.watch.users import delta, delta_state
from tests.watch.conftest import Opener
from tests.watch.postbox import Postbox
from tests.watch.scene import Scene

pytestmark = pytest.mark.real

ELSEWHERE = "http://127.0.0.1:9/api/graph/notifications"
LIST, POST, GET = "GET /subscriptions", "POST /subscriptions", "GET /subscriptions/{id}"


@pytest.fixture
async def postbox() -> AsyncIterator[Postbox]:
    """The address that Graph calls."""
    async with Postbox() as box:
        yield box


@pytest.fixture
async def known(open_scene: Opener, postbox: Postbox) -> Scene:
    """A tenant after its baseline, whose notifications are verified."""
    scene = await open_scene(NOTIFICATION_BASE_URL=postbox.url)
    postbox.serve(scene)
    await scene.begin()
    return scene


async def kept(scene: Scene) -> Kept:
    """What is remembered."""
    found = await recall(scene.watch)
    assert found is not None
    return found


async def ids(scene: Scene) -> dict[str, str]:
    """The recorded subscriptions by resource."""
    return {one.resource: one.id for one in (await kept(scene)).records}


async def there(scene: Scene, url: str = "") -> list[str]:
    """Resources of Graph's own subscriptions; those that send to this address, or all."""
    found = (await scene.control.state())["subscriptions"]
    return sorted(one["resource"] for one in found if one["notificationUrl"].startswith(url))


async def faults(scene: Scene) -> dict[str, str]:
    """The cards that stand about the watch itself: fault to cause."""
    tenant = await scene.watch.tenant()
    standing: dict[str, OpenFinding] = (
        dict(tenant.subjects["tenant"].open) if "tenant" in tenant.subjects else {}
    )
    found = [one.finding for one in standing.values() if one.finding.kind == "watch-unwell"]
    assert {one.about for one in found} == set(tenant.unwell)
    return {one.about: one.cause for one in found}


async def is_told_of(scene: Scene, postbox: Postbox, nth: int = 0) -> bool:
    """Whether a change of a user now is told and taken."""
    user = scene.world.user_order[nth]
    postbox.taken.clear()
    await scene.control.set_enabled(user, not scene.world.users[user].account_enabled)
    assert await scene.control.settle()
    return user in postbox.users


async def all_is_well(scene: Scene, postbox: Postbox) -> None:
    """Our two subscriptions are there and recorded, users are told of, nothing was refused, no card is up."""
    assert await there(scene, postbox.url) == ["groups", "users"]
    assert {one["id"] for one in (await scene.control.state())["subscriptions"]} >= set(
        (await ids(scene)).values()
    )
    assert await is_told_of(scene, postbox)
    assert postbox.refused() == {}
    assert await faults(scene) == {}
    assert (await kept(scene)).problems == ()


async def caught_up_by_delta(scene: Scene) -> bool:
    """Whether a delta round was ordered, and nobody's reading of all users."""
    found = await delta_state.recall(scene.watch)
    assert found
    record = (await scene.watch.tenant()).sweep
    assert record
    assert (record.again, bool(record.ended_at)) == ("", True)
    return found.soon


# --- deleted, expired ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["deleted", "expired"])
async def test_deleted_or_expired_behind_its_back_they_are_back_after_one_run(
    known: Scene, postbox: Postbox, how: str
) -> None:
    before = await ids(known)
    for one in before.values():
        await known.control.do(DropSubscription(id=one) if how == "deleted" else ExpireSubscription(id=one))
    assert not await is_told_of(known, postbox, 1)
    lost = known.world.user_order[1]
    await subscriptions.keep(known.watch)
    assert not set((await ids(known)).values()) & set(before.values())
    await all_is_well(known, postbox)
    # What happened meanwhile is found by the next delta round, however young the last one is.
    assert await caught_up_by_delta(known)
    assert await delta.run_if_due(known.watch)
    assert lost in {user for message in known.watch.changed() for user in message.users}


async def test_after_groups_went_untold_every_group_that_matters_is_looked_at(known: Scene) -> None:
    licensing = set((await known.watch.facts()).groups)
    assert licensing
    await known.control.do(DropSubscription(id=(await ids(known))["groups"]))
    await subscriptions.keep(known.watch)
    assert licensing <= {one for message in known.watch.changed() for one in message.groups}
    assert not await caught_up_by_delta(known)


# --- duplicated ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resource", "change_type"), [("/users", "updated,deleted"), ("users", "deleted,updated")]
)
async def test_a_second_one_beside_it_is_deleted_and_nobody_is_read_for_it(
    known: Scene, postbox: Postbox, resource: str, change_type: str
) -> None:
    before = await ids(known)
    double = AddSubscription(
        notification_url=f"{postbox.url}/api/graph/notifications",
        resource=resource,
        change_type=change_type,
        client_state=known.watch.settings.client_state,
    )
    await known.control.do(double)
    assert await is_told_of(known, postbox)
    assert (postbox.counts["accepted"], postbox.refused()) == (2, {})
    known.clock.pass_by(minutes=1)
    await postbox.tell_counts(known, known.clock.now())
    await subscriptions.keep(known.watch)
    assert await ids(known) == before
    await all_is_well(known, postbox)
    assert not await caught_up_by_delta(known)


async def test_a_second_one_that_keeps_silent_is_found_within_a_day(known: Scene, postbox: Postbox) -> None:
    await known.control.do(
        AddSubscription(
            notification_url=f"{postbox.url}/api/graph/notifications",
            resource="/users",
            client_state="a secret of long ago",
            minutes=3 * 24 * 60,
        )
    )
    await subscriptions.keep(known.watch)
    assert len(await there(known)) == 3
    known.clock.pass_by(hours=24)
    await subscriptions.keep(known.watch)
    await all_is_well(known, postbox)


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


# --- created before its id is known -------------------------------------------------------------------------


async def test_what_a_subscription_tells_before_its_id_is_known_is_taken(
    open_scene: Opener, postbox: Postbox
) -> None:
    scene = await open_scene(NOTIFICATION_BASE_URL=postbox.url)
    postbox.serve(scene)
    await scene.control.set_rates(notify_before_created=True)
    await scene.watch.ready()
    await subscriptions.keep(scene.watch)
    assert postbox.counts["accepted"] == 2
    assert postbox.refused() == {}
    assert postbox.users
    assert postbox.groups


async def test_one_whose_creation_was_answered_by_nobody_tells_all_the_same_and_is_replaced(
    open_scene: Opener, postbox: Postbox
) -> None:
    scene = await open_scene(NOTIFICATION_BASE_URL=postbox.url)
    postbox.serve(scene)
    await scene.watch.ready()
    await scene.control.fault(Fault(path="/subscriptions", method="POST", kind="truncate", count=2))
    await subscriptions.keep(scene.watch)
    assert (await kept(scene)).records == ()
    assert await there(scene) == ["groups", "users"]
    assert await is_told_of(scene, postbox)
    await subscriptions.keep(scene.watch)
    await all_is_well(scene, postbox)


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


# --- secret rotated -----------------------------------------------------------------------------------------

NEXT = "another-secret-of-these-tests-0123456789"


async def test_a_rotated_secret_refuses_nothing_and_health_says_when_the_old_one_can_go(
    known: Scene, postbox: Postbox
) -> None:
    old = known.watch.settings.client_state
    watch = await known.restarted(CLIENT_STATE=NEXT, CLIENT_STATE_PREVIOUS=old)
    postbox.serve(known)
    seen = await health.look(watch)
    assert {one["secret"] for one in seen.subscriptions.values()} == {"previous"}
    assert seen.previous_secret.startswith("Keep CLIENT_STATE_PREVIOUS: not under CLIENT_STATE yet: ")
    assert await is_told_of(known, postbox, 1)
    assert (postbox.counts["previous_secret"], postbox.refused()) == (1, {})
    await postbox.tell_counts(known, known.clock.now())
    # One is on its way under the old secret while the subscription is replaced.
    await known.control.set_rates(notification_latency=(1.0, 1.0))
    await known.control.set_enabled(known.world.user_order[2], enabled=False)
    await subscriptions.keep(watch)
    assert await known.control.settle()
    assert known.world.user_order[2] in postbox.users
    assert (postbox.counts["previous_secret"], postbox.refused()) == (1, {})
    await known.control.set_rates(notification_latency=(0.0, 0.0))
    await all_is_well(known, postbox)
    assert postbox.counts["previous_secret"] == 0
    assert await caught_up_by_delta(known)
    seen = await health.look(watch)
    assert {one["secret"] for one in seen.subscriptions.values()} == {"current"}
    assert seen.previous_secret.startswith("Keep CLIENT_STATE_PREVIOUS until ")
    known.clock.pass_by(hours=4, minutes=1)
    advice = (await health.look(watch)).previous_secret
    assert advice.startswith("CLIENT_STATE_PREVIOUS can be removed: no subscription is under it, the last ")


async def test_both_secrets_show_in_nothing_that_is_stored_or_said(known: Scene, postbox: Postbox) -> None:
    old = known.watch.settings.client_state
    watch = await known.restarted(CLIENT_STATE=NEXT, CLIENT_STATE_PREVIOUS=old)
    await subscriptions.keep(watch)
    stored = await known.storage.ledger.read(f"{watch.settings.tenant_id}/subscriptions")
    assert stored
    said = stored.data.decode() + str((await health.look(watch)).detail())
    assert old not in said
    assert NEXT not in said


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


# --- lifecycle events ---------------------------------------------------------------------------------------


async def test_one_patch_answers_a_paused_subscription_and_what_was_held_back_comes(
    known: Scene, postbox: Postbox
) -> None:
    known.clock.pass_by(minutes=11)
    await known.control.do(PauseSubscription(id=(await ids(known))["users"]))
    assert await known.control.settle()
    assert not await is_told_of(known, postbox, 1)
    assert await postbox.answer_lifecycle(known) == 1
    assert await known.calls("PATCH /subscriptions/{id}") == 1
    assert await known.control.settle()
    assert known.world.user_order[1] in postbox.users
    await all_is_well(known, postbox)


# --- what it costs ------------------------------------------------------------------------------------------


async def test_a_quiet_day_reads_graphs_list_once_and_looks_at_each_subscription_by_its_id(
    known: Scene,
) -> None:
    before, looked = await known.calls(LIST), await known.calls(GET)
    for _ in range(24):
        known.clock.pass_by(hours=1)
        await subscriptions.keep(known.watch)
    assert await known.calls(LIST) == before + 1
    assert await known.calls(GET) == looked + 48
