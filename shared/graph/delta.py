"""Delta query on users and groups: who changed since a link was given (Microsoft Graph delta query).

A row is a hint, never a fact: Graph may send it again, late, in any order and more than once. So only ids are
taken from it, and whoever it names is read anew. Pages are followed by hand: one may be empty and still lead
to the next.
"""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from shared.graph.errors import LinkError, Unavailable
from shared.graph.ids import as_guid
from shared.graph.pages import read_object, read_row
from shared.graph.session import Answer, GraphSession
from shared.model import USER_SELECT

log = logging.getLogger("graph.delta")

USER_DELTA_SELECT = tuple(name for name in USER_SELECT if name != "licenseAssignmentStates")
"""What is tracked of users: a change to any other property does not surface. licenseAssignmentStates can be
selected, but its changes never come."""

GROUP_DELTA_SELECT = ("id", "assignedLicenses", "members")

_LONGEST_START = 100
"""Pages before the first delta link; documented is one."""


class DeltaPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of changed users, ids in lower case. One of the two links is there: the next page's, or at the
    end the one that asks for what comes after.

    `removed`: id to reason, `changed` (can be restored), `deleted` (for good), or whatever else Graph says.
    An id may be in both, since order means nothing. `unnamed`: rows without a usable id. `asked_at`: our
    clock just before the request was sent.
    """

    changed: list[str]
    removed: dict[str, str]
    next_link: str | None
    delta_link: str | None
    asked_at: datetime
    unnamed: int = 0


class GroupDeltaPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of changed groups, as `DeltaPage`.

    `members_added`, `members_removed`: group id to the ids (users, groups, devices) in this slice of its
    members; a large group comes in several slices.
    """

    changed: list[str]
    removed: dict[str, str]
    members_added: Mapping[str, tuple[str, ...]]
    members_removed: Mapping[str, tuple[str, ...]]
    next_link: str | None
    delta_link: str | None
    asked_at: datetime
    unnamed: int = 0


class _Removed(msgspec.Struct):
    reason: Any = ""


class _Member(msgspec.Struct):
    id: Any = ""
    removed: Any = msgspec.field(name="@removed", default=None)


class _Row(msgspec.Struct):
    id: Any = ""
    removed: Any = msgspec.field(name="@removed", default=None)
    members: msgspec.Raw = msgspec.field(name="members@delta", default=msgspec.Raw(b"[]"))


class _Page(msgspec.Struct):
    value: list[msgspec.Raw] = []
    next_link: str | None = msgspec.field(name="@odata.nextLink", default=None)
    delta_link: str | None = msgspec.field(name="@odata.deltaLink", default=None)


async def latest_delta_link(session: GraphSession, select: tuple[str, ...] = USER_DELTA_SELECT) -> str:
    """The link that will tell which users changed from now on. Raises `GraphError`."""
    return await _latest(session, "users", select)


async def groups_latest(session: GraphSession, select: tuple[str, ...] = GROUP_DELTA_SELECT) -> str:
    """The link that will tell which groups changed from now on, with their members. Raises `GraphError`."""
    return await _latest(session, "groups", select)


async def delta_page(session: GraphSession, link: str) -> DeltaPage:
    """The page of changed users that an earlier link leads to.

    Raises `Gone410` where Graph has forgotten the link, `LinkError` if it, or the one that follows, leads
    away from Graph or in a circle, other `GraphError`s where the page can't be had.
    """
    answer, page = await _page(session, link)
    changed, removed, unnamed = _sorted_out(page)
    return DeltaPage(
        changed=list(changed),
        removed=removed,
        next_link=page.next_link,
        delta_link=page.delta_link,
        asked_at=answer.asked_at,
        unnamed=unnamed,
    )


async def groups_delta_page(session: GraphSession, link: str) -> GroupDeltaPage:
    """The page of changed groups that an earlier link leads to; raises as `delta_page`."""
    answer, page = await _page(session, link)
    changed, removed, unnamed = _sorted_out(page)
    added: dict[str, tuple[str, ...]] = {}
    gone: dict[str, tuple[str, ...]] = {}
    for group_id, rows in changed.items():
        for row in rows:
            members = read_row(row.members, list[_Member]) or []
            _add(added, group_id, [one.id for one in members if one.removed is None])
            _add(gone, group_id, [one.id for one in members if one.removed is not None])
    return GroupDeltaPage(
        changed=list(changed),
        removed=removed,
        members_added=added,
        members_removed=gone,
        next_link=page.next_link,
        delta_link=page.delta_link,
        asked_at=answer.asked_at,
        unnamed=unnamed,
    )


def _add(slices: dict[str, tuple[str, ...]], group_id: str, ids: list[Any]) -> None:
    named = tuple(one for one in map(as_guid, ids) if one)
    if named:
        slices[group_id] = slices.get(group_id, ()) + named


async def _latest(session: GraphSession, resource: str, select: tuple[str, ...]) -> str:
    # The SDK's builder knows no $deltatoken.
    query = f"$deltatoken=latest&$select={','.join(select)}"
    first = session.follow(f"{session.settings.base_url}/{resource}/delta?{query}")
    page = _linked(session, await session.send(first))
    for _ in range(_LONGEST_START):
        if page.delta_link:
            return page.delta_link
        _, page = await _page(session, page.next_link or "")
    raise LinkError(code="endless-start")


async def _page(session: GraphSession, link: str) -> tuple[Answer, _Page]:
    answer = await session.send(session.follow(link))
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


def _sorted_out(page: _Page) -> tuple[dict[str, list[_Row]], dict[str, str], int]:
    """Rows by id, reasons of what was removed by id, and how many rows have no id."""
    changed: dict[str, list[_Row]] = {}
    removed: dict[str, str] = {}
    unnamed = 0
    for raw in page.value:
        row = read_row(raw, _Row) or _Row()
        user_id = as_guid(row.id)
        if user_id is None:
            unnamed += 1
        elif row.removed is not None:
            said = _reason(row.removed)
            # For good outlasts the other word, whatever came first.
            removed[user_id] = "deleted" if "deleted" in (said, removed.get(user_id)) else said
        else:
            changed.setdefault(user_id, []).append(row)
    if unnamed:
        log.error("%d rows of a delta page have no id", unnamed)
    return changed, removed, unnamed


def _reason(removed: Any) -> str:
    try:
        reason = msgspec.convert(removed, _Removed).reason
    except msgspec.ValidationError:
        return ""
    return reason if isinstance(reason, str) else ""
