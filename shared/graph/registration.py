"""The registration report: who may use self-service password reset, who registered, who is administrator.

Microsoft Graph API reference: list userRegistrationDetails. AuditLog.Read.All and Entra ID P1 or P2; five
requests in ten seconds for an app and tenant (Microsoft Graph service-specific throttling limits, reports).
"""

from datetime import datetime
from typing import Any

import msgspec

from shared.graph.errors import GraphError, LinkError, NotFound, Unavailable
from shared.graph.pages import Rows, read_page, read_row
from shared.graph.session import GraphSession, Query, asking
from shared.model import Registration


class ReportPage(msgspec.Struct, frozen=True):
    """One page of the report. `next_link` None: it was the last. `asked_at`: our clock just before."""

    rows: list[Registration]
    next_link: str | None
    asked_at: datetime


async def registration_page(session: GraphSession, link: str | None = None) -> ReportPage:
    """One page of the report, in step with its limit: the first, or the one that `link` leads to.

    The report leaves out disabled accounts. Raises `Forbidden`, whose `not_premium` tells a tenant without
    P1/P2 from a missing permission, `Gone410` where Graph has forgotten the link, and `Unavailable` for a row
    that cannot be read: a report with a hole would take that user out of reach.
    """
    page = await (_first(session) if link is None else _following(session, link))
    if page.unreadable:
        raise Unavailable(200, code="unreadable-row")
    return ReportPage([_lower(row) for row in page.rows], page.next_link, page.asked_at)


async def registration_of(session: GraphSession, user_id: str) -> Registration | None:
    """The report's row of one user; None where it has none. Raises `GraphError`, as `registration_page`."""
    builder: Any = session.client.reports.authentication_methods.user_registration_details
    one = builder.by_user_registration_details_id(user_id)
    try:
        answer = await session.send(one.to_get_request_information(asking()), slow=True)
    except NotFound:
        return None
    row = read_row(answer.body, Registration)
    if row is None:
        raise Unavailable(answer.status, code="unreadable-row")
    return _lower(row)


async def _first(session: GraphSession) -> Rows[Registration]:
    """The first page.

    Documented is $filter only, so no $select. A page size is not documented either, but at five pages in ten
    seconds it decides between minutes and hours: it is asked for, and given up where it is refused.
    """
    try:
        return await _asked(session, Query(top=999))
    except GraphError as problem:
        if problem.status != 400:
            raise
    return await _asked(session, None)


async def _asked(session: GraphSession, query: Query | None) -> Rows[Registration]:
    builder: Any = session.client.reports.authentication_methods.user_registration_details
    request = builder.to_get_request_information(asking(query))
    return await read_page(session, request, Registration, slow=True)


async def _following(session: GraphSession, link: str) -> Rows[Registration]:
    page = await read_page(session, session.follow(link), Registration, slow=True)
    if page.next_link == link:
        raise LinkError(code="circular-link")
    return page


def _lower(row: Registration) -> Registration:
    lower = row.id.lower()
    return row if lower == row.id else msgspec.structs.replace(row, id=lower)
