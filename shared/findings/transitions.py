"""How findings live in time (judgement.md §5): what opened, what changed, what was resolved. Pure."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import msgspec

from shared.findings.fingerprints import fingerprint
from shared.model import ClosedFinding, Finding, Moment, OpenFinding, State, Tier, Transition, Verdict
from shared.rules.loader import Rules

REOPEN_WITHIN = timedelta(days=14)
"""How long a resolved finding is remembered: back within it and unchanged, it is the same finding again."""

LICENSED = "licensed"
"""Cause of a resolution: a licence that was missing is in place. Of a user's, only this is called fixed."""

STILL_BROKEN = "still-broken"
"""This finding went and the user is not in order: another finding says how."""

RULE_CHANGED = "rule-changed"
"""The user was judged by other settings or rules than before."""

ADMINISTRATOR_FREE = "administrator-free"
"""The user holds no licence for it, and as an administrator needs none in the cloud."""

COVERED_OTHERWISE = "covered-otherwise"
"""The failed licence does not work, and the user is covered by another."""

NO_LONGER_SYNCED = "no-longer-synced"
"""The account is not synchronised any more, and what it held before is enough for a cloud-only one."""

FACT_KNOWN = "fact-known"
"""What was missing to judge the user is known, and what it held before covers it."""

NOT_REGISTERED = "not-registered"
"""The report, if there is one in force, does not say any more that the resource account is registered."""

GoneCause = Callable[[Finding], str]
"""Why a finding that is no longer found is gone, by how it last stood."""


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
    gone_cause: str | GoneCause,
    rules: Rules,
    baseline: bool = False,
    *,
    reopen_within: timedelta = REOPEN_WITHIN,
) -> Advance:
    """Bring a subject's findings up to what was found at `at`.

    What is new opens, with `baseline` marked as the first reading's; what differs in its fingerprint changes,
    in anything else is replaced silently; what was not found is resolved because of `gone_cause`, one for all
    or asked for each. A finding that comes back with the same fingerprint within `reopen_within` continues:
    same id, same `opened_at`, `reopened` one higher. Raises `ValueError` if two of `found` have one key.
    """
    wanted = {finding.key: finding for finding in found}
    if len(wanted) != len(found):
        raise ValueError(f"two findings of one {subject_type} have the same key")
    standing: dict[str, OpenFinding] = {}
    memory = {key: one for key, one in closed.items() if at - one.closed_at <= reopen_within}
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
        cause = gone_cause if isinstance(gone_cause, str) else gone_cause(known.finding)
        transitions.append(_Step(known, Moment.RESOLVED, cause, _before(known)).transition(at))
    return Advance(standing, memory, tuple(transitions))


def resolution_cause(verdict: Verdict, gone: Finding, *, synced: bool, rule_changed: bool) -> str:
    """Why a user's finding is gone, by the new verdict; `gone` is how it last stood.

    `synced`: whether the user is now. `rule_changed`: the new verdict rests on other settings or rules than
    the record did. One of the causes above, or `left-reach: <reason>`. A verdict still with its holdings is
    needed to tell whether a failed licence works.
    """
    if rule_changed:
        return RULE_CHANGED
    if gone.kind == "not-a-person-licence" and verdict.cause == "resource-account":
        return NOT_REGISTERED
    if verdict.state is State.NOT_IN_REACH:
        return f"left-reach: {verdict.cause}"
    if gone.kind == "assignment-error" and _works(gone, verdict):
        return LICENSED
    if verdict.state is not State.COVERED:
        return STILL_BROKEN
    if verdict.cause == "administrator-free":
        return ADMINISTRATOR_FREE
    if gone.kind == "assignment-error":
        return COVERED_OTHERWISE
    if set(verdict.counted) <= set(gone.facts.get("held", ())):
        if gone.state == State.UNDETERMINED:
            return FACT_KNOWN
        if gone.facts.get("synced") and not synced:
            return NO_LONGER_SYNCED
    return LICENSED


def _works(gone: Finding, verdict: Verdict) -> bool:
    """Whether that very licence counts now.

    One that gives nothing itself was told for what its group would bring along: then that must count.
    """
    if gone.about in verdict.counted:
        return True
    mended = any(
        one.sku_id == gone.about and one.tier is Tier.NONE and one.reason != "assignment-failed"
        for one in verdict.holdings
    )
    return mended and any(sku_id in verdict.counted for sku_id in gone.facts.get("group_skus", ()))


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
