"""The journal's lines: what the outbox holds as anyone outside may read it, and back (design §4.4, §5). Pure.

One blob an outbox entry, one JSON object a line. Lines carry ids of objects, never names. The contract with
consumers is docs/journal.md; what it says of each field stands in `tools/journal_schema.toml`.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from shared.ledger.records import OutboxEntry, Posting
from shared.model import Because, Moment, Severity, Step, ndjson
from shared.rules.loader import Rules
from shared.storage import versions

SCHEMA = 1
"""Rises when a field changes its meaning or goes; a new field, or a new value of one, does not raise it."""


class LineSubject(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the finding is about, and which of several of one kind it is (`Finding.about`)."""

    type: str
    id: str
    about: str = ""


class LineRule(msgspec.Struct, frozen=True, kw_only=True):
    """The rule's id in the line's edition, and where Microsoft says it; empty where no rule decides."""

    id: str = ""
    source: str = ""


class JournalLine(msgspec.Struct, frozen=True, kw_only=True):
    """One transition of one finding. `id` is the line's own, `finding` stays from opening to resolution.

    `kind`, `state` and what follows are the finding after the transition, or as it last stood if resolved.
    `cause` is the resolution's where there is one, else the finding's. `previous` holds `state` and
    `fingerprint` before, and is empty for what opened for the first time. `evidence`: when facts were read,
    in ISO 8601 by name (`observedAt`, `skusAt` …). `baseline`: it opened in the first reading of all users.
    """

    schema: int = SCHEMA
    tenant: str
    id: str
    finding: str
    seq: int
    at: datetime
    transition: Moment
    cause: str
    kind: str
    state: str
    severity: Severity
    subject: LineSubject
    edition: str
    rule: LineRule
    facts: Mapping[str, Any] = {}
    remedy: tuple[Step, ...] = ()
    evidence: Mapping[str, str] = {}
    baseline: bool = False
    previous: Mapping[str, str] = {}
    skus: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    because: tuple[Because, ...] = ()
    fingerprint: str = ""
    reopened: int = 0
    opened_at: datetime


class _Schema(msgspec.Struct, frozen=True):
    schema: int


class JournalUnreadable(Exception):
    """A journal blob is not what the watch writes. The reason names the place in it, never a value."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"journal blob {path} can't be read: {reason}")


def lines_of(tenant_id: str, epoch: str, book: str, entry: OutboxEntry, rules: Rules) -> list[JournalLine]:
    """The lines of one entry; always the same for the same entry and rules."""
    return [
        _line(tenant_id, f"{epoch}/{book}/{entry.seq}/{number}", entry.seq, posting, rules)
        for number, posting in enumerate(entry.postings)
    ]


def _line(tenant_id: str, line_id: str, seq: int, posting: Posting, rules: Rules) -> JournalLine:
    transition = posting.transition
    held = transition.finding
    finding = held.finding
    return JournalLine(
        tenant=tenant_id,
        id=line_id,
        finding=held.id,
        seq=seq,
        at=transition.at,
        transition=transition.moment,
        cause=transition.cause or finding.cause,
        kind=finding.kind,
        state=finding.state,
        severity=finding.severity,
        subject=LineSubject(type=posting.subject_type, id=posting.subject_id, about=finding.about),
        edition=posting.edition,
        rule=LineRule(id=finding.rule, source=_source(rules, posting.edition, finding.rule)),
        facts=finding.facts,
        remedy=finding.remedy,
        evidence=posting.evidence,
        baseline=held.baseline,
        previous=transition.previous,
        skus=finding.skus,
        groups=finding.groups,
        because=finding.because,
        fingerprint=held.fingerprint,
        reopened=held.reopened,
        opened_at=held.opened_at,
    )


def _source(rules: Rules, edition: str, rule_id: str) -> str:
    known = rules.editions.get(edition)
    rule = known.rules.get(rule_id) if known else None
    return rule.source if rule else ""


def write_lines(lines: Iterable[JournalLine]) -> bytes:
    """Newline-delimited JSON."""
    return ndjson(lines)


def read_lines(data: bytes, path: str) -> list[JournalLine]:
    """The reverse of `write_lines`; fields that this release does not know are ignored.

    Raises `NewerSchema` for lines whose fields mean something else by now, and `JournalUnreadable`.
    """
    rows = [row for row in data.splitlines() if row]
    try:
        lines = [msgspec.json.decode(row, type=JournalLine) for row in rows]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        versions.expect(f"alerts/{path}", max(map(_schema, rows), default=SCHEMA), SCHEMA)
        raise JournalUnreadable(path, str(error)) from None
    versions.expect(f"alerts/{path}", max((line.schema for line in lines), default=SCHEMA), SCHEMA)
    return lines


def _schema(row: bytes) -> int:
    """What the line says of its schema; where it is no line at all, nothing speaks for a newer one."""
    try:
        return msgspec.json.decode(row, type=_Schema).schema
    except (msgspec.DecodeError, UnicodeDecodeError):
        return SCHEMA


def replay(lines: Iterable[JournalLine]) -> dict[str, JournalLine]:
    """What is open after these lines, by finding id: the last line of each finding that was not resolved.

    The lines of one book from its first, in order, give the open findings of that book in the ledger exactly:
    their ids, fingerprints, states and opening times. (What lies outside a fingerprint changes silently.)
    """
    open_now: dict[str, JournalLine] = {}
    for line in lines:
        if line.transition is Moment.RESOLVED:
            open_now.pop(line.finding, None)
        else:
            open_now[line.finding] = line
    return open_now
