"""Messages as the events of a webhook (Standard Webhooks: type, timestamp, data). Pure.

Codes and ids for programs, and beside them sentences for people, in the watch's language, without Markdown.
Names are those that `TEAMS_NAMES` allows. The shape is `docs/webhook.schema.json`; an event is never larger
than `LIMIT`: what had to go is counted.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec

from shared.model import Moment, SubjectType, zulu
from shared.notify import messages
from shared.notify.entries import Entry
from shared.notify.exceptions.exemptions import Exemption
from shared.notify.messages import About, Change, Digest, Item, ManyExemptions, Mass, Message
from shared.notify.saying.wording import Wording
from shared.texts.plain import plain, unescaped

LIMIT = 256 * 1024
"""Bytes of an event as it is sent."""
FINDINGS = 200
"""So many findings at most."""
LARGEST_FINDING = 16 * 1024
"""One that takes more bytes goes without its facts and remedy, and says so."""
LISTED = 100
"""So many products, groups or causes at most."""
LIST_BYTES = 32 * 1024
"""Bytes of each list of a digest."""
LONGEST_NOTE = 300
"""Characters of what an administrator wrote with an exception."""

TYPES: Mapping[str, str] = {
    messages.SUMMARY: "findings.summary",
    messages.BASELINE: "findings.baseline",
    messages.REMINDER: "findings.reminder",
    messages.HELD: "mass_change.held",
    messages.RELEASED: "mass_change.released",
    messages.RETURNED: "mass_change.returned",
    messages.DECLARED: "declared_change.done",
    messages.ENDING: "exception.ending",
    messages.ENDED: "exception.ended",
    messages.DIGEST: "watch.digest",
}
"""The event's type by the message's form; of one finding it is `finding.` and its transition."""

OF_MANY: Mapping[str, str] = {
    messages.ENDING: "exceptions.ending",
    messages.ENDED: "exceptions.ended",
}
"""The same of many exceptions at once."""

TEST = "watch.test"
"""The type of an event that somebody sends to see whether it arrives."""

Json = dict[str, Any]


def event(message: Message, wording: Wording, *, tenant_id: str, at: datetime) -> Json:
    """The payload to post: at most `LIMIT` bytes as JSON. `at`: now, for what has no time of its own."""
    data: Json = {
        "form": message.form,
        "route": message.route,
        "tenant": tenant_id,
        "language": wording.texts.language,
        "findings": [],
        "findings_total": len(message.items),
    }
    if message.about is not None:
        data["about"] = _about(message.about, wording)
    if message.late_since is not None:
        data["late_since"] = zulu(message.late_since)
    made = {"type": event_type(message), "timestamp": zulu(_happened(message, at)), "data": data}
    room = LIMIT - len(msgspec.json.encode(made))
    told = (_told(item, message.route, wording) for item in message.items)
    data["findings"] = _fitting(told, FINDINGS, room)
    return made


def trial(route: str, *, tenant_id: str, language: str, at: datetime) -> Json:
    """An event without findings, to see whether it arrives."""
    data: Json = {"form": "test", "route": route, "tenant": tenant_id, "language": language}
    return {
        "type": TEST,
        "timestamp": zulu(at),
        "data": data | {"findings": [], "findings_total": 0},
    }


def event_type(message: Message) -> str:
    """What has happened, in the words of `TYPES` and `OF_MANY`."""
    if message.form == messages.SINGLE:
        return f"finding.{message.items[0].moment}"
    return (OF_MANY if isinstance(message.about, ManyExemptions) else TYPES)[message.form]


def event_id(message: Message) -> str:
    """The id by which a receiver knows a repeat: the same at each attempt, another when it happens again.

    Unlike `Message.key`: that is the same for each digest of a route, and for a finding that goes to and fro.
    """
    digest = hashlib.blake2b(message.key.encode(), digest_size=16)
    for item in sorted(message.items, key=lambda item: item.key):
        heard = item.entry.told.get(message.route) if message.form == messages.REMINDER else None
        digest.update(zulu(heard.at if heard else _moment(item)).encode())
    match message.about:
        case Mass(since=when) | Change(at=when) | Exemption(until=when) | Digest(next_due=when):
            digest.update(zulu(when).encode())
        case ManyExemptions(exceptions=many):
            for one in many:
                digest.update(zulu(one.until).encode())
    return digest.hexdigest()


def users_named(message: Message) -> frozenset[str]:
    """Ids of the users whose names the event can show."""
    entries = [item.entry for item in message.items[:FINDINGS]]
    if isinstance(message.about, Digest):
        entries += [*message.about.flapping, *message.about.seats]
    ids = {entry.subject_id for entry in entries if entry.subject_type is SubjectType.USER}
    for entry in entries:
        for step in entry.remedy:
            ids.update(str(one) for one in step.values.get("sample", ()))
    agreed = message.exceptions[:LISTED]
    ids.update(one.subject_id for one in agreed if one.subject_type == SubjectType.USER)
    return frozenset(ids)


def _happened(message: Message, at: datetime) -> datetime:
    if message.form in (messages.SINGLE, messages.SUMMARY):
        return max((_moment(item) for item in message.items), default=at)
    return at


def _moment(item: Item) -> datetime:
    """When it opened, changed or was resolved."""
    entry = item.entry
    if entry.ended is not None:
        return entry.ended.at
    return entry.changed_at if item.moment is Moment.CHANGED else entry.since


# --- findings --------------------------------------------------------------------------------------------


def _told(item: Item, route: str, wording: Wording) -> Json:
    """One finding with what is new about it, and what this route heard last, if that was another state."""
    entry = item.entry
    heard = entry.told.get(route)
    row: Json = {"id": entry.id, "transition": str(item.moment), "title": unescaped(wording.title(item))}
    if heard is not None and heard.state != entry.state:
        row["previous_state"] = heard.state
    return row | _finding(entry, wording)


def _finding(entry: Entry, wording: Wording) -> Json:
    """A finding as it stands, or stood last."""
    row: Json = {
        "id": entry.id,
        "kind": entry.kind,
        "state": entry.state,
        "severity": str(entry.severity),
        "subject": _subject(str(entry.subject_type), entry.subject_id, wording),
        "about": entry.about,
        "since": zulu(entry.since),
        "cause": entry.cause,
        "rule": {"id": entry.rule, "source": _source(entry, wording)},
        "edition": entry.edition,
        "skus": list(entry.skus[:LISTED]),
        "groups": list(entry.groups[:LISTED]),
        "reopened": entry.reopened,
        "line": unescaped(wording.line(entry)),
        "link": wording.portal(entry),
    }
    if entry.ended is not None:
        row["ended"] = {"at": zulu(entry.ended.at), "cause": entry.ended.cause}
    details: Json = {
        "facts": msgspec.to_builtins(entry.facts),
        "evidence": dict(entry.evidence),
        "remedy": [{"step": step.step, "values": msgspec.to_builtins(step.values)} for step in entry.remedy],
        "why": unescaped(wording.why(entry)),
        "steps": [unescaped(step) for step in wording.steps(entry)] if entry.ended is None else [],
    }
    if len(msgspec.json.encode(details)) > LARGEST_FINDING:
        return row | {"cut": True}
    return row | details


def _source(entry: Entry, wording: Wording) -> str:
    edition = wording.rules.editions.get(entry.edition)
    rule = edition.rules.get(entry.rule) if edition else None
    return rule.source if rule else ""


def _subject(subject_type: str, subject_id: str, wording: Wording) -> Json:
    name = unescaped(wording.names.subject(subject_type, subject_id))
    return {"type": subject_type, "id": subject_id, "name": name}


# --- what stands beside them -----------------------------------------------------------------------------


def _about(about: About, wording: Wording) -> Json:
    match about:
        case Mass():
            return _mass(about, wording)
        case Change():
            return _change(about)
        case Exemption():
            return {"type": "exception"} | _exemption(about, wording)
        case ManyExemptions(exceptions=many):
            return {"type": "exceptions"} | _exemptions(many, wording)
        case Digest():
            return _digest(about, wording)


def _mass(mass: Mass, wording: Wording) -> Json:
    row: Json = {
        "type": "mass",
        "worse": mass.worse,
        "users": mass.users,
        "left": mass.left,
        "limit": mass.limit,
        "since": zulu(mass.since),
        "causes": list(mass.causes[:LISTED]),
        "skus": list(mass.skus[:LISTED]),
        "groups": list(mass.groups[:LISTED]),
        "kinds": dict(mass.kinds),
    }
    return row | _person("released_by", mass.by, wording)


def _change(change: Change) -> Json:
    return {
        "type": "change",
        "at": zulu(change.at),
        "settings": {
            name: {"before": _note(before), "after": _note(after)}
            for name, (before, after) in change.settings.items()
        },
        "skus": list(change.skus[:LISTED]),
        "opened": change.opened,
        "changed": change.changed,
        "resolved": change.resolved,
    }


def _exemption(exemption: Exemption, wording: Wording) -> Json:
    row: Json = {
        "id": exemption.id,
        "kind": exemption.kind,
        "reason": _note(exemption.reason),
        "created_at": zulu(exemption.created_at),
        "until": zulu(exemption.until),
    }
    if exemption.subject_type:
        row["subject"] = _subject(exemption.subject_type, exemption.subject_id, wording)
    if exemption.ended_at is not None:
        row["ended_at"] = zulu(exemption.ended_at)
    return row | _person("owner", exemption.owner, wording)


def _exemptions(exemptions: Sequence[Exemption], wording: Wording) -> Json:
    """The first of them, and how many there are."""
    listed = (_exemption(one, wording) for one in exemptions)
    return {
        "exceptions": _fitting(listed, LISTED, LIST_BYTES),
        "exceptions_total": len(exemptions),
    }


def _digest(digest: Digest, wording: Wording) -> Json:
    def findings(entries: Iterable[Entry]) -> list[Json]:
        return _fitting((_finding(entry, wording) for entry in entries), FINDINGS, LIST_BYTES)

    row: Json = {
        "type": "digest",
        "next_due": zulu(digest.next_due),
        "opened": dict(digest.opened),
        "resolved": dict(digest.resolved),
        "open": dict(digest.open),
        "quiet": dict(digest.quiet),
        "ends_held": dict(digest.ends_held),
        "flapping": findings(digest.flapping),
        "flapping_total": len(digest.flapping) + digest.flapping_more,
        "seats": findings(digest.seats),
        "seats_total": len(digest.seats),
        **_exemptions(digest.exceptions, wording),
        "waiting": digest.waiting,
    }
    if digest.users is not None:
        row["users"] = digest.users
    times = {"since": digest.since, "swept_at": digest.swept_at}
    return row | {name: zulu(when) for name, when in times.items() if when is not None}


def _person(field: str, text: str, wording: Wording) -> Json:
    """Who agreed or released, as an administrator wrote it; with hidden names nobody."""
    return {field: _note(text)} if text and wording.names.style != "hidden" else {}


def _note(text: str) -> str:
    return unescaped(plain(text, LONGEST_NOTE))


def _fitting(rows: Iterator[Json], most: int, room: int) -> list[Json]:
    """The first rows that together fit into `room` bytes; no more are made than that."""
    kept: list[Json] = []
    for row in islice(rows, most):
        room -= len(msgspec.json.encode(row)) + 1
        if room < 0:
            break
        kept.append(row)
    return kept
