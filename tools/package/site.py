"""The packages that the app needs, out of a plain install: what it can't reach or use stays out."""

import ast
import base64
import csv
import hashlib
import io
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from tools.package.reach import SDK, Reach

SITE_PACKAGES = Path(".python_packages") / "lib" / "site-packages"
# What compilers and type checkers read, and what pip makes for a shell.
UNREAD = frozenset({".pyi", ".pyx", ".pxd", ".pxi", ".c", ".h"})
UNUSED_FOLDERS = frozenset({"test", "tests", "doc", "docs", "examples", "benchmarks"})


def copy_site(plain: Path, folder: Path, callers: Iterable[Path]) -> None:
    """Copy what the app can use of the plain install into a new folder, without its bytecode."""
    reached = set(Reach(plain, callers).modules.values())
    unused = _unused_folders(plain)
    for file in sorted(plain.rglob("*")):
        if not file.is_file() or not _is_kept(plain, file, reached, unused):
            continue
        to = folder / file.relative_to(plain)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, to)


def _is_kept(plain: Path, file: Path, reached: set[Path], unused: frozenset[Path]) -> bool:
    parts = file.relative_to(plain).parts
    if parts[0] == "bin" or "__pycache__" in parts or file.suffix in UNREAD:
        return False
    if parts[0] == SDK:
        return file in reached or file.name == "py.typed"
    return not any(folder in file.parents for folder in unused)


def _unused_folders(plain: Path) -> frozenset[Path]:
    """Folders of tests and the like that no module outside them imports."""
    found = {
        folder
        for folder in plain.rglob("*")
        if folder.is_dir() and folder.name in UNUSED_FOLDERS and SDK not in folder.relative_to(plain).parts
    }
    return frozenset(folder for folder in found if not _is_imported(plain, folder))


def _is_imported(plain: Path, folder: Path) -> bool:
    name = ".".join(folder.relative_to(plain).parts)
    for file in plain.joinpath(folder.relative_to(plain).parts[0]).rglob("*.py"):
        if folder in file.parents:
            continue
        package = ".".join(file.relative_to(plain).parent.parts)
        if any(f"{imported}.".startswith(f"{name}.") for imported in _imports(file, package)):
            return True
    return False


def _imports(file: Path, package: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            around = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*around, *([node.module] if node.module else [])])
            yield from (base, *(f"{base}.{alias.name}" for alias in node.names))


def rewrite_records(site: Path) -> None:
    """Make every RECORD name what is there, bytecode included, with the digests of what is there.

    Says what `pip` would have said had it installed this; a scanner that compares files with RECORD finds no
    difference.
    """
    for record in sorted(site.glob("*.dist-info/RECORD")):
        with record.open(newline="", encoding="utf-8") as rows:
            named = [row[0] for row in csv.reader(rows) if row]
        kept = sorted({name for row in named for name in _with_bytecode(site, row)})
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        for name in kept:
            file = site / name
            writer.writerow([name, "", ""] if file == record else [name, _digest(file), file.stat().st_size])
        record.write_text(out.getvalue(), encoding="utf-8", newline="\n")


def _with_bytecode(site: Path, name: str) -> Iterator[str]:
    file = site / name
    if name.startswith("..") or not file.is_file():
        return
    yield name
    if file.suffix == ".py":
        for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"):
            yield compiled.relative_to(site).as_posix()


def _digest(file: Path) -> str:
    digest = hashlib.sha256(file.read_bytes()).digest()
    return f"sha256={base64.urlsafe_b64encode(digest).decode().rstrip('=')}"
