"""One of a thing is called as one: no card says "1 users", in any language."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from shared.model import Moment
from shared.notify.messages import (
    BASELINE,
    DIGEST,
    ENDED,
    ENDING,
    HELD,
    RELEASED,
    REMINDER,
    RETURNED,
    SUMMARY,
    Item,
    Message,
)
from shared.notify.saying.cards import Backdrop, card
from shared.notify.saying.wording import Wording
from shared.texts.catalogue import Catalogue, catalogue, languages
from tests.notify.card_samples import (
    AT,
    BY_STATE,
    digest,
    ended,
    entry,
    exemption,
    mass,
    names,
    seats,
    text_of,
)
from tests.notify.story import RULES

SECTIONS = ("card", "summary", "baseline", "released", "returned", "reminder", "exception", "digest")
ONE = Backdrop(edition="2017-10-24", at=AT, differing={"2025-03-04": 1}, users=1)


def test_there_is_something_to_look_for() -> None:
    for language in languages():
        assert len(plurals(catalogue(language))) > 10, language
    assert {"users", "findings", "days"} <= plurals(catalogue("en"))
    assert {"gebruikers", "bevindingen", "dagen"} <= plurals(catalogue("nl"))


@pytest.mark.parametrize("language", languages())
def test_no_card_calls_one_as_many(language: str) -> None:
    texts = catalogue(language)
    wrong = re.compile(rf"(?<![\d.,])1[ \n](?:{'|'.join(sorted(plurals(texts)))})\b")
    words = Wording(texts, names(texts=texts), RULES)
    for message in messages():
        shown = text_of(card(message, words, ONE))
        assert wrong.findall(shown) == [], message.form


def plurals(texts: Catalogue) -> set[str]:
    """The words that follow a count in texts that have another form for one, and don't in that form; and the
    first words beside a count of findings that differ where it is one."""
    many: set[str] = set()
    one: set[str] = set()
    for section, code in _with_one(texts):
        many.update(re.findall(r"\{n\} (\w+)", texts.find(section, code) or ""))
        one.update(re.findall(r"\b1 (\w+)", texts.find(section, f"{code}_one") or ""))
    for kind, state in BY_STATE:
        for form, form_of_one in (("label", "one"), ("mended_label", "mended_one")):
            if label := texts.find("kinds", kind, form, state):
                many.add(label.split(",")[0].split()[0])
                one.add(texts.text("kinds", kind, form_of_one, state).split(",")[0].split()[0])
    return many - one


def messages() -> Iterator[Message]:
    """Every form with everything in it once."""
    seat = tuple(
        msgspec.structs.replace(
            one, facts={name: 1 if isinstance(value, int) else value for name, value in one.facts.items()}
        )
        for one in seats()
    )
    yesterday: dict[str, Any] = {"since": AT - timedelta(days=1)}
    for kind, state in BY_STATE:
        opened = entry(kind, state, **yesterday)
        for item in (
            Item(moment=Moment.OPENED, entry=opened),
            Item(moment=Moment.RESOLVED, entry=ended(opened, "licensed")),
            Item(moment=Moment.RESOLVED, entry=ended(opened, "deleted")),
        ):
            yield Message(form=SUMMARY, items=(item,))
            yield Message(form=BASELINE, items=(item,))
            yield Message(form=REMINDER, items=(item,))
        told = {f"{kind}: {state}": 1}
        yield Message(
            form=DIGEST,
            about=digest(
                open=told, quiet={}, opened=told, resolved={}, seats=seat, users=1, waiting=1, flapping_more=1
            ),
        )
        for worse in (True, False):
            few = mass(worse=worse, users=1, kinds=told, left=1)
            yield Message(form=HELD, about=msgspec.structs.replace(few, users=11))
            yield Message(form=RELEASED, items=(item,), about=few)
            yield Message(form=RETURNED, about=msgspec.structs.replace(few, users=11, left=10))
        for form in (ENDING, ENDED):
            yield Message(form=form, items=(Item(moment=Moment.OPENED, entry=opened),), about=exemption())


def _with_one(texts: Catalogue) -> Iterator[tuple[str, str]]:
    for section in SECTIONS:
        codes = texts.codes(section)
        yield from ((section, code) for code in codes if f"{code}_one" in codes)
