"""The table of what the watch tells of itself: every code, its card's title, and functions that there are."""

import re
from pathlib import Path

import azure.functions as func
import pytest

from functions import evaluation, notifications, reconciliation, reporting, subscriptions, telling
from shared.texts.catalogue import Catalogue, catalogue
from shared.watch.fault_codes import CODES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "runbook.md"
TEXTS = catalogue()


def rows() -> dict[str, tuple[str, str]]:
    """Each code with what it says and what to do."""
    section = PAGE.read_text().partition("## What the watch tells of itself")[2].partition("\n## ")[0]
    found = re.findall(r"^\| `([a-z-]+)` \| (.+) \| (.+) \|$", section, re.MULTILINE)
    assert len({code for code, _, _ in found}) == len(found)
    return {code: (title, remedy) for code, title, remedy in found}


def functions() -> set[str]:
    """The functions of the app, as the portal names them."""
    app = func.FunctionApp()
    for room in (notifications, evaluation, reconciliation, subscriptions, telling, reporting):
        app.register_functions(room.bp)
    return {str(function.get_function_name()) for function in app.get_functions()}


def test_every_code_has_a_row_with_its_cards_title_and_no_other_has() -> None:
    assert {code: title for code, (title, _) in rows().items()} == {
        code: TEXTS.text("problems", code, "title") for code in CODES
    }


def test_every_log_that_the_table_or_a_card_sends_people_to_is_a_functions() -> None:
    named: set[str] = set()
    for code, (_, remedy) in rows().items():
        named |= set(re.findall(r"(?:Log of|and of) `(\w+)`", remedy))
        named |= set(re.findall(r"Functions › (\w+) ›", TEXTS.text("problems", code, "remedy")))
    assert len(named) >= 7
    assert named <= functions()


@pytest.mark.parametrize("code", sorted(code for code, (_, remedy) in rows().items() if "Log of" in remedy))
def test_the_table_and_the_card_send_people_to_the_same_log(code: str, texts: Catalogue) -> None:
    [first] = re.findall(r"Log of `(\w+)`", rows()[code][1])
    path = {
        "en": "Function App › Functions › {} › Invocations",
        "nl": "Functie-app › Functies › {} › Aanroepen",
    }
    assert path.get(texts.language, "› {} ›").format(first) in texts.text("problems", code, "remedy")
