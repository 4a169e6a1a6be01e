"""Each call of the simulator with each permission that it takes, and without it (graph.md §10)."""

from datetime import timedelta
from typing import Any

import pytest

from sandbox.graph.permissions import CALLS, PERMISSIONS, SUBSCRIPTION_ROLES, Call
from sandbox.graph.principals import principal_of
from sandbox.graph.server import Running
from shared.graph.permissions import table
from tests.sandbox.graph.calls import Calls, Endpoint, token_of

SUBSCRIPTION_CALLS = [call for call in CALLS if call.path.startswith("/subscriptions")]
READING = [call for call in CALLS if call not in SUBSCRIPTION_CALLS]


def path_of(call: Call, graph: Running) -> str:
    """The call's path with ids that are there."""
    world = graph.world
    reported = next(iter(world.report.rows))
    owner = {
        "users": world.cast["admin"],
        "groups": world.cast["group_sspr"],
        "reports": reported,
        "servicePrincipals": principal_of(world, world.app_id),
    }.get(call.path.split("/")[1], "")
    return (
        call.path.replace("{id}", owner)
        .replace("{app}", world.app_id)
        .replace("{cast}", "microsoft.graph.group?$count=true")
    )


def named(call: Call) -> str:
    return call.key


@pytest.mark.real
@pytest.mark.parametrize("call", READING, ids=named)
async def test_a_call_is_answered_with_each_of_its_permissions_and_refused_without_all_of_them(
    calls: Calls, graph: Running, call: Call
) -> None:
    path = path_of(call, graph)
    others = PERMISSIONS - {*call.roles, call.also}
    refused = await calls.get(path, token=token_of(graph, *others))
    assert (refused.status, refused.code) == (403, "Authorization_RequestDenied")
    for role in call.roles:
        given = {role, call.also} - {""}
        answer = await calls.get(path, token=token_of(graph, *given), ConsistencyLevel="eventual")
        assert answer.status == 200, (role, answer.body)
        for part in given if call.also else ():
            alone = await calls.get(path, token=token_of(graph, *(PERMISSIONS - {part})))
            assert alone.status == 403, part


def subscribing(endpoint: Endpoint, graph: Running, resource: str) -> dict[str, Any]:
    ends = graph.world.now() + timedelta(hours=1)
    return {
        "changeType": "updated,deleted",
        "resource": resource,
        "notificationUrl": endpoint.url,
        "expirationDateTime": ends.isoformat().replace("+00:00", "Z"),
    }


@pytest.mark.real
@pytest.mark.parametrize("resource", SUBSCRIPTION_ROLES)
async def test_whatever_is_done_with_a_subscription_takes_the_permission_of_its_resource(
    calls: Calls, graph: Running, endpoint: Endpoint, resource: str
) -> None:
    role = SUBSCRIPTION_ROLES[resource]
    with_it, without = token_of(graph, role), token_of(graph, *(PERMISSIONS - {role}))
    body = subscribing(endpoint, graph, resource)
    assert (await calls.send("POST", "/subscriptions", body, token=without)).status == 403
    made = await calls.send("POST", "/subscriptions", body, token=with_it)
    assert made.status == 201
    one = f"/subscriptions/{made.body['id']}"
    renewal = {"expirationDateTime": body["expirationDateTime"]}
    steps: list[tuple[str, str, Any, int]] = [
        ("GET", one, None, 200),
        ("PATCH", one, renewal, 200),
        ("POST", f"{one}/reauthorize", None, 204),
        ("DELETE", one, None, 204),
    ]
    assert {f"{method} {path.replace(made.body['id'], '{id}')}" for method, path, _, _ in steps} | {
        "POST /subscriptions",
        "GET /subscriptions",
    } == {call.key for call in SUBSCRIPTION_CALLS}
    assert (await calls.get("/subscriptions", token=without)).ids == []
    assert (await calls.get("/subscriptions", token=with_it)).ids == [made.body["id"]]
    nothing = token_of(graph, *(PERMISSIONS - set(SUBSCRIPTION_ROLES.values())))
    assert (await calls.get("/subscriptions", token=nothing)).status == 403
    for method, path, sent, status in steps:
        assert (await calls.send(method, path, sent, token=without)).status == 403, method
        assert (await calls.send(method, path, sent, token=with_it)).status == status, method


# --- the product's own table --------------------------------------------------------------------------------


def by_key() -> dict[str, Call]:
    return {call.key: call for call in CALLS}


def test_the_simulator_takes_what_the_table_of_permissions_says_that_a_call_takes() -> None:
    known = by_key()
    for row in table().permissions:
        for key in row.calls:
            call = known[key]
            if call in SUBSCRIPTION_CALLS:
                assert row.permission in {SUBSCRIPTION_ROLES[name] for name in row.subscriptions}, key
            else:
                assert row.permission in {*call.roles, call.also}, (row.permission, key)
    assert table().of_subscriptions() == SUBSCRIPTION_ROLES


def test_a_call_that_takes_two_permissions_stands_in_the_table_under_both() -> None:
    for call in CALLS:
        rows = {row.permission for row in table().permissions if call.key in row.calls}
        if call.also and rows:
            assert call.also in rows, call.key
            assert rows & set(call.roles), call.key


def test_a_lesser_permission_allows_the_calls_that_the_table_says_and_no_others_of_the_greater_one() -> None:
    known = by_key()
    for one in table().variants:
        greater = {
            key for row in table().permissions if row.permission == one.instead_of for key in row.calls
        }
        allowed = {key for key in greater if one.permission in known[key].roles}
        assert set(one.calls) == allowed, one.permission
