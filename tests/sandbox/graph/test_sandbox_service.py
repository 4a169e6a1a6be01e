"""The front door over HTTP: tokens, roles, errors, batches, throttling, faults, the control API."""

import asyncio
import time
from typing import Any

import aiohttp
import pytest

from sandbox.graph import service_operations as service
from sandbox.graph.control import Control
from sandbox.graph.faults import Fault
from sandbox.graph.permissions import CALLS, Call
from sandbox.graph.principals import principal_of
from sandbox.graph.simulator import HANDLERS, SERVICE_HANDLERS
from sandbox.graph.throttle import Throttle
from sandbox.graph.world import Refused
from tests.sandbox.graph.calls import Calls, token_of

SERVED = [call for call in CALLS if call.method == "GET" and not call.path.startswith("/subscriptions")]


def test_every_call_has_a_handler_and_every_handler_a_row() -> None:
    assert {call.key for call in CALLS} == HANDLERS.keys() | SERVICE_HANDLERS.keys()
    assert not HANDLERS.keys() & SERVICE_HANDLERS.keys()


async def test_without_a_token_and_with_a_bad_or_expired_one_it_is_401(calls: Calls) -> None:
    for token in (
        "",
        "nonsense",
        token_of(calls.graph, "User.Read.All", lifetime=-1),
        token_of(calls.graph, "User.Read.All", audience="https://storage.azure.com"),
    ):
        for method, path in (("GET", "/users"), ("POST", "/$batch"), ("GET", "/subscriptions")):
            answer = await calls.send(method, path, token=token)
            assert (answer.status, answer.code) == (401, "InvalidAuthenticationToken")
            assert "WWW-Authenticate" in answer.headers


@pytest.mark.parametrize("call", SERVED, ids=lambda call: call.path)
async def test_each_role_of_the_table_is_enough_and_others_are_not(calls: Calls, call: Call) -> None:
    ids = {
        "/users": "admin",
        "/groups": "group_m365_e3",
        "/reports": "admin",
        "/servicePrincipals": "principal",
    }
    part = ids.get("/" + call.path.split("/")[1], "admin")
    world = calls.graph.world
    own = principal_of(world, world.app_id) if part == "principal" else world.cast[part]
    path = call.path.replace("{id}", own).replace("{cast}", "microsoft.graph.user")
    path = path.replace("{app}", world.app_id)
    path += (
        "?$deltatoken=latest"
        if path.endswith("delta")
        else "?$count=true"
        if call.path.endswith("{cast}")
        else ""
    )
    every = {role for row in CALLS for role in row.roles if role != "*"} | {"User.ReadBasic.All"}
    headers = {"ConsistencyLevel": "eventual"}
    denied = await calls.get(path, token=token_of(calls.graph, *(every - set(call.roles))), **headers)
    assert (denied.status, denied.code) == (403, "Authorization_RequestDenied")
    for role in call.roles:
        calls.graph.simulator.throttle = Throttle()  # the report allows five calls
        token = token_of(calls.graph, role, *([call.also] if call.also else []))
        assert (await calls.get(path, token=token, **headers)).status == 200


async def test_errors_have_graphs_shape_and_every_answer_a_request_id(calls: Calls) -> None:
    answer = await calls.get("/users/nobody", **{"client-request-id": "mine"})
    assert answer.body["error"].keys() == {"code", "message", "innerError"}
    inner = answer.body["error"]["innerError"]
    assert inner["request-id"] == answer.headers["request-id"]
    assert inner["date"]
    assert answer.headers["client-request-id"] == "mine"
    assert (await calls.get("/organization")).headers["request-id"]


async def test_unknown_paths_and_methods_are_refused(calls: Calls) -> None:
    assert (await calls.get("/nonsense")).status == 400
    assert (await calls.send("POST", "/users", {})).status == 405
    assert (await calls.send("POST", "/subscriptions", None, headers={})).status == 400


# --- $batch -------------------------------------------------------------------------------------------------


def _items(ids: list[str]) -> dict[str, object]:
    rows = [
        {"id": str(n), "method": "GET", "url": f"/users/{user_id}?$select=id"}
        for n, user_id in enumerate(ids)
    ]
    return {"requests": rows}


async def test_a_batch_answers_each_item_by_itself_in_any_order(calls: Calls) -> None:
    ids = [*sorted(calls.graph.world.users)[:19], "nobody"]
    answer = await calls.send("POST", "/$batch", _items(ids))
    assert answer.status == 200
    responses = answer.body["responses"]
    assert [r["id"] for r in responses] != [str(n) for n in range(20)]
    by_id = {r["id"]: r for r in responses}
    assert by_id["19"]["status"] == 404
    assert [by_id[str(n)]["body"]["id"] for n in range(19)] == ids[:19]
    assert calls.graph.simulator.items["GET /users/{id}"] == 20


