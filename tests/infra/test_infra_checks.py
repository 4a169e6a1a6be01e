"""The checks of infra/: they find nothing wrong there, and each finds what it is for in a broken copy."""

import shutil
from pathlib import Path

import pytest

from tools.bicep.checks import CHECKS, faults
from tools.bicep.templates import Templates

ROOT = Path(__file__).resolve().parents[2]


def test_nothing_is_wrong_with_the_templates() -> None:
    all_ = Templates(ROOT / "infra")
    assert {"main.bicep", "permissions.bicep", "app-settings.bicep"} <= {one.path.name for one in all_.files}
    assert [str(fault) for fault in faults(all_)] == []


BROKEN = (
    ("syntax", "app/identity.bicep", "  name: name\n", "  name: \n"),
    ("syntax", "main.bicep", "param location string", "param location string string string ="),
    ("modules", "main.bicep", "'app/key-vault.bicep'", "'app/vault.bicep'"),
    ("modules", "graph/main.bicep", "'report-app.bicep'", "'../report-app.bicep'"),
    ("modules", "main.bicep", "  name: 'identity'\n  scope: group\n", "  name: 'identity'\n"),
    ("parameters", "main.bicep", "delivery: delivery }\n  dependsOn", "delivery: 'pigeon' }\n  dependsOn"),
    (
        "parameters",
        "main.bicep",
        "params: { name: names.identity, ",
        "params: { nam: '', name: names.identity, ",
    ),
    ("parameters", "main.bicep", "params: { name: names.identity, ", "params: { "),
    (
        "parameters",
        "app/event-grid.bicep",
        "param tags object\n",
        "param tags object\nparam more string = ''\n",
    ),
    ("symbols", "main.bicep", "hostStorage.outputs.tableUri", "hostStorage.outputs.tablesUri"),
    ("symbols", "app/key-vault.bicep", "? 'Deny' : 'Allow'", "? deny : 'Allow'"),
    ("symbols", "app/network.bicep", "${storageSuffix}'\n  table", "${storageSufix}'\n  table"),
    ("symbols", "app/roles.bicep", "for row in onVault: {", "for one in onVault: {"),
    ("symbols", "app/workbook.bicep", "items: concat([parameters], items)", "items: items({ a: items })"),
    ("unused", "app/network.bicep", "var storageSuffix", "var nothing = ''\nvar storageSuffix"),
    (
        "unused",
        "app/identity.bicep",
        "output id string",
        "output again string = identity.id\noutput id string",
    ),
    ("content", "app/alerts.bicep", "../queries/alert-poison.kql", "../queries/poison.kql"),
    ("content", "app/workbook.bicep", "../queries/gap.kql", "../queries/reconcile.kql"),
    ("versions", "app/identity.bicep", "@2023-01-31", "@2023-1-31"),
    ("versions", "app/monitoring.bicep", "Microsoft.Insights/components", "Microsoft.Insights.components"),
    ("versions", "app/sign-in.bicep", "sites/config@2024-11-01", "sites/config@2023-12-01"),
    ("extensions", "graph/permissions.bicep", "extension microsoftGraphV1\n", ""),
    ("extensions", "bicepconfig.json", "microsoftGraphV1", "microsoftGraph"),
    (
        "extensions",
        "app/identity.bicep",
        "param name string\n",
        "extension microsoftGraphV1\nparam name string\n",
    ),
    ("roles", "roles.json", "4633458b-17de-408a-b874-0445c86b69e6", "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"),
    ("roles", "roles.json", '"on": "insights"', '"on": "monitoring"'),
    ("roles", "app/event-grid.bicep", "c02e0126-", "8e3af657-"),
    ("roles", "app/roles.bicep", "    scope: vault\n", ""),
    ("flex", "app/function-app.bicep", "minTlsVersion: '1.2'", "linuxFxVersion: 'PYTHON|3.13'"),
    ("flex", "app/function-app.bicep", "minTlsVersion: '1.2'", "alwaysOn: true"),
    ("secrets", "app/storage-watch.bicep", "= account.name", "= account.listKeys().keys[0].value"),
    ("secrets", "app/monitoring.bicep", "= insights.name", "= insights.properties.ConnectionString"),
    (
        "secrets",
        "app/key-vault.bicep",
        "param name string\n",
        "@secure()\nparam name string = 'a'\n",
    ),
    (
        "secrets",
        "app/storage-host.bicep",
        "output name string = account.name",
        "var key = account.listKeys().keys[0].value\noutput name string = key",
    ),
    (
        "secrets",
        "app/monitoring.bicep",
        "output insightsName string = insights.name",
        "@secure()\nparam key string = ''\noutput insightsName string = key",
    ),
    ("roles", "roles.json", "The Functions host writes its diagnostic events to a table.", ""),
    (
        "tags",
        "main.bicep",
        "names.identity, location: location, tags: tags",
        "names.identity, location: location, tags: {}",
    ),
    ("tags", "app/network.bicep", "    tags: tags\n  }\n", "  }\n"),
    ("tags", "main.bicep", "{ 'azd-env-name': environmentName }", "{ environment: environmentName }"),
    ("tags", "app/function-app.bicep", "'azd-service-name': 'api'", "'azd-service-name': 'app'"),
    ("parameter-file", "main.parameters.json", '"alertEmail"', '"alertsEmail"'),
    ("parameter-file", "main.parameters.json", "${SSPR_SCOPE}", "${SCOPE}"),
    ("parameter-file", "main.parameters.json", "${ALERT_EMAIL}", "somebody@example.com"),
    ("settings", "main.parameters.json", '      "SEATS_LOW": "${SEATS_LOW}",\n', ""),
    ("settings", "main.parameters.json", '"SEATS_LOW": "${SEATS_LOW}"', '"SEAT_LOW": "${SEAT_LOW}"'),
    ("settings", "app/app-settings.bicep", "  TENANT_ID: tenant().tenantId\n", ""),
    (
        "settings",
        "app/app-settings.bicep",
        "DELIVERY: delivery\n",
        "DELIVERY: delivery\n  LOCAL_KEY: 'key'\n",
    ),
    ("settings", "app/app-settings.bicep", "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY", "PYTHON_TELEMETRY"),
    ("open-paths", "app/sign-in.bicep", "['/api/health']", "['/api/health', '/api/report']"),
    ("open-paths", "app/sign-in.bicep", ", '/api/graph/lifecycle'", ""),
    ("open-paths", "app/sign-in.bicep", "? eventGridPaths : graphPaths", "? graphPaths : eventGridPaths"),
    ("open-paths", "app/sign-in.bicep", "'/runtime/webhooks/eventgrid'", "'/runtime/webhooks/*'"),
    ("storage", "app/storage-watch.bicep", "'changed-users', ", "'changed', "),
    ("storage", "app/storage-watch.bicep", "'${queue}-poison'", "'${queue}-failed'"),
    ("storage", "app/storage-watch.bicep", "'alerts', 'evidence'] : []", "'ledger', 'evidence'] : []"),
    ("storage", "app/storage-watch.bicep", "allowSharedKeyAccess: false", "allowSharedKeyAccess: true"),
    ("queries", "queries/alert-poison.kql", '"watch.poison"', '"watch.poisoned"'),
)


