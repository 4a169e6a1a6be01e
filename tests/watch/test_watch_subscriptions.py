"""Subscriptions: there, ours, renewed in time; what was lost meanwhile is read again (design §4.7)."""

from datetime import timedelta

import pytest
from azure.core.exceptions import HttpResponseError

from sandbox.graph.faults import Fault
from sandbox.graph.service_operations import ClearFaults, DropSubscription
from sandbox.storage_proxy import Match
from shared.watch import parts
from shared.watch.hearing import subscriptions
from shared.watch.messages import LifecycleEvent, read_step
from shared.watch.subscription_memory import recall
from shared.watch.users import delta, delta_state
from tests.watch.scene import Scene
from tests.watch.subscribed import kept

pytestmark = pytest.mark.real

PATCH, POST = "PATCH /subscriptions/{id}", "POST /subscriptions"


LIST = "GET /subscriptions"
REAUTHORIZE = "reauthorizationRequired"
DAY = timedelta(days=1)


async def event(scene: Scene, name: str, resource: str = "users") -> LifecycleEvent:
    """An event of the recorded subscription on that resource."""
    [named] = [one.id for one in (await kept(scene)).records if one.resource == resource]
    return LifecycleEvent(subscription=named, event=name)


async def delta_ordered(scene: Scene) -> bool:
    """Whether the next run is to ask for changed users, though it is not due; reading everybody was not."""
    state, record = await delta_state.recall(scene.watch), await scene.watch.tenant()
    assert state
    assert record.sweep
    assert record.sweep.again == ""
    assert scene.watch.steps() == []
    return state.soon


async def test_both_are_created_with_both_addresses_and_recorded(scene: Scene) -> None:
    watch = await scene.watch.ready()
    assert await recall(watch) is None
    await subscriptions.keep(watch)
    base, there = watch.settings.notification_base_url, (await scene.control.state())["subscriptions"]
    assert {one["resource"] for one in there} == {"users", "groups"}
    for one in there:
        assert one["notificationUrl"] == f"{base}/api/graph/notifications"
        assert one["lifecycleNotificationUrl"] == f"{base}/api/graph/lifecycle"
        assert one["clientState"] == watch.settings.client_state
    memory = await kept(scene)
    assert {one.id for one in memory.records} == {one["id"] for one in there}
    assert memory.failed == ()
    assert all(one.expires_at > scene.clock.now() + timedelta(days=26) for one in memory.records)
    stored = await scene.storage.ledger.read(f"{watch.settings.tenant_id}/subscriptions")
    assert stored is not None
    assert watch.settings.client_state.encode() not in stored.data


async def test_they_are_renewed_at_half_of_their_life_and_not_before(known: Scene) -> None:
    before = await kept(known)
    known.clock.pass_by(days=13)
    await subscriptions.keep(known.watch)
    assert await known.calls(PATCH) == 0
    known.clock.pass_by(days=1)
    await subscriptions.keep(known.watch)
    assert await known.calls(PATCH) == 2
    after = await kept(known)
    assert [one.id for one in after.records] == [one.id for one in before.records]
    assert all(one.expires_at > known.clock.now() + timedelta(days=26) for one in after.records)
    await subscriptions.keep(known.watch)
    assert await known.calls(PATCH) == 2
    assert known.watch.steps() == []


async def test_a_lost_one_is_created_again_and_delta_tells_what_happened_meanwhile(known: Scene) -> None:
    lost = (await kept(known)).records[0]
    await known.control.do(DropSubscription(id=lost.id))
    await subscriptions.keep(known.watch)
    assert {one["resource"] for one in (await known.control.state())["subscriptions"]} == {"users", "groups"}
    assert lost.id not in {one.id for one in (await kept(known)).records}
    assert await delta_ordered(known)


async def test_where_the_chain_of_delta_links_is_lost_everybody_is_read_again(known: Scene) -> None:
    held = await delta_state.read(known.watch)
    await delta_state.write(known.watch, held, delta_state.Delta(lost_at=known.clock.now()))
    await known.control.do(DropSubscription(id=(await kept(known)).records[0].id))
    await subscriptions.keep(known.watch)
    assert [step.step for step in known.watch.steps()] == [1]


async def test_an_expired_one_is_created_again(known: Scene) -> None:
    known.clock.pass_by(days=28)
    await subscriptions.keep(known.watch)
    assert await known.calls(POST) == 4
    assert await delta_ordered(known)


