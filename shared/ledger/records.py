"""What the ledger stores: one record a user in shards, one of the tenant, and the outbox that both carry.

Design §4.3. A record is data only; `commits.py` says how it gets into storage.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from shared.model import (
    ClosedFinding,
    Facts,
    JudgedBy,
    OpenFinding,
    State,
    TenantFacts,
    Totals,
    Transition,
    Verdict,
)


class UserRecord(Facts, frozen=True):
    """What we believe of one user now. `skus` are the ids assigned; names are for display only.

    `disabled_seen`: the last reading found the account disabled; `enabled_since`: see `Standing`.
    `scope_mismatch`: the configured scope groups and the registration report disagree on this user.
    `open` is keyed by `Finding.key`; `closed` remembers resolved ones for reopening.
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
    """About 2,000 users."""

    users: Mapping[str, UserRecord] = {}


class Sweep(Facts, frozen=True):
    """The paged reading of all users: where it stands. `step` is the number of the message that is due.

    `link` is the page that this step starts with, empty for the first. `policy`: the fingerprint under which
    it began.
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


class TenantRecord(Book, frozen=True):
    """The tenant: facts, its own and its groups' findings, and how far the first reading is.

    `standing_policy`: the policy's fingerprint when the report and the scope groups were last read.
    `counted_at`: when the counting of `totals` began.
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


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Names the epoch and the number of user shards, a power of two; created once."""

    tenant_id: str
    epoch: str
    shards: int
    created_at: datetime
