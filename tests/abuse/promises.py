"""What holds of every body that reaches the parsers, held against a reading by the standard library."""

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from shared.graph.events import parse_event
from shared.graph.notifications import (
    COUNTS,
    MAX_BODY,
    BadCall,
    Call,
    lifecycle_messages,
    messages,
    parse_call,
)
from shared.watch.messages import read_changed, read_step
from tests.abuse.bodies import SECRETS, TENANT

AT = datetime(2026, 11, 23, tzinfo=UTC)
GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LONGEST_MESSAGE = 48_000
"""What fits a queue message before it becomes base64."""

CPU_GRANTED = 0.020
CPU_A_BYTE = 2e-6
"""Seconds of CPU that one body may cost at most: a part that doesn't depend on it, and one for each byte."""


class Broken(AssertionError):
    """A promise does not hold for this body."""


def heard(body: bytes) -> Call | None:
    """The call in a body, None if it was refused; every promise of the parser is checked. Raises `Broken`."""
    call = _in_time(lambda: _parsed(body), body)
    read = _read(body)
    if call is None:
        return None
    _is_whole(call)
    if read is _UNREADABLE:
        # Our own reading is stricter of what it passes over: then at least our secret must stand there.
        _demand(call.counts["accepted"] == 0 or _may_hold_a_secret(body), "accepted without our secret", body)
        return call
    items = read["value"]
    proven = [one for one in items if _is_authentic(one)]
    posted = {found for one in proven for found in _guids(one)}
    taken = {*call.user_ids, *call.group_ids, *(one.subscription for one in call.lifecycle)}
    _demand(taken <= posted, "an id that no authentic item names", body)
    _demand(call.counts["accepted"] <= len(proven), "accepted more than is authentic", body)
    classes = ("accepted", "forged", "foreign", "malformed")
    _demand(sum(call.counts[name] for name in classes) == len(items), "counted more or less than came", body)
    _demand(sum(call.subscriptions.values()) == call.counts["accepted"], "subscriptions don't add up", body)
    return call


def event(kind: object, data: Any) -> Call:
    """The call in an event of Event Grid's; it never raises and believes only what is authentic."""
    body = json.dumps(data).encode()
    call = _in_time(lambda: parse_event(kind, data, TENANT, SECRETS), body)
    _is_whole(call)
    _demand(call.counts["accepted"] == 0 or _may_hold_a_secret(body), "accepted without our secret", body)
    taken = {*call.user_ids, *call.group_ids, *(one.subscription for one in call.lifecycle)}
    _demand(taken <= set(_guids(data)), "an id that was not sent", body)
    return call


def _parsed(body: bytes) -> Call | None:
    try:
        return parse_call(body, TENANT, SECRETS)
    except BadCall as fault:
        _demand(fault.status == (413 if len(body) > MAX_BODY else 400), f"status {fault.status}", body)
        return None


def _in_time[T](work: Callable[[], T], body: bytes) -> T:
    """What the work gives; the best of three tries must be within its CPU."""
    allowed = CPU_GRANTED + CPU_A_BYTE * len(body)
    for _ in range(3):
        began = time.process_time()
        given = work()
        spent = time.process_time() - began
        if spent <= allowed:
            return given
    raise Broken(f"{spent * 1000:.0f} ms of CPU for {len(body)} bytes: {body[:200]!r}")


def _is_whole(call: Call) -> None:
    """Ids are GUIDs, each once; what goes on queues can be read by who reads them, and fits."""
    ids = (*call.user_ids, *call.group_ids)
    _demand(all(GUID.fullmatch(one) for one in ids), "an id that is no GUID", repr(ids).encode())
    for several in (call.user_ids, call.group_ids, call.lifecycle):
        _demand(len(set(several)) == len(several), "twice the same", repr(several).encode())
    _demand(tuple(call.counts) == COUNTS and min(call.counts.values()) >= 0, "odd counts", b"")
    for text in messages(call, AT):
        changed = read_changed(text)
        _demand(
            len(text) < LONGEST_MESSAGE and text.isascii() and text.isprintable(),
            "a long message",
            text.encode(),
        )
        _demand({*changed.users, *changed.groups} <= set(ids), "a message names others", text.encode())
    for text in lifecycle_messages(call, AT):
        read_step(text)
        _demand(
            len(text) < LONGEST_MESSAGE and text.isascii() and text.isprintable(),
            "a long message",
            text.encode(),
        )


_UNREADABLE: Any = object()


def _read(body: bytes) -> Any:
    """The body as the standard library reads it; `_UNREADABLE` where it can't or finds no list."""
    try:
        read = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return _UNREADABLE
    return read if isinstance(read, dict) and isinstance(read.get("value"), list) else _UNREADABLE


def _is_authentic(item: object) -> bool:
    return (
        isinstance(item, dict)
        and isinstance(item.get("tenantId"), str)
        and item["tenantId"].lower() == TENANT
        and item.get("clientState") in SECRETS
    )


def _guids(value: object) -> list[str]:
    """Every GUID in the texts of a value, in lower case."""
    if isinstance(value, str):
        return GUID.findall(value.lower())
    if isinstance(value, dict):
        return [found for inner in value.values() for found in _guids(inner)]
    return [found for inner in value for found in _guids(inner)] if isinstance(value, list) else []


def _may_hold_a_secret(body: bytes) -> bool:
    """Whether a secret stands in the bytes, be it in escapes."""
    text = body.decode("utf-8", "replace")
    plain = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    return any(secret in plain for secret in SECRETS)


def _demand(holds: bool, what: str, body: bytes) -> None:
    if not holds:
        raise Broken(f"{what}: {body[:2000]!r}")