async def test_what_may_have_been_lost_is_read_even_if_the_new_one_could_not_be_remembered(
    known: Scene,
) -> None:
    lost = (await kept(known)).records[0]
    await known.control.do(DropSubscription(id=lost.id))
    known.proxy.answer(Match("PUT", r"^ledger/[^/]*/subscriptions$"), 403)
    with pytest.raises(HttpResponseError):
        await subscriptions.keep(known.watch)
    assert await delta_ordered(known)
    await subscriptions.keep(known.watch)
    there = {one["id"] for one in (await known.control.state())["subscriptions"]}
    assert {one.id for one in (await kept(known)).records} == there


async def test_reauthorization_renews_that_one_at_once_and_reads_nobody_again(known: Scene) -> None:
    known.clock.pass_by(days=1)
    asked = await event(known, REAUTHORIZE)
    await subscriptions.answer(known.watch, [asked], known.clock.now())
    assert await known.calls(PATCH) == 1
    assert await known.calls(POST) == 2
    assert not await delta_ordered(known)
    renewed = {
        one.resource for one in (await kept(known)).records if one.renewed_at >= known.clock.now() - DAY
    }
    assert renewed == {"users"}


async def test_many_events_about_one_subscription_are_answered_by_one_patch(known: Scene) -> None:
    known.clock.pass_by(days=1)
    asked, at = await event(known, REAUTHORIZE), known.clock.now()
    for _ in range(3):
        await subscriptions.answer(known.watch, [asked, asked], at)
    assert await known.calls(PATCH) == 1
    assert known.watch.sweeps.sent == []


async def test_a_renewal_is_not_repeated_within_ten_minutes_the_event_waits_for_it(known: Scene) -> None:
    known.clock.pass_by(days=1)
    asked = await event(known, REAUTHORIZE)
    await subscriptions.answer(known.watch, [asked], known.clock.now())
    known.clock.pass_by(minutes=4)
    at = known.clock.now()
    await subscriptions.answer(known.watch, [asked], at)
    assert await known.calls(PATCH) == 1
    [(text, delay)] = known.watch.sweeps.sent
    assert 350 < delay <= 360
    known.clock.pass_by(minutes=6, seconds=1)
    step = read_step(text)
    assert (step.lifecycle, step.at) == ((asked,), at)
    await subscriptions.answer(known.watch, step.lifecycle, step.at)
    assert await known.calls(PATCH) == 2


async def test_an_event_of_a_subscription_that_is_not_recorded_has_graphs_list_read(known: Scene) -> None:
    before = await known.calls(LIST)
    strange = LifecycleEvent(subscription="0a0a0a0a-0000-4000-8000-000000000001", event=REAUTHORIZE)
    await subscriptions.answer(known.watch, [strange], known.clock.now())
    assert await known.calls(LIST) == before + 1
    assert await known.calls(PATCH) == 0


@pytest.mark.parametrize("name", ["missed", "subscriptionRemoved"])
async def test_missed_notifications_are_told_by_delta_and_nobody_is_read_again_for_them(
    known: Scene, name: str
) -> None:
    at = known.clock.now()
    await subscriptions.answer(known.watch, [await event(known, name)], at)
    assert await known.calls(POST) == 2
    assert await delta_ordered(known)
    assert await delta.run_if_due(known.watch)
    # What came before was answered with it; what comes later is another gap.
    await subscriptions.answer(known.watch, [await event(known, name)], at)
    assert not await delta_ordered(known)
    await subscriptions.answer(known.watch, [await event(known, name)], known.clock.now())
    assert await delta_ordered(known)


async def test_catching_up_with_groups_answers_nothing_that_was_missed_of_users(known: Scene) -> None:
    at = known.clock.now()
    missed = await event(known, "missed")
    await subscriptions.answer(known.watch, [await event(known, "missed", "groups")], known.clock.now())
    assert {group for one in known.watch.changed() for group in one.groups}
    assert not await delta_ordered(known)
    await subscriptions.answer(known.watch, [missed], at)
    assert await delta_ordered(known)
    assert known.watch.changed() == [], "groups were looked at already"


async def test_what_one_that_is_not_recorded_missed_may_be_of_users_and_of_groups(known: Scene) -> None:
    at = known.clock.now()
    strange = LifecycleEvent(subscription="0a0a0a0a-0000-4000-8000-000000000001", event="missed")
    await subscriptions.answer(known.watch, [await event(known, "missed", "groups")], known.clock.now())
    known.watch.changed()
    for _ in range(2):
        await subscriptions.answer(known.watch, [strange], at)
    assert await delta_ordered(known)
    assert {group for one in known.watch.changed() for group in one.groups}


async def test_a_subscription_that_graph_says_is_removed_is_created_again(known: Scene) -> None:
    removed = await event(known, "subscriptionRemoved")
    await known.control.do(DropSubscription(id=removed.subscription))
    await subscriptions.answer(known.watch, [removed], known.clock.now())
    assert await known.calls(POST) == 3
    assert await delta_ordered(known)


