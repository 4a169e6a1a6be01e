"""Every shell command that is shown anywhere is run by a test, or parsed and held against its program.

What is ours runs in the sandbox: `RUN` says by which test. What only Azure, GitHub or azd can run is parsed
(`shell_words`), and its words are looked up in `known_programs.toml`.
"""

import importlib
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from admin.words import say
from tests.docs import shell_words
from tests.docs.shown_commands import Shown, everything, of_page, of_strings, of_texts, of_workflow

ROOT = Path(__file__).resolve().parents[2]
SHOWN = everything(ROOT, shell_words.programs())
BLOCKS = [one for one in SHOWN if one.whole and one.file.endswith(".md")]

RUN: Mapping[str, tuple[str, ...]] = {
    "make": ("tests.docs.test_readme:COMMANDS",),
    "python -m sandbox": ("tests.docs.test_readme:COMMANDS",),
    "python -m admin audit": ("tests.docs.test_audit_page:run_here",),
    "python -m admin doctor": ("tests.doctor.test_doctor_command:shown",),
    "python -m admin erase": ("tests.docs.test_privacy_page:LINES",),
    "python -m admin exception": ("tests.docs.test_admin_examples:typed",),
    "python -m admin explain": (
        "tests.explain.test_explain_page:EXPECTED",
        "tests.docs.test_privacy_page:LINES",
    ),
    "python -m admin release": ("tests.docs.test_admin_examples:typed",),
    "python -m admin replay": ("tests.explain.test_explain_page:EXPECTED",),
    "python -m admin snapshot": ("tests.docs.test_admin_examples:typed",),
    "python -m admin subscriptions": ("tests.docs.test_shell_commands:subscriptions_run",),
    "python -m admin what-if": ("tests.docs.test_what_if_page:examples",),
    "curl": ("tests.docs.test_sandbox_page:LINES", "tests.stories.test_report:LINES"),
}
"""Commands of ours, and where the lines stand that a test runs: a file of tests and its list, or what makes
the list."""


PARSED = ("python -m infra.hooks", "make setup")
"""Of ours too. The hooks work on what was deployed: `tests/hooks` runs them against stand-ins of az. Where a
test runs at all, setting up has been done."""


def subscriptions_run() -> list[str]:
    """What `tests/stories/test_subscriptions.py` runs: the examples of the help."""
    return [say("examples", f"subscriptions-{one}").strip() for one in ("show", "create", "delete")]


def lines_run(where: str) -> set[str]:
    """The lines that the tests of a file run, each as words joined by single spaces."""
    module, _, name = where.partition(":")
    found: Any = getattr(importlib.import_module(module), name)
    lines = found() if callable(found) else found
    return {_plain(one[0] if isinstance(one, tuple) else one) for one in lines}


def _plain(line: str) -> str:
    [words] = shell_words.split(line.removeprefix("python -m admin "))
    return " ".join(words)


def ours() -> list[tuple[Shown, str, list[str]]]:
    """Each command of ours in a block of a page: where it stands, its key in `RUN`, and its words."""
    found = []
    for shown in BLOCKS:
        for words in shell_words.split(shown.text):
            line = " ".join(words)
            key = max((one for one in RUN if f"{line} ".startswith(f"{one} ")), key=len, default="")
            if line.startswith(PARSED):
                continue
            if key or words[:2] == ["python", "-m"] or words[0] == "make":
                found.append((shown, key, words))
    return found


def test_there_are_commands_to_look_at() -> None:
    assert len(BLOCKS) >= 20
    assert {Path(one.file).parts[0] for one in SHOWN} >= {"README.md", "docs", ".ci"}
    assert any(not one.whole for one in SHOWN)


@pytest.mark.parametrize("shown", SHOWN, ids=lambda one: one.place)
def test_every_command_is_parsed_and_known(shown: Shown) -> None:
    assert shell_words.faults(shown.text, whole=shown.whole) == [], shown.place


def test_every_command_of_ours_that_a_page_shows_is_run_by_a_test_as_it_stands() -> None:
    run = {key: set().union(*map(lines_run, where)) for key, where in RUN.items()}
    missing = [
        f"{shown.place}: {' '.join(words)}"
        for shown, key, words in ours()
        if not key or " ".join(words).removeprefix("python -m admin ") not in run[key]
    ]
    assert missing == [], shell_words.listed(missing)


def test_nothing_is_listed_that_no_page_shows() -> None:
    assert set(RUN) == {key for _, key, _ in ours()}
    assert all(entry.source or entry.options == ("*",) for entry in shell_words.known().command)


