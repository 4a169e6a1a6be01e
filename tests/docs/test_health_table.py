"""The table of health's detail in docs/operate.md names every field that there is, and no other."""

import re
from pathlib import Path

from shared.watch.hearing.calls import CLASSES, REFUSED, UNKNOWN
from shared.watch.wellbeing.health import Health

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operate.md"


def rows() -> dict[str, str]:
    """Each field with what the table says of it."""
    table = PAGE.read_text().partition("| field of the detail |")[2].partition("\n\n")[0]
    found = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (.+) \|$", table, re.MULTILINE)
    return {name: says for names, says in found for name in re.findall(r"`(\w+)`", names)}


def test_every_field_of_healths_detail_is_described_and_no_other() -> None:
    assert set(rows()) == set(Health.__struct_fields__)


def test_every_count_of_calls_is_described() -> None:
    assert {*CLASSES, REFUSED, UNKNOWN} <= set(re.findall(r"`(\w+)`", rows()["calls"]))
