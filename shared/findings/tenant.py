"""The findings of the tenant: does it function, can it write back, and what must the watch be told."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from shared.findings.evidence import BEHIND, evidence_missing
from shared.findings.licences import Licences, licences_of
from shared.findings.making import TIER_NAMES, Circumstances, make, seats_to_assign
from shared.findings.seats import of_skus
from shared.model import Because, EvidenceStatus, Finding, TenantFacts, Tier, Totals
from shared.rules.loader import Rules
from shared.rules.policy import Policy

WRITEBACK_SETTING = "PASSWORD_WRITEBACK"
CONTESTED_SETTING = "CONTESTED"
PERMISSION = "permission"
"""The cause of a fault of the watch that a permission mends."""


def of_tenant(
    facts: TenantFacts,
    totals: Totals,
    rules: Rules,
    policy: Policy,
    at: datetime,
    problems: Sequence[str] = (),
) -> tuple[Finding, ...]:
    """What is wrong with the tenant now.

    `totals` are the sums over all users; `problems` what health knows of the watch itself, as codes: one may
    go on with a colon and its cause.
    """
    licences = licences_of(rules, policy, facts)
    return (
        *_no_licence(licences, totals),
        *_no_writeback_licence(licences, totals),
        *of_skus(licences, totals, at),
        *_unread_skus(licences),
        *_settings(licences, totals),
        *_places(licences, totals),
        *evidence_missing(licences, totals, at),
        *(_unwell(licences, code, problems) for code in dict.fromkeys(problems)),
    )


def _unwell(licences: Licences, code: str, problems: Sequence[str]) -> Finding:
    about, _, cause = code.partition(":")
    so: Circumstances = {"unwell": [{"problem": about}]}
    # The last reading stays in force, and the card says of when.
    pieces = [licences.facts.evidence_of(name) for name in BEHIND.get(about, ())]
    in_force = [one.read_at for one in pieces if one.read_at and one.status is not EvidenceStatus.OK]
    read_at = min(in_force, default=None)
    return make(
        licences.rules,
        licences.policy,
        "watch-unwell",
        "unwell",
        about=about,
        cause=cause or about,
        facts={"read_at": read_at.isoformat() if read_at else None},
        so=so,
        because=_same_permission(licences, about, cause, problems),
    )


def _same_permission(
    licences: Licences, about: str, cause: str, problems: Sequence[str]
) -> tuple[Because, ...]:
    """Where several faults lack one permission, all but the first by the row's order point to that one."""
    permissions = licences.rules.kinds["watch-unwell"].permissions
    if cause != PERMISSION or about not in permissions:
        return ()
    lacking = [one for one in permissions if f"{one}:{PERMISSION}" in problems]
    first = next(one for one in lacking if permissions[one] == permissions[about])
    return () if first == about else (Because(kind="watch-unwell", about=first),)


def _no_licence(licences: Licences, totals: Totals) -> tuple[Finding, ...]:
    """S1: holds when a licence that would satisfy the rule for some user is assigned; free ones, rooms and
    devices don't count. A SKU that can't be read may be that licence, and has a finding of its own."""
    if not licences.products_read or any(
        sku.consumed > 0 and _may_cover(licences, sku_id) for sku_id, sku in licences.facts.skus.items()
    ):
        return ()
    cause, so = _where_to_get(licences, Tier.CLOUD)
    return (
        make(
            licences.rules,
            licences.policy,
            "no-licence",
            "missing",
            cause=cause,
            facts={"in_reach": totals.in_reach},
            so=so,
            because=licences.lapses(Tier.CLOUD),
        ),
    )


def _no_writeback_licence(licences: Licences, totals: Totals) -> tuple[Finding, ...]:
    """S6 matters when writeback is on or unknown and a synced user is in reach."""
    policy = licences.policy
    if policy.writeback == "off" or totals.synced_in_reach == 0 or not licences.products_read:
        return ()
    if any(sku.consumed > 0 and licences.tier(key) >= Tier.P1 for key, sku in licences.facts.skus.items()):
        return ()
    cause, so = _where_to_get(licences, Tier.P1)
    known = policy.writeback == "on"
    if not known:
        so = {**so, "setting-unknown": [{"setting": WRITEBACK_SETTING}]}
    return (
        make(
            licences.rules,
            policy,
            "no-writeback-licence",
            "missing" if known else "missing-if-on",
            cause=cause,
            facts={"synced_in_reach": totals.synced_in_reach},
            so=so,
            because=licences.lapses(Tier.P1),
        ),
    )


