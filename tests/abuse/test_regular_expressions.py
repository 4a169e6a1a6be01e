"""Every regular expression of what is shipped, at strings that make a bad one slow: its time grows with them.

Patterns are found in the source, so that a new one is tried without anybody thinking of it. What is no
literal is named below, with the patterns that it becomes.
"""

import ast
import re
import time
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from shared import topic
from shared.report.rows import LONGEST_TEXT, Query, fitting
from shared.settings import telling
from shared.texts.plain import one_line, plain
from tests.report.ledgers import user_id

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("shared", "functions", "admin", "infra/hooks")
CALLS = {"compile", "match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"}
USES = frozenset({"fullmatch", "search", "sub"})
"""Of a pattern whose use is not found: all of these."""

LENGTHS = (12, 16, 20, 22, 24, 26, 28, 32, 64, 256, 1_000, 4_000, 16_000)
"""Signs of the strings. Small steps first: what doubles with each sign is seen before it never ends."""
GRANTED = 0.1
"""Seconds of CPU for any of them. What grows with the square takes seconds for the longest."""

MADE: dict[str, tuple[str, ...]] = {
    "shared/settings/telling.py": (telling._WEEKDAY_AND_TIME.pattern,),
    "shared/topic.py": tuple(
        one if isinstance(one, str) else one.pattern for one in (topic._GROUP, topic._TOPIC, topic._REGION)
    ),
}
"""Patterns that are put together or handed on, by file: as they become."""

READ_FROM_OUR_OWN = {"shared/graph/called.py", "shared/texts/catalogue.py"}
"""Files whose patterns read templates of ours or of the SDK, never what came from outside: they are tried
too, at what a template may be long."""


class Pattern:
    """One pattern, where it stands."""

    def __init__(self, file: str, line: int, text: str, flags: int, uses: Iterable[str]) -> None:
        self.file, self.line, self.text, self.flags = file, line, text, flags
        self.uses = frozenset(uses)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@cache
def patterns() -> tuple[Pattern, ...]:
    """All of them."""
    return tuple(
        found for room in ROOMS for file in sorted((ROOT / room).rglob("*.py")) for found in _of(file)
    )


def _of(file: Path) -> Iterator[Pattern]:
    name = str(file.relative_to(ROOT))
    tree = ast.parse(file.read_text(encoding="utf-8"))
    named = {
        id(node.value): target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and _method(node) in CALLS and _owner(node) == "re"):
            continue
        uses = {_method(node)} - {"compile"} or used().get(named.get(id(node), ""), USES)
        flags = re.IGNORECASE if "IGNORECASE" in ast.unparse(node) else 0
        given = node.args[0]
        if isinstance(given, ast.Constant) and isinstance(given.value, str):
            yield Pattern(name, node.lineno, given.value, flags, uses)
            continue
        assert name in MADE, f"{name}:{node.lineno} makes a pattern: name it in MADE with what it becomes"
        yield from (Pattern(name, node.lineno, text, flags, uses) for text in MADE[name])


@cache
def used() -> dict[str, frozenset[str]]:
    """By the name of a compiled pattern: what is done with whatever bears it, in any file."""
    found: dict[str, set[str]] = {}
    for room in ROOMS:
        for file in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and _method(node) in CALLS:
                    found.setdefault(_owner(node), set()).add(_method(node))
    return {name: frozenset(uses) for name, uses in found.items()}


