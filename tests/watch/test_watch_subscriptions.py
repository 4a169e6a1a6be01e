"""Subscriptions: there, ours, renewed in time; what was lost meanwhile is read again (design §4.7)."""

from datetime import timedelta

import pytest
from azure.core.exceptions import HttpResponseError

from sandbox.graph.faults import Fault
from sandbox.graph.service_operations import DropSubscription
from sandbox.storage_proxy import Match
from shared.watch import parts, subscriptions
from shared.watch.messages import LifecycleEvent
from shared.watch.subscription_memory import Kept, recall
from tests.watch.scene import Scene

pytestmark = pytest.mark.real

PATCH, POST = "PATCH /subscriptions/{id}", "POST /subscriptions"


def event(name: str) -> LifecycleEvent:
    return LifecycleEvent(subscription="0a0a0a0a-0000-4000-8000-000000000001", event=name)


async def kept(scene: Scene) -> Kept:
    """What is remembered."""
    found = await recall(scene.watch)
    assert found is not None
    return found


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
    assert memory.problems == ()
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


async def test_a_lost_one_is_created_again_and_everybody_is_read_again(known: Scene) -> None:
    lost = (await kept(known)).records[0]
    await known.control.do(DropSubscription(id=lost.id))
    await subscriptions.keep(known.watch)
    assert {one["resource"] for one in (await known.control.state())["subscriptions"]} == {"users", "groups"}
    assert lost.id not in {one.id for one in (await kept(known)).records}
    assert await known.run_sweep() == 1


async def test_an_expired_one_is_created_again_and_everybody_is_read_again(known: Scene) -> None:
    known.clock.pass_by(days=28)
    await subscriptions.keep(known.watch)
    assert await known.calls(POST) == 4
    assert [step.step for step in known.watch.steps()] == [1]


async def test_everybody_is_read_again_even_if_the_new_one_could_not_be_remembered(known: Scene) -> None:
    lost = (await kept(known)).records[0]
    await known.control.do(DropSubscription(id=lost.id))
    known.proxy.answer(Match("PUT", r"^ledger/[^/]*/subscriptions$"), 403)
    with pytest.raises(HttpResponseError):
        await subscriptions.keep(known.watch)
    assert len(known.watch.steps()) == 1
    await subscriptions.keep(known.watch)
    there = {one["id"] for one in (await known.control.state())["subscriptions"]}
    assert {one.id for one in (await kept(known)).records} == there


async def test_reauthorization_renews_at_once_and_reads_nobody_again(known: Scene) -> None:
    known.clock.pass_by(days=1)
    await subscriptions.answer(known.watch, [event("reauthorizationRequired")])
    assert await known.calls(PATCH) == 2
    assert await known.calls(POST) == 2
    assert known.watch.steps() == []
    assert all(one.expires_at > known.clock.now() + timedelta(days=26) for one in (await kept(known)).records)


@pytest.mark.parametrize("name", ["missed", "subscriptionRemoved"])
async def test_missed_notifications_renew_at_once_and_everybody_is_read_again(
    known: Scene, name: str
) -> None:
    await subscriptions.answer(known.watch, [event("reauthorizationRequired"), event(name)])
    assert await known.calls(PATCH) == 2
    assert len(known.watch.steps()) == 1


async def test_a_lifecycle_event_is_not_lost_while_another_worker_looks_after_them(known: Scene) -> None:
    async with known.watch.ledger.lock("subscriptions", 60):
        await subscriptions.keep(known.watch)
        with pytest.raises(parts.Busy):
            await subscriptions.answer(known.watch, [event("reauthorizationRequired")])
    assert await known.calls(PATCH) == 0
    await subscriptions.answer(known.watch, [event("reauthorizationRequired")])
    assert await known.calls(PATCH) == 2


async def test_a_renewal_that_failed_is_made_good_by_the_next_run(known: Scene) -> None:
    await known.control.fault(
        Fault(path="/subscriptions/*", method="PATCH", status=403, code="ExtensionError")
    )
    await subscriptions.answer(known.watch, [event("reauthorizationRequired")])
    assert len((await kept(known)).problems) == 1
    await subscriptions.keep(known.watch)
    assert await known.calls(PATCH) == 3
    assert (await kept(known)).problems == ()


async def test_what_graph_refuses_is_remembered_for_health(scene: Scene) -> None:
    watch = await scene.watch.ready()
    await scene.control.fault(Fault(path="/subscriptions", method="POST", status=403, code="ExtensionError"))
    await subscriptions.keep(watch)
    [problem] = (await kept(scene)).problems
    assert problem.startswith("users: Forbidden: Graph 403 ExtensionError")
    assert [one.resource for one in (await kept(scene)).records] == ["groups"]
    records = (await kept(scene)).records
    await scene.control.fault(Fault(path="/subscriptions", method="GET", status=403, code="Denied"))
    await subscriptions.keep(watch)
    [problem] = (await kept(scene)).problems
    assert problem.startswith("list: Forbidden: Graph 403 Denied")
    assert (await kept(scene)).records == records
    await subscriptions.keep(watch)
    assert (await kept(scene)).problems == ()
    assert len((await kept(scene)).records) == 2
