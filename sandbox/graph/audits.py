"""`/auditLogs/directoryAudits`: what people did with self-service password reset (graph.md §8)."""

import bisect
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sandbox.graph import odata
from sandbox.graph.wire import GraphAnswer, GraphRequest, bad_request, iso, unsupported

if TYPE_CHECKING:
    from sandbox.graph.world import World

SSPR = "Self-service Password Management"
_NEWEST = 10**16
_MOST = 10**8 - 1
_COMPARE: Mapping[str, Callable[[datetime, datetime], bool]] = {
    "ge": lambda at, limit: at >= limit,
    "gt": lambda at, limit: at > limit,
    "le": lambda at, limit: at <= limit,
    "lt": lambda at, limit: at < limit,
}
_NAMES = ("loggedByService", "activityDisplayName", "category", "result")
_CLAUSE = re.compile(r"(\w+)\s+(eq|ge|gt|le|lt)\s+(?:'((?:[^']|'')*)'|(\S+))")


@dataclass(frozen=True, slots=True)
class Audit:
    """One activity. `user_id` is empty where it concerns the tenant; `changes`: name to (old, new)."""

    activity: str
    at: datetime
    user_id: str = ""
    upn: str = ""
    display_name: str = ""
    result: str = "success"
    service: str = SSPR
    category: str = "UserManagement"
    changes: Mapping[str, tuple[str, str]] = field(default_factory=dict)


class Audits:
    """The log. Nothing is collected as long as `audits_collected` is off (graph.md §8)."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._rows: dict[str, Audit] = {}
        self._keys: list[str] = []

    def add(self, audit: Audit) -> None:
        """Take in an activity."""
        if self._world.rates.audits_collected:
            # Counted downwards, since the newest come first.
            key = f"{_NEWEST - int(audit.at.timestamp() * 1e6):017d}{_MOST - len(self._rows):08d}"
            self._rows[key] = audit
            bisect.insort(self._keys, key)

    def page(self, request: GraphRequest) -> dict[str, Any]:
        """A page of what answers the filter, the newest first."""
        wanted = _wanted(request.query.get("$filter"))
        return odata.page(
            request,
            self._world,
            self._keys,
            lambda key: wanted(self._rows[key]),
            lambda key: _render(key, self._rows[key]),
            self._world.rates.audit_page_size,
        )


def list_audits(request: GraphRequest, world: "World") -> GraphAnswer:
    """`GET /auditLogs/directoryAudits`: `$filter` by service, activity, category, result and time."""
    odata.refuse(request, "$expand", "$search", "$select", "$orderby")
    context = f"{request.base}/$metadata#auditLogs/directoryAudits"
    return GraphAnswer(200, {"@odata.context": context, **world.audits.page(request)})


def _wanted(text: str | None) -> Callable[[Audit], bool]:
    """The filter as a predicate; 400 for one that isn't supported."""
    tests = [_clause(part.strip()) for part in re.split(r"\s+and\s+", text)] if text else []
    return lambda audit: all(test(audit) for test in tests)


def _clause(text: str) -> Callable[[Audit], bool]:
    found = _CLAUSE.fullmatch(text.strip("()"))
    if found is None:
        raise unsupported("Unsupported or invalid query filter clause specified.")
    name, how, quoted, bare = found.groups()
    if name == "activityDateTime" and how in _COMPARE and bare is not None:
        limit = _time(bare)
        return lambda audit: _COMPARE[how](audit.at, limit)
    if name in _NAMES and how == "eq" and quoted is not None:
        value = quoted.replace("''", "'")
        return lambda audit: _text(audit, name) == value
    raise unsupported("Unsupported or invalid query filter clause specified.")


def _text(audit: Audit, name: str) -> str:
    return {
        "loggedByService": audit.service,
        "activityDisplayName": audit.activity,
        "category": audit.category,
        "result": audit.result,
    }[name]


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError("no offset")
    except ValueError:
        raise bad_request(f"Invalid filter clause: '{text}' is no time with an offset.") from None
    return moment


def _render(key: str, audit: Audit) -> dict[str, Any]:
    person = {"id": audit.user_id, "displayName": audit.display_name, "userPrincipalName": audit.upn}
    changed = [
        {"displayName": name, "oldValue": old, "newValue": new} for name, (old, new) in audit.changes.items()
    ]
    target: dict[str, Any] = {"groupType": None, "modifiedProperties": changed}
    if audit.user_id:
        target |= person | {"type": "User"}
    else:
        target |= {"id": None, "displayName": None, "userPrincipalName": None, "type": "Directory"}
    correlation = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{key}{audit.at.timestamp()}"))
    return {
        "id": f"SSPR_{correlation}_{key}",
        "category": audit.category,
        "correlationId": correlation,
        "result": audit.result,
        "resultReason": "" if audit.result == "success" else "OtherError",
        "activityDisplayName": audit.activity,
        "activityDateTime": iso(audit.at),
        "loggedByService": audit.service,
        "operationType": "Update",
        "initiatedBy": {"user": person | {"ipAddress": ""} if audit.user_id else None, "app": None},
        "targetResources": [target],
        "additionalDetails": [],
    }
