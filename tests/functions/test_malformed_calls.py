"""Calls that Graph would not make, through Microsoft's runtime: each gets its status and changes nothing."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.watch.messages import read_step
from tests.functions.conftest import PREVIOUS, SECRET, TENANT, Runtime

USER = "11111111-1111-4111-8111-111111111111"
GROUP = "22222222-2222-4222-8222-222222222222"
SUBSCRIPTION = "33333333-3333-4333-8333-333333333333"


def item(**changes: Any) -> dict[str, Any]:
    """An authentic notification, with changes; a change to `...` leaves the property out."""
    authentic = {
        "changeType": "updated",
        "clientState": SECRET,
        "resource": f"Users/{USER}",
        "resourceData": {"@odata.type": "#Microsoft.Graph.User", "@odata.id": f"Users/{USER}", "id": USER},
        "subscriptionId": SUBSCRIPTION,
        "subscriptionExpirationDateTime": "2026-12-20T00:00:00+00:00",
        "tenantId": TENANT,
    }
    return {name: value for name, value in {**authentic, **changes}.items() if value is not ...}


def call(*items: Any) -> bytes:
    return json.dumps({"value": list(items)}).encode()


def asked_for(answer: dict[str, Any]) -> dict[str, list[str]]:
    """The messages that have something done, by output; not what the process tells of its counts."""
    outputs = {
        name: [text for text in texts if "calls" not in json.loads(text)]
        for name, texts in answer["outputs"].items()
    }
    return {name: texts for name, texts in outputs.items() if texts}


NOTHING_CHANGES: dict[str, tuple[bytes, int]] = {
    "empty body": (b"", 400),
    "not JSON": (b"value=1", 400),
    "half a JSON": (b'{"value": [', 400),
    "not UTF-8": (b'{"value": "\xff\xfe"}', 400),
    "a list": (b"[]", 400),
    "a string": (b'"value"', 400),
    "null": (b"null", 400),
    "no value": (b"{}", 400),
    "value is an object": (b'{"value": {}}', 400),
    "value is null": (b'{"value": null}', 400),
    "a body of 2 MB": (b'{"value": ["' + b"x" * 2_000_000 + b'"]}', 413),
    "no items": (call(), 202),
    "items of other types": (call(1, "x", None, [], True), 202),
    "an empty item": (call({}), 202),
    "wrong clientState": (call(item(clientState="w" * 48)), 202),
    "clientState that starts like ours": (call(item(clientState=SECRET[:-1])), 202),
    "null clientState": (call(item(clientState=None)), 202),
    "no clientState": (call(item(clientState=...)), 202),
    "clientState of another type": (call(item(clientState=[SECRET])), 202),
    "empty clientState": (call(item(clientState="")), 202),
    "non-ASCII clientState": (call(item(clientState="é" * 48)), 202),
    "a lone surrogate, which is no Unicode": (call(item(clientState="\ud800" * 4)), 400),
    "another tenant": (call(item(tenantId=USER)), 202),
    "no tenant": (call(item(tenantId=...)), 202),
    "tenant of another type": (call(item(tenantId=7)), 202),
    "an id that is no GUID": (call(item(resource="Users/../groups", resourceData={"id": "../../x"})), 202),
    "a resource of another kind": (
        call(item(resource="devices/x", resourceData={"@odata.type": "#Microsoft.Graph.Device", "id": "x"})),
        202,
    ),
    "10,000 forged items": (call(*[{"clientState": "w", "tenantId": TENANT}] * 10_000), 202),
    "10,000 whole items, over 1 MiB": (call(*[item()] * 10_000), 413),
    "a lifecycle event with a wrong secret": (
        call(item(clientState="w" * 48, changeType=..., lifecycleEvent="reauthorizationRequired")),
        202,
    ),
}


@pytest.mark.parametrize("function", ["graph_notifications", "graph_lifecycle"])
@pytest.mark.parametrize("kind", NOTHING_CHANGES)
def test_a_malformed_call_gets_its_status_and_changes_nothing(
    runtime: Runtime, function: str, kind: str
) -> None:
    body, status = NOTHING_CHANGES[kind]
    answer = runtime.post(function, body)
    assert (answer["status"], asked_for(answer), answer["error"]) == (status, {}, None)


def test_at_least_25_kinds_are_tried() -> None:
    assert len(NOTHING_CHANGES) >= 25


def test_an_authentic_call_is_accepted_with_its_message_on_the_queue(runtime: Runtime) -> None:
    answer = runtime.post("graph_notifications", call(item()))
    assert answer["status"] == 202
    [text] = answer["outputs"]["changed"]
    message = json.loads(text)
    assert (message["users"], message["look"]) == ([USER], 1)
    assert "sweeps" not in asked_for(answer)


def test_a_bad_item_does_not_take_the_good_ones_with_it(runtime: Runtime) -> None:
    answer = runtime.post("graph_notifications", call({}, item(clientState=None), item(), 7))
    assert json.loads(answer["outputs"]["changed"][0])["users"] == [USER]


def test_an_unknown_but_authentic_subscription_is_processed(runtime: Runtime) -> None:
    answer = runtime.post("graph_notifications", call(item(subscriptionId=GROUP)))
    assert json.loads(answer["outputs"]["changed"][0])["users"] == [USER]


def test_the_previous_secret_is_accepted_while_it_rotates(runtime: Runtime) -> None:
    answer = runtime.post("graph_notifications", call(item(clientState=PREVIOUS)))
    assert json.loads(answer["outputs"]["changed"][0])["users"] == [USER]


def test_groups_go_on_in_messages_of_their_own(runtime: Runtime) -> None:
    group = item(
        resource=f"Groups/{GROUP}",
        resourceData={"@odata.type": "#Microsoft.Graph.Group", "id": GROUP, "members@delta": [{"id": USER}]},
    )
    texts = [
        json.loads(text) for text in runtime.post("graph_notifications", call(group))["outputs"]["changed"]
    ]
    assert [message.get("users") or message.get("groups") for message in texts] == [[USER], [GROUP]]


def test_4_000_authentic_items_are_split_into_messages_that_fit_the_queue(runtime: Runtime) -> None:
    ids = [f"44444444-4444-4444-8444-{number:012d}" for number in range(4_000)]
    slim = [
        {"changeType": "updated", "clientState": SECRET, "tenantId": TENANT, "resource": f"Users/{one}"}
        for one in ids
    ]
    answer = runtime.post("graph_notifications", call(*slim))
    assert answer["status"] == 202, answer
    texts = answer["outputs"]["changed"]
    assert sorted(one for text in texts for one in json.loads(text)["users"]) == ids
    assert all(len(text) < 48_000 for text in texts)


def test_a_lifecycle_event_goes_to_the_sweeps(runtime: Runtime) -> None:
    event = item(changeType=..., resource=..., resourceData=..., lifecycleEvent="reauthorizationRequired")
    outputs = asked_for(runtime.post("graph_lifecycle", call(event)))
    assert list(outputs) == ["sweeps"]
    [text] = outputs["sweeps"]
    assert json.loads(text)["lifecycle"] == [
        {"subscription": SUBSCRIPTION, "event": "reauthorizationRequired"}
    ]


@pytest.mark.parametrize("function", ["graph_notifications", "graph_lifecycle"])
def test_the_handshake_returns_the_decoded_token_as_plain_text(runtime: Runtime, function: str) -> None:
    answer = runtime.post(function, b"", "?validationToken=Validation%3A%20Testing%20%2B%20%26%20more%25")
    assert answer["status"] == 200
    assert answer["text"] == "Validation: Testing + & more%"
    assert answer["headers"]["content-type"].startswith("text/plain")
    assert answer["headers"]["x-content-type-options"] == "nosniff"
    assert answer["outputs"] == {}


def test_a_token_with_html_stays_text(runtime: Runtime) -> None:
    answer = runtime.post("graph_notifications", b"", "?validationToken=%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    assert (answer["status"], answer["text"]) == (200, "<script>alert(1)</script>")
    assert answer["headers"]["content-type"].startswith("text/plain")
    assert answer["headers"]["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("query", ["?validationToken=", "?validationToken=" + "t" * 5 * 1024])
def test_a_token_that_is_empty_or_over_4_kib_is_refused(runtime: Runtime, query: str) -> None:
    answer = runtime.post("graph_notifications", b"", query)
    assert (answer["status"], answer["text"], answer["outputs"]) == (400, "", {})


def test_a_process_tells_once_a_minute_what_it_refused_and_from_which_subscriptions_the_rest_came() -> None:
    # A process of its own: the others' has told already.
    fresh = Runtime()
    try:
        outputs = fresh.post("graph_notifications", call(item(clientState="w" * 48), item()))["outputs"]
        [text] = outputs["sweeps"]
        told = read_step(text).calls
        assert told
        assert {name: seen.n for name, seen in told.classes.items()} == {"forged": 1}
        assert {name: seen.n for name, seen in told.subscriptions.items()} == {SUBSCRIPTION: 1}
        assert (datetime.now(UTC) - told.classes["forged"].last).total_seconds() < 60
        assert len(outputs["changed"]) == 1
        for body in (b"not JSON", call(item(clientState="w" * 48))):
            assert fresh.post("graph_lifecycle", body)["outputs"] == {}
    finally:
        fresh.close()


def test_even_a_call_that_is_refused_as_a_whole_tells_what_was_counted() -> None:
    fresh = Runtime()
    try:
        answer = fresh.post("graph_notifications", b"not JSON")
        [text] = answer["outputs"]["sweeps"]
        told = read_step(text).calls
        assert answer["status"] == 400
        assert told
        assert {name: seen.n for name, seen in told.classes.items()} == {"refused": 1}
    finally:
        fresh.close()


def test_none_of_these_calls_loaded_a_heavy_module(runtime: Runtime) -> None:
    runtime.post("graph_notifications", call(item()))
    runtime.post("graph_notifications", b"", "?validationToken=x")
    heavy = ("msgraph", "kiota", "azure.identity", "azure.storage", "jinja2")
    assert [name for name in runtime.ask(modules=True) if name.startswith(heavy)] == []
