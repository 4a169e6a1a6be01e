"""The setting ROUTES: every fault at once with route, field and remedy, and no secret in any of them."""

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shared.settings import Settings, SettingsError, load
from shared.settings.routes import MOST, RouteRule, signing_keys
from tests.settings.good_settings import GOOD

GROUP = "11111111-1111-4111-8111-111111111111"
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
OTHER = "whsec_" + base64.b64encode(b"o" * 24).decode()
ELSEWHERE = {
    "HELPDESK_WORKFLOW_URL": "https://env.12.environment.api.powerplatform.com/workflows/x/?sig=helpdesk-sig",
    "TICKETS_URL": "https://tickets.example/hooks/watch/",
    "TICKETS_SECRET": SECRET,
}
HELPDESK = {"name": "helpdesk", "type": "teams", "url": "HELPDESK_WORKFLOW_URL"}
TICKETS = {"name": "tickets", "type": "webhook", "url": "TICKETS_URL", "secret": "TICKETS_SECRET"}


def loaded(*routes: dict[str, Any], **more: str) -> Settings:
    return load({**GOOD, **ELSEWHERE, "ROUTES": json.dumps(routes), **more})


def faults(*routes: Any, **more: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        loaded(*routes, **more)
    return caught.value.faults


def test_without_the_setting_there_is_the_default_route_alone() -> None:
    [route] = load(GOOD).routes
    assert route.rule == RouteRule(name="teams", type="teams")
    assert route.url == GOOD["TEAMS_WORKFLOW_URL"]
    assert loaded().routes == (route,)


def test_routes_are_read_with_their_conditions_addresses_and_secret() -> None:
    conditions = {"kinds": ["coverage"], "severities": ["high"], "groups": [GROUP.upper()], "copy": True}
    _, helpdesk, tickets = loaded(HELPDESK | conditions, TICKETS).routes
    assert helpdesk.rule == RouteRule(
        name="helpdesk", type="teams", kinds=("coverage",), severities=("high",), groups=(GROUP,), copy=True
    )
    assert helpdesk.url == ELSEWHERE["HELPDESK_WORKFLOW_URL"]
    assert tickets.rule == RouteRule(name="tickets", type="webhook")
    assert (tickets.url, tickets.secret) == (ELSEWHERE["TICKETS_URL"], SECRET)


def test_an_address_is_kept_as_it_is_with_the_slash_at_its_end() -> None:
    assert loaded(TICKETS).routes[1].url.endswith("/watch/")
    [teams] = loaded(TEAMS_WORKFLOW_URL="https://prod-1.westeurope.logic.azure.com/x/").routes
    assert teams.url.endswith("/x/")


def test_two_secrets_are_accepted_while_one_is_changed() -> None:
    assert loaded(TICKETS, TICKETS_SECRET=f"{OTHER}  {SECRET}").routes[1].secret
    assert signing_keys(f"{OTHER} {SECRET}") == (b"o" * 24, b"k" * 32)


def without(route: dict[str, Any], field: str) -> dict[str, Any]:
    return {name: value for name, value in route.items() if name != field}


WRONG_FIELDS: list[tuple[dict[str, Any], str]] = [
    (TICKETS | {"kind": ["coverage"]}, "route 'tickets', fields: 'kind' is not known"),
    (without(TICKETS, "name"), "route 1, name: is missing or not a name"),
    (TICKETS | {"name": "Tickets"}, "route 1, name: is missing or not a name"),
    (TICKETS | {"name": "t" * 33}, "route 1, name: is missing or not a name"),
    (TICKETS | {"name": 7}, "route 1, name: is missing or not a name"),
    (TICKETS | {"name": "teams"}, "route 'teams', name: is that of the route of TEAMS_WORKFLOW_URL"),
    (TICKETS | {"type": "email"}, "route 'tickets', type: 'email' is not known"),
    (without(TICKETS, "type"), "route 'tickets', type: what it says is not known"),
    (TICKETS | {"kinds": ["coverage", "covrage"]}, "route 'tickets', kinds: 'covrage' is not known"),
    (TICKETS | {"kinds": "coverage"}, "route 'tickets', kinds: is not a list of texts"),
    (TICKETS | {"severities": ["urgent"]}, "route 'tickets', severities: 'urgent' is not known"),
    (TICKETS | {"severities": [1]}, "route 'tickets', severities: is not a list of texts"),
    (TICKETS | {"groups": [GROUP, "Helpdesk"]}, "route 'tickets', groups: one is not a GUID"),
    (TICKETS | {"copy": "yes"}, "route 'tickets', copy: is neither true nor false"),
    (without(TICKETS, "url"), "route 'tickets', url: is missing or not the name (in capitals)"),
    (
        TICKETS | {"url": "https://t.example/"},
        "route 'tickets', url: is missing or not the name (in capitals)",
    ),
    (TICKETS | {"url": "NOWHERE_URL"}, "route 'tickets', url: the app setting NOWHERE_URL is missing"),
    (without(TICKETS, "secret"), "route 'tickets', secret: is missing or not the name (in capitals)"),
    (TICKETS | {"secret": SECRET}, "route 'tickets', secret: is missing or not the name (in capitals)"),
    (TICKETS | {"secret": "NO_SECRET"}, "route 'tickets', secret: the app setting NO_SECRET is missing"),
    (HELPDESK | {"secret": "TICKETS_SECRET"}, "route 'helpdesk', secret: is for webhooks only"),
    (
        HELPDESK | {"url": "TICKETS_URL"},
        "route 'helpdesk', url: the app setting TICKETS_URL has a host that is not expected here (expected: "
        "*.logic.azure.com or *.environment.api.powerplatform.com)",
    ),
]


@pytest.mark.parametrize(("route", "problem"), WRONG_FIELDS)
def test_each_wrong_field_is_named_with_its_route(route: dict[str, Any], problem: str) -> None:
    [fault] = faults(route)
    assert fault.startswith(f"ROUTES: {problem}")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("http://tickets.example/", "is not an https URL"),
        ("https://user:pw@tickets.example/", "is not an https URL"),
        ("tickets.example", "is not an https URL"),
        ("https://[::1", "is not a URL"),
    ],
)
def test_a_wrong_address_of_a_webhook_is_named_with_its_app_setting(value: str, problem: str) -> None:
    [fault] = faults(TICKETS, TICKETS_URL=value)
    assert fault.startswith(f"ROUTES: route 'tickets', url: the app setting TICKETS_URL {problem}")


