"""Stories for the notifier: journal lines at given seconds, a clock told the time, cards collected."""

import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.ledger.journal import JournalLine, LineRule, LineSubject
from shared.model import Because, Moment, Severity, Step
from shared.notify.deciding import handover
from shared.notify.deciding.decide import Decision, decide
from shared.notify.deciding.routing import DEFAULT, RouteRule
from shared.notify.deciding.scene import Reading, Release, Scene, Telling
from shared.notify.delivering.routes import Delivered, Failed
from shared.notify.exceptions.exemptions import Exemption
from shared.notify.memory import packed, unpacked
from shared.notify.messages import (
    BASELINE,
    DECLARED,
    DIGEST,
    ENDED,
    ENDING,
    HELD,
    RELEASED,
    REMINDER,
    RETURNED,
    SINGLE,
    SUMMARY,
    Item,
    ManyExemptions,
    Mass,
    Message,
)
from shared.notify.table import RouteMemory, Table, apply
from shared.rules.kinds import MuteRow
from shared.rules.loader import load_rules
from tests.notify.collector import Collector

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TENANT = "00000000-0000-4000-8000-000000000000"
RULES = load_rules()
BOOKS = 4
"""So many shards has the tenant of a story."""

Route = Callable[[Message, datetime], Delivered | Failed]


def second(n: float) -> datetime:
    """So many seconds into the story."""
    return START + timedelta(seconds=n)


def line(
    seq: int,
    at: float,
    moment: Moment,
    finding: str,
    *,
    kind: str = "coverage",
    state: str = "uncovered",
    subject_type: str = "user",
    subject: str = "",
    about: str = "",
    severity: Severity = Severity.HIGH,
    cause: str = "nothing-held",
    fingerprint: str = "",
    because: Iterable[Because] = (),
    remedy: Iterable[Step] = (),
    facts: Mapping[str, Any] | None = None,
    skus: Iterable[str] = (),
    groups: Iterable[str] = (),
    rule: str = "S4",
    baseline: bool = False,
    reopened: int = 0,
) -> JournalLine:
    """A journal line; the fingerprint follows the state unless it is given."""
    return JournalLine(
        tenant=TENANT,
        id=f"{finding}/{seq}",
        finding=finding,
        seq=seq,
        at=second(at),
        transition=moment,
        cause=cause,
        kind=kind,
        state=state,
        severity=severity,
        subject=LineSubject(type=subject_type, id=subject or f"user-{finding}", about=about),
        edition="2017-10-24",
        rule=LineRule(id=rule),
        facts=facts or {},
        remedy=tuple(remedy),
        baseline=baseline,
        skus=tuple(skus),
        groups=tuple(groups),
        because=tuple(because),
        fingerprint=fingerprint or state,
        reopened=reopened,
        opened_at=second(at),
    )


_NAMED = {
    SUMMARY: "one card",
    BASELINE: "baseline",
    REMINDER: "reminder",
    RELEASED: "released",
    DECLARED: "since your change",
    ENDING: "exception ends soon",
    ENDED: "exception ended",
}


def words(message: Message) -> str:
    """A message as stories name it; on another route than the default one with the route's name before it."""
    said_so = _words(message)
    return said_so if message.route == DEFAULT else f"{message.route}: {said_so}"


def _words(message: Message) -> str:
    if message.form == SINGLE:
        return said(message.items[0])
    if message.form == DIGEST:
        return "digest"
    if isinstance(message.about, Mass) and message.form in (HELD, RETURNED):
        left = f", {message.about.left} left" if message.form == RETURNED else ""
        return f"{message.form}: {message.about.users} {'worse' if message.about.worse else 'better'}{left}"
    counts = Counter(str(item.moment) for item in message.items)
    parts = ", ".join(f"{counts[key]} {key}" for key in ("opened", "changed", "resolved") if counts[key])
    if message.form in (REMINDER, ENDING, ENDED):
        parts = f"{len(message.items)}"
    if isinstance(message.about, ManyExemptions):
        many = "exceptions end soon" if message.form == ENDING else "exceptions ended"
        return f"{len(message.about.exceptions)} {many}: {parts}"
    return f"{_NAMED[message.form]}: {parts or 'nothing'}"


def said(item: Item) -> str:
    """One thing to say as stories name it: `fixed` only where the card may say so."""
    entry = item.entry
    if entry.ended:
        return f"{'fixed' if entry.ended.cause in ('licensed', 'fixed') else 'closed'} {entry.id}"
    return f"{item.moment} {entry.id} {entry.state}"


def delivers(message: Message, at: datetime) -> Delivered | Failed:
    """A route on which everything gets through."""
    return Delivered()


