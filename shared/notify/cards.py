"""Messages as Adaptive Cards 1.4 in the envelope of Teams Workflows. Pure: message and names in, a dict out.

TextBlock, FactSet and Action.OpenUrl only (Table is 1.5). A card is never larger than 25 KB: Teams takes
about 28 KB with the envelope; what had to go is counted in a line of its own.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from shared.model import Moment, Severity, SubjectType
from shared.notify.entries import Entry
from shared.notify.messages import BASELINE, SINGLE, Item, Message
from shared.notify.wording import Wording, is_fixed
from shared.texts.plain import plain

LIMIT = 25_000
"""Bytes of the whole message as it is sent."""

NAMED = 10
"""So many findings of a kind of news are named on one card; the rest is a count."""

STEPS = 3
"""So many remedies a card of many findings shows, most frequent first."""

Element = dict[str, Any]


class Backdrop(msgspec.Struct, frozen=True, kw_only=True):
    """What a card says beside its findings. `edition` is the one that governs.

    `differing`: users by other edition, None: not counted. `users`: how many the first reading read, None:
    not known.
    """

    edition: str
    differing: Mapping[str, int] | None = None
    users: int | None = None


class _Line(msgspec.Struct, frozen=True):
    """One element of a body; `weight` lines go if it has to be cut, 0: it stays."""

    element: Element
    weight: int = 0


def card(message: Message, wording: Wording, backdrop: Backdrop) -> dict[str, Any]:
    """The payload to post: at most `LIMIT` bytes as JSON."""
    if message.form == BASELINE:
        title, lines, actions = _baseline(message, wording, backdrop)
    elif message.form == SINGLE:
        title, lines, actions = _single(message.items[0], wording, message.route)
    else:
        title, lines, actions = _summary(message, wording)
    edition = message.items[0].entry.edition if message.form == SINGLE else ""
    lines = [*lines, *_foot(message, wording, backdrop, edition or backdrop.edition)]
    return _fitted(_title(title, _tone(message)), lines, actions, wording)


def users_named(message: Message) -> frozenset[str]:
    """Ids of the users whose names the card can show."""
    shown = message.items if message.form == SINGLE else _named(message)
    ids = {item.entry.subject_id for item in shown if item.entry.subject_type is SubjectType.USER}
    for item in message.items if message.form == SINGLE else ():
        for step in item.entry.remedy:
            ids.update(str(one) for one in step.values.get("sample", ()))
    return frozenset(ids)


def _named(message: Message) -> list[Item]:
    """The first findings of each news; of the baseline, the tenant and its groups apart from the users."""
    if message.form == BASELINE:
        others = [item for item in message.items if item.entry.subject_type is not SubjectType.USER]
        users = [item for item in message.items if item.entry.subject_type is SubjectType.USER]
        return [*others[:NAMED], *users[:NAMED]]
    return [item for _, items in _by_news(message.items) for item in items[:NAMED]]


# --- one finding -----------------------------------------------------------------------------------------


def _single(item: Item, wording: Wording, route: str) -> tuple[str, list[_Line], list[Element]]:
    entry, text = item.entry, wording.texts.text
    facts = [(text("card", "who"), wording.names.subject(entry.subject_type, entry.subject_id))]
    told = entry.told.get(route)
    if item.moment is Moment.CHANGED and told and told.state != entry.state:
        facts.append((text("card", "before"), wording.state_of(entry.kind, told.state)))
    facts += [(text("card", "state"), wording.state(entry)), (text("card", "rule"), wording.rule(entry))]
    facts += _details(entry, wording)
    lines = [_Line(_facts(facts))]
    if entry.reopened and entry.open:
        again = text("card", "again", n=entry.reopened) if entry.reopened > 1 else text("card", "again_one")
        lines.append(_Line(_text(again, subtle=True), 1))
    lines += _section(text("card", "why"), [wording.why(entry)])
    if entry.open:
        steps = wording.steps(entry)
        numbered = [text("card", "numbered", n=number, text=step) for number, step in enumerate(steps, 1)]
        lines += _section(text("card", "remedy"), numbered or [text("card", "nothing_to_do")])
    reference = text(
        "card", "reference", id=plain(entry.id), kind=plain(entry.kind), state=plain(entry.state)
    )
    lines.append(_Line(_text(reference, subtle=True), 1))
    return wording.title(item), lines, _actions(entry, wording)


def _details(entry: Entry, wording: Wording) -> list[tuple[str, str]]:
    """Cause, what it is about, products, groups and counts of a finding that stands."""
    text = wording.texts.text
    since = (text("card", "since" if entry.open else "was_open"), wording.texts.moment(entry.since))
    if not entry.open:
        return [since]
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
    return [*((title, value) for title, value in rows if value), *wording.facts(entry), since]


def _actions(entry: Entry, wording: Wording) -> list[Element]:
    url = wording.portal(entry)
    if not url:
        return []
    mine = entry.subject_type is SubjectType.USER and entry.subject_id in url
    title = wording.texts.text("card", "open_user" if mine else "open_portal")
    return [{"type": "Action.OpenUrl", "title": title, "url": url}]


# --- many findings ---------------------------------------------------------------------------------------


def _by_news(items: Iterable[Item]) -> list[tuple[str, list[Item]]]:
    """The items by what is new about them; keys are those of the texts' `summary`."""
    news: dict[str, list[Item]] = {"opened": [], "changed": [], "fixed": [], "closed": []}
    for item in items:
        if item.moment is Moment.RESOLVED:
            news["fixed" if is_fixed(item.entry) else "closed"].append(item)
        else:
            news[str(item.moment)].append(item)
    return [(key, found) for key, found in news.items() if found]


