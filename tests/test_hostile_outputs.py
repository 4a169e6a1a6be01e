"""The same ten hostile names in all that people get: every form of card, a terminal, a spreadsheet."""

import csv
import io
import re
import unicodedata
from datetime import timedelta

import pytest

from admin.showing import Shown, as_csv, print_list
from shared.notify.saying.cards import LIMIT
from shared.texts.cells import BYTE_ORDER_MARK
from tests.hostile import HOSTILE, seen_on_card
from tests.notify.card_gallery import forms_of
from tests.notify.card_samples import AT, all_texts, commands_of, exemption, kinds_of, size
from tests.notify.test_card_names import inert

GAP = "\u200b"
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


def shown(name: str) -> Shown:
    """An exception whose subject, owner and reason are this text."""
    one = exemption(until=AT + timedelta(days=30))
    return Shown(
        id=one.id,
        kind_code=one.kind,
        kind="users not covered",
        subject_type=one.subject_type,
        subject_id=one.subject_id,
        subject=name,
        name=name,
        upn=name,
        owner=name,
        reason=name,
        created_at=one.created_at,
        until=one.until,
        ended_at=None,
        state="in force",
        state_code="in-force",
    )


@pytest.mark.parametrize("what", HOSTILE)
def test_every_form_of_card_shows_a_hostile_name_as_text(what: str) -> None:
    named = set()
    for form, payload in forms_of(HOSTILE[what][0]).items():
        texts = list(all_texts(payload))
        assert all(inert(text) for text in texts), form
        assert size(payload) <= LIMIT, form
        assert not kinds_of(payload) & {"Image", "Media", "RichTextBlock"}, form
        assert seen_on_card(what) not in "".join(commands_of(payload)).replace(GAP, ""), form
        if any(seen_on_card(what) in _ESCAPED.sub(r"\1", text).replace(GAP, "") for text in texts):
            named.add(form)
    expected = "single single-group single-tenant summary baseline reminder held-worse released-better "
    expected += "declared-product exception-ending exception-ended exception-ended-kind digest"
    assert set(expected.split()) <= named


@pytest.mark.parametrize("what", HOSTILE)
def test_the_table_of_a_terminal_shows_a_hostile_name_in_its_cell(
    what: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, seen = HOSTILE[what]
    monkeypatch.setenv("COLUMNS", "160")
    print_list([shown("Ada Example"), shown(name), shown("Grace Example")])
    printed = capsys.readouterr().out
    assert all(sign == "\n" or unicodedata.category(sign) not in ("Cc", "Cf") for sign in printed)
    assert max(len(line) for line in printed.splitlines()) <= 160
    assert [line.split()[0] for line in printed.splitlines() if "x7k2" in line] == ["x7k2"] * 3
    assert re.sub(r"\W", "", seen)[:4] in re.sub(r"\W", "", printed)


@pytest.mark.parametrize("what", HOSTILE)
def test_a_spreadsheet_shows_a_hostile_name_in_its_cell_and_carries_nothing_out(what: str) -> None:
    name, seen = HOSTILE[what]
    written = as_csv([shown(name)]).removeprefix(BYTE_ORDER_MARK)
    (row,) = csv.DictReader(io.StringIO(written, newline=""))
    for field in ("name", "upn", "owner", "reason"):
        assert row[field].removeprefix("'").startswith(seen)
        assert not row[field].startswith(("=", "+", "-", "@", "\t", "\r"))
