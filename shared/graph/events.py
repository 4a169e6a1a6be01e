"""An event of Graph's that came by Event Grid: verified as a call of Graph's own is. Pure.

What Event Grid says around it (type, source, subject) proves nothing: whoever may publish to a topic may say
so. `data` is the notification itself, with the tenant and the clientState. (Azure Event Grid: Microsoft Entra
events, receive Microsoft Graph change events; CloudEvents 1.0.)
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from shared.graph.notifications import COUNTS, BadCall, Call, parse_call

LIFECYCLE = {"microsoft.graph.subscriptionreauthorizationrequired": "reauthorizationRequired"}
"""Types of lifecycle events, in lower case, and what such a notification is called in a call of Graph's."""


def parse_event(kind: object, data: Any, tenant_id: str, secrets: Sequence[str]) -> Call:
    """Read and verify one event; never raises. What can't be used counts as malformed.

    `kind`: the event's type. `data` as JSON gives it; a list of notifications, or an envelope of them, is
    taken as well. A lifecycle event that is known by its type alone is taken for what the type says.
    """
    try:
        body = msgspec.json.encode({"value": [_named(kind, item) for item in _items(data)]})
        return parse_call(body, tenant_id, secrets)
    except (BadCall, msgspec.MsgspecError, TypeError, ValueError, RecursionError, UnicodeError):
        counts = dict.fromkeys(COUNTS, 0) | {"malformed": 1}
        return Call(user_ids=(), group_ids=(), lifecycle=(), counts=counts, subscriptions={})


def _items(data: Any) -> list[Any]:
    if isinstance(data, dict) and isinstance(data.get("value"), list):
        return data["value"] or [None]
    if isinstance(data, list):
        return data or [None]
    return [data]


def _named(kind: object, item: Any) -> Any:
    """The notification, with the lifecycle event that only the event's type names."""
    event = LIFECYCLE.get(kind.lower()) if isinstance(kind, str) else None
    if event is None or not isinstance(item, dict) or item.get("lifecycleEvent") is not None:
        return item
    return {**item, "lifecycleEvent": event}
