"""Names that try to be more than names are shown as they read, in a terminal as in a spreadsheet."""

import csv
import io
import json
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.notify.exceptions.proposals import OWNER_AT_MOST
from shared.texts.cells import BYTE_ORDER_MARK, cell, table
from shared.texts.plain import one_line
from tests.admin.shell import PEOPLE, Shell, begin
from tests.hostile import HOSTILE
from tests.ledger.readings import user_id

FIRST = 11
NAMES = {number: name for number, (name, _) in enumerate(HOSTILE.values(), start=FIRST)}


def harmless(text: str) -> bool:
    """Whether a terminal only shows it: no control sign but the end of a line, none that can't be seen."""
    return all(sign == "\n" or unicodedata.category(sign) not in ("Cc", "Cf", "Zl", "Zp") for sign in text)


@pytest.mark.parametrize("what", HOSTILE)
def test_a_name_is_one_line_that_reads_as_it_is_written(what: str) -> None:
    name, seen = HOSTILE[what]
    shown = one_line(name)
    assert shown.startswith(seen)
    assert len(shown) <= 120
    assert "\n" not in shown
    assert harmless(shown)


@given(st.text())
def test_no_text_at_all_leaves_its_line_or_begins_a_formula(text: str) -> None:
    assert harmless(one_line(text))
    shown = cell(text)
    assert harmless(shown)
    assert not shown.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert shown.lstrip("'") == one_line(text, 1_000).lstrip("'")


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_a_row_is_read_back_as_so_many_cells(row: list[str]) -> None:
    text = table(["a"] * len(row), [row]).removeprefix(BYTE_ORDER_MARK)
    _, back = csv.reader(io.StringIO(text, newline=""))
    assert back == [cell(one) for one in row]


@pytest.mark.real
def test_ten_hostile_names_leave_every_output_harmless_and_readable(shell: Shell) -> None:
    shell.with_storage(lambda storage: begin(storage, {**PEOPLE, **NAMES}))
    written = []
    for number, name in NAMES.items():
        text = name if len(name) <= OWNER_AT_MOST else "Grace"
        written.append({"user": user_id(number), "until": "90d", "owner": text, "reason": text})
    answer = shell.run("exception", "import", "-", stdin=json.dumps(written).encode())
    assert (answer.code, answer.err, harmless(answer.out)) == (0, "", True)
    ids = [line.split()[2].rstrip(":") for line in answer.out.splitlines()]
    shown = shell.run("exception", "list").out
    assert harmless(shown)
    assert len(re.findall(r"(?m)^ ?e-[0-9a-f]{8} ", shown)) == len(ids)
    flat = re.sub(r"\s+", "", shown)
    for key in ids:
        assert key in flat
    rows = list(
        csv.DictReader(io.StringIO(shell.run("exception", "list", "--csv").out.lstrip(BYTE_ORDER_MARK)))
    )
    assert {row["id"] for row in rows} == set(ids)
    for row in rows:
        for value in row.values():
            assert harmless(value)
            assert not value.startswith(("=", "+", "-", "@"))
    by_id = {row["user"]: row for row in rows}
    for number, (name, seen) in zip(NAMES, HOSTILE.values(), strict=True):
        row = by_id[user_id(number)]
        assert row["name"].lstrip("'").startswith(seen)
        if len(name) <= OWNER_AT_MOST:
            assert row["owner"].lstrip("'").startswith(seen)
    escaped = shell.run("exception", "list", "--json").out
    assert escaped.isascii()
    assert harmless(escaped)