def _summary(message: Message, wording: Wording) -> tuple[str, list[_Line], list[Element]]:
    text, number = wording.texts.text, wording.texts.number
    counts = Counter(str(item.moment) for item in message.items)
    parts = ", ".join(
        text("summary", moment, n=number(counts[moment]))
        for moment in ("opened", "changed", "resolved")
        if counts[moment]
    )
    title = text("summary", "title", n=number(len(message.items)), parts=parts)
    lines: list[_Line] = []
    for key, items in _by_news(message.items):
        lines.append(_Line(_heading(text("summary", f"{key}_title"))))
        lines.append(_Line(_facts(_counted(items, wording))))
        lines += _first(items, wording, text("summary", "first"))
    standing = [item for item in message.items if item.entry.open]
    lines += _section(text("card", "why"), [text("summary", "why")])
    lines += _next_steps(standing, wording, text("summary", "next"))
    return title, lines, []


def _baseline(
    message: Message, wording: Wording, backdrop: Backdrop
) -> tuple[str, list[_Line], list[Element]]:
    text, items = wording.texts.text, message.items
    users = backdrop.users
    title = text("baseline", "title_uncounted")
    if users is not None:
        title = text("baseline", "title", users=wording.texts.number(users))
    lines = [_Line(_text(text("baseline", "found" if items else "clean")))]
    if items:
        lines.append(_Line(_heading(text("baseline", "counts"))))
        lines.append(_Line(_facts(_counted(items, wording))))
    others = [item for item in items if item.entry.subject_type is not SubjectType.USER]
    lines += _first(others, wording, text("baseline", "tenant"))
    worst = [item for item in items if item.entry.subject_type is SubjectType.USER]
    lines += _first(worst, wording, text("baseline", "worst"))
    lines += _next_steps(items, wording, text("baseline", "next"))
    return title, [*lines, *_section(text("card", "why"), [text("baseline", "why")])], []


def _counted(items: Iterable[Item], wording: Wording) -> list[tuple[str, str]]:
    """A count for each kind and state, in the order in which they come."""
    counts = Counter((item.entry.kind, item.entry.state) for item in items)
    return [(wording.label(kind, state), wording.texts.number(n)) for (kind, state), n in counts.items()]


def _first(items: list[Item], wording: Wording, heading: str) -> list[_Line]:
    """The first findings by name, and how many are not named."""
    if not items:
        return []
    text = wording.texts.text
    lines = [_Line(_text(heading, bold=True))]
    for item in items[:NAMED]:
        lines.append(_Line(_text(wording.line(item.entry)), 1))
    rest = len(items) - NAMED
    if rest > 0:
        line = (
            text("summary", "rest", n=wording.texts.number(rest)) if rest > 1 else text("summary", "rest_one")
        )
        lines.append(_Line(_text(line, subtle=True)))
    return lines


