"""Groups: those that assign licences and what fails on their members, and who is in a group.

Microsoft Graph API reference: group, membersWithLicenseErrors, list members, list transitive members.
"""

import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any

import msgspec

from shared.graph.errors import GraphError, LinkError, NotFound, Unavailable
from shared.graph.pages import Rows, Wire, all_pages, all_rows, read_object, read_page
from shared.graph.parallel import few_at_a_time
from shared.graph.session import GraphSession, Query, asking
from shared.guids import guid
from shared.model import AssignedLicense, GroupError, LicenseAssignmentState, LicensingGroup

SAMPLE = 20
"""How many ids of failing members are kept for each SKU and error of a group."""

PARALLEL = 4

_SELECT = ["id", "displayName", "assignedLicenses", "licenseProcessingState"]
_NO_ERROR = {"", "none"}
_PROCESSING = {"queuedforprocessing", "processinginprogress"}
_USER_TYPE = "#microsoft.graph.user"
_GROUP_TYPE = "#microsoft.graph.group"


class _ProcessingState(Wire):
    state: str | None = None


class _Group(Wire):
    """`licenseProcessingState` is text in the documentation and an object in the metadata: both are read."""

    id: str
    display_name: str | None = None
    assigned_licenses: tuple[AssignedLicense, ...] = ()
    license_processing_state: str | _ProcessingState | None = None

    @property
    def processing(self) -> bool:
        """A licensing job is queued or runs."""
        state = self.license_processing_state
        text = state.state if isinstance(state, _ProcessingState) else state
        return (text or "").lower() in _PROCESSING


States = tuple[str, tuple[LicenseAssignmentState, ...]]
"""A member and all sources of its licences."""

MemberError = tuple[str, str, str]
"""A member, a SKU and the code of the error: nothing else is kept, for a group may fail on thousands."""


class _Failing(Wire):
    id: str
    license_assignment_states: tuple[LicenseAssignmentState, ...] = ()


class _Member(Wire):
    id: str
    type: str | None = msgspec.field(name="@odata.type", default=None)


class Failing(msgspec.Struct, frozen=True):
    """One group with its errors, and the ids of all members on whom something of it fails.

    `group` None: there is no such group, or it assigns nothing and nothing of it fails.
    """

    group: LicensingGroup | None
    members: frozenset[str] = frozenset()


class MemberPage(msgspec.Struct, frozen=True):
    """One page of members: ids of users and of groups; devices and other objects are left out.

    `next_link` None: it was the last. `asked_at`: our clock just before the page was asked for.
    """

    users: list[str]
    groups: list[str]
    next_link: str | None
    asked_at: datetime


async def licensing_groups(
    session: GraphSession, at: datetime, previous: Mapping[str, LicensingGroup] | None = None
) -> dict[str, LicensingGroup]:
    """All groups that assign licences or have members on whom that fails, by id, with their errors.

    `previous` tells since when a licensing job runs. Groups are asked for by the directory's index (an
    advanced query: hundreds instead of all groups of the tenant). A tenant or service that refuses that query
    is read whole and sorted here, which needs nothing but the documented `$select`. Either way we look at the
    licences ourselves; a group that the index does not have yet is caught by the next reading or its own
    notification. The index may be behind: a group that failed before is asked until it says itself that it
    doesn't any more.
    """
    known = previous or {}
    failed = {group_id for group_id, group in known.items() if group.errors}
    found = {group.id.lower(): group for group in await _assigning(session)}
    failing = await _failing(session)
    for group in failing:
        found.setdefault(group.id.lower(), group)
    failed |= {group.id.lower() for group in failing}
    listed = [
        partial(_whole, session, group, known.get(group_id), at, failed=group_id in failed)
        for group_id, group in found.items()
    ]
    unlisted = [
        partial(read_group, session, group_id, at, known[group_id])
        for group_id in sorted(failed - found.keys())
    ]
    groups = await few_at_a_time(PARALLEL, [*listed, *unlisted])
    return {group.id: group for group in groups if group is not None}


async def read_group(
    session: GraphSession, group_id: str, at: datetime, previous: LicensingGroup | None = None
) -> LicensingGroup | None:
    """One group with its errors, fresh (not from the index). None: no such group, or it assigns nothing."""
    return (await read_failing(session, group_id, at, previous)).group


async def read_failing(
    session: GraphSession, group_id: str, at: datetime, previous: LicensingGroup | None = None
) -> Failing:
    """As `read_group`, with everybody on whom its licences fail."""
    builder: Any = session.client.groups.by_group_id(guid(group_id))
    try:
        answer = await session.send(builder.to_get_request_information(asking(Query(select=_SELECT))))
        errors = await _member_errors(session, group_id)
    except NotFound:
        return Failing(None)
    read = _as_read(read_object(answer, _Group), errors_by_code(errors), previous, at)
    members = frozenset(member_id for member_id, _, _ in errors)
    return Failing(read, members) if read.sku_ids or read.errors else Failing(None)


async def failing_group_ids(session: GraphSession) -> frozenset[str]:
    """Ids of the groups with members on whom a licence fails, as the directory's index has them."""
    return frozenset(group.id.lower() for group in await _failing(session))


async def nested_group_ids(session: GraphSession, group_id: str) -> frozenset[str]:
    """Ids of the groups that are members of this one themselves. Raises `NotFound`.

    Asked for by type (an advanced query), so that a large group costs one request. A tenant or service that
    refuses that is asked for all members.
    """
    group: Any = session.client.groups.by_group_id(guid(group_id))
    query = Query(select=["id"], count=True, top=999)
    request = group.members.graph_group.to_get_request_information(asking(query, eventual=True))
    try:
        return frozenset(row.id.lower() for row in await all_rows(session, request, _Member))
    except GraphError as problem:
        if problem.status != 400:
            raise
    ids: set[str] = set()
    async for page in member_pages(session, group_id, transitive=False):
        ids.update(page.groups)
    return frozenset(ids)