def _method(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""


def _owner(node: ast.Call) -> str:
    value = node.func.value if isinstance(node.func, ast.Attribute) else None
    return value.id if isinstance(value, ast.Name) else value.attr if isinstance(value, ast.Attribute) else ""


def evil(pattern: str) -> list[str]:
    """Pieces that, said over and over, make this pattern look again and again: its own letters and words,
    alone and in pairs, and what stands in names that people made up."""
    letters = sorted({*re.findall(r"[A-Za-z0-9@&_.{}?/(\[\\\"'#=-]", pattern)})
    words = re.findall(r"[A-Za-z]{2,}_?", pattern)
    pairs = [one + other for one in letters[:4] for other in letters[:4] if one != other]
    usual = [
        "a",
        "0",
        " ",
        "_",
        "&#",
        "&a",
        "a.",
        "_a",
        "0.",
        "{?",
        "(",
        "\u00e9",
        "sync_",
        '"code" ',
        "ERROR: A",
    ]
    return list(
        dict.fromkeys([*letters[:10], *words[:8], *(f"{word}a" for word in words[:4]), *pairs, *usual])
    )


def _seconds(pattern: re.Pattern[str], uses: Iterable[str], text: str) -> float:
    began = time.process_time()
    for use in uses:
        if use in ("sub", "subn"):
            pattern.sub("", text)
        else:
            getattr(pattern, use)(text)
    return time.process_time() - began


def slowest(
    pattern: str, flags: int = 0, uses: Iterable[str] = USES, longest: int = LENGTHS[-1]
) -> tuple[float, str]:
    """The most CPU that it took, and the piece; it stops at what is too slow."""
    made_of, worst = re.compile(pattern, flags), (0.0, "")
    for piece in evil(pattern):
        for length in LENGTHS:
            if length > longest:
                break
            text = (piece * (length // len(piece) + 1))[:length] + "\n!"
            spent = _seconds(made_of, uses, text)
            if spent > GRANTED:
                spent = min(spent, _seconds(made_of, uses, text))
            worst = max(worst, (spent, piece))
            if spent > GRANTED:
                return worst
    return worst


def test_every_pattern_is_found() -> None:
    assert len(patterns()) >= 30
    assert {"shared/texts/plain.py", "shared/graph/notifications.py", "admin/intake.py"} <= {
        one.file for one in patterns()
    }


@pytest.mark.parametrize("pattern", patterns(), ids=str)
def test_a_pattern_takes_no_longer_than_its_text_is_long(pattern: Pattern) -> None:
    longest = 1_000 if pattern.file in READ_FROM_OUR_OWN else LENGTHS[-1]
    spent, piece = slowest(pattern.text, pattern.flags, pattern.uses, longest)
    assert spent <= GRANTED, f"{pattern} takes {spent:.2f} s for {piece!r} over and over"


@pytest.mark.parametrize("bad", [r"(a+)+$", r"sync_[^@]+_([0-9a-f]{12})$", r"\s*x"])
def test_a_pattern_that_grows_with_the_square_is_found(bad: str) -> None:
    assert slowest(bad)[0] > GRANTED


@pytest.mark.parametrize(
    "piece", ["&#", "_a", "*", "\\", "{", "://", "<at>", "0.", "\u202e", "\n", "[x](", "www."]
)
def test_a_name_of_any_length_is_made_harmless_in_time(piece: str) -> None:
    for work in (plain, one_line):
        began = time.process_time()
        assert len(work(piece * 200_000)) < 1_000
        assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "text", ["a", "\u0130", "ß", "(a+)+$", ".*", "%", "\\", "a" * LONGEST_TEXT, "\u202e" * 50], ids=ascii
)
def test_a_search_in_the_report_is_for_the_text_as_it_is(text: str) -> None:
    """No sign of it has a meaning, and its time grows with the rows, not with the text."""
    rows: Any = _rows()
    began = time.process_time()
    found = fitting(rows, Query(text=text))
    assert time.process_time() - began < 1
    assert all(text.casefold() in f"{row.name}\n{row.upn}\n{row.id}".casefold() for row in found)


@cache
def _rows() -> tuple[Any, ...]:
    class Row:
        def __init__(self, number: int, name: str) -> None:
            self.id, self.name, self.upn = user_id(number), name, f"{number}@contoso.example"

    names = ("Ada", "Gra\u00dfe", "\u0130lkay", "a" * 500, "(a+)+$ .*")
    return tuple(Row(number, names[number % len(names)]) for number in range(5_000))
