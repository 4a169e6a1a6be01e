"""The simulated Event Grid: a topic that Graph makes, that somebody must open, and that delivers as
documented."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from sandbox.graph.control import Control
from sandbox.graph.service_operations import Announce
from sandbox.graph.subscription_operations import ActivateTopic, AuthorizePartner, DeleteTopic, RouteTopic
from sandbox.graph.world import Refused
from sandbox.stage import TOPIC_URL
from tests.sandbox.graph.calls import Answer, Calls

TOPIC = "sspr-license-watch"


@dataclass
class Handler:
    """Whoever gets the events. `statuses` answer one call after the other, then 202."""

    url: str = ""
    allows: bool = True
    statuses: list[int] = field(default_factory=list)
    calls: list[tuple[str, Any]] = field(default_factory=list)

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events that came, in order."""
        return [event for _, body in self.calls for event in (body if isinstance(body, list) else [body])]

    async def answer(self, request: web.Request) -> web.Response:
        """The handshake of CloudEvents, or events."""
        if request.method == "OPTIONS":
            origin = request.headers["WebHook-Request-Origin"]
            return web.Response(headers={"WebHook-Allowed-Origin": origin} if self.allows else {})
        self.calls.append((request.content_type, await request.json()))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 202)


@pytest.fixture
async def handler() -> AsyncIterator[Handler]:
    held = Handler()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", held.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    held.url = f"http://127.0.0.1:{runner.addresses[0][1]}/events"
    yield held
    await runner.cleanup()


async def subscribe(calls: Calls, url: str = TOPIC_URL, **fields: Any) -> Answer:
    return await calls.subscribe(url, lifecycleNotificationUrl=url, **fields)


async def opened(calls: Calls, control: Control, handler: Handler, *, batch: int = 1) -> str:
    """Everything in its place: subscription, topic, event subscription; the subscription's id."""
    held = (await subscribe(calls)).body["id"]
    await control.open_topic(TOPIC, handler.url, batch=batch)
    assert await control.settle()
    return str(held)


async def change(control: Control, calls: Calls, n: int = 1) -> list[str]:
    """Change so many users, and wait for what comes of it."""
    users = calls.graph.world.user_order[:n]
    for user in users:
        await control.set_enabled(user, not calls.graph.world.users[user].account_enabled)
    await control.settle()
    return list(users)


async def test_graph_makes_the_topic_without_any_handshake_and_it_is_not_active(
    calls: Calls, control: Control
) -> None:
    created = await subscribe(calls)
    assert (created.status, created.body["notificationUrl"]) == (201, TOPIC_URL)
    [topic] = (await control.state())["topics"]
    assert (topic["name"], topic["resourceGroup"], topic["active"]) == (TOPIC, "rg-watch", False)
    assert topic["routes"] == {}


async def test_events_are_dropped_until_the_topic_is_active_and_somebody_gets_them(
    calls: Calls, control: Control, handler: Handler
) -> None:
    await subscribe(calls)
    await change(control, calls)
    await control.do(ActivateTopic(topic=TOPIC))
    await change(control, calls)
    assert handler.calls == []
    await control.do(RouteTopic(topic=TOPIC, endpoint=handler.url))
    assert await control.settle()
    assert (await control.state())["deliveries"]["unrouted"] == 2
    await change(control, calls)
    assert len(handler.events) == 1


async def test_an_event_is_a_cloud_event_around_the_notification(
    calls: Calls, control: Control, handler: Handler
) -> None:
    held = await opened(calls, control, handler)
    [user] = await change(control, calls)
    [(content_type, event)] = handler.calls
    assert content_type == "application/cloudevents+json"
    assert (event["specversion"], event["type"]) == ("1.0", "Microsoft.Graph.UserUpdated")
    assert event["subject"] == f"Users/{user}"
    world = calls.graph.world
    assert event["source"] == f"/tenants/{world.organization.id}/applications/{world.app_id}"
    assert event["data"]["clientState"] == "between us"
    assert event["data"]["resourceData"]["id"] == user
    assert event["data"]["subscriptionId"] == held


@pytest.mark.parametrize("named", [True, False])
async def test_lifecycle_events_come_by_the_same_topic_named_by_type_and_perhaps_by_data(
    calls: Calls, control: Control, handler: Handler, *, named: bool
) -> None:
    held = await opened(calls, control, handler)
    await control.set_rates(event_names_lifecycle=named)
    await control.do(Announce())
    assert await control.settle()
    [event] = handler.events
    assert event["type"] == "microsoft.graph.subscriptionReauthorizationRequired"
    assert event["data"]["subscriptionId"] == held
    assert event["data"].get("lifecycleEvent") == ("reauthorizationRequired" if named else None)


async def test_without_the_handshake_an_event_subscription_gets_nothing(
    calls: Calls, control: Control, handler: Handler
) -> None:
    handler.allows = False
    await opened(calls, control, handler)
    await change(control, calls)
    [topic] = (await control.state())["topics"]
    assert topic["routes"]["watch"]["state"] == "Failed"
    assert handler.calls == []


