"""The findings of the tenant and of its groups, brought up to date with a tenant record's facts. Pure."""

from datetime import datetime

import msgspec

from shared import findings
from shared.ledger.records import Posting, SubjectRecord, TenantRecord
from shared.model import Evidence, Finding, LicensingGroup, SubjectType, TenantFacts, Totals
from shared.rules.loader import Rules
from shared.rules.policy import Policy

TENANT = "tenant"
"""The key of the tenant's own findings in `TenantRecord.subjects`."""

_READ_ELSEWHERE = ("registration", "scope-groups", "emergency-group")
"""Evidence that the registration job reads; a reading of tenant facts leaves it as the ledger has it."""


def merge(known: TenantFacts | None, read: TenantFacts, policy: str) -> TenantFacts:
    """The facts to commit: what was read, what other jobs read, the next generation.

    A licensing job that was running before and still is keeps the time at which it was first seen. A group
    that was looked at by itself after this reading began stays as it was seen then: a reading of all groups
    takes them from the directory's index, which may be behind.
    """
    evidence = dict(read.evidence)
    groups = dict(read.groups)
    if known:
        evidence |= {name: item for name, item in known.evidence.items() if name in _READ_ELSEWHERE}
        groups = {key: still_processing(known.groups.get(key), group) for key, group in groups.items()}
        groups |= {key: group for key, group in known.groups.items() if _later(group, read)}
    generation = (known.generation if known else 0) + 1
    return msgspec.structs.replace(
        read, evidence=evidence, groups=groups, generation=generation, policy=policy
    )


def _later(group: LicensingGroup, read: TenantFacts) -> bool:
    return bool(group.observed_at and read.observed_at and group.observed_at > read.observed_at)


def still_processing(known: LicensingGroup | None, read: LicensingGroup) -> LicensingGroup:
    """The group as read, with the first time its running job was seen."""
    if known and known.processing_since and read.processing_since:
        return msgspec.structs.replace(read, processing_since=known.processing_since)
    return read


def with_evidence(facts: TenantFacts, pieces: dict[str, Evidence]) -> TenantFacts:
    """The facts with newer evidence of these names: a new generation."""
    evidence = {**facts.evidence, **pieces}
    return msgspec.structs.replace(facts, evidence=evidence, generation=facts.generation + 1)


def with_totals(record: TenantRecord, totals: Totals, counted_at: datetime) -> TenantRecord:
    """The record with these sums over users; the very same if it has newer ones.

    Sums mean nothing before every user was read once. `counted_at`: when the counting began.
    """
    newer = record.counted_at is not None and record.counted_at > counted_at
    if newer or record.baseline_ended_at is None:
        return record
    return msgspec.structs.replace(record, totals=totals, counted_at=counted_at)


def judge_tenant(
    record: TenantRecord, rules: Rules, policy: Policy, at: datetime
) -> tuple[TenantRecord, tuple[Posting, ...]]:
    """Advance the findings of the tenant and of every group to the record's facts and totals."""
    facts = record.facts
    if facts is None:
        return record, ()
    wanted: dict[str, tuple[SubjectType, tuple[Finding, ...]]] = {
        TENANT: (SubjectType.TENANT, findings.of_tenant(facts, record.totals or Totals(), rules, policy, at))
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
