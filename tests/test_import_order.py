"""Imports run one way (design §3): every room imports only rooms that stand before it."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

ORDER = (
    # Standard library and msgspec only.
    "shared.guids",
    "shared.spread",
    "shared.clocks",
    "shared.telemetry",
    "shared.following",
    "shared.texts",
    "shared.model",
    "shared.rules",
    "shared.topic",
    "shared.settings",
    # Pure: no I/O, no Azure, no clock.
    "shared.reach",
    "shared.holdings",
    "shared.verdict",
    "shared.judgement",
    "shared.findings",
    "shared.snapshot",
    "shared.explain",
    # Storage, Graph, telling.
    "shared.storage",
    "shared.archive",
    "shared.graph",
    "shared.ledger",
    "shared.notify",
    # Where the tenant stands, for people and programs.
    "shared.report",
    "shared.whatif",
    # What every job of the watch works with.
    "shared.watch.access",
    "shared.watch.heap",
    "shared.watch.fault_codes",
    "shared.watch.details",
    "shared.watch.messages",
    "shared.watch.nesting",
    "shared.watch.standing",
    "shared.watch.parts",
    "shared.watch.snapshots",
    "shared.watch.housekeeping",
    "shared.watch.asking",
    "shared.watch.subscription_memory",
    "shared.watch.tenant",
    "shared.watch.unwell",
    # The jobs.
    "shared.watch.tenant_facts",
    "shared.watch.users",
    "shared.watch.reach",
    "shared.watch.licensing",
    "shared.watch.hearing",
    "shared.watch.upkeep",
    "shared.watch.telling",
    # Looking after the watch itself.
    "shared.watch.wellbeing",
    "shared.watch.reports",
    # A tenant read once, without the watch.
    "shared.audit",
    "functions",
    "admin",
    "function_app",
)
"""The rooms from the lowest: a folder or a lone file each."""

NEVER = ("sandbox", "tests", "benchmarks", "tools", "infra")


def room_of(module: str) -> str:
    """The room that a module of ours lies in; empty for one that lies in none."""
    return next((room for room in ORDER if module == room or module.startswith(f"{room}.")), "")


def files() -> list[Path]:
    folders = ("shared", "functions", "admin")
    return [ROOT / "function_app.py", *(one for name in folders for one in (ROOT / name).rglob("*.py"))]


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(file: Path) -> Iterator[str]:
    """Every module that the file imports, at its head or within a function; `from a import b` as `a.b`."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{file} imports by dots"
            yield from (f"{node.module}.{one.name}" for one in node.names)


def edges() -> set[tuple[str, str]]:
    """Who imports whom, room by room."""
    pairs = {(room_of(module_of(file)), room_of(name)) for file in files() for name in imported(file)}
    return {(importer, used) for importer, used in pairs if used and importer != used}


def test_every_file_lies_in_one_of_the_rooms_and_every_room_exists() -> None:
    modules = {module_of(file) for file in files()}
    assert {room_of(one) for one in modules} - {""} == set(ORDER)
    assert {one for one in modules if not room_of(one)} == {"shared", "shared.watch"}


def test_no_room_imports_one_that_stands_after_it() -> None:
    seen = edges()
    assert {("shared.watch.users", "shared.watch.parts"), ("functions", "shared.watch.wellbeing")} <= seen
    place = {room: n for n, room in enumerate(ORDER)}
    assert sorted(one for one in seen if place[one[0]] < place[one[1]]) == []
    assert not {("functions", "admin"), ("admin", "functions")} & seen


def test_nothing_that_is_deployed_imports_sandbox_or_tests() -> None:
    wrong = {(module_of(file), name) for file in files() for name in imported(file)}
    assert {pair for pair in wrong if pair[1].split(".")[0] in NEVER} == set()