async def test_batches_are_lists_where_they_are_asked_for(
    calls: Calls, control: Control, handler: Handler
) -> None:
    await opened(calls, control, handler, batch=100)
    await control.set_rates(batch_window=0.5, notification_latency=[0.3, 0.3])
    users = await change(control, calls, 5)
    assert sorted(event["data"]["resourceData"]["id"] for event in handler.events) == sorted(users)
    assert len(handler.calls) < len(users)
    assert handler.calls[0][0] == "application/cloudevents-batch+json"


async def test_what_fails_is_tried_again_and_what_is_refused_is_a_dead_letter(
    calls: Calls, control: Control, handler: Handler
) -> None:
    await opened(calls, control, handler)
    await control.set_rates(event_retries=[0.01])
    handler.statuses = [500, 503, 202]
    await change(control, calls)
    assert [event["id"] for event in handler.events] == [handler.events[0]["id"]] * 3
    for status in (400, 401, 403, 413):
        handler.statuses = [status]
        await change(control, calls)
    assert len(handler.calls) == 7
    deliveries = (await control.state())["deliveries"]
    assert (deliveries["delivered"], deliveries["dead_lettered"], deliveries["retried"]) == (1, 4, 2)
    assert (await control.state())["topics"][0]["routes"]["watch"]["dead"] == 4


async def test_an_event_may_come_twice(calls: Calls, control: Control, handler: Handler) -> None:
    await opened(calls, control, handler)
    await control.set_rates(event_duplicate_rate=1.0)
    await change(control, calls)
    assert len({event["id"] for event in handler.events}) == 1
    assert len(handler.events) == 2


async def test_lost_late_and_twice_are_as_with_a_webhook(
    calls: Calls, control: Control, handler: Handler
) -> None:
    await opened(calls, control, handler)
    await control.set_rates(loss_rate=1.0)
    await change(control, calls)
    assert handler.calls == []
    await control.set_rates(loss_rate=0.0, duplicate_rate=1.0)
    await change(control, calls)
    assert len(handler.calls) == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"lifecycleNotificationUrl": TOPIC_URL.replace(TOPIC, "another")},
        {"lifecycleNotificationUrl": "http://127.0.0.1:9/lifecycle"},
        {"notificationUrl": "http://127.0.0.1:9/hook"},
        {"notificationUrl": TOPIC_URL.replace("&location=westeurope", "")},
        {"notificationUrl": TOPIC_URL.replace("rg-watch", "")},
        {"notificationUrl": TOPIC_URL.replace("2f5f1c7e-", "")},
        {"notificationUrl": TOPIC_URL.replace(TOPIC, "a_b")},
    ],
)
async def test_both_addresses_must_be_one_whole_topic(calls: Calls, fields: dict[str, str]) -> None:
    both = {"notificationUrl": TOPIC_URL, "lifecycleNotificationUrl": TOPIC_URL, **fields}
    refused = await calls.subscribe(both["notificationUrl"], **both)
    assert (refused.status, refused.code) == (400, "ValidationError")
    assert (await calls.get("/subscriptions")).body["value"] == []


async def test_where_the_partner_is_not_authorized_no_topic_can_be_made(
    calls: Calls, control: Control
) -> None:
    await control.do(AuthorizePartner(authorized=False))
    assert (await subscribe(calls)).status == 400
    assert (await control.state())["topics"] == []
    await control.do(AuthorizePartner())
    assert (await subscribe(calls)).status == 201
    await control.do(AuthorizePartner(authorized=False))
    assert (await subscribe(calls, resource="groups")).status == 201, "one that is there is used"


async def test_an_application_has_ten_topics_at_most(calls: Calls) -> None:
    answers = [
        await subscribe(calls, TOPIC_URL.replace(TOPIC, f"topic-{n}"), resource=f"users/{user}")
        for n, user in enumerate(calls.graph.world.user_order[:11])
    ]
    assert [one.status for one in answers] == [201] * 10 + [403]


async def test_a_deleted_topic_leaves_subscriptions_that_send_nowhere(
    calls: Calls, control: Control, handler: Handler
) -> None:
    held = await opened(calls, control, handler)
    await control.do(DeleteTopic(topic=TOPIC))
    await change(control, calls)
    assert handler.calls == []
    assert (await calls.get(f"/subscriptions/{held}")).status == 200
    with pytest.raises(Refused):
        await control.do(ActivateTopic(topic=TOPIC))


async def test_nothing_is_delivered_for_a_paused_subscription_until_it_is_authorized(
    calls: Calls, control: Control, handler: Handler
) -> None:
    await opened(calls, control, handler)
    await control.set_roles("Group.Read.All")
    handler.calls.clear()
    await change(control, calls)
    await asyncio.sleep(0.1)
    assert [event for event in handler.events if event["type"] == "Microsoft.Graph.UserUpdated"] == []
