"""Groups: those that assign licences and what fails on their members, and who is in a group.

Microsoft Graph API reference: group, membersWithLicenseErrors, list members, list transitive members.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any

import msgspec

from shared.graph.errors import GraphError, NotFound, Unavailable
from shared.graph.ids import guid
from shared.graph.pages import Wire, all_pages, all_rows, read_object
from shared.graph.parallel import few_at_a_time
from shared.graph.session import GraphSession, Query, asking
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


class _Failing(Wire):
    id: str
    license_assignment_states: tuple[LicenseAssignmentState, ...] = ()


class _Member(Wire):
    id: str
    type: str | None = msgspec.field(name="@odata.type", default=None)


class MemberPage(msgspec.Struct, frozen=True):
    """One page of members: ids of users and of groups; devices and other objects are left out."""

    users: list[str]
    groups: list[str]


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
    failing = await all_rows(
        session,
        _listing(session, Query(select=_SELECT, filter="hasMembersWithLicenseErrors eq true")),
        _Group,
    )
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
    builder: Any = session.client.groups.by_group_id(guid(group_id))
    try:
        answer = await session.send(builder.to_get_request_information(asking(Query(select=_SELECT))))
    except NotFound:
        return None
    read = await _whole(session, read_object(answer, _Group), previous, at, failed=True)
    return read if read is not None and (read.sku_ids or read.errors) else None


async def member_pages(
    session: GraphSession, group_id: str, *, transitive: bool
) -> AsyncIterator[MemberPage]:
    """The members of a group page by page; `transitive`: those of nested groups too. Raises `NotFound`."""
    group: Any = session.client.groups.by_group_id(guid(group_id))
    builder = group.transitive_members if transitive else group.members
    first = builder.to_get_request_information(asking(Query(select=["id"], top=999)))
    async for page in all_pages(session, first, _Member):
        if page.unreadable:
            raise Unavailable(200, code="unreadable-row")
        kinds = [(member.id.lower(), (member.type or _USER_TYPE).lower()) for member in page.rows]
        yield MemberPage(
            users=[member for member, kind in kinds if kind == _USER_TYPE],
            groups=[member for member, kind in kinds if kind == _GROUP_TYPE],
        )


async def transitive_member_ids(session: GraphSession, group_id: str) -> frozenset[str]:
    """Ids of all users in the group and in groups nested in it. Raises `NotFound`."""
    ids: set[str] = set()
    async for page in member_pages(session, group_id, transitive=True):
        ids.update(page.users)
    return frozenset(ids)


async def member_ids(session: GraphSession, group_id: str) -> frozenset[str]:
    """Ids of the users who are members themselves: those whom group licensing serves. Raises `NotFound`."""
    ids: set[str] = set()
    async for page in member_pages(session, group_id, transitive=False):
        ids.update(page.users)
    return frozenset(ids)


def errors_by_code(
    group_id: str, members: list[tuple[str, tuple[LicenseAssignmentState, ...]]]
) -> tuple[GroupError, ...]:
    """Sums the failing assignments of one group by SKU and error code; other sources of a member don't count.

    The state decides: only `Error` is a failure. `Others` is `Other`; an error that is null, empty or `None`
    is the empty code.
    """
    failing: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for member_id, states in members:
        for state in states:
            ours = (state.assigned_by_group or "").lower() == group_id
            if ours and state.state.lower() == "error":
                failing[state.sku_id.lower(), _code(state.error)].add(member_id)
    return tuple(
        GroupError(sku_id=sku_id, code=code, members=len(ids), sample=tuple(sorted(ids)[:SAMPLE]))
        for (sku_id, code), ids in sorted(failing.items())
    )


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


async def _errors_of(session: GraphSession, group_id: str) -> tuple[GroupError, ...]:
    group: Any = session.client.groups.by_group_id(guid(group_id))
    request = group.members_with_license_errors.to_get_request_information(
        asking(Query(select=["id", "licenseAssignmentStates"]))
    )
    rows = await all_rows(session, request, _Failing)
    return errors_by_code(group_id.lower(), [(row.id.lower(), row.license_assignment_states) for row in rows])


async def _whole(
    session: GraphSession, group: _Group, previous: LicensingGroup | None, at: datetime, *, failed: bool
) -> LicensingGroup | None:
    """The group, and its errors if it may have some (`failed`). None if it was deleted meanwhile."""
    group_id = group.id.lower()
    sku_ids = tuple(sorted({held.sku_id.lower() for held in group.assigned_licenses}))
    try:
        errors = await _errors_of(session, group_id) if failed else ()
    except NotFound:
        return None
    since = None
    if group.processing:
        since = (previous.processing_since if previous else None) or at
    return LicensingGroup(
        id=group_id,
        display_name=group.display_name or "",
        sku_ids=sku_ids,
        processing_since=since,
        errors=errors,
        observed_at=at,
    )
