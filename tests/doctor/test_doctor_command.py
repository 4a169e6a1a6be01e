"""The command as people run it: exit codes, no secret, no traceback, and what its page shows."""

import asyncio
import base64
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from admin.doctor.rows import BY_NAME
from sandbox import az
from sandbox.graph.tenant import generate
from sandbox.stage import QUICK_RATES, STORY, Stage
from sandbox.teams import TeamsSink
from sandbox.waiting import until
from shared.storage import Storage, StorageSettings
from shared.texts.catalogue import Catalogue, catalogue
from shared.watch.users.delta_state import Delta
from tests.admin.shell import ROOT, Answer, Shell
from tests.doctor.patients import cards_of
from tests.settings.good_settings import GOOD
from tests.watch.scene import Scene
from tools.write_doctor_page import PAGE, page

SECRETS = {
    "TEAMS_WORKFLOW_URL": "https://x.logic.azure.com/workflows/hidden-path?sig=hidden-signature",
    "CLIENT_STATE": "hidden-client-state-0123456789-0123456789",
    "CLIENT_STATE_PREVIOUS": "hidden-previous-state-0123456789-0123456789",
    "WATCH_STORAGE": "DefaultEndpointsProtocol=https;AccountName=hiddenaccount;AccountKey="
    + base64.b64encode(b"hidden-account-key").decode()
    + ";BlobEndpoint=http://127.0.0.1:9/x;QueueEndpoint=http://127.0.0.1:9/x",
}


def run(*arguments: str, environ: dict[str, str]) -> Answer:
    """The doctor in a process of its own."""
    shell = Shell("")
    shell.environ = environ
    return shell.run("doctor", *arguments)


def test_the_page_has_the_checks_as_they_are() -> None:
    assert PAGE.read_text() == page(), "run: make doctor-page"


def test_everything_wrong_is_red_lines_in_the_language_that_is_set(texts: Catalogue) -> None:
    answer = run(environ={"TENANT_ID": "contoso", "WATCH_LANGUAGE": texts.language})
    assert (answer.code, answer.err) == (3, "")
    assert texts.text("doctor", "groups", "settings") in answer.out.splitlines()
    assert texts.text("doctor", "lights", "red") in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80
    for name in ("TENANT_ID", "WATCH_STORAGE", "CLIENT_STATE", "TELLING_SCHEDULE"):
        assert name in answer.out


def test_amber_is_no_failure() -> None:
    answer = run("--only", "schedules,writeback", environ={**GOOD, "TELLING_SCHEDULE": "0 0 8 * * *"})
    assert (answer.code, answer.err) == (0, "")
    assert "2 amber, 0 red" in answer.out


def test_an_unknown_check_is_one_sentence_with_those_that_there_are() -> None:
    answer = run("--only", "queues,nonsense", environ=dict(GOOD))
    assert (answer.code, answer.out, len(answer.err.splitlines())) == (2, "", 1)
    assert all(name in answer.err for name in ("nonsense", *BY_NAME))


def test_a_settings_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    answer = run("--settings", str(tmp_path / "gone.json"), environ={})
    assert (answer.code, answer.out, len(answer.err.splitlines())) == (2, "", 1)


@pytest.mark.real
def test_no_secret_is_printed_whatever_fails(texts: Catalogue) -> None:
    answer = run("--send-test-card", environ={**GOOD, **SECRETS, "WATCH_LANGUAGE": texts.language})
    assert answer.code == 3
    assert "hidden" not in (answer.out + answer.err)
    assert base64.b64encode(b"hidden-account-key").decode() not in (answer.out + answer.err)
    assert "Traceback" not in answer.err
    wrong = {
        **SECRETS,
        "CLIENT_STATE": "hidden",
        "WATCH_STORAGE": "hidden=1;hidden",
        "ROUTES": '[{"url": "hidden"}]',
    }
    answer = run("--json", environ={**GOOD, **wrong})
    assert (answer.code, json.loads(answer.out)["status"]) == (3, "red")
    assert "hidden" not in (answer.out + answer.err)


