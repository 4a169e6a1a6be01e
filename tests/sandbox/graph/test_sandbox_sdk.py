"""The real managed-identity credential and the real msgraph-sdk, in bytes mode, against the simulator."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import httpx
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity.aio import ManagedIdentityCredential
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.method import Method
from kiota_abstractions.native_response_handler import NativeResponseHandler
from kiota_abstractions.request_information import RequestInformation
from kiota_authentication_azure.azure_identity_authentication_provider import (
    AzureIdentityAuthenticationProvider,
)
from kiota_http.middleware.options import ResponseHandlerOption
from msgraph.graph_request_adapter import GraphRequestAdapter
from msgraph.graph_service_client import GraphServiceClient

from sandbox.graph.server import Running

GRAPH_SCOPE = "https://graph.microsoft.com/.default"

# The SDK warns of classes that its own builders define; nothing here uses them.
pytestmark = pytest.mark.filterwarnings(
    "ignore:This class is deprecated:DeprecationWarning",
    "ignore:GetQueryParameters is deprecated:DeprecationWarning",
)


@pytest.fixture
async def credential(
    graph: Running, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ManagedIdentityCredential]:
    """The credential as an app on App Service makes it."""
    for name, value in graph.environment.items():
        monkeypatch.setenv(name, value)
    held = ManagedIdentityCredential(client_id=graph.world.app_id)
    yield held
    await held.close()


@pytest.fixture
async def client(graph: Running, credential: ManagedIdentityCredential) -> AsyncIterator["Sdk"]:
    """The SDK, without HTTP/2."""
    auth = AzureIdentityAuthenticationProvider(credential, scopes=[GRAPH_SCOPE], allowed_hosts=["127.0.0.1"])
    async with httpx.AsyncClient(base_url=graph.graph_url, trust_env=False) as http:
        adapter = GraphRequestAdapter(auth, client=http)
        adapter.base_url = graph.graph_url
        yield Sdk(adapter)


@dataclass
class Counted:
    """`$count=true`, as the SDK's own query classes write it."""

    count: bool = True

    def get_query_parameter(self, name: str) -> str:
        return f"%24{name}"


class Sdk:
    """Sends what the SDK's builders make, and gives the plain answer."""

    def __init__(self, adapter: GraphRequestAdapter) -> None:
        self._adapter = adapter
        self.build: Any = GraphServiceClient(request_adapter=adapter)

    async def send(self, information: RequestInformation) -> httpx.Response:
        information.add_request_options([ResponseHandlerOption(NativeResponseHandler())])
        answer: Any = await self._adapter.send_primitive_async(information, "bytes", {})
        assert isinstance(answer, httpx.Response)
        return answer


async def test_the_managed_identity_credential_gets_a_token_with_the_apps_roles(
    graph: Running, credential: ManagedIdentityCredential
) -> None:
    token = await credential.get_token(GRAPH_SCOPE)
    assert token.expires_on > graph.world.now().timestamp()
    headers = {"Authorization": f"Bearer {token.token}"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{graph.graph_url}/users", headers=headers) as r,
    ):
        assert r.status == 200


async def test_a_wrong_header_is_401_and_an_unknown_client_400(
    graph: Running, credential: ManagedIdentityCredential, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with aiohttp.ClientSession() as session:
        for header, query, status in (
            ("wrong", {"api-version": "2019-08-01", "resource": "https://graph.microsoft.com"}, 401),
            (graph.identity_secret, {"api-version": "2019-08-01"}, 400),
            (graph.identity_secret, {"api-version": "2017-09-01", "resource": "https://x"}, 400),
        ):
            url, sent = graph.environment["IDENTITY_ENDPOINT"], {"X-IDENTITY-HEADER": header}
            async with session.get(url, params=query, headers=sent) as response:
                assert response.status == status
    async with ManagedIdentityCredential(client_id="11111111-1111-1111-1111-111111111111") as stranger:
        with pytest.raises(ClientAuthenticationError):
            await stranger.get_token(GRAPH_SCOPE)


async def test_the_sdk_reads_users_with_its_encoded_options_and_follows_links(
    graph: Running, client: Sdk
) -> None:
    from msgraph.generated.users.users_request_builder import UsersRequestBuilder

    query: Any = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(
        select=["id", "assignedLicenses"], top=200
    )
    builder = client.build.users
    answer = await client.send(
        builder.to_get_request_information(RequestConfiguration(query_parameters=query))
    )
    page = json.loads(answer.content)
    seen = len(page["value"])
    assert page["value"][0].keys() == {"id", "assignedLicenses"}
    answer = await client.send(builder.with_url(page["@odata.nextLink"]).to_get_request_information())
    assert seen + len(json.loads(answer.content)["value"]) == 300


async def test_the_sdk_reaches_every_resource_the_watch_reads(graph: Running, client: Sdk) -> None:
    group = graph.world.cast["group_m365_e3"]
    user = graph.world.cast["admin"]
    by_group = client.build.groups.by_group_id(group)
    for builder in (
        client.build.users.by_user_id(user),
        client.build.subscribed_skus,
        client.build.directory.subscriptions,
        client.build.organization,
        client.build.groups,
        by_group,
        by_group.members,
        by_group.transitive_members,
        by_group.members_with_license_errors,
        client.build.reports.authentication_methods.user_registration_details,
        client.build.policies.authorization_policy,
        client.build.subscriptions,
    ):
        answer = await client.send(builder.to_get_request_information())
        assert answer.status_code == 200, answer.content
    delta = f"{graph.graph_url}/users/delta()?$deltatoken=latest"
    latest = await client.send(client.build.users.delta.with_url(delta).to_get_request_information())
    assert "@odata.deltaLink" in json.loads(latest.content)
    cast = by_group.transitive_members.graph_user.to_get_request_information(
        RequestConfiguration(query_parameters=Counted())
    )
    cast.headers.add("ConsistencyLevel", "eventual")
    assert json.loads((await client.send(cast)).content)["@odata.count"] == len(
        graph.world.groups[group].members
    )
    count = client.build.users.count.to_get_request_information()
    count.headers.add("ConsistencyLevel", "eventual")
    assert (await client.send(count)).text == "300"


async def test_the_sdk_sends_a_batch(graph: Running, client: Sdk) -> None:
    ids = sorted(graph.world.users)[:20]
    rows = [{"id": i, "method": "GET", "url": f"/users/{i}?$select=id"} for i in ids]
    information = RequestInformation(Method.POST, "{+baseurl}/$batch", {})
    information.set_stream_content(json.dumps({"requests": rows}).encode(), "application/json")
    answer = await client.send(information)
    assert {r["id"]: r["status"] for r in json.loads(answer.content)["responses"]} == dict.fromkeys(ids, 200)
