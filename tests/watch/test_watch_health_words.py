"""Every fault of the watch has its words: on its card, and in health."""

import ast
from pathlib import Path

import pytest

from shared.graph.subscription_plan import Reason
from shared.model import Moment
from shared.notify.messages import Item
from shared.texts.catalogue import Catalogue
from shared.watch import unwell
from shared.watch.fault_codes import CAUSES, CODES, OVERDUE, cause_of, problems
from shared.watch.hearing.subscriptions import CODES as OF_SUBSCRIPTIONS
from shared.watch.hearing.subscriptions import RESOURCES
from tests.notify.card_samples import TEXTS, ended, entry, wording
from tests.watch.scene import Scene

SHARED = Path(__file__).resolve().parents[2] / "shared"
EVERY = ("name", "title", "fixed", "state", "held", "remedy")


def noted_codes() -> set[str]:
    """The codes that any call of `unwell.note` in the product names."""
    found: set[str] = set()
    for path in SHARED.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        constants = {
            node.target.id: str(node.value.value)
            for node in tree.body
            if isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("unwell.note"):
                named = [key for one in node.args if isinstance(one, ast.Dict) for key in one.keys]
                found |= {str(key.value) for key in named if isinstance(key, ast.Constant)}
                found |= {
                    constants[key.id] for key in named if isinstance(key, ast.Name) and key.id in constants
                }
    return found


def card(code: str, cause: str = "", moment: Moment = Moment.OPENED) -> dict[str, str]:
    """What a card says of this fault."""
    one = entry("watch-unwell", "unwell", about=code, cause=cause or code)
    words = wording()
    return {
        "title": words.title(Item(moment=moment, entry=one)),
        "state": words.state(one),
        "why": words.why(one),
        "concerns": words.about(one),
        "cause": words.cause(one),
        "steps": " ".join(words.steps(one)),
    }


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_fault_has_all_of_its_words(code: str, texts: Catalogue) -> None:
    for part in EVERY:
        assert texts.text("problems", code, part)
    for part in ("state", "held", "remedy"):
        assert texts.text("problems", code, part).endswith(".")


def test_no_fault_is_noted_that_has_no_words_and_no_words_are_left_over() -> None:
    noted = noted_codes()
    assert {"sweep", "delta"} <= noted
    # What is wrong with a piece of evidence is noted in the very write of that evidence.
    assert noted | set(OF_SUBSCRIPTIONS.values()) | {"skus", "groups", "registration"} | {*OVERDUE} == CODES
    assert noted.isdisjoint(OVERDUE)
    assert TEXTS.codes("problems") == CODES
    assert set(OF_SUBSCRIPTIONS) == set(RESOURCES)


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_card_says_what_is_wrong_what_is_held_and_what_to_do(code: str) -> None:
    shown = card(code)
    assert shown["title"] == TEXTS.text("problems", code, "title")
    assert shown["state"] == TEXTS.text("problems", code, "state")
    assert shown["why"].startswith(TEXTS.text("problems", code, "held"))
    assert shown["why"].endswith("silence may not mean that all is well.")
    assert shown["steps"] == TEXTS.text("problems", code, "remedy")
    assert shown["concerns"] == TEXTS.text("problems", code, "name")
    assert shown["cause"] == ""


@pytest.mark.parametrize(
    ("code", "cause"), [(code, cause) for code in CAUSES for cause in sorted(CAUSES[code])]
)
def test_each_cause_of_a_fault_asks_something_else_of_a_person(code: str, cause: str) -> None:
    others = [card(code, other) for other in CAUSES[code] - {cause}]
    shown = card(code, cause)
    assert shown["steps"] not in [other["steps"] for other in others]
    assert shown["state"] not in [other["state"] for other in others]
    if cause != Reason.FAILED:
        assert TEXTS.codes("problems", code, "causes", cause) >= {"state", "remedy"}


def test_no_words_are_left_over_for_causes(texts: Catalogue) -> None:
    for code in CODES:
        assert texts.codes("problems", code, "causes") == set(CAUSES.get(code, ())) - {Reason.FAILED}


def test_a_fault_that_is_over_is_called_by_its_name_not_the_whole_watch_well() -> None:
    one = ended(entry("watch-unwell", "unwell", about="sweep", cause="sweep"), "fixed")
    title = wording().title(Item(moment=Moment.RESOLVED, entry=one))
    assert title == "Fixed: The reading of all users goes on again"
    assert wording().why(one) == TEXTS.text("kinds", "watch-unwell", "why")


def test_a_code_without_words_still_makes_a_card_and_a_line() -> None:
    assert card("made-up")["title"] == TEXTS.text("kinds", "watch-unwell", "title", "unwell")
    assert card("made-up")["steps"].startswith("Open the watch's health page: ")
    assert unwell.in_words({"made-up": "for 3 hours"}, TEXTS) == ["made-up: for 3 hours"]


@pytest.mark.parametrize(
    ("detail", "cause"),
    [
        ("address:", "address"),
        ("in-the-way: 1, 2", "in-the-way"),
        ("Forbidden 403", ""),
        ("weather: bad", ""),
        ("", ""),
    ],
)
def test_the_cause_is_the_word_that_a_detail_begins_with_if_the_code_knows_it(
    detail: str, cause: str
) -> None:
    assert cause_of("subscription-users", detail) == cause
    assert cause_of("sweep", detail) == ""


def test_faults_are_told_in_order_with_their_cause() -> None:
    noted = {"sweep": "address: no cause of it", "subscription-users": "quota:", "delta": "x"}
    assert problems(noted) == ["delta", "subscription-users:quota", "sweep"]


def test_health_says_a_fault_with_whose_subscriptions_stand_in_the_way() -> None:
    [line] = unwell.in_words({"subscription-users": "in-the-way: 11, 22"}, TEXTS)
    assert line.startswith("A subscription of this app on users that sends to another address is in the way")
    assert line.endswith("(11, 22)")


@pytest.mark.real
async def test_two_faults_are_two_findings_and_each_ends_by_itself(known: Scene) -> None:
    async def standing() -> dict[str, str]:
        record = await known.watch.tenant()
        found = record.subjects["tenant"].open
        return {
            one.finding.about: one.finding.cause
            for one in found.values()
            if one.finding.kind == "watch-unwell"
        }

    await unwell.note(known.watch, {"sweep": "Forbidden 403", "subscription-users": "address:"})
    assert await standing() == {"sweep": "sweep", "subscription-users": "address"}
    writes = known.ledger_writes()
    await unwell.note(known.watch, {"sweep": "Forbidden 403"})
    assert known.ledger_writes() == writes
    await unwell.note(known.watch, {"sweep": None})
    assert await standing() == {"subscription-users": "address"}
    told = [
        (line.transition, line.subject.about, line.cause)
        for line in await known.watch.lines(known.watch.settings.tenant_id)
        if line.kind == "watch-unwell"
    ]
    assert sorted(told) == [
        ("opened", "subscription-users", "address"),
        ("opened", "sweep", "sweep"),
        ("resolved", "sweep", "fixed"),
    ]
