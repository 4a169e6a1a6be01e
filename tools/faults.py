"""The table of hand-picked faults, and a copy of the project to put them into."""

import contextlib
import os
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec

TABLE = Path("tests/faults/faults.toml")

_PACKAGES = Path("sandbox/node_modules")


class Misfit(Exception):
    """A fault can't be put into this tree: the table or the code has moved on."""


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One mistake: in `file`, `new` takes the place of `old`. `breaks`: what people would suffer.

    `tests`: files, folders or single tests that are most likely to notice, asked before all others.
    """

    name: str
    breaks: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    fault: list[Fault]


def faults_of(root: Path) -> list[Fault]:
    """The table of that tree, each fault held against it. Raises `Misfit` at the first that doesn't fit."""
    raw = tomllib.loads((root / TABLE).read_text(encoding="utf-8"))
    faults = msgspec.convert(raw, _Table).fault
    for fault in faults:
        planted(fault, root)
        missing = [test for test in fault.tests if not (root / test.partition("::")[0]).exists()]
        if missing or not fault.tests:
            raise Misfit(f"{fault.name}: there is no {', '.join(missing) or 'test named'}")
    names = [fault.name for fault in faults]
    if len(set(names)) < len(names):
        raise Misfit("two faults have one name")
    return faults


def planted(fault: Fault, root: Path) -> str:
    """The file's text with the fault in it. Raises `Misfit` where the old text is not there exactly once, or
    the new one can't be read: that would be noticed by anything."""
    try:
        text = (root / fault.file).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Misfit(f"{fault.name}: there is no {fault.file}") from None
    found = text.count(fault.old)
    if found != 1 or fault.old == fault.new:
        raise Misfit(f"{fault.name}: its text stands {found} times in {fault.file}, not once")
    changed = text.replace(fault.old, fault.new)
    try:
        if fault.file.endswith(".py"):
            compile(changed, fault.file, "exec")
        elif fault.file.endswith(".toml"):
            tomllib.loads(changed)
    except (SyntaxError, tomllib.TOMLDecodeError) as error:
        raise Misfit(f"{fault.name}: with it, {fault.file} can't be read: {error}") from None
    return changed


@contextlib.contextmanager
def put_in(fault: Fault, root: Path) -> Iterator[None]:
    """While inside, the tree has the fault."""
    target = root / fault.file
    original, before = target.read_bytes(), target.stat()
    target.write_text(planted(fault, root), encoding="utf-8")
    try:
        yield
    finally:
        target.write_bytes(original)
        # What was compiled of it goes by its time.
        os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))


def copy_of(root: Path, into: Path) -> Path:
    """The tree as it stands, committed or not, without what git ignores; a repository of its own.

    Packages of Node are linked to.
    """
    listed = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        source, target = root / name, into / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    if (root / _PACKAGES).is_dir() and not (into / _PACKAGES).exists():
        (into / _PACKAGES).symlink_to((root / _PACKAGES).resolve())
    _git(into, "init", "--quiet")
    _git(into, "add", "--all")
    return into


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(  # noqa: S603 - our own words, and names of files
        ["git", *arguments],  # noqa: S607 - the developer's own git
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
