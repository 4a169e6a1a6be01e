"""The two kinds of record: what comes from Graph, and what is our own."""

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec


class FromGraph(msgspec.Struct, frozen=True, rename="camel", kw_only=True, gc=False):
    """A Graph resource: camelCase on the wire, unknown properties ignored."""


class Facts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Our own record of a fact: snake case in storage, defaults left out."""


def utc(text: str) -> datetime:
    """Read an ISO 8601 time; a time without offset is taken as UTC."""
    value = datetime.fromisoformat(text)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def zulu(at: datetime) -> str:
    """ISO 8601 in UTC, to the second: `2026-03-02T09:00:00Z`. Raises ValueError for one without time zone."""
    if at.tzinfo is None:
        raise ValueError("a time to be written needs a time zone")
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def ndjson(records: Iterable[msgspec.Struct]) -> bytes:
    """Newline-delimited JSON: each record a line."""
    return b"".join(msgspec.json.encode(record) + b"\n" for record in records)
