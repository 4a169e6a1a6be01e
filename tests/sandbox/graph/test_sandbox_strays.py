"""Subscriptions that end, are doubled or made by others behind the application's back, over HTTP."""

import asyncio

import pytest

from sandbox.graph.control import Control
from sandbox.waiting import until
from tests.sandbox.graph.calls import Calls, Endpoint


async def test_a_subscription_can_be_deleted_or_expire_behind_the_applications_back(
    calls: Calls, control: Control, endpoint: Endpoint
) -> None:
    first = (await calls.subscribe(endpoint.url)).body["id"]
    await control.drop_subscription(first)
    second = (await calls.subscribe(endpoint.url)).body["id"]
    await control.expire_subscription(second)
    third = (await calls.subscribe(endpoint.url)).body["id"]
    await control.expire_subscription(third, 1000.0)
    await control.set_enabled(calls.graph.world.cast["admin"], False)
    assert await control.settle()
    for gone in (first, second):
        assert (
            await calls.send(
                "PATCH", f"/subscriptions/{gone}", {"expirationDateTime": "2099-01-01T00:00:00Z"}
            )
        ).status == 404
    assert [item["subscriptionId"] for item in endpoint.items] == [third]


@pytest.mark.parametrize("by_spelling", [True, False])
async def test_another_spelling_is_the_same_resource_or_another_one(
    calls: Calls, control: Control, endpoint: Endpoint, by_spelling: bool
) -> None:
    await control.set_rates(twins_by_spelling=by_spelling)
    await calls.subscribe(endpoint.url)
    assert (await calls.subscribe(endpoint.url)).status == 409
    for fields in ({"resource": "/users"}, {"resource": "users/"}, {"changeType": "deleted,updated"}):
        assert (await calls.subscribe(endpoint.url, **fields)).status == (201 if by_spelling else 409)


async def test_twins_and_subscriptions_of_another_deployment_are_listed_and_heard(
    calls: Calls, control: Control, endpoint: Endpoint
) -> None:
    mine = (await calls.subscribe(endpoint.url)).body["id"]
    twin = await control.add_subscription(endpoint.url, resource="/users", client_state="another")
    other = await control.add_subscription(endpoint.url.replace("/hook", "/elsewhere"), resource="users/")
    rows = {row["id"]: row for row in (await calls.get("/subscriptions")).body["value"]}
    assert rows.keys() == {mine, twin, other}
    assert rows[twin]["resource"] == "/users"
    assert "/elsewhere" in rows[other]["notificationUrl"]
    await control.set_enabled(calls.graph.world.cast["admin"], False)
    assert await control.settle()
    states = {item["subscriptionId"]: item["clientState"] for item in endpoint.items}
    assert states == {mine: "between us", twin: "another", other: None}
    assert (await calls.send("DELETE", f"/subscriptions/{other}")).status == 204


async def test_a_notification_can_come_before_the_answer_to_the_creation(
    calls: Calls, control: Control, endpoint: Endpoint
) -> None:
    await control.set_rates(notify_before_created=True)
    endpoint.seconds = 0.2
    creation = asyncio.create_task(calls.subscribe(endpoint.url))

    async def told() -> bool:
        return bool(endpoint.items)

    assert await until("a notification comes", told, 5)
    assert not creation.done()
    created = (await creation).body
    assert endpoint.items[0]["subscriptionId"] == created["id"]
    assert endpoint.items[0]["clientState"] == "between us"
    await calls.subscribe(endpoint.url, resource="groups")
    assert endpoint.items[1]["resource"].startswith("Groups/")
