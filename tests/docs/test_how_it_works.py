"""The page that walks one notification through the code names functions that there are, in order."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "how-it-works.md"
_LINK = re.compile(r"\[`([^`\]]+)`\]\(\.\./([^)#]+\.py)\)")
_PLAIN = re.compile(r"\[([^`\]]+)\]\(\.\./(?!tests/)([^)]+\.py)[^)]*\)")

STATIONS = (
    "graph_notifications",
    "parse_call",
    "graph_events",
    "Collector.take",
    "evaluate",
    "read_users",
    "_look_again",
    "judge_and_commit",
    "Judge",
    "of_user",
    "Ledger.commit_users",
    "advance",
    "Outbox.publish",
    "Notifier.tell",
    "decide",
    "Sender.send",
    "single",
    "Post.send",
    "delivered",
    "run_if_due",
)
"""What no walk from a call to a card may leave out."""


def linked(text: str) -> list[tuple[str, str]]:
    """Each name with the file that it is linked to."""
    return [(name, file) for name, file in _LINK.findall(text)]


@cache
def defined(file: str) -> frozenset[str]:
    """The functions and classes of a file, and `Class.method`."""
    names: set[str] = set()
    for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            inner = (one for one in node.body if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)))
            names.update(f"{node.name}.{one.name}" for one in inner)
    return frozenset(names)


def strangers(text: str) -> list[str]:
    """The links whose name is not defined in their file."""
    return [
        f"{name} in {file}"
        for name, file in linked(text)
        if not (ROOT / file).exists() or name not in defined(file)
    ]


def test_every_function_that_is_linked_is_in_the_file_behind_the_link() -> None:
    assert strangers(PAGE.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "[`parse_calls`](../shared/graph/notifications.py)",
        "[`Notifier.decide`](../shared/notify/notifier.py)",
        "[`evaluate`](../functions/nothing.py)",
    ],
)
def test_a_name_that_is_not_there_is_found(text: str) -> None:
    assert len(strangers(text)) == 1


def test_it_goes_from_the_call_to_the_card_and_leaves_no_station_out() -> None:
    names = [name for name, _ in linked(PAGE.read_text(encoding="utf-8"))]
    places = [names.index(one) for one in STATIONS]
    assert places == sorted(places)


def test_code_is_linked_by_function_and_not_by_file() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [file for _, file in _PLAIN.findall(text)] == ["shared/storage/versions.py"]
    assert len(linked(text)) >= 50


def test_it_is_read_in_ten_minutes() -> None:
    # 200 words a minute, each link once.
    text = _LINK.sub(r"\1", PAGE.read_text(encoding="utf-8"))
    assert len(text.split()) < 2_000
