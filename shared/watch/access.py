"""Who may see detail: the platform's signed-in principal with the app role, or the sandbox's key (design §5).

Fails closed. The principal's header is believed only where App Service's built-in authentication is on: it
strips the header from outside calls and sets its own (App Service, "Work with user identities").
"""

import base64
import binascii
import contextlib
import hmac
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from shared.settings import Settings
from shared.texts.catalogue import catalogue

ROLE = "Watch.Read"
PRINCIPAL_HEADER = "x-ms-client-principal"
KEY_HEADER = "x-watch-key"
_BASIC = "basic "


class Access(StrEnum):
    """What a caller may see. `REFUSED`: sent something to be let in with, and it does not let in; `WORD`:
    sent nothing of the kind."""

    DETAIL = "detail"
    WORD = "word"
    REFUSED = "refused"


class _Claim(msgspec.Struct):
    typ: str
    val: str


class _Principal(msgspec.Struct):
    claims: list[_Claim] = []
    role_typ: str = "roles"


def access_of(headers: Mapping[str, Any], settings: Settings) -> Access:
    """What the caller may see: in every doubt no detail. Header names in any case.

    A principal's header that the platform did not set counts as if it were not there. Where there is a local
    key, a browser may give it as the password of HTTP Basic, whatever the name.
    """
    lower = {name.lower(): str(value) for name, value in headers.items()}
    key = lower.get(KEY_HEADER, "") or (_password(lower) if settings.local_key else "")
    if settings.local_key and hmac.compare_digest(_octets(key), _octets(settings.local_key)):
        return Access.DETAIL
    principal = lower.get(PRINCIPAL_HEADER, "") if settings.platform_signs_in else ""
    if _has_role(principal):
        return Access.DETAIL
    return Access.REFUSED if key or principal else Access.WORD


def _octets(text: str) -> bytes:
    """Of a header's value; signs that are no UTF-8 come as halves of pairs (aiohttp), and must fit no key."""
    return text.encode("utf-8", "surrogatepass")


def refusal(settings: Settings) -> str:
    """One sentence for whoever meant to see the detail, in the language that is set.

    The same whatever was wrong, and wherever it is asked.
    """
    texts = catalogue(settings.telling.language)
    return texts.text(
        "health", "not_entitled", role=ROLE, header="X-Watch-Key", command="python -m sandbox up"
    )


def asked_by_password(headers: Mapping[str, Any]) -> bool:
    """Whether somebody came with HTTP Basic: a browser, then, that can ask for another password."""
    return _given({name.lower(): str(value) for name, value in headers.items()}) != ""


def _given(lower: Mapping[str, str]) -> str:
    header = lower.get("authorization", "")
    return header[len(_BASIC) :].strip() if header.lower().startswith(_BASIC) else ""


def _password(lower: Mapping[str, str]) -> str:
    """The password of HTTP Basic (RFC 7617); what can't be read is a wrong one."""
    given = _given(lower)
    with contextlib.suppress(binascii.Error, ValueError):
        return base64.b64decode(given, validate=True).decode().partition(":")[2] or given
    return given


def _has_role(header: str) -> bool:
    try:
        principal = msgspec.json.decode(base64.b64decode(header, validate=True), type=_Principal)
    except (msgspec.MsgspecError, binascii.Error, ValueError, RecursionError):
        return False
    return any(claim.val == ROLE and claim.typ in ("roles", principal.role_typ) for claim in principal.claims)