async def test_a_batch_of_more_than_twenty_is_400(calls: Calls) -> None:
    ids = sorted(calls.graph.world.users)[:21]
    assert (await calls.send("POST", "/%24batch", _items(ids))).status == 400
    bodies: list[Any] = [{}, {"requests": []}, {"requests": [{"id": "1"}]}, [], None]
    for body in bodies:
        assert (await calls.send("POST", "/$batch", body)).status == 400
    twice = _items(ids[:2])
    twice["requests"] = [{**row, "id": "1"} for row in twice["requests"]]  # type: ignore[attr-defined]  # a list
    assert (await calls.send("POST", "/$batch", twice)).status == 400


async def test_an_item_is_throttled_by_itself_with_its_own_delay(calls: Calls, control: Control) -> None:
    ids = sorted(calls.graph.world.users)[:3]
    await control.fault(Fault(path=f"/users/{ids[1]}", where="item", status=429, retry_after="2.128"))
    answer = await calls.send("POST", "/$batch", _items(ids))
    by_id = {r["id"]: r for r in answer.body["responses"]}
    assert [by_id[str(n)]["status"] for n in range(3)] == [200, 429, 200]
    assert by_id["1"]["headers"]["Retry-After"] == "2.128"
    assert answer.status == 200
    await control.set_rates(batch_throttled_status=424)
    await control.fault(Fault(path="/users/*", where="item", status=429))
    assert (await calls.send("POST", "/$batch", _items(ids))).status == 424


async def test_items_need_roles_too_and_a_failed_parent_fails_its_child(calls: Calls) -> None:
    rows = [
        {"id": "a", "method": "GET", "url": "/policies/authorizationPolicy"},
        {"id": "b", "method": "GET", "url": "/organization", "dependsOn": ["a"]},
        {"id": "c", "method": "POST", "url": "/subscriptions", "body": {}},
    ]
    token = token_of(calls.graph, "Organization.Read.All")
    answer = await calls.send("POST", "/$batch", {"requests": rows}, token=token)
    assert {r["id"]: r["status"] for r in answer.body["responses"]} == {"a": 403, "b": 424, "c": 400}


async def test_an_item_with_a_version_of_its_own_finds_nothing(calls: Calls) -> None:
    user_id = calls.graph.world.cast["admin"]
    urls = (f"/v1.0/users/{user_id}", f"v1.0/users/{user_id}", f"/users/{user_id}", f"users/{user_id}")
    rows = [{"id": str(n), "method": "GET", "url": url} for n, url in enumerate(urls)]
    answer = await calls.send("POST", "/$batch", {"requests": rows})
    assert answer.status == 200
    assert {r["id"]: r["status"] for r in answer.body["responses"]} == {
        "0": 400,
        "1": 400,
        "2": 200,
        "3": 200,
    }
    whole = [{"id": "a", "method": "GET", "url": f"{calls.graph.graph_url}/users"}]
    assert (await calls.send("POST", "/$batch", {"requests": whole})).status == 400
    other = [{"id": "a", "method": "GET", "url": "//elsewhere.example/users"}]
    assert (await calls.send("POST", "/$batch", {"requests": other})).status == 400


async def test_an_item_depends_on_one_other_at_most(calls: Calls) -> None:
    rows = [{"id": name, "method": "GET", "url": "/organization"} for name in "abc"]
    one = [*rows[:2], {**rows[2], "dependsOn": ["a"]}]
    assert (await calls.send("POST", "/$batch", {"requests": one})).status == 200
    two: list[dict[str, Any]] = [*rows[:2], {**rows[2], "dependsOn": ["a", "b"]}]
    refused = await calls.send("POST", "/$batch", {"requests": two})
    assert (refused.status, refused.code) == (400, "BadRequest")


# --- throttling and faults ----------------------------------------------------------------------------------


async def test_the_sixth_report_call_in_ten_seconds_is_429_with_a_decimal_delay(
    calls: Calls, control: Control
) -> None:
    path = "/reports/authenticationMethods/userRegistrationDetails"
    answers = [await calls.get(path) for _ in range(6)]
    assert [a.status for a in answers] == [200] * 5 + [429]
    delay = answers[5].headers["Retry-After"]
    assert "." in delay
    assert 5 < float(delay) <= 10
    assert (await calls.get("/users")).status == 200
    await control.set_rates(throttling=False)
    assert (await calls.get(path)).status == 200


