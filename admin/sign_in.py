"""Signing in to Graph as the person at this shell: by the Azure CLI, or with a code in a browser.

Both by azure-identity. A token is asked for before anything else, so that what is wrong is one sentence.
"""

import asyncio
import logging
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from azure.core.credentials import AccessToken, TokenCredential
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, ServiceRequestError, ServiceResponseError
from azure.identity import AzureCliCredential, CredentialUnavailableError, DeviceCodeCredential

from admin.connection import WrongInput
from admin.words import texts
from shared.graph.audits import ALSO_NEEDS
from shared.graph.permissions import table

COMMAND_LINE_TOOLS = "14d82eec-204b-4c2f-b7e8-296a70dab67e"
"""Microsoft Graph Command Line Tools: Microsoft's own public client, which a tenant may already know."""

SCOPES = tuple(sorted(table().granted_by(("report", "policy"))))
"""What a sign-in with a code asks for: to read, and nothing else. Named as what the app may have."""

_AUTHORITIES = {
    "graph.microsoft.us": "https://login.microsoftonline.us",
    "dod-graph.microsoft.us": "https://login.microsoftonline.us",
    "microsoftgraph.chinacloudapi.cn": "https://login.chinacloudapi.cn",
}
"""The login service of each national cloud, by its Graph (Microsoft Graph, national cloud deployments)."""

_DEFAULT = "/.default"
_AZ_SECONDS = 60
"""The Azure CLI is slow to start, and azure-identity's ten seconds are few on a cold machine."""

_RENEW_BEFORE = 300
"""Seconds before its end that a token is not used any more."""

_AADSTS = re.compile(r"AADSTS(\d{3,7})")
_AGAIN = {"50072", "50074", "50076", "50078", "50079", "50132", "50133", "50158", "50173"} | {
    "70008",
    "70043",
    "700082",
}
"""Signing in anew helps: the session ended, or asks for a second factor."""

_TENANT = {"16003", "50020", "50034", "50059", "51004", "90002", "90072", "500011", "700016", "9001023"}
"""The tenant, or this account in it, is not there."""

_BLOCKED = {"50131", "53000", "53001", "53002", "53003", "530032", "530035"}
"""A policy of the tenant says no, and would say it again.

Codes of Microsoft Entra authentication and authorization error codes (Learn), which says too that they may
change: they only choose a better sentence, and one that is not here has a sentence of its own.
"""


async def sign_in(
    scope: str,
    *,
    device_code: bool = False,
    tenant: str = "",
    authority: str = "",
    audit_log: bool = False,
) -> "SignedIn":
    """A credential that has a token for `scope` (`https://<graph>/.default`). Raises `WrongInput`.

    `audit_log`: a code asks for what the directory's log needs, too. `tenant`: id or domain; empty: that of
    whoever is signed in. `authority`: the login service that gives a code; empty: that of the cloud that
    `scope` is of (the Azure CLI knows its own).
    """
    logging.getLogger("azure").setLevel(logging.CRITICAL)
    named: dict[str, Any] = {"tenant_id": tenant} if tenant else {}
    try:
        credential: AsyncTokenCredential
        if device_code:
            authority = authority or _AUTHORITIES.get(urlsplit(scope).hostname or "", "")
            # Whoever names a login service means it: the public one is not asked whether it may be trusted.
            elsewhere: dict[str, Any] = (
                {"authority": authority, "disable_instance_discovery": True} if authority else {}
            )
            credential = _OnAThread(
                DeviceCodeCredential(
                    client_id=COMMAND_LINE_TOOLS, prompt_callback=_show_code, **named, **elsewhere
                ),
                partial(_each, names=(*SCOPES, ALSO_NEEDS) if audit_log else SCOPES),
            )
        else:
            credential = _OnAThread(AzureCliCredential(process_timeout=_AZ_SECONDS, **named), list)
    except ValueError:
        raise WrongInput(_say("tenant-form", tenant=tenant)) from None
    signed_in = SignedIn(credential)
    try:
        await signed_in.get_token(scope)
    except AzureError as problem:
        raise WrongInput(_sentence(problem, device_code=device_code, tenant=tenant)) from None
    return signed_in


def azure_cli(tenant: str, seconds: int) -> "SignedIn":
    """Whoever is signed in with the Azure CLI to that tenant; the CLI gets `seconds` for a token.

    Nothing is asked yet: `get_token` raises `ClientAuthenticationError`.
    """
    return SignedIn(_OnAThread(AzureCliCredential(tenant_id=tenant, process_timeout=seconds), list))


