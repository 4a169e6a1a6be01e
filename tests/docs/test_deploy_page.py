"""docs/deploy.md and docs/runbook.md hold with templates and hooks: variables, steps, roles, alerts."""

import json
import re
from pathlib import Path

import pytest
import yaml

from infra.hooks.variables import _NAMES, CLOUDS
from shared.storage.account import QUEUES
from tests.docs import shell_words
from tests.docs.test_shell_commands import SHOWN

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "deploy.md").read_text()
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
PARAMETERS = json.loads((ROOT / "infra" / "main.parameters.json").read_text())["parameters"]
BY_AZD = {"AZURE_ENV_NAME", "AZURE_LOCATION", "AZURE_PRINCIPAL_ID"}
"""What azd asks for, or finds by itself."""
OF_HOOKS = {"GRAPH_PACKS", "REPORT_READERS", "TEAMS_WORKFLOW_URL"}
"""Variables that only the hooks read: `infra/hooks`."""


def named(value: object) -> set[str]:
    """The azd variables in a value of the parameters' file."""
    return set(re.findall(r"\$\{(\w+)", json.dumps(value)))


def table(page: str, head: str) -> list[list[str]]:
    """The rows of the table that begins with these cells."""
    rows = page.partition(head)[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def test_every_variable_of_the_templates_and_hooks_is_in_the_table_and_no_other() -> None:
    templates = set().union(*(named(one) for name, one in PARAMETERS.items() if name != "watchSettings"))
    rows = table(PAGE, "| variable | meaning |")
    assert {row[0].strip("`") for row in rows} == (templates - BY_AZD) | OF_HOOKS
    hooks = "\n".join(file.read_text() for file in (ROOT / "infra" / "hooks").glob("*.py"))
    assert all(f'"{name}"' in hooks for name in OF_HOOKS)


def test_the_defaults_of_the_table_are_those_of_the_parameters() -> None:
    told = {row[0].strip("`"): row[2].strip("`") for row in table(PAGE, "| variable | meaning |")}
    file = json.dumps(PARAMETERS)
    for name, default in told.items():
        found = re.search(rf"\$\{{{name}(?:=([^}}]*))?\}}", file)
        if found and found[1] not in (None, "[]"):
            assert default == found[1], name


def test_whatever_the_pages_set_is_a_variable_that_something_reads() -> None:
    known = set().union(*map(named, PARAMETERS.values())) | OF_HOOKS
    outputs = set(_NAMES.values()) | {"WATCH_IDENTITY_CLIENT_ID", "EVENTGRID_TOPIC_NAME"}
    for shown in SHOWN:
        for words in shell_words.split(shown.text):
            if words[:3] == ["azd", "env", "set"] and len(words) == 5 and words[3] != "VALUE":
                assert words[3] in known, shown.place
            if words[:3] == ["azd", "env", "get-value"] and len(words) == 4:
                assert words[3] in outputs, shown.place


def test_a_pipeline_is_handed_every_choice_and_no_secret() -> None:
    azure = yaml.safe_load((ROOT / "azure.yaml").read_text())
    choices = set().union(*map(named, PARAMETERS.values())) - BY_AZD | OF_HOOKS - {"TEAMS_WORKFLOW_URL"}
    assert set(azure["pipeline"]["variables"]) == choices
    assert "secrets" not in azure["pipeline"]


def test_the_hooks_of_the_steps_are_those_of_azure_yaml() -> None:
    azure = yaml.safe_load((ROOT / "azure.yaml").read_text())
    assert set(azure["hooks"]) >= {"preprovision", "postprovision", "postdeploy", "predown"}
    steps = [row[0] for row in table(PAGE, "| step | what it does |")]
    assert steps[:3] == ["package", "look ahead", "provision"]
    assert steps[3:] == ["secrets", "directory", "deploy", "listen", "doctor"]
    assert str(azure["requiredVersions"]["azd"]).split()[-1] in PAGE


@pytest.mark.parametrize("cloud", CLOUDS)
def test_every_cloud_is_named(cloud: str) -> None:
    assert f"`{cloud}`" in PAGE


def test_the_runbook_has_a_row_for_each_alert_and_each_poison_queue() -> None:
    template = (ROOT / "infra" / "app" / "alerts.bicep").read_text()
    alerts = re.findall(r"^    name: '([\w-]+)'$", template, re.MULTILINE)
    rows = {row[0].strip("`"): row for row in table(RUNBOOK, "| alert | what it says |")}
    assert set(rows) == set(alerts)
    assert len(alerts) >= 4
    assert all(len(row) == 4 and min(map(len, row[1:])) > 30 for row in rows.values())
    queues = {row[0].strip("`") for row in table(RUNBOOK, "| queue | what is in it |")}
    assert queues == {f"{name}-poison" for name in QUEUES}
