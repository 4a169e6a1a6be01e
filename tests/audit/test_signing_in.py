"""Signing in as a person: through azure-identity, with a fake `az` and with a twin of the login service."""

import asyncio
import base64
import json
import ssl
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web
from azure.core.credentials import AccessToken
from azure.core.exceptions import AzureError, ServiceRequestError, ServiceResponseError

from admin import sign_in as room
from admin.connection import WrongInput
from admin.sign_in import COMMAND_LINE_TOOLS, SCOPES, SignedIn, sign_in
from sandbox.graph.server import serve
from sandbox.graph.tenant import generate
from tests.audit.people import QUICK, Person, install_az, install_failing_az

SCOPE = "https://graph.microsoft.com/.default"
TENANT = "11111111-2222-4333-8444-555555555555"


async def refused(**how: Any) -> str:
    """The one sentence of a sign-in that fails."""
    with pytest.raises(WrongInput) as found:
        await sign_in(SCOPE, **how)
    [line] = found.value.lines
    return line


async def test_without_the_azure_cli_there_is_another_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert await refused() == (
        "The Azure CLI ('az') is not installed. Install it and run 'az login', or sign in with --device-code."
    )


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("ERROR: Please run 'az login' to setup account.", "Nobody is signed in. Run 'az login --tenant"),
        ("ERROR: AADSTS700082: The refresh token has expired for ada@contoso.example.", "(AADSTS700082)"),
        ("ERROR: AADSTS50076: you must use multi-factor authentication. az login", "(AADSTS50076)"),
        ("ERROR: AADSTS90002: Tenant 'x' not found.", "does not let this sign-in into that tenant"),
        ("ERROR: AADSTS90072: User account 'ada@contoso.example' from identity provider", "into that tenant"),
        ("ERROR: AADSTS53003: Access has been blocked by Conditional Access policies.", "let this sign-in"),
        ("ERROR: AADSTS65001: The user or administrator has not consented.", "Microsoft refused the sign-in"),
        ("ERROR: AADSTS50020: User account 'ada@contoso.example' does not exist.", "(AADSTS50020)"),
        ("Traceback: something of Python", "Microsoft refused the sign-in (ClientAuthenticationError)"),
    ],
)
async def test_what_the_azure_cli_says_becomes_a_sentence_with_the_next_step_and_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, told: str
) -> None:
    monkeypatch.setenv("PATH", f"{install_failing_az(tmp_path / 'bin', said)}:/usr/bin:/bin")
    sentence = await refused(tenant=TENANT)
    assert told in sentence
    assert "az login" in sentence
    assert "ada@" not in sentence


async def test_an_azure_cli_that_does_not_answer_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = install_failing_az(tmp_path / "bin", "")
    (folder / "az").write_text("#!/bin/sh\nexec sleep 30\n")
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(room, "_AZ_SECONDS", 0.2)
    assert "did not answer in time" in await refused()


async def test_what_is_no_tenant_is_told_before_anybody_is_asked() -> None:
    assert await refused(tenant="no tenant; rm -rf") == (
        "'no tenant; rm -rf' is neither a tenant's id nor its domain. Correct --tenant."
    )


@pytest.mark.real
async def test_a_token_is_kept_until_shortly_before_it_runs_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await serve(generate(40, rates=QUICK)) as running:
        monkeypatch.setenv("PATH", f"{install_az(tmp_path / 'bin', running)}:/usr/bin:/bin")
        async with await sign_in(SCOPE) as person:
            assert (await person.get_token(SCOPE)).token.count(".") == 2
        asked = Person(running)
        kept = SignedIn(asked)
        await asyncio.gather(*(kept.get_token(SCOPE, enable_cae=True) for _ in range(20)))
        assert asked.asked == 1
        await kept.get_token(SCOPE, claims="{}")
        assert asked.asked == 2

        class Short(Person):
            async def get_token(self, *scopes: str, **more: Any) -> AccessToken:
                token = await super().get_token(*scopes, **more)
                return AccessToken(token.token, int(time.time()) + 200)

        short = Short(running)
        kept = SignedIn(short)
        await kept.get_token(SCOPE)
        await kept.get_token(SCOPE)
        assert short.asked == 2


