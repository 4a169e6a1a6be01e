"""The clock that jumps in a soak is the one that the whole app asks for the time."""

import ast
import re
from pathlib import Path

from sandbox.stage import APP

CLOCKED = Path(__file__).with_name("clocked_app.py")
ELSEWHERE = {"functions.events"}
"""Not served in a soak: Graph calls, and no topic brings events."""
_ASKS = re.compile(r"\bdatetime\.(?:now|utcnow|today)\(|\btime\.time\(|\bdate\.today\(")


def test_every_module_that_asks_for_the_time_is_given_that_of_the_soak() -> None:
    modules = [path for room in ("shared", "functions") for path in (APP / room).rglob("*.py")]
    asking = {
        ".".join(path.relative_to(APP).with_suffix("").parts)
        for path in modules
        if _ASKS.search(path.read_text("utf-8"))
    }
    tree = ast.parse(CLOCKED.read_text("utf-8"))
    brought = {
        alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    (given,) = (node.iter for node in ast.walk(tree) if isinstance(node, ast.For))
    assert isinstance(given, ast.Tuple)
    set_by_soak = {brought[one.id] for one in given.elts if isinstance(one, ast.Name)}
    assert asking == set_by_soak | ELSEWHERE
