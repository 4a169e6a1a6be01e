"""The managed-identity endpoint of App Service, and the tokens it gives (unsigned, loopback only)."""

import base64
import binascii
import json
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sandbox.graph.wire import Caller, GraphFault
from sandbox.graph.world import World

GRAPH = "https://graph.microsoft.com"
_AUDIENCES = (GRAPH, f"{GRAPH}/", "00000003-0000-0000-c000-000000000000")


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


_HIGHER = {
    "Directory.AccessAsUser.All": ("Directory.Read.All",),
    "User.ReadWrite.All": ("User.Read.All",),
    "Group.ReadWrite.All": ("Group.Read.All", "GroupMember.Read.All"),
}
"""Delegated permissions that are as good as those beside them, for whoever may read the directory."""

AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
"""The application that people sign in with by `az login`."""

AZURE_CLI_SCOPES = (
    "AppRoleAssignment.ReadWrite.All",
    "Application.ReadWrite.All",
    "AuditLog.Read.All",
    "DelegatedPermissionGrant.ReadWrite.All",
    "Directory.AccessAsUser.All",
    "Group.ReadWrite.All",
    "User.ReadWrite.All",
    "email",
    "openid",
    "profile",
)
"""What a token of `az login` may do on Graph: Microsoft gave the application that, nobody else can."""


def delegated(
    tenant_id: str, app_id: str, scopes: Iterable[str], now: datetime, lifetime: int
) -> tuple[str, datetime]:
    """A token of a person who signed in with that application: `scp` instead of `roles`; and its end.

    `lifetime`: seconds.
    """
    expires = now + timedelta(seconds=lifetime)
    claims = {
        "aud": GRAPH,
        "iss": f"https://sts.windows.net/{tenant_id}/",
        "tid": tenant_id,
        "appid": app_id,
        "iat": int(now.timestamp()),
        "exp": int(expires.timestamp()),
        "idtyp": "user",
        "scp": " ".join(sorted(scopes)),
        "uti": secrets.token_hex(8),
    }
    return f"{_part({'typ': 'JWT', 'alg': 'none'})}.{_part(claims)}.", expires


def issue(world: World, resource: str, now: datetime) -> tuple[str, datetime]:
    """A token for the application: it carries the roles of this moment, until it expires."""
    expires = now + timedelta(seconds=world.rates.token_lifetime)
    claims = {
        "aud": resource,
        "iss": f"https://sts.windows.net/{world.organization.id}/",
        "tid": world.organization.id,
        "appid": world.app_id,
        "iat": int(now.timestamp()),
        "exp": int(expires.timestamp()),
        "roles": sorted(world.roles) if resource in _AUDIENCES else [],
        "uti": secrets.token_hex(8),
    }
    return f"{_part({'typ': 'JWT', 'alg': 'none'})}.{_part(claims)}.", expires


def caller(world: World, authorization: str | None, now: datetime) -> Caller:
    """Who holds this `Authorization` header; 401 without token, for another audience, or after expiry."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise _unauthorized("Access token is empty.")
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        audience, tenant, expires = claims["aud"], claims["tid"], float(claims["exp"])
        granted = _of_person(claims["scp"]) if "scp" in claims else claims["roles"]
        holder = Caller(str(claims["appid"]), frozenset(granted))
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        raise _unauthorized("CompactToken parsing failed.") from None
    if audience not in _AUDIENCES or tenant != world.organization.id:
        raise _unauthorized("Access token validation failure. Invalid audience.")
    if expires <= now.timestamp():
        raise _unauthorized("Lifetime validation failed, the token is expired.")
    return holder


def _of_person(scopes: str) -> set[str]:
    """The permissions in a delegated token, with the lower ones that they include."""
    named = scopes.split(" ")
    return {*named, *(lower for scope in named for lower in _HIGHER.get(scope, ()))}


def _unauthorized(message: str) -> GraphFault:
    headers = {"WWW-Authenticate": 'Bearer realm="", authorization_uri="https://login.microsoftonline.com/"'}
    return GraphFault(401, "InvalidAuthenticationToken", message, headers)


class IdentityRefusal(Exception):
    """A refusal of the identity endpoint: status and reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def answer(world: World, secret: str, header: str | None, query: dict[str, str]) -> dict[str, str]:
    """The body for `GET ?api-version=2019-08-01&resource=…&client_id=…` with `X-IDENTITY-HEADER`.

    401 for a wrong header, 400 for another version, no resource, or an identity that isn't assigned here.
    """
    if header is None or not secrets.compare_digest(header.encode(), secret.encode()):
        raise IdentityRefusal(401, "The X-IDENTITY-HEADER is wrong.")
    if query.get("api-version") != "2019-08-01":
        raise IdentityRefusal(400, "Unsupported api-version.")
    resource = query.get("resource", "")
    if not resource:
        raise IdentityRefusal(400, "Missing resource.")
    client_id = query.get("client_id", world.app_id)
    if client_id != world.app_id:
        raise IdentityRefusal(
            400, "No User Assigned or Delegated Managed Identity found for specified ClientId."
        )
    token, expires = issue(world, resource, world.now())
    return {
        "access_token": token,
        "expires_on": str(int(expires.timestamp())),
        "resource": resource,
        "token_type": "Bearer",
        "client_id": client_id,
    }