class Login:
    """A twin of the login service: gives a code, and a token when it is asked for the third time."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.refuses = ""
        self.patience = 4
        self.url = ""

    async def discover(self, request: web.Request) -> web.Response:
        root = f"{self.url}/{request.match_info['tenant']}"
        return web.json_response(
            {
                "issuer": f"{root}/v2.0",
                "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
                "token_endpoint": f"{root}/oauth2/v2.0/token",
                "device_authorization_endpoint": f"{root}/oauth2/v2.0/devicecode",
            }
        )

    async def code(self, request: web.Request) -> web.Response:
        self.asked.append({name: str(value) for name, value in (await request.post()).items()})
        body = {
            "user_code": "ABCD1234",
            "device_code": "device",
            "verification_uri": "https://microsoft.example/device",
            "expires_in": 900,
            "interval": 0,
            "message": "…",
        }
        return web.json_response(body)

    async def token(self, request: web.Request) -> web.Response:
        self.asked.append({name: str(value) for name, value in (await request.post()).items()})
        if self.refuses:
            error = {"error": "access_denied", "error_description": self.refuses, "error_codes": [65004]}
            return web.json_response(error, status=400)
        if len(self.asked) < self.patience:
            return web.json_response({"error": "authorization_pending"}, status=400)
        now = int(datetime.now(UTC).timestamp())
        claims = {
            "aud": COMMAND_LINE_TOOLS,
            "iss": f"{self.url}/{TENANT}/v2.0",
            "sub": "s",
            "oid": TENANT,
            "tid": TENANT,
            "preferred_username": "ada@contoso.example",
            "iat": now,
            "exp": now + 3600,
        }
        body = {
            "token_type": "Bearer",
            "scope": self.asked[0]["scope"],
            "expires_in": 3600,
            "access_token": "of-ada",
            "id_token": f"{part({'alg': 'none'})}.{part(claims)}.",
            "client_info": part({"uid": TENANT, "utid": TENANT}),
        }
        return web.json_response(body)


def part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.fixture
async def login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Login]:
    authority = trustme.CA()
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    made = Login()
    app = web.Application()
    app.router.add_get("/{tenant}/v2.0/.well-known/openid-configuration", made.discover)
    app.router.add_post("/{tenant}/oauth2/v2.0/devicecode", made.code)
    app.router.add_post("/{tenant}/oauth2/v2.0/token", made.token)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    await web.TCPSite(runner, "localhost", 0, ssl_context=context).start()
    made.url = f"https://localhost:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


async def test_a_code_asks_for_permission_to_read_and_nothing_else(
    login: Login, capsys: pytest.CaptureFixture[str]
) -> None:
    async with await sign_in(SCOPE, device_code=True, tenant=TENANT, authority=login.url) as person:
        assert (await person.get_token(SCOPE)).token == "of-ada"
    said = capsys.readouterr()
    assert "Open https://microsoft.example/device in a browser and type the code ABCD1234" in said.err
    assert said.out == ""
    first = login.asked[0]
    assert first["client_id"] == COMMAND_LINE_TOOLS
    asked = {one for one in first["scope"].split() if "/" in one}
    assert asked == {f"https://graph.microsoft.com/{name}" for name in SCOPES}
    assert all(name.endswith(".Read.All") for name in SCOPES)


async def test_a_code_asks_for_the_directory_only_where_its_log_is_read(login: Login) -> None:
    how: dict[str, Any] = {"device_code": True, "tenant": TENANT, "authority": login.url}
    async with await sign_in(SCOPE, audit_log=True, **how):
        pass
    asked = {one.rsplit("/", 1)[1] for one in login.asked[0]["scope"].split() if "/" in one}
    assert asked == {*SCOPES, "Directory.Read.All"}


async def test_a_code_that_a_policy_forbids_is_told_so_and_not_to_be_typed_again(login: Login) -> None:
    login.refuses = "AADSTS53003: Access has been blocked by Conditional Access policies."
    sentence = await refused(device_code=True, tenant=TENANT, authority=login.url)
    assert "Conditional Access" in sentence
    assert "type the code" not in sentence


@pytest.mark.parametrize("problem", [ServiceResponseError("broken"), ServiceRequestError("no route")])
async def test_a_network_that_breaks_off_is_a_sentence_too(
    monkeypatch: pytest.MonkeyPatch, problem: AzureError
) -> None:
    def broken(*_: Any, **__: Any) -> AccessToken:
        raise problem

    monkeypatch.setattr("azure.identity.AzureCliCredential.get_token", broken)
    assert "could not be reached" in await refused()


async def test_a_code_that_is_refused_is_told_with_microsofts_code_of_it(login: Login) -> None:
    login.refuses = "AADSTS65004: User ada@contoso.example declined to consent."
    sentence = await refused(device_code=True, tenant=TENANT, authority=login.url)
    assert "(AADSTS65004)" in sentence
    assert "ada@" not in sentence


async def test_a_code_that_nobody_types_does_not_hold_up_whoever_gives_up(login: Login) -> None:
    login.patience = 1_000_000
    waiting = asyncio.ensure_future(sign_in(SCOPE, device_code=True, tenant=TENANT, authority=login.url))
    async with asyncio.timeout(10):
        while not login.asked:  # noqa: ASYNC110  # until the twin gave a code
            await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
