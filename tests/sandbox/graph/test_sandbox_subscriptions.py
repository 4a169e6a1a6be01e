"""Subscriptions and notifications over HTTP: handshakes, limits, delivery with every misfortune."""

from datetime import timedelta
from typing import Any

import pytest

from sandbox.graph import operations as ops
from sandbox.graph import service_operations as service
from sandbox.graph import skus
from sandbox.graph.control import Control
from tests.sandbox.graph.calls import Calls, Endpoint, token_of


async def test_both_urls_answer_a_handshake_before_the_subscription_exists(
    calls: Calls, endpoint: Endpoint
) -> None:
    created = await calls.subscribe(endpoint.url)
    assert created.status == 201
    assert endpoint.validated == ["/hook", "/lifecycle"]
    assert created.body["notificationUrl"] == endpoint.url
    assert created.body["clientState"] == "between us"


@pytest.mark.parametrize("how", ["encoded", "json", "created", "slow", "lifecycle-fails"])
async def test_a_failed_handshake_creates_nothing(calls: Calls, endpoint: Endpoint, how: str) -> None:
    endpoint.handshake = how
    refused = await calls.subscribe(endpoint.url)
    assert (refused.status, refused.code) == (400, "ValidationError")
    assert (await calls.get("/subscriptions")).body["value"] == []


async def test_an_endpoint_that_is_not_there_creates_nothing(calls: Calls) -> None:
    assert (await calls.subscribe("http://127.0.0.1:9/hook")).status == 400


async def test_client_state_is_null_in_list_get_and_patch(calls: Calls, endpoint: Endpoint) -> None:
    held = (await calls.subscribe(endpoint.url)).body["id"]
    (row,) = (await calls.get("/subscriptions")).body["value"]
    assert row["id"] == held
    assert row["clientState"] is None
    assert (await calls.get(f"/subscriptions/{held}")).body["clientState"] is None
    assert (await calls.send("PATCH", f"/subscriptions/{held}", _until(calls, 60))).body[
        "clientState"
    ] is None


async def test_only_expiry_and_url_can_be_changed_and_a_new_url_is_validated(
    calls: Calls, endpoint: Endpoint
) -> None:
    path = f"/subscriptions/{(await calls.subscribe(endpoint.url)).body['id']}"
    for body in ({}, {"clientState": "new"}, {"lifecycleNotificationUrl": endpoint.url}):
        assert (await calls.send("PATCH", path, body)).status == 400
    renewed = await calls.send("PATCH", path, _until(calls, 3000))
    assert renewed.status == 200
    assert renewed.body["expirationDateTime"] > (_until(calls, 2999))["expirationDateTime"][:16]
    endpoint.handshake = "encoded"
    assert (await calls.send("PATCH", path, {"notificationUrl": f"{endpoint.url}&x=1"})).status == 400
    endpoint.handshake = "right"
    moved = await calls.send("PATCH", path, {"notificationUrl": f"{endpoint.url}&x=1"})
    assert moved.body["notificationUrl"] == f"{endpoint.url}&x=1"


async def test_a_deleted_or_expired_subscription_is_404(calls: Calls, endpoint: Endpoint) -> None:
    first = (await calls.subscribe(endpoint.url)).body["id"]
    assert (await calls.send("DELETE", f"/subscriptions/{first}")).status == 204
    second = (await calls.subscribe(endpoint.url)).body["id"]
    later = calls.graph.world.now() + timedelta(hours=2)
    calls.graph.world.now = lambda: later
    for subscription_id in (first, second):
        for method, body in (("GET", None), ("PATCH", _until(calls, 60)), ("DELETE", None)):
            answer = await calls.send(method, f"/subscriptions/{subscription_id}", body)
            assert answer.status == 404


async def test_the_same_change_type_and_resource_is_409(calls: Calls, endpoint: Endpoint) -> None:
    held = (await calls.subscribe(endpoint.url)).body["id"]
    twin = await calls.subscribe(endpoint.url, changeType="deleted,updated", resource="/users")
    assert twin.status == 409
    assert held in twin.body["error"]["message"]
    assert (await calls.subscribe(endpoint.url, changeType="updated")).status == 201
    assert (await calls.subscribe(endpoint.url, resource="groups")).status == 201