class Story:
    """One tenant's telling. Until told otherwise the baseline is over and every mute row holds."""

    def __init__(
        self,
        telling: Telling | None = None,
        mutes: tuple[MuteRow, ...] = RULES.mutes,
        baseline_told: bool = True,
        route: Route = delivers,
        routes: tuple[RouteRule, ...] = (RouteRule(),),
        users: int = 1000,
    ) -> None:
        self.telling = telling or Telling(digest_every=timedelta(0))
        self.routes = routes
        self.users = users
        self.mutes = mutes
        told = {one.name: RouteMemory(baseline_told_at=second(-3600)) for one in routes}
        self.table = Table(routes=told if baseline_told else {})
        self.baseline_ended_at: datetime | None = second(-3600) if baseline_told else None
        self.route = route
        self.holds: frozenset[str] = frozenset()
        self.exemptions: tuple[Exemption, ...] = ()
        self.memberships: dict[str, frozenset[str]] = {}
        self.untried: frozenset[str] = frozenset()
        self.reading: Reading | None = None
        self.release: Release | None = None
        self.choices: dict[str, str] = {"edition": "2017-10-24", "writeback": "unknown"}
        self.read_as: dict[str, str] = {}
        self.settled = True
        self.now = START
        self.collector = Collector(START)
        self.decision = Decision(messages=(), table=self.table, standing={})
        self._pending: list[tuple[float, JournalLine]] = []
        self._seq: dict[str, int] = {}

    def opens(self, at: float, finding: str, **fields: Any) -> None:
        """A line in the journal from that second on."""
        self._add(at, Moment.OPENED, finding, **fields)

    def opens_unread(self, at: float, finding: str, until: float) -> None:
        """A line of that second that is in the journal only from a later one on."""
        self._pending.append((until, line(0, at, Moment.OPENED, finding)))

    def changes(self, at: float, finding: str, **fields: Any) -> None:
        """A line in the journal from that second on."""
        self._add(at, Moment.CHANGED, finding, **fields)

    def resolves(self, at: float, finding: str, cause: str = "licensed", **fields: Any) -> None:
        """A line in the journal from that second on."""
        self._add(at, Moment.RESOLVED, finding, cause=cause, **fields)

    def _add(self, at: float, moment: Moment, finding: str, **fields: Any) -> None:
        self._pending.append((at, line(0, at, moment, finding, **fields)))

    def runs(self, at: float, crash: bool | str = False) -> "Story":
        """One run at that second.

        With `crash` the process dies after sending and before remembering; `offered`: before it sends
        anything; `midway`: after half of the messages.
        """
        due = sorted((one for one in self._pending if one[0] <= at), key=lambda one: one[0])
        self._pending = [one for one in self._pending if one[0] > at]
        # Whoever runs remembers nothing but what is stored: each run is a restart.
        self.table = unpacked(packed(self.table))
        by_book: dict[str, list[tuple[int, list[JournalLine]]]] = {}
        for _, one in due:
            book = f"{zlib.crc32(one.finding.encode()) % BOOKS:04x}"
            self._seq[book] = self._seq.get(book, 0) + 1
            by_book.setdefault(book, []).append((self._seq[book], [one]))
        for book, blobs in by_book.items():
            self.table = apply(self.table, book, blobs, second(at))
        now = self.now = second(at)
        self.decision = decide(self.table, self.mutes, self.telling, self.scene(now))
        table = self.table = handover.offered(self.decision.table, self.decision.messages, now)
        messages = self.decision.messages
        if crash in ("offered", "midway"):
            messages = messages[: len(messages) // 2 if crash == "midway" else 0]
        for message in messages:
            result = self.route(message, now)
            if isinstance(result, Delivered):
                self.collector.card(now, words(message))
                table = handover.delivered(table, message, now)
            else:
                table = handover.failed(
                    table,
                    message,
                    now,
                    result.retry_after,
                    status=result.status,
                    certain=result.certain,
                    offered_at=now,
                )
        if not crash:
            self.table = table
        return self

    def release_at(self, at: float, by: str = "", *, discard: bool = False) -> None:
        """An administrator lets go what is held, at that second."""
        self.release = Release(at=second(at), by=by, discard=discard)

    def scene(self, now: datetime) -> Scene:
        """What a run at that time looks at."""
        return Scene(
            now=now,
            baseline_ended_at=self.baseline_ended_at,
            holds=self.holds,
            routes=self.routes,
            exemptions=self.exemptions,
            memberships=self.memberships,
            untried=self.untried,
            users=self.users,
            reading=self.reading if self.reading and self.reading.ended_at <= now else None,
            reading_began=self.reading.started_at
            if self.reading and self.reading.started_at <= now
            else None,
            release=self.release if self.release and self.release.at <= now else None,
            choices=self.choices,
            read_as=self.read_as,
            settled=self.settled,
        )

    def plays(self, until: float, every: float = 60.0, since: float = 0.0) -> "Story":
        """A run every so many seconds, from `since` to `until`."""
        at = since
        while at <= until:
            self.runs(at)
            at += every
        return self

    def expect(self, *cards: tuple[float, str]) -> None:
        """Exactly these cards so far."""
        self.collector.expect(*cards)

    def said(self, finding: str) -> list[str]:
        """What the last run said of this finding, on any route."""
        return [
            REMINDER if message.form == REMINDER else str(item.moment)
            for message in self.decision.messages
            for item in message.items
            if item.entry.id == finding
        ]

    def why(self, finding: str) -> str:
        """The reason that the last run gave for not telling this finding."""
        return str(self.decision.why(finding) or "")
