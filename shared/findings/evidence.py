"""Evidence that is missing: never read, or older than its age in force allows (judgement.md §4)."""

import itertools
from collections.abc import Iterator, Mapping
from datetime import datetime

from shared.findings.licences import Licences
from shared.findings.making import Circumstances, make
from shared.model import Because, Evidence, EvidenceStatus, Finding, Tier, Totals

_KIND = "evidence-missing"

GROUPS = 5
"""Of so many groups that could not be read a remedy says where they are named."""

BEHIND: Mapping[str, tuple[str, ...]] = {
    "skus": ("organization", "skus", "subscriptions"),
    "groups": ("groups",),
    "registration": ("registration",),
}
"""The pieces of evidence that a fault of the watch's is about, by its code."""


def evidence_missing(licences: Licences, totals: Totals, at: datetime) -> Iterator[Finding]:
    """One finding a piece: `about` is its name, `registration-rows`, `trial:<sku id>` or `is-trial`."""
    for name in _wanted(licences):
        yield from _piece(licences, totals, name, at)
    yield from _absent_rows(licences, totals)
    yield from _trials(licences, totals)


def _wanted(licences: Licences) -> Iterator[str]:
    """What the verdicts under this policy are read from (judgement.md §4).

    The administrators' policy is optional, and so is the report where it only tells who is administrator.
    """
    policy = licences.policy
    yield from ("skus", "subscriptions", "organization", "groups")
    if policy.scope in ("auto", "report") or policy.population == "capable":
        yield "registration"
    if policy.scope == "groups":
        yield "scope-groups"
    if policy.emergency_group:
        yield "emergency-group"
    if policy.population == "used":
        yield "audit"
    if "named-groups" in licences.facts.evidence:
        # Not what verdicts rest on, but whom people are told of: there as long as any group is named.
        yield "named-groups"


def _piece(licences: Licences, totals: Totals, name: str, at: datetime) -> Iterator[Finding]:
    evidence = licences.facts.evidence_of(name)
    if evidence.read_at is not None and at - evidence.read_at <= licences.policy.report_max_age:
        return
    state = _state(evidence)
    row = licences.rules.kinds[_KIND]
    so: dict[str, Circumstances] = {
        "forbidden": {
            "forbidden": [
                {"evidence": name, "permission": evidence.permission or row.permissions.get(name, "")}
            ]
        },
        # No permission would help: the report itself is not there without P1 or P2 in the tenant.
        "not-premium": {"not-premium": [{"evidence": name}]},
    }
    # Where everything is refused, no id is wrong.
    unread = {} if state in ("forbidden", "not-premium") else evidence.unread
    yield make(
        licences.rules,
        licences.policy,
        _KIND,
        state,
        about=name,
        groups=unread,
        facts={
            "read_at": evidence.read_at.isoformat() if evidence.read_at else None,
            "users": totals.hanging.get(f"{_KIND}|{name}"),
        },
        so={**so.get(state, {"unread": [{"problem": name}]}), **_named_by(unread)},
        because=_explained(licences, name, state),
    )


def _named_by(unread: Mapping[str, tuple[str, ...]]) -> Circumstances:
    """Where to correct the ids of the first groups that could not be read."""
    so: dict[str, list[dict[str, str]]] = {}
    for group_id, names in itertools.islice(sorted(unread.items()), GROUPS):
        for name in names:
            what, _, which = name.partition(":")
            so.setdefault(f"named-by-{what}", []).append({"group": group_id, what: which})
    return so


def _explained(licences: Licences, name: str, state: str) -> tuple[Because, ...]:
    """A tenant that had P1 until a subscription lapsed gets the report back with it; else the fault of the
    watch that has been told since the readings began to fail, with the same remedy."""
    if state == "not-premium":
        return licences.lapses(Tier.P1)
    return tuple(Because(kind="watch-unwell", about=code) for code, names in BEHIND.items() if name in names)


def _state(evidence: Evidence) -> str:
    match evidence.status:
        case EvidenceStatus.FORBIDDEN:
            return "forbidden"
        case EvidenceStatus.NOT_PREMIUM:
            return "not-premium"
        case EvidenceStatus.FAILED:
            return "failed"
        case EvidenceStatus.OK | EvidenceStatus.NEVER:
            return "never" if evidence.read_at is None else "stale"


def _absent_rows(licences: Licences, totals: Totals) -> Iterator[Finding]:
    """Users who are not in a report that was read, past their grace: told as one count."""
    users = totals.hanging.get(f"{_KIND}|registration-rows", 0)
    if users > 0:
        yield make(
            licences.rules,
            licences.policy,
            _KIND,
            "absent",
            about="registration-rows",
            facts={"users": users},
            so={"absent": [{"users": users}]},
        )


def _trials(licences: Licences, totals: Totals) -> Iterator[Finding]:
    """SKUs with seats both bought and on trial, and subscriptions that don't say which they are."""
    rules, policy = licences.rules, licences.policy
    held = {key: one for key, one in licences.now.items() if licences.facts.skus[key].consumed > 0}
    for sku_id, reading in sorted(held.items()):
        if reading.reason == "trial-undetermined":
            about = f"trial:{sku_id}"
            facts = {"users": totals.hanging.get(f"{_KIND}|{about}")}
            so: Circumstances = {"trial": [{"sku": sku_id}]}
            yield make(rules, policy, _KIND, "unclear", about=about, facts=facts, so=so)
    if any("is-trial-unreadable" in reading.warnings for reading in held.values()):
        permission = rules.kinds[_KIND].permissions["subscriptions"]
        so = {"is-trial-unreadable": [{"evidence": "subscriptions", "permission": permission}]}
        yield make(rules, policy, _KIND, "unclear", about="is-trial", so=so)