async def test_expiry_is_raised_to_45_minutes_and_limited_to_41760(calls: Calls, endpoint: Endpoint) -> None:
    now = calls.graph.world.now()
    near = (await calls.subscribe(endpoint.url, **_until(calls, 5))).body
    assert near["expirationDateTime"][:16] >= (now + timedelta(minutes=44)).isoformat()[:16]
    assert (await calls.subscribe(endpoint.url, resource="groups", **_until(calls, 41_770))).status == 400
    assert (await calls.subscribe(endpoint.url, resource="groups", **_until(calls, 41_750))).status == 201


@pytest.mark.parametrize(
    "fields",
    [
        {"changeType": "created"},
        {"changeType": ""},
        {"resource": "devices"},
        {"resource": "users/1/manager"},
        {"notificationUrl": "ftp://127.0.0.1/x"},
        {"notificationUrl": "http://example.org/x"},
        {"clientState": "x" * 129},
        {"latestSupportedTlsVersion": "v9"},
        {"expirationDateTime": "2020-01-01T00:00:00Z"},
        {"expirationDateTime": "soon"},
        {"expirationDateTime": None},
        {"includeResourceData": True},
        {"notificationQueryOptions": "$select=id"},
        {"vapidPublicKey": "x"},
    ],
)
async def test_what_a_subscription_cannot_be_is_400(
    calls: Calls, endpoint: Endpoint, fields: dict[str, Any]
) -> None:
    assert (await calls.subscribe(endpoint.url, **fields)).status == 400
    assert endpoint.validated == []


async def test_a_time_without_offset_is_refused(calls: Calls, endpoint: Endpoint) -> None:
    naive = _until(calls, 100)["expirationDateTime"].removesuffix("Z")
    assert (await calls.subscribe(endpoint.url, expirationDateTime=naive)).status == 400


async def test_each_resource_needs_its_own_read_permission(calls: Calls, endpoint: Endpoint) -> None:
    until = _until(calls, 100)
    body = {"changeType": "updated", "notificationUrl": endpoint.url, **until}
    for resource, right, wrong in (
        ("users", "User.Read.All", ("User.ReadWrite.All", "Directory.Read.All", "User.ReadBasic.All")),
        ("groups", "Group.Read.All", ("GroupMember.Read.All", "Group.ReadWrite.All")),
    ):
        refused = token_of(calls.graph, *wrong)
        assert (
            await calls.send("POST", "/subscriptions", {**body, "resource": resource}, token=refused)
        ).status == 403
        granted = token_of(calls.graph, right)
        assert (
            await calls.send("POST", "/subscriptions", {**body, "resource": resource}, token=granted)
        ).status == 201


async def test_whoever_handles_a_subscription_needs_the_role_of_its_resource(
    calls: Calls, endpoint: Endpoint
) -> None:
    writing = ("User.ReadWrite.All", "Group.ReadWrite.All", "Directory.Read.All", "GroupMember.Read.All")
    for resource, right, other in (
        ("users", "User.Read.All", "Group.Read.All"),
        ("groups", "Group.Read.All", "User.Read.All"),
    ):
        path = f"/subscriptions/{(await calls.subscribe(endpoint.url, resource=resource)).body['id']}"
        uses: tuple[tuple[str, str, Any, int], ...] = (
            ("GET", path, None, 200),
            ("PATCH", path, _until(calls, 60), 200),
            ("POST", f"{path}/reauthorize", None, 204),
            ("DELETE", path, None, 204),
        )
        for method, where, body, status in uses:
            for roles in ((), writing, (other, *writing)):
                token = token_of(calls.graph, *roles)
                assert (await calls.send(method, where, body, token=token)).status == 403
            token = token_of(calls.graph, right)
            assert (await calls.send(method, where, body, token=token)).status == status


async def test_the_list_shows_the_subscriptions_whose_role_the_token_has(
    calls: Calls, endpoint: Endpoint
) -> None:
    users = (await calls.subscribe(endpoint.url)).body["id"]
    groups = (await calls.subscribe(endpoint.url, resource="groups")).body["id"]
    for roles, shown in (
        (("User.Read.All",), [users]),
        (("Group.Read.All",), [groups]),
        (("User.Read.All", "Group.Read.All"), [users, groups]),
    ):
        assert (await calls.get("/subscriptions", token=token_of(calls.graph, *roles))).ids == shown
    for role in ("User.ReadWrite.All", "Directory.Read.All"):
        assert (await calls.get("/subscriptions", token=token_of(calls.graph, role))).status == 403


