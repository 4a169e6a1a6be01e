"""OData answers: pages, single objects, and rows one by one where a page is not whole.

Pages are followed by hand, because the SDK's `PageIterator` ends at an empty page although more follow.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from types import GenericAlias
from typing import Any

import msgspec
from kiota_abstractions.request_information import RequestInformation

from shared.graph.errors import LinkError, Unavailable
from shared.graph.session import Answer, GraphSession
from shared.guids import as_guid

_COLLECTIONS = ("identities", "assignedLicenses", "licenseAssignmentStates", "disabledPlans")


class Wire(msgspec.Struct, rename="camel", kw_only=True):
    """A resource of Graph, camelCase on the wire, of which we read what is declared."""


class Rows[T](msgspec.Struct, frozen=True, kw_only=True):
    """One page. `unreadable`: the ids of rows that are not as documented ("" where the id is not either).

    `asked_at` is our clock just before the page was asked for.
    """

    rows: list[T]
    next_link: str | None
    asked_at: datetime
    unreadable: tuple[str, ...] = ()


class RawRows(msgspec.Struct, frozen=True, kw_only=True):
    """One page whose rows are not looked into but for their id: (GUID in lower case, JSON) each.

    `unnamed`: rows without a usable id, which are left out. `asked_at` as in `Rows`.
    """

    rows: list[tuple[str, msgspec.Raw]]
    next_link: str | None
    asked_at: datetime
    unnamed: int = 0


class _Page(msgspec.Struct):
    value: list[msgspec.Raw]
    next_link: str | None = msgspec.field(name="@odata.nextLink", default=None)


class _Identified(msgspec.Struct):
    id: Any = ""


def read_object[T](answer: Answer, kind: type[T]) -> T:
    """The body as one `kind`; `Unavailable` if it is not JSON of that shape."""
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except (msgspec.MsgspecError, RecursionError):
        raise Unavailable(answer.status, code="unreadable-answer") from None


def read_row[T](raw: msgspec.Raw | bytes, kind: type[T]) -> T | None:
    """One row; a collection that is null is read as empty. None if it is not a `kind`."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, RecursionError):
        pass
    try:
        return msgspec.convert(_without_null_collections(msgspec.json.decode(raw)), type=kind)
    except (msgspec.MsgspecError, RecursionError):
        return None


async def read_page[T](
    session: GraphSession, request: RequestInformation, kind: type[T], *, slow: bool = False
) -> Rows[T]:
    """Send the request and read one page of `kind`; `slow` as in `GraphSession.send`.

    A page without `value` is an error, an empty one is not.
    """
    answer = await session.send(request, slow=slow)
    fast = _fast_page(kind)
    try:
        page = fast.decode(answer.body)
        return Rows(rows=page.value, next_link=page.next_link or None, asked_at=answer.asked_at)
    except (msgspec.MsgspecError, RecursionError):
        pass
    raws = read_object(answer, _Page)
    rows, unreadable = _one_by_one(raws.value, kind)
    return Rows(rows=rows, next_link=raws.next_link or None, asked_at=answer.asked_at, unreadable=unreadable)


async def read_raw_page(session: GraphSession, request: RequestInformation) -> RawRows:
    """Send the request and read one page, its rows as they came. Wrong pages are errors as in `read_page`."""
    answer = await session.send(request)
    page = read_object(answer, _Page)
    rows: list[tuple[str, msgspec.Raw]] = []
    for raw in page.value:
        if row_id := as_guid(_id_of(raw)):
            rows.append((row_id, raw))
    return RawRows(
        rows=rows,
        next_link=page.next_link or None,
        asked_at=answer.asked_at,
        unnamed=len(page.value) - len(rows),
    )


def read_rows[T](rows: bytes, kind: type[T]) -> tuple[list[T], tuple[str, ...]]:
    """Rows of a JSON array made of rows as they came, and the ids of those that are no `kind`.

    Ids as in `Rows.unreadable`. Raises `msgspec.DecodeError` if it is no array at all.
    """
    decoder = _decoder_of_rows(kind)
    try:
        found: list[T] = decoder.decode(rows)
        return found, ()
    except (msgspec.MsgspecError, RecursionError):
        pass
    raws = msgspec.json.decode(rows, type=list[msgspec.Raw])
    return _one_by_one(raws, kind)


def _one_by_one[T](raws: list[msgspec.Raw], kind: type[T]) -> tuple[list[T], tuple[str, ...]]:
    rows: list[T] = []
    unreadable: list[str] = []
    for raw in raws:
        row = read_row(raw, kind)
        if row is None:
            unreadable.append(_id_of(raw))
        else:
            rows.append(row)
    return rows, tuple(unreadable)


async def all_pages[T](
    session: GraphSession, first: RequestInformation, kind: type[T]
) -> AsyncIterator[Rows[T]]:
    """Every page from the first on.

    The headers of the first request go with each (Microsoft Graph paging: they are not carried in the link).
    """
    request = first
    followed: set[str] = set()
    while True:
        page = await read_page(session, request, kind)
        yield page
        if page.next_link is None:
            return
        if page.next_link in followed:
            raise LinkError(code="circular-link")
        followed.add(page.next_link)
        request = session.follow(page.next_link)
        for name, values in first.headers.get_all().items():
            if name != "authorization":
                request.headers.try_add(name, ", ".join(values))


async def all_rows[T](session: GraphSession, first: RequestInformation, kind: type[T]) -> list[T]:
    """Every row of every page; `Unavailable` if one cannot be read: the whole would be wrong."""
    rows: list[T] = []
    async for page in all_pages(session, first, kind):
        if page.unreadable:
            raise Unavailable(200, code="unreadable-row")
        rows.extend(page.rows)
    return rows


_decoders: dict[type, msgspec.json.Decoder[Any]] = {}
_row_decoders: dict[type, msgspec.json.Decoder[Any]] = {}
_identified = msgspec.json.Decoder(_Identified)


def _decoder_of_rows(kind: type[Any]) -> msgspec.json.Decoder[Any]:
    """A decoder of many rows at once, made once for each kind of row."""
    if kind not in _row_decoders:
        _row_decoders[kind] = msgspec.json.Decoder(GenericAlias(list, (kind,)))
    return _row_decoders[kind]


def _fast_page(kind: type[Any]) -> msgspec.json.Decoder[Any]:
    """A decoder of a whole page at once, made once for each kind of row."""
    if kind not in _decoders:
        page = msgspec.defstruct(
            f"PageOf{kind.__name__}",
            [
                ("value", GenericAlias(list, (kind,))),
                ("next_link", str | None, msgspec.field(name="@odata.nextLink", default=None)),
            ],
        )
        _decoders[kind] = msgspec.json.Decoder(page)
    return _decoders[kind]


def _id_of(raw: msgspec.Raw) -> str:
    try:
        value = _identified.decode(raw).id
    except (msgspec.MsgspecError, RecursionError):
        return ""
    return value if isinstance(value, str) else ""


def _without_null_collections(value: Any) -> Any:
    """The same without the collections that are null: Graph documents them as empty, and has sent both."""
    if isinstance(value, dict):
        return {
            name: _without_null_collections(inner)
            for name, inner in value.items()
            if inner is not None or name not in _COLLECTIONS
        }
    if isinstance(value, list):
        return [_without_null_collections(inner) for inner in value]
    return value
