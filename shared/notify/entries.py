"""One finding as the notifier remembers it, and how a journal line moves it. Data and pure steps.

What people were told is kept a route: a card may get through on one and fail on another.
"""

import functools
from collections.abc import Mapping
from datetime import datetime, timedelta
from sys import intern
from typing import Any

import msgspec

from shared.clocks import is_ahead
from shared.ledger.journal import JournalLine
from shared.model import Because, Facts, Moment, Severity, Step, SubjectType

_NEVER = timedelta(0)


class Heard(Facts, frozen=True):
    """What people last heard of a finding. `baseline`: only as one of the counts of such a card.

    `at`: when, put off by how long the clock of the reminders stood still before another route heard of it.
    """

    state: str
    fingerprint: str
    at: datetime
    baseline: bool = False


class Was(Facts, frozen=True):
    """How a finding stood before it changed, and by what it was judged so."""

    state: str
    fingerprint: str
    cause: str = ""
    rule: str = ""
    edition: str = ""


class Ended(Facts, frozen=True):
    """When and why a finding was resolved; `cause` as in `Transition`."""

    at: datetime
    cause: str


class Entry(Facts, frozen=True):
    """One finding that is open, or resolved while people still believe it open.

    `since`: when it was last opened; `changed_at`: when its fingerprint last changed, at first `since`.
    `told`, by route: handed over for certain. `doubt`, by route: sent, but no answer was seen, so people may
    have it. `quiet`: the named reason that hinders its telling now (muted, excepted, held), empty if none;
    `quiet_since`: from when on, or since it was last told if that is later. `released_at`: when such a reason
    last went away; the confirm time starts anew there, so that symptoms end with their cause. `paused`: for
    how long, since it was last told, the clock of the reminders stood still. `reason`: why it was last not
    told, of the reasons that may last, as the trail of the telling has it. `evidence`: when the facts were
    read that it rests on. `read_at`: when the notifier read the last journal line of it, which may be long
    after `at` of that line. `was`: how it stood when people last heard of it, as long as there are some who
    know it so and it stands otherwise now.
    Of a user's finding that was told, `facts`, `remedy`, `skus`, `groups`, `evidence` and `read_at` are not
    kept: a large tenant has many, and the journal line that changes or resolves one brings them again.
    """

    id: str
    subject_type: SubjectType
    subject_id: str
    kind: str
    state: str
    severity: Severity
    fingerprint: str
    since: datetime
    changed_at: datetime
    about: str = ""
    rule: str = ""
    cause: str = ""
    skus: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    facts: Mapping[str, Any] = {}
    remedy: tuple[Step, ...] = ()
    evidence: Mapping[str, str] = {}
    because: tuple[Because, ...] = ()
    edition: str = ""
    reopened: int = 0
    baseline: bool = False
    told: Mapping[str, Heard] = {}
    doubt: Mapping[str, Heard] = {}
    ended: Ended | None = None
    quiet: str = ""
    quiet_since: datetime | None = None
    released_at: datetime | None = None
    paused: timedelta = _NEVER
    reason: str = ""
    read_at: datetime | None = None
    was: Was | None = None

    @property
    def open(self) -> bool:
        """Whether the finding stands; a resolved one is kept only until people know."""
        return self.ended is None

    def heard_of(self, route: str) -> bool:
        """Whether people on that route have heard of it, or may have."""
        return route in self.told or route in self.doubt

    def heard_as(self, route: str) -> Was | None:
        """How it stood as people on that route know it; None where that is not known any more."""
        told = self.told.get(route)
        return self.was if told and self.was and told.fingerprint == self.was.fingerprint else None


class _Said(Facts, frozen=True):
    """What a card says of a finding, and nothing else depends on."""

    skus: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    facts: Mapping[str, Any] = {}
    remedy: tuple[Step, ...] = ()
    evidence: Mapping[str, str] = {}


def told_anew(entry: Entry, told: Mapping[str, Heard], doubt: Mapping[str, Heard], at: datetime) -> Entry:
    """A finding that people have just heard of, or that counts so: the clock of its reminders begins anew.

    It may stand still at once: a first card counts what a cause mutes. On other routes it has not begun anew,
    so how long it stood still is added to when they heard.
    """
    otherwise = any(one.fingerprint != entry.fingerprint for one in told.values())
    since = entry.quiet_since
    stood = entry.paused + (at - since if since else _NEVER)
    if stood:
        told = {
            route: msgspec.structs.replace(one, at=min(one.at + stood, at))
            if one is entry.told.get(route)
            else one
            for route, one in told.items()
        }
    return msgspec.structs.replace(
        entry,
        told=told,
        doubt=doubt,
        paused=_NEVER,
        quiet_since=since and at,
        was=entry.was if otherwise else None,
    )


def without_details(entry: Entry) -> Entry:
    """A finding that was told, as it is kept: a user's without what the card said of it."""
    if entry.subject_type is not SubjectType.USER:
        return entry
    return msgspec.structs.replace(entry, read_at=None, **msgspec.structs.asdict(_Said()))


def after(before: Entry | None, line: JournalLine, read_at: datetime) -> Entry | None:
    """The finding as this line leaves it; what people were told of it stays. None: it never was there.

    A line that is dated later than it was read is from a clock that has been set back: it counts as of then.
    """
    at = read_at if is_ahead(line.at, read_at) else line.at
    said = msgspec.structs.asdict(_said(line))
    if line.transition is Moment.RESOLVED:
        ended = Ended(at=at, cause=line.cause)
        return msgspec.structs.replace(before, ended=ended, read_at=read_at, **said) if before else None
    entry = Entry(
        id=line.finding,
        subject_type=SubjectType(line.subject.type),
        subject_id=line.subject.id,
        # In a large tenant thousands differ in ids alone: they share the words.
        kind=intern(line.kind),
        state=intern(line.state),
        severity=line.severity,
        fingerprint=intern(line.fingerprint),
        since=at,
        changed_at=at,
        about=line.subject.about,
        rule=intern(line.rule.id),
        cause=intern(line.cause),
        because=line.because,
        edition=intern(line.edition),
        reopened=line.reopened,
        baseline=line.baseline,
        read_at=read_at,
        **said,
    )
    if before is None:
        return entry
    opened_again = line.transition is Moment.OPENED
    same = before.fingerprint == entry.fingerprint
    return msgspec.structs.replace(
        entry,
        since=at if opened_again else before.since,
        changed_at=before.changed_at if same and not opened_again else at,
        baseline=before.baseline or entry.baseline,
        told=before.told,
        doubt=before.doubt,
        quiet=before.quiet,
        quiet_since=before.quiet_since,
        released_at=before.released_at,
        paused=before.paused,
        reason=before.reason,
        was=before.was if same else _was(before, entry.fingerprint),
    )


def _was(before: Entry, now: str) -> Was | None:
    """As people know it, whatever it was in between; None where nobody knows it, or it is so again."""
    if not before.told or (before.was and before.was.fingerprint == now):
        return None
    return before.was or Was(
        state=before.state,
        fingerprint=before.fingerprint,
        cause=before.cause,
        rule=before.rule,
        edition=before.edition,
    )


def _said(line: JournalLine) -> _Said:
    """The same object for lines that say the same: in a first reading thousands of users are alike."""
    said = _Said(
        skus=line.skus, groups=line.groups, facts=line.facts, remedy=line.remedy, evidence=line.evidence
    )
    return _alike(msgspec.json.encode(said))


@functools.lru_cache(maxsize=1_000)
def _alike(said: bytes) -> _Said:
    return msgspec.json.decode(said, type=_Said)
