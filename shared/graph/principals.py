"""What an application is granted on Microsoft Graph, by name (learn: servicePrincipal, appRoleAssignment)."""

import base64
import binascii
from typing import Any

import msgspec

from shared.graph.errors import NotFound
from shared.graph.pages import Wire, all_rows, read_object
from shared.graph.session import GraphSession, Query, asking
from shared.guids import guid

GRAPH_APP = "00000003-0000-0000-c000-000000000000"
"""The application id of Microsoft Graph, the same in every tenant and cloud."""


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a token says of its holder. `roles`: application permissions; `scopes`: those of a person."""

    tenant_id: str = msgspec.field(name="tid", default="")
    app_id: str = msgspec.field(name="appid", default="")
    roles: tuple[str, ...] = ()
    scopes: str = msgspec.field(name="scp", default="")


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """A granted application permission; `id` is what takes it away again."""

    id: str
    permission: str


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    """Everything granted to a service principal (`principal_id`) on Graph."""

    principal_id: str
    grants: tuple[Grant, ...]


class _Role(Wire):
    id: str
    value: str | None = None


class _Principal(Wire):
    id: str
    app_roles: list[_Role] | None = None


class _Assignment(Wire):
    id: str
    app_role_id: str
    resource_id: str


def claims_of(token: str) -> Claims:
    """What the token says, unverified: to show, never to decide by. Empty where it can't be read."""
    try:
        payload = token.split(".")[1]
        raw = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        return msgspec.json.decode(raw, type=Claims)
    except (IndexError, binascii.Error, ValueError, msgspec.MsgspecError, RecursionError):
        return Claims()


async def granted(session: GraphSession, app_id: str) -> Granted | None:
    """What this application is granted on Graph; None if the tenant has no such application.

    Needs Application.Read.All or Directory.Read.All. Raises a `GraphError`.
    """
    try:
        own = await _principal(session, app_id)
    except NotFound:
        return None
    graph = await _principal(session, GRAPH_APP)
    names = {role.id.lower(): role.value or role.id for role in graph.app_roles or ()}
    builder: Any = session.client.service_principals.by_service_principal_id(guid(own.id))
    request = builder.app_role_assignments.to_get_request_information(asking())
    rows = await all_rows(session, request, _Assignment)
    grants = tuple(
        Grant(id=row.id, permission=names.get(row.app_role_id.lower(), row.app_role_id))
        for row in rows
        if row.resource_id.lower() == graph.id.lower()
    )
    return Granted(principal_id=own.id, grants=grants)


async def _principal(session: GraphSession, app_id: str) -> _Principal:
    builder: Any = session.client.service_principals_with_app_id(guid(app_id))
    select = Query(select=["id", "appId", "appRoles"])
    request = builder.to_get_request_information(asking(select))
    # The SDK puts the id into what all requests of a client share: another call would change this one's.
    request.path_parameters = dict(request.path_parameters)
    return read_object(await session.send(request), _Principal)
