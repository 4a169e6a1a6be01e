"""What requests are called in metrics: as in the table of permissions, with nothing of anybody in it."""

import json
from pathlib import Path
from typing import Any

import pytest
from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation

from shared.graph.called import call_of, status_class

TABLE = Path(__file__).resolve().parents[2] / "shared" / "graph" / "permissions.json"
BASE = "https://graph.microsoft.com/v1.0"
ONE = "0b6e9f7a-6d0f-4a53-9a3e-000000000001"

TEMPLATES = {
    "{+baseurl}/users{?%24count,%24expand,%24filter,%24select,%24top}": "GET /users",
    "{+baseurl}/users/$count{?%24filter,%24search}": "GET /users/$count",
    "{+baseurl}/users/{user%2Did}{?%24expand,%24select}": "GET /users/{id}",
    "{+baseurl}/groups/{group%2Did}/members/graph.group{?%24count}": "GET /groups/{id}/members/{cast}",
    "{+baseurl}/$batch": "GET /$batch",
    "{+baseurl}/users/delta(){?%24select}": "GET /users/delta",
    "{+baseurl}/subscriptions/{subscription%2Did}{?%24select}": "GET /subscriptions/{id}",
}
LINKS = {
    f"{BASE}/users/delta?$deltatoken=secret-token": "GET /users/delta",
    f"{BASE}/users/delta()?$skiptoken=secret-token": "GET /users/delta",
    f"{BASE}/users?$skiptoken=secret-token&$top=999": "GET /users",
    f"{BASE}/groups/{ONE}/members?$skiptoken=x": "GET /groups/{id}/members",
    f"{BASE}/groups/{ONE}/members/microsoft.graph.group?$top=5": "GET /groups/{id}/members/{cast}",
    f"{BASE}/users/ada.lovelace%40contoso.com": "GET /users/{id}",
    f"{BASE}/users/ada@contoso.com/memberOf": "GET /users/{id}/memberOf",
    f"{BASE}/servicePrincipals(appId='{ONE}')": "GET /servicePrincipals({id})",
    f"{BASE}/groups('{ONE}')/members": "GET /groups({id})/members",
}


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_request_of_a_builder_is_called_by_its_template(template: str) -> None:
    request = RequestInformation(Method.GET, template, {"baseurl": BASE, "user%2Did": ONE})
    assert call_of(request) == TEMPLATES[template]


@pytest.mark.parametrize("link", LINKS)
def test_a_link_is_called_without_its_ids_and_tokens(link: str) -> None:
    request = RequestInformation(Method.GET)
    request.url = link
    assert call_of(request) == LINKS[link]


def test_calls_have_the_names_that_the_table_of_permissions_gives_them() -> None:
    rows: list[dict[str, Any]] = json.loads(TABLE.read_text())["permissions"]
    known = {call for row in rows for call in row["calls"]}
    used = {*TEMPLATES.values(), "GET /groups/{id}/members"} - {"GET /$batch"}
    assert used <= known


@pytest.mark.parametrize(
    ("status", "named"),
    [(200, "2xx"), (204, "2xx"), (404, "4xx"), (429, "429"), (503, "5xx"), (None, "none")],
)
def test_statuses_are_told_by_class(status: int | None, named: str) -> None:
    assert status_class(status) == named