@pytest.mark.real
async def test_no_secret_is_logged(begun: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    async with TeamsSink() as teams:
        teams.answer_next(500)
        await cards_of(begun, ("teams",), TEAMS_WORKFLOW_URL=teams.url)
    assert "sig=" not in caplog.text
    assert begun._settings["CLIENT_STATE"] not in caplog.text


@pytest.mark.real
def test_interrupted_it_says_so_in_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        process = subprocess.Popen(
            [sys.executable, "-m", "admin", "doctor", "--only", "address"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **GOOD, "NOTIFICATION_BASE_URL": address_of(silent)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        caller, _ = silent.accept()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        caller.close()
    assert (process.returncode, out) == (130, "")
    assert err == catalogue().text("doctor", "interrupted") + "\n"


def address_of(server: socket.socket) -> str:
    """Where it listens."""
    return f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.real
async def test_at_a_terminal_a_card_is_sent_only_where_somebody_says_yes() -> None:
    async with TeamsSink() as teams:
        environ = {**GOOD, "TEAMS_WORKFLOW_URL": teams.url, "NOTIFICATION_BASE_URL": "http://127.0.0.1:9"}
        refused = await asyncio.to_thread(at_a_terminal, "\n", environ)
        assert "Type y for yes" in refused
        assert teams.cards == []
        agreed = await asyncio.to_thread(at_a_terminal, "y\n", environ)
        assert "a test card was handed over" in " ".join(agreed.split())
        assert len(await teams.wait_for(1)) == 1
        answer = await asyncio.to_thread(run, "--only", "cards", environ=environ)
        assert (answer.code, "none was sent" in answer.out) == (0, True)
        assert len(teams.cards) == 1


def at_a_terminal(typed: str, environ: dict[str, str]) -> str:
    """What a terminal shows of the card's check where this is typed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "admin", "doctor", "--only", "cards"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environ},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    os.write(ours, typed.encode())
    shown = b""
    while process.poll() is None or select.select([ours], [], [], 0.2)[0]:
        if select.select([ours], [], [], 0.2)[0]:
            try:
                shown += os.read(ours, 4096)
            except OSError:
                break
    process.wait(30)
    os.close(ours)
    return shown.decode()


# --- everything at once -----------------------------------------------------------------------------------


@pytest.mark.real
@pytest.mark.timeout(240)
async def test_a_watch_that_runs_is_green_throughout_and_what_the_page_shows_can_be_run(
    storage_account: str, tmp_path: Path
) -> None:
    async with Stage(generate(60, rates=QUICK_RATES), storage=storage_account, settings=STORY) as stage:
        await stage.teams.wait_for(1, 60)
        storage = Storage.connect(StorageSettings(connection_string=storage_account))
        await until("a round of delta", lambda: rounds(storage), 60)
        inherited = {"WATCH_LANGUAGE": "en"} | stage.environment

        answer = await asyncio.to_thread(run, "--send-test-card", "--json", environ=inherited)
        told = json.loads(answer.out)
        dark = [one for one in told["lines"] if one["light"] != "green"]
        assert (answer.code, answer.err, dark) == (0, "", [])
        assert {one["check"] for one in told["lines"]} == set(BY_NAME)
        await stage.teams.wait_for(2)

        identity = {name: inherited.pop(name) for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER")}
        (tmp_path / "settings.json").write_text(json.dumps({"Values": inherited}))
        (tmp_path / "app.json").write_text(as_azure_lists(inherited))
        az.install(tmp_path / "bin", ROOT)
        person = {"TENANT_ID": inherited["TENANT_ID"], "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
        for line in shown():
            given = identity if "--settings" in line else identity | inherited
            given = person if "--as-me" in line else given
            answer = await asyncio.to_thread(run_in, tmp_path, line.split(), given)
            assert (answer.code, answer.err) == (0, ""), line
        await storage.close()


def as_azure_lists(settings: Mapping[str, str]) -> str:
    """These settings of an app as `az functionapp config appsettings list` prints them."""
    secrets = ("CLIENT_STATE", "TEAMS_WORKFLOW_URL")
    kept = {name: f"@Microsoft.KeyVault(SecretUri=https://v/secrets/{name.lower()})" for name in secrets}
    rows = ({"name": name, "slotSetting": False, "value": one} for name, one in {**settings, **kept}.items())
    return json.dumps([*rows])


def test_where_only_the_storage_is_known_it_is_said_how_to_get_the_rest_and_no_secret_is_to_be_made() -> None:
    only = {name: GOOD[name] for name in ("TENANT_ID", "WATCH_STORAGE")}
    answer = run("--only", "settings,permissions", "--json", environ=only)
    lines = json.loads(answer.out)["lines"]
    assert [(one["check"], one["code"]) for one in lines] == [
        ("settings", "storage-only"),
        ("sign-in", "needs-settings"),
        ("permissions", "needs-graph"),
    ]
    assert "CLIENT_STATE" not in answer.out
    assert "## A watch that runs in Azure" in PAGE.read_text()


def test_a_reference_counts_as_set_outside_the_app_and_as_a_fault_in_it(tmp_path: Path) -> None:
    (tmp_path / "app.json").write_text(as_azure_lists(GOOD))
    answer = run("--only", "settings,cards", "--json", "--settings", str(tmp_path / "app.json"), environ={})
    assert [(one["light"], one["code"]) for one in json.loads(answer.out)["lines"]] == [
        ("green", "ok"),
        ("skipped", "unseen"),
        ("skipped", "unseen"),
    ]
    inside = {**GOOD, "CLIENT_STATE": "@Microsoft.KeyVault(SecretUri=https://v/secrets/client-state)"}
    answer = run("--only", "settings", "--json", environ=inside)
    assert (answer.code, json.loads(answer.out)["lines"][0]["code"]) == (3, "fault")


TYPED = "python -m admin doctor"


def shown() -> list[str]:
    """What the pages and the help show of it, as typed after `python -m admin`."""
    pages = [*PAGE.parent.glob("*.md")]
    blocks = [one for page in pages for one in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)]
    lines = [line for block in blocks for line in block.splitlines() if line.startswith(TYPED)]
    lines.append(catalogue().text("cli", "examples", "doctor").strip())
    assert len(lines) >= 4
    return [line.removeprefix("python -m admin ") for line in lines]


def run_in(place: Path, arguments: list[str], environ: dict[str, str]) -> Answer:
    """A command in this folder."""
    shell = Shell("")
    shell.environ = environ
    return shell.run(*arguments, cwd=place)


async def rounds(storage: Storage) -> bool:
    """Whether a round of delta has ended."""
    async for one in storage.ledger.names(""):
        if one.name.endswith("/delta") and (stored := await storage.ledger.read(one.name)):
            return msgspec.json.decode(stored.data, type=Delta).rounds > 0
    return False


def test_the_json_that_the_page_shows_has_the_fields_that_there_are() -> None:
    [block] = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    [line] = json.loads(block)["lines"]
    row = BY_NAME[line["check"]]
    assert (row.group, row.lights[line["code"]]) == (line["group"], line["light"])
    answer = run("--only", "schedules", "--json", environ=dict(GOOD))
    told = json.loads(answer.out)
    assert told.keys() == json.loads(block).keys()
    assert told["lines"][0].keys() == line.keys()


def test_the_lines_that_the_page_shows_are_those_that_are_printed() -> None:
    [block] = re.findall(r"```text\n(.*?)```", PAGE.read_text(), re.DOTALL)
    answer = run("--only", "settings,writeback", environ=dict(GOOD))
    assert block in answer.out
