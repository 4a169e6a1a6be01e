"""Detail is for the app role Watch.Read, and the door stays shut in every doubt."""

import base64
import json

import pytest

from shared.settings import load
from shared.watch.access import may_read
from tests.test_settings import GOOD

SIGNED_IN = load({**GOOD, "WEBSITE_AUTH_ENABLED": "True"})


def principal(*claims: tuple[str, str], role_typ: str = "roles") -> dict[str, str]:
    body = {
        "auth_typ": "aad",
        "role_typ": role_typ,
        "claims": [{"typ": typ, "val": val} for typ, val in claims],
    }
    return {"X-MS-CLIENT-PRINCIPAL": base64.b64encode(json.dumps(body).encode()).decode()}


def test_a_principal_with_the_role_may_read() -> None:
    assert may_read(principal(("roles", "Watch.Read")), SIGNED_IN)
    schema = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
    assert may_read(principal((schema, "Watch.Read"), role_typ=schema), SIGNED_IN)


def test_the_header_is_not_believed_where_the_platform_does_not_sign_people_in() -> None:
    assert not may_read(principal(("roles", "Watch.Read")), load(GOOD))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-MS-CLIENT-PRINCIPAL": ""},
        {"X-MS-CLIENT-PRINCIPAL": "not base64!"},
        {"X-MS-CLIENT-PRINCIPAL": base64.b64encode(b"not json").decode()},
        {"X-MS-CLIENT-PRINCIPAL": base64.b64encode(b"[]").decode()},
        {"x-watch-key": ""},
        {"x-watch-key": "guess"},
        principal(("roles", "Watch.Write")),
        principal(("name", "Watch.Read")),
    ],
)
def test_anything_else_is_refused(headers: dict[str, str]) -> None:
    assert not may_read(headers, SIGNED_IN)


def test_the_sandbox_key_opens_on_loopback() -> None:
    local = load({**GOOD, "NOTIFICATION_BASE_URL": "http://127.0.0.1:7171", "LOCAL_KEY": "k" * 40})
    assert may_read({"X-Watch-Key": "k" * 40}, local)
    assert not may_read({"X-Watch-Key": "k" * 39}, local)
