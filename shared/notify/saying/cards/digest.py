"""The digest: how things stand, at a look; and the sign of life where there is nothing to say."""

from collections.abc import Mapping
from typing import Any

from shared.model import SubjectType
from shared.notify.entries import Entry
from shared.notify.messages import Digest
from shared.notify.saying.cards.exception import in_a_line, users_of
from shared.notify.saying.cards.frame import Backdrop, Body, Element, Line, block, counts, facts, heading
from shared.notify.saying.cards.parts import NAMED, labelled, plural
from shared.notify.saying.wording import Wording
from shared.texts.plain import plain

BAR, LONGEST_BAR = "█", 8
"""What a bar of the chart is made of, and how many of them the longest has."""

CHART_WIDTHS = ("stretch", "72px", "96px")
"""Words, number, bar: the last two have room for a million and for the longest bar, also on a telephone."""

CHARTED = 8
"""So many rows the chart has, the largest; the others are summed up."""

SEATS_TOLD = {
    "seats-short": ("needs", "free", "reclaimable", "buy"),
    "seats-low": ("free", "usable", "threshold"),
    "over-assigned": ("consumed", "usable", "without_seat"),
}
"""Facts that the line of a finding about seats asks for; without them it is a line as any other."""


def digest(about: Digest, wording: Wording, backdrop: Backdrop) -> Body:
    """What was told since the last, what stands, what is not told and why, seats, exceptions, the next."""
    quiet = about.quiet_week and not about.waiting and not about.seats
    lines = [
        *([Line(block(wording.texts.text("digest", "nothing")))] if quiet else _open(about, wording)),
        *_since(about, wording),
        *_reasons(about.quiet, "quiet", wording),
        *_reasons(about.ends_held, "ends_held", wording),
        *_flapping(about, wording),
        *_seats(about, wording),
        *_exceptions(about, wording),
        *_watch(about, wording),
    ]
    if quiet and about.users is not None:
        title = plural(wording, "digest", "title_quiet", n=about.users)
    elif quiet:
        title = wording.texts.text("digest", "title_quiet_uncounted")
    else:
        title = _counts(about, wording)
    return Body(
        title=title, lines=tuple(lines), tone="good" if quiet else "default", edition=backdrop.edition
    )


def names_of_digest(about: Digest) -> frozenset[str]:
    """The users among those that come and go, and among the exceptions that are named."""
    users = {
        entry.subject_id
        for entry in (*about.flapping[:NAMED], *about.seats[:NAMED])
        if entry.subject_type is SubjectType.USER
    }
    return frozenset(users).union(*(users_of(one) for one in about.exceptions[:NAMED]))


def reason_in_words(reason: str, wording: Wording) -> str:
    """A named reason why a finding is not told: `muted-by:no-licence`, `excepted`, `flapping`, …"""
    name, _, by = reason.partition(":")
    if name == "muted-by" and by:
        kind = wording.texts.find("exception", "kinds", by) or plain(by)
        return wording.texts.text("quiet", "muted-by", kind=kind)
    return wording.texts.find("quiet", name) or plain(reason)


def _counts(about: Digest, wording: Wording) -> str:
    number, standing = wording.texts.number, sum(about.open.values()) + sum(about.quiet.values())
    told = {
        "opened": number(sum(about.opened.values())),
        "resolved": number(sum(about.resolved.values())),
    }
    return plural(wording, "digest", "title", n=standing, **told)


def _open(about: Digest, wording: Wording) -> list[Line]:
    """What stands and was told, as a chart: people look before they read."""
    rows, text = labelled(about.open, wording), wording.texts.text
    if not rows:
        return [Line(block(text("digest", "none_open")))]
    if others := sum(n for _, n in rows[CHARTED:]):
        rows = [*rows[:CHARTED], (text("digest", "others"), others)]
    most = max(n for _, n in rows)
    return [Line(heading(text("digest", "open"))), *(Line(_bar(*row, most, wording)) for row in rows)]


def _bar(words: str, n: int, most: int, wording: Wording) -> Element:
    """A row of the chart. The number stands before the bar: heard first where a card is read aloud."""
    number = block(wording.texts.number(n)) | {"horizontalAlignment": "right"}
    bar = block(BAR * max(1, round(n * LONGEST_BAR / most)), color="accent") | {"wrap": False}
    columns = zip(CHART_WIDTHS, (block(words), number, bar), strict=True)
    return {
        "type": "ColumnSet",
        "spacing": "small",
        "columns": [{"type": "Column", "width": width, "items": [item]} for width, item in columns],
    }


