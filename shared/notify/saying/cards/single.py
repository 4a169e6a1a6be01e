"""The card of one finding: who, how it stands, why anyone is told, what to do, how to agree to leave it."""

from shared.model import Moment, Severity, SubjectType
from shared.notify.entries import Entry
from shared.notify.exceptions.proposals import NEVER
from shared.notify.messages import Item, Message
from shared.notify.saying import commands
from shared.notify.saying.cards.changed import before
from shared.notify.saying.cards.frame import (
    Backdrop,
    Body,
    Element,
    Line,
    block,
    facts,
    open_url,
    section,
    told_how,
)
from shared.notify.saying.wording import FAULT, Wording, is_fixed
from shared.texts.plain import plain

DELETED = "deleted"
"""The cause of an end after which there is no page to open."""


def single(message: Message, wording: Wording, backdrop: Backdrop) -> Body:
    """One finding that opened, changed or ended. A fault of the watch itself cites no page of Microsoft's."""
    item = message.items[0]
    entry = item.entry
    lines = _standing(item, wording, message.route) if entry.open else _over(entry, wording, message.route)
    if entry.open and entry.kind not in NEVER:
        lines += _except(entry, wording, backdrop)
    reference = wording.texts.text(
        "card", "reference", id=plain(entry.id), kind=plain(entry.kind), state=plain(entry.state)
    )
    lines.append(Line(block(reference, subtle=True), 1))
    return Body(
        title=wording.title(item),
        lines=tuple(lines),
        tone=_tone(entry),
        actions=tuple(_actions(entry, wording)),
        edition="" if entry.kind == FAULT else entry.edition or backdrop.edition,
    )


def names_of_single(message: Message) -> frozenset[str]:
    """Ids of the users whom the card names: the subject, and whoever its steps list."""
    ids: set[str] = set()
    for item in message.items[:1]:
        if item.entry.subject_type is SubjectType.USER:
            ids.add(item.entry.subject_id)
        for step in item.entry.remedy:
            ids.update(str(one) for one in step.values.get("sample", ()))
    return frozenset(ids)


def _standing(item: Item, wording: Wording, route: str) -> list[Line]:
    entry, text = item.entry, wording.texts.text
    rows = [(text("card", "who"), wording.names.subject(entry.subject_type, entry.subject_id))]
    told = entry.told.get(route)
    if item.moment is Moment.CHANGED and told and told.state != entry.state:
        rows.append((text("card", "before"), wording.state_of(entry.kind, told.state)))
    elif item.moment is Moment.CHANGED and (known := before(entry, route, wording)):
        rows.append((text("card", "before"), known))
    rows.append((text("card", "state"), wording.state(entry)))
    if entry.kind != FAULT:
        rows.append((text("card", "rule"), wording.rule(entry)))
    lines = [Line(facts([*rows, *_details(entry, wording)]))]
    if age := wording.evidence_age(entry, entry.changed_at):
        lines.append(Line(block(age, subtle=True), 1))
    if entry.reopened:
        again = text("card", "again", n=entry.reopened) if entry.reopened > 1 else text("card", "again_one")
        lines.append(Line(block(again, subtle=True), 1))
    lines += section(text("card", "why"), [wording.why(entry)])
    return lines + section(text("card", "remedy"), _remedy(entry, wording))


def _remedy(entry: Entry, wording: Wording) -> list[str]:
    """The steps, numbered where there are several: a number alone promises a second."""
    text, steps = wording.texts.text, wording.steps(entry)
    if len(steps) > 1:
        return [text("card", "numbered", n=number, text=step) for number, step in enumerate(steps, 1)]
    return steps or [text("card", "nothing_to_do")]


def _over(entry: Entry, wording: Wording, route: str) -> list[Line]:
    """Nothing to do any more: what was told, how it ended, how long it was so."""
    text = wording.texts.text
    rows = [(text("card", "who"), wording.names.subject(entry.subject_type, entry.subject_id))]
    if entry.kind != FAULT:
        told = entry.told.get(route)
        state = told.state if told else entry.state
        rows.append((text("card", "before"), wording.state_of(entry.kind, state)))
        if about := wording.about(entry):
            rows.append((text("card", "concerns"), about))
    rows.append((text("card", "now"), wording.state(entry)))
    rows.append((text("card", "was_open"), wording.texts.moment(entry.since)))
    if entry.ended:
        rows.append((text("card", "ended"), wording.texts.moment(entry.ended.at)))
    return [
        Line(facts(rows)),
        *section(text("card", "why"), [text("card", "why_fixed" if is_fixed(entry) else "why_ended")]),
    ]


def _details(entry: Entry, wording: Wording) -> list[tuple[str, str]]:
    """Cause, what it is about, products, groups and counts of a finding that stands."""
    text = wording.texts.text
    rows = [(text("card", "cause"), wording.cause(entry))]
    about = wording.about(entry)
    skus = [sku for sku in entry.skus if sku != entry.about] if about else list(entry.skus)
    held = entry.facts.get("held")
    if isinstance(held, list | tuple) and set(skus) == set(held):
        skus = []  # "Licences held" says it
    products = ", ".join(part for part in (about, wording.value("skus", skus)) if part)
    rows.append((text("card", "products") if entry.skus else text("card", "concerns"), products))
    groups = [group for group in entry.groups if group != entry.subject_id]
    rows.append((text("card", "groups"), wording.value("groups", groups)))
    since = (text("card", "since"), wording.texts.moment(entry.since))
    return [*((title, value) for title, value in rows if value), *wording.facts(entry), since]


def _except(entry: Entry, wording: Wording, backdrop: Backdrop) -> list[Line]:
    text = wording.texts.text
    line = commands.except_finding(
        entry, backdrop.at, owner=text("exception", "your_name"), reason=text("exception", "your_reason")
    )
    return told_how(text("exception", f"how_{entry.subject_type}"), line)


def _actions(entry: Entry, wording: Wording) -> list[Element]:
    url = wording.portal(entry)
    if not url or (entry.ended and entry.ended.cause == DELETED):
        return []
    mine = entry.subject_type is SubjectType.USER and entry.subject_id in url
    title = wording.texts.text("card", "open_user" if mine else "open_portal")
    return [open_url(title, url)]


def _tone(entry: Entry) -> str:
    """The colour of the title: how bad it is, or that it is over."""
    if not entry.open:
        return "good" if is_fixed(entry) else "default"
    return {Severity.HIGH: "attention", Severity.MEDIUM: "warning"}.get(entry.severity, "default")
