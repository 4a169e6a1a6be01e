"""Who may see detail: the platform's signed-in principal with the app role, or the sandbox's key (design §5).

Fails closed. The principal's header is believed only where App Service's built-in authentication is on: it
strips the header from outside calls and sets its own (App Service, "Work with user identities").
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from typing import Any

import msgspec

from shared.settings import Settings

ROLE = "Watch.Read"
PRINCIPAL_HEADER = "x-ms-client-principal"
KEY_HEADER = "x-watch-key"


class _Claim(msgspec.Struct):
    typ: str
    val: str


class _Principal(msgspec.Struct):
    claims: list[_Claim] = []
    role_typ: str = "roles"


def may_read(headers: Mapping[str, Any], settings: Settings) -> bool:
    """Whether the caller may see detail. Header names in any case."""
    lower = {name.lower(): str(value) for name, value in headers.items()}
    key = lower.get(KEY_HEADER, "")
    if settings.local_key and hmac.compare_digest(key.encode(), settings.local_key.encode()):
        return True
    return settings.platform_signs_in and _has_role(lower.get(PRINCIPAL_HEADER, ""))


def _has_role(header: str) -> bool:
    try:
        principal = msgspec.json.decode(base64.b64decode(header, validate=True), type=_Principal)
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        return False
    return any(claim.val == ROLE and claim.typ in ("roles", principal.role_typ) for claim in principal.claims)