class SignedIn(AsyncTokenCredential):
    """A person's token, kept until shortly before it runs out: the Azure CLI itself is asked once an hour.

    azure-identity leaves keeping it to the caller, and a session asks before each request.
    """

    def __init__(self, credential: AsyncTokenCredential) -> None:
        self._credential = credential
        self._kept: dict[tuple[str, ...], AccessToken] = {}
        self._turn = asyncio.Lock()

    async def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **kwargs: Any,
    ) -> AccessToken:
        """The token for these scopes. Raises `ClientAuthenticationError`."""
        async with self._turn:
            kept = self._kept.get(scopes)
            if kept is None or claims or kept.expires_on - _RENEW_BEFORE <= time.time():
                more: dict[str, Any] = {"claims": claims} if claims else {}
                kept = self._kept[scopes] = await self._credential.get_token(*scopes, **more)
            return kept

    async def close(self) -> None:
        """Close what the credential holds."""
        await self._credential.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.close()


class _OnAThread(AsyncTokenCredential):
    """A sign-in that waits, for the Azure CLI or for a person, on a thread that dies with the process.

    Ctrl-C must not wait for a code to expire, nor leave an event loop with a child it lost sight of.
    `scopes_of` says which scopes stand for those that are asked for.
    """

    def __init__(
        self, credential: TokenCredential, scopes_of: Callable[[tuple[str, ...]], list[str]]
    ) -> None:
        self._credential, self._scopes_of = credential, scopes_of

    async def get_token(self, *scopes: str, **kwargs: Any) -> AccessToken:
        """The token. Raises `ClientAuthenticationError`."""
        wanted = self._scopes_of(scopes)
        return await _on_a_thread(lambda: self._credential.get_token(*wanted, **kwargs))

    async def close(self) -> None:
        """It holds nothing."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.close()


def _each(scopes: tuple[str, ...], names: tuple[str, ...]) -> list[str]:
    """`https://graph…/.default` as one scope for each permission: what the app was given may be wider."""
    found: list[str] = []
    for scope in scopes:
        root = scope.removesuffix(_DEFAULT)
        found += [f"{root}/{name}" for name in names] if scope.endswith(_DEFAULT) else [scope]
    return found


async def _on_a_thread[T](work: Callable[[], T]) -> T:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(how: Callable[[], None]) -> None:
        def unless_settled() -> None:
            if not done.done():
                how()

        # Where the loop is gone there is nobody to tell any more.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(unless_settled)

    def run() -> None:
        try:
            found = work()
        except Exception as problem:
            settle(partial(done.set_exception, problem))
        else:
            settle(partial(done.set_result, found))

    threading.Thread(target=run, daemon=True, name="sign-in").start()
    return await done


def _show_code(address: str, code: str, until: datetime) -> None:
    print(
        _say("device-code", address=address, code=code, until=f"{until:%H:%M}"), file=sys.stderr, flush=True
    )


def _sentence(problem: Exception, *, device_code: bool, tenant: str) -> str:
    """What went wrong and what to do; nothing of what the Azure CLI printed but Microsoft's code of it."""
    if isinstance(problem, ServiceRequestError | ServiceResponseError):
        return _say("unreached")
    text = str(problem)
    found = _AADSTS.search(text)
    code = found[1] if found else ""
    login = f"az login --tenant {tenant}" if tenant else "az login"
    if code in _TENANT:
        return _say("tenant", code=f"AADSTS{code}")
    if code in _BLOCKED:
        return _say("blocked", code=f"AADSTS{code}")
    if device_code:
        return _say("device-refused", code=f"AADSTS{code}" if code else type(problem).__name__)
    if code in _AGAIN:
        return _say("expired", code=f"AADSTS{code}", login=login)
    if isinstance(problem, CredentialUnavailableError):
        if "not found on path" in text.lower() or "failed to execute" in text.lower():
            return _say("no-az")
        if isinstance(problem.__cause__, subprocess.TimeoutExpired):
            return _say("az-slow")
        return _say("signed-out", login=login)
    return _say("refused", code=f"AADSTS{code}" if code else type(problem).__name__, login=login)


def _say(which: str, /, **values: str) -> str:
    return texts().text("audit", "sign_in", which, **values)
