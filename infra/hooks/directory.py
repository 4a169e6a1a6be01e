"""What needs rights in the directory, by plain requests to Microsoft Graph: the watch's permissions, and the
app registration by which people sign in to the report.

The same as infra/graph/*.bicep, for clouds without the Graph extension and for whoever has those rights and
nothing else. Only what is missing is made. (Microsoft Graph: grant an appRoleAssignment to a service
principal; upsert application; create federatedIdentityCredential.)
"""

import functools
import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from infra.hooks.programs import DENIED, NOT_FOUND, Refused, Stop, rest
from shared.graph.permissions import table

GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
"""Microsoft Graph itself, in every tenant."""
WATCH_READ = "5d2f6a0e-8c1b-4b57-9a64-2f0c7d3e1b98"
"""The app role Watch.Read of the registration, the same as in infra/graph/report-app.bicep."""

_AUDIENCES = {
    "login.microsoftonline.us": "api://AzureADTokenExchangeUSGov",
    "login.chinacloudapi.cn": "api://AzureADTokenExchangeChina",
    "login.partner.microsoftonline.cn": "api://AzureADTokenExchangeChina",
}
"""For whom an identity's token is that stands for a registration, by where the cloud signs people in;
elsewhere it is `_AUDIENCE`. A wrong one is taken without complaint, and then nobody can sign in.
(Microsoft Entra: configure an application to trust a managed identity.)"""
_AUDIENCE = "api://AzureADTokenExchange"

WAIT = 3.0
"""Seconds between tries of what the directory does not know yet."""
_TRIES = 6


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be there. `graph`: the cloud's Graph; `issuer`: who issues the tenant's tokens there."""

    graph: str
    issuer: str
    principal: str
    packs: tuple[str, ...] = ()
    base_url: str = ""
    readers: tuple[str, ...] = ()

    @property
    def unique_name(self) -> str:
        """The registration's own name, as infra/graph/report-app.bicep makes it from the app's address."""
        return f"sspr-license-watch-{self.base_url.removeprefix('https://').partition('.')[0]}"

    @property
    def audience(self) -> str:
        """For whom the token of the watch's identity is, in the cloud of the issuer."""
        return _AUDIENCES.get(urlsplit(self.issuer).hostname or "", _AUDIENCE)


class Graph:
    """Requests to Microsoft Graph v1.0 as whoever is signed in with az."""

    def __init__(self, address: str) -> None:
        self._address = address

    def ask(self, method: str, path: str, body: object = None, *, prefer: str = "") -> Any:
        """The answer as JSON. Raises `Refused`."""
        return rest(method, f"{self._address}/v1.0{path}", body, resource=self._address, prefer=prefer)

    def found(self, path: str) -> Any:
        """The object; None where there is none."""
        try:
            return self.ask("GET", path)
        except Refused as problem:
            if problem.kind == NOT_FOUND:
                return None
            raise

    def rows(self, path: str) -> list[dict[str, Any]]:
        """All rows of a list, page by page; a link that leads elsewhere is not followed."""
        rows: list[dict[str, Any]] = []
        following = f"{self._address}/v1.0{path}"
        while following.startswith(f"{self._address}/"):
            page = rest("GET", following, resource=self._address)
            rows += page.get("value", [])
            following = page.get("@odata.nextLink", "")
        return rows


def grant(wanted: Wanted) -> list[str]:
    """Grant the watch's identity what its packs take; what was granted now. Raises `Refused` and `Stop`."""
    graph = Graph(wanted.graph)
    service, roles = _roles(graph, wanted)
    return [name for name, role in roles.items() if _assigned(graph, wanted.principal, service, role)]


def lacking(wanted: Wanted) -> list[str]:
    """What of that is not granted yet; changes nothing. Raises `Refused` and `Stop`."""
    graph = Graph(wanted.graph)
    service, roles = _roles(graph, wanted)
    held = {one["appRoleId"] for one in _holders(graph, service) if one["principalId"] == wanted.principal}
    return [name for name, role in roles.items() if role not in held]


