"""docs/security.md: every threat has an answer, a place in the code and a test, and both are there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
_TABLE = PAGE.partition("| threat |")[2]
ROWS = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", _TABLE, re.MULTILINE)


@cache
def names_in(file: str) -> frozenset[str]:
    """The names of the tests of a file."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(
        one.name for one in ast.walk(tree) if isinstance(one, kinds) and one.name.startswith("test_")
    )


def test_there_is_a_table() -> None:
    assert len(ROWS) >= 20


@pytest.mark.parametrize(("threat", "answer", "where", "proof"), ROWS, ids=lambda cell: cell[:40])
def test_every_threat_names_a_place_and_a_test_that_there_are(
    threat: str, answer: str, where: str, proof: str
) -> None:
    assert len(answer) > 20, threat
    places = re.findall(r"`([\w./*-]+)`", where)
    assert places
    assert all([*ROOT.glob(place)] for place in places), places
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", proof)
    assert proof.count("::") == len(named) >= 1
    assert all(name in names_in(file) for file, name in named), named
