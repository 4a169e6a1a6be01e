"""A process that reads users as the SDK's documentation has it: typed models, one way or another.

`python -m benchmarks.typed paging|iterator|one <users> [<users a page>]` with the app's own environment;
prints users, CPU seconds, seconds. `paging` follows the next links, `iterator` lets the SDK's PageIterator do
so, `one` asks for each user by itself.
"""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
from azure.identity.aio import ManagedIdentityCredential
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_authentication_azure.azure_identity_authentication_provider import (
    AzureIdentityAuthenticationProvider,
)
from msgraph.generated.users.item.user_item_request_builder import UserItemRequestBuilder
from msgraph.generated.users.users_request_builder import UsersRequestBuilder
from msgraph.graph_request_adapter import GraphRequestAdapter
from msgraph.graph_service_client import GraphServiceClient
from msgraph_core import (  # type: ignore[import-untyped]  # it ships no type information
    GraphClientFactory,
    PageIterator,
)

from benchmarks.spent import Spent
from shared.graph.users import PAGE
from shared.model import USER_SELECT


async def read(way: str, sample: int, page: int = PAGE) -> Spent:
    """Read that many users, or all if there are fewer. Raises `KeyError` for a way that there isn't."""
    ways = {"paging": _paging, "iterator": _iterator, "one": _one_by_one}
    async with _client() as (client, adapter):
        # The first user brings in a thousand modules; that is paid before the clock starts.
        first = await client.users.get(request_configuration=_asking(sample if way == "one" else 1))
        ids = [user.id for user in first.value or ()]
        begun, cpu = time.monotonic(), time.process_time()
        users = await ways[way](client, adapter, sample, page, ids)
        return Spent(users=users, cpu=time.process_time() - cpu, seconds=time.monotonic() - begun)


async def _paging(client: Any, _: Any, sample: int, top: int, __: list[str]) -> int:
    users = 0
    page = await client.users.get(request_configuration=_asking(top))
    while page is not None:
        users += sum(1 for user in page.value or () if user.id)
        if users >= sample or not page.odata_next_link:
            break
        page = await client.users.with_url(page.odata_next_link).get()
    return users


async def _iterator(client: Any, adapter: Any, sample: int, top: int, _: list[str]) -> int:
    users = 0

    def told(user: Any) -> bool:
        nonlocal users
        users += bool(user.id)
        return users < sample

    page = await client.users.get(request_configuration=_asking(top))
    await PageIterator(page, adapter).iterate(told)
    return users


async def _one_by_one(client: Any, _: Any, sample: int, __: int, ids: list[str]) -> int:
    parameters = UserItemRequestBuilder.UserItemRequestBuilderGetQueryParameters(select=list(USER_SELECT))
    asking = RequestConfiguration(query_parameters=parameters)
    users = 0
    for user_id in ids[:sample]:
        user = await client.users.by_user_id(user_id).get(request_configuration=asking)
        users += bool(user.id)
    return users


def _asking(top: int) -> Any:
    parameters = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(select=list(USER_SELECT), top=top)
    return RequestConfiguration(query_parameters=parameters)


@contextlib.asynccontextmanager
async def _client() -> AsyncIterator[tuple[Any, Any]]:
    credential = ManagedIdentityCredential(client_id=os.environ["AZURE_CLIENT_ID"], use_env_settings=False)
    provider = AzureIdentityAuthenticationProvider(
        credential, scopes=["https://graph.microsoft.com/.default"], allowed_hosts=["127.0.0.1"]
    )
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        adapter = GraphRequestAdapter(
            provider, client=GraphClientFactory.create_with_default_middleware(client=http)
        )
        adapter.base_url = os.environ["GRAPH_BASE_URL"]
        yield GraphServiceClient(request_adapter=adapter), adapter
    await credential.close()


if __name__ == "__main__":
    _way, *_numbers = sys.argv[1:]
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(read(_way, *map(int, _numbers)))))
