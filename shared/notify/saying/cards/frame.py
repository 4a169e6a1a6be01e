"""What every card stands in: its elements, title, foot and envelope, and the cut to a size that Teams takes.

Elements of 1.4 only, since Workflows shows no newer: Table is of 1.5. A FactSet is drawn as a table that a
long word makes wider than a telephone, so that all its values are cut off: it holds no names.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from shared.notify.messages import Message
from shared.notify.saying.wording import Wording
from shared.texts.plain import plain

LIMIT = 25_000
"""Bytes of the whole message as it is sent; Teams takes about 28 KB with the envelope."""

TITLES = "140px"
"""The width of the titles of facts: leaves a telephone room for the values, and wraps few titles."""

COMMAND = 400
"""So many characters of a command are shown; none of ours is near it."""

Element = dict[str, Any]


class Backdrop(msgspec.Struct, frozen=True, kw_only=True):
    """What a card says beside its findings. `edition` is the one that governs; `at`: when the card is made.

    `differing`: users by other edition, None: not counted. `users`: how many the first reading read, None:
    not known. `report`: the address of the report, which asks whoever opens it to sign in; empty: no button.
    """

    edition: str
    at: datetime
    differing: Mapping[str, int] | None = None
    users: int | None = None
    report: str = ""


class Line(msgspec.Struct, frozen=True):
    """One element of a body; `weight` lines go if it has to be cut, 0: it stays."""

    element: Element
    weight: int = 0


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """What a form puts into the frame. `edition`: whose page the foot names, empty: no foot about it."""

    title: str
    lines: tuple[Line, ...]
    tone: str = "default"
    actions: tuple[Element, ...] = ()
    edition: str = ""


def framed(body: Body, message: Message, wording: Wording, backdrop: Backdrop) -> dict[str, Any]:
    """The payload to post, cut from its end until it fits; a line counts what was cut."""
    title = _title(body.title, body.tone)
    actions = [*body.actions, *_to_report(wording, backdrop)]
    kept, cut = [*body.lines, *_foot(body.edition, message, wording, backdrop)], 0
    payload = _envelope(title, kept, actions, wording)
    while len(msgspec.json.encode(payload)) > LIMIT:
        last = max((n for n, line in enumerate(kept) if line.weight), default=None)
        if last is None:
            minimal = [Line(block(wording.texts.text("card", "minimal")))]
            return _envelope(title, minimal, (), wording)
        cut += kept.pop(last).weight
        note = wording.texts.text("card", "cut_one") if cut == 1 else wording.texts.text("card", "cut", n=cut)
        payload = _envelope(title, [*kept, Line(block(note, color="attention"))], actions, wording)
    return payload


def _to_report(wording: Wording, backdrop: Backdrop) -> list[Element]:
    """The way to everybody whom the card does not name."""
    return [open_url(wording.texts.text("card", "open_report"), backdrop.report)] if backdrop.report else []


def notice(title: str, paragraphs: Iterable[str], language: str) -> dict[str, Any]:
    """The payload of a card that says these words and no more; they are ours, and few."""
    return _payload(_title(title, "default"), [Line(block(one)) for one in paragraphs], (), language)


def _foot(edition: str, message: Message, wording: Wording, backdrop: Backdrop) -> list[Line]:
    """By which page it was judged, what another would say, and what could not be handed over before."""
    lines: list[Line] = []
    if edition:
        lines.append(Line(block(" ".join(_judged(edition, wording, backdrop)), subtle=True)))
    if message.late_since is not None:
        late = wording.texts.text("card", "late", since=wording.texts.moment(message.late_since))
        lines.append(Line(block(late, color="warning")))
    return lines


def _judged(edition: str, wording: Wording, backdrop: Backdrop) -> Iterable[str]:
    text = wording.texts.text
    yield text("card", "foot", date=wording.edition_day(edition))
    for other in sorted(wording.rules.editions):
        if other == edition or backdrop.differing is None:
            continue
        count = backdrop.differing.get(other, 0)
        key = {0: "foot_agree", 1: "foot_differ_one"}.get(count, "foot_differ")
        yield text("card", key, other=wording.edition_day(other), n=wording.texts.number(count))


def _envelope(
    title: Element, lines: Iterable[Line], actions: Iterable[Element], wording: Wording
) -> dict[str, Any]:
    return _payload(title, lines, actions, wording.texts.language)


def _payload(
    title: Element, lines: Iterable[Line], actions: Iterable[Element], language: str
) -> dict[str, Any]:
    content: Element = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "lang": language,
        "fallbackText": title["text"],
        "body": [title, *(line.element for line in lines)],
        "msteams": {"width": "full"},
    }
    if actions:
        content["actions"] = list(actions)
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": content,
    }
    return {"type": "message", "attachments": [attachment]}


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


# --- elements --------------------------------------------------------------------------------------------


def block(text: str, *, subtle: bool = False, bold: bool = False, color: str = "") -> Element:
    """A paragraph."""
    element: Element = {"type": "TextBlock", "text": text, "wrap": True, "spacing": "small"}
    if subtle:
        element |= {"isSubtle": True, "size": "small"}
    if bold:
        element["weight"] = "bolder"
    if color:
        element["color"] = color
    return element


def heading(text: str) -> Element:
    """The heading of a section."""
    return {"type": "TextBlock", "text": text, "weight": "bolder", "wrap": True, "spacing": "medium"}


def facts(rows: Iterable[tuple[str, str]]) -> Element:
    """Titles with their values, a row each. Any word of a value is wrapped, as names can be one long word."""
    return {"type": "Container", "items": [_fact(title, value) for title, value in rows]}


def _fact(title: str, value: str) -> Element:
    texts = (
        (TITLES, {"type": "TextBlock", "text": title, "weight": "bolder", "wrap": True}),
        ("stretch", {"type": "TextBlock", "text": value, "wrap": True}),
    )
    columns = [{"type": "Column", "width": width, "items": [text]} for width, text in texts]
    return {"type": "ColumnSet", "spacing": "small", "columns": columns}


def counts(rows: Iterable[tuple[str, str]]) -> Element:
    """Words with their counts, a row each. The count is in front, as it is said: `12 users not covered`."""
    return {"type": "FactSet", "facts": [{"title": count, "value": words} for words, count in rows]}


def command(text: str) -> Element:
    """A command to copy: shown sign by sign as it is typed."""
    element = block(plain(text, COMMAND))
    return element | {"fontType": "monospace", "size": "small"}


def open_url(title: str, url: str) -> Element:
    """A button that opens a page."""
    return {"type": "Action.OpenUrl", "title": title, "url": url}


def section(title: str, paragraphs: Iterable[str]) -> list[Line]:
    """A heading and its paragraphs, which may be cut."""
    return [Line(heading(title)), *(Line(block(paragraph), 1) for paragraph in paragraphs)]


def told_how(title: str, line: str) -> list[Line]:
    """A remark and the command it is about, small: they go together if the card is cut."""
    return [Line(block(title, subtle=True)), Line(command(line))]
