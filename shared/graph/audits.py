"""The audit log: who used self-service password reset (judgement.md §3, `POPULATION=used`).

Microsoft Graph API reference: list directoryAudits; Microsoft Entra "Self-service password reset reporting"
for the names of activities. AuditLog.Read.All and Directory.Read.All; the log shares the five requests in
ten seconds of the reports. It keeps some weeks, so what was seen once is remembered by the watch.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from shared.graph.errors import LinkError, Unavailable
from shared.graph.pages import Rows, Wire, read_page
from shared.graph.permissions import table
from shared.graph.session import GraphSession, Query, asking
from shared.guids import as_guid
from shared.model import zulu

SERVICE = "Self-service Password Management"
ACTIVITIES = frozenset({"reset password (self-service)", "unlock user account (self-service)"})
"""What counts as use. A cloud user's password change is free in every edition, so it does not count."""

_, ALSO_NEEDS = table().of_evidence()["audit"]
"""The permission that the log needs besides that of the registration report."""


class Use(msgspec.Struct, frozen=True):
    """A user reset the own password, or unlocked the own account."""

    user_id: str
    at: datetime


class UsePage(msgspec.Struct, frozen=True):
    """The uses on one page of the log. `next_link` None: it was the last page; `asked_at`: our clock."""

    uses: list[Use]
    next_link: str | None
    asked_at: datetime


class _Target(Wire):
    id: str | None = None
    type: str | None = None


class _Audit(Wire):
    activity_display_name: str | None = None
    activity_date_time: datetime | None = None
    result: str | None = None
    target_resources: tuple[_Target, ...] | None = None


async def use_page(session: GraphSession, since: datetime, link: str | None = None) -> UsePage:
    """One page of the log since a time: the first, or the one that `link` leads to. May be empty.

    Raises `Forbidden`, `Gone410` where Graph has forgotten the link, and `Unavailable` for a row that cannot
    be read: it may be the only trace of a use.
    """
    page = await _page(session, since, link)
    if page.unreadable:
        raise Unavailable(200, code="unreadable-row")
    return UsePage([use for row in page.rows for use in _uses(row)], page.next_link, page.asked_at)


async def _page(session: GraphSession, since: datetime, link: str | None) -> Rows[_Audit]:
    if link is None:
        builder: Any = session.client.audit_logs.directory_audits
        wanted = Query(filter=f"loggedByService eq '{SERVICE}' and activityDateTime ge {zulu(since)}")
        request = builder.to_get_request_information(asking(wanted))
    else:
        request = session.follow(link)
    page = await read_page(session, request, _Audit, slow=True)
    if link is not None and page.next_link == link:
        raise LinkError(code="circular-link")
    return page


def _uses(row: _Audit) -> Iterator[Use]:
    """Whom a successful reset or unlocking was for; a row without its time tells nothing."""
    activity, result = (row.activity_display_name or "").lower(), (row.result or "").lower()
    if activity not in ACTIVITIES or result != "success" or row.activity_date_time is None:
        return
    at = row.activity_date_time
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    for target in row.target_resources or ():
        user_id = as_guid(target.id) if (target.type or "").lower() == "user" else None
        if user_id:
            yield Use(user_id, at)
