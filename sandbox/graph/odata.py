"""`$select`, paging and the few filters, as strict as the service: nothing that wasn't asked for is given."""

import base64
import binascii
import bisect
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from sandbox.graph.wire import GraphFault, GraphRequest, bad_request, unsupported

if TYPE_CHECKING:
    from sandbox.graph.world import World

DEFAULT_PAGE = 100
LARGEST_PAGE = 999
_MARK = (
    b"\xfb\xff\xfe"  # makes every token begin with +//+, so that a client that re-encodes links is found out
)


def selected(
    request: GraphRequest, known: Mapping[str, Any], default: Sequence[str], kind: str
) -> tuple[str, ...]:
    """Names of the properties to give: those of `$select`, else the defaults. 400 for an unknown property."""
    text = request.query.get("$select")
    if text is None:
        return tuple(default)
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in known:
            raise bad_request(f"Could not find a property named '{name}' on type 'microsoft.graph.{kind}'.")
    return names


def top(request: GraphRequest, default: int = DEFAULT_PAGE) -> int:
    """`$top` from 1 to 999, else the default; 400 otherwise."""
    text = request.query.get("$top")
    if text is None:
        return default
    if not text.isdigit() or not 1 <= int(text) <= LARGEST_PAGE:
        raise bad_request(f"Invalid page size specified: '{text}'. Must be between 1 and 999 inclusive.")
    return int(text)


class Listing(Protocol):
    """What pages are taken from, in order of id."""

    def count(self) -> int:
        """How many rows all pages together have."""

    def take(self, after: str | None, size: int) -> tuple[list[Any], str, bool]:
        """The rows behind an id (None: from the first on), the last id, and whether more follow."""


class SortedIds:
    """A listing of the sorted `ids` that are `wanted`, each rendered when its page is taken."""

    def __init__(
        self, ids: Sequence[str], wanted: Callable[[str], bool], render: Callable[[str], Any]
    ) -> None:
        self._ids = ids
        self._wanted = wanted
        self._render = render

    def count(self) -> int:
        """See `Listing`."""
        return sum(1 for object_id in self._ids if self._wanted(object_id))

    def take(self, after: str | None, size: int) -> tuple[list[Any], str, bool]:
        """See `Listing`."""
        rows: list[Any] = []
        last = after or ""
        for index in range(bisect.bisect_right(self._ids, after) if after else 0, len(self._ids)):
            object_id = self._ids[index]
            if not self._wanted(object_id):
                continue
            if len(rows) == size:
                return rows, last, True
            rows.append(self._render(object_id))
            last = object_id
        return rows, last, False


def page(
    request: GraphRequest,
    world: "World",
    ids: Sequence[str],
    wanted: Callable[[str], bool],
    render: Callable[[str], Any],
    size: int = DEFAULT_PAGE,
) -> dict[str, Any]:
    """One page over the sorted `ids` that are `wanted`; see `page_of`."""
    return page_of(request, world, SortedIds(ids, wanted, render), size)


def page_of(
    request: GraphRequest, world: "World", listing: Listing, size: int = DEFAULT_PAGE
) -> dict[str, Any]:
    """One page of a listing, with an opaque next link if more are left.

    A page may be empty and still have a next link (`empty_page_rate`); links expire (`page_token_lifetime`).
    """
    size = top(request, size)
    after = _after(request, world)
    body: dict[str, Any] = {"value": []}
    if request.counted and request.eventual and after is None:
        body["@odata.count"] = listing.count()
    if world.rates.empty_page_rate and world.rng.random() < world.rates.empty_page_rate:
        body["@odata.nextLink"] = _next_link(request, after or "")
        return body
    body["value"], last, more = listing.take(after, size)
    if more:
        body["@odata.nextLink"] = _next_link(request, last)
    return body


def _next_link(request: GraphRequest, after: str) -> str:
    payload = json.dumps({"a": after, "t": request.now.timestamp()}).encode()
    token = base64.b64encode(_MARK + payload).decode()
    rest = {name: value for name, value in request.query.items() if name != "$skiptoken"}
    rest["$skiptoken"] = token
    query = "&".join(f"{name}={quote(value, safe=',')}" for name, value in rest.items())
    return f"{request.base}{request.path}?{query}"


def _after(request: GraphRequest, world: "World") -> str | None:
    token = request.query.get("$skiptoken")
    if token is None:
        return None
    try:
        raw = base64.b64decode(token, validate=True)
        if not raw.startswith(_MARK):
            raise ValueError("not one of ours")
        state = json.loads(raw[len(_MARK) :])
    except (ValueError, binascii.Error) as problem:
        raise bad_request("Skip token is null or invalid.", "Directory_ExpiredPageToken") from problem
    if request.now.timestamp() - state["t"] > world.rates.page_token_lifetime:
        raise bad_request("The specified page token value has expired.", "Directory_ExpiredPageToken")
    return str(state["a"])


def equals(text: str) -> tuple[str, str] | None:
    """Property and raw value of a filter `property eq value` (strings without their quotes), else None."""
    found = re.fullmatch(r"\s*(\w+)\s+eq\s+(?:'((?:[^']|'')*)'|(\S+))\s*", text)
    if found is None:
        return None
    quoted = found[2]
    return found[1], found[3] if quoted is None else quoted.replace("''", "'")


def boolean(value: str) -> bool:
    """The value of a boolean filter; 400 otherwise."""
    if value not in ("true", "false"):
        raise unsupported(f"A binary operator with incompatible types was detected: '{value}'.")
    return value == "true"


def holds_sku(text: str) -> str | None:
    """The SKU id of `assignedLicenses/any(x:x/skuId eq <id>)`, else None."""
    found = re.fullmatch(
        r"\s*assignedLicenses/any\(\s*(\w+)\s*:\s*\1/skuId\s+eq\s+'?([0-9a-fA-F-]{36})'?\s*\)\s*", text
    )
    return found[2].lower() if found else None


def advanced(request: GraphRequest) -> None:
    """400 unless the call is an advanced query: `ConsistencyLevel: eventual` and `$count=true`."""
    if not (request.eventual and request.counted):
        raise unsupported(
            "Unsupported or invalid query filter clause specified for property of this resource."
        )


def refuse(request: GraphRequest, *options: str) -> None:
    """400 for query options that this resource doesn't support."""
    for option in options:
        if option in request.query:
            raise GraphFault(400, "Request_UnsupportedQuery", f"Query option '{option}' is not supported.")
