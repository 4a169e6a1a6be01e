"""Detail is for the app role Watch.Read, and the door stays shut in every doubt."""

import base64
import json

import azure.functions as func
import pytest

from functions.reporting import health
from shared.settings import load
from shared.watch import parts
from shared.watch.access import Access, access_of, refusal
from tests.settings.good_settings import GOOD

SIGNED_IN = load({**GOOD, "WEBSITE_AUTH_ENABLED": "True"})


def principal(*claims: tuple[str, str], role_typ: str = "roles") -> dict[str, str]:
    body = {
        "auth_typ": "aad",
        "role_typ": role_typ,
        "claims": [{"typ": typ, "val": val} for typ, val in claims],
    }
    return {"X-MS-CLIENT-PRINCIPAL": base64.b64encode(json.dumps(body).encode()).decode()}


def test_a_principal_with_the_role_may_read() -> None:
    assert access_of(principal(("roles", "Watch.Read")), SIGNED_IN) is Access.DETAIL
    schema = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
    assert access_of(principal((schema, "Watch.Read"), role_typ=schema), SIGNED_IN) is Access.DETAIL


def test_the_header_is_not_believed_where_the_platform_does_not_sign_people_in() -> None:
    assert access_of(principal(("roles", "Watch.Read")), load(GOOD)) is Access.WORD


@pytest.mark.parametrize("headers", [{}, {"X-MS-CLIENT-PRINCIPAL": ""}, {"x-watch-key": ""}])
def test_whoever_sends_nothing_to_be_let_in_with_gets_the_word(headers: dict[str, str]) -> None:
    assert access_of(headers, SIGNED_IN) is Access.WORD


@pytest.mark.parametrize(
    "headers",
    [
        {"X-MS-CLIENT-PRINCIPAL": "not base64!"},
        {"X-MS-CLIENT-PRINCIPAL": base64.b64encode(b"not json").decode()},
        {"X-MS-CLIENT-PRINCIPAL": base64.b64encode(b"[]").decode()},
        {"X-MS-CLIENT-PRINCIPAL": base64.b64encode(b'{"x":' + b"[" * 50_000).decode()},
        {"x-watch-key": "guess"},
        principal(("roles", "Watch.Write")),
        principal(("name", "Watch.Read")),
    ],
)
def test_what_does_not_let_in_is_refused_in_words(headers: dict[str, str]) -> None:
    assert access_of(headers, SIGNED_IN) is Access.REFUSED


def test_the_sandbox_key_opens_on_loopback() -> None:
    local = load({**GOOD, "NOTIFICATION_BASE_URL": "http://127.0.0.1:7171", "LOCAL_KEY": "k" * 40})
    assert access_of({"X-Watch-Key": "k" * 40}, local) is Access.DETAIL
    assert access_of({"X-Watch-Key": "k" * 39}, local) is Access.REFUSED


@pytest.mark.parametrize(
    ("language", "begins"), [("en", "What you sent does not entitle you"), ("nl", "Wat u hebt meegestuurd")]
)
async def test_health_answers_a_wrong_key_with_403_and_one_sentence_in_the_language_that_is_set(
    monkeypatch: pytest.MonkeyPatch, language: str, begins: str
) -> None:
    """Before anything is looked at: neither storage nor Graph is there in this test."""

    class Nothing:
        settings = load({**GOOD, "WATCH_LANGUAGE": language})

    monkeypatch.setattr(parts, "current", Nothing)
    request = func.HttpRequest("GET", "/api/health", headers={"X-Watch-Key": "guess"}, body=b"")
    answer = await health.build().get_user_function()(request)
    assert answer.status_code == 403
    body = json.loads(answer.get_body())
    assert body == {"error": refusal(Nothing.settings)}
    assert body["error"].startswith(begins)
    assert "Watch.Read" in body["error"]


@pytest.mark.parametrize("headers", [{"X-Watch-Key": "\udcff"}, {"Authorization": "Basic \udcff"}])
def test_a_key_that_is_no_utf8_is_a_wrong_one_and_no_crash(headers: dict[str, str]) -> None:
    """As a server hands on a header's bytes that it can't decode."""
    local = load({**GOOD, "NOTIFICATION_BASE_URL": "http://127.0.0.1:7171", "LOCAL_KEY": "k" * 40})
    assert access_of(headers, local) is Access.REFUSED
