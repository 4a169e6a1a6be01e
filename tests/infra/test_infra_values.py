"""What the templates come to, worked out without Azure: settings that load, roles, clouds, networks."""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.settings import load
from tests.telemetry import azure_settings
from tools.bicep import __main__ as command
from tools.bicep.evaluation import SUBSCRIPTION, TENANT, Evaluation, NotUnderstood
from tools.bicep.syntax import properties, read
from tools.bicep.templates import Templates

ROOT = Path(__file__).resolve().parents[2]
SECRETS = {
    "client-state": "c" * 48,
    "teams-workflow-url": "https://prod-12.westeurope.logic.azure.com/workflows/x/triggers/manual?sig=secret",
    "helpdesk-workflow-url": "https://prod-13.westeurope.logic.azure.com/workflows/y/triggers/manual?sig=secret",
    "tickets-url": "https://tickets.example.net/hook",
    "tickets-secret": "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "client-state-previous": "p" * 48,
}
ROUTES = [
    {"name": "helpdesk", "type": "teams", "url": "HELPDESK_WORKFLOW_URL"},
    {"name": "tickets", "type": "webhook", "url": "TICKETS_URL", "secret": "TICKETS_SECRET"},
]


@pytest.fixture
def templates() -> Templates:
    return Templates(ROOT / "infra")


def as_azd_does(templates: Templates, variables: dict[str, str]) -> dict[str, Any]:
    """`watchSettings` for these azd variables: `${NAME}` or `${NAME=default}` each."""
    chosen = {}
    for name, said in templates.parameters["watchSettings"].items():
        _, _, default = said.removeprefix("${").removesuffix("}").partition("=")
        chosen[name] = variables.get(name) or default
    return chosen


def settings_of(
    templates: Templates, variables: dict[str, str] | None = None, **given: Any
) -> dict[str, Any]:
    usual = {
        "identityClientId": "00000000-0000-4000-8000-00000000000c",
        "watchBlobUri": "https://stssprwatch.blob.core.windows.net/",
        "watchQueueUri": "https://stssprwatch.queue.core.windows.net/",
        "vaultUri": "https://kv-sspr.vault.azure.net/",
        "notificationBaseUrl": "https://func-sspr-watch.azurewebsites.net",
        "graphCloud": "public",
        "delivery": "webhook",
        "partnerTopicName": "sspr-watch-abc",
        "location": "westeurope",
        "watchSettings": as_azd_does(templates, variables or {}),
        "routes": [],
        "vaultSecrets": [],
    }
    return templates.app_settings(**{**usual, **given})


def resolved(settings: dict[str, Any]) -> dict[str, str]:
    """As the app sees them: references to the vault replaced by its secrets."""
    begin, end = "@Microsoft.KeyVault(SecretUri=https://kv-sspr.vault.azure.net/secrets/", ")"
    seen = {}
    for name, value in settings.items():
        text = str(value)
        if text.startswith(begin):
            text = SECRETS[text.removeprefix(begin).removesuffix(end)]
        seen[name] = text
    return seen


def test_with_no_variable_set_the_app_gets_settings_that_it_starts_with(templates: Templates) -> None:
    settings = load(resolved(settings_of(templates)))
    assert settings.tenant_id == TENANT
    assert settings.report_url == "https://func-sspr-watch.azurewebsites.net/api/report"
    assert settings.storage.client_id == settings.graph.client_id == "00000000-0000-4000-8000-00000000000c"
    assert settings.policy.writeback == "unknown"
    assert settings.client_states == ("c" * 48,)
    assert not settings.delivery.is_event_grid
    assert len(settings.routes) == 1


def test_what_an_administrator_chooses_reaches_the_app(templates: Templates) -> None:
    variables = {"PASSWORD_WRITEBACK": "on", "SEATS_LOW": "5", "TELLING_SCHEDULE": "30 * * * * *"}
    emitted = settings_of(templates, variables, routes=ROUTES, vaultSecrets=["CLIENT_STATE_PREVIOUS"])
    settings = load(resolved(emitted))
    assert settings.policy.writeback == "on"
    assert settings.policy.seats_low == 5
    assert emitted["TELLING_SCHEDULE"] == "30 * * * * *"
    assert settings.client_states == ("c" * 48, "p" * 48)
    assert [route.rule.name for route in settings.routes] == ["teams", "helpdesk", "tickets"]
    assert json.loads(emitted["ROUTES"]) == ROUTES


def test_telemetry_is_set_as_it_was_tried(templates: Templates) -> None:
    emitted = settings_of(templates)
    assert {name: emitted[name] for name in azure_settings.SETTINGS} == azure_settings.SETTINGS
    # Either would send everything a second time, or to somebody else.
    assert not [name for name in emitted if name.startswith(("PYTHON_ENABLE_OPENTELEMETRY", "OTEL_EXPORTER"))]


