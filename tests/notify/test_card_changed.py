"""What changed says from what to what, to whoever knew it otherwise: told through the notifier's decision."""

from typing import Any

import msgspec
import pytest

from shared.model import Moment
from shared.notify.deciding.routing import DEFAULT, RouteRule
from shared.notify.delivering.routes import Delivered, Failed
from shared.notify.entries import Entry, Heard, Was
from shared.notify.messages import DECLARED, SUMMARY, Item, Message
from tests.notify.card_samples import card_of, facts_of, many, single, text_of
from tests.notify.story import Story, second

BEFORE: dict[str, Any] = {"state": "uncovered", "cause": "free", "rule": "S4"}


def changed(**fields: Any) -> Story:
    """Eight users who were told, then a change of the writeback setting and what it brought about."""
    story = Story()
    for number in range(8):
        story.opens(0, f"n{number}", **BEFORE)
    story.plays(1200)
    story.choices = {**story.choices, "writeback": "on"}
    for number in range(8):
        story.changes(1300, f"n{number}", **{**BEFORE, "fingerprint": "other", **fields})
    return story


def heard(fingerprint: str) -> Heard:
    """What people know who were told at first."""
    return Heard(state="uncovered", fingerprint=fingerprint, at=second(0))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"state": "writeback-uncovered", "cause": "cloud-level-only"},
            "not covered for writeback — what is held is enough in the cloud only; writing the password back "
            "needs Entra ID P1 or better (before: not covered — only free products are held)",
        ),
        (
            {"cause": "nothing-held"},
            "not covered — no licence is held (before: only free products are held)",
        ),
        (
            {"rule": "T2"},
            "not covered — only free products are held "
            "(now by T2 of 24 October 2017; before by S4 of 24 October 2017)",
        ),
        (
            {},
            "not covered — only free products are held (other products or groups than before)",
        ),
    ],
)
def test_the_card_since_your_change_says_of_each_from_what_to_what(
    fields: dict[str, str], words: str
) -> None:
    story = changed(**fields)
    runs = (story.runs(at).decision for at in range(1260, 7200, 60))
    [message] = [one for decision in runs for one in decision.messages if one.form == DECLARED]
    assert text_of(card_of(message)).count(words) == 8


def test_the_rule_is_cited_with_the_date_of_its_page() -> None:
    [item] = many(1, moment=Moment.CHANGED, rule="T2", edition="2025-03-04")
    was = Was(state="uncovered", fingerprint="old", cause="nothing-held", rule="S5", edition="2017-10-24")
    entry = msgspec.structs.replace(item.entry, told={DEFAULT: heard("old")}, was=was)
    message = Message(form=SUMMARY, route=DEFAULT, items=(Item(moment=Moment.CHANGED, entry=entry),) * 2)
    assert "(now by T2 of 4 March 2025; before by S5 of 24 October 2017)" in text_of(card_of(message))


def test_one_that_changes_twice_is_told_from_what_people_know() -> None:
    story = Story()
    story.opens(0, "a", **BEFORE)
    story.plays(1200)
    story.changes(1300, "a", **{**BEFORE, "cause": "plan-off", "fingerprint": "2"})
    story.changes(1400, "a", **{**BEFORE, "cause": "nothing-held", "fingerprint": "3"})
    runs = (story.runs(at).decision for at in range(1260, 3600, 60))
    [message] = [one for decision in runs for one in decision.messages]
    assert facts_of(card_of(message))["Before"] == "only free products are held"
    assert story.table.entries["a"].was is None


def test_nothing_is_remembered_of_what_nobody_heard_of_or_what_went_back() -> None:
    story = Story()
    story.opens(0, "a", **BEFORE)
    story.changes(60, "a", **{**BEFORE, "cause": "nothing-held", "fingerprint": "2"})
    story.runs(120)
    assert story.table.entries["a"].was is None
    story.plays(1800, since=180)
    story.changes(1900, "a", **{**BEFORE, "cause": "free", "fingerprint": "3"})
    story.runs(1900)
    assert story.table.entries["a"].was is not None
    story.changes(2000, "a", **{**BEFORE, "cause": "nothing-held", "fingerprint": "2"})
    story.runs(2000)
    assert story.table.entries["a"].was is None


def test_a_route_whose_card_failed_still_learns_from_what_it_changed() -> None:
    """The other one has had it meanwhile."""

    def route(message: Message, at: object) -> Delivered | Failed:
        down = message.route == "desk" and second(1300) < story.now < second(9000)
        return Failed(status="http-500") if down else Delivered()

    story = Story(route=route, routes=(RouteRule(), RouteRule(name="desk", kinds=("coverage",), copy=True)))
    story.opens(0, "a", **BEFORE)
    story.plays(1200)
    story.changes(1300, "a", **{**BEFORE, "cause": "nothing-held", "fingerprint": "2"})
    cards = []
    for at in range(1320, 14_000, 60):
        for message in story.runs(at).decision.messages:
            if isinstance(route(message, None), Delivered):
                cards.append((message.route, facts_of(card_of(message)).get("Before")))
    assert cards == [(DEFAULT, "only free products are held"), ("desk", "only free products are held")]


def test_without_a_memory_of_it_nothing_is_made_up() -> None:
    entry: Entry = many(1)[0].entry
    entry = msgspec.structs.replace(entry, told={"": heard("old")})
    assert "Before" not in facts_of(single(entry, Moment.CHANGED))
