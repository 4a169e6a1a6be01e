"""Faults that come by chance, over HTTP: each kind, at its rate, where it is wanted."""

from collections import Counter
from typing import Any

import aiohttp
import pytest

from sandbox.graph.control import Control
from sandbox.graph.faults import Fault
from tests.sandbox.graph.calls import Calls, Endpoint


async def _outcomes(calls: Calls, path: str, count: int) -> Counter[Any]:
    found: Counter[Any] = Counter()
    for _ in range(count):
        try:
            found[(await calls.get(path)).status] += 1
        except aiohttp.ClientError:
            found["broken"] += 1
    return found


async def test_calls_fail_at_the_rate_that_was_set_and_in_the_ways_that_were_set(
    calls: Calls, control: Control
) -> None:
    await control.set_rates(fault_rate=0.4, fault_kinds=("429", "503", "504", "500", "502"))
    found = await _outcomes(calls, "/organization", 150)
    assert found.keys() == {200, 429, 503, 504, 500, 502}
    assert 60 <= found[200] <= 120


@pytest.mark.parametrize("kind", ["hang", "reset", "truncate", "lost-answer"])
async def test_connections_break_by_chance(calls: Calls, control: Control, kind: str) -> None:
    await control.set_rates(fault_rate=1.0, fault_kinds=(kind,), fault_seconds=(0.05, 0.1))
    assert await _outcomes(calls, "/organization", 3) == {"broken": 3}


async def test_what_was_carried_out_can_lose_its_answer(
    calls: Calls, control: Control, endpoint: Endpoint
) -> None:
    await control.fault(Fault(path="/subscriptions", method="POST", kind="lost-answer"))
    with pytest.raises(aiohttp.ClientError):
        await calls.subscribe(endpoint.url)
    assert len((await calls.get("/subscriptions")).body["value"]) == 1
    assert (await calls.subscribe(endpoint.url)).status == 409


async def test_links_can_be_forgotten_by_chance_and_other_calls_are_spared(
    calls: Calls, control: Control
) -> None:
    page = (await calls.get("/users?$top=5")).body["@odata.nextLink"]
    delta = (await calls.get("/users/delta?$deltatoken=latest")).body["@odata.deltaLink"]
    await control.set_rates(fault_rate=1.0, fault_kinds=("gone",))
    assert (await calls.get(page)).code == "Directory_ExpiredPageToken"
    refused = await calls.get(delta)
    assert (refused.status, refused.code) == (410, "syncStateNotFound")
    for spared in ("/users", "/users/delta?$deltatoken=latest"):
        assert (await calls.get(spared)).status == 200
    await control.set_rates(fault_rate=0.0)
    assert (await calls.get(delta)).status == 200


async def test_faults_can_be_kept_to_some_paths_and_reach_items_of_a_batch(
    calls: Calls, control: Control
) -> None:
    await control.set_rates(fault_rate=0.5, fault_kinds=("503",), fault_paths=("/users/*",))
    assert await _outcomes(calls, "/organization", 20) == {200: 20}
    user_id = calls.graph.world.cast["admin"]
    rows = [{"id": str(n), "method": "GET", "url": f"/users/{user_id}?$select=id"} for n in range(20)]
    answer = await calls.send("POST", "/$batch", {"requests": rows})
    assert answer.status == 200
    assert {response["status"] for response in answer.body["responses"]} == {200, 503}
    await control.set_rates(fault_kinds=("reset",))
    answer = await calls.send("POST", "/$batch", {"requests": rows})
    assert {response["status"] for response in answer.body["responses"]} == {200}


async def test_a_410_can_say_where_to_begin_anew(calls: Calls, control: Control) -> None:
    await control.fault(Fault(path="/users/delta", status=410, location="https://graph.example/delta"))
    refused = await calls.get("/users/delta")
    assert (refused.status, refused.headers["Location"]) == (410, "https://graph.example/delta")