async def test_the_hundred_and_first_subscription_is_403(calls: Calls, endpoint: Endpoint) -> None:
    for number in range(100):
        assert (await calls.subscribe(endpoint.url, resource=f"users/{number}")).status == 201
    assert (await calls.subscribe(endpoint.url, resource="users/100")).status == 403


# --- notifications ------------------------------------------------------------------------------------------


async def test_creation_change_and_soft_deletion_are_updated_and_only_purging_is_deleted(
    calls: Calls, control: Control, endpoint: Endpoint
) -> None:
    await calls.subscribe(endpoint.url)
    user_id = await control.add_user("Short Lived")
    for operation in (
        ops.UpdateUser(id=user_id, account_enabled=False),
        ops.DeleteUser(id=user_id),
        ops.RestoreUser(id=user_id),
        ops.DeleteUser(id=user_id, permanently=True),
    ):
        assert await control.settle()
        await control.do(operation)
    assert await control.settle()
    kinds = [item["changeType"] for item in endpoint.items]
    assert kinds == ["updated", "updated", "updated", "deleted"]  # the restore is told to nobody
    assert set(endpoint.told) == {user_id}


async def test_an_item_has_the_documented_shape_and_says_nothing_of_the_change(
    calls: Calls, control: Control, endpoint: Endpoint
) -> None:
    held = (await calls.subscribe(endpoint.url)).body
    user_id = calls.graph.world.cast["synced_with_ems"]
    await control.unassign(user_id, skus.EMS_E3)
    assert await control.settle()
    (item,) = endpoint.items
    data = item.pop("resourceData")
    assert data.keys() == {
        "@odata.type",
        "@odata.id",
        "id",
        "organizationId",
        "eventTime",
        "sequenceNumber",
    }
    assert (data["@odata.type"], data["@odata.id"]) == ("#Microsoft.Graph.User", f"Users/{user_id}")
    expiry = item.pop("subscriptionExpirationDateTime")
    assert expiry[:19] == held["expirationDateTime"][:19]
    assert item == {
        "changeType": "updated",
        "clientState": "between us",
        "resource": f"Users/{user_id}",
        "subscriptionId": held["id"],
        "tenantId": calls.graph.world.organization.id,
    }


async def test_licence_changes_can_be_told_or_not(calls: Calls, control: Control, endpoint: Endpoint) -> None:
    await calls.subscribe(endpoint.url)
    user_id = calls.graph.world.cast["synced_with_ems"]
    await control.set_rates(licence_changes_notify=False)
    await control.unassign(user_id, skus.EMS_E3)
    await control.set_enabled(calls.graph.world.cast["admin"], False)
    assert await control.settle()
    assert endpoint.told == [calls.graph.world.cast["admin"]]
    await control.set_rates(licence_changes_notify=True)
    await control.assign(user_id, skus.EMS_E3)
    assert await control.settle()
    assert endpoint.told[1:] == [user_id]


async def test_membership_is_told_of_the_group_with_the_members(
    calls: Calls, control: Control, endpoint: Endpoint
) -> None:
    await calls.subscribe(endpoint.url, resource="groups")
    group = (await control.do(ops.AddGroup(display_name="Team")))["id"]
    one = calls.graph.world.cast["admin"]
    await control.add_members(group, one)
    assert await control.settle()
    await control.remove_members(group, one)
    assert await control.settle()
    deltas = [
        i["resourceData"]["members@delta"] for i in endpoint.items if "members@delta" in i["resourceData"]
    ]
    assert deltas == [[{"id": one}], [{"id": one, "@removed": {"reason": "deleted"}}]]
    assert {item["resource"] for item in endpoint.items} == {f"Groups/{group}"}


async def test_one_object_can_be_subscribed_to(calls: Calls, control: Control, endpoint: Endpoint) -> None:
    one, other = calls.graph.world.cast["admin"], calls.graph.world.cast["room"]
    await calls.subscribe(endpoint.url, resource=f"users/{one}")
    await control.set_enabled(other, False)
    await control.set_enabled(one, False)
    assert await control.settle()
    assert endpoint.told == [one]


