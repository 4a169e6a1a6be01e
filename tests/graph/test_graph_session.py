"""One call: what goes out, what comes back, whose token it carries, and which links it follows."""

import logging

import pytest

from shared.graph.errors import (
    Conflict,
    Forbidden,
    Gone410,
    GraphError,
    LinkError,
    NotFound,
    Unauthorized,
    Unavailable,
)
from shared.graph.session import GraphSession, Query, asking, unhurried
from shared.settings import GraphSettings
from tests.graph.stub_graph import ANY, AT, TENANT, Bench, Reply, ask, error


async def test_the_answer_is_status_headers_and_bytes_with_the_time_of_asking(at_bench: Bench) -> None:
    at_bench.stub.replies = [Reply(b'{"value": [1]}', headers={"X-Ms-Resource-Unit": "3"})]
    answer = await ask(at_bench)
    assert (answer.status, answer.body, answer.asked_at) == (200, b'{"value": [1]}', AT)
    assert answer.headers["x-ms-resource-unit"] == "3"


async def test_a_call_carries_the_token_of_the_public_graph_and_asks_for_json(at_bench: Bench) -> None:
    at_bench.stub.replies = [ANY]
    await ask(at_bench)
    assert at_bench.credential.scopes == [("https://graph.microsoft.com/.default",)]
    seen = at_bench.stub.seen[0]
    assert (seen.target, seen.headers["authorization"]) == ("/v1.0/subscribedSkus", "Bearer token-1")
    assert seen.headers["accept"] == "application/json"


async def test_query_options_reach_the_url_encoded(at_bench: Bench) -> None:
    at_bench.stub.replies = [ANY]
    query = Query(select=["id", "displayName"], filter="a/$count ne 0", count=True, top=5)
    groups = at_bench.session.client.groups
    await at_bench.session.send(groups.to_get_request_information(asking(query, eventual=True)))
    seen = at_bench.stub.seen[0]
    assert (
        seen.target == "/v1.0/groups?$count=true&$filter=a%2F%24count%20ne%200&$select=id,displayName&$top=5"
    )
    assert seen.headers["consistencylevel"] == "eventual"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, GraphError),
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (501, Unavailable),
    ],
)
async def test_a_refusal_is_told_by_its_kind_and_asked_once(
    at_bench: Bench, status: int, kind: type[GraphError]
) -> None:
    at_bench.stub.replies = [error(status, "Some_Code", request_id="req-1")]
    with pytest.raises(GraphError) as caught:
        await ask(at_bench)
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.code, caught.value.request_id) == (status, "Some_Code", "req-1")
    assert len(at_bench.stub.seen) == 1


async def test_an_error_says_nothing_of_the_text_that_graph_sent(at_bench: Bench) -> None:
    at_bench.stub.replies = [error(403, "<b>ada@contoso.com</b>")]
    with pytest.raises(Forbidden) as caught:
        await ask(at_bench)
    assert "ada" not in str(caught.value)
    assert "ada" not in repr(caught.value)
    assert str(caught.value) == "Forbidden: Graph 403"