def _next_steps(items: Iterable[Item], wording: Wording, heading: str) -> list[_Line]:
    """The remedies of many findings, each once: the tenant's and groups' first, then the most frequent."""
    weights: Counter[str] = Counter()
    for item in items:
        first = item.entry.subject_type is not SubjectType.USER
        for sentence in wording.steps(item.entry)[:STEPS]:
            weights[sentence] += 1_000_000 if first else 1
    if not weights:
        return []
    text, lines = wording.texts.text, [_Line(_heading(heading))]
    for number, (sentence, _) in enumerate(weights.most_common(STEPS), start=1):
        lines.append(_Line(_text(text("card", "numbered", n=number, text=sentence)), 1))
    return lines


# --- the frame -------------------------------------------------------------------------------------------


def _foot(message: Message, wording: Wording, backdrop: Backdrop, edition: str) -> list[_Line]:
    text = wording.texts.text
    day = wording.edition_day(edition)
    sentences: list[str] = []
    for other in sorted(wording.rules.editions):
        if other == edition or backdrop.differing is None:
            continue
        count = backdrop.differing.get(other, 0)
        key = {0: "foot_agree", 1: "foot_differ_one"}.get(count, "foot_differ")
        values = {"date": day, "other": wording.edition_day(other)}
        sentences.append(text("card", key, **values, n=wording.texts.number(count)))
    lines = [_Line(_text(" ".join(sentences) or text("card", "foot", date=day), subtle=True))]
    if message.late_since is not None:
        late = text("card", "late", since=wording.texts.moment(message.late_since))
        lines.append(_Line(_text(late, color="warning")))
    return lines


def _fitted(title: Element, lines: list[_Line], actions: list[Element], wording: Wording) -> dict[str, Any]:
    """The payload, cut from its end until it fits; a line counts what was cut."""
    kept, cut = list(lines), 0
    payload = _envelope(title, kept, actions, wording)
    while len(msgspec.json.encode(payload)) > LIMIT:
        last = max((n for n, line in enumerate(kept) if line.weight), default=None)
        if last is None:
            minimal = [_Line(_text(wording.texts.text("card", "minimal")))]
            return _envelope(title, minimal, [], wording)
        cut += kept.pop(last).weight
        note = wording.texts.text("card", "cut_one") if cut == 1 else wording.texts.text("card", "cut", n=cut)
        payload = _envelope(title, [*kept, _Line(_text(note, color="attention"))], actions, wording)
    return payload


def _envelope(
    title: Element, lines: Iterable[_Line], actions: list[Element], wording: Wording
) -> dict[str, Any]:
    content: Element = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "lang": wording.texts.language,
        "fallbackText": title["text"],
        "body": [title, *(line.element for line in lines)],
        "msteams": {"width": "full"},
    }
    if actions:
        content["actions"] = actions
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": content,
    }
    return {"type": "message", "attachments": [attachment]}


def _tone(message: Message) -> str:
    """The colour of one finding's title: how bad it is, or that it is over."""
    if message.form != SINGLE:
        return "default"
    entry = message.items[0].entry
    if not entry.open:
        return "good" if is_fixed(entry) else "default"
    return {Severity.HIGH: "attention", Severity.MEDIUM: "warning"}.get(entry.severity, "default")


def _title(text: str, tone: str) -> Element:
    # No title of ours is near it; the bound is what makes the smallest card surely small.
    short = text[: LIMIT // 100]
    return {
        "type": "TextBlock",
        "text": short,
        "size": "large",
        "weight": "bolder",
        "color": tone,
        "wrap": True,
    }


def _section(heading: str, paragraphs: Iterable[str]) -> list[_Line]:
    return [_Line(_heading(heading)), *(_Line(_text(paragraph), 1) for paragraph in paragraphs)]


def _heading(text: str) -> Element:
    return {"type": "TextBlock", "text": text, "weight": "bolder", "wrap": True, "spacing": "medium"}


def _text(text: str, *, subtle: bool = False, bold: bool = False, color: str = "") -> Element:
    element: Element = {"type": "TextBlock", "text": text, "wrap": True, "spacing": "small"}
    if subtle:
        element |= {"isSubtle": True, "size": "small"}
    if bold:
        element["weight"] = "bolder"
    if color:
        element["color"] = color
    return element


def _facts(rows: Iterable[tuple[str, str]]) -> Element:
    return {"type": "FactSet", "facts": [{"title": title, "value": value} for title, value in rows]}
