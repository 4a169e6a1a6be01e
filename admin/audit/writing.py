"""What a reading left behind, made into the page, the table and the data."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from admin.audit.folder import DATA, PAGE, TABLE
from admin.words import texts
from shared.audit.books import records_in
from shared.audit.reading import RECORDS, Audited
from shared.report.building import Builder
from shared.report.counting import GRAVITY
from shared.report.csv_form import as_csv
from shared.report.figures import Report, Row
from shared.report.json_form import as_json
from shared.report.page import as_page
from shared.report.views import RowView, view
from shared.rules.loader import Rules


class Written(msgspec.Struct, frozen=True):
    """The report, and every user to act on, the gravest first."""

    report: Report
    views: list[RowView]


def write(place: Path, audited: Audited, rules: Rules, *, pseudonymised: bool) -> Written:
    """Write the three files into the folder that the reading was left in; its records then go.

    Memory grows with the users to act on, not with all. Raises `OSError`.
    """
    words = texts()
    builder = Builder(audited.record, rules, audited.policy, words, at=datetime.now(UTC), source="audit")
    rows: list[Row] = []
    for record in records_in(place / RECORDS):
        row = builder.add(record)
        if row is not None:
            rows.append(row)
    (place / RECORDS).unlink()
    report = msgspec.structs.replace(builder.report(), pseudonymised=pseudonymised)
    rows.sort(key=_by_gravity)
    views = [view(row, report, words) for row in rows]
    page = as_page(report, views, len(views), words)
    (place / PAGE).write_text(page.html, encoding="utf-8")
    (place / TABLE).write_text(as_csv(views, words), encoding="utf-8", newline="")
    (place / DATA).write_bytes(as_json(report, rows))
    return Written(report, views)


def _by_gravity(row: Row) -> tuple[bool, int, str, str]:
    """Those on whom only the editions differ come last."""
    return not row.kinds, GRAVITY[row.severity], row.upn.casefold(), row.id