async def test_a_tenant_without_premium_is_told_from_a_missing_permission(at_bench: Bench) -> None:
    at_bench.stub.replies = [
        error(403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant"),
        error(403, "Authorization_RequestDenied"),
    ]
    answers = []
    for _ in range(2):
        with pytest.raises(Forbidden) as caught:
            await ask(at_bench)
        answers.append(caught.value.not_premium)
    assert answers == [True, False]


async def test_the_link_that_a_410_proposes_is_not_followed(at_bench: Bench) -> None:
    link = f"{at_bench.stub.base_url}/users/delta?$deltatoken="
    at_bench.stub.replies = [error(410, "resyncRequired", location=link)]
    with pytest.raises(Gone410):
        await ask(at_bench)
    assert len(at_bench.stub.seen) == 1


@pytest.mark.parametrize("code", ["syncStateNotFound", "Directory_ExpiredPageToken"])
async def test_a_forgotten_page_or_delta_token_is_gone_whatever_its_status(
    at_bench: Bench, code: str
) -> None:
    at_bench.stub.replies = [error(400, code)]
    with pytest.raises(Gone410):
        await ask(at_bench)


async def test_a_redirect_is_not_followed(at_bench: Bench) -> None:
    at_bench.stub.replies = [
        Reply(b"", status=302, headers={"Location": "http://127.0.0.1:9/elsewhere"}),
        ANY,
    ]
    with pytest.raises(Unavailable):
        await ask(at_bench)
    assert len(at_bench.stub.seen) == 1


# --- identity ---------------------------------------------------------------------------------------------


async def test_a_claims_challenge_is_answered_once_with_a_new_token(at_bench: Bench) -> None:
    challenge = 'Bearer realm="", error="insufficient_claims", claims="eyJhIjogMX0="'
    refused = Reply(b"", status=401, headers={"WWW-Authenticate": challenge})
    at_bench.stub.replies = [refused, ANY]
    assert (await ask(at_bench)).status == 200
    assert at_bench.credential.claims == [None, '{"a": 1}']
    at_bench.stub.replies = [refused, refused, ANY]
    with pytest.raises(Unauthorized):
        await ask(at_bench)


async def test_each_attempt_takes_the_token_of_its_time(at_bench: Bench) -> None:
    at_bench.stub.replies = [error(503, "ServiceUnavailable"), ANY]
    await ask(at_bench)
    tokens = [seen.headers["authorization"] for seen in at_bench.stub.seen]
    assert tokens == ["Bearer token-1", "Bearer token-2"]


async def test_the_managed_identity_credential_works_against_an_endpoint_on_loopback(
    at_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{at_bench.stub.origin}/identity")
    monkeypatch.setenv("IDENTITY_HEADER", "well-known")
    settings = GraphSettings(base_url=at_bench.stub.base_url, tenant_id=TENANT, client_id="the-client")
    at_bench.stub.replies = [
        Reply(
            {
                "access_token": "from-identity",
                "expires_on": "4000000000",
                "resource": "https://graph.microsoft.com",
                "token_type": "Bearer",
            }
        ),
        ANY,
    ]
    session = GraphSession(settings)
    try:
        await session.send(session.client.subscribed_skus.to_get_request_information(asking()))
    finally:
        await session.aclose()
    identity, graph = at_bench.stub.seen
    assert "resource=https%3A%2F%2Fgraph.microsoft.com" in identity.target or (
        "resource=https://graph.microsoft.com" in identity.target
    )
    assert "client_id=the-client" in identity.target
    assert identity.headers["x-identity-header"] == "well-known"
    assert graph.headers["authorization"] == "Bearer from-identity"


async def test_an_identity_that_gives_no_token_is_unauthorized(
    at_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{at_bench.stub.origin}/identity")
    monkeypatch.setenv("IDENTITY_HEADER", "well-known")
    at_bench.stub.replies = [Reply({"statusCode": 400, "message": "no identity"}, status=400)]
    session = GraphSession(GraphSettings(base_url=at_bench.stub.base_url, tenant_id=TENANT))
    try:
        with pytest.raises(Unauthorized) as caught:
            await session.send(session.client.subscribed_skus.to_get_request_information(asking()))
    finally:
        await session.aclose()
    assert caught.value.code.startswith("identity-")


# --- links ------------------------------------------------------------------------------------------------


async def test_a_link_is_sent_as_it_is(at_bench: Bench) -> None:
    at_bench.stub.replies = [ANY]
    link = f"{at_bench.stub.base_url}/users?$select=id&$skiptoken=a%2Fb%24c%3D%3D~x.y'z'"
    await at_bench.session.send(at_bench.session.follow(link))
    assert at_bench.stub.origin + at_bench.stub.seen[0].target == link


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/v1.0/users?$skiptoken=x",
        "http://127.0.0.1:1/v1.0/users",
        "https://127.0.0.1/v1.0/users",
        "http://user:secret@127.0.0.1/v1.0/users",
        "//evil.example/v1.0/users",
        "/v1.0/users?$skiptoken=x",
        "http://127.0.0.1\\@evil.example/v1.0",
        "http://127.0.0.1:port/v1.0/users",
        "http://[::1/v1.0",
        "",
    ],
)
async def test_a_link_that_leads_away_is_refused_and_gets_no_token(at_bench: Bench, link: str) -> None:
    with pytest.raises(LinkError):
        at_bench.session.follow(link)
    raw = at_bench.session.client.users.with_url(link or "x").to_get_request_information()
    with pytest.raises(LinkError):
        await at_bench.session.send(raw)
    assert at_bench.credential.scopes == []


async def test_a_link_that_only_begins_like_ours_is_refused(at_bench: Bench) -> None:
    for trick in ("@evil.example/", ".evil.example/", " @evil.example/", "0/", "\\@evil.example/"):
        with pytest.raises(LinkError):
            at_bench.session.follow(at_bench.stub.origin + trick)
    with pytest.raises(LinkError):
        at_bench.session.follow(at_bench.stub.base_url.replace("http://", "http://user:secret@"))


@pytest.mark.parametrize("odd", [" ", "\t", "\n", "\r", "\x00", "\\"], ids=repr)
async def test_a_link_that_parsers_read_differently_is_refused(at_bench: Bench, odd: str) -> None:
    with pytest.raises(LinkError):
        at_bench.session.follow(f"{at_bench.stub.base_url}/users?$skiptoken=x{odd}y")


# --- settings ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://graph.microsoft.com/v1.0",
        "ftp://127.0.0.1",
        "https://",
        "https://u:p@h/v1.0",
        "https://h/v1.0?a=b",
    ],
)
def test_a_base_url_that_could_leak_a_token_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        GraphSettings(base_url=url, tenant_id=TENANT)


@pytest.mark.parametrize(
    ("url", "scope"),
    [
        ("https://graph.microsoft.com/v1.0", "https://graph.microsoft.com/.default"),
        ("https://graph.microsoft.us/v1.0", "https://graph.microsoft.us/.default"),
        ("http://localhost:8080/v1.0", "https://graph.microsoft.com/.default"),
    ],
)
def test_the_scope_is_that_of_the_cloud(url: str, scope: str) -> None:
    assert GraphSettings(base_url=url, tenant_id=TENANT).scope == scope


async def test_no_log_line_of_ours_holds_a_token(at_bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    at_bench.stub.replies = [error(503, "ServiceUnavailable"), ANY]
    with caplog.at_level(logging.DEBUG):
        await ask(at_bench)
    assert "token-1" not in caplog.text


@pytest.mark.parametrize(("units", "waits"), [({"x-ms-resource-unit": "1"}, True), ({}, False)])
async def test_what_can_wait_leaves_the_rest_of_the_directorys_budget_to_what_cannot(
    at_bench: Bench, units: dict[str, str], waits: bool
) -> None:
    told = {"x-ms-throttle-limit-percentage": "0.95", **units}
    at_bench.stub.replies = [Reply({"value": []}, headers=told), ANY, ANY]
    skus = at_bench.session.client.subscribed_skus
    await at_bench.session.send(skus.to_get_request_information(asking()))
    await at_bench.session.send(skus.to_get_request_information(asking()))
    assert at_bench.hours.slept == []
    await at_bench.session.send(unhurried(skus.to_get_request_information(asking())))
    # A share without units is that of another limit, which has a pace of its own.
    assert bool(at_bench.hours.slept) is waits
