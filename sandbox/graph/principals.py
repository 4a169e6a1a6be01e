"""The application's service principal and what it is granted (learn: servicePrincipal, appRoleAssignment).

Ids are made from names: nobody should know Graph's own by heart, the service principal of Graph lists them.
"""

import uuid
from typing import Any

from sandbox.graph import odata
from sandbox.graph.permissions import PERMISSIONS
from sandbox.graph.wire import GraphAnswer, GraphRequest, iso, not_found
from sandbox.graph.world import World

GRAPH_APP = "00000003-0000-0000-c000-000000000000"
"""The application id of Microsoft Graph, the same in every tenant."""

_SPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")


def _made(*parts: str) -> str:
    return str(uuid.uuid5(_SPACE, "/".join(parts)))


def principal_of(world: World, app_id: str) -> str:
    """The object id of an application's service principal in this tenant."""
    return _made(world.organization.id, app_id)


def role_id(role: str) -> str:
    """The id of an application role of Graph."""
    return _made(GRAPH_APP, role)


def assignment_id(world: World, role: str) -> str:
    """The id by which a grant can be taken away."""
    return _made(world.organization.id, world.app_id, role)


def get_by_app(request: GraphRequest, world: World) -> GraphAnswer:
    """`GET /servicePrincipals(appId='…')`: ours and Graph's; others are 404."""
    app_id = request.params["app"]
    if app_id not in (world.app_id, GRAPH_APP):
        raise not_found(app_id)
    listed = sorted(PERMISSIONS | world.roles) if app_id == GRAPH_APP else []
    row: dict[str, Any] = {
        "id": principal_of(world, app_id),
        "appId": app_id,
        "displayName": "Microsoft Graph" if app_id == GRAPH_APP else "SSPR License Watch",
        "servicePrincipalType": "Application" if app_id == GRAPH_APP else "ManagedIdentity",
        "appRoles": [
            {"id": role_id(name), "value": name, "isEnabled": True, "allowedMemberTypes": ["Application"]}
            for name in listed
        ],
    }
    names = odata.selected(request, row, tuple(row), "servicePrincipal")
    return GraphAnswer(200, {name: row[name] for name in names})


def list_assignments(request: GraphRequest, world: World) -> GraphAnswer:
    """`GET /servicePrincipals/{id}/appRoleAssignments`: what it is granted, in one page."""
    if request.params["id"] != principal_of(world, world.app_id):
        raise not_found(request.params["id"])
    rows = [
        {
            "id": assignment_id(world, role),
            "appRoleId": role_id(role),
            "createdDateTime": iso(world.organization.created_at),
            "principalId": principal_of(world, world.app_id),
            "principalType": "ServicePrincipal",
            "resourceDisplayName": "Microsoft Graph",
            "resourceId": principal_of(world, GRAPH_APP),
        }
        for role in sorted(world.roles)
    ]
    return GraphAnswer(200, {"value": rows})
