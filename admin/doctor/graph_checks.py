"""Signing in to Graph, as the app or as a person, and whether it is the tenant of the settings."""

import asyncio
from collections.abc import Sequence
from typing import Any

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError
from azure.identity import CredentialUnavailableError

from admin.doctor.lights import Said
from admin.doctor.room import PATIENCE, Room
from admin.sign_in import azure_cli
from shared.graph.errors import Forbidden
from shared.graph.pages import Wire, all_rows
from shared.graph.principals import claims_of
from shared.graph.session import GraphSession, Query, asking

IDENTITY_WITHIN = 22.0
"""Seconds for a token."""
CLI_SECONDS = 20
"""Of these, for the Azure CLI, which takes some to start."""


async def sign_in(room: Room) -> Sequence[Said]:
    """Ask for a token; it is what says who we are and what we may."""
    credential = _credential(room)
    room.credentials.append(credential)
    try:
        async with asyncio.timeout(IDENTITY_WITHIN):
            token = await credential.get_token(room.settings.graph.scope)
    except (AzureError, TimeoutError) as problem:
        if room.asked.as_me:
            return [Said("signed-out")]
        if isinstance(problem, CredentialUnavailableError | TimeoutError):
            # Where there is no managed identity its address may not answer at all.
            return [Said("no-identity")]
        return [Said("refused", {"problem": type(problem).__name__})]
    room.claims = claims_of(token.token)
    room.session = GraphSession(room.settings.graph, credential=credential, patience=PATIENCE)
    return [Said("person" if room.asked.as_me else "app", {"app": room.claims.app_id})]


def _credential(room: Room) -> AsyncTokenCredential:
    from azure.identity.aio import ManagedIdentityCredential

    if room.asked.as_me:
        return azure_cli(room.settings.tenant_id, CLI_SECONDS)
    # An identity endpoint is on this machine: a proxy of the environment must not see it.
    return ManagedIdentityCredential(
        client_id=room.settings.graph.client_id or None, use_env_settings=False, retry_total=0
    )


class _Organization(Wire):
    id: str


async def tenant(room: Room) -> Sequence[Said]:
    """Token and answer must both be of the tenant that the settings name."""
    wanted, token = room.settings.tenant_id, room.claims.tenant_id.lower()
    if token and token != wanted:
        return [Said("other", {"wanted": wanted, "found": token})]
    builder: Any = room.graph.client.organization
    request = builder.to_get_request_information(asking(Query(select=["id"])))
    try:
        found = [row.id.lower() for row in await all_rows(room.graph, request, _Organization)]
    except Forbidden:
        # What is missing stands with the permissions; the token itself says whose it is.
        return [Said("by-token", {"tenant": wanted}) if token else Said("unseen")]
    if found != [wanted]:
        return [Said("other", {"wanted": wanted, "found": ", ".join(found[:1])})]
    return [Said("ok", {"tenant": wanted})]