def _roles(graph: Graph, wanted: Wanted) -> tuple[str, dict[str, str]]:
    """The id of Microsoft Graph in this tenant, and of each permission that is wanted."""
    service = graph.ask("GET", f"/servicePrincipals(appId='{GRAPH_APP_ID}')?$select=id,appRoles")
    offered = [one for one in service["appRoles"] if "Application" in one["allowedMemberTypes"]]
    roles = {one["value"]: one["id"] for one in offered}
    names = table().granted_by(wanted.packs)
    if unknown := [name for name in names if name not in roles]:
        raise Stop(f"This cloud's Microsoft Graph has no permission {', '.join(unknown)}.")
    return service["id"], {name: roles[name] for name in names}


def report_app(wanted: Wanted) -> str:
    """Make the registration, its service principal and what belongs to them. Raises `Refused`."""
    graph = Graph(wanted.graph)
    path = f"/applications(uniqueName='{wanted.unique_name}')"
    graph.ask("PATCH", path, _registration(wanted), prefer="create-if-missing")
    found = _soon(lambda: graph.ask("GET", f"{path}?$select=id,appId"))
    _soon(lambda: _vouch(graph, found["id"], wanted))
    service = graph.found(f"/servicePrincipals(appId='{found['appId']}')?$select=id")
    if service is None:
        made = {"appId": found["appId"], "appRoleAssignmentRequired": True}
        service = _soon(lambda: graph.ask("POST", "/servicePrincipals", made))
    for reader in wanted.readers:
        _soon(functools.partial(_assigned, graph, reader, service["id"], WATCH_READ))
    return str(found["appId"])


def _soon[T](work: Callable[[], T]) -> T:
    """What was made a moment ago is not known everywhere in the directory at once."""
    for _ in range(_TRIES - 1):
        try:
            return work()
        except Refused as problem:
            if problem.kind == DENIED:
                raise
        time.sleep(WAIT)
    return work()


def delete_report_app(graph_address: str, app_id: str) -> bool:
    """Delete the registration; False where there is none. Raises `Refused`."""
    try:
        Graph(graph_address).ask("DELETE", f"/applications(appId='{app_id}')")
    except Refused as problem:
        if problem.kind == NOT_FOUND:
            return False
        raise
    return True


def _registration(wanted: Wanted) -> dict[str, Any]:
    return {
        "displayName": f"SSPR License Watch ({wanted.base_url.removeprefix('https://').partition('.')[0]})",
        "signInAudience": "AzureADMyOrg",
        "api": {"requestedAccessTokenVersion": 2},
        "appRoles": [
            {
                "id": WATCH_READ,
                "value": "Watch.Read",
                "displayName": "Read the watch",
                "description": "See the report and the detail of health.",
                "allowedMemberTypes": ["User", "Application"],
                "isEnabled": True,
            }
        ],
        "web": {
            "homePageUrl": f"{wanted.base_url}/api/report",
            "redirectUris": [f"{wanted.base_url}/.auth/login/aad/callback"],
            "implicitGrantSettings": {"enableIdTokenIssuance": True},
        },
    }


def _vouch(graph: Graph, object_id: str, wanted: Wanted) -> None:
    """The watch's identity stands for the registration, in the place of a client secret."""
    path = f"/applications/{object_id}/federatedIdentityCredentials"
    means = {
        "audiences": [wanted.audience],
        "issuer": wanted.issuer,
        "subject": wanted.principal,
    }
    known = next((one for one in graph.rows(path) if one.get("name") == "watch-identity"), None)
    if known is None:
        graph.ask("POST", path, {"name": "watch-identity", **means})
    elif any(known.get(name) != value for name, value in means.items()):
        # The identity was made anew.
        graph.ask("PATCH", f"{path}/{known['id']}", means)


def _assigned(graph: Graph, principal: str, resource: str, role: str) -> bool:
    """Assign the role if it is not; says whether it was done now."""
    held = _holders(graph, resource)
    if any(one["principalId"] == principal and one["appRoleId"] == role for one in held):
        return False
    made = {"principalId": principal, "resourceId": resource, "appRoleId": role}
    graph.ask("POST", f"/servicePrincipals/{resource}/appRoleAssignedTo", made)
    return True


def _holders(graph: Graph, resource: str) -> Sequence[dict[str, Any]]:
    """Who was assigned which role of this one."""
    return graph.rows(f"/servicePrincipals/{resource}/appRoleAssignedTo?$top=999")
