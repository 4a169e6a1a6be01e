"""docs/design.md §3 and the README say where each thing lies, and the tree is so."""

import re
from pathlib import Path

from tests.test_import_order import edges

ROOT = Path(__file__).resolve().parents[2]
DESIGN = (ROOT / "docs" / "design.md").read_text()
README = (ROOT / "README.md").read_text()


def table(page: str, head: str) -> list[tuple[str, str]]:
    """The rows of the table with this head, a pair of cells each."""
    rows = page.split(f"\n{head}\n", 1)[1].split("\n\n", 1)[0].splitlines()[1:]
    return [(cells[1], cells[2]) for cells in (row.split("|", 3) for row in rows)]


ROWS = table(DESIGN, "| room | what lies there |")


def rooms() -> dict[str, int]:
    """Each room of the table as a module, with the number of its row; files that are named beside one too."""
    found = {}
    for number, (named, says) in enumerate(ROWS):
        beside = set(re.findall(r"`(shared/\w+\.py)`", says))
        for room in {*re.findall(r"`([\w/.]+)`", named), *beside}:
            found[room.removesuffix(".py").strip("/").replace("/", ".")] = number
    return found


def test_every_room_of_the_product_is_in_the_table_and_the_table_invents_none() -> None:
    there = {
        f"shared.{one.stem}"
        for one in (ROOT / "shared").iterdir()
        if one.name != "__init__.py" and (one.suffix == ".py" or (one / "__init__.py").exists())
    }
    assert rooms().keys() == there | {"functions", "admin"}


def test_every_room_within_the_watch_and_the_telling_is_named_in_its_row() -> None:
    for parent in ("shared/watch", "shared/notify"):
        [says] = [says for named, says in ROWS if f"`{parent}/`" in named]
        within = {one.parent.name for one in (ROOT / parent).glob("*/__init__.py")}
        assert set(re.findall(r"`(\w+)/`", says)) == within


def test_no_row_imports_from_one_above_it() -> None:
    placed = rooms()

    def row(module: str) -> int:
        return next(placed[one] for one in (module, module.rpartition(".")[0]) if one in placed)

    within = [pair for pair in edges() if "function_app" not in pair]
    assert [pair for pair in within if row(pair[0]) > row(pair[1])] == []


def test_every_room_says_at_its_door_what_it_is_for() -> None:
    doors = [
        *(ROOT / "shared").rglob("__init__.py"),
        ROOT / "functions/__init__.py",
        ROOT / "admin/__init__.py",
    ]
    assert len(doors) > 25
    assert [str(one) for one in doors if not one.read_text().startswith('"""')] == []


def test_every_folder_of_the_repository_is_in_the_readme() -> None:
    named = {one for cell, _ in table(README, "| folder | what |") for one in re.findall(r"`(\w+)/", cell)}
    folders = [one for one in ROOT.iterdir() if one.is_dir() and not one.name.startswith(".")]
    there = {one.name for one in folders if any(one.rglob("*.py"))}
    assert there - {"dist"} <= named
    shared = {
        one for cell, _ in table(README, "| folder | what |") for one in re.findall(r"`shared/(\w+)", cell)
    }
    assert {one.parent.name for one in (ROOT / "shared").glob("*/__init__.py")} <= shared
