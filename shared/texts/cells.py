"""Text from a tenant as a cell of a CSV file that somebody will open in a spreadsheet.

A cell that begins like a formula is one there, and may start a program: it gets an apostrophe before it, as
OWASP advises (CSV Injection). A byte order mark tells Excel that the file is UTF-8.
"""

import csv
import io
from collections.abc import Iterable, Sequence

from shared.texts.plain import one_line

BYTE_ORDER_MARK = "\ufeff"
LONGEST = 1_000
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Spreadsheets take the full-width forms for these signs too."""


def cell(text: str) -> str:
    """One line that a spreadsheet shows and does not carry out."""
    line = one_line(text, LONGEST)
    return f"'{line}" if line.startswith(_FORMULA) else line


def without_apostrophe(text: str) -> str:
    """The reverse of what `cell` does to the beginning."""
    return text[1:] if text[:1] == "'" and text[1:].startswith(_FORMULA) else text


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A whole file (RFC 4180): every cell harmless and in quotation marks."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([cell(one) for one in row] for row in rows)
    return BYTE_ORDER_MARK + out.getvalue()
