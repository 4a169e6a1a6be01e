"""One Graph call and its answer, apart from any web framework; `$batch` makes them without HTTP."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the application and the roles in its token."""

    app_id: str
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class GraphRequest:
    """A call as the routes see it.

    `path` is decoded and without the version (`/users/<id>`); `params` are its variable segments. `headers`
    have lower-case names. `base` is the service root for links (`http://host/v1.0`).
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    base: str
    caller: Caller
    now: datetime
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def eventual(self) -> bool:
        """True with `ConsistencyLevel: eventual`, the condition of advanced queries."""
        return self.headers.get("consistencylevel", "").lower() == "eventual"

    @property
    def counted(self) -> bool:
        """True with `$count=true`."""
        return self.query.get("$count", "").lower() == "true"


@dataclass(frozen=True, slots=True)
class GraphAnswer:
    """Status, headers and JSON body (None: no body; a string goes out as text)."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class GraphFault(Exception):
    """A refusal that becomes a Graph error body. `code` and `message` as the service words them."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = dict(headers or {})

    def answer(self, request_id: str, now: datetime) -> GraphAnswer:
        """The error as an answer, with the request id in body and header."""
        body = error_body(self.code, str(self), request_id, now)
        return GraphAnswer(self.status, body, self.headers)


def error_body(code: str, message: str, request_id: str, now: datetime) -> dict[str, Any]:
    """Graph's error shape."""
    inner = {
        "date": now.strftime("%Y-%m-%dT%H:%M:%S"),
        "request-id": request_id,
        "client-request-id": request_id,
    }
    return {"error": {"code": code, "message": message, "innerError": inner}}


def not_found(object_id: str) -> GraphFault:
    """404 for a directory object that is deleted, not yet replicated, or never was (graph.md §3.1)."""
    text = "does not exist or one of its queried reference-property objects are not present."
    return GraphFault(404, "Request_ResourceNotFound", f"Resource '{object_id}' {text}")


def bad_request(message: str, code: str = "Request_BadRequest") -> GraphFault:
    """400 with the directory's usual code."""
    return GraphFault(400, code, message)


def unsupported(message: str) -> GraphFault:
    """400 for a query that the service can't answer, at least not in this form."""
    return GraphFault(400, "Request_UnsupportedQuery", message)


def iso(moment: datetime | None) -> str | None:
    """UTC with Z, whole seconds, as Graph writes times."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def new_request_id() -> str:
    """A request id; not seeded, as nothing depends on it."""
    return str(uuid.uuid4())
