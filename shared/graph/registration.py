"""The registration report: who may use self-service password reset, who registered, who is administrator.

Microsoft Graph API reference: list userRegistrationDetails. AuditLog.Read.All and Entra ID P1 or P2; five
requests in ten seconds for an app and tenant (Microsoft Graph service-specific throttling limits, reports).
"""

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from shared.graph.errors import GraphError, Unavailable
from shared.graph.pages import all_pages
from shared.graph.session import GraphSession, Query, asking
from shared.model import Registration


async def read_registration(session: GraphSession) -> AsyncIterator[list[Registration]]:
    """The report page by page, as fast as its limit allows. It leaves out disabled accounts.

    Raises `Forbidden`, whose `not_premium` tells a tenant without P1/P2 from a missing permission, and
    `Unavailable` for a row that cannot be read: a report with a hole would take that user out of reach.
    """
    # The page documents $filter only, so no $select. A page size is not documented either, but at five pages
    # in ten seconds it decides between minutes and hours: it is asked for, and given up where it is refused.
    begun = False
    try:
        async for rows in _pages(session, Query(top=999)):
            begun = True
            yield rows
        return
    except GraphError as problem:
        if begun or problem.status != 400:
            raise
    async for rows in _pages(session, None):
        yield rows


async def _pages(session: GraphSession, query: Query | None) -> AsyncIterator[list[Registration]]:
    builder: Any = session.client.reports.authentication_methods.user_registration_details
    first = builder.to_get_request_information(asking(query))
    async for page in all_pages(session, first, Registration, slow=True):
        if page.unreadable:
            raise Unavailable(200, code="unreadable-row")
        yield [_lower(row) for row in page.rows]


def _lower(row: Registration) -> Registration:
    lower = row.id.lower()
    return row if lower == row.id else msgspec.structs.replace(row, id=lower)
