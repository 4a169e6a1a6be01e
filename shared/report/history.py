"""A user's history from the journal: `uncovered from … to …`. Pure but for `lines_about`, which reads.

A finding that changed its state is two episodes. One that came back within `REOPEN_WITHIN` is two as well:
between them the user was in order.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from shared.ledger.journal import JournalLine, read_lines
from shared.ledger.manifest import Paths
from shared.ledger.records import Manifest
from shared.ledger.shards import shard_of
from shared.model import Facts, Moment, Severity, SubjectType, zulu
from shared.notify.entries import Ended, Entry
from shared.notify.saying.names import Names
from shared.notify.saying.wording import Wording
from shared.report.figures import Report
from shared.rules.loader import Rules
from shared.storage import Container
from shared.texts.catalogue import Catalogue
from shared.texts.plain import one_line, unescaped

BLOBS = 5_000
"""Journal blobs of a shard that are read at most, the latest: a shard gets one for each commit with news."""

_AT_ONCE = 16
_LONGEST = 2_000


class Episode(Facts, frozen=True, omit_defaults=False):
    """How a finding about the user stood, from `since` to `until`; None: still.

    `cause`: why it stood so; `ended`: why it ended, empty where it merely changed its state or still stands.
    `first_reading`: it was there when the watch first looked, so it may be older than `since`.
    """

    kind: str
    about: str
    state: str
    severity: Severity
    rule: str
    cause: str
    edition: str
    since: datetime
    until: datetime | None = None
    ended: str = ""
    first_reading: bool = False


class EpisodeView(Facts, frozen=True, omit_defaults=False, rename={"since": "from", "until": "to"}):
    """An `Episode` in words: `text` says what was so. Times are ISO 8601, `until` empty while it stands."""

    kind: str
    state: str
    severity: str
    rule: str
    text: str
    cause_text: str
    since: str
    until: str
    ended_text: str
    first_reading: bool


def episodes(lines: Iterable[JournalLine], user_id: str) -> tuple[Episode, ...]:
    """The episodes of one user, the latest first. `lines` of one book, in order; other subjects are passed
    over."""
    standing: dict[str, Episode] = {}
    over: list[Episode] = []
    for line in lines:
        if line.subject.type != SubjectType.USER or line.subject.id != user_id:
            continue
        known = standing.pop(line.finding, None)
        if line.transition is Moment.RESOLVED:
            if known:
                over.append(msgspec.structs.replace(known, until=line.at, ended=line.cause))
            continue
        now = _episode(line)
        if known and (known.state, known.cause, known.rule) == (now.state, now.cause, now.rule):
            standing[line.finding] = known
            continue
        if known:
            over.append(msgspec.structs.replace(known, until=line.at))
        standing[line.finding] = now
    found = [*over, *standing.values()]
    return tuple(sorted(found, key=lambda one: (one.since, one.kind, one.about), reverse=True))


def _episode(line: JournalLine) -> Episode:
    return Episode(
        kind=line.kind,
        about=line.subject.about,
        state=line.state,
        severity=line.severity,
        rule=line.rule.id,
        cause=line.cause,
        edition=line.edition,
        since=line.at,
        first_reading=line.baseline,
    )


class Told(msgspec.Struct, frozen=True):
    """Journal lines about one user, in order; `whole`: from the beginning, else older ones were left out."""

    lines: tuple[JournalLine, ...]
    whole: bool


async def lines_about(alerts: Container, manifest: Manifest, user_id: str, blobs: int = BLOBS) -> Told:
    """What the journal has on a user: of the user's shard the last `blobs` blobs are read.

    Raises `JournalUnreadable`, and what storage raises.
    """
    book = shard_of(user_id, manifest.shards)
    prefix = Paths(manifest).journal(book, 0).rpartition("/")[0] + "/"
    names = [one.name async for one in alerts.names(prefix)]
    turns, needle = asyncio.Semaphore(_AT_ONCE), user_id.encode()

    async def read(name: str) -> list[JournalLine]:
        async with turns:
            stored = await alerts.read(name)
        # A shard's journal is about thousands of users: only lines that name this one are decoded.
        rows = [row for row in stored.data.splitlines() if needle in row] if stored else []
        return read_lines(b"\n".join(rows), name)

    found: Sequence[list[JournalLine]] = await asyncio.gather(*(read(name) for name in names[-blobs:]))
    lines = tuple(line for several in found for line in several if line.subject.id == user_id)
    return Told(lines, len(names) <= blobs)


def views(
    found: Iterable[Episode], report: Report, texts: Catalogue, rules: Rules
) -> tuple[EpisodeView, ...]:
    """The episodes in words."""
    names = Names(
        texts=texts,
        groups=report.names,
        product=lambda sku: report.names.get(sku) or rules.skus.name(sku),
    )
    wording = Wording(texts, names, rules)
    return tuple(_view(one, wording, texts) for one in found)


def _view(one: Episode, wording: Wording, texts: Catalogue) -> EpisodeView:
    entry = Entry(
        id="",
        subject_type=SubjectType.USER,
        subject_id="",
        kind=one.kind,
        state=one.state,
        severity=one.severity,
        fingerprint="",
        since=one.since,
        changed_at=one.since,
        about=one.about,
        cause=one.cause,
        skus=(one.about,) if one.about else (),
    )
    what = wording.short(one.kind, one.state)
    if about := wording.about(entry):
        what = texts.text("report", "episode_of", what=what, about=about)
    ended = Ended(at=one.until, cause=one.ended) if one.until and one.ended else None
    return EpisodeView(
        kind=one.kind,
        state=one.state,
        severity=str(one.severity),
        rule=one.rule,
        text=_shown(what),
        cause_text=_shown(wording.cause(entry)),
        since=zulu(one.since),
        until=zulu(one.until) if one.until else "",
        ended_text=_shown(wording.state(msgspec.structs.replace(entry, ended=ended))) if ended else "",
        first_reading=one.first_reading,
    )


def _shown(text: str) -> str:
    return one_line(unescaped(text), _LONGEST)