async def member_pages(
    session: GraphSession, group_id: str, *, transitive: bool
) -> AsyncIterator[MemberPage]:
    """The members of a group page by page; `transitive`: those of nested groups too. Raises `NotFound`."""
    async for page in all_pages(session, _members(session, group_id, transitive=transitive), _Member):
        yield _member_page(page)


async def transitive_member_page(session: GraphSession, group_id: str, link: str | None = None) -> MemberPage:
    """One page of the members of a group and of groups nested in it, these groups among them.

    The first page, or the one that `link` leads to. Raises `NotFound`, and `Gone410` where Graph has
    forgotten the link.
    """
    request = session.follow(link) if link else _members(session, group_id, transitive=True)
    page = await read_page(session, request, _Member)
    if link and page.next_link == link:
        raise LinkError(code="circular-link")
    return _member_page(page)


def _members(session: GraphSession, group_id: str, *, transitive: bool) -> Any:
    group: Any = session.client.groups.by_group_id(guid(group_id))
    builder = group.transitive_members if transitive else group.members
    return builder.to_get_request_information(asking(Query(select=["id"], top=999)))


def _member_page(page: Rows[_Member]) -> MemberPage:
    if page.unreadable:
        raise Unavailable(200, code="unreadable-row")
    kinds = [(member.id.lower(), (member.type or _USER_TYPE).lower()) for member in page.rows]
    return MemberPage(
        users=[member for member, kind in kinds if kind == _USER_TYPE],
        groups=[member for member, kind in kinds if kind == _GROUP_TYPE],
        next_link=page.next_link,
        asked_at=page.asked_at,
    )


def errors_by_code(errors: Iterable[MemberError]) -> tuple[GroupError, ...]:
    """How many members each SKU and error code of a group has, and a sample of them."""
    failing: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for member_id, sku_id, code in errors:
        failing[sku_id, code].add(member_id)
    return tuple(
        GroupError(sku_id=sku_id, code=code, members=len(ids), sample=tuple(sorted(ids)[:SAMPLE]))
        for (sku_id, code), ids in sorted(failing.items())
    )


def member_errors(group_id: str, members: Iterable[States]) -> Iterator[MemberError]:
    """The failing assignments of one group; other sources of a member don't count.

    The state decides: only `Error` is a failure. `Others` is `Other`; an error that is null, empty or `None`
    is the empty code.
    """
    for member_id, states in members:
        for state in states:
            ours = (state.assigned_by_group or "").lower() == group_id
            if ours and state.state.lower() == "error":
                yield member_id, sys.intern(state.sku_id.lower()), sys.intern(_code(state.error))


def _code(error: str | None) -> str:
    text = (error or "").strip()
    if text.lower() in _NO_ERROR:
        return ""
    return "Other" if text.lower() in {"other", "others"} else text


def _listing(session: GraphSession, query: Query, *, eventual: bool = False) -> Any:
    builder: Any = session.client.groups
    return builder.to_get_request_information(asking(query, eventual=eventual))


async def _assigning(session: GraphSession) -> list[_Group]:
    """Groups with licences of their own."""
    query = Query(select=_SELECT, filter="assignedLicenses/$count ne 0", count=True, top=999)
    try:
        groups = await all_rows(session, _listing(session, query, eventual=True), _Group)
    except GraphError as problem:
        if problem.status != 400:
            raise
        groups = []
        async for page in all_pages(session, _listing(session, Query(select=_SELECT, top=999)), _Group):
            if page.unreadable:
                raise Unavailable(200, code="unreadable-row") from None
            groups.extend(group for group in page.rows if group.assigned_licenses)
    return [group for group in groups if group.assigned_licenses]


async def _failing(session: GraphSession) -> list[_Group]:
    query = Query(select=_SELECT, filter="hasMembersWithLicenseErrors eq true")
    return await all_rows(session, _listing(session, query), _Group)


async def _member_errors(session: GraphSession, group_id: str) -> list[MemberError]:
    group: Any = session.client.groups.by_group_id(guid(group_id))
    request = group.members_with_license_errors.to_get_request_information(
        asking(Query(select=["id", "licenseAssignmentStates"]))
    )
    errors: list[MemberError] = []
    async for page in all_pages(session, request, _Failing):
        if page.unreadable:
            raise Unavailable(200, code="unreadable-row")
        states = ((row.id.lower(), row.license_assignment_states) for row in page.rows)
        errors += member_errors(group_id.lower(), states)
    return errors


async def _whole(
    session: GraphSession, group: _Group, previous: LicensingGroup | None, at: datetime, *, failed: bool
) -> LicensingGroup | None:
    """The group, and its errors if it may have some (`failed`). None if it was deleted meanwhile."""
    group_id = group.id.lower()
    try:
        errors = await _member_errors(session, group_id) if failed else []
    except NotFound:
        return None
    return _as_read(group, errors_by_code(errors), previous, at)


def _as_read(
    group: _Group, errors: tuple[GroupError, ...], previous: LicensingGroup | None, at: datetime
) -> LicensingGroup:
    since = None
    if group.processing:
        known = previous.processing_since if previous else None
        # Never ahead of now: a clock that was set back since may have noted it.
        since = min(known, at) if known else at
    return LicensingGroup(
        id=group.id.lower(),
        display_name=group.display_name or "",
        sku_ids=tuple(sorted({held.sku_id.lower() for held in group.assigned_licenses})),
        processing_since=since,
        errors=errors,
        observed_at=at,
    )