def test_every_file_that_tells_people_what_to_type_is_looked_at() -> None:
    files = {one.file for one in SHOWN}
    for page in sorted((ROOT / "docs").glob("*.md")):
        if re.search(r"^ *```(sh|bash|powershell)$", page.read_text(), re.MULTILINE):
            assert page.relative_to(ROOT).as_posix() in files


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("make deploy-everything", "no target deploy-everything"),
        ("python -m admin forget", "no command forget"),
        ("python -m admin audit --everything", "--everything"),
        ("python -m admin explain", "Missing argument"),
        ("python -m admin exception list --until 90d", "--until"),
        ("python -m sandbox up --people 7", "--people"),
        ("python -m tools.nothing", "no module tools.nothing"),
        ("python tools/nothing.py", "there is no tools/nothing.py"),
        ("python -c 'import'", "is no Python"),
        ("az keyvault secret set --vault-name <vault> --name y --nam x", "--nam is no option"),
        ("az keyvault secret set --vault-name <vault>", "--name is missing"),
        ("az keyvault secret put --name x", "no such command"),
        (
            "az functionapp deployment source config-zip --resource-group g --name n --src p.zip",
            "--build-remote is missing",
        ),
        ("azd down now --force", "takes no 'now'"),
        ("azd launch", "no such command"),
        ("git push", "no such command"),
        ("terraform apply", "terraform is not in known_programs.toml"),
        ("az login && (azd up", "can't be parsed"),
        ("echo 'one", "can't be parsed"),
        ("VALUE=$(azd env get-value)\naz login --tenant $(azd nothing)", "azd nothing: no such command"),
        ("if az nothing; then exit 1; fi", "az nothing: no such command"),
        ("tools/find-nothing", "there is no tools/find-nothing"),
    ],
)
def test_a_command_that_could_not_work_is_a_fault(text: str, fault: str) -> None:
    found = shell_words.faults(text)
    assert len(found) == 1, found
    assert fault in found[0]


@pytest.mark.parametrize(
    "text",
    [
        "az login --tenant <id of your tenant>",
        "azd env set PASSWORD_WRITEBACK on",
        'NAME=$(azd env get-value APP)\naz functionapp restart --name "$NAME" --resource-group x',
        "set -eu\nif ! command -v node >/dev/null; then\n  exit 1\nfi",
        "one() {\n  az login\n}\none",
        "python -m admin doctor --only settings,storage",
    ],
)
def test_a_command_that_could_work_is_none(text: str) -> None:
    assert shell_words.faults(text) == []


@pytest.mark.parametrize(
    "text", ["`az storage`", "`python -m admin …`", "`python -m admin what-if`", "`az login`"]
)
def test_words_in_a_sentence_may_be_a_beginning(text: str) -> None:
    [shown] = of_page(f"Say {text} or not.\n", "page.md", shell_words.programs())
    assert not shown.whole
    assert shell_words.faults(shown.text, whole=False) == []


def test_each_command_of_other_programs_stands_in_the_table_once() -> None:
    names = [one.command for one in shell_words.known().command]
    assert sorted(set(names)) == sorted(names)


def test_words_in_a_sentence_are_looked_at_too() -> None:
    [shown] = of_page("Say `python -m admin\nforget`.\n", "page.md", shell_words.programs())
    assert shell_words.faults(shown.text, whole=False)


BROKEN = {
    "a block": "```sh\nazd launch\n```\n",
    "a block of bash": "```bash\nazd launch\n```\n",
    "a block in a list": "- so:\n\n  ```sh\n  azd launch\n  ```\n",
    "a block of PowerShell": "```powershell\nazd `\n  launch\n```\n",
    "a line after a prompt": "```console\n$ azd launch\nDone.\n```\n",
    "a block without a language": "```\nazd launch\n```\n",
    "a sentence": "Then `azd launch` does it.\n",
}


@pytest.mark.parametrize("page", BROKEN.values(), ids=BROKEN)
def test_no_form_of_a_page_hides_a_wrong_command(page: str) -> None:
    found = [*of_page(page, "page.md", shell_words.programs())]
    assert [one for shown in found for one in shell_words.faults(shown.text, whole=shown.whole)] == [
        "azd launch: no such command is in known_programs.toml"
    ]


def test_a_workflow_and_a_hook_hide_none_either() -> None:
    workflow = {"jobs": {"one": {"steps": [{"run": "azd launch ${{ inputs.name }}"}]}}}
    [step] = of_workflow(yaml.safe_dump(workflow), "work.yml")
    assert shell_words.faults(step.text)
    [printed] = of_strings('print("Run this:\\nazd launch now")\n', "hook.py", shell_words.programs())
    assert shell_words.faults(printed.text, whole=False)
    [told] = of_strings(
        'raise Stop(f"No {thing}. Run: azd launch {name}")\n', "hook.py", shell_words.programs()
    )
    assert told.text == "azd launch VALUE"
    text = "a = \"Run 'azd launch' or this: python -m admin forget {id}. Then look.\"\n"
    texts = [*of_texts(text, "en.toml", shell_words.programs())]
    assert [one.text for one in texts] == ["azd launch", "python -m admin forget VALUE"]
    assert all(shell_words.faults(one.text, whole=False) for one in texts)


def test_a_broken_copy_of_the_repository_fails(tmp_path: Path) -> None:
    """The real pages, with one command spoilt in each: every one of them is found."""
    shutil.copytree(ROOT / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("pictures", "*.json"))
    spoilt = _spoil(tmp_path / "docs")
    found = {
        shown.file
        for shown in everything(tmp_path, shell_words.programs())
        if shell_words.faults(shown.text, whole=shown.whole)
    }
    assert len(spoilt) >= 5
    assert found == spoilt


def _spoil(folder: Path) -> set[str]:
    spoilt: set[str] = set()
    for page in folder.glob("*.md"):
        text = page.read_text()
        worse = re.sub(r"(?m)^(```sh\n(?:python -m \w+|azd|az|make|git)) ", r"\1 no-such-", text, count=1)
        if worse != text:
            page.write_text(worse)
            spoilt.add(f"docs/{page.name}")
    return spoilt


def test_lines_are_said_as_an_editor_counts_them() -> None:
    page = "# One\n\nSay `az login`.\n\n```sh\nazd up\n```\n"
    places: Iterable[str] = [one.place for one in of_page(page, "p.md", shell_words.programs())]
    assert sorted(places) == ["p.md:3", "p.md:6"]
