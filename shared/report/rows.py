"""Rows to act on: searched, filtered, sorted, and a page of them. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, get_args

import msgspec

from shared.model import Severity, State
from shared.report.counting import GRAVITY
from shared.report.figures import Row
from shared.rules.kinds import KINDS
from shared.texts.catalogue import Catalogue
from shared.texts.plain import one_line

Sort = Literal["severity", "name", "upn", "state", "since"]
SORTS: tuple[str, ...] = get_args(Sort)

LARGEST = 1_000
"""Rows of a page at most."""

LONGEST_TEXT = 200
"""Signs of a search at most."""

DIFFERING = "differing"
"""Stands among the kinds for: other editions judge the user otherwise."""

LANGUAGE = "language"
"""The parameter that every answer heeds."""

_LATEST = datetime.max.replace(tzinfo=UTC)


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted. `text`: part of name, UPN or id, in any case. Empty filters leave all in.

    `kinds`: kinds of findings of which a user has one; `DIFFERING` stands for users on whom editions differ.
    `page` counts from 1, `size` is 1 to `LARGEST`.
    """

    text: str = ""
    states: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    severity: tuple[str, ...] = ()
    sort: str = "severity"
    descending: bool = False
    page: int = 1
    size: int = 100


class Found(msgspec.Struct, frozen=True):
    """How many rows fit the query, and those of the page."""

    total: int
    rows: tuple[Row, ...]


class BadQuery(ValueError):
    """A parameter that can't be used. `sentence` says what it may be; its text is the English one's gist."""

    def __init__(self, name: str, value: str, allowed: str) -> None:
        self.name, self.value, self.allowed = name, one_line(value, 60), allowed
        super().__init__(f"{name} can't be {self.value!r}: {allowed}")

    def sentence(self, texts: Catalogue) -> str:
        """One sentence for who asked."""
        return texts.text("report", "bad_query", name=self.name, value=self.value, allowed=self.allowed)


class UnknownParameter(BadQuery):
    """A parameter that is not known where it was given: passed over, it would seem to have been heeded."""

    def sentence(self, texts: Catalogue) -> str:
        """One sentence for who asked."""
        return texts.text("report", "unknown_parameter", name=self.value, known=self.allowed)


def only(params: Mapping[str, str], known: Iterable[str]) -> None:
    """Raises `UnknownParameter` for one that is neither among them nor `language`, known everywhere."""
    names = (*known, LANGUAGE)
    for name in params:
        if name not in names:
            raise UnknownParameter(name, name, ", ".join(names))


def query_of(params: Mapping[str, str]) -> Query:
    """The query of URL parameters named as `Query`'s fields; lists are parted by commas.

    `language` is passed over. Raises `BadQuery`, also for a parameter of any other name.
    """
    only(params, _READERS)
    wanted: dict[str, Any] = {}
    for name, read in _READERS.items():
        value = params.get(name, "").strip()
        if value:
            wanted[name] = read(name, value)
    return Query(**wanted)


def _text(name: str, value: str) -> str:
    if len(value) > LONGEST_TEXT:
        raise BadQuery(name, value, f"1-{LONGEST_TEXT}")
    return one_line(value, LONGEST_TEXT)


def _several(allowed: Sequence[str]) -> Callable[[str, str], tuple[str, ...]]:
    def read(name: str, value: str) -> tuple[str, ...]:
        found = tuple(dict.fromkeys(one.strip() for one in value.split(",") if one.strip()))
        for one in found:
            if one not in allowed:
                raise BadQuery(name, one, ", ".join(allowed))
        return found

    return read


def _one(allowed: Sequence[str]) -> Callable[[str, str], str]:
    def read(name: str, value: str) -> str:
        if value not in allowed:
            raise BadQuery(name, value, ", ".join(allowed))
        return value

    return read


def _flag(name: str, value: str) -> bool:
    return _one(("true", "false"))(name, value) == "true"


def _number(largest: int) -> Callable[[str, str], int]:
    def read(name: str, value: str) -> int:
        if not (value.isascii() and value.isdecimal() and len(value) <= 9 and 1 <= int(value) <= largest):
            raise BadQuery(name, value, f"1-{largest}")
        return int(value)

    return read


_READERS: Mapping[str, Callable[[str, str], Any]] = {
    "text": _text,
    "states": _several(tuple(State)),
    "kinds": _several((*KINDS, DIFFERING)),
    "severity": _several(tuple(Severity)),
    "sort": _one(SORTS),
    "descending": _flag,
    "page": _number(1_000_000),
    "size": _number(LARGEST),
}


def find(rows: Iterable[Row], query: Query) -> Found:
    """The page of the rows that fit, in the order asked for; what is equal stays in order of name and id."""
    found = ordered(fitting(rows, query), query)
    begin = (query.page - 1) * query.size
    return Found(total=len(found), rows=tuple(found[begin : begin + query.size]))


def fitting(rows: Iterable[Row], query: Query) -> list[Row]:
    """The rows that fit, in the order given."""
    found: Iterable[Row] = rows
    if query.states:
        states = frozenset(query.states)
        found = [row for row in found if row.state in states]
    if query.severity:
        severities = frozenset(query.severity)
        found = [row for row in found if row.severity in severities]
    if query.kinds:
        kinds, differing = frozenset(query.kinds), DIFFERING in query.kinds
        found = [row for row in found if not kinds.isdisjoint(row.kinds) or (differing and row.others)]
    if query.text:
        text = query.text.casefold()
        found = [row for row in found if text in f"{row.name}\n{row.upn}\n{row.id}".casefold()]
    return list(found)


def ordered(rows: Iterable[Row], query: Query) -> list[Row]:
    """The rows in the order asked for; descending turns the order round, but not that of equals."""
    found = sorted(rows, key=_by_name)
    if query.sort != "name":
        return sorted(found, key=_KEYS[query.sort], reverse=query.descending)
    return sorted(found, key=_KEYS["name"], reverse=True) if query.descending else found


def _by_name(row: Row) -> tuple[str, str]:
    return ((row.name or row.upn).casefold(), row.id)


_STATES = {state: n for n, state in enumerate(State)}

_KEYS: Mapping[str, Callable[[Row], Any]] = {
    "severity": lambda row: (not row.kinds, GRAVITY[row.severity]),
    "name": lambda row: (row.name or row.upn).casefold(),
    "upn": lambda row: row.upn.casefold(),
    "state": lambda row: _STATES[row.state],
    "since": lambda row: row.since or _LATEST,
}
