"""docs/security.md: every threat has an answer, a place in the code and a test, and both are there."""

import ast
import json
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()


def rows_below(head: str) -> list[list[str]]:
    """The rows of the table with this head."""
    lines = PAGE.partition(f"{head}\n")[2].partition("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


THREATS = rows_below("| | threat | answer |")
PLACES = rows_below("| | where | test |")


@cache
def names_in(file: str) -> frozenset[str]:
    """The names of the tests of a file."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(
        one.name for one in ast.walk(tree) if isinstance(one, kinds) and one.name.startswith("test_")
    )


def test_each_threat_has_its_place_under_the_same_number() -> None:
    numbers = [str(number) for number in range(1, len(THREATS) + 1)]
    assert len(THREATS) >= 20
    assert [row[0] for row in THREATS] == [row[0] for row in PLACES] == numbers
    assert all(len(row) == 3 and min(map(len, row[1:])) > 20 for row in THREATS)


@pytest.mark.parametrize(("number", "where", "proof"), PLACES, ids=lambda cell: cell[:40])
def test_every_answer_names_a_place_and_a_test_that_there_are(number: str, where: str, proof: str) -> None:
    places = re.findall(r"`([\w./*-]+)`", where)
    assert places, number
    assert all([*ROOT.glob(place)] for place in places), places
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", proof)
    assert proof.count("::") == len(named) >= 1
    assert all(name in names_in(file) for file, name in named), named


WHO = {"watch": "the app", "deployer": "whoever deploys"}
ON = {
    "hostStorage": "storage of the host (`stssprhost…`)",
    "watchStorage": "storage of the watch (`stssprwatch…`)",
    "vault": "Key Vault",
    "insights": "Application Insights",
}


def test_the_roles_are_those_that_the_templates_assign() -> None:
    rows = json.loads((ROOT / "infra" / "roles.json").read_text(encoding="utf-8"))
    said = [[WHO[row["to"]], row["role"], ON[row["on"]], row["why"]] for row in rows]
    assert rows_below("| who | role | on | why |") == said


def test_every_address_of_the_app_is_in_the_table_of_what_can_be_reached() -> None:
    source = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "functions").glob("*.py"))
    addresses = {f"`/api/{route}`" for route in re.findall(r'route="([^"]+)"', source)}
    assert len(addresses) >= 8
    reached = rows_below("| address | who can reach it | how it is guarded |")
    assert addresses == {one for row in reached for one in re.findall(r"`/api/[^`]+`", row[0])}
