"""What the page says of the telling: reasons, fields and examples of the trail, numbers of the code."""

import re
from datetime import timedelta

import msgspec

from shared.model import JOB_AT_MOST, ndjson
from shared.notify.deciding import brake, declared, one_route
from shared.notify.deciding.scene import Telling
from shared.notify.deciding.states import LASTING, ROWS, Reason
from shared.notify.exceptions import exemptions
from shared.notify.trail import TrailLine
from tests.docs.test_readme import DOCS

TELLING = DOCS / "telling.md"
SECTION = TELLING.read_text().partition("## What you are told, and what not")[2].partition("\n## ")[0]


def test_every_reason_not_to_tell_is_listed_and_whether_it_may_last() -> None:
    rows = re.findall(r"^\| `([a-z-]+)(?::<\w+>)?` \| .+ \| (yes|) ?\|$", SECTION, re.MULTILINE)
    assert {code for code, _ in rows} == set(Reason)
    assert {code for code, lasting in rows if lasting} == set(LASTING)


def test_the_table_of_what_becomes_of_a_finding_is_that_of_the_code() -> None:
    page = (DOCS / "judgement.md").read_text().partition("## §6")[2]
    rows = re.findall(r"^ +\| (open|over) \| (.+) \| (?:silent|told): `([a-z-]+)` \|$", page, re.MULTILINE)
    assert rows == [("open" if row.open else "over", row.name, row.outcome.value) for row in ROWS]


def test_the_fields_of_the_trail_are_those_that_are_written() -> None:
    table = SECTION.partition("| field | meaning |")[2].partition("\n\n")[0]
    cells = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", table, re.MULTILINE)
    named = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert named == list(TrailLine.__struct_fields__)


def test_the_lines_of_the_trail_are_shown_as_they_are_written() -> None:
    [shown] = re.findall(r"```json\n(.*?)```", SECTION, re.DOTALL)
    lines = [msgspec.json.decode(line, type=TrailLine) for line in shown.splitlines()]
    assert {line.event for line in lines} == {"sent", "silent"}
    assert ndjson(lines).decode() == shown


def test_the_numbers_of_the_page_are_those_of_the_code() -> None:
    said = " ".join(SECTION.split())
    assert f"{brake.PERCENT} % (at least {brake.AT_LEAST}, at most {brake.AT_MOST})" in said
    for text, value, of_code in (
        ("four hours at most", timedelta(hours=4), JOB_AT_MOST),
        ("24 hours at most", timedelta(hours=24), declared.AT_MOST),
        ("at most one card a day", timedelta(days=1), one_route.REMINDERS_APART),
        ("A week before the end", timedelta(days=7), exemptions.WARNED_BEFORE),
        ("up to five as a card each", 5, Telling().single_cards),
        ("From the second time on", 2, one_route.FLAPS),
        ("until it has lasted 7 days", timedelta(days=7), one_route.STAYS),
    ):
        assert text in said
        assert value == of_code
