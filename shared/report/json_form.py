"""The report as JSON for programs: codes, ids, counts and times, as docs/report.schema.json says. Pure."""

from collections.abc import Iterable

import msgspec

from shared.model import Facts
from shared.report.figures import Report, Row

SCHEMA = 1
"""Rises when a field changes its meaning or goes; a new field, or a new value of one, does not raise it."""


class Document(Facts, frozen=True, omit_defaults=False):
    """The whole file. `users`: everybody to act on."""

    schema: int
    report: Report
    users: tuple[Row, ...]


def as_json(report: Report, rows: Iterable[Row]) -> bytes:
    """UTF-8; what has its default is left out, as the schema says."""
    return msgspec.json.encode(Document(schema=SCHEMA, report=report, users=tuple(rows)))
