"""What is new of a finding that changed, to people who know it otherwise: from what to what, on one route."""

import msgspec

from shared.notify.entries import Entry
from shared.notify.saying.wording import Wording
from shared.texts.plain import plain

CODE = 60
"""So many characters of a rule's id are shown."""


def change(entry: Entry, route: str, wording: Wording) -> str:
    """The finding in one line, with how it was: its state or cause, else the rule, else other details."""
    line, was, text = wording.line(entry), entry.heard_as(route), wording.texts.text
    if shown := before(entry, route, wording):
        return text("summary", "changed_from", line=line, before=shown)
    if was is None:
        return line
    if was.rule == entry.rule:
        return text("summary", "changed_details", line=line)
    return text(
        "summary",
        "changed_rule",
        line=line,
        rule=plain(entry.rule, CODE),
        date=wording.edition_day(entry.edition),
        old=plain(was.rule, CODE),
        old_date=wording.edition_day(was.edition),
    )


def before(entry: Entry, route: str, wording: Wording) -> str:
    """The state or cause that the people of that route know; empty where it is the same, or not known."""
    told, was = entry.told.get(route), entry.heard_as(route)
    cause = wording.cause(msgspec.structs.replace(entry, cause=was.cause)) if was else ""
    if told is None or told.state == entry.state:
        return cause if was and was.cause != entry.cause else ""
    label = wording.short(entry.kind, told.state)
    return wording.texts.text("summary", "label_cause", label=label, cause=cause) if cause else label
