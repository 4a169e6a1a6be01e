"""What a commit does to a book, without storage: which readings it takes, what they change, what it posts.

Design §4.3. `books.py` repeats these steps until their result is in; so each depends on nothing but the book
as just read and what is to be committed.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial

import msgspec

from shared import findings
from shared.clocks import is_ahead
from shared.ledger import gap, tombstones
from shared.ledger.records import Missed, Posting, Shard, UserRecord
from shared.ledger.tombstones import Absence
from shared.model import Facts, Finding, Judged, JudgedBy, Standing, SubjectType, Transition, User, Verdict
from shared.rules.loader import Rules

_SCOPED = frozenset({"scope-group", "outside-scope-group", "not-capable", "not-used", "cannot-reset"})
"""Reach codes of users for whom the scope was asked at all."""


class UserReading(Facts, frozen=True, kw_only=True):
    """One user as read and judged, to be committed.

    `judged` still has its holdings. `observed_at`: our clock just before the request was sent. `baseline`:
    the first complete reading of all users has not ended. `edition`: the governing one. `evidence`: when
    other facts behind the verdict were read, by name, in ISO 8601. `heard_at`: when the notification came
    that asked for this reading. `since`: when the delta round before ended, if delta asked for it.
    """

    user: User
    judged: Judged
    observed_at: datetime
    judged_by: JudgedBy
    findings: tuple[Finding, ...]
    edition: str
    standing: Standing = Standing()
    baseline: bool = False
    evidence: Mapping[str, str] = {}
    heard_at: datetime | None = None
    since: datetime | None = None


FATES = ("committed", "unchanged", "refused", "superseded", "gone", "restored")
"""What may become of a reading or an absence: fields of `CommitOutcome`."""


_LOOK_AGAIN = ("outdated", "undated", "unburied")


class CommitOutcome(Facts, frozen=True, kw_only=True):
    """What became of a message's readings and absences in one shard, by user id; each is in one of six.

    `committed`: something about the user changed. `unchanged`: only when, and by which facts, it was judged.
    `refused`: judged by older tenant facts than the record; judge again. `superseded`: the record rests on a
    reading as late or later. `gone`: an absence made a tombstone. `restored`: a reading brought a user back.
    Of the superseded, `outdated` were judged by newer facts than the record: look at the user again.
    `undated`, and `unburied` of the absences: the record is dated later than now, if by less than clocks may
    differ, so which of the two came first nobody knows: look again when that time is past.
    `transitions` are the postings of this commit; `waits` seconds from notification to commit, one for each
    user whose judged facts a notification told of.
    """

    book: str
    committed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    superseded: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()
    undated: tuple[str, ...] = ()
    unburied: tuple[str, ...] = ()
    transitions: tuple[Posting, ...] = ()
    waits: tuple[float, ...] = ()


def apply_readings(
    shard: Shard,
    readings: Sequence[UserReading],
    at: datetime,
    tenant_id: str,
    rules: Rules,
    absences: Sequence[Absence] = (),
    heard: Mapping[str, datetime] | None = None,
    *,
    now: datetime | None = None,
) -> tuple[Shard, CommitOutcome]:
    """The shard with readings and absences taken in, one after the other, and what became of each.

    The guard, in this order: a reading judged by an older facts generation than the record's is refused; one
    observed before the record's, or at the same time by the same generation, is superseded. So neither older
    facts nor an older look at the user ever overwrites a newer verdict; only a record that is dated further
    ahead of now than clocks may differ gives way to whatever comes. An absence rests on no facts: only when
    it was observed decides, before the record's is superseded. Likewise against a tombstone: a reading must
    be later, whatever facts it was judged by. What passes always moves the record's `observed_at` and
    `judged_by`, even if nothing else changed: the guard can't see what was not written.

    `heard` (user id to time): notifications that needed no reading, see `gap.hear`; users without a record
    are passed over. Tombstones that have stood long enough go. If nothing passes, the very shard that was
    given comes back.

    `at` dates what is written. `now`: where that is a while ago, because other writers came first; by it a
    record is dated ahead or not.
    """
    intake = _Intake(shard, at, now or at, tenant_id, rules)
    for reading in readings:
        intake.take(reading)
    for absence in absences:
        intake.bury(absence)
    for user_id, when in (heard or {}).items():
        intake.hear(user_id, when)
    return intake.shard(), intake.outcome()


class _Intake:
    """One commit on its way through a shard: the users as they become, and the fate of each reading."""

    def __init__(self, shard: Shard, at: datetime, now: datetime, tenant_id: str, rules: Rules) -> None:
        self._shard = shard
        self._at = at
        self._now = now
        self._tenant_id = tenant_id
        self._rules = rules
        self._users = dict(shard.users)
        self._changed = False
        self._fates: dict[str, list[str]] = {name: [] for name in (*FATES, *_LOOK_AGAIN)}
        self._postings: list[Posting] = []
        self._waits: list[float] = []
        self._bare: dict[int, Verdict] = {}

    def take(self, reading: UserReading) -> None:
        """Take a reading in, unless the guard is against it."""
        user_id = reading.user.id
        known = self._users.get(user_id)
        fate = _guard(known, reading, self._now) if known else ""
        if not fate:
            fate = self._overwrite(known, reading)
        elif fate == "superseded":
            # A later look came first, and may have counted as missed what this notification told of.
            if reading.heard_at:
                self.hear(user_id, reading.heard_at)
            if known and known.observed_at > self._now:
                self._fates["undated"].append(user_id)
            elif known and not known.gone_at and reading.judged_by.generation > known.judged_by.generation:
                self._fates["outdated"].append(user_id)
        self._fates[fate].append(user_id)

    def bury(self, absence: Absence) -> None:
        """Make a tombstone, unless the user was seen later."""
        user_id = absence.user_id
        known = self._users.get(user_id)
        if known and not is_ahead(known.observed_at, self._now) and _seen_since(known, absence):
            fate = "superseded"
            if known.observed_at > self._now:
                self._fates["unburied"].append(user_id)
        elif known and known.gone_at:
            fate = "unchanged"
            self._put(msgspec.structs.replace(known, observed_at=absence.observed_at))
        else:
            fate = "gone"
            self._put(self._tombstone(absence, known))
        self._fates[fate].append(user_id)

    def hear(self, user_id: str, when: datetime) -> None:
        """Note a notification that was not read for, where it matters."""
        known = self._users.get(user_id)
        record = gap.hear(known, when) if known else None
        if record and record is not known:
            self._put(record)

    def shard(self) -> Shard:
        """The shard as it is to be written; the very one that was given if nothing passed."""
        if not self._changed:
            return self._shard
        tombstones.without_old(self._users, self._at)
        heard = gap.with_heard(self._shard.heard, self._waits)
        return msgspec.structs.replace(self._shard, users=self._users, heard=heard)

    def outcome(self) -> CommitOutcome:
        """What became of everything."""
        fates = {name: tuple(ids) for name, ids in self._fates.items() if ids}
        transitions, waits = tuple(self._postings), tuple(self._waits)
        return CommitOutcome(book=self._shard.name, transitions=transitions, waits=waits, **fates)

    def _put(self, record: UserRecord) -> None:
        self._users[record.id] = record
        self._changed = True

    def _overwrite(self, known: UserRecord | None, reading: UserReading) -> str:
        step = self._advance(known, reading)
        judged_on = gap.mark(reading.user)
        news = gap.changed(known, reading.user, judged_on)
        heard_at = gap.later(known.heard_at if known else None, reading.heard_at)
        since = reading.since if news and not reading.baseline else None
        record = _record(
            known,
            reading,
            self._without_holdings(reading.judged.verdict),
            step,
            judged_on=judged_on,
            heard_at=heard_at,
            missed=gap.missed(known.missed if known else None, heard_at, since, self._at),
        )
        if step.transitions:
            evidence = {**reading.evidence, "observedAt": reading.observed_at.isoformat()}
            self._post(record.id, step.transitions, reading.edition, evidence)
        if news and reading.heard_at:
            self._waits.append(max(0.0, (self._at - reading.heard_at).total_seconds()))
        self._put(record)
        if known and known.gone_at:
            return "restored"
        return "unchanged" if known and _same(known, record) else "committed"

    def _advance(self, known: UserRecord | None, reading: UserReading) -> findings.Advance:
        open_now = known.open if known else {}
        closed = known.closed if known else {}
        within = findings.REOPEN_WITHIN
        if known and known.gone_at:
            closed, within = tombstones.remembered(known, self._at), tombstones.KEPT
        if not (open_now or closed or reading.findings):
            return _NOTHING
        cause = partial(
            findings.resolution_cause,
            reading.judged.verdict,
            synced=reading.user.synced,
            rule_changed=known is not None and known.judged_by.policy != reading.judged_by.policy,
        )
        return findings.advance(
            self._tenant_id,
            SubjectType.USER,
            reading.user.id,
            open_now,
            closed,
            _with_lost(known, reading),
            self._at,
            cause,
            self._rules,
            baseline=reading.baseline,
            reopen_within=within,
        )

    def _tombstone(self, absence: Absence, known: UserRecord | None) -> UserRecord:
        if known is None:
            return tombstones.tombstone(absence, None, {}, self._at)
        step = findings.advance(
            self._tenant_id,
            SubjectType.USER,
            known.id,
            known.open,
            known.closed,
            (),
            self._at,
            tombstones.DELETED,
            self._rules,
        )
        evidence = {**absence.evidence, "observedAt": absence.observed_at.isoformat()}
        self._post(known.id, step.transitions, absence.edition, evidence)
        return tombstones.tombstone(absence, known, step.closed, self._at)

    def _post(
        self, user_id: str, transitions: Iterable[Transition], edition: str, evidence: Mapping[str, str]
    ) -> None:
        self._postings += [
            Posting(
                subject_type=SubjectType.USER,
                subject_id=user_id,
                transition=transition,
                edition=edition,
                evidence=evidence,
            )
            for transition in transitions
        ]

    def _without_holdings(self, verdict: Verdict) -> Verdict:
        """How each SKU was read is for `explain`, which reads the user anew.

        A judge gives one and the same verdict to all users who are alike, so it is stripped once.
        """
        bare = self._bare.get(id(verdict))
        if bare is None:
            bare = self._bare[id(verdict)] = msgspec.structs.replace(verdict, holdings=())
        return bare


_NOTHING = findings.Advance({}, {}, ())


def _with_lost(known: UserRecord | None, reading: UserReading) -> tuple[Finding, ...]:
    """The reading's findings, with what the user lost since the record that is overwritten."""
    if known is None or known.gone_at or not reading.findings:
        return reading.findings
    return findings.with_lost(
        reading.findings,
        known.open,
        before=known.skus,
        counted=known.verdict.counted,
        held=[one.sku_id for one in reading.user.assigned_licenses],
    )


