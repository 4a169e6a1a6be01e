"""Before and after azd provisions: secrets made once, permissions and sign-in, each failure one sentence."""

import re

import pytest

from infra.hooks import vault
from infra.hooks.programs import started_by
from infra.hooks.variables import made
from shared.graph.permissions import table
from tests.hooks.conftest import BASE_URL, IDENTITY, OUTPUTS, READER, Machine
from tests.ledger.readings import TENANT_ID

WORKFLOW = "https://prod-01.westeurope.logic.azure.com/workflows/a?sig=s3cret"
GRAPH_TEMPLATE, SIGN_IN = "infra/graph/main.bicep", "infra/app/sign-in.bicep"
BY_REQUESTS = "client-sspr-license-watch-func-sspr-watch-abc"


def granted(machine: Machine) -> list[str]:
    """What the watch's identity has on Microsoft Graph."""
    mine = [one for one in machine.there["assigned"] if one["principalId"] == IDENTITY]
    assert all(one["resourceId"] == "graph" for one in mine)
    return [one["appRoleId"].removeprefix("role-") for one in mine]


# --- before -----------------------------------------------------------------------------------------------


def test_what_is_well_goes_on_without_a_word(machine: Machine) -> None:
    done = machine.hook(
        "preprovision", GRAPH_PACKS="report, policy", DELIVERY="eventgrid", ALERT_EMAIL="it@contoso.example"
    )
    assert (done.code, done.out, done.err) == (0, "", "")


@pytest.mark.parametrize("address", ["", " "])
def test_without_an_address_for_alerts_one_line_says_so_and_it_goes_on(
    machine: Machine, address: str
) -> None:
    done = machine.hook("preprovision", ALERT_EMAIL=address)
    assert (done.code, done.err, len(done.out.splitlines())) == (0, "", 1)
    assert done.out.startswith("ALERT_EMAIL is not set:")


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"GRAPH_CLOUD": "moon"}, "GRAPH_CLOUD is 'moon'. Use one of: public, usgov, usgovdod, china."),
        ({"GRAPH_PACKS": "report,all"}, "GRAPH_PACKS names all."),
        ({"DELIVERY": "post"}, "DELIVERY is 'post'. Use webhook or eventgrid."),
        ({"AZURE_TENANT_ID": "another"}, "Run: az login --tenant another"),
    ],
)
def test_a_wrong_choice_is_said_before_minutes_are_spent(
    machine: Machine, environ: dict[str, str], says: str
) -> None:
    done = machine.hook("preprovision", **environ)
    assert done.code == 1
    assert says in done.err
    assert len(done.err.splitlines()) == 1


def test_what_a_private_network_takes_is_registered_beforehand_and_only_then(machine: Machine) -> None:
    assert machine.hook("preprovision").code == 0
    assert machine.calls("register") == []
    done = machine.hook("preprovision", PRIVATE_NETWORK="true", AZURE_SUBSCRIPTION_ID="chosen")
    assert (done.code, done.err) == (0, "")
    assert machine.hook("preprovision", PRIVATE_NETWORK="true", AZURE_SUBSCRIPTION_ID="").code == 0
    asked = [call[1:6] for call in machine.calls("register")]
    assert asked == [
        ["register", "--namespace", "Microsoft.App", "--subscription", one] for one in ("chosen", "5ub")
    ]
    machine.refuse("REGISTER", "Microsoft.App", 403, "AuthorizationFailed")
    refused = machine.hook("preprovision", PRIVATE_NETWORK="true")
    assert refused.code == 1
    assert "(AuthorizationFailed)" in refused.err
    assert refused.err.strip().endswith("az provider register --namespace Microsoft.App")


def test_whoever_is_not_signed_in_is_told_so(machine: Machine) -> None:
    machine.there = {**machine.there, "signed_in": False}
    done = machine.hook("preprovision")
    assert done.code == 1
    assert done.err.strip().endswith("Run: az login")


