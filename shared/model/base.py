"""The two kinds of record: what comes from Graph, and what is our own."""

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