def _since(about: Digest, wording: Wording) -> list[Line]:
    """What was told since the last digest, by kind: how many began and how many ended."""
    text, number = wording.texts.text, wording.texts.number
    both = {
        code: about.opened.get(code, 0) + about.resolved.get(code, 0)
        for code in {*about.opened, *about.resolved}
    }
    rows = []
    for code in sorted(both, key=lambda code: (-both[code], code)):
        opened, ended = about.opened.get(code, 0), about.resolved.get(code, 0)
        parts = [text("summary", "opened", n=number(opened))] if opened else []
        parts += [text("summary", "resolved", n=number(ended))] if ended else []
        if parts:
            kind, _, state = code.partition(": ")
            rows.append((wording.label(kind, state, opened + ended), ", ".join(parts)))
    if not rows:
        return []
    title = text("digest", "told")
    if about.since is not None:
        title = text("digest", "told_since", since=wording.texts.day(about.since))
    return [Line(heading(title)), Line(counts(rows))]


def _reasons(untold: Mapping[str, int], code: str, wording: Wording) -> list[Line]:
    """What stands, or is over, and is not told: a count for each reason."""
    reasons: dict[str, int] = {}
    for reason, n in untold.items():
        words = reason_in_words(reason, wording)
        reasons[words] = reasons.get(words, 0) + n
    order = sorted(reasons.items(), key=lambda row: (-row[1], row[0]))
    lines = [
        Line(block(wording.texts.text("digest", "reason", n=wording.texts.number(n), reason=words)), 1)
        for words, n in order
        if n
    ]
    return _listed(lines, 0, code, wording)


def _flapping(about: Digest, wording: Wording) -> list[Line]:
    lines = [Line(block(wording.line(entry)), 1) for entry in about.flapping[:NAMED]]
    rest = max(0, len(about.flapping) - NAMED) + about.flapping_more
    return _listed(lines, rest, "flapping", wording)


def _seats(about: Digest, wording: Wording) -> list[Line]:
    lines = [Line(block(_of_seats(entry, wording)), 1) for entry in about.seats[:NAMED]]
    return _listed(lines, max(0, len(about.seats) - NAMED), "seats", wording)


def _of_seats(entry: Entry, wording: Wording) -> str:
    """A finding about seats in one line, with what it takes to mend it."""
    asked = SEATS_TOLD.get(entry.kind)
    if asked is None or not all(_is_count(entry.facts, name) for name in asked):
        return wording.line(entry)
    values = {name: wording.texts.number(int(entry.facts[name])) for name in asked}
    about = wording.about(entry) or wording.value("skus", entry.skus)
    return wording.texts.text("digest", entry.kind, about=about, **values)


def _is_count(known: Mapping[str, Any], name: str) -> bool:
    return isinstance(known.get(name), int)


def _exceptions(about: Digest, wording: Wording) -> list[Line]:
    """Those in force, soonest end first."""
    lines = [Line(block(in_a_line(one, wording)), 1) for one in about.exceptions[:NAMED]]
    return _listed(lines, max(0, len(about.exceptions) - NAMED), "exceptions", wording)


def _listed(lines: list[Line], rest: int, code: str, wording: Wording) -> list[Line]:
    """A heading, the lines, and how many more there are; nothing where there is nothing."""
    if not lines and not rest:
        return []
    if rest:
        lines = [*lines, Line(block(plural(wording, "digest", "more", n=rest), subtle=True))]
    return [Line(heading(wording.texts.text("digest", code))), *lines]


def _watch(about: Digest, wording: Wording) -> list[Line]:
    """The watch itself: whom it watches, its last reading, what it could not hand over, what is due when."""
    text = wording.texts.text
    read = wording.texts.moment(about.swept_at) if about.swept_at else text("digest", "not_yet")
    rows = [(text("digest", "swept"), read)]
    if about.users is not None:
        rows.insert(0, (text("digest", "users"), wording.texts.number(about.users)))
    lines = [Line(heading(text("digest", "watch"))), Line(facts(rows))]
    if about.waiting:
        lines.append(Line(block(plural(wording, "digest", "waiting", n=about.waiting), color="warning")))
    due = text("digest", "due", next=wording.texts.moment(about.next_due))
    return [*lines, Line(block(due))]
