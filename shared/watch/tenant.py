"""The findings of the tenant and of its groups, brought up to date with a tenant record's facts. Pure."""

from datetime import datetime

import msgspec

from shared import findings
from shared.clocks import is_since
from shared.findings.owed import owed, read_as
from shared.ledger.records import Debt, Posting, SubjectRecord, TenantRecord
from shared.model import Evidence, Finding, LicensingGroup, SubjectType, TenantFacts, Totals
from shared.rules.loader import Rules
from shared.rules.policy import Policy
from shared.watch.fault_codes import problems

TENANT = "tenant"
"""The key of the tenant's own findings in `TenantRecord.subjects`."""

_READ_ELSEWHERE = ("registration", "scope-groups", "emergency-group", "audit", "named-groups")
"""Evidence that other jobs read; a reading of tenant facts leaves it as the ledger has it."""


def merge(known: TenantFacts | None, read: TenantFacts, policy: str, now: datetime) -> TenantFacts:
    """The facts to commit `now`: what was read, what other jobs read, the next generation.

    A group keeps what other readings know of it (`as_known`). One that was looked at by itself after this
    reading began stays as it was seen then: a reading of all groups takes them from the directory's index,
    which may be behind.
    """
    evidence = dict(read.evidence)
    before = known.groups if known else {}
    groups = {key: as_known(before.get(key), group) for key, group in read.groups.items()}
    watched = known.watched if known else read.watched
    if known:
        evidence |= {name: item for name, item in known.evidence.items() if name in _READ_ELSEWHERE}
        groups |= {key: group for key, group in known.groups.items() if _later(group, read, now)}
    generation = (known.generation if known else 0) + 1
    return msgspec.structs.replace(
        read, evidence=evidence, groups=groups, watched=watched, generation=generation, policy=policy
    )


def _later(group: LicensingGroup, read: TenantFacts, now: datetime) -> bool:
    return read.observed_at is not None and is_since(group.observed_at, read.observed_at, now)


def as_known(known: LicensingGroup | None, read: LicensingGroup) -> LicensingGroup:
    """The group as read, with what such a reading does not tell.

    That is since when it assigns and since when a job that still runs does, the groups in it and their
    members, and when the list of its own was read.
    """
    if known is None:
        return msgspec.structs.replace(read, since=read.since or read.observed_at)
    # Of both the earlier: a clock that was ahead may have noted the one that is known.
    running = [since for since in (known.processing_since, read.processing_since) if since]
    return msgspec.structs.replace(
        read,
        since=known.since or read.since or read.observed_at,
        processing_since=min(running) if read.processing_since else None,
        nested=known.nested,
        nested_unlicensed=known.nested_unlicensed,
        members_at=known.members_at,
    )


def with_group(
    facts: TenantFacts, group_id: str, read: LicensingGroup | None, at: datetime, now: datetime
) -> TenantFacts:
    """The facts with one group as read from `at` on; without it where that is None: it assigns nothing.

    The very same if that group was read later, as far as can be told `now`, or was not known and is none.
    """
    known = facts.groups.get(group_id)
    if (known is None and read is None) or (known and is_since(known.observed_at, at, now)):
        return facts
    groups = {key: one for key, one in facts.groups.items() if key != group_id}
    if read is not None:
        groups[group_id] = as_known(known, read)
    return msgspec.structs.replace(facts, groups=groups)


def with_evidence(facts: TenantFacts, pieces: dict[str, Evidence]) -> TenantFacts:
    """The facts with newer evidence of these names: a new generation."""
    evidence = {**facts.evidence, **pieces}
    return msgspec.structs.replace(facts, evidence=evidence, generation=facts.generation + 1)


def with_totals(record: TenantRecord, totals: Totals, counted_at: datetime, now: datetime) -> TenantRecord:
    """The record with these sums over users; the very same if it has newer ones, as far as can be told `now`.

    Sums mean nothing before every user was read once. `counted_at`: when the counting began.
    """
    if is_since(record.counted_at, counted_at, now) or record.baseline_ended_at is None:
        return record
    return msgspec.structs.replace(record, totals=totals, counted_at=counted_at)


