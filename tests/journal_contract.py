"""Holds every published line against docs/journal.schema.json, whoever publishes it."""

import functools
import json
import re
from collections.abc import Iterable
from pathlib import Path

from jsonschema import Draft202012Validator

from shared.ledger.journal import JournalLine, write_lines

SCHEMA = Path(__file__).resolve().parents[1] / "docs" / "journal.schema.json"


@functools.cache
def validator() -> Draft202012Validator:
    """Made once: compiling is slower than validating."""
    return Draft202012Validator(json.loads(SCHEMA.read_text()))


_VARYING = re.compile(
    rb'"[0-9a-f]{16,24}"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|T\d\d:\d\d:\d\d(?:\.\d+)?'
    rb'|"seq":[1-9]\d*|/[1-9]\d*/(?:0|[1-9]\d*)"'
)
"""Well-formed ids, times and numbers: which ones they are makes no difference to the schema."""

_KEPT: set[bytes] = set()
"""Lines that keep the contract, without what varies: a large tenant's are nearly all alike."""


def breaches(data: bytes) -> list[str]:
    """What in a journal blob is against the schema: where, and what the schema says to it."""
    found: list[str] = []
    for row in data.splitlines():
        alike = _VARYING.sub(lambda varying: b"%d" % len(varying[0]), row)
        if alike not in _KEPT:
            line = json.loads(row)
            against = [f"{error.json_path}: {error.message}" for error in validator().iter_errors(line)]
            found += [f"{line.get('id', '?')}: {text}" for text in against]
            if not against:
                _KEPT.add(alike)
    return found


class Inspector:
    """Stands where lines are written. What it finds fails the test even if the code swallows every error."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.lines = 0

    def write_lines(self, lines: Iterable[JournalLine]) -> bytes:
        """As the real one."""
        data = write_lines(lines)
        self.lines += data.count(b"\n")
        self.found += breaches(data)
        return data

    def settle(self) -> None:
        """Fail on what was found since the last time."""
        found, self.found = self.found, []
        assert not found, "published against docs/journal.schema.json:\n" + "\n".join(found[:20])
