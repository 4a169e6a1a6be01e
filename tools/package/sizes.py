"""How large a tree is, by what its files are, and the package beside a plain install."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
from rich.table import Table

# Design §7: deployable package over a plain install of the same requirements, .pyc in both.
BUDGET = 0.25
KINDS = {".py": "Python source", ".pyc": "bytecode"}
OTHER = "everything else"


class Size(msgspec.Struct, frozen=True):
    """Files and their bytes (as they would be read, not blocks of a disk)."""

    files: int = 0
    bytes: int = 0

    def __add__(self, other: "Size") -> "Size":
        return Size(self.files + other.files, self.bytes + other.bytes)


Sizes = Mapping[str, Size]


def sizes_of(folder: Path) -> dict[str, Size]:
    """Source, bytecode and the rest of a tree."""
    found = dict.fromkeys((*KINDS.values(), OTHER), Size())
    for file in folder.rglob("*"):
        if file.is_file():
            found[KINDS.get(file.suffix, OTHER)] += Size(1, file.stat().st_size)
    return found


def largest(folder: Path, count: int = 6) -> list[tuple[str, float]]:
    """The largest files and folders that lie directly in a folder, in megabytes."""
    found = {
        each.name: sum(file.stat().st_size for file in (each, *each.rglob("*")) if file.is_file()) / 1e6
        for each in folder.iterdir()
    }
    return sorted(found.items(), key=lambda item: -item[1])[:count]


def total(sizes: Sizes) -> Size:
    """All kinds together."""
    return sum(sizes.values(), Size())


def ratio(package: Sizes, plain: Sizes) -> float:
    """The package over the plain install, in bytes."""
    return total(package).bytes / total(plain).bytes


def table(package: Sizes, plain: Sizes) -> Table:
    """Both side by side, for a terminal."""
    shown = Table(title="The package beside a plain install of the same requirements", title_justify="left")
    shown.add_column("")
    for name in ("plain install", "files", "package", "files"):
        shown.add_column(name, justify="right")
    rows = [
        *((kind, plain[kind], package[kind]) for kind in plain),
        ("together", total(plain), total(package)),
    ]
    for kind, left, right in rows:
        shown.add_row(kind, _megabytes(left), f"{left.files:,}", _megabytes(right), f"{right.files:,}")
    return shown


def _megabytes(size: Size) -> str:
    return f"{size.bytes / 1e6:,.1f} MB"
