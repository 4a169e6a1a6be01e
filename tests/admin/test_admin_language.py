"""The commands speak the language that is set, `WATCH_LANGUAGE`: their help, their answers, their faults."""

import json
from pathlib import Path

import pytest

from admin.words import settings_file
from shared.texts.catalogue import Catalogue, catalogue
from tests.admin.shell import Shell
from tests.admin.test_admin_shell import COMMANDS
from tests.whatif.contoso import FOLDER, saved

DUTCH = catalogue("nl")


def joined(text: str) -> str:
    """The text without the spaces and line breaks that a terminal's width puts into it."""
    return "".join(text.split())


@pytest.mark.parametrize("command", [[], ["exception"], ["snapshot"], *COMMANDS], ids=" ".join)
def test_help_is_in_the_language_that_is_set(command: list[str]) -> None:
    answer = Shell("").run(*command, "--help", WATCH_LANGUAGE="nl")
    assert (answer.code, answer.err) == (0, "")
    name = "-".join(command[-1:] if "exception" in command else command) or "app"
    said = joined(answer.out)
    assert joined(DUTCH.text("cli", "help", name)) in said
    if command in COMMANDS:
        assert joined(DUTCH.text("cli", "example") + DUTCH.text("cli", "examples", name)) in said
        # A change is tried on a file alone: there is nothing to set.
        assert (joined(DUTCH.text("cli", "options", "settings")) in said) == (command != ["what-if"])


def test_what_is_wrong_is_said_in_the_language_that_is_set() -> None:
    answer = Shell("").run("exception", "list", "--json", "--csv", WATCH_LANGUAGE="nl")
    assert (answer.code, answer.err) == (2, DUTCH.text("cli", "faults", "two-forms") + "\n")
    answer = Shell("").run("exception", "list", TENANT_ID="", WATCH_STORAGE="", WATCH_LANGUAGE="nl")
    assert answer.err.splitlines()[0] == "Te corrigeren instellingen: 2."


@pytest.mark.parametrize("form", ["--settings {file}", "--settings={file}"])
def test_a_settings_file_says_the_language_and_not_the_environment(form: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    given = form.format(file=file).split()
    for in_file, elsewhere, said in (("nl", "en", "Te corrigeren"), ("", "nl", "Settings to correct")):
        file.write_text(json.dumps({"Values": {"WATCH_LANGUAGE": in_file}}))
        answer = Shell("").run("exception", "list", *given, WATCH_LANGUAGE=elsewhere)
        assert (answer.code, answer.err.startswith(said)) == (2, True), answer.err


def test_a_language_that_there_is_not_is_a_fault_with_those_that_there_are() -> None:
    answer = Shell("").run("exception", "list", WATCH_LANGUAGE="tlh")
    assert answer.code == 2
    assert "WATCH_LANGUAGE: 'tlh' is not known. Use one of: en, nl" in answer.err


@pytest.mark.parametrize(
    "command",
    [
        ["what-if", FOLDER, "--writeback", "on"],
        ["replay", FOLDER],
        ["explain", "user01@contoso.example", "--snapshot", FOLDER],
        ["snapshot", "list"],
    ],
    ids=lambda one: one[0],
)
def test_commands_with_and_without_settings_refuse_such_a_language_in_the_same_words(
    command: list[str], tmp_path: Path
) -> None:
    saved(tmp_path)
    answer = Shell("UseDevelopmentStorage=true").run(*command, cwd=tmp_path, WATCH_LANGUAGE="fr")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.splitlines() == [
        "Settings to correct: 1.",
        "WATCH_LANGUAGE: 'fr' is not known. Use one of: en, nl",
    ]


def test_a_language_in_capitals_is_spoken(tmp_path: Path) -> None:
    saved(tmp_path)
    small, capitals = (
        Shell("").run("replay", FOLDER, cwd=tmp_path, WATCH_LANGUAGE=one) for one in ("nl", "NL")
    )
    assert DUTCH.text("replay", "same") in small.out
    assert capitals == small


def test_a_settings_file_that_is_not_there_is_told_also_where_only_its_language_would_count(
    tmp_path: Path,
) -> None:
    saved(tmp_path)
    answer = Shell("").run("replay", FOLDER, "--settings", "none.json", cwd=tmp_path)
    assert (answer.code, answer.out) == (2, "")
    assert "none.json: can't be read: No such file" in answer.err


@pytest.mark.parametrize(
    ("arguments", "file"),
    [
        ([], None),
        (["exception", "list"], None),
        (["exception", "list", "--settings"], None),
        (["exception", "list", "--settings", "a.json"], Path("a.json")),
        (["exception", "list", "--settings=a.json", "--all"], Path("a.json")),
        (["exception", "list", "--settings=a.json", "--settings", "b.json"], Path("b.json")),
        (["exception", "import", "--", "--settings", "a.json"], None),
    ],
)
def test_the_settings_file_is_found_as_the_options_will_be_read(
    arguments: list[str], file: Path | None
) -> None:
    assert settings_file(arguments) == file


@pytest.mark.real
def test_exceptions_are_agreed_listed_and_ended_in_every_language(shell: Shell, texts: Catalogue) -> None:
    def run(*arguments: str) -> str:
        answer = shell.run(*arguments, WATCH_LANGUAGE=texts.language)
        assert (answer.code, answer.err) == (0, "")
        return " ".join(answer.out.split())

    assert run("exception", "list") == texts.text("cli", "none")
    given = ("--kind", "seats-low", "--until", "20d", "--owner", "Grace", "--reason", "Agreed")
    agreed = run("exception", "add", "--tenant", *given)
    made = shell.stored()[0]
    kind, tenant = texts.text("exception", "kinds", "seats-low"), texts.text("cli", "whom", "tenant")
    until = texts.day(made.until.date())
    assert agreed == texts.text("cli", "agreed", id=made.id, subject=tenant, kind=kind, until=until)
    table = run("exception", "list")
    assert kind in table
    assert texts.text("cli", "columns", "owner") in table
    assert run("exception", "end", made.id) == texts.text(
        "cli", "ended", id=made.id, subject=tenant, kind=kind
    )


def test_faults_of_settings_are_wholly_in_the_language_that_is_set() -> None:
    answer = Shell("").run("exception", "list", TENANT_ID="contoso", WATCH_STORAGE="", WATCH_LANGUAGE="nl")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.splitlines() == [
        "Te corrigeren instellingen: 2.",
        "TENANT_ID: is geen GUID. Vul de id van uw tenant in (Entra-beheercentrum, Overzicht)",
        "WATCH_STORAGE: ontbreekt. Vul in WATCH_STORAGE een verbindingsreeks in, of gebruik "
        "WATCH_STORAGE__blobServiceUri en WATCH_STORAGE__queueServiceUri (met __credential=managedidentity "
        "en __clientId)",
    ]
