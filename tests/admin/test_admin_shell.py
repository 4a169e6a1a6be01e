"""How every command behaves: help, settings, storage that is not there, exit codes, the release order."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.notify.messages import Mass
from shared.notify.table import Brake
from shared.texts.catalogue import Catalogue
from tests.admin.shell import Shell, remembered

COMMANDS = [*(["exception", name] for name in ("add", "list", "end", "import")), ["release"]]
COMMANDS += [
    *(["snapshot", name] for name in ("list", "get")),
    *(["subscriptions", name] for name in ("show", "create", "delete")),
    *([name] for name in ("audit", "explain", "replay", "what-if", "doctor", "erase")),
]
STORED = ["exception", "release", "subscriptions"]
NOWHERE = (
    "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;"
    "BlobEndpoint=http://127.0.0.1:9/a;QueueEndpoint=http://127.0.0.1:9/a"
)


@pytest.mark.parametrize(
    "command", [[], ["exception"], ["snapshot"], ["subscriptions"], *COMMANDS], ids=" ".join
)
def test_every_command_and_every_group_has_help_with_an_example_on_one_line(command: list[str]) -> None:
    answer = Shell("").run(*command, "--help")
    assert answer.code == 0
    shown = answer.out.splitlines()
    example = shown[shown.index("  Example:") + 1]
    assert f"{example} ".startswith(f"    {' '.join(['python -m admin', *command])} ")


@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize(
    ("group", "names", "prefix"),
    [
        ([], ["audit", "explain", "what-if", "replay", "snapshot", "doctor", *STORED, "erase"], ""),
        (["exception"], ["add", "list", "end", "import"], ""),
        (["snapshot"], ["list", "get"], "snapshot-"),
        (["subscriptions"], ["show", "create", "delete"], "subscriptions-"),
    ],
    ids=["admin", "exception", "snapshot", "subscriptions"],
)
def test_commands_are_listed_with_a_whole_sentence_on_one_line_of_eighty_columns(
    texts: Catalogue, group: list[str], names: list[str], prefix: str, width: int
) -> None:
    answer = Shell("").run(*group, "--help", WATCH_LANGUAGE=texts.language, COLUMNS=str(width))
    shown = [line.split(maxsplit=1) for line in answer.out.partition("Commands:")[2].splitlines() if line]
    assert shown == [[name, texts.text("cli", "short", f"{prefix}{name}")] for name in names]
    assert max(map(len, answer.out.splitlines())) <= width


def test_missing_settings_are_listed_all_at_once() -> None:
    answer = Shell("").run("exception", "list", TENANT_ID="contoso", WATCH_STORAGE="")
    assert (answer.code, answer.out) == (2, "")
    first, tenant, storage = answer.err.splitlines()
    assert first == "Settings to correct: 2."
    assert tenant.startswith("TENANT_ID: is not a GUID.")
    assert storage.startswith("WATCH_STORAGE: is missing.")


def test_a_connection_string_that_is_none_is_one_sentence_without_its_key() -> None:
    answer = Shell("AccountName=x;AccountKey=top-secret;nonsense").run("exception", "list")
    assert (answer.code, len(answer.err.splitlines())) == (2, 1)
    assert "top-secret" not in answer.err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        ("{", "is not of the form"),
        ('{"Values": {"TENANT_ID": 5}}', "is not of the form"),
    ],
)
def test_a_settings_file_that_is_none_is_said(tmp_path: Path, content: str | None, said: str) -> None:
    file = tmp_path / "settings.json"
    if content is not None:
        file.write_text(content)
    answer = Shell("").run("exception", "list", "--settings", str(file))
    assert answer.code == 2
    assert said in answer.err


@pytest.mark.timeout(120)
def test_storage_that_nobody_answers_for_is_one_sentence() -> None:
    answer = Shell(NOWHERE).run("exception", "list")
    assert (answer.code, answer.out, len(answer.err.splitlines())) == (1, "", 1)
    assert answer.err.startswith("Storage could not be reached")


def test_with_service_addresses_whoever_is_signed_in_asks(tmp_path: Path) -> None:
    empty = tmp_path / "bin"
    empty.mkdir()
    answer = Shell("").run(
        *("exception", "list"),
        WATCH_STORAGE="",
        WATCH_STORAGE__blobServiceUri="https://127.0.0.1:9/a",
        WATCH_STORAGE__queueServiceUri="https://127.0.0.1:9/b",
        PATH=str(empty),
    )
    assert (answer.code, answer.err) == (1, "Nobody is signed in. Run 'az login' and try again.\n")


@pytest.mark.real
def test_an_account_without_a_ledger_is_one_sentence(storage_account: str) -> None:
    answer = Shell(storage_account).run("exception", "list")
    assert (answer.code, len(answer.err.splitlines())) == (1, 1)
    assert answer.err.startswith("This storage account has no ledger.")


@pytest.mark.real
def test_an_account_that_refuses_us_is_one_sentence(shell: Shell) -> None:
    parts = dict(part.split("=", 1) for part in shell.connection.split(";") if part)
    parts["AccountKey"] = "d3Jvbmc="
    other = Shell(";".join(f"{name}={value}" for name, value in parts.items()))
    answer = other.run("exception", "list")
    assert (answer.code, len(answer.err.splitlines())) == (1, 1)
    assert "Storage Blob Data Contributor" in answer.err


@pytest.mark.real
def test_settings_come_from_a_file_instead_of_the_environment(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"IsEncrypted": False, "Values": shell.environ}))
    answer = shell.run("exception", "list", "--settings", str(file), TENANT_ID="", WATCH_STORAGE="x")
    assert (answer.code, answer.out) == (0, "No exceptions are in force.\n")


@pytest.mark.real
def test_a_release_is_written_with_who_ordered_it_and_says_what_comes_of_it(shell: Shell) -> None:
    since = datetime.now(UTC) - timedelta(minutes=9)
    mass = Mass(worse=True, users=65, limit=50, since=since)
    remembered(shell, Brake(worse=True, since=since, at=since, mass=mass))
    assert shell.order() is None
    answer = shell.run("release", "--by", " Grace\nHopper ")
    assert (answer.code, answer.err) == (0, "")
    held, ordered = answer.out.splitlines()
    assert held.startswith("Held since ")
    assert held.endswith(": 65 users who got worse.")
    assert ordered == "Ordered by Grace Hopper: this will be told as one card, within a minute."
    order = shell.order()
    assert order is not None
    assert (order.by, order.discard) == ("Grace Hopper", False)
    assert datetime.now(UTC) - order.at < timedelta(minutes=2)
    answer = shell.run("release", "--discard", USER="ada")
    assert "Ordered by ada: this will not be told. Ledger and journal keep it." in answer.out
    order = shell.order()
    assert order is not None
    assert (order.by, order.discard) == ("ada", True)
    assert shell.run("release", "--by", "x" * 201).code == 2


def test_a_command_that_has_no_use_for_graph_does_not_wait_for_it_to_load() -> None:
    heavy = ("msgraph", "kiota_abstractions", "azure.identity", "azure.storage", "aiohttp", "jinja2")
    seen = f"import sys, admin.commands; print([one for one in {heavy} if one in sys.modules])"
    printed = subprocess.run(
        [sys.executable, "-c", seen], capture_output=True, text=True, check=True, timeout=60
    )
    assert printed.stdout == "[]\n"
