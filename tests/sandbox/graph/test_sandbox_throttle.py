"""Throttling over HTTP: buckets, what their answers tell, 429 below the limits, items of a batch."""

import itertools
from typing import Any

import pytest

from sandbox.graph.control import Control
from sandbox.graph.permissions import CALLS, Call
from sandbox.graph.throttle import Throttle, cost
from sandbox.graph.wire import Caller, GraphFault
from tests.sandbox.graph.calls import Answer, Calls

ROWS = {call.key: call for call in CALLS}
ME = Caller("app", frozenset())
REPORT = "/reports/authenticationMethods/userRegistrationDetails"


def _spent(call: Call, users: int, units: float, at: float = 0.0) -> int:
    """How many calls of so many units go through at once."""
    throttle = Throttle()
    for number in itertools.count():
        try:
            throttle.charge(call, units, at, users, ME, "tenant")
        except GraphFault:
            return number
    raise AssertionError


@pytest.mark.parametrize(
    ("key", "users", "most"),
    [
        ("GET /organization", 49, 3500),
        ("GET /organization", 50, 5000),
        ("GET /organization", 500, 5000),
        ("GET /organization", 501, 8000),
        (f"GET {REPORT}", 300, 5),
        ("GET /auditLogs/directoryAudits", 300, 5),
        ("GET /subscriptions", 300, 25),
        ("GET /subscriptions/{id}", 300, 500),
        ("POST /subscriptions", 300, 500),
        ("POST /subscriptions/{id}/reauthorize", 300, 1000),
    ],
)
def test_each_bucket_holds_what_is_documented(key: str, users: int, most: int) -> None:
    assert _spent(ROWS[key], users, 1.0) == most


@pytest.mark.parametrize(
    ("key", "query", "units"),
    [
        ("GET /users", {}, 2),
        ("GET /users", {"$select": "id"}, 1),
        ("GET /users", {"$select": "id", "$top": "10"}, 1),
        ("GET /users/{id}", {}, 1),
        ("GET /users/delta", {}, 1),
        ("GET /groups/{id}/members", {}, 3),
        ("GET /groups/{id}/members", {"$top": "19"}, 2),
        ("GET /groups/{id}/members", {"$top": "20"}, 3),
        ("GET /groups/{id}/transitiveMembers", {"$expand": "x"}, 6),
        ("GET /subscribedSkus", {}, 3),
    ],
)
def test_each_call_costs_what_is_documented(key: str, query: dict[str, str], units: float) -> None:
    assert cost(ROWS[key], query) == units


def test_a_bucket_fills_again_as_its_window_moves_and_refused_calls_count() -> None:
    throttle, call = Throttle(), ROWS[f"GET {REPORT}"]
    for second in range(5):
        throttle.charge(call, 1, float(second), 300, ME, "tenant")
    with pytest.raises(GraphFault) as refused:
        throttle.charge(call, 1, 5.0, 300, ME, "tenant")
    assert float(refused.value.headers["Retry-After"]) == 5.0
    with pytest.raises(GraphFault):
        throttle.charge(call, 1, 10.5, 300, ME, "tenant")
    throttle.charge(call, 1, 13.5, 300, ME, "tenant")


async def _until_throttled(calls: Calls, path: str, most: int) -> tuple[list[Answer], Answer]:
    answers: list[Answer] = []
    for _ in range(most):
        answer = await calls.get(path)
        if answer.status == 429:
            return answers, answer
        answers.append(answer)
    raise AssertionError("never throttled")


async def test_from_eighty_percent_on_the_share_is_told_and_a_429_names_its_scope(calls: Calls) -> None:
    answers, refused = await _until_throttled(calls, REPORT, 6)
    told = [answer.headers.get("x-ms-throttle-limit-percentage") for answer in answers]
    assert told == [None, None, None, None, "1.00"]
    world = calls.graph.world
    assert refused.headers["x-ms-throttle-limit-percentage"] == "1.20"
    assert (
        refused.headers["x-ms-throttle-scope"]
        == f"Tenant_Application/Read/{world.app_id}/{world.organization.id}"
    )
    assert refused.headers["x-ms-throttle-information"]
    assert "." in refused.headers["Retry-After"]
    for _ in range(6):
        most = (await calls.get(REPORT)).headers["x-ms-throttle-limit-percentage"]
    assert most == "1.80"


async def test_the_subscription_service_throttles_in_whole_seconds_and_words_of_its_own(calls: Calls) -> None:
    _, refused = await _until_throttled(calls, "/subscriptions", 26)
    assert refused.headers["Retry-After"].isdigit()
    message = refused.body["error"]["message"]
    assert message.startswith("Too many requests from Identifier:")
    assert message.endswith("category:throttle.aad.ags.subscriptionservice.dc.list")


async def test_429_comes_below_the_limits_too(calls: Calls, control: Control) -> None:
    await control.set_rates(throttle_rate=0.5, throttle_delay=(1.0, 2.0))
    answers = [await calls.get("/organization") for _ in range(40)]
    refused = [answer for answer in answers if answer.status == 429]
    assert 5 < len(refused) < 35
    assert all(1 <= float(answer.headers["Retry-After"]) <= 2 for answer in refused)
    assert {answer.code for answer in refused} == {"TooManyRequests"}


@pytest.mark.parametrize("rate", [0.0, 0.5, 1.0])
async def test_a_429_says_when_to_come_back_or_it_does_not(
    calls: Calls, control: Control, rate: float
) -> None:
    await control.set_rates(throttle_rate=1.0, retry_after_rate=rate)
    told = ["Retry-After" in (await calls.get("/organization")).headers for _ in range(30)]
    assert set(told) == {0.0: {False}, 0.5: {True, False}, 1.0: {True}}[rate]


async def test_items_of_a_batch_are_throttled_each_by_itself_and_by_the_bucket_too(
    calls: Calls, control: Control
) -> None:
    rows = [{"id": str(n), "method": "GET", "url": REPORT} for n in range(8)]
    answer = await calls.send("POST", "/$batch", {"requests": rows})
    assert answer.status == 200
    by_status: dict[int, list[dict[str, Any]]] = {}
    for response in answer.body["responses"]:
        by_status.setdefault(response["status"], []).append(response)
    assert {status: len(some) for status, some in by_status.items()} == {200: 5, 429: 3}
    assert all(float(response["headers"]["Retry-After"]) > 5 for response in by_status[429])
    await control.set_rates(throttle_rate=0.5)
    others = [{"id": str(n), "method": "GET", "url": "/organization"} for n in range(20)]
    answer = await calls.send("POST", "/$batch", {"requests": others})
    assert {response["status"] for response in answer.body["responses"]} == {200, 429}
