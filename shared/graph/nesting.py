"""Members of groups nested in a licensing group: group licensing does not reach them.

Microsoft Entra ID, scenarios and known issues of group-based licensing: licences go to direct members only.
"""

from typing import Any

from shared.graph.errors import Unavailable
from shared.graph.ids import guid
from shared.graph.pages import Wire, all_pages
from shared.graph.session import GraphSession, Query, asking
from shared.model import AssignedLicense


class _Object(Wire):
    id: str


class _Holder(Wire):
    id: str
    assigned_licenses: tuple[AssignedLicense, ...] | None = ()


async def nested_unlicensed(session: GraphSession, group_id: str, sku_ids: tuple[str, ...]) -> int:
    """How many users are in the group only through a nested one and lack one of `sku_ids`.

    One request where nothing is nested, which is the rule. Raises a `GraphError`.
    """
    if not sku_ids:
        return 0
    group: Any = session.client.groups.by_group_id(guid(group_id))
    if not await _ids(session, group.members.graph_group, first=True):
        return 0
    direct = await _ids(session, group.members.graph_user)
    wanted = set(sku_ids)
    without: set[str] = set()
    query = Query(select=["id", "assignedLicenses"], count=True, top=999)
    request = group.transitive_members.graph_user.to_get_request_information(asking(query, eventual=True))
    async for page in all_pages(session, request, _Holder):
        if page.unreadable:
            raise Unavailable(200, code="unreadable-row")
        for user in page.rows:
            held = {licence.sku_id.lower() for licence in user.assigned_licenses or ()}
            if user.id.lower() not in direct and not wanted <= held:
                without.add(user.id.lower())
    return len(without)


async def _ids(session: GraphSession, builder: Any, *, first: bool = False) -> set[str]:
    """Ids of all rows; `first`: of the first page that has any. A cast is an advanced query."""
    query = Query(select=["id"], count=True, top=1 if first else 999)
    ids: set[str] = set()
    request = builder.to_get_request_information(asking(query, eventual=True))
    async for page in all_pages(session, request, _Object):
        ids.update(row.id.lower() for row in page.rows)
        if first and ids:
            break
    return ids
