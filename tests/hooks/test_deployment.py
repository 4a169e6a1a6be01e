"""After azd has deployed and before it takes down: against the whole app in the sandbox, or none."""

import asyncio
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from admin.endings import DONE, TROUBLE
from admin.words import say
from infra.hooks import deployed, event_grid, removed
from infra.hooks.deployed import Patience
from infra.hooks.programs import Stop
from infra.hooks.variables import made
from tests.hooks.conftest import OUTPUTS, Machine
from tests.stories.theatre import Theatre, theatre

HASTY = Patience(health=2.0, order=2, between=0.1, tries=4.0)
TOPIC = "sspr-watch-abc"


@pytest.fixture
def here(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """This very process is the one on the machine: the stand-ins come first on its PATH."""
    monkeypatch.setenv("PATH", f"{machine.bin}:/usr/bin:/bin")
    return machine


@pytest.fixture
def silent() -> Iterator[str]:
    """An address that takes calls and never answers."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_an_app_that_does_not_answer_ends_the_hook_and_it_is_said_where_to_look(
    here: Machine, silent: str
) -> None:
    here.there = {**here.there, "secrets": {"client-state": "x", "teams-workflow-url": "x"}}
    with pytest.raises(Stop, match=r"Log stream .* azd hooks run postdeploy$"):
        deployed.after({**OUTPUTS, "NOTIFICATION_BASE_URL": silent}, HASTY)


@pytest.mark.parametrize(
    ("has", "says"),
    [
        ({"client-state": "x"}, "hook.sh secret TEAMS_WORKFLOW_URL, and then: azd hooks run postdeploy"),
        ({"teams-workflow-url": "x"}, "azd hooks run postprovision, and then: azd hooks run postdeploy"),
    ],
)
def test_an_app_that_can_not_start_for_want_of_a_secret_is_not_waited_for(
    here: Machine, silent: str, has: dict[str, str], says: str
) -> None:
    here.there = {**here.there, "secrets": has}
    begun = time.monotonic()
    with pytest.raises(Stop, match=re.escape(says)):
        deployed.after({**OUTPUTS, "NOTIFICATION_BASE_URL": silent}, Patience(health=60.0))
    assert time.monotonic() - begun < 30


def test_whoever_may_not_look_into_the_vault_waits_for_the_app(here: Machine) -> None:
    here.refuse("GET", "/vaults/", 403, "AuthorizationFailed")
    with pytest.raises(Stop, match="Log stream"):
        deployed.after({**OUTPUTS, "NOTIFICATION_BASE_URL": "http://127.0.0.1:9"}, HASTY)


def test_a_role_that_is_not_in_force_yet_is_waited_for(
    here: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    codes = iter([TROUBLE] * 5 + [DONE])
    monkeypatch.setattr(deployed, "admin", lambda *_, **__: next(codes))
    deployed._subscribe(made(OUTPUTS), Patience(between=0.0))
    assert capsys.readouterr().out.count("which takes up to ten minutes") == 5
    monkeypatch.setattr(deployed, "admin", lambda *_, **__: TROUBLE)
    with pytest.raises(Stop, match=r"azd hooks run postdeploy$"):
        deployed._subscribe(made(OUTPUTS), Patience(between=0.0, tries=0.1))


def test_the_doctor_is_given_no_secret_that_somebody_put_there_in_plain(here: Machine) -> None:
    routes = '[{"name": "tickets", "type": "webhook", "url": "TICKETS_URL", "secret": "TICKETS_SECRET"}]'
    plain = dict.fromkeys(("CLIENT_STATE", "TICKETS_SECRET", "WATCH_STORAGE", "LOCAL_KEY"), "in-plain")
    kept = {"TICKETS_URL": "@Microsoft.KeyVault(SecretUri=https://v/secrets/tickets-url)", "SEATS_LOW": "3"}
    here.there = {**here.there, "app_settings": {**plain, **kept, "ROUTES": routes}}
    found = deployed._app_settings(made(OUTPUTS))
    assert "in-plain" not in found.values()
    assert {**kept, "ROUTES": routes}.items() <= found.items()
    assert set(found) == {"CLIENT_STATE", "TICKETS_SECRET", "ROUTES", *kept}


# --- Event Grid -------------------------------------------------------------------------------------------


def test_the_topic_is_activated_once_and_its_events_go_to_the_function_one_by_one(here: Machine) -> None:
    there = made({**OUTPUTS, "EVENTGRID_TOPIC_NAME": TOPIC})
    here.there = {**here.there, "topic": {"activationState": "NeverActivated"}}
    for _ in range(2):
        event_grid.connect(there, 1.0, 0.1)
    assert len(here.calls("POST", f"/partnerTopics/{TOPIC}/activate")) == 1
    subscription = here.there["topic"]["subscription"]
    goes_to = subscription["destination"]["properties"]
    assert goes_to["resourceId"].endswith("/sites/func-sspr-watch-abc/functions/graph_events")
    assert goes_to["maxEventsPerBatch"] == 1
    assert subscription["eventDeliverySchema"] == "CloudEventSchemaV1_0"
    source = (Path(__file__).resolve().parents[2] / "functions" / "events.py").read_text()
    assert f'function_name("{event_grid.FUNCTION}")' in source


def test_a_topic_that_graph_has_not_made_is_waited_for_and_then_said(here: Machine) -> None:
    there = made({**OUTPUTS, "EVENTGRID_TOPIC_NAME": TOPIC})
    with pytest.raises(Stop, match=f"Graph has made no partner topic {TOPIC}"):
        event_grid.connect(there, 4.0, 0.1)
    assert len(here.calls("GET", TOPIC)) >= 2


def test_whoever_may_not_connect_the_topic_is_told_which_role_it_takes(here: Machine) -> None:
    there = made({**OUTPUTS, "EVENTGRID_TOPIC_NAME": TOPIC})
    here.there = {**here.there, "topic": {"activationState": "Activated"}}
    here.refuse("PUT", "/eventSubscriptions/", 403, "AuthorizationFailed")
    with pytest.raises(Stop, match="EventGrid Contributor on rg-watch"):
        event_grid.connect(there, 0.3, 0.1)


def test_events_are_said_to_come_only_once_event_grid_has_made_their_subscription(
    here: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    there = made({**OUTPUTS, "EVENTGRID_TOPIC_NAME": TOPIC})
    here.there = {**here.there, "topic": {"activationState": "Activated", "states": ["Creating", "Failed"]}}
    with pytest.raises(Stop, match=r"does not bring events to the function graph_events .* \(Failed\)"):
        event_grid.connect(there, 2.0, 0.1)
    assert capsys.readouterr().out == ""
    # What failed is asked for anew; so is what Resource Manager refuses because it doesn't know the function.
    assert len(here.calls("PUT", "/eventSubscriptions/")) >= 2
    states = ["Creating", "Failed", "Updating", "Updating", "Succeeded"]
    here.there = {**here.there, "calls": [], "topic": {"activationState": "Activated", "states": states}}
    here.refuse("PUT", "/eventSubscriptions/", 400, "InvalidRequest", times=1)
    event_grid.connect(there, 20.0, 0.1)
    assert [call[call.index("--method") + 1] for call in here.calls("/eventSubscriptions/")] == [
        "PUT",
        "PUT",
        "GET",
        "PUT",
        "GET",
        "GET",
    ]
    assert "Event Grid brings" in capsys.readouterr().out


def test_what_is_refused_for_another_reason_than_a_role_is_not_put_down_to_one(here: Machine) -> None:
    there = made({**OUTPUTS, "EVENTGRID_TOPIC_NAME": TOPIC})
    here.there = {**here.there, "topic": {"activationState": "NeverActivated"}}
    here.refuse("POST", "/activate", 400, "InvalidRequest")
    with pytest.raises(Stop, match=r"\(InvalidRequest\)\. When that is mended") as stopped:
        event_grid.connect(there, 0.3, 0.1)
    assert "Contributor" not in str(stopped.value)


# --- with the whole app -----------------------------------------------------------------------------------


def at(play: Theatre, machine: Machine) -> None:
    """The machine's environment is of this app, and Azure holds its settings."""
    app = play.stage.environment
    machine.environ |= {
        "AZURE_TENANT_ID": app["TENANT_ID"],
        "NOTIFICATION_BASE_URL": app["NOTIFICATION_BASE_URL"],
        "WATCH_STORAGE": play.stage.storage,
        "no_proxy": "127.0.0.1",
        "PYTHONWARNINGS": "ignore",
    }
    secrets = {"CLIENT_STATE", "TEAMS_WORKFLOW_URL"}
    shown = {name: value for name, value in app.items() if name.isupper() and name not in secrets}
    kept = {name: f"@Microsoft.KeyVault(SecretUri=https://v/secrets/{name})" for name in secrets}
    hidden = {name.lower().replace("_", "-"): app[name] for name in secrets}
    machine.there = {
        **machine.there,
        "tenant": app["TENANT_ID"],
        "app_settings": {**shown, **kept},
        "secrets": hidden,
    }


@pytest.mark.real
@pytest.mark.timeout(280)
async def test_one_run_after_deployment_has_graph_tell_the_app_and_one_before_the_end_leaves_nothing(
    storage_account: str, machine: Machine
) -> None:
    async with theatre(storage_account) as play:
        await play.baseline()
        at(play, machine)
        for _ in range(2):
            done = await asyncio.to_thread(machine.hook, "postdeploy")
            assert (done.code, done.err) == (0, ""), done.out
            assert "The app answers; its health is: " in done.out
            assert say("subscriptions", "done", "create") in done.out
            # The doctor looked with the app's own settings, as whoever deploys; no secret was even read.
            assert "Settings: all of them can be used." in done.out
            assert "Permissions: all that it needs are there" in done.out
            assert not any(secret in done.out for secret in machine.there["secrets"].values())
            assert not machine.calls("keyvault")
        assert len((await play.stage.control.state())["subscriptions"]) == 2

        down = await asyncio.to_thread(machine.hook, "predown")
        assert (down.code, down.err) == (0, "")
        assert (await play.stage.control.state())["subscriptions"] == []
        assert say("subscriptions", "done", "delete") in down.out
        # azd asks after this hook whether it shall go on.
        assert down.out.splitlines()[-1].endswith("azd hooks run postdeploy")


@pytest.mark.real
@pytest.mark.timeout(120)
def test_without_an_app_nothing_stands_in_the_way_of_taking_it_down(
    storage_account: str, capsys: pytest.CaptureFixture[str]
) -> None:
    removed.before({**OUTPUTS, "WATCH_STORAGE": storage_account}, wait=1)
    assert "ends by itself, 27 days after it was last renewed" in capsys.readouterr().out


def test_where_nothing_was_provisioned_nothing_is_asked_before_the_end(machine: Machine) -> None:
    done = machine.hook("predown", AZURE_FUNCTION_NAME="")
    assert (done.code, done.err) == (0, "")
    assert "Nothing was provisioned" in done.out


# --- after the end ----------------------------------------------------------------------------------------


def test_the_apps_registration_is_deleted_with_it(machine: Machine) -> None:
    made_before = machine.hook("postprovision", GRAPH_CLOUD="usgov")
    assert made_before.code == 0
    app_id = machine.there["variables"]["REPORT_APP_ID"]
    done = machine.hook("postdown", GRAPH_CLOUD="usgov", REPORT_APP_ID=app_id)
    assert (done.code, done.err) == (0, "")
    assert machine.there["applications"] == {}
    assert machine.there["variables"] == {"REPORT_APP_ID": ""}
    assert machine.hook("postdown", REPORT_APP_ID="").out == ""


def test_a_registration_that_may_not_be_deleted_is_named_with_the_command(machine: Machine) -> None:
    machine.refuse("DELETE", "/applications", 403, "Authorization_RequestDenied")
    done = machine.hook("postdown", REPORT_APP_ID="a-1")
    assert done.code == 0
    assert "az ad app delete --id a-1" in done.out
    assert machine.there["variables"] == {"REPORT_APP_ID": ""}
