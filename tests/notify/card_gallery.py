"""A card of every form, kind, state and end, to be checked as a whole: by schema, and in a browser."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from shared.model import Moment, Step
from shared.notify.cards import Backdrop, card
from shared.notify.entries import Heard
from shared.notify.messages import BASELINE, SINGLE, SUMMARY, Item, Message
from tests.notify.card_samples import (
    AT,
    BACKDROP,
    BY_STATE,
    EMS_E3,
    GROUP_ID,
    OFFICE_E3,
    ended,
    entry,
    many,
    single,
    wording,
)
from tests.notify.story import RULES, second

ENDS = (
    "licensed",
    "fixed",
    "deleted",
    "rule-changed",
    "left-reach: account-disabled",
    "still-broken",
    "something new",
)
"""Causes of an end: those that card texts tell apart, and one that has no words."""

Payload = Mapping[str, Any]


def gallery() -> dict[str, Payload]:
    """The payloads by a name that says what each is."""
    return dict((*_singles(), *_ends(), *_of_many(), *_odd()))


def content(payload: Payload) -> Mapping[str, Any]:
    """The card within its envelope."""
    (attachment,) = payload["attachments"]
    shown: Mapping[str, Any] = attachment["content"]
    return shown


def _singles() -> Iterator[tuple[str, Payload]]:
    for kind, state in BY_STATE:
        yield f"{kind} {state}", single(entry(kind, state))
        for before in RULES.kinds[kind].states:
            if before != state:
                told = Heard(state=before, fingerprint=before, at=second(0))
                yield (
                    f"{kind} {state}, before {before}",
                    single(entry(kind, state, told={"": told}), Moment.CHANGED),
                )


def _ends() -> Iterator[tuple[str, Payload]]:
    for kind, state in BY_STATE:
        for cause in ENDS if kind == "coverage" else ("fixed",):
            yield f"{kind} {state} ended: {cause}", single(ended(entry(kind, state), cause))


def _of_many() -> Iterator[tuple[str, Payload]]:
    everything = tuple(Item(moment=Moment.OPENED, entry=entry(kind, state)) for kind, state in BY_STATE)
    news = (
        *many(30, cause="nothing-held"),
        *many(12, Moment.CHANGED, name="c"),
        *(Item(moment=Moment.RESOLVED, entry=ended(one.entry, "licensed")) for one in many(12, name="f")),
        Item(moment=Moment.RESOLVED, entry=ended(entry(id="d"), "deleted")),
    )
    for form in (SUMMARY, BASELINE):
        yield f"{form} of every kind", card(Message(form=form, items=everything), wording(), BACKDROP)
    yield "summary of news of each sort", card(Message(form=SUMMARY, items=news), wording(), BACKDROP)
    clean = Message(form=BASELINE, items=())
    yield "baseline without findings", card(clean, wording(), Backdrop(edition="2017-10-24", at=AT))


def _odd() -> Iterator[tuple[str, Payload]]:
    offers = tuple(
        Step(step="assign-free-seat", values={"sku": sku, "free": 3, "groups": [GROUP_ID]})
        for sku in (EMS_E3, OFFICE_E3)
    )
    yield "offers", single(entry(remedy=offers))
    yield "reopened", single(entry(reopened=3))
    late = Message(form=SINGLE, items=(Item(moment=Moment.OPENED, entry=entry()),), late_since=second(0))
    yield "after failed hand-overs", card(late, wording(), BACKDROP)
    unknown = msgspec.structs.replace(
        entry(cause="gremlins", remedy=(Step(step="dance", values={"sku": EMS_E3}),)),
        kind="unheard-of",
        state="odd",
        rule="",
        edition="2031-01-01",
    )
    yield "codes without words", single(unknown)
    steps = tuple(Step(step="turn-plan-on", values={"sku": f"{n}{'x' * 200}"}) for n in range(400))
    yield "cut to fit", single(entry(remedy=steps))