def judge_tenant(
    record: TenantRecord, rules: Rules, policy: Policy, at: datetime
) -> tuple[TenantRecord, tuple[Posting, ...]]:
    """Advance the findings of the tenant and of every group to the record's facts and totals.

    What the facts changed for users is added to what the record owes them.
    """
    facts = record.facts
    if facts is None:
        return record, ()
    record = _with_debts(record, facts, rules, policy, at)
    wanted: dict[str, tuple[SubjectType, tuple[Finding, ...]]] = {
        TENANT: (
            SubjectType.TENANT,
            findings.of_tenant(facts, record.totals or Totals(), rules, policy, at, problems(record.unwell)),
        )
    }
    for group_id in {*facts.groups, *record.subjects} - {TENANT}:
        group = facts.groups.get(group_id)
        found = findings.of_group(group, facts, rules, policy, at) if group else ()
        wanted[group_id] = (SubjectType.GROUP, found)
    subjects = dict(record.subjects)
    posted: list[Posting] = []
    for key, (subject_type, found) in wanted.items():
        subject, news = _advance(record, key, subject_type, found, rules, policy, at)
        posted += news
        if subject.open or subject.closed:
            subjects[key] = subject
        else:
            subjects.pop(key, None)
    return msgspec.structs.replace(record, subjects=subjects), tuple(posted)


def _with_debts(
    record: TenantRecord, facts: TenantFacts, rules: Rules, policy: Policy, at: datetime
) -> TenantRecord:
    """The record with everybody whom a change of the facts since the last judging may judge otherwise.

    Nobody before the first reading of all users began: it is by these facts or later ones. Facts that were
    not read under this very policy are left to whoever reads them under it: that has everybody read again.
    """
    if facts.policy != policy.fingerprint(rules.digest):
        return record
    now_read = read_as(facts, rules, policy, at)
    if now_read == record.read_as:
        return record
    more, sweep = owed(record.read_as, now_read), record.sweep
    record = msgspec.structs.replace(record, read_as=now_read)
    if not more or sweep is None:
        return record
    # The ledger's own order decides, no clock: which reading of all users was the last in this very write.
    then_read = read_as(facts, rules, policy, sweep.started_at)
    by_time = any(then_read.get(key) != now_read.get(key) for key in more)
    if record.owed and record.debt:
        by_time = by_time or record.debt.generation is None
    debt = Debt(
        at=at,
        sweep=sweep.id,
        under_way=sweep.ended_at is None,
        generation=None if by_time else facts.generation,
    )
    return msgspec.structs.replace(record, owed=tuple(sorted({*record.owed, *more})), debt=debt)


def _advance(
    record: TenantRecord,
    key: str,
    subject_type: SubjectType,
    found: tuple[Finding, ...],
    rules: Rules,
    policy: Policy,
    at: datetime,
) -> tuple[SubjectRecord, list[Posting]]:
    facts = record.facts
    before = record.subjects.get(key, SubjectRecord())
    tenant_id = facts.tenant_id if facts else ""
    subject_id = tenant_id if key == TENANT else key
    step = findings.advance(
        tenant_id,
        subject_type,
        subject_id,
        before.open,
        before.closed,
        found,
        at,
        "fixed",
        rules,
        baseline=record.baseline_ended_at is None,
    )
    evidence = evidence_times(facts)
    postings = [
        Posting(
            subject_type=subject_type,
            subject_id=subject_id,
            transition=transition,
            edition=policy.edition,
            evidence=evidence,
        )
        for transition in step.transitions
    ]
    return SubjectRecord(open=step.open, closed=step.closed), postings


def evidence_times(facts: TenantFacts | None) -> dict[str, str]:
    """When the evidence behind a verdict was read: `skusAt`, `registrationAt` … in ISO 8601."""
    if facts is None:
        return {}
    read = {name: facts.evidence_of(name).read_at for name in ("skus", "registration", "groups")}
    return {f"{name}At": when.isoformat() for name, when in read.items() if when}