def test_a_machine_without_az_is_told_so(machine: Machine) -> None:
    (machine.bin / "az").unlink()
    done = machine.hook("preprovision")
    assert done.code == 1
    assert "az is not installed" in done.err


# --- secrets ----------------------------------------------------------------------------------------------


def test_the_secret_is_made_once_and_never_shown_nor_on_a_command_line(machine: Machine) -> None:
    first = machine.hook("postprovision", TEAMS_WORKFLOW_URL=WORKFLOW)
    assert (first.code, first.err) == (0, "")
    secrets = machine.there["secrets"]
    assert set(secrets) == {"client-state", "teams-workflow-url"}
    assert re.fullmatch(r"[\w-]{64}", secrets["client-state"])
    assert machine.calls("configreferences/appsettings/refresh")
    second = machine.hook("postprovision", TEAMS_WORKFLOW_URL="https://other.example")
    assert second.code == 0
    assert machine.there["secrets"] == secrets, "a new one would silence Graph"
    assert len(machine.calls("refresh")) == 1
    for secret in secrets.values():
        assert secret not in first.out + second.out
        words = [word for call in machine.there["calls"] for word in call if not word.startswith("stdin:")]
        assert not any(secret in word for word in words)
        assert not any(secret in value for value in machine.there["variables"].values())


def test_without_a_terminal_the_workflow_is_asked_for_by_a_sentence_and_given_by_a_command(
    machine: Machine,
) -> None:
    done = machine.hook("postprovision")
    assert done.code == 0
    command = done.out.partition("Run: ")[2].splitlines()[0].removesuffix(".")
    assert command == "./infra/hooks/hook.sh secret TEAMS_WORKFLOW_URL"
    # A person's shell has none of azd's variables: azd itself is asked for them.
    machine.there = {**machine.there, "variables": OUTPUTS}
    given = machine.run("sh", "-c", command, given=f"{WORKFLOW}\n", **dict.fromkeys(OUTPUTS, ""))
    assert (given.code, given.err) == (0, "")
    assert machine.there["secrets"]["teams-workflow-url"] == WORKFLOW
    assert WORKFLOW not in given.out + given.err


def test_where_nobody_knows_the_vault_a_secret_says_how_it_gets_known(machine: Machine) -> None:
    nothing = dict.fromkeys(OUTPUTS, "")
    done = machine.python("secret", "CLIENT_STATE", given="x\n", **nothing)
    assert done.code == 1
    assert "neither this shell nor azd's environment knows" in done.err
    assert "azd env select" in done.err
    (machine.bin / "azd").unlink()
    done = machine.python("secret", "CLIENT_STATE", given="x\n", **nothing)
    assert done.err.startswith("azd is not installed")
    needed = ("AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP", "AZURE_FUNCTION_NAME", "KEY_VAULT_NAME")
    enough = {name: "" if name not in needed else value for name, value in OUTPUTS.items()}
    assert machine.python("secret", "CLIENT_STATE", given=f"{'x' * 48}\n", **enough).code == 0


