"""What the runtime is given for each kind of trigger, and what it gives back, in its own `Datum` form."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from azure_functions_runtime.bindings.datumdef import Datum


@dataclass(frozen=True)
class Message:
    """A queue message as the trigger hands it over; `text` is decoded, times are UTC."""

    id: str
    text: str
    dequeue_count: int
    pop_receipt: str
    inserted: datetime
    expires: datetime
    next_visible: datetime


def made_up_message(text: str, dequeue_count: int) -> Message:
    """A message that no queue has seen, for invoking a function without one."""
    now = datetime.now(UTC)
    return Message(
        "0", text, dequeue_count, "none", now, now + timedelta(days=7), now + timedelta(minutes=10)
    )


def http_datum(
    method: str, url: str, headers: Mapping[str, str], params: Mapping[str, str], body: bytes
) -> Datum:
    """The HTTP trigger's input. The query is decoded exactly once; values of a repeated name are joined."""
    query: dict[str, str] = {}
    for name, value in parse_qsl(urlsplit(url).query, keep_blank_values=True, errors="replace"):
        query[name] = f"{query[name]},{value}" if name in query else value
    return Datum(
        {
            "method": Datum(method, "string"),
            "url": Datum(url, "string"),
            "headers": _strings({name.lower(): value for name, value in headers.items()}),
            "query": _strings(query),
            "params": _strings(params),
            "body": Datum(body, "bytes"),
        },
        "http",
    )


def http_answer(ok: bool, returned: Datum | None) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers (lower case; Set-Cookie once per cookie) and body of what an HTTP function returned.

    A failed invocation is 500 without a body; a function that returned nothing is 204.
    """
    if not ok:
        return 500, [], b""
    if returned is None or returned.value is None:
        return 204, [], b""
    if returned.type != "http":
        return 200, [("content-type", "text/plain; charset=utf-8")], _bytes(returned.value)
    answer = returned.value
    headers = [(str(name).lower(), str(value.value)) for name, value in answer["headers"].items()]
    for cookie in answer.get("cookies") or ():
        headers += [("set-cookie", morsel.OutputString()) for morsel in cookie.values()]
    return int(answer["status_code"].value), headers, _bytes(answer["body"].value)


def queue_data(message: Message) -> tuple[Datum, dict[str, Datum]]:
    """The queue trigger's input and metadata."""
    metadata = {
        "Id": _json(message.id),
        "DequeueCount": Datum(str(message.dequeue_count), "string"),
        "PopReceipt": _json(message.pop_receipt),
        "InsertionTime": _json(message.inserted.isoformat()),
        "ExpirationTime": _json(message.expires.isoformat()),
        "NextVisibleTime": _json(message.next_visible.isoformat()),
    }
    return Datum(message.text, "string"), metadata


def timer_datum(past_due: bool, last: datetime | None = None, following: datetime | None = None) -> Datum:
    """The timer trigger's input."""
    status = {
        "Last": last.isoformat() if last else "0001-01-01T00:00:00+00:00",
        "Next": following.isoformat() if following else "0001-01-01T00:00:00+00:00",
    }
    return _json({"Schedule": {"AdjustForDST": True}, "ScheduleStatus": status, "IsPastDue": past_due})


def event_datum(event: Mapping[str, Any]) -> Datum:
    """The Event Grid trigger's input: one event."""
    return _json(event)


def texts(value: Datum) -> list[str]:
    """The queue messages that an output stands for: one, or one for each element of a list."""
    if value.type != "json":
        return [_bytes(value.value).decode("utf-8")]
    parsed = json.loads(value.value)
    items: Iterable[Any] = parsed if isinstance(parsed, list) else [parsed]
    return [_text(item) for item in items]


def _text(item: Any) -> str:
    if isinstance(item, str):
        return item
    if isinstance(item, dict) and item.keys() == {"id", "body"}:  # a func.QueueMessage
        return str(item["body"])
    return json.dumps(item)


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8")


def _json(value: Any) -> Datum:
    return Datum(json.dumps(value), "json")


def _strings(values: Mapping[str, str]) -> dict[str, Datum]:
    return {name: Datum(value, "string") for name, value in values.items()}
