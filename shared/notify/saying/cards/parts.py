"""What cards of many findings share: counts, the first of them by name, and what to do for whom."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from shared.model import Moment, SubjectType
from shared.notify.entries import Entry
from shared.notify.messages import Item
from shared.notify.saying import commands
from shared.notify.saying.cards.changed import change
from shared.notify.saying.cards.frame import Backdrop, Line, block, heading, told_how
from shared.notify.saying.wording import Wording, is_fixed

NAMED = 10
"""So many findings of a kind of news are named on one card; the rest is a count."""

STEPS = 5
"""So many remedies a card of many findings shows: the tenant's and groups' first, then the most frequent."""

_FIRST = 1_000_000


def plural(wording: Wording, *path: str, n: int, **values: str) -> str:
    """The text with a count; `<code>_one` where it is one."""
    *section, code = path
    return wording.texts.text(
        *section, f"{code}_one" if n == 1 else code, n=wording.texts.number(n), **values
    )


def counted(items: Iterable[Item], wording: Wording) -> list[tuple[str, str]]:
    """A count for each kind and state, in the order in which they come."""
    counts = Counter((item.entry.kind, item.entry.state, _end(item.entry)) for item in items)
    return [
        (wording.label(kind, state, n, end=end), wording.texts.number(n))
        for (kind, state, end), n in counts.items()
    ]


def _end(entry: Entry) -> str:
    """Whether it is over, and was mended: of that the words beside a count depend."""
    return "" if entry.open else "mended" if is_fixed(entry) else "over"


def labelled(counts: Mapping[str, int], wording: Wording, *, end: str = "") -> list[tuple[str, int]]:
    """Counts by `kind: state` in words, most first; `end` as in `Wording.label`."""
    rows = sorted(counts.items(), key=lambda row: (-row[1], row[0]))
    return [(label(code, n, wording, end=end), n) for code, n in rows if n]


def label(code: str, n: int, wording: Wording, *, end: str = "") -> str:
    """`kind: state` in the words beside that count."""
    kind, _, state = code.partition(": ")
    return wording.label(kind, state, n, end=end)


def first(
    items: Sequence[Item], wording: Wording, title: str, *, since: bool = False, route: str = ""
) -> list[Line]:
    """The first findings by name, with since when if asked for, and how many are not named. One that changed
    says from what, as the people of the route know it."""
    if not items:
        return []
    lines = [Line(heading(title))]
    for item in items[:NAMED]:
        changed = item.moment is Moment.CHANGED
        said = change(item.entry, route, wording) if changed else wording.line(item.entry)
        if since:
            moment = wording.texts.day(item.entry.since)
            said = wording.texts.text("reminder", "line", line=said, since=moment)
        lines.append(Line(block(said), 1))
    rest = len(items) - NAMED
    if rest > 0:
        lines.append(Line(block(plural(wording, "summary", "rest", n=rest), subtle=True)))
    return lines


def next_steps(items: Iterable[Item], wording: Wording, title: str) -> list[Line]:
    """The remedies of many findings, each once with whom it is for; what is not shown is counted."""
    entries: dict[str, list[Entry]] = {}
    worded: dict[bytes, list[str]] = {}
    for item in items:
        alike = _alike(item.entry)
        if alike not in worded:
            worded[alike] = wording.steps(item.entry)
        for sentence in worded[alike]:
            entries.setdefault(sentence, []).append(item.entry)
    if not entries:
        return []
    order = sorted(entries.items(), key=lambda row: _weight(row[1]), reverse=True)
    lines = [Line(heading(title))]
    for sentence, whom in order[:STEPS]:
        said = wording.texts.text("summary", "step", whom=_whom(whom, wording), text=sentence)
        lines.append(Line(block(said), 1))
    if rest := order[STEPS:]:
        findings = wording.texts.number(len({one.id for _, whom in rest for one in whom}))
        said = plural(wording, "summary", "other_steps", n=len(rest), findings=findings)
        lines.append(Line(block(said, subtle=True)))
    return lines


def _alike(entry: Entry) -> bytes:
    """The same for findings whose steps read alike, as those of thousands of users do."""
    said = (entry.kind, entry.state, entry.about, entry.cause, entry.skus, entry.groups)
    return msgspec.json.encode((said, entry.facts, entry.remedy))


def _weight(whom: Iterable[Entry]) -> int:
    return sum(1 if one.subject_type is SubjectType.USER else _FIRST for one in whom)


def _whom(entries: Sequence[Entry], wording: Wording) -> str:
    """For whom a remedy is: a name where it is one, else how many."""
    subjects = {(one.subject_type, one.subject_id) for one in entries}
    types = {subject_type for subject_type, _ in subjects}
    if len(subjects) == 1:
        [(subject_type, subject_id)] = subjects
        if subject_type is not SubjectType.USER:
            return wording.names.subject(subject_type, subject_id)
    if types == {SubjectType.USER}:
        return plural(wording, "summary", "for_users", n=len(subjects))
    return plural(wording, "summary", "for_findings", n=len(entries))


def how_to_except(items: Iterable[Item], wording: Wording, backdrop: Backdrop) -> list[Line]:
    """How to agree to leave one of the users so, where there is one."""
    if not any(item.entry.open and item.entry.subject_type is SubjectType.USER for item in items):
        return []
    text = wording.texts.text
    line = commands.except_any(
        backdrop.at, owner=text("exception", "your_name"), reason=text("exception", "your_reason")
    )
    return told_how(text("exception", "how_any"), line)


def subjects_named(items: Iterable[Item]) -> frozenset[str]:
    """The users among the subjects."""
    return frozenset(item.entry.subject_id for item in items if item.entry.subject_type is SubjectType.USER)