def test_a_secret_that_the_app_does_not_know_is_refused_with_those_that_it_does(machine: Machine) -> None:
    done = machine.python("secret", "TICKETS_SECRET", given="x\n")
    assert (done.code, machine.there["secrets"]) == (1, {})
    assert "CLIENT_STATE, CLIENT_STATE_PREVIOUS, TEAMS_WORKFLOW_URL, PSEUDONYM_KEY" in done.err
    named = '[{"name": "tickets", "secret": "TICKETS_SECRET"}]'
    assert machine.python("secret", "TICKETS_SECRET", given="x\n", ROUTES=named).code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("--tenant", "contoso", "--principal", IDENTITY),
        ("--tenant", TENANT_ID, "--principal", "watch"),
        ("--tenant", TENANT_ID, "--principal", IDENTITY, "--readers", f"{READER},grace"),
    ],
)
def test_what_is_no_id_is_said_before_az_is_looked_for(machine: Machine, words: tuple[str, ...]) -> None:
    (machine.bin / "az").unlink()
    done = machine.python("grant", *words)
    assert done.code == 1
    assert "which is no id" in done.err


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("TEAMS_WORKFLOW_URL", "", "Nothing was written."),
        ("TEAMS_WORKFLOW_URL", "http://x", "is no https address"),
        ("TEAMS_WORKFLOW_URL", "https://teams.microsoft.com/l/channel/x", "a Teams workflow shows"),
        ("SERVICE_DESK_URL", "desk.example", "is no https address"),
        ("CLIENT_STATE", "too-short", "has not 32 to 128 plain characters"),
        ("CLIENT_STATE_PREVIOUS", "é" * 40, "has not 32 to 128 plain characters"),
    ],
)
def test_what_the_app_would_not_take_is_not_written(
    machine: Machine, name: str, given: str, says: str
) -> None:
    routes = '[{"name": "desk", "type": "webhook", "url": "SERVICE_DESK_URL"}]'
    done = machine.python("secret", name, given=f"{given}\n", ROUTES=routes)
    assert done.code == 1
    assert says in done.err
    assert not given or given not in done.out + done.err
    assert machine.there["secrets"] == {}


def test_a_wrong_address_of_a_pipeline_ends_the_hook_before_anything_is_deployed(machine: Machine) -> None:
    done = machine.hook("postprovision", TEAMS_WORKFLOW_URL="https://teams.microsoft.com/l/channel/x")
    assert done.code == 1
    assert "a Teams workflow shows for its trigger" in done.err
    assert set(machine.there["secrets"]) == {"client-state"}
    assert machine.hook("postprovision", TEAMS_WORKFLOW_URL=WORKFLOW).code == 0


def test_at_a_terminal_it_is_said_what_is_wanted_and_asked_again_while_it_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = iter(["https://teams.microsoft.com/l/channel/x", WORKFLOW])
    written: list[tuple[str, str]] = []
    monkeypatch.setattr(vault, "there", lambda *_: False)
    monkeypatch.setattr(vault, "write", lambda _, name, value: written.append((name, value)))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(typed))
    assert vault.teams(made(OUTPUTS), {})
    assert written == [("TEAMS_WORKFLOW_URL", WORKFLOW)]
    out = capsys.readouterr().out
    assert "Workflows › Send webhook alerts to a channel" in out
    assert "a Teams workflow shows for its trigger" in out
    assert WORKFLOW not in out


def test_nothing_is_done_in_another_tenant_than_that_of_the_environment(machine: Machine) -> None:
    machine.there = {**machine.there, "tenant": "another"}
    done = machine.hook("postprovision", TEAMS_WORKFLOW_URL=WORKFLOW)
    assert done.code == 1
    assert f"Run: az login --tenant {TENANT_ID}" in done.err
    for kind in ("secrets", "applications", "assigned", "deployments"):
        assert not machine.there[kind], kind


@pytest.mark.parametrize(
    ("method", "status", "code", "says"),
    [
        (
            "GET",
            403,
            "AuthorizationFailed",
            "It takes the role Contributor or Owner on the resource group rg-watch.",
        ),
        (
            "PUT",
            403,
            "AuthorizationFailed",
            "It takes the role Contributor or Owner on the resource group rg-watch.",
        ),
        ("GET", 503, "ServerBusy", "could not be asked (ServerBusy)"),
    ],
)
def test_a_vault_that_can_not_be_used_ends_the_hook_and_the_next_run_makes_it_good(
    machine: Machine, method: str, status: int, code: str, says: str
) -> None:
    machine.refuse(method, "/vaults/", status, code)
    done = machine.hook("postprovision")
    assert done.code == 1
    assert says in done.err
    assert done.err.strip().endswith("azd hooks run postprovision")
    assert machine.there["secrets"] == {}
    machine.allow()
    assert machine.hook("postprovision").code == 0
    assert "client-state" in machine.there["secrets"]


# --- the directory ----------------------------------------------------------------------------------------


