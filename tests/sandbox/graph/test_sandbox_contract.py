"""The behaviour contract and the tests name each other, without exception."""

import ast
import tomllib
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
ROWS = tomllib.loads((HERE / "contract.toml").read_text("utf-8"))["behaviour"]
PROVING = (
    "users",
    "delta",
    "group_delta",
    "audits",
    "delivery",
    "throttle",
    "faults",
    "people",
    "strays",
    "licensing",
    "groups",
    "lag",
    "directory",
    "subscriptions",
    "service",
    "principals",
    "sdk",
)


def _tests() -> set[str]:
    """Every test of the proving files that asserts something."""
    found = set()
    for name in PROVING:
        path = HERE / f"test_sandbox_{name}.py"
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef) and node.name.startswith("test_"):
                claims = any(isinstance(part, ast.Assert) for part in ast.walk(node))
                assert claims or "pytest.raises" in ast.unparse(node), node.name
                found.add(f"{path.name}::{node.name}")
    return found


def test_each_behaviour_has_a_section_and_tests_that_exist_and_each_test_proves_one() -> None:
    named = Counter(test for row in ROWS for test in row["tests"])
    assert named.keys() == _tests()
    assert set(named.values()) == {1}
    for row in ROWS:
        assert row["section"]
        assert row["says"]
