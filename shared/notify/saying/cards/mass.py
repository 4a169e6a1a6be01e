"""Cards of many users at once: held until it is sure, confirmed, or gone back."""

from collections.abc import Iterable

from shared.notify.deciding.brake import lost
from shared.notify.messages import Mass, Message
from shared.notify.saying import commands
from shared.notify.saying.cards.frame import (
    Backdrop,
    Body,
    Line,
    block,
    command,
    counts,
    facts,
    heading,
    section,
)
from shared.notify.saying.cards.many import news, standing
from shared.notify.saying.cards.parts import labelled, next_steps, plural
from shared.notify.saying.wording import Wording
from shared.texts.plain import plain

CODE = 60
"""So many characters of a code without words are shown."""

LICENSED = "licensed"
"""The end of what a licence mended."""

NAMED_CAUSES = 3
"""So many causes are named: more than that is nothing in common."""


def held(mass: Mass, wording: Wording) -> Body:
    """So many users changed at once that nothing is told of them until it is sure."""
    text = wording.texts.text
    limit = wording.texts.number(mass.limit)
    lines = [
        Line(block(text("held", "what"))),
        Line(facts(_common(mass, wording))),
        *_kinds(mass, wording),
        *section(text("card", "why"), [text("held", "why", limit=limit)]),
        *section(text("held", "next"), [text("held", "sure"), text("held", "returns")]),
        Line(heading(text("card", "remedy"))),
        Line(block(text("held", f"look_{_way(mass)}"))),
        Line(block(text("held", "release"))),
        Line(command(commands.RELEASE)),
        Line(block(text("held", "discard"))),
        Line(command(commands.DISCARD)),
    ]
    title = text("held", f"title_{_way(mass)}", n=wording.texts.number(mass.users))
    return Body(title=title, lines=tuple(lines), tone="warning" if mass.worse else "default")


def released(message: Message, mass: Mass, wording: Wording, backdrop: Backdrop) -> Body:
    """What was held is so: all of it, with what the users have in common."""
    text = wording.texts.text
    by = text("released", "by", by=plain(mass.by)) if mass.by else text("released", "by_reading")
    lines = [
        Line(block(by)),
        Line(facts(_common(mass, wording))),
        *news(message, wording),
        *_remedy(message, mass, wording),
        *section(text("card", "why"), [text("released", "why", limit=wording.texts.number(mass.limit))]),
    ]
    title = plural(wording, "released", f"title_{_way(mass)}", n=mass.users)
    tone = "attention" if mass.worse else "good"
    return Body(title=title, lines=tuple(lines), tone=tone, edition=backdrop.edition)


def _remedy(message: Message, mass: Mass, wording: Wording) -> list[Line]:
    """First to give back what they lost: the steps of the findings only know what would do, however small."""
    text = wording.texts.text
    steps = next_steps(standing(message.items), wording, text("summary", "next"))
    losers = {one.entry.subject_id for one in message.items if not set(lost(one.entry)).isdisjoint(mass.lost)}
    if not losers:
        return steps
    back = text("released", "give_back", products=wording.value("lost", mass.lost))
    said = text("summary", "step", whom=plural(wording, "summary", "for_users", n=len(losers)), text=back)
    first = [Line(heading(text("summary", "next"))), Line(block(said))]
    return [*first, Line(block(text("released", "instead"))), *steps[1:]] if steps else first


def returned(mass: Mass, wording: Wording) -> Body:
    """What was said to be held is over, and what becomes of those who did not go back."""
    text, number = wording.texts.text, wording.texts.number
    gone = max(0, mass.users - mass.left)
    title = plural(wording, "returned", "title", n=gone, users=number(mass.users))
    said = [text("returned", "what", since=wording.texts.moment(mass.since), n=number(mass.users))]
    if mass.left:
        said.append(plural(wording, "returned", "left", n=mass.left))
    lines = [
        *(Line(block(one)) for one in said),
        *section(text("card", "why"), [text("returned", "why")]),
        *section(text("card", "remedy"), [text("card", "nothing_to_do")]),
    ]
    return Body(title=title, lines=tuple(lines), tone="default" if mass.left else "good")


def _way(mass: Mass) -> str:
    return "worse" if mass.worse else "better"


def _common(mass: Mass, wording: Wording) -> list[tuple[str, str]]:
    """How many, which way, since when, and what at least nine in ten have in common."""
    text = wording.texts.text
    causes = " ".join(dict.fromkeys(_causes(mass, wording)))
    rows = [
        (text("held", "users"), wording.texts.number(mass.users)),
        (text("held", "direction"), text("held", _way(mass))),
        (text("card", "since"), wording.texts.moment(mass.since)),
        (text("held", "cause"), causes),
        (text("held", "products"), wording.value("skus", mass.skus)),
        (text("held", "groups"), wording.value("groups", mass.groups)),
    ]
    if not (causes or mass.skus or mass.groups):
        rows.append((text("held", "in_common"), text("held", "nothing")))
    return [(title, value) for title, value in rows if value]


def _causes(mass: Mass, wording: Wording) -> Iterable[str]:
    """Causes in words; of those who got better, why it ended."""
    texts = wording.texts
    for cause in mass.causes[:NAMED_CAUSES]:
        code, _, reason = cause.partition(": ")
        if code == "left-reach":
            shown = texts.find("reach", reason) or plain(reason, CODE)
            yield texts.text("ended", "left-reach", reason=shown)
        else:
            places = ("causes", "ended") if mass.worse else ("ended", "causes")
            found = (texts.find(place, cause) for place in places)
            yield next((words for words in found if words), "") or wording.error(cause)


def _kinds(mass: Mass, wording: Wording) -> list[Line]:
    end = "" if mass.worse else "over"
    rows = [(words, wording.texts.number(n)) for words, n in labelled(mass.kinds, wording, end=end)]
    if not rows:
        return []
    covered = [] if mass.worse or LICENSED not in mass.causes else [wording.texts.text("held", "covered")]
    return [
        Line(heading(wording.texts.text("held", "kinds"))),
        Line(counts(rows)),
        *(Line(block(said)) for said in covered),
    ]