def _may_cover(licences: Licences, sku_id: str) -> bool:
    reading = licences.now.get(sku_id)
    return reading is not None and reading.reset != "no"


def _where_to_get(licences: Licences, need: Tier) -> tuple[str, Circumstances]:
    """Why nothing that gives `need` is assigned, and what to do about it."""
    ended = [
        {"sku": sku_id}
        for sku_id, sku in sorted(licences.facts.skus.items())
        if sku.consumed > 0 and licences.tier_in_order(sku_id) >= need > licences.tier(sku_id)
    ]
    offers = seats_to_assign(licences.offers(need), licences.groups_of)
    so: dict[str, list[dict[str, Any]]] = {"seat-is-free": offers, "subscription-ended": ended}
    if ended:
        return "ended", so
    if offers:
        return "not-assigned", so
    # What is owned, but not to be offered (a trial, say), is still there.
    cause = "not-assigned" if licences.covering(need) else "not-owned"
    return cause, {"nothing-owned": [{"tier": TIER_NAMES[need], "seats": 1}]}


def _unread_skus(licences: Licences) -> list[Finding]:
    """Told once per SKU that somebody holds, never per user. A CONTESTED that is set is a decision."""
    rules, policy = licences.rules, licences.policy
    found: list[Finding] = []
    for sku_id, sku in sorted(licences.facts.skus.items()):
        reading = licences.in_order.get(sku_id)
        if reading is None or sku.consumed == 0:
            continue
        facts, skus = {"consumed": sku.consumed}, (sku_id,)
        if reading.reason == "sku-unknown":
            so: Circumstances = {"unknown": [{"sku": sku_id}]}
            found.append(
                make(rules, policy, "sku-unknown", "unknown", about=sku_id, skus=skus, facts=facts, so=so)
            )
        elif "contested" in reading.warnings or reading.reason == "contested":
            if policy.contested in ("covered", "uncovered"):
                continue
            so = {"contested": [{"setting": CONTESTED_SETTING}]}
            found.append(
                make(rules, policy, "sku-contested", "contested", about=sku_id, skus=skus, facts=facts, so=so)
            )
    return found


def _settings(licences: Licences, totals: Totals) -> list[Finding]:
    """A setting that users hang on, and one that the facts deny."""
    rules, policy, facts = licences.rules, licences.policy, licences.facts
    found: list[Finding] = []
    hanging = totals.hanging.get(f"setting-needed|{WRITEBACK_SETTING}", 0)
    setting = [{"setting": WRITEBACK_SETTING}]
    if policy.writeback == "unknown" and hanging > 0:
        found.append(
            make(
                rules,
                policy,
                "setting-needed",
                "unknown",
                about=WRITEBACK_SETTING,
                facts={"users": hanging},
                so={"unknown": setting},
            )
        )
    nothing_synced = (
        facts.evidence_of("organization").read_at is not None
        and facts.on_premises_sync is not True
        and totals.users > 0
        and totals.synced_in_reach == 0
    )
    if policy.writeback == "on" and nothing_synced:
        found.append(
            make(
                rules,
                policy,
                "setting-contradicted",
                "contradicted",
                about=WRITEBACK_SETTING,
                cause="not-synchronised",
                so={"contradicted": setting},
            )
        )
    return found


def _places(licences: Licences, totals: Totals) -> list[Finding]:
    """Scope groups that the report denies, and a directory without a country."""
    rules, policy, facts = licences.rules, licences.policy, licences.facts
    found: list[Finding] = []
    if policy.scope == "groups" and totals.scope_mismatch > 0:
        groups = sorted(policy.scope_groups)
        found.append(
            make(
                rules,
                policy,
                "scope-mismatch",
                "mismatch",
                groups=groups,
                facts={"users": totals.scope_mismatch},
                so={"mismatch": [{"groups": groups}]},
            )
        )
    known = facts.evidence_of("organization").read_at is not None
    if known and not facts.country and totals.no_location > 0:
        found.append(
            make(
                rules,
                policy,
                "directory-location-missing",
                "missing",
                facts={"users": totals.no_location},
                so={"missing": [{"users": totals.no_location}]},
            )
        )
    return found
