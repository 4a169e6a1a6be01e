"""The notifier's memory: what is open, what people were told of it, and how far each book has been read.

Data and pure steps over it; time is passed in (judgement.md §6). Told marks are set only by `delivered`
(`shared/notify/handover.py`): a crash between sending and committing repeats a card and never loses one.
"""

import functools
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from shared.ledger.journal import JournalLine
from shared.model import Because, Facts, Moment, Severity, Step, SubjectType


class Heard(Facts, frozen=True):
    """What people last heard of a finding. `baseline`: only as one of the counts of the baseline card."""

    state: str
    fingerprint: str
    at: datetime
    baseline: bool = False


class Ended(Facts, frozen=True):
    """When and why a finding was resolved; `cause` as in `Transition`."""

    at: datetime
    cause: str


class Entry(Facts, frozen=True):
    """One finding that is open, or resolved while people still believe it open.

    `since`: when it was last opened; `changed_at`: when its fingerprint last changed, at first `since`.
    `told`: handed over for certain. `doubt`: sent, but no answer was seen, so people may have it.
    `quiet`: the named reason that hinders its telling now (muted, held), empty if none. `released_at`: when
    such a reason last went away; the confirm time starts anew there, so that symptoms end with their cause.
    Of a user's finding that was told, `facts`, `remedy`, `skus` and `groups` are not kept: a large tenant has
    many, and the journal line that changes or resolves one brings them again.
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
    because: tuple[Because, ...] = ()
    edition: str = ""
    reopened: int = 0
    baseline: bool = False
    told: Heard | None = None
    doubt: Heard | None = None
    ended: Ended | None = None
    quiet: str = ""
    released_at: datetime | None = None

    @property
    def open(self) -> bool:
        """Whether the finding stands; a resolved one is kept only until people know."""
        return self.ended is None


class _Said(Facts, frozen=True):
    """What a card says of a finding, and nothing else depends on."""

    skus: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    facts: Mapping[str, Any] = {}
    remedy: tuple[Step, ...] = ()


class Handover(Facts, frozen=True):
    """A hand-over that failed. `items` are the keys of what it carried and what still waits (`Message.keys`).

    `failed_at`: the first failure. `not_before`: no new attempt earlier. `whole_route`: the receiver asked
    for quiet, so nothing else goes there before it. `mentioned`: a card that got through has said so.
    `status` names the last failure, without the address.
    """

    items: tuple[str, ...]
    failed_at: datetime
    attempts: int
    not_before: datetime
    status: str
    whole_route: bool = False
    mentioned: bool = False


class Table(Facts, frozen=True):
    """The whole memory. `entries` by finding id; `cursors`: book name to the last journal number applied.

    `all_read_at`: when every book, not only the named ones, was last read from its cursor.
    """

    entries: Mapping[str, Entry] = {}
    cursors: Mapping[str, int] = {}
    handovers: tuple[Handover, ...] = ()
    baseline_told_at: datetime | None = None
    all_read_at: datetime | None = None


class Item(Facts, frozen=True):
    """One thing to say: this finding opened, changed or was resolved."""

    moment: Moment
    entry: Entry

    @property
    def key(self) -> str:
        """The same as long as the same is to be said."""
        return f"{self.entry.id}:{self.moment}:{self.entry.fingerprint}:{self.entry.reopened}"


class Message(Facts, frozen=True):
    """One card. `form`: `single` (one item), `summary` (many), `baseline` (the end of the first reading).

    `late_since`: since when earlier hand-overs have failed, if this card is to say so.
    """

    form: str
    items: tuple[Item, ...]
    late_since: datetime | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """What a hand-over of this message is remembered by."""
        return (BASELINE_KEY,) if self.form == BASELINE else tuple(item.key for item in self.items)

    @property
    def key(self) -> str:
        """Stable over restarts: the same form of the same items has the same key."""
        digest = hashlib.blake2b(digest_size=12)
        for part in (self.form, *sorted(self.keys)):
            digest.update(part.encode() + b"\n")
        return digest.hexdigest()


SINGLE, SUMMARY, BASELINE = "single", "summary", "baseline"
BASELINE_KEY = "baseline"


def apply(table: Table, book: str, blobs: Iterable[tuple[int, Sequence[JournalLine]]]) -> Table:
    """Take the journal of one book in: each number with its lines, in order.

    A number that the cursor has passed changes nothing, so reading twice is the same as reading once. Nothing
    is judged here: what opened and closed since the last telling is still in the table, for `decide` to net.
    """
    cursor = table.cursors.get(book, 0)
    news = [(seq, lines) for seq, lines in blobs if seq > cursor]
    if not news:
        return table
    entries = dict(table.entries)
    for seq, lines in news:
        for line in lines:
            entry = _after(entries.get(line.finding), line)
            if entry is not None:
                entries[entry.id] = entry
        cursor = seq
    return msgspec.structs.replace(table, entries=entries, cursors={**table.cursors, book: cursor})


def without_details(entry: Entry) -> Entry:
    """A finding that was told, as it is kept: a user's without what the card said of it."""
    if entry.subject_type is not SubjectType.USER:
        return entry
    return msgspec.structs.replace(entry, **msgspec.structs.asdict(_Said()))


def _said(line: JournalLine) -> _Said:
    """The same object for lines that say the same: in a first reading thousands of users are alike."""
    said = _Said(skus=line.skus, groups=line.groups, facts=line.facts, remedy=line.remedy)
    return _alike(msgspec.json.encode(said))


@functools.lru_cache(maxsize=1_000)
def _alike(said: bytes) -> _Said:
    return msgspec.json.decode(said, type=_Said)


def _after(before: Entry | None, line: JournalLine) -> Entry | None:
    """The finding as this line leaves it; what people were told of it stays."""
    said = msgspec.structs.asdict(_said(line))
    if line.transition is Moment.RESOLVED:
        ended = Ended(at=line.at, cause=line.cause)
        return msgspec.structs.replace(before, ended=ended, **said) if before else None
    entry = Entry(
        id=line.finding,
        subject_type=SubjectType(line.subject.type),
        subject_id=line.subject.id,
        kind=line.kind,
        state=line.state,
        severity=line.severity,
        fingerprint=line.fingerprint,
        since=line.at,
        changed_at=line.at,
        about=line.subject.about,
        rule=line.rule.id,
        cause=line.cause,
        because=line.because,
        edition=line.edition,
        reopened=line.reopened,
        baseline=line.baseline,
        **said,
    )
    if before is None:
        return entry
    opened_again = line.transition is Moment.OPENED
    same = before.fingerprint == entry.fingerprint
    return msgspec.structs.replace(
        entry,
        since=line.at if opened_again else before.since,
        changed_at=before.changed_at if same and not opened_again else line.at,
        baseline=before.baseline or entry.baseline,
        told=before.told,
        doubt=before.doubt,
        quiet=before.quiet,
        released_at=before.released_at,
    )
