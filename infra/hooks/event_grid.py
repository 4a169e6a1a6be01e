"""Event Grid's half of delivery: Graph made the partner topic with the first subscription; here it is
activated, and its events are sent to the function `graph_events`.

(Azure Event Grid: subscribe to Microsoft Graph events; REST API: Partner Topics - Activate.)
"""

import time
from typing import Any

from infra.hooks.programs import NOT_FOUND, Refused, Stop, rest
from infra.hooks.variables import Made

_API = "?api-version=2025-02-15"
FUNCTION = "graph_events"
"""The function that takes events (functions/events.py)."""
NAME = "graph-events"


def connect(there: Made, patience: float, between: float) -> None:
    """Activate the topic and have its events come to the app. May be done again. Raises `Stop`."""
    topic_id = f"{there.group_id}/providers/Microsoft.EventGrid/partnerTopics/{there.topic}"
    try:
        topic = _topic(there, topic_id, patience, between)
        if topic["properties"].get("activationState") != "Activated":
            rest("POST", f"{topic_id}/activate{_API}")
        rest("PUT", f"{topic_id}/eventSubscriptions/{NAME}{_API}", _subscription(there))
    except Refused as problem:
        raise Stop(
            f"The partner topic {there.topic} could not be connected ({problem.code}). It takes the role "
            f"EventGrid Contributor on {there.group}. Then run: azd hooks run postdeploy"
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
                "subscription: see what 'python -m admin subscriptions show' says, then run: "
                "azd hooks run postdeploy"
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
