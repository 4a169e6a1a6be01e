"""Cards of an exception that ends soon or has ended, and the words for exceptions on the digest."""

from shared.model import SubjectType
from shared.notify.exceptions.exemptions import Exemption
from shared.notify.messages import ENDED, ManyExemptions, Message
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
from shared.notify.saying.cards.parts import NAMED, counted, first, next_steps, plural, subjects_named
from shared.notify.saying.wording import Wording
from shared.texts.plain import plain

REASON = 400
"""So many characters of a reason are shown."""


def exception(message: Message, one: Exemption, wording: Wording, backdrop: Backdrop) -> Body:
    """What is agreed, by whom, why and until when; what it covers now, and how to agree to it again."""
    text, over = wording.texts.text, message.form == ENDED
    form, n = ("ended" if over else "ending"), len(message.items)
    lines = [
        Line(block(text("exception", f"what_{form}"))),
        Line(facts(_terms(one, wording, over=over))),
        *_covered(message, wording, over=over),
        *(next_steps(message.items, wording, text("summary", "next")) if over else []),
        *section(text("card", "why"), [text("exception", f"why_{form}")]),
        Line(heading(text("exception", "choices"))),
        *_choices(one, wording, backdrop, over=over),
    ]
    day = wording.texts.day(one.end)
    title = plural(wording, "exception", f"title_{form}", n=n, day=day)
    return Body(title=title, lines=tuple(lines), tone="warning")


def exceptions(message: Message, about: ManyExemptions, wording: Wording) -> Body:
    """Many that end together, or have ended: which, what they cover, and how to agree to them again."""
    text, over = wording.texts.text, message.form == ENDED
    form, number = ("ended" if over else "ending"), wording.texts.number
    lines = [
        Line(block(text("exception", f"what_many_{form}"))),
        *_first(about, form, wording),
        *_covered(message, wording, over=over),
        *(next_steps(message.items, wording, text("summary", "next")) if over else []),
        *section(text("card", "why"), [text("exception", f"why_{form}")]),
        Line(heading(text("exception", "choices_many"))),
        Line(block(text("exception", "let_be_ended" if over else "let_many_be"))),
        Line(block(text("exception", "list"))),
        Line(command(commands.LIST_ALL if over else commands.LIST)),
        Line(block(text("exception", "extend_many"))),
        Line(command(commands.IMPORT)),
    ]
    many = {"exceptions": number(len(about.exceptions)), "n": number(len(message.items))}
    title = text("exception", f"title_many_{form}", **many)
    return Body(title=title, lines=tuple(lines), tone="warning")


def _first(about: ManyExemptions, form: str, wording: Wording) -> list[Line]:
    """The first to end, a line each, and how many more there are."""
    lines = [Line(heading(wording.texts.text("exception", f"which_{form}")))]
    lines += [Line(block(in_a_line(one, wording)), 1) for one in about.exceptions[:NAMED]]
    rest = len(about.exceptions) - NAMED
    if rest > 0:
        lines.append(Line(block(plural(wording, "digest", "more", n=rest), subtle=True)))
    return lines


def in_a_line(one: Exemption, wording: Wording) -> str:
    """Until when, what and whom it covers, and who answers for it."""
    return wording.texts.text(
        "digest",
        "exception",
        day=wording.texts.day(one.end),
        kind=kind_of(one, wording),
        whose=whose(one, wording),
        owner=plain(one.owner),
    )


def names_of_exceptions(message: Message) -> frozenset[str]:
    """The users that the first of them are about, and the first of those they cover."""
    about = (users_of(one) for one in message.exceptions[:NAMED])
    return subjects_named(message.items[:NAMED]).union(*about)


def users_of(one: Exemption) -> frozenset[str]:
    """The user that an exception is about, if it is about one."""
    return frozenset({one.subject_id} if one.subject_type == SubjectType.USER else ())


def kind_of(one: Exemption, wording: Wording) -> str:
    """What is excepted, in words."""
    if not one.kind:
        return wording.texts.text("exception", "any_kind")
    return wording.texts.find("exception", "kinds", one.kind) or plain(one.kind)


def whose(one: Exemption, wording: Wording) -> str:
    """Whom it covers; of a group how many users that are, where it is known."""
    if not one.subject_type:
        return wording.texts.text("exception", "anyone")
    names, texts = wording.names, wording.texts
    name = names.subject(one.subject_type, one.subject_id)
    if one.subject_type != SubjectType.GROUP:
        return name
    n = names.members.get(one.subject_id)
    if n is None or names.everybody is None:
        return texts.text("exception", "group", group=name)
    everybody = texts.number(names.everybody)
    return texts.text("exception", "group_counted", group=name, n=texts.number(n), all=everybody)


def _covered(message: Message, wording: Wording, *, over: bool) -> list[Line]:
    """What it covers: one finding by itself, of more first how many of each kind."""
    many = "_many" if len(message.exceptions) > 1 else ""
    title = wording.texts.text("exception", f"{'covered' if over else 'covers'}{many}")
    if len(message.items) <= 1:
        return first(message.items, wording, title)
    return [
        Line(heading(title)),
        Line(counts(counted(message.items, wording))),
        *first(message.items, wording, wording.texts.text("exception", "first")),
    ]


def _terms(one: Exemption, wording: Wording, *, over: bool) -> list[tuple[str, str]]:
    text, moment = wording.texts.text, wording.texts.moment
    rows = [
        (text("exception", "kind"), kind_of(one, wording)),
        (text("exception", "whose"), whose(one, wording)),
        (text("exception", "owner"), plain(one.owner)),
        (text("exception", "reason"), plain(one.reason, REASON)),
        (text("exception", "agreed"), moment(one.created_at)),
        (text("exception", "ended_on" if over else "ends_on"), moment(one.end)),
    ]
    if one.end < one.until:
        rows.append((text("exception", "by_hand"), moment(one.until)))
    return [(title, value) for title, value in rows if value]


def _choices(one: Exemption, wording: Wording, backdrop: Backdrop, *, over: bool) -> list[Line]:
    """Let it end, agree again, or end it now."""
    text = wording.texts.text
    extended = commands.extend(
        one, backdrop.at, owner=text("exception", "your_name"), reason=text("exception", "your_reason")
    )
    lines = [
        Line(block(text("exception", "let_be_ended" if over else "let_be_ending"))),
        Line(block(text("exception", "extend"))),
        Line(command(extended)),
    ]
    if not over:
        lines += [Line(block(text("exception", "end"))), Line(command(commands.end(one)))]
    return lines