async def test_listing_subscriptions_is_throttled_far_harder_than_getting_one(calls: Calls) -> None:
    statuses = [(await calls.get("/subscriptions")).status for _ in range(26)]
    assert statuses == [200] * 25 + [429]
    assert (await calls.get("/subscriptions/none")).status == 404


async def test_resource_units_are_told(calls: Calls) -> None:
    lean = await calls.get("/subscribedSkus?$select=skuId")
    assert (await calls.get("/subscribedSkus")).headers["x-ms-resource-unit"] == "3"
    assert lean.headers["x-ms-resource-unit"] == "2"


async def test_a_fault_hits_the_next_matching_calls_and_no_others(calls: Calls, control: Control) -> None:
    await control.fault(Fault(path="/users*", status=503, count=2, retry_after="0.5"))
    assert (await calls.get("/organization")).status == 200
    first = await calls.get("/users")
    assert (first.status, first.headers["Retry-After"]) == (503, "0.5")
    assert (await calls.get("/users/$count")).status == 503
    assert (await calls.get("/users")).status == 200
    await control.fault(Fault(path="/groups", status=500))
    await control.do(service.ClearFaults())
    assert (await calls.get("/groups")).status == 200


async def test_a_connection_can_be_reset_or_cut_in_the_middle(calls: Calls, control: Control) -> None:
    # Twice: aiohttp itself repeats a GET once if a kept connection breaks.
    await control.fault(Fault(path="/users", kind="reset", count=2))
    with pytest.raises(aiohttp.ClientError):
        await calls.get("/users")
    await control.fault(Fault(path="/users", kind="truncate"))
    with pytest.raises(aiohttp.ClientError):
        await calls.get("/users")
    assert (await calls.get("/users")).status == 200


async def test_a_call_can_hang_and_closing_the_simulator_does_not_wait_for_it(
    calls: Calls, control: Control
) -> None:
    await control.fault(Fault(path="/users", kind="hang", seconds=60))
    hanging = asyncio.create_task(calls.get("/users"))
    done, _ = await asyncio.wait({hanging}, timeout=0.3)
    assert not done
    begun = time.monotonic()
    await calls.graph.close()
    assert time.monotonic() - begun < 5
    with pytest.raises(aiohttp.ClientError):
        await hanging


async def test_a_gateway_page_and_a_link_to_another_origin_can_be_had(calls: Calls, control: Control) -> None:
    await control.fault(Fault(path="/users", kind="html", status=502))
    page = await calls.get("/users")
    assert (page.status, page.headers["Content-Type"].partition(";")[0]) == (502, "text/html")
    await control.fault(Fault(path="/users", kind="foreign-link"))
    assert not (await calls.get("/users")).body["@odata.nextLink"].startswith(calls.graph.url)


# --- control ------------------------------------------------------------------------------------------------


async def test_control_refuses_pages_in_a_browser_and_what_it_cannot_read(calls: Calls) -> None:
    url = f"{calls.graph.url}/control/do"
    assert (
        await calls.send("POST", url, {"do": "get_state"}, headers={"Origin": "http://evil"})
    ).status == 403
    assert (await calls.send("POST", url, {"do": "nothing"})).status == 400
    assert (await calls.send("POST", url, {"do": "add_user"})).status == 400
    assert (await calls.send("POST", url, {"do": "get_state"})).status == 200


async def test_control_refuses_what_a_tenant_would_refuse(control: Control) -> None:
    with pytest.raises(Refused, match="no user"):
        await control.delete_user("nobody")
    with pytest.raises(ValueError, match="unknown field"):
        await control.set_rates(duplicates=1.0)


async def test_calls_are_counted_by_name(calls: Calls, control: Control) -> None:
    user_id = calls.graph.world.cast["admin"]
    await calls.get(f"/users/{user_id}")
    await calls.send("POST", "/$batch", _items([user_id, user_id]))
    counted = await control.calls()
    assert counted == {"GET /users/{id}": 3, "POST /$batch": 1}
    await control.do(service.ResetCounters())
    assert await control.calls() == {}


async def test_settle_says_no_when_it_takes_too_long(control: Control, calls: Calls) -> None:
    assert await control.settle(0.1)
    await control.set_rates(licensing_delay=(5, 5))
    await control.add_licensing_group("Slow", [], [calls.graph.world.cast["admin"]])
    assert await control.settle(0.1)
    group = calls.graph.world.cast["group_m365_e3"]
    await control.add_members(group, calls.graph.world.cast["admin"])
    assert not await control.settle(0.1)