def test_every_secret_is_a_reference_and_nothing_else_is(templates: Templates) -> None:
    emitted = settings_of(templates, routes=ROUTES)
    references = {name for name, value in emitted.items() if "KeyVault" in str(value)}
    secret = {"CLIENT_STATE", "TEAMS_WORKFLOW_URL", "HELPDESK_WORKFLOW_URL", "TICKETS_URL", "TICKETS_SECRET"}
    assert references == secret


def test_by_event_grid_the_app_is_told_the_topic_that_graph_is_to_make(templates: Templates) -> None:
    topic = load(resolved(settings_of(templates, delivery="eventgrid"))).delivery.topic
    assert topic is not None
    assert (topic.subscription, topic.group) == (SUBSCRIPTION, "rg-test")
    assert "EVENTGRID_URL" not in settings_of(templates)


@pytest.mark.parametrize(
    ("cloud", "host"),
    [
        ("public", "graph.microsoft.com"),
        ("usgov", "graph.microsoft.us"),
        ("usgovdod", "dod-graph.microsoft.us"),
        ("china", "microsoftgraph.chinacloudapi.cn"),
    ],
)
def test_each_national_cloud_has_its_own_graph(templates: Templates, cloud: str, host: str) -> None:
    settings = load(resolved(settings_of(templates, graphCloud=cloud)))
    assert settings.graph.base_url == f"https://{host}/v1.0"
    assert settings.graph.scope == f"https://{host}/.default"


def test_an_instance_waits_for_graph_but_none_for_event_grid_or_as_is_chosen(templates: Templates) -> None:

    def scale(delivery: str, chosen: str) -> dict[str, Any]:
        choice = {"delivery": delivery, "alwaysReady": chosen}
        ready = Evaluation(templates.main, choice).value(templates.main.modules["app"].params["alwaysReady"])
        given = {"alwaysReady": ready, "maximumInstanceCount": 40, "subnetId": "", "tags": {}}
        (app,) = templates.values("Microsoft.Web/sites", **given)
        config: dict[str, Any] = app["properties"]["functionAppConfig"]["scaleAndConcurrency"]
        return config

    assert scale("webhook", "")["alwaysReady"] == [{"name": "http", "instanceCount": 1}]
    assert scale("eventgrid", "")["alwaysReady"] == []
    assert scale("webhook", "0")["alwaysReady"] == []
    assert scale("eventgrid", "2")["alwaysReady"] == [{"name": "http", "instanceCount": 2}]
    assert scale("webhook", "")["triggers"] == {"http": {"perInstanceConcurrency": 16}}
    assert scale("webhook", "")["maximumInstanceCount"] == 40


def test_a_closed_account_answers_only_private_endpoints_and_the_allowed_addresses(
    templates: Templates,
) -> None:
    def doors(closed: bool, allowed: list[str]) -> tuple[str, str, int]:
        given = {"immutabilityDays": 0, "closed": closed, "allowedAddresses": allowed}
        file = templates.file("app/storage-watch.bicep")
        (account,) = (one for one in file.resources if one.symbol == "account")
        value = Evaluation(file, given).value(properties(account.body)["properties"])
        acls = value["networkAcls"]
        return value["publicNetworkAccess"], acls["defaultAction"], len(acls["ipRules"])

    assert doors(False, ["203.0.113.7"]) == ("Enabled", "Allow", 0)
    assert doors(True, []) == ("Disabled", "Deny", 0)
    assert doors(True, ["203.0.113.7"]) == ("Enabled", "Deny", 1)


def test_immutability_is_off_unless_days_are_given(templates: Templates) -> None:
    def kept(days: int) -> list[int]:
        kind = "Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies"
        policies = templates.values(kind, immutabilityDays=days, closed=False, allowedAddresses=[])
        return [one["properties"]["immutabilityPeriodSinceCreationInDays"] for one in policies]

    assert kept(0) == []
    assert kept(30) == [30, 30]


def test_what_was_written_over_can_be_had_back_for_two_weeks_and_not_for_twice_that(
    templates: Templates,
) -> None:
    account = "Microsoft.Storage/storageAccounts"
    given = {"immutabilityDays": 0, "closed": False, "allowedAddresses": []}
    (policy,) = templates.values(f"{account}/managementPolicies", **given)
    (rule,) = policy["properties"]["policy"]["rules"]
    shelf = rule["definition"]["actions"]["version"]["delete"]["daysAfterCreationGreaterThan"]
    services = templates.values(f"{account}/blobServices", **given)
    (bin_,) = [one["properties"]["deleteRetentionPolicy"]["days"] for one in services if "properties" in one]
    assert bin_ == 14
    assert shelf + bin_ <= 16, "docs/privacy.md says seventeen days, with one for Azure to come round"


def test_without_a_deployer_only_the_watch_gets_roles(templates: Templates) -> None:
    def given_to(deployer: str) -> list[str]:
        kind = "Microsoft.Authorization/roleAssignments"
        made = templates.values(kind, watchPrincipalId="watch", deployerPrincipalId=deployer)
        return [one["properties"]["principalId"] for one in made]

    assert set(given_to("")) == {"watch"}
    assert given_to("deployer").count("deployer") == 3