async def test_refused_notifications_are_sent_again_until_taken(
    calls: Calls, control: Control, endpoint: Endpoint
) -> None:
    await calls.subscribe(endpoint.url)
    endpoint.refuse_first = 3
    await control.set_enabled(calls.graph.world.cast["admin"], False)
    assert await control.settle()
    assert len(endpoint.calls) == 1
    assert (await control.state())["deliveries"]["retried"] == 3


async def test_beyond_the_horizon_a_notification_is_discarded(
    calls: Calls, control: Control, endpoint: Endpoint
) -> None:
    await calls.subscribe(endpoint.url)
    await control.set_rates(retry_horizon=0.1)
    endpoint.status = 500
    await control.set_enabled(calls.graph.world.cast["admin"], False)
    assert await control.settle()
    deliveries = (await control.state())["deliveries"]
    assert (deliveries["discarded"], deliveries["delivered"]) == (1, 0)
    assert len(endpoint.calls) == 1 + deliveries["retried"] > 1


async def test_a_slow_answer_is_sent_again(calls: Calls, control: Control, endpoint: Endpoint) -> None:
    await control.set_rates(first_timeout=0.000001)
    await calls.subscribe(endpoint.url)
    await control.set_enabled(calls.graph.world.cast["admin"], False)
    assert await control.settle()
    assert (await control.state())["deliveries"]["retried"] == 1
    assert endpoint.told[-1:] == [calls.graph.world.cast["admin"]]


async def test_rates_of_loss_and_duplication_are_kept(
    calls: Calls, control: Control, endpoint: Endpoint
) -> None:
    await calls.subscribe(endpoint.url)
    await control.set_rates(duplicate_rate=1.0)
    people = sorted(calls.graph.world.users)[:20]
    for user_id in people:
        await control.do(ops.UpdateUser(id=user_id, display_name="Twice"))
    assert await control.settle()
    assert sorted(endpoint.told) == sorted(people * 2)
    await control.set_rates(duplicate_rate=0.0, loss_rate=1.0)
    await control.do(ops.UpdateUser(id=people[0], display_name="Never"))
    assert await control.settle()
    assert len(endpoint.told) == 40
    assert (await control.state())["deliveries"]["lost"] == 1


async def test_notifications_overtake_each_other(calls: Calls, control: Control, endpoint: Endpoint) -> None:
    await calls.subscribe(endpoint.url)
    await control.set_rates(out_of_order_rate=0.5)
    people = sorted(calls.graph.world.users)[:30]
    for user_id in people:
        await control.do(ops.UpdateUser(id=user_id, display_name="Changed"))
    assert await control.settle()
    assert sorted(endpoint.told) == people
    assert endpoint.told != people


async def test_several_items_and_subscriptions_share_a_post(
    calls: Calls, control: Control, endpoint: Endpoint
) -> None:
    await control.set_rates(notification_latency=(0.2, 0.2), batch_window=0.5, items_per_post=25)
    await calls.subscribe(endpoint.url)
    await calls.subscribe(endpoint.url, resource="groups")
    group = calls.graph.world.cast["group_emergency"]
    for user_id in sorted(calls.graph.world.users)[:30]:
        calls.graph.world.update_user(user_id, display_name="Many")
    calls.graph.world.add_to_group(group, [calls.graph.world.cast["admin"]])
    assert await control.settle()
    assert [len(call) for call in endpoint.calls[:2]] in ([25, 6], [6, 25])
    kinds = {item["resource"].partition("/")[0] for item in endpoint.items}
    assert kinds == {"Users", "Groups"}


async def test_lifecycle_notifications_come_on_demand_at_their_own_url(
    calls: Calls, control: Control, endpoint: Endpoint
) -> None:
    held = (await calls.subscribe(endpoint.url)).body["id"]
    assert (await control.do(service.Announce(event="reauthorizationRequired")))["told"] == 1
    assert await control.settle()
    (item,) = endpoint.items
    assert (item["subscriptionId"], item["lifecycleEvent"]) == (held, "reauthorizationRequired")
    assert item["clientState"] == "between us"
    assert "changeType" not in item


def _until(calls: Calls, minutes: int) -> dict[str, str]:
    moment = calls.graph.world.now() + timedelta(minutes=minutes)
    return {"expirationDateTime": moment.isoformat(timespec="seconds").replace("+00:00", "Z")}