def _guard(known: UserRecord, reading: UserReading, now: datetime) -> str:
    """Why the reading must not overwrite the record; empty if it may.

    By a record from ahead of now no reading would be newer until then, so its time counts for nothing.
    """
    undated = is_ahead(known.observed_at, now)
    if known.gone_at:
        return "" if reading.observed_at > known.observed_at or undated else "superseded"
    ours, theirs = reading.judged_by.generation, known.judged_by.generation
    if ours < theirs:
        return "refused"
    if undated:
        return ""
    if reading.observed_at < known.observed_at or (
        reading.observed_at == known.observed_at and ours == theirs
    ):
        return "superseded"
    return ""


def _seen_since(known: UserRecord, absence: Absence) -> bool:
    """Whether the record rests on a later look. At the very same time an absence wins over a reading."""
    if known.gone_at:
        return absence.observed_at <= known.observed_at
    return absence.observed_at < known.observed_at


def _record(
    known: UserRecord | None,
    reading: UserReading,
    verdict: Verdict,
    step: findings.Advance,
    *,
    judged_on: str,
    heard_at: datetime | None,
    missed: Missed | None,
) -> UserRecord:
    user = reading.user
    return UserRecord(
        id=user.id,
        observed_at=reading.observed_at,
        judged_by=reading.judged_by,
        verdict=verdict,
        upn=user.user_principal_name or "",
        name=user.display_name or "",
        synced=user.synced,
        location=bool(user.usage_location),
        # A list: of the many users with one licence or two each, a generator would take half the time.
        skus=tuple(sorted([held.sku_id for held in user.assigned_licenses])),
        others=reading.judged.others,
        enabled_since=_enabled_since(known, reading),
        disabled_seen=user.account_enabled is not True,
        scope_mismatch=_scope_mismatch(reading),
        open=step.open,
        closed=step.closed,
        judged_on=judged_on,
        heard_at=heard_at,
        missed=missed,
    )


def _enabled_since(known: UserRecord | None, reading: UserReading) -> datetime | None:
    """The reading's own memory may be of an older record than the one that is overwritten."""
    if known is None:
        return reading.standing.enabled_since
    if known.disabled_seen and reading.user.account_enabled is True:
        return reading.observed_at
    return reading.standing.enabled_since or known.enabled_since


def _scope_mismatch(reading: UserReading) -> bool:
    """Whether groups and report say different things of a user who would be in reach by either of them."""
    row, member = reading.standing.registration, reading.standing.in_scope_group
    if row is None or row.is_admin or member is None:
        return False
    return reading.judged.verdict.reach in _SCOPED and row.is_sspr_enabled != member


def _same(known: UserRecord, record: UserRecord) -> bool:
    """Whether the records differ at most in how, when and why the user was looked at."""
    looked = msgspec.structs.replace(
        known,
        observed_at=record.observed_at,
        judged_by=record.judged_by,
        heard_at=record.heard_at,
        missed=record.missed,
    )
    return looked == record