def test_http_is_for_loopback_only() -> None:
    assert loaded(TICKETS, TICKETS_URL="http://127.0.0.1:7176/events").routes[1].url


@pytest.mark.parametrize(
    "secret",
    [
        "top-secret",
        SECRET.removeprefix("whsec_"),
        "whsec_",
        "whsec_?" + SECRET,
        "whsec_" + base64.b64encode(b"k" * 23).decode(),
        "whsec_" + base64.b64encode(b"k" * 65).decode(),
        f"{SECRET} {OTHER} {SECRET}",
        f"{SECRET} top-secret",
        f"{SECRET},{OTHER}",
    ],
)
def test_a_secret_that_receivers_could_not_use_is_refused_and_not_quoted(secret: str) -> None:
    [fault] = faults(TICKETS, TICKETS_SECRET=secret)
    assert fault.startswith("ROUTES: route 'tickets', secret: the app setting TICKETS_SECRET is not usable: ")
    assert not any(part in fault for part in secret.replace(",", " ").split() if part != "whsec_")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[", "is not JSON"),
        ("helpdesk", "is not JSON"),
        ("{}", "is not a list of objects"),
        ('["helpdesk"]', "is not a list of objects"),
    ],
)
def test_what_is_no_list_of_routes_is_said_so(text: str, problem: str) -> None:
    [fault] = faults(ROUTES=text)
    assert fault.startswith(f"ROUTES: {problem}. Write a list of objects")


def test_a_name_is_given_once() -> None:
    [fault] = faults(TICKETS, HELPDESK, TICKETS)
    assert fault.startswith("ROUTES: route 'tickets', name: is given twice.")


def test_there_is_an_end_to_the_number_of_routes() -> None:
    [fault] = faults(*(TICKETS | {"name": f"tickets-{number}"} for number in range(MOST + 1)))
    assert fault.startswith(f"ROUTES: has more than {MOST} routes.")


def test_all_faults_of_all_routes_come_at_once_beside_those_of_other_settings() -> None:
    found = faults({"name": "a", "copy": 1}, {"name": "b", "kinds": ["x"]}, TENANT_ID="contoso")
    named = [fault.partition(": ")[0] for fault in found]
    assert named.count("TENANT_ID") == 1
    text = " ".join(found)
    for field in ("copy", "type", "url"):
        assert f"route 'a', {field}:" in text
    for field in ("kinds", "type", "url"):
        assert f"route 'b', {field}:" in text


def test_every_fault_ends_with_a_remedy() -> None:
    found = [fault for route, _ in WRONG_FIELDS for fault in faults(route)]
    for fault in found:
        _, _, remedy = fault.partition(". ")
        assert remedy.split()[0] in {
            "Use",
            "Give",
            "Choose",
            "Write",
            "List",
            "Put",
            "Set",
            "Generate",
            "Remove",
        }


def test_nothing_that_may_be_a_secret_is_in_a_fault_or_a_repr() -> None:
    pasted: dict[str, Any] = {
        "name": "https://x.example/?sig=hidden1",
        "type": "whsec_hidden2",
        "url": "https://hidden3.example",
    }
    pasted |= {"secret": "whsec_hidden4", "https://hidden5": 1, "kinds": ["hidden6/+"], "groups": ["hidden7"]}
    text = " ".join(faults(pasted, TICKETS, TICKETS_URL="http://hidden8", TICKETS_SECRET="hidden9"))
    assert "hidden" not in text
    settings = loaded(HELPDESK, TICKETS)
    shown = f"{settings!r} {settings} {settings.routes!r}"
    assert "RouteSettings(helpdesk)" in shown
    for secret in ("helpdesk-sig", "secret-signature", "tickets.example", SECRET):
        assert secret not in shown


def test_settings_without_routes_load_nothing_beyond_msgspec_and_the_standard_library() -> None:
    code = (
        "import json, sys, msgspec; before = set(sys.modules); import shared.settings; "
        f"shared.settings.load({GOOD!r}); print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    outside = {name for name in json.loads(done.stdout) if name.split(".")[0] not in sys.stdlib_module_names}
    assert {name for name in outside if not name.startswith("msgspec")} == {
        "shared",
        "shared.guids",
        "shared.rules",
        "shared.rules.policy",
        "shared.settings",
        "shared.settings.delivery",
        "shared.settings.faults",
        "shared.settings.keeping",
        "shared.settings.parts",
        "shared.settings.policy",
        "shared.settings.reader",
        "shared.settings.routes",
        "shared.settings.storage",
        "shared.settings.telling",
        "shared.settings.whole",
        "shared.texts",
        "shared.texts.catalogue",
        "shared.topic",
    }
