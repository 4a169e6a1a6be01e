"""Delta query on users and groups: who changed since a link was given (Microsoft Graph delta query).

A row is a hint, never a fact: Graph may send it again, late, in any order and more than once. So only ids are
taken from it, and whoever it names is read anew. Pages are followed by hand: one may be empty and still lead
to the next.
"""

import logging
from datetime import datetime
from typing import Any

import msgspec

from shared.graph.errors import LinkError, Unavailable
from shared.graph.pages import read_object, read_row
from shared.graph.session import Answer, GraphSession, unhurried
from shared.guids import as_guid
from shared.model import USER_SELECT

log = logging.getLogger("watch.graph")

USER_DELTA_SELECT = tuple(name for name in USER_SELECT if name != "licenseAssignmentStates")
"""What is tracked of users: a change to any other property does not surface. licenseAssignmentStates can be
selected, but its changes never come."""

GROUP_DELTA_SELECT = ("id", "assignedLicenses", "members")

_LONGEST_START = 100
"""Pages before the first delta link; documented is one."""


class DeltaPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of changed users or groups, ids in lower case. One of the two links is there: the next page's,
    or at the end the one that asks for what comes after.

    `removed`: id to reason, `changed` (can be restored), `deleted` (for good), or whatever else Graph says.
    An id may be in both, since order means nothing. `asked_at`: our clock just before the request was sent.
    """

    changed: list[str]
    removed: dict[str, str]
    next_link: str | None
    delta_link: str | None
    asked_at: datetime


class _Removed(msgspec.Struct):
    reason: Any = ""


class _Row(msgspec.Struct):
    id: Any = ""
    removed: Any = msgspec.field(name="@removed", default=None)


class _Page(msgspec.Struct):
    value: list[msgspec.Raw] = []
    next_link: str | None = msgspec.field(name="@odata.nextLink", default=None)
    delta_link: str | None = msgspec.field(name="@odata.deltaLink", default=None)


async def latest_delta_link(session: GraphSession) -> str:
    """The link that will tell which users changed from now on. Raises `GraphError`."""
    return await _latest(session, "users", USER_DELTA_SELECT)


async def groups_latest(session: GraphSession) -> str:
    """The link that will tell which groups changed from now on, with their members. Raises `GraphError`."""
    return await _latest(session, "groups", GROUP_DELTA_SELECT)


async def delta_page(session: GraphSession, link: str) -> DeltaPage:
    """The page of changed users, or of changed groups, that an earlier link leads to.

    Raises `Gone410` where Graph has forgotten the link, `LinkError` if it, or the one that follows, leads
    away from Graph or in a circle, other `GraphError`s where the page can't be had.
    """
    answer, page = await _page(session, link)
    changed, removed = _sorted_out(page)
    return DeltaPage(
        changed=changed,
        removed=removed,
        next_link=page.next_link,
        delta_link=page.delta_link,
        asked_at=answer.asked_at,
    )


async def _latest(session: GraphSession, resource: str, select: tuple[str, ...]) -> str:
    # The SDK's builder knows no $deltatoken.
    query = f"$deltatoken=latest&$select={','.join(select)}"
    first = session.follow(f"{session.settings.base_url}/{resource}/delta?{query}")
    page = _linked(session, await session.send(unhurried(first)))
    for _ in range(_LONGEST_START):
        if page.delta_link:
            return page.delta_link
        _, page = await _page(session, page.next_link or "")
    raise LinkError(code="endless-start")


async def _page(session: GraphSession, link: str) -> tuple[Answer, _Page]:
    answer = await session.send(unhurried(session.follow(link)))
    page = _linked(session, answer)
    if page.next_link == link:
        raise LinkError(code="circular-link")
    return answer, page


def _linked(session: GraphSession, answer: Answer) -> _Page:
    """The page with exactly one link, of Graph's own origin: a foreign one is not even remembered."""
    page = read_object(answer, _Page)
    # Documented is one or the other; with both, the rest of this round still has to be read.
    link = page.next_link or page.delta_link
    if not link:
        raise Unavailable(answer.status, code="page-without-link")
    session.follow(link)
    return _Page(page.value, page.next_link or None, None if page.next_link else page.delta_link)


def _sorted_out(page: _Page) -> tuple[list[str], dict[str, str]]:
    """The ids of what changed, each once, and reasons of what was removed by id. Rows without an id are
    logged: nothing can be asked about them."""
    changed: dict[str, None] = {}
    removed: dict[str, str] = {}
    unnamed = 0
    for raw in page.value:
        row = read_row(raw, _Row) or _Row()
        named = as_guid(row.id)
        if named is None:
            unnamed += 1
        elif row.removed is not None:
            said = _reason(row.removed)
            # For good outlasts the other word, whatever came first.
            removed[named] = "deleted" if "deleted" in (said, removed.get(named)) else said
        else:
            changed[named] = None
    if unnamed:
        log.error("%d rows of a delta page have no id", unnamed)
    return list(changed), removed


def _reason(removed: Any) -> str:
    try:
        reason = msgspec.convert(removed, _Removed).reason
    except msgspec.ValidationError:
        return ""
    return reason if isinstance(reason, str) else ""