def test_permissions_are_the_base_and_the_packs_that_are_asked_for_each_once(templates: Templates) -> None:
    file = templates.file("graph/permissions.bicep")
    table = json.loads((ROOT / "shared/graph/permissions.json").read_text())["permissions"]

    def granted(packs: list[str]) -> list[str]:
        value: list[str] = Evaluation(file, {"packs": packs}).value(file.variables["permissions"])
        return value

    base = {row["permission"] for row in table if row["pack"] == "base"}
    assert set(granted([])) == base == {"User.Read.All", "Group.Read.All", "Organization.Read.All"}
    every = granted([row["pack"] for row in table])
    assert sorted(every) == sorted({row["permission"] for row in table})


def test_the_workbook_is_json_and_asks_the_queries(templates: Templates) -> None:
    (workbook,) = templates.values("Microsoft.Insights/workbooks")
    items = json.loads(workbook["properties"]["serializedData"])["items"]
    asked = {item["content"]["query"] for item in items if item["type"] == 3}
    assert (ROOT / "infra/queries/gap.kql").read_text() in asked
    (parameters,) = (item for item in items if item["type"] == 9)
    names = {one["name"] for one in parameters["content"]["parameters"]}
    assert names == {"time", "call"}
    used = {name for query in asked for name in ("time", "call") if f"{{{name}}}" in query}
    assert used == {"call"}, "the time is given to each query apart from its text"


def test_each_alert_asks_one_query_and_writes_only_to_whom_is_named(templates: Templates) -> None:
    file = templates.file("app/alerts.bicep")
    (alerts,) = (one for one in file.resources if one.symbol == "alerts")
    assert alerts.loop is not None
    silent = Evaluation(file, {"alertEmail": ""}).value(alerts.loop)
    told = Evaluation(file, {"alertEmail": "watch@example.com"}).value(alerts.loop)
    queries = {path.name for path in (ROOT / "infra/queries").glob("alert-*.kql")}
    asked = {one["properties"]["criteria"]["allOf"][0]["query"] for one in told}
    assert asked == {(ROOT / "infra/queries" / name).read_text() for name in queries}
    assert {one["properties"]["windowSize"] for one in told} == {"PT30M"}, "as docs/telemetry.md says"
    assert all(one["properties"]["actions"]["actionGroups"] == [] for one in silent)
    assert all(len(one["properties"]["actions"]["actionGroups"]) == 1 for one in told)


MOST = {"hostStorage": 24, "watchStorage": 24, "vault": 24, "app": 60, "partnerTopic": 50}
"""How long names may be (Microsoft Learn, "Naming rules for Azure resources")."""


def test_names_fit_whatever_the_environment_is_called(templates: Templates) -> None:
    file = templates.main
    names = Evaluation(file, {"environmentName": "e" * 40, "location": "westeurope"}).value(
        file.variables["names"]
    )
    assert {kind for kind, most in MOST.items() if len(names[kind]) > most} == set()
    assert names["hostStorage"].isalnum()
    assert names["watchStorage"].isalnum()


def test_azd_is_told_what_the_hooks_need_and_no_more(templates: Templates) -> None:
    assert set(templates.main.outputs) == {
        "AZURE_LOCATION",
        "AZURE_TENANT_ID",
        "AZURE_RESOURCE_GROUP",
        "AZURE_FUNCTION_NAME",
        "NOTIFICATION_BASE_URL",
        "WATCH_IDENTITY_CLIENT_ID",
        "WATCH_IDENTITY_PRINCIPAL_ID",
        "WATCH_BLOB_URI",
        "WATCH_QUEUE_URI",
        "KEY_VAULT_NAME",
        "EVENTGRID_TOPIC_NAME",
    }


def test_no_part_of_a_template_comes_from_a_registry(templates: Templates) -> None:
    modules = [module.path for file in templates.files for module in file.modules.values()]
    assert len(modules) > 10
    assert [path for path in modules if ":" in path] == []


def test_what_only_azure_knows_is_said_as_such_and_what_is_not_understood_is_refused(tmp_path: Path) -> None:
    source = "resource site 'a/b@2024-01-01' existing = {\n  name: 'x'\n}\n"
    (tmp_path / "one.bicep").write_text(
        source + "var known = '${site.properties.host}/api'\nvar strange = substring('abc', 1)\n"
    )
    file = read(tmp_path / "one.bicep")
    evaluation = Evaluation(file, {})
    assert evaluation.value(file.variables["known"]) == "<site.properties.host>/api"
    with pytest.raises(NotUnderstood, match=r"one\.bicep:5: substring\(\)"):
        evaluation.value(file.variables["strange"])


@pytest.mark.parametrize(("name", "status", "said"), [("", 0, "nothing wrong"), ("x.bicep", 1, "[syntax]")])
def test_the_command_says_what_is_wrong_and_its_status_too(
    name: str,
    status: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if name:
        (tmp_path / "infra").mkdir()
        (tmp_path / "infra" / name).write_text("param\n")
        monkeypatch.setattr(command, "INFRA", tmp_path / "infra")
    assert command.main() == status
    assert said in capsys.readouterr().out
