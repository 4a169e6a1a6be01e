"""The mutation script notices what tests notice, and what they don't."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.rule_mutants import as_toml, mutants_of, without

ROOT = Path(__file__).resolve().parents[2]

TOML = """
[fruit.apple]
colour = "green"
keeps = ["cellar", "fridge"]

[fruit.plum]
colour = "blue"
keeps = ["bowl"]
"""

LOADER = """
import tomllib
from pathlib import Path


def load_rules_from(place: Path) -> dict:
    fruit = tomllib.loads((place / "toy.toml").read_text())["fruit"]
    for name, row in fruit.items():
        if "colour" not in row:
            raise ValueError(f"toy.toml: fruit.{name}: no colour")
    return fruit
"""

WATCHES_ALL = """
from pathlib import Path

from shared.rules.loader import load_rules_from

FRUIT = load_rules_from(Path("shared/rules"))


def test_apple() -> None:
    assert FRUIT["apple"]["keeps"] == ["cellar", "fridge"]


def test_plum() -> None:
    assert FRUIT["plum"]["keeps"] == ["bowl"]
"""

FORGETS_PLUMS = WATCHES_ALL.partition("def test_plum")[0]


def toy(place: Path, tests: str) -> Path:
    """A project of one rules file, its loader and its tests."""
    rules = place / "shared" / "rules"
    rules.mkdir(parents=True)
    for package in (place / "shared", rules):
        (package / "__init__.py").write_text("")
    (rules / "toy.toml").write_text(TOML)
    (rules / "loader.py").write_text(LOADER)
    (place / "tests" / "rules").mkdir(parents=True)
    (place / "tests" / "rules" / "test_toy.py").write_text(tests)
    (place / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    return place


def run(place: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The script on a toy project."""
    command = [sys.executable, "-m", "tools.mutate_rules", "--root", str(place), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd=ROOT)


def test_an_entry_that_no_test_looks_at_survives_and_is_named(tmp_path: Path) -> None:
    done = run(toy(tmp_path, FORGETS_PLUMS))
    assert done.returncode == 1, done.stdout + done.stderr
    survivors = {line for line in done.stdout.splitlines() if line.startswith("survived: ")}
    assert survivors == {
        "survived: toy.toml: fruit.plum  (blue)",
        "survived: toy.toml: fruit.plum.keeps  (bowl)",
        "survived: toy.toml: fruit.plum.keeps[0]  (bowl)",
    }


def test_entries_that_the_loader_or_a_test_misses_are_killed(tmp_path: Path) -> None:
    done = run(toy(tmp_path, WATCHES_ALL), "--killers")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "refused: toy.toml: fruit.plum.colour by ValueError" in done.stdout
    assert "failed: toy.toml: fruit.apple.keeps[1] by tests/rules/test_toy.py::test_apple" in done.stdout
    assert "10 mutants" in done.stdout


def test_a_test_that_reads_the_spelling_is_no_witness(tmp_path: Path) -> None:
    spelling = """

def test_spelling() -> None:
    assert "[fruit.plum]" in Path("shared/rules/toy.toml").read_text()
"""
    done = run(toy(tmp_path, FORGETS_PLUMS + spelling))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 tests read the files' spelling and are no witnesses" in done.stdout
    assert "survived: toy.toml: fruit.plum  (blue)" in done.stdout


def test_the_working_tree_is_left_as_it_was(tmp_path: Path) -> None:
    place = toy(tmp_path, FORGETS_PLUMS)
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    run(place)
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before


def test_tests_that_fail_unmutated_prove_nothing(tmp_path: Path) -> None:
    done = run(toy(tmp_path, WATCHES_ALL.replace("bowl", "vase")))
    assert done.returncode == 2
    assert "test_plum" in done.stdout


def test_rows_written_as_arrays_are_deleted_whole() -> None:
    found = mutants_of("skus.toml", {"sku": [["a", "b"], ["c", "d"]], "plan": ["p"]})
    assert [mutant.place for mutant in found] == [
        "skus.toml: sku",
        "skus.toml: sku[0]",
        "skus.toml: sku[1]",
        "skus.toml: plan",
        "skus.toml: plan[0]",
    ]


@pytest.mark.parametrize("mutant", list(mutants_of("toy.toml", tomllib.loads(TOML))), ids=lambda m: m.place)
def test_a_mutant_lacks_its_entry_and_nothing_else(mutant: Any) -> None:
    whole = tomllib.loads(TOML)
    mutated = tomllib.loads(as_toml(without(whole, mutant.path)))
    left = {m.path for m in mutants_of("toy.toml", mutated)}
    lost = {m.path for m in mutants_of("toy.toml", whole)} - left
    assert whole == tomllib.loads(TOML)
    assert lost
    depth = len(mutant.path) - 1
    assert all(path[:depth] == mutant.path[:depth] for path in lost)


values = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.dates() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), values, max_size=4))
def test_what_is_written_parses_to_the_same_values(document: dict[str, Any]) -> None:
    assert tomllib.loads(as_toml(document)) == document
