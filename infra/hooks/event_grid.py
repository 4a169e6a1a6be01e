"""Event Grid's half of delivery: Graph made the partner topic with the first subscription; here it is
activated, and its events are sent to the function `graph_events`.

(Azure Event Grid: subscribe to Microsoft Graph events; REST API: Partner Topics - Activate.)
"""

import time
from typing import Any

from infra.hooks.programs import DENIED, NOT_FOUND, Refused, Stop, rest
from infra.hooks.variables import Made

_API = "?api-version=2025-02-15"
FUNCTION = "graph_events"
"""The function that takes events (functions/events.py)."""
NAME = "graph-events"

_UNDER_WAY = ("Creating", "Updating")
"""Resource Manager takes an event subscription at once, and Event Grid makes it after that."""


def connect(there: Made, patience: float, between: float) -> None:
    """Activate the topic and have its events come to the app; ends when they do. May be done again.

    `patience` and `between` in seconds: for the topic to be there, and for the event subscription; between
    looks. Raises `Stop`.
    """
    topic_id = f"{there.group_id}/providers/Microsoft.EventGrid/partnerTopics/{there.topic}"
    try:
        topic = _topic(there, topic_id, patience, between)
        if topic["properties"].get("activationState") != "Activated":
            rest("POST", f"{topic_id}/activate{_API}")
        _route(there, f"{topic_id}/eventSubscriptions/{NAME}{_API}", patience, between)
    except Refused as problem:
        role = f" It takes the role EventGrid Contributor on {there.group}." if problem.kind == DENIED else ""
        raise Stop(
            f"The partner topic {there.topic} could not be connected ({problem.code}).{role} "
            "When that is mended, run: azd hooks run postdeploy"
        ) from None
    print(f"Event Grid brings what Graph tells to the function {FUNCTION}.")


def _topic(there: Made, topic_id: str, patience: float, between: float) -> dict[str, Any]:
    until = time.monotonic() + patience
    while True:
        try:
            found: dict[str, Any] = rest("GET", topic_id + _API)
        except Refused as problem:
            if problem.kind != NOT_FOUND:
                raise
        else:
            return found
        if time.monotonic() >= until:
            raise Stop(
                f"Graph has made no partner topic {there.topic} in {there.group}. It does so with the first "
                "subscription: see what 'python -m admin subscriptions show' says. If there are "
                "subscriptions, the topic was deleted since: run python -m admin subscriptions delete. Then "
                "run: azd hooks run postdeploy"
            )
        time.sleep(between)


def _route(there: Made, url: str, patience: float, between: float) -> None:
    """Have the event subscription, and see that Event Grid made it: the app may not be known to it yet."""
    until = time.monotonic() + patience
    state = ""
    while True:
        try:
            # What is being made is looked at; what failed is asked for anew.
            known = state in _UNDER_WAY
            found = rest("GET", url) if known else rest("PUT", url, _subscription(there))
            state = found["properties"]["provisioningState"]
        except Refused as problem:
            if problem.kind == DENIED:
                raise
            state = problem.code
        if state == "Succeeded":
            return
        if time.monotonic() >= until:
            raise Stop(
                f"Event Grid does not bring events to the function {FUNCTION} of {there.app} yet ({state}). "
                "See in the Azure portal that the function is listed at the Function App › Functions, then "
                "run: azd hooks run postdeploy"
            )
        time.sleep(between)


def _subscription(there: Made) -> dict[str, Any]:
    """One event a call, as the function takes them; Event Grid tries for a day."""
    destination = {
        "resourceId": f"{there.app_id}/functions/{FUNCTION}",
        "maxEventsPerBatch": 1,
        "preferredBatchSizeInKilobytes": 64,
    }
    return {
        "properties": {
            "destination": {"endpointType": "AzureFunction", "properties": destination},
            "eventDeliverySchema": "CloudEventSchemaV1_0",
            "retryPolicy": {"maxDeliveryAttempts": 30, "eventTimeToLiveInMinutes": 1440},
        }
    }
