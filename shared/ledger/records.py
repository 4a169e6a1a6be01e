"""What the ledger stores: one record a user in shards, one of the tenant, and the outbox that both carry.

Design §4.3. A record is data only; `commits.py` says how it gets into storage.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from shared.model import (
    ClosedFinding,
    Evidence,
    Facts,
    JudgedBy,
    OpenFinding,
    State,
    TenantFacts,
    Totals,
    Transition,
    Verdict,
)


class Missed(Facts, frozen=True):
    """A change that nobody told of: delta found it at `found_at`, and it happened after `since`.

    `since`: when the delta round before ended. It is kept until it is heard of after all, or counted (`gap`).
    """

    since: datetime
    found_at: datetime


class Heard(Facts, frozen=True):
    """Changes that were told of, since the last count: how many, and seconds from notification to verdict."""

    users: int = 0
    seconds: float = 0.0
    longest: float = 0.0


class UserRecord(Facts, frozen=True):
    """What we believe of one user now. `skus` are the ids assigned; names are for display only.

    `disabled_seen`: the last reading found the account disabled; `enabled_since`: see `Standing`.
    `scope_mismatch`: the configured scope groups and the registration report disagree on this user.
    `open` is keyed by `Finding.key`; `closed` remembers resolved ones for reopening.
    `gone_at`: this is a tombstone, written then (`tombstones`). `heard_at`: the last authentic notification.
    `judged_on`: a mark of the user object's facts that judging rests on (`gap.mark`); empty in old records.
    """

    id: str
    observed_at: datetime
    judged_by: JudgedBy
    verdict: Verdict
    upn: str = ""
    name: str = ""
    synced: bool = False
    location: bool = True
    skus: tuple[str, ...] = ()
    others: Mapping[str, State] = {}
    enabled_since: datetime | None = None
    disabled_seen: bool = False
    scope_mismatch: bool = False
    open: Mapping[str, OpenFinding] = {}
    closed: Mapping[str, ClosedFinding] = {}
    judged_on: str = ""
    gone_at: datetime | None = None
    heard_at: datetime | None = None
    missed: Missed | None = None


class SubjectRecord(Facts, frozen=True):
    """The findings of the tenant or of one group."""

    open: Mapping[str, OpenFinding] = {}
    closed: Mapping[str, ClosedFinding] = {}


class Posting(Facts, frozen=True):
    """A transition with its subject, as the outbox holds it until it is in the journal."""

    subject_type: str
    subject_id: str
    transition: Transition
    edition: str = ""
    evidence: Mapping[str, str] = {}


class OutboxEntry(Facts, frozen=True):
    """All transitions of one commit: the journal blob `seq` of this shard."""

    seq: int
    postings: tuple[Posting, ...]


class Book(Facts, frozen=True):
    """What every ledger blob carries: its journal's next number, what is not yet published, recent commits.

    `commits` are the ids of the last commits: after a lost answer the re-read finds its own (design §6).
    `written_at`: when the last of them was made.
    """

    name: str
    next_seq: int = 1
    outbox: tuple[OutboxEntry, ...] = ()
    commits: tuple[str, ...] = ()
    written_at: datetime | None = None


class Shard(Book, frozen=True):
    """About 2,000 users, and tombstones of others. `heard`: what was told of and not yet counted."""

    users: Mapping[str, UserRecord] = {}
    heard: Heard | None = None


class Sweep(Facts, frozen=True):
    """The reading of all users: where it stands. `step` is the number of the message that is due.

    First all pages are put aside, then judged bucket by bucket: `link` is the page that this step starts
    with, empty for the first; `bucket` the one that is due, None while pages are read; `buckets` all of them.
    `asked`: the last step that a message was sent for. `policy`: the fingerprint under which it began. `why`:
    who asked for it; `again`: who asked for another one meanwhile. `delta_link`: tells what changed since
    just before it began; empty where Graph gives none. `expected`: how many users there were at last count,
    0 if never counted. `unseen`: users of the ledger that it did not see. `unnamed`: rows without an id.
    `restarts`: how often it began anew because Graph had forgotten a page. `failures`: how often this step
    failed, and `fault` how. `woken_at`: when it stood still and was asked for again; yet to come where its
    message waits. `waits_until`: before that time the step that is due, or was, is not to be taken.
    `began_before`, `ended_before`: of the last complete reading before this one, if there was any.
    """

    id: str
    started_at: datetime
    step: int = 1
    link: str = ""
    policy: str = ""
    pages: int = 0
    users: int = 0
    touched_at: datetime | None = None
    ended_at: datetime | None = None
    why: str = ""
    again: str = ""
    asked: int = 1
    bucket: int | None = None
    buckets: int = 0
    delta_link: str = ""
    expected: int = 0
    unseen: int = 0
    unnamed: int = 0
    restarts: int = 0
    failures: int = 0
    fault: str = ""
    woken_at: datetime | None = None
    waits_until: datetime | None = None
    began_before: datetime | None = None
    ended_before: datetime | None = None

    @property
    def complete(self) -> tuple[datetime, datetime] | None:
        """When the last complete reading began and ended: this one, or while it goes on the one before."""
        if self.ended_at:
            return self.started_at, self.ended_at
        return (self.began_before, self.ended_before) if self.began_before and self.ended_before else None

    @property
    def phase(self) -> str:
        """`reading` pages, `judging` what they hold, or `ended`."""
        return "ended" if self.ended_at else "reading" if self.bucket is None else "judging"

    @property
    def percent(self) -> int | None:
        """How much of the present phase is done; None where it is not known."""
        if self.ended_at:
            return 100
        if self.bucket is not None:
            return 100 * self.bucket // max(1, self.buckets)
        return min(99, 100 * self.users // self.expected) if self.expected else None


class Debt(Facts, frozen=True):
    """What is known of a debt to users (`TenantRecord.owed`): when it was last added to, and what covers it.

    `sweep` was the last reading of all users then, `under_way` if it had not ended: it may have judged by the
    facts from before, one with another id has not. `generation`: verdicts by facts of that one or later are
    right; None where time passing made the debt, so that only a new look will do. `sent`: messages about
    those whom the ledger had were sent while the reading went on.
    """

    at: datetime
    sweep: str
    under_way: bool = False
    generation: int | None = None
    sent: bool = False


class NamedGroup(Facts, frozen=True):
    """A group that an exception or a route names, as its members were last read (`manifest.watched_path`).

    `begun_at`: when the last reading began; `evidence`: how the last that ended did. `nested`: ids of the
    groups in it, and of those in them; `users`: how many users there are in all of them. `changed_at`: when
    somebody last told that one of these groups changed. `put_off_until`: before then Graph does not want to
    be asked again. `named_by`: what named it when the last reading began: `exception:<id>`, `route:<name>`.
    """

    begun_at: datetime | None = None
    evidence: Evidence = Evidence()
    nested: tuple[str, ...] = ()
    users: int = 0
    changed_at: datetime | None = None
    put_off_until: datetime | None = None
    named_by: tuple[str, ...] = ()

    @property
    def counted(self) -> int | None:
        """How many users there are in it; None where nobody has read them yet."""
        return self.users if self.evidence.read_at is not None else None


class TenantRecord(Book, frozen=True):
    """The tenant: facts, its own and its groups' findings, and how far the first reading is.

    `standing_policy`: the policy's fingerprint when the report and the scope groups were last read.
    `counted_at`: when the counting of `totals` began. `unwell`: what the watch itself can't do, code to
    detail (ids and words of ours only).
    `read_as`: how each SKU is read, and what else all verdicts rest on, as digests. `owed`: SKUs whose
    holders must be looked at, since that changed; `*`: everybody. `debt` tells more of that.
    `nested_at`: when the members of groups nested in licensing groups were last read. `named`: the groups
    that exceptions and routes name, by id.
    `subjects` is keyed by `tenant` or a group's id. `baseline_ended_at` is set once, by the first complete
    sweep.
    """

    facts: TenantFacts | None = None
    subjects: Mapping[str, SubjectRecord] = {}
    totals: Totals | None = None
    sweep: Sweep | None = None
    baseline_ended_at: datetime | None = None
    standing_policy: str = ""
    counted_at: datetime | None = None
    unwell: Mapping[str, str] = {}
    read_as: Mapping[str, str] = {}
    owed: tuple[str, ...] = ()
    debt: Debt | None = None
    nested_at: datetime | None = None
    named: Mapping[str, NamedGroup] = {}


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Names the epoch and the number of user shards, a power of two; created once."""

    tenant_id: str
    epoch: str
    shards: int
    created_at: datetime
