"""docs/explain.md and the help of both commands: every line runs, every exit status is that of the code."""

import re
import shlex
from pathlib import Path

import pytest

from admin.words import say
from shared.explain.changes import OFFERED
from tests.admin.shell import ROOT, Shell
from tests.explain.saved import KEY, folder

PAGE = (ROOT / "docs" / "explain.md").read_text()
START = "python -m admin "
EXPECTED = {
    "explain ada@contoso.example --snapshot audit": 3,
    "explain mary@contoso.example --snapshot hidden --key key.txt": 3,
    "replay audit": 0,
    "replay audit --edition 2025-03-04 --csv": 3,
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the page names."""
    here = tmp_path_factory.mktemp("page")
    folder(here / "audit")
    folder(here / "hidden", KEY)
    (here / "key.txt").write_text(KEY)
    return here


def test_every_command_of_the_page_runs_as_it_stands(place: Path) -> None:
    shown = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
    assert [line.removeprefix(START) for line in shown] == list(EXPECTED)
    for line, code in EXPECTED.items():
        answer = Shell("").run(*shlex.split(line), cwd=place)
        assert (answer.code, answer.err) == (code, ""), line
        assert answer.out


@pytest.mark.parametrize(("command", "code"), [("explain", 3), ("replay", 3)])
def test_the_example_of_the_help_runs(place: Path, command: str, code: int) -> None:
    line = say("examples", command).strip().removeprefix(START)
    answer = Shell("").run(*shlex.split(line), cwd=place)
    assert (answer.code, answer.err) == (code, "")


@pytest.mark.parametrize("command", ["explain", "replay"])
def test_help_names_the_example_and_the_exit_status(command: str) -> None:
    answer = Shell("").run(command, "--help")
    assert say("examples", command).strip() in answer.out
    assert "Exit status:" in answer.out


def test_the_page_says_how_many_products_are_offered() -> None:
    assert OFFERED == 3
    assert "three of them, the smallest first" in PAGE
