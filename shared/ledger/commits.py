"""What a commit does to a book, without storage: which readings it takes, what they change, what it posts.

Design §4.3. `books.py` repeats these steps until their result is in; so each depends on nothing but the book
as just read and what is to be committed.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial

import msgspec

from shared import findings
from shared.ledger.records import Book, OutboxEntry, Posting, Shard, UserRecord
from shared.model import Facts, Finding, Judged, JudgedBy, Standing, SubjectType, User
from shared.rules.loader import Rules

_COMMITS_REMEMBERED = 64
"""More than can be committed to one book while a writer whose answer was lost tries again."""

_SCOPED = frozenset({"scope-group", "outside-scope-group", "not-capable", "not-used", "cannot-reset"})
"""Reach codes of users for whom the scope was asked at all."""


class UserReading(Facts, frozen=True, kw_only=True):
    """One user as read and judged, to be committed.

    `judged` still has its holdings. `observed_at`: our clock just before the request was sent. `baseline`:
    the first complete reading of all users has not ended. `edition`: the governing one. `evidence`: when
    other facts behind the verdict were read, by name, in ISO 8601.
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


class CommitOutcome(Facts, frozen=True, kw_only=True):
    """What became of a message's readings in one shard, by user id; each reading is in exactly one of four.

    `committed`: something about the user changed. `unchanged`: only when, and by which facts, it was judged.
    `refused`: judged by older tenant facts than the record; judge again. `superseded`: the record rests on a
    reading as late or later. Of these, `outdated` were judged by newer facts than the record: look at the
    user again. `transitions` are the postings of this commit.
    """

    book: str
    committed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    superseded: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()
    transitions: tuple[Posting, ...] = ()


def apply_readings(
    shard: Shard, readings: Sequence[UserReading], at: datetime, tenant_id: str, rules: Rules
) -> tuple[Shard, CommitOutcome]:
    """The shard with the readings taken in, one after the other, and what became of each.

    The guard, in this order: a reading judged by an older facts generation than the record's is refused; one
    observed before the record's, or at the same time by the same generation, is superseded. So neither older
    facts nor an older look at the user ever overwrites a newer verdict. What passes always moves the record's
    `observed_at` and `judged_by`, even if nothing else changed: the guard can't see what was not written.
    If nothing passes, the very shard that was given comes back.
    """
    users = dict(shard.users)
    fate: dict[str, list[str]] = {name: [] for name in CommitOutcome.__struct_fields__}
    postings: list[Posting] = []
    for reading in readings:
        user_id = reading.user.id
        known = users.get(user_id)
        if known and (verdict := _guard(known, reading)):
            fate[verdict].append(user_id)
            if verdict == "superseded" and reading.judged_by.generation > known.judged_by.generation:
                fate["outdated"].append(user_id)
            continue
        record, posted = _take(known, reading, at, tenant_id, rules)
        users[user_id] = record
        postings += posted
        fate["unchanged" if known and _same(known, record) else "committed"].append(user_id)
    outcome = CommitOutcome(
        book=shard.name,
        committed=tuple(fate["committed"]),
        unchanged=tuple(fate["unchanged"]),
        refused=tuple(fate["refused"]),
        superseded=tuple(fate["superseded"]),
        outdated=tuple(fate["outdated"]),
        transitions=tuple(postings),
    )
    if not outcome.committed and not outcome.unchanged:
        return shard, outcome
    return msgspec.structs.replace(shard, users=users), outcome


def _guard(known: UserRecord, reading: UserReading) -> str:
    """Why the reading must not overwrite the record; empty if it may."""
    ours, theirs = reading.judged_by.generation, known.judged_by.generation
    if ours < theirs:
        return "refused"
    if reading.observed_at < known.observed_at or (
        reading.observed_at == known.observed_at and ours == theirs
    ):
        return "superseded"
    return ""


def _take(
    known: UserRecord | None, reading: UserReading, at: datetime, tenant_id: str, rules: Rules
) -> tuple[UserRecord, list[Posting]]:
    user = reading.user
    step = findings.advance(
        tenant_id,
        SubjectType.USER,
        user.id,
        known.open if known else {},
        known.closed if known else {},
        reading.findings,
        at,
        partial(
            findings.resolution_cause,
            reading.judged.verdict,
            synced=user.synced,
            rule_changed=known is not None and known.judged_by.policy != reading.judged_by.policy,
        ),
        rules,
        baseline=reading.baseline,
    )
    record = UserRecord(
        id=user.id,
        observed_at=reading.observed_at,
        judged_by=reading.judged_by,
        # How each SKU was read is for `explain`, which reads the user anew.
        verdict=msgspec.structs.replace(reading.judged.verdict, holdings=()),
        upn=user.user_principal_name or "",
        name=user.display_name or "",
        synced=user.synced,
        location=bool(user.usage_location),
        skus=tuple(sorted(held.sku_id for held in user.assigned_licenses)),
        others=reading.judged.others,
        enabled_since=_enabled_since(known, reading),
        disabled_seen=user.account_enabled is not True,
        scope_mismatch=_scope_mismatch(reading),
        open=step.open,
        closed=step.closed,
    )
    evidence = {**reading.evidence, "observedAt": reading.observed_at.isoformat()}
    postings = [
        Posting(
            subject_type=SubjectType.USER,
            subject_id=user.id,
            transition=transition,
            edition=reading.edition,
            evidence=evidence,
        )
        for transition in step.transitions
    ]
    return record, postings


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
    fresh = msgspec.structs.replace(known, observed_at=record.observed_at, judged_by=record.judged_by)
    return fresh == record


def sealed[B: Book](book: B, commit_id: str, postings: tuple[Posting, ...], at: datetime) -> B:
    """The book as it is to be written: its postings in the outbox under the journal's next number."""
    commits = (*book.commits, commit_id)[-_COMMITS_REMEMBERED:]
    if not postings:
        return msgspec.structs.replace(book, commits=commits, written_at=at)
    entry = OutboxEntry(seq=book.next_seq, postings=postings)
    return msgspec.structs.replace(
        book, commits=commits, written_at=at, next_seq=book.next_seq + 1, outbox=(*book.outbox, entry)
    )


def without[B: Book](book: B, published: Iterable[int]) -> B:
    """The book without the outbox entries of these numbers; the very same if it holds none of them."""
    numbers = frozenset(published)
    left = tuple(entry for entry in book.outbox if entry.seq not in numbers)
    return book if len(left) == len(book.outbox) else msgspec.structs.replace(book, outbox=left)
