"""Templates, hooks and azure.yaml mean the same: variables, clouds, the registration, the service."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.hooks import directory, variables
from tools.bicep.evaluation import Evaluation
from tools.bicep.syntax import properties
from tools.bicep.templates import Templates

ROOT = Path(__file__).resolve().parents[2]
GRAPH_APP = "https://func-sspr-watch-abc.azurewebsites.net"


@pytest.fixture
def templates() -> Templates:
    return Templates(ROOT / "infra")


def test_the_hooks_find_every_variable_that_they_want_among_the_outputs(templates: Templates) -> None:
    outputs = {name: f"<{name}>" for name in templates.main.outputs}
    there = variables.made({**outputs, "AZURE_SUBSCRIPTION_ID": "subscription"})
    assert there.base_url == "<NOTIFICATION_BASE_URL>"
    assert there.topic == "<EVENTGRID_TOPIC_NAME>"


def test_hooks_and_settings_know_the_same_clouds(templates: Templates) -> None:
    file = templates.file("app/app-settings.bicep")
    addresses = Evaluation(file, {}).value(file.variables["graphBaseUrls"])
    assert addresses == {cloud: f"{address}/v1.0" for cloud, address in variables.CLOUDS.items()}
    allowed = templates.main.params["graphCloud"].decorators["allowed"]
    assert allowed is not None
    assert set(Evaluation(templates.main, {}).value(allowed)) == set(variables.CLOUDS)


def test_template_and_requests_make_the_same_registration(templates: Templates) -> None:
    file = templates.file("graph/report-app.bicep")
    (app,) = (one for one in file.resources if one.kind == "Microsoft.Graph/applications")
    made: dict[str, Any] = Evaluation(file, {"baseUrl": GRAPH_APP}).value(app.body)
    wanted = directory.Wanted(graph="", issuer="", principal="", base_url=GRAPH_APP)
    assert made.pop("uniqueName") == wanted.unique_name
    assert made == directory._registration(wanted)
    (vouching,) = (one for one in file.resources if one.symbol == "vouching")
    name = Evaluation(file, {"baseUrl": GRAPH_APP}).value(properties(vouching.body)["name"])
    assert name.endswith("/watch-identity")
    audiences = Evaluation(file, {}).value(properties(vouching.body)["audiences"])
    public = directory.Wanted(graph="", issuer="https://login.microsoftonline.com/t/v2.0", principal="")
    assert audiences == [public.audience]


def test_azd_finds_the_app_and_the_template(templates: Templates) -> None:
    described = yaml.safe_load((ROOT / "azure.yaml").read_text())
    assert list(described["services"]) == ["api"], "the tag azd-service-name of infra/app/function-app.bicep"
    assert (ROOT / described["infra"]["path"] / f"{described['infra']['module']}.bicep").is_file()
