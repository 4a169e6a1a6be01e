"""What can be deleted from the rules' data: each mutant lacks one key of a table or one element of an array.

Mutants are spelt anew: same values, no comments, every top-level entry on one line.
"""

import contextlib
import copy
import json
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from datetime import time as time_of_day
from pathlib import Path
from typing import Any

RULES = Path("shared/rules")

type Steps = tuple[str | int, ...]


@dataclass(frozen=True)
class Mutant:
    """One deletion: `file` relative to the rules directory, `path` the keys and indices that lead to it."""

    file: str
    path: Steps
    label: str

    @property
    def place(self) -> str:
        """Where it is, as one would write it."""
        keys = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return f"{self.file}: {keys.lstrip('.')}"


def mutants_of(file: str, document: dict[str, Any]) -> Iterator[Mutant]:
    """Every key of every table and every element of every array, except inside rows written as arrays."""
    for path, value in _entries(document, ()):
        yield Mutant(file, path, _label(value))


def _entries(node: Any, path: Steps) -> Iterator[tuple[Steps, Any]]:
    items: Sequence[tuple[str | int, Any]] = ()
    if isinstance(node, dict):
        items = list(node.items())
    elif isinstance(node, list) and not (path and isinstance(path[-1], int)):
        items = list(enumerate(node))
    for key, value in items:
        yield (*path, key), value
        yield from _entries(value, (*path, key))


def _label(value: Any) -> str:
    if isinstance(value, dict):
        value = next((v for v in value.values() if isinstance(v, str)), "")
    elif isinstance(value, list):
        value = ", ".join(str(item) for item in value)
    return str(value)[:60]


def without(document: dict[str, Any], path: Steps) -> dict[str, Any]:
    """A copy of the document that lacks the entry at `path`."""
    mutated = copy.deepcopy(document)
    node: Any = mutated
    for step in path[:-1]:
        node = node[step]
    del node[path[-1]]
    return mutated


def as_toml(document: dict[str, Any]) -> str:
    """The document as TOML that parses to the same values; every top-level entry on one line."""
    return "".join(f"{_quoted(key)} = {_value(value)}\n" for key, value in document.items())


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _quoted(value)
        case int() | float():
            return repr(value)
        case datetime() | date() | time_of_day():
            return value.isoformat()
        case list():
            return "[" + ", ".join(_value(item) for item in value) + "]"
        case dict():
            return "{" + ", ".join(f"{_quoted(key)} = {_value(item)}" for key, item in value.items()) + "}"
    raise TypeError(f"TOML has no {type(value).__name__}")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def respell(root: Path) -> None:
    """Write every rules file with the same values as mutants are written."""
    for path in (root / RULES).rglob("*.toml"):
        path.write_text(as_toml(tomllib.loads(path.read_text(encoding="utf-8"))), encoding="utf-8")


@contextlib.contextmanager
def deleted(mutant: Mutant, root: Path) -> Iterator[None]:
    """While inside, the tree's file lacks the entry."""
    target = root / RULES / mutant.file
    original = target.read_bytes()
    document = without(tomllib.loads(original.decode()), mutant.path)
    target.write_text(as_toml(document), encoding="utf-8")
    try:
        yield
    finally:
        target.write_bytes(original)