def test_the_template_is_deployed_and_sign_in_put_before_the_app_the_first_time(machine: Machine) -> None:
    done = machine.hook("postprovision", GRAPH_PACKS="report, policy", REPORT_READERS="r-1,r-2")
    assert done.code == 0
    [[graph, values], [sign_in, of]] = machine.there["deployments"]
    assert (graph, sign_in) == (GRAPH_TEMPLATE, SIGN_IN)
    assert values == {
        "watchPrincipalId": IDENTITY,
        "graphPacks": "report,policy",
        "baseUrl": BASE_URL,
        "reportReaders": "r-1,r-2",
    }
    assert of == {"appName": "func-sspr-watch-abc", "reportAppId": "app-by-template", "delivery": "webhook"}
    assert machine.there["variables"] == {"REPORT_APP_ID": "app-by-template"}
    # From now on infra/main.bicep knows it.
    again = machine.hook("postprovision", REPORT_APP_ID="app-by-template")
    assert again.code == 0
    assert [template for template, _ in machine.there["deployments"]] == [
        GRAPH_TEMPLATE,
        SIGN_IN,
        GRAPH_TEMPLATE,
    ]


def test_whoever_may_not_grant_gets_everything_else_and_the_command_for_whoever_may(machine: Machine) -> None:
    machine.refuse("DEPLOY", GRAPH_TEMPLATE, 403, "Authorization_RequestDenied")
    done = machine.hook("postprovision", GRAPH_PACKS="report", REPORT_READERS=READER)
    assert done.code == 0
    assert "client-state" in machine.there["secrets"]
    assert machine.there["variables"] == {}
    [line] = [one for one in done.out.splitlines() if "./infra/hooks/hook.sh grant" in one]
    assert "Privileged Role Administrator" in line
    words = line.partition("hook.sh ")[2].split()
    machine.allow()
    # Whoever may has none of azd's variables.
    granting = machine.python(*words, **dict.fromkeys(OUTPUTS, ""))
    assert (granting.code, granting.err) == (0, "")
    assert granted(machine) == list(table().granted_by(["report"]))
    assert f"azd env set REPORT_APP_ID {BY_REQUESTS}" in granting.out


def test_whoever_may_not_grant_is_not_alarmed_by_what_somebody_granted_before(machine: Machine) -> None:
    assert machine.hook("postprovision", GRAPH_PACKS="report", GRAPH_CLOUD="usgov").code == 0
    app_id = machine.there["variables"]["REPORT_APP_ID"]
    machine.refuse("DEPLOY", GRAPH_TEMPLATE, 403, "Authorization_RequestDenied")
    again = machine.hook("postprovision", GRAPH_PACKS="report", REPORT_APP_ID=app_id)
    assert again.code == 0
    assert "are there from before" in again.out
    assert "Administrator" not in again.out
    no_report = machine.hook("postprovision", GRAPH_PACKS="report")
    assert "are granted, but nobody can see the report until a Privileged" in no_report.out
    more = machine.hook("postprovision", GRAPH_PACKS="report,policy", REPORT_APP_ID=app_id)
    assert "the watch can't read what they are for until a Privileged" in more.out
    machine.refuse("GET", "/v1.0/", 403, "Authorization_RequestDenied")
    blind = machine.hook("postprovision", GRAPH_PACKS="report", REPORT_APP_ID=app_id)
    assert blind.code == 0
    assert "unless that was done before, the watch can't read what they are for until" in blind.out


def test_where_the_extension_can_not_be_had_graph_itself_is_asked(machine: Machine) -> None:
    machine.refuse("DEPLOY", GRAPH_TEMPLATE, 400, "InvalidTemplate")
    done = machine.hook("postprovision")
    assert done.code == 0
    assert granted(machine) == list(table().granted_by([]))
    assert machine.there["variables"] == {"REPORT_APP_ID": BY_REQUESTS}


