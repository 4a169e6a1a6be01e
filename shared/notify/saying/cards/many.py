"""Cards of many findings: what is new, how things stand at first, what is still open."""

from collections import Counter
from collections.abc import Iterable

from shared.model import Moment, SubjectType
from shared.notify.messages import BASELINE, Item, Message
from shared.notify.saying.cards.frame import Backdrop, Body, Line, block, counts, heading, section
from shared.notify.saying.cards.parts import (
    NAMED,
    counted,
    first,
    how_to_except,
    next_steps,
    plural,
    subjects_named,
)
from shared.notify.saying.wording import Wording, is_fixed


def summary(message: Message, wording: Wording, backdrop: Backdrop) -> Body:
    """More findings than are told one by one."""
    text, number, items = wording.texts.text, wording.texts.number, message.items
    news_of = Counter(str(item.moment) for item in items)
    parts = ", ".join(
        text("summary", moment, n=number(news_of[moment]))
        for moment in ("opened", "changed", "resolved")
        if news_of[moment]
    )
    lines = [
        *news(message, wording),
        *section(text("card", "why"), [text("summary", "why")]),
        *next_steps(standing(items), wording, text("summary", "next")),
        *how_to_except(items, wording, backdrop),
    ]
    title = plural(wording, "summary", "title", n=len(items), parts=parts)
    return Body(title=title, lines=tuple(lines), edition=backdrop.edition)


def baseline(message: Message, wording: Wording, backdrop: Backdrop) -> Body:
    """How things stand when the first reading has ended; of the tenant and its groups first."""
    text, items, users = wording.texts.text, message.items, backdrop.users
    title = text("baseline", "title_uncounted")
    if users is not None:
        title = plural(wording, "baseline", "title", n=users)
    lines = [Line(block(text("baseline", "found" if items else "clean")))]
    if items:
        lines += [Line(heading(text("baseline", "counts"))), Line(counts(counted(items, wording)))]
    others, people = _apart(items)
    lines += first(others, wording, text("baseline", "tenant"))
    lines += first(people, wording, text("baseline", "worst"))
    lines += next_steps(items, wording, text("baseline", "next"))
    lines += section(text("card", "why"), [text("baseline", "why")])
    lines += how_to_except(items, wording, backdrop)
    return Body(title=title, lines=tuple(lines), edition=backdrop.edition)


def reminder(message: Message, wording: Wording, backdrop: Backdrop) -> Body:
    """Findings that were told and still stand, oldest first; the title has the shortest time among them."""
    text = wording.texts.text
    items = sorted(message.items, key=lambda item: item.entry.since)
    days = min((backdrop.at - item.entry.since).days for item in items) if items else 0
    after = plural(wording, "reminder", "days", n=max(days, 0))
    title = plural(wording, "reminder", "title", n=len(items), days=after)
    steps = next_steps(items, wording, text("summary", "next"))
    lines = [
        Line(counts(counted(items, wording))),
        *first(items, wording, text("reminder", "first"), since=True),
        *section(text("card", "why"), [text("reminder", "why")]),
        *(steps or section(text("card", "remedy"), [])),
        Line(block(text("reminder", "steps_elsewhere"))),
        *how_to_except(items, wording, backdrop),
    ]
    return Body(title=title, lines=tuple(lines), edition=backdrop.edition)


def news(message: Message, wording: Wording) -> list[Line]:
    """Counts and first names by what is new."""
    text, lines = wording.texts.text, []
    for key, found in _by_news(message.items):
        lines.append(Line(heading(text("summary", f"{key}_title"))))
        lines.append(Line(counts(counted(found, wording))))
        lines += first(found, wording, text("summary", "first"), route=message.route)
    return lines


def standing(items: Iterable[Item]) -> list[Item]:
    """Those there is something to do about."""
    return [item for item in items if item.entry.open]


def names_of_news(message: Message) -> frozenset[str]:
    """Users among the first findings of each news."""
    return subjects_named(item for _, items in _by_news(message.items) for item in items[:NAMED])


def names_of_first(message: Message) -> frozenset[str]:
    """Users among the first findings: of the baseline without tenant and groups, of a reminder the oldest."""
    if message.form == BASELINE:
        return subjects_named(_apart(message.items)[1][:NAMED])
    return subjects_named(sorted(message.items, key=lambda item: item.entry.since)[:NAMED])


def _apart(items: Iterable[Item]) -> tuple[list[Item], list[Item]]:
    """The tenant's and groups' findings, and the users'."""
    others: list[Item] = []
    people: list[Item] = []
    for item in items:
        (people if item.entry.subject_type is SubjectType.USER else others).append(item)
    return others, people


def _by_news(items: Iterable[Item]) -> list[tuple[str, list[Item]]]:
    """The items by what is new about them; keys are those of the texts' `summary`."""
    found: dict[str, list[Item]] = {"opened": [], "changed": [], "fixed": [], "closed": []}
    for item in items:
        if item.moment is Moment.RESOLVED:
            found["fixed" if is_fixed(item.entry) else "closed"].append(item)
        else:
            found[str(item.moment)].append(item)
    return [(key, some) for key, some in found.items() if some]
