"""Imports run one way (design §3): commands read storage, and stand on nothing that runs the app."""

import ast
from pathlib import Path

ADMIN = Path(__file__).resolve().parents[2] / "admin"
NEVER = ("sandbox", "functions", "tests", "shared.watch", "msgraph")


def imported(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def test_no_command_imports_what_runs_the_app_or_asks_graph() -> None:
    files = sorted(ADMIN.glob("*.py"))
    assert files
    for file in files:
        wrong = {name for name in imported(file) if name.startswith(NEVER)}
        assert wrong == set(), file.name
