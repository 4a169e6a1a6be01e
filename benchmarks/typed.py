"""A process that reads users as the SDK's documentation has it: typed models, page after page.

`python -m benchmarks.typed <users>` with the app's own environment; prints users, CPU seconds, seconds.
"""

import asyncio
import os
import sys
import time

import httpx
import msgspec
from azure.identity.aio import ManagedIdentityCredential
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_authentication_azure.azure_identity_authentication_provider import (
    AzureIdentityAuthenticationProvider,
)
from msgraph.generated.users.users_request_builder import UsersRequestBuilder
from msgraph.graph_request_adapter import GraphRequestAdapter
from msgraph.graph_service_client import GraphServiceClient
from msgraph_core import GraphClientFactory  # type: ignore[import-untyped]  # it ships no type information

from benchmarks.spent import Spent
from shared.graph.users import PAGE
from shared.model import USER_SELECT


async def read(sample: int) -> Spent:
    """Read that many users, or all if there are fewer."""
    credential = ManagedIdentityCredential(client_id=os.environ["AZURE_CLIENT_ID"], use_env_settings=False)
    provider = AzureIdentityAuthenticationProvider(
        credential, scopes=["https://graph.microsoft.com/.default"], allowed_hosts=["127.0.0.1"]
    )
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        adapter = GraphRequestAdapter(
            provider, client=GraphClientFactory.create_with_default_middleware(client=http)
        )
        adapter.base_url = os.environ["GRAPH_BASE_URL"]
        client = GraphServiceClient(request_adapter=adapter)
        parameters = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(
            select=list(USER_SELECT), top=PAGE
        )
        asking = RequestConfiguration(query_parameters=parameters)
        # The first user brings in a thousand modules; that is paid before the clock starts.
        one = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(select=list(USER_SELECT), top=1)
        await client.users.get(request_configuration=RequestConfiguration(query_parameters=one))
        begun, cpu = time.monotonic(), time.process_time()
        users = 0
        page = await client.users.get(request_configuration=asking)
        while page is not None:
            users += sum(1 for user in page.value or () if user.id)
            if users >= sample or not page.odata_next_link:
                break
            page = await client.users.with_url(page.odata_next_link).get()
        spent = Spent(users=users, cpu=time.process_time() - cpu, seconds=time.monotonic() - begun)
    await credential.close()
    return spent


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(read(int(sys.argv[1])))))
