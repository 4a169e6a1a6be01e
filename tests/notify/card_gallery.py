"""A card of every form, kind, state and end, to be checked as a whole: by schema, and in a browser."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from shared.model import Moment, Step
from shared.notify.entries import Heard
from shared.notify.exceptions.exemptions import Exemption
from shared.notify.messages import (
    BASELINE,
    DIGEST,
    SINGLE,
    SUMMARY,
    About,
    Digest,
    Item,
    ManyExemptions,
    Mass,
    Message,
)
from shared.notify.saying.cards import Backdrop, card
from shared.notify.saying.names import Names, Person
from shared.texts.catalogue import Catalogue
from tests.notify.card_samples import (
    AT,
    BACKDROP,
    BY_STATE,
    EMS_E3,
    GROUP_ID,
    OFFICE_E3,
    TEXTS,
    card_of,
    digest,
    ended,
    entry,
    every_form,
    many,
    names,
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


def forms(texts: Catalogue = TEXTS) -> dict[str, Payload]:
    """A card of every form in this language, by the name of its sample."""
    shown = names(texts=texts)
    return {name: card_of(message, shown) for name, message in every_form().items()}


def gallery(texts: Catalogue = TEXTS) -> dict[str, Payload]:
    """The payloads in this language, by a name that says what each is."""
    shown = names(texts=texts)
    others = (*_singles(shown), *_ends(shown), *_of_many(shown), *_odd(shown))
    return forms(texts) | dict(others)


def content(payload: Payload) -> Mapping[str, Any]:
    """The card within its envelope."""
    (attachment,) = payload["attachments"]
    shown: Mapping[str, Any] = attachment["content"]
    return shown


def _singles(shown: Names) -> Iterator[tuple[str, Payload]]:
    for kind, state in BY_STATE:
        yield f"{kind} {state}", single(entry(kind, state), shown=shown)
        for before in RULES.kinds[kind].states:
            if before != state:
                told = {"": Heard(state=before, fingerprint=before, at=second(0))}
                yield (
                    f"{kind} {state}, before {before}",
                    single(entry(kind, state, told=told), Moment.CHANGED, shown),
                )


def _ends(shown: Names) -> Iterator[tuple[str, Payload]]:
    for kind, state in BY_STATE:
        for cause in ENDS if kind == "coverage" else ("fixed",):
            yield f"{kind} {state} ended: {cause}", single(ended(entry(kind, state), cause), shown=shown)


def _of_many(shown: Names) -> Iterator[tuple[str, Payload]]:
    everything = tuple(Item(moment=Moment.OPENED, entry=entry(kind, state)) for kind, state in BY_STATE)
    news = (
        *many(30, cause="nothing-held"),
        *many(12, Moment.CHANGED, name="c"),
        *(Item(moment=Moment.RESOLVED, entry=ended(one.entry, "licensed")) for one in many(12, name="f")),
        Item(moment=Moment.RESOLVED, entry=ended(entry(id="d"), "deleted")),
    )
    for form in (SUMMARY, BASELINE):
        yield f"{form} of every kind", card_of(Message(form=form, items=everything), shown)
    yield "summary of news of each sort", card_of(Message(form=SUMMARY, items=news), shown)
    clean = Message(form=BASELINE, items=())
    yield "baseline uncounted", card(clean, wording(shown), Backdrop(edition="2017-10-24", at=AT))
    counts = {f"{kind}: {state}": 1_234_567 // (n + 1) for n, (kind, state) in enumerate(BY_STATE)}
    large = digest(open=counts, opened=counts, resolved=counts, quiet=dict.fromkeys(counts, 1_234_567))
    yield "digest of a million", card_of(Message(form=DIGEST, about=large), shown)


def _odd(shown: Names) -> Iterator[tuple[str, Payload]]:
    offers = tuple(
        Step(step="assign-free-seat", values={"sku": sku, "free": 3, "groups": [GROUP_ID]})
        for sku in (EMS_E3, OFFICE_E3)
    )
    yield "offers", single(entry(remedy=offers), shown=shown)
    yield "reopened", single(entry(reopened=3), shown=shown)
    late = Message(form=SINGLE, items=(Item(moment=Moment.OPENED, entry=entry()),), late_since=second(0))
    reported = msgspec.structs.replace(BACKDROP, report="https://watch.contoso.example/api/report")
    new = Message(form=SINGLE, items=(Item(moment=Moment.OPENED, entry=entry()),))
    yield "with the way to the report", card(new, wording(shown), reported)
    yield "after failed hand-overs", card(late, wording(shown), BACKDROP)
    unknown = msgspec.structs.replace(
        entry(cause="gremlins", remedy=(Step(step="dance", values={"sku": EMS_E3}),)),
        kind="unheard-of",
        state="odd",
        rule="",
        edition="2031-01-01",
    )
    yield "codes without words", single(unknown, shown=shown)
    steps = tuple(Step(step="turn-plan-on", values={"sku": f"{n}{'x' * 200}"}) for n in range(400))
    yield "cut to fit", single(entry(remedy=steps), shown=shown)


# --- everything called the same ----------------------------------------------------------------------------


class Alike[T](Mapping[str, T]):
    """The same for every key."""

    def __init__(self, value: T) -> None:
        self._value = value

    def __getitem__(self, key: str) -> T:
        return self._value

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def named(name: str) -> Names:
    """A tenant in which everyone and everything is called this."""
    shown = names(users=Alike(Person(name, f"{name}@contoso.example")), groups=Alike(name))
    return msgspec.structs.replace(shown, product=lambda _: name, tenant=name)


def forms_of(name: str) -> dict[str, Payload]:
    """A card of every form in such a tenant, where owners and reasons are this text too.

    Without remedies, of which the samples have more than any finding: a card that is cut shows less.
    """
    return {form: card_of(_written(message, name), named(name)) for form, message in every_form().items()}


def _written(message: Message, text: str) -> Message:
    items = tuple(
        msgspec.structs.replace(item, entry=msgspec.structs.replace(item.entry, remedy=item.entry.remedy[:2]))
        for item in message.items
    )
    return msgspec.structs.replace(message, items=items, about=_about(message, text))


def _about(message: Message, text: str) -> About | None:
    match message.about:
        case Exemption() as one:
            return _by(one, text)
        case ManyExemptions(exceptions=many):
            return ManyExemptions(tuple(_by(one, text) for one in many))
        case Digest() as week:
            return msgspec.structs.replace(week, exceptions=tuple(_by(one, text) for one in week.exceptions))
        case Mass() as mass:
            return msgspec.structs.replace(mass, by=text) if mass.by else mass
        case other:
            return other


def _by(one: Exemption, text: str) -> Exemption:
    return msgspec.structs.replace(one, owner=text, reason=text)
