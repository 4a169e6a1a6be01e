"""What Event Grid brings, through Microsoft's runtime: what is ours is asked for, the rest changes nothing.

Whatever comes is taken: an event that is refused comes again for a day.
"""

import json
from typing import Any

import pytest

from shared.watch.messages import HEARD, read_changed, read_step
from tests.functions.conftest import SECRET, TENANT, Runtime
from tests.functions.test_malformed_calls import GROUP, NOTHING_CHANGES, SUBSCRIPTION, USER, asked_for, item


def event(data: Any, kind: str = "Microsoft.Graph.UserUpdated", **changes: Any) -> dict[str, Any]:
    """A CloudEvent as a partner topic delivers it; a change to `...` leaves the attribute out."""
    whole = {
        "specversion": "1.0",
        "id": "44444444-4444-4444-8444-444444444444",
        "type": kind,
        "source": f"/tenants/{TENANT}/applications/{SUBSCRIPTION}",
        "subject": f"Users/{USER}",
        "time": "2026-11-23T08:00:00.1234567Z",
        "datacontenttype": "application/json",
        "data": data,
    }
    return {name: value for name, value in {**whole, **changes}.items() if value is not ...}


def test_a_changed_user_goes_to_the_queue_of_what_was_heard(event_runtime: Runtime) -> None:
    answer = event_runtime.event(event(item()))
    assert answer["ok"], answer
    [text] = asked_for(answer)["heard"]
    changed = read_changed(text)
    assert (changed.users, changed.groups, changed.look, changed.why) == ((USER,), (), 1, HEARD)


def test_a_changed_group_too(event_runtime: Runtime) -> None:
    data = {"@odata.type": "#Microsoft.Graph.Group", "id": GROUP}
    changed = item(resource=f"Groups/{GROUP}", resourceData=data)
    [text] = asked_for(event_runtime.event(event(changed, "Microsoft.Graph.GroupUpdated")))["heard"]
    assert read_changed(text).groups == (GROUP,)


def test_a_lifecycle_event_goes_to_whoever_looks_after_subscriptions(event_runtime: Runtime) -> None:
    data = item(changeType=..., resource=..., resourceData=...)
    answer = event_runtime.event(event(data, "microsoft.graph.subscriptionReauthorizationRequired"))
    [text] = asked_for(answer)["sweeps"]
    [asked] = read_step(text).lifecycle
    assert (asked.subscription, asked.event) == (SUBSCRIPTION, "reauthorizationRequired")
    assert "heard" not in asked_for(answer)


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": ...},
        {"time": ...},
        {"datacontenttype": ...},
        {"id": ...},
        {"source": "somewhere"},
        {"traceparent": "00-1-1-01"},
    ],
)
def test_what_stands_around_the_notification_makes_no_difference(
    event_runtime: Runtime, changes: dict[str, Any]
) -> None:
    assert read_changed(asked_for(event_runtime.event(event(item(), **changes)))["heard"][0]).users == (USER,)


FOREIGN = {
    name: data
    for name, (body, status) in NOTHING_CHANGES.items()
    if status == 202
    for data in json.loads(body)["value"][:1]
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_not_ours_is_taken_and_changes_nothing(event_runtime: Runtime, name: str) -> None:
    answer = event_runtime.event(event(FOREIGN[name]))
    assert (answer["ok"], asked_for(answer)) == (True, {})


@pytest.mark.parametrize(
    "wrong",
    [
        event(None),
        event(...),
        event(item(clientState=SECRET[:-1]), "microsoft.graph.subscriptionReauthorizationRequired"),
        {"id": "1", "topic": "t", "subject": "s", "eventType": "x", "data": {}, "dataVersion": "1"},
    ],
    ids=["no data", "data left out", "forged lifecycle", "Event Grid's own schema"],
)
def test_an_event_without_a_notification_of_ours_is_taken(event_runtime: Runtime, wrong: Any) -> None:
    answer = event_runtime.event(wrong)
    assert (answer["ok"], asked_for(answer)) == (True, {})


def test_events_load_nothing_heavy(event_runtime: Runtime) -> None:
    event_runtime.event(event(item()))
    loaded = event_runtime.ask(modules=True)
    heavy = (
        "msgraph",
        "kiota_",
        "azure.identity",
        "azure.storage",
        "shared.watch.parts",
        "shared.graph.session",
        "jinja2",
    )
    assert "functions.events" in loaded
    assert [name for name in loaded if name.startswith(heavy)] == []