async def test_a_lifecycle_event_is_not_lost_while_another_worker_looks_after_them(known: Scene) -> None:
    known.clock.pass_by(days=1)
    asked, at = await event(known, REAUTHORIZE), known.clock.now()
    async with known.watch.ledger.lock("subscriptions", 60):
        await subscriptions.keep(known.watch)
        with pytest.raises(parts.Busy):
            await subscriptions.answer(known.watch, [asked], at)
    assert await known.calls(PATCH) == 0
    await subscriptions.answer(known.watch, [asked], at)
    assert await known.calls(PATCH) == 1


async def test_a_renewal_that_failed_is_made_good_by_the_next_run(known: Scene) -> None:
    known.clock.pass_by(days=1)
    await known.control.fault(
        Fault(path="/subscriptions/*", method="PATCH", status=403, code="ExtensionError")
    )
    await subscriptions.answer(known.watch, [await event(known, REAUTHORIZE)], known.clock.now())
    assert len((await kept(known)).failed) == 1
    await subscriptions.keep(known.watch)
    assert await known.calls(PATCH) == 2
    assert (await kept(known)).failed == ()


async def test_a_reauthorization_that_met_an_outage_is_asked_for_until_it_is_done(known: Scene) -> None:
    known.clock.pass_by(days=1)
    asked, at = await event(known, REAUTHORIZE), known.clock.now()
    await known.control.fault(Fault(path="/subscriptions/*", method="PATCH", status=503, count=9))
    await subscriptions.answer(known.watch, [asked], at)
    assert (await kept(known)).reauthorize == (asked.subscription,)
    known.clock.pass_by(hours=1)
    await subscriptions.keep(known.watch)
    assert (await kept(known)).reauthorize == (asked.subscription,)
    known.clock.pass_by(hours=1)
    await known.control.do(ClearFaults())
    tried = await known.calls(PATCH)
    await subscriptions.keep(known.watch)
    [renewed] = [one for one in (await kept(known)).records if one.id == asked.subscription]
    assert renewed.renewed_at > at + timedelta(hours=1)
    assert (await kept(known)).reauthorize == ()
    await subscriptions.keep(known.watch)
    assert await known.calls(PATCH) == tried + 1


async def test_a_reauthorization_is_forgotten_with_its_subscription(known: Scene) -> None:
    known.clock.pass_by(days=1)
    asked = await event(known, REAUTHORIZE)
    await known.control.fault(Fault(path="/subscriptions/*", method="PATCH", status=503, count=2))
    await subscriptions.answer(known.watch, [asked], known.clock.now())
    await known.control.do(DropSubscription(id=asked.subscription))
    await subscriptions.keep(known.watch)
    assert (await kept(known)).reauthorize == ()
    assert asked.subscription not in {one.id for one in (await kept(known)).records}


async def test_an_outage_of_graph_is_no_card_while_the_subscriptions_live_on(known: Scene) -> None:
    known.clock.pass_by(days=14)
    for _ in range(3):
        await known.control.fault(Fault(path="/subscriptions/*", method="PATCH", status=503, count=4))
        await subscriptions.keep(known.watch)
        assert len((await kept(known)).failed) == 2
        assert (await known.watch.tenant()).unwell == {}
    known.clock.pass_by(days=11)
    for _ in range(2):
        await known.control.fault(Fault(path="/subscriptions/*", method="PATCH", status=503, count=4))
        await subscriptions.keep(known.watch)
    assert set((await known.watch.tenant()).unwell) == {"subscription-users", "subscription-groups"}


async def test_what_graph_refuses_is_remembered_for_health(scene: Scene) -> None:
    watch = await scene.watch.ready()
    await scene.control.fault(Fault(path="/subscriptions", method="POST", status=403, code="ExtensionError"))
    await subscriptions.keep(watch)
    [problem] = (await kept(scene)).failed
    assert str(problem).startswith("users: Forbidden: Graph 403 ExtensionError")
    assert [one.resource for one in (await kept(scene)).records] == ["groups"]
    records = (await kept(scene)).records
    await scene.control.fault(Fault(path="/subscriptions", method="GET", status=403, code="Denied"))
    await subscriptions.keep(watch)
    memory = await kept(scene)
    assert [str(problem).partition(" (")[0] for problem in memory.failed] == [
        "list: Forbidden: Graph 403 Denied"
    ]
    # What stands there is not known; but whether ours can be created, Graph tells by itself.
    assert [one.resource for one in memory.records] == ["groups", "users"]
    assert memory.records[0] == records[0]
    await subscriptions.keep(watch)
    assert (await kept(scene)).failed == ()
