"""docs/permissions.md says what the table of permissions says, and its commands are the product's own."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from admin.sign_in import SCOPES
from shared.graph.audits import ALSO_NEEDS
from shared.graph.permissions import table
from tools.write_permissions_page import PAGE, page

ROOT = Path(__file__).resolve().parents[2]
TEXT = PAGE.read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text of a section, down to the next heading."""
    return TEXT.partition(f"## {title}\n")[2].partition("\n## ")[0]


def commands() -> list[list[str]]:
    """Every command that the page shows, in words."""
    blocks = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


def test_the_page_has_the_table_as_it_is() -> None:
    assert page() == TEXT, "run: make permissions-page"
    for row in table().permissions:
        assert f"| `{row.permission}` | `{row.pack}` |" in TEXT


def test_nothing_that_is_asked_for_is_called_not_asked_for() -> None:
    rows = re.findall(r"^\| (.+?) \|", section("What is deliberately not asked for"), re.MULTILINE)
    named = {name for row in rows if ", but" not in row for name in re.findall(r"`([\w.]+)`", row)}
    assert named
    assert not named & {row.permission for row in table().permissions}


def test_the_delegated_permissions_are_those_that_a_sign_in_asks_for() -> None:
    said = re.findall(r"`(\w+\.Read\.All)`", section("Delegated permissions, for the audit"))
    assert set(said) == {*SCOPES, ALSO_NEEDS}


def test_the_packs_of_the_examples_exist() -> None:
    asked = [words[words.index(name) + 1] for words in commands() for name in words if "ACKS" in name.upper()]
    assert len(asked) == 2
    for packs in asked:
        assert set(packs.split(",")) <= set(table().packs)


@pytest.mark.parametrize("words", [one for one in commands() if one[0] == "python"], ids=" ".join)
def test_every_option_of_a_command_is_one_that_it_has(words: list[str]) -> None:
    options = {word for word in words if word.startswith("--")}
    asked = [sys.executable, *words[1:4], "--help"]
    help_text = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for option in options:
        assert option in help_text
