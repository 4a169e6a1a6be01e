"""How findings live in time (judgement.md §5): what opened, what changed, what was resolved. Pure."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from shared.findings.fingerprints import fingerprint
from shared.model import ClosedFinding, Finding, Moment, OpenFinding, State, Transition, Verdict
from shared.rules.loader import Rules

REOPEN_WITHIN = timedelta(days=14)
"""How long a resolved finding is remembered: back within it and unchanged, it is the same finding again."""

STILL_BROKEN = "still-broken"
"""Cause of a resolution where this finding went and the user is not in order: another finding says how."""


class Advance(msgspec.Struct, frozen=True):
    """The findings of one subject after a reading, and the steps that led there, in the order of `found`."""

    open: Mapping[str, OpenFinding]
    closed: Mapping[str, ClosedFinding]
    transitions: tuple[Transition, ...]


def advance(
    tenant_id: str,
    subject_type: str,
    subject_id: str,
    open: Mapping[str, OpenFinding],
    closed: Mapping[str, ClosedFinding],
    found: tuple[Finding, ...],
    at: datetime,
    gone_cause: str,
    rules: Rules,
    baseline: bool = False,
) -> Advance:
    """Bring a subject's findings up to what was found at `at`.

    What is new opens, with `baseline` marked as the first reading's; what differs in its fingerprint changes,
    in anything else is replaced silently; what was not found is resolved because of `gone_cause`. A finding
    that comes back with the same fingerprint within `REOPEN_WITHIN` continues: same id, same `opened_at`,
    `reopened` one higher. Raises `ValueError` if two of `found` have one key.
    """
    wanted = {finding.key: finding for finding in found}
    if len(wanted) != len(found):
        raise ValueError(f"two findings of one {subject_type} have the same key")
    standing: dict[str, OpenFinding] = {}
    memory = {key: one for key, one in closed.items() if at - one.closed_at <= REOPEN_WITHIN}
    transitions: list[Transition] = []
    for key, finding in wanted.items():
        known = open.get(key)
        if known is None:
            opened_id = _identity(tenant_id, subject_type, subject_id, key, at)
            step = _opened(
                finding, fingerprint(finding, rules), memory.pop(key, None), opened_id, at, baseline
            )
        elif known.finding == finding:
            standing[key] = known
            continue
        else:
            step = _updated(known, finding, fingerprint(finding, rules), at)
        standing[key] = step.finding
        if step.moment is not None:
            transitions.append(step.transition(at))
    for key, known in open.items():
        if key in wanted:
            continue
        memory[key] = _closed(known, at)
        transitions.append(_Step(known, Moment.RESOLVED, gone_cause, _before(known)).transition(at))
    return Advance(standing, memory, tuple(transitions))


def resolution_cause(verdict: Verdict) -> str:
    """Why findings that a user no longer has are gone, as far as the new verdict can tell.

    `licensed` (the only one called fixed), `left-reach: <reason>`, or `still-broken`. A caller that knows
    better says `deleted` or `rule-changed` instead.
    """
    if verdict.state is State.COVERED:
        return "licensed"
    if verdict.state is State.NOT_IN_REACH:
        return f"left-reach: {verdict.cause}"
    return STILL_BROKEN


class _Step(msgspec.Struct, frozen=True):
    """How one finding stands, and the moment that is worth a transition, if any."""

    finding: OpenFinding
    moment: Moment | None = None
    cause: str = ""
    previous: Mapping[str, str] = {}

    def transition(self, at: datetime) -> Transition:
        assert self.moment is not None, "only a step with a moment is a transition"  # noqa: S101 - for the type
        return Transition(
            moment=self.moment, at=at, finding=self.finding, cause=self.cause, previous=self.previous
        )


def _opened(
    finding: Finding, mark: str, last: ClosedFinding | None, opened_id: str, at: datetime, baseline: bool
) -> _Step:
    if last is None or last.fingerprint != mark:
        fresh = OpenFinding(
            id=opened_id, finding=finding, fingerprint=mark, opened_at=at, changed_at=at, baseline=baseline
        )
        return _Step(fresh, Moment.OPENED)
    again = OpenFinding(
        id=last.id,
        finding=finding,
        fingerprint=mark,
        opened_at=last.opened_at,
        changed_at=at,
        reopened=last.reopened + 1,
        baseline=baseline,
    )
    return _Step(again, Moment.OPENED, previous={"state": finding.state, "fingerprint": mark})


def _updated(known: OpenFinding, finding: Finding, mark: str, at: datetime) -> _Step:
    if known.fingerprint == mark:
        return _Step(msgspec.structs.replace(known, finding=finding))
    changed = msgspec.structs.replace(known, finding=finding, fingerprint=mark, changed_at=at)
    return _Step(changed, Moment.CHANGED, previous=_before(known))


def _closed(known: OpenFinding, at: datetime) -> ClosedFinding:
    return ClosedFinding(
        id=known.id,
        fingerprint=known.fingerprint,
        opened_at=known.opened_at,
        closed_at=at,
        reopened=known.reopened,
    )


def _identity(tenant_id: str, subject_type: str, subject_id: str, key: str, at: datetime) -> str:
    text = msgspec.json.encode((tenant_id, subject_type, subject_id, key, at))
    return hashlib.blake2b(text, digest_size=12).hexdigest()


def _before(known: OpenFinding) -> dict[str, str]:
    return {"state": known.finding.state, "fingerprint": known.fingerprint}