@pytest.mark.parametrize(("check", "name", "old", "new"), BROKEN)
def test_each_check_alone_finds_what_it_is_for(
    check: str, name: str, old: str, new: str, tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "infra", tmp_path / "infra")
    (tmp_path / "shared/graph").mkdir(parents=True)
    shutil.copy(ROOT / "shared/graph/permissions.json", tmp_path / "shared/graph/permissions.json")
    path = tmp_path / "infra" / name
    whole = path.read_text()
    assert old in whole, f"nothing to break: {name} has no {old}"
    path.write_text(whole.replace(old, new))
    assert {fault.check for fault in faults(Templates(tmp_path / "infra"))} == {check}


def test_every_check_has_a_broken_copy() -> None:
    assert {check for check, *_ in BROKEN} == set(CHECKS)


def test_a_query_that_nothing_loads_is_found(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "infra", tmp_path / "infra")
    (tmp_path / "shared/graph").mkdir(parents=True)
    shutil.copy(ROOT / "shared/graph/permissions.json", tmp_path / "shared/graph/permissions.json")
    (tmp_path / "infra/queries/more.kql").write_text("AppTraces\n")
    (fault,) = faults(Templates(tmp_path / "infra"))
    assert str(fault) == "infra/queries/more.kql: no alert and no workbook loads it [content]"
