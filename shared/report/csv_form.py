"""The rows as a CSV file that a spreadsheet opens and does not carry out (`shared/texts/cells.py`). Pure."""

from collections.abc import Iterable

from shared.report.views import RowView
from shared.texts.catalogue import Catalogue
from shared.texts.cells import table

COLUMNS = (
    "name",
    "upn",
    "state",
    "cause",
    "rule",
    "kinds",
    "severity",
    "since",
    "synced",
    "products",
    "remedy",
    "others",
    "excepted",
    "id",
)
"""The columns, in order; their headings are in the catalogue."""


def as_csv(views: Iterable[RowView], texts: Catalogue) -> str:
    """The whole file, with a byte order mark: headings in the language of `texts`, a line a row."""
    header = [texts.text("report", "columns", column) for column in COLUMNS]
    return table(header, (_cells(one, texts) for one in views))


def _cells(one: RowView, texts: Catalogue) -> tuple[str, ...]:
    return (
        one.name,
        one.upn,
        one.state_text,
        one.cause_text,
        one.rule,
        one.kinds_text,
        texts.text("report", "severities", one.severity),
        one.since,
        texts.text("format", "yes" if one.synced else "no"),
        "; ".join(one.skus),
        " ".join(one.remedy),
        one.others_text,
        one.excepted,
        one.id,
    )