def test_by_requests_what_is_there_is_not_made_again(machine: Machine) -> None:
    choices = {"GRAPH_CLOUD": "usgov", "GRAPH_PACKS": "report", "REPORT_READERS": READER}
    assert machine.hook("postprovision", **choices).code == 0
    first = machine.there
    assert first["deployments"] == [[SIGN_IN, first["deployments"][0][1]]]
    assert all("graph.microsoft.us" in " ".join(call) for call in machine.calls("/v1.0/"))
    assert machine.calls("--resource", "https://graph.microsoft.us")
    [app] = first["applications"].values()
    assert app["web"]["redirectUris"] == [f"{BASE_URL}/.auth/login/aad/callback"]
    [vouching] = app["vouching"]
    assert vouching["issuer"] == f"https://login.microsoftonline.com/{TENANT_ID}/v2.0"
    assert vouching["subject"] == IDENTITY
    [service] = first["services"].values()
    assert service["appRoleAssignmentRequired"]
    again = machine.hook("postprovision", **choices, REPORT_APP_ID=app["appId"])
    assert again.code == 0
    assert "Granted on Microsoft Graph: nothing new." in again.out
    for kind in ("applications", "services", "assigned", "deployments"):
        assert machine.there[kind] == first[kind], kind
    moved = {**choices, "WATCH_IDENTITY_PRINCIPAL_ID": "identity-2", "REPORT_APP_ID": app["appId"]}
    assert machine.hook("postprovision", **moved).code == 0
    [app] = machine.there["applications"].values()
    assert [one["subject"] for one in app["vouching"]] == ["identity-2"]


@pytest.mark.parametrize(
    ("login", "audience"),
    [
        ("https://login.microsoftonline.com/", "api://AzureADTokenExchange"),
        ("https://login.microsoftonline.us", "api://AzureADTokenExchangeUSGov"),
        ("https://login.chinacloudapi.cn", "api://AzureADTokenExchangeChina"),
        ("https://login.partner.microsoftonline.cn", "api://AzureADTokenExchangeChina"),
    ],
)
def test_the_identity_vouches_for_the_registration_as_its_cloud_wants_it(
    machine: Machine, login: str, audience: str
) -> None:
    machine.there = {**machine.there, "login": login}
    assert machine.hook("postprovision", GRAPH_CLOUD="usgov").code == 0
    [app] = machine.there["applications"].values()
    [vouching] = app["vouching"]
    assert vouching["audiences"] == [audience]
    assert vouching["issuer"] == f"{login.rstrip('/')}/{TENANT_ID}/v2.0"


def test_what_the_directory_does_not_know_yet_is_tried_again(machine: Machine) -> None:
    machine.refuse("POST", "/v1.0/servicePrincipals", 400, "NoBackingApplicationObject", times=1)
    granted_before = machine.python("grant", "--tenant", TENANT_ID, "--principal", IDENTITY)
    assert granted_before.code == 1, "grants are refused here, by the same rule"
    machine.allow()
    assert machine.hook("postprovision", GRAPH_CLOUD="china").code == 0


def test_an_outage_of_graph_is_no_lack_of_rights(machine: Machine) -> None:
    machine.refuse("GET", "/v1.0/", 503, "serviceNotAvailable")
    done = machine.hook("postprovision", GRAPH_CLOUD="usgov")
    assert done.code == 1
    assert "(serviceNotAvailable). Try: azd hooks run postprovision" in done.err
    assert "Administrator" not in done.out


def test_what_was_not_provisioned_is_named(machine: Machine) -> None:
    done = machine.hook("postprovision", KEY_VAULT_NAME="")
    assert done.code == 1
    assert "azd's environment lacks KEY_VAULT_NAME" in done.err


def test_a_script_of_windows_gets_every_word_quoted_so_that_none_can_end_its_line() -> None:
    url = "https://graph.microsoft.com/v1.0/servicePrincipals(appId='a')?$select=id&$top=9"
    script = started_by("C:\\Program Files\\az.CMD", ["rest", "--url", url, ""])
    assert script == f'"C:\\Program Files\\az.CMD" "rest" "--url" "{url}" ""'
    assert started_by("/usr/bin/az", ["rest", "--url", url]) == ["/usr/bin/az", "rest", "--url", url]
