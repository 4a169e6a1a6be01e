"""The findings of one user: coverage, failed assignments, what ends soon, a licence that is no person's."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from shared.findings import failures
from shared.findings.licences import Licences, licences_of
from shared.findings.making import TIER_NAMES, make, seats_to_assign
from shared.findings.offers import seats
from shared.holdings import held
from shared.model import (
    BROKEN,
    AssignedLicense,
    Because,
    Finding,
    Holding,
    Judged,
    LicenseAssignmentState,
    Standing,
    State,
    TenantFacts,
    Tier,
    User,
    Verdict,
)
from shared.reach import ASSUMED
from shared.rules.loader import Rules
from shared.rules.policy import Policy
from shared.verdict import BREACHES

_REACH_UNCERTAIN = ("unknown", "not-yet-reported")

ADMINISTRATOR_ONLY = "administrator-only"
"""The cause where a role is enough in the cloud, no licence is held, and the password is written back."""

_CAUSES_OF_A_SKU = (
    "assignment-failed",
    "sku-suspended",
    "sku-gone",
    "trial-subscription",
    "contested-no",
    "edition-no",
    "developer-ignored",
)
"""Causes of a verdict that name SKUs; what else a user holds (free ones, say) explains nothing."""


def of_user(
    user: User,
    judged: Judged,
    standing: Standing,
    facts: TenantFacts,
    rules: Rules,
    policy: Policy,
    at: datetime,
) -> tuple[Finding, ...]:
    """What is wrong with this user now. `judged` must be of these same facts, rules and policy."""
    verdict = judged.verdict
    if verdict.state in BROKEN:
        licences = licences_of(rules, policy, facts)
        errors = _assignment_errors(user, verdict, standing, licences, at)
        return (_coverage(user, verdict, standing, licences, errors), *errors)
    if verdict.state is State.COVERED:
        return _ends_soon(user, verdict, standing, licences_of(rules, policy, facts), at)
    return _not_a_person(user, verdict, standing, licences_of(rules, policy, facts), at)


# --- coverage ------------------------------------------------------------------------------------------


def _coverage(
    user: User, verdict: Verdict, standing: Standing, licences: Licences, errors: tuple[Finding, ...]
) -> Finding:
    need = _need(user, licences)
    nested = tuple(
        group for group in standing.nested_in if _group_would_do(group, need, licences) and _asked(verdict)
    )
    because = (
        *verdict.because,
        *(one for error in errors for one in error.because),
        *(Because(kind="nested-members-unlicensed", subject=group) for group in nested),
        *(Because(kind="subscription-lapsing", about=sku) for sku in _lapsed(verdict, need)),
        *_only_assumed(user, verdict, standing, licences),
    )
    if verdict.state is State.UNDETERMINED:
        so = _undetermined(verdict)
    else:
        so = _mending(verdict, errors, nested, licences) | seats(user, verdict, nested, need, licences)
    return make(
        licences.rules,
        licences.policy,
        "coverage",
        verdict.state.value,
        cause=_cause(verdict),
        verdict_rule=verdict.rule,
        skus=_skus(verdict, errors, licences.rules),
        groups=(one.subject for one in because if one.subject),
        facts={
            "reach": verdict.reach,
            "synced": user.synced,
            "needs": TIER_NAMES[need],
            "reset": verdict.reset.answer,
            "writeback": verdict.writeback.answer,
            "rules": [rule for rule in dict.fromkeys((verdict.reset.rule, verdict.writeback.rule)) if rule],
            "held": sorted(one.sku_id for one in user.assigned_licenses),
            "location_blank": not user.usage_location,
        },
        so=so,
        because=because,
    )


def _cause(verdict: Verdict) -> str:
    """The verdict's cause; where no licence counts, the cloud level is that of an administrator's role."""
    if verdict.cause == "cloud-level-only" and not verdict.counted:
        return ADMINISTRATOR_ONLY
    return verdict.cause


def _need(user: User, licences: Licences) -> Tier:
    """The level that would cover: the edition's option says what a synced user is without writeback."""
    policy = licences.policy
    options = licences.rules.editions[policy.edition].options
    option = policy.synced_without_writeback or options["synced_without_writeback"]
    as_cloud = policy.writeback == "off" and option == "judge_as_cloud"
    return Tier.P1 if user.synced and not as_cloud else Tier.CLOUD


def _asked(verdict: Verdict) -> bool:
    return verdict.state is not State.UNDETERMINED


def _lapsed(verdict: Verdict, need: Tier) -> tuple[str, ...]:
    """The SKUs that would cover if their subscriptions still worked."""
    if not _asked(verdict):
        return ()
    held = (one for one in verdict.holdings if one.reason == "sku-suspended")
    return tuple(one.sku_id for one in held if one.tier >= need)


def _only_assumed(
    user: User, verdict: Verdict, standing: Standing, licences: Licences
) -> tuple[Because, ...]:
    """In reach, and no administrator, only because the report is out of force: by the last one, when it was
    read, the same user with the same licences would be in no breach."""
    read_at = licences.facts.evidence_of("registration").read_at
    if verdict.reach != ASSUMED.code or read_at is None:
        return ()
    if licences.judge.judged(user, standing, read_at).verdict.state in BREACHES:
        return ()
    return (Because(kind="evidence-missing", about="registration"),)


def _group_would_do(group_id: str, need: Tier, licences: Licences) -> bool:
    group = licences.facts.groups.get(group_id)
    return group is not None and any(licences.tier_in_order(sku) >= need for sku in group.sku_ids)


def _skus(verdict: Verdict, errors: tuple[Finding, ...], rules: Rules) -> tuple[str, ...]:
    """The SKUs behind the cause: an administrator would look at these."""
    if verdict.state is State.UNDETERMINED:
        return tuple(_sku_of(one) for one in verdict.because if _sku_of(one))
    if verdict.cause == "plan-off":
        return _with_plan_off(verdict)
    if verdict.cause == "cloud-level-only":
        return verdict.counted
    if verdict.cause not in _CAUSES_OF_A_SKU:
        return tuple(error.about for error in errors)
    return (
        *(one.sku_id for one in verdict.holdings if one.reason == verdict.cause and _would_help(one, rules)),
        *(error.about for error in errors if verdict.cause == "assignment-failed"),
    )


def _would_help(holding: Holding, rules: Rules) -> bool:
    """Whether a licence that is lost, put right, might cover; one that is gone and unclassed might have."""
    if holding.reason in ("assignment-failed", "sku-suspended", "sku-gone"):
        return holding.tier > Tier.NONE or (
            holding.reason == "sku-gone" and not rules.skus.get(holding.sku_id)
        )
    return True


def _sku_of(because: Because) -> str:
    if because.kind in ("sku-unknown", "sku-contested"):
        return because.about
    return because.about.removeprefix("trial:") if because.about.startswith("trial:") else ""


def _with_plan_off(verdict: Verdict) -> tuple[str, ...]:
    return tuple(one.about for one in verdict.warnings if one.code == "plan-off")


def _undetermined(verdict: Verdict) -> dict[str, list[dict[str, Any]]]:
    """Name the missing fact; whether a licence is needed is not known before it."""
    so: dict[str, list[dict[str, Any]]] = {}
    for one in verdict.because:
        if one.kind == "setting-needed":
            so.setdefault("setting-unknown", []).append({"setting": one.about})
        elif one.kind == "sku-contested":
            so.setdefault("setting-unknown", []).append({"setting": "CONTESTED"})
        elif one.kind == "sku-unknown":
            so.setdefault("sku-not-understood", []).append({"sku": one.about})
        elif one.about.startswith("trial:"):
            so.setdefault("trial-unclear", []).append({"sku": _sku_of(one)})
        else:
            so.setdefault("evidence-unread", []).append({"evidence": one.about})
    return so


def _mending(
    verdict: Verdict, errors: tuple[Finding, ...], nested: tuple[str, ...], licences: Licences
) -> dict[str, list[dict[str, Any]]]:
    """What would put right a licence that the user already has or should have."""
    so: dict[str, list[dict[str, Any]]] = {}
    if verdict.cause == "plan-off":
        so["plan-is-off"] = [{"sku": sku} for sku in _with_plan_off(verdict)]
    so["assignment-failed"] = [{"sku": error.about} for error in errors]
    so["nested-member"] = [{"group": group} for group in nested if licences.assigns(group)]
    for holding in verdict.holdings:
        if holding.reason in ("sku-suspended", "sku-gone"):
            if _would_help(holding, licences.rules):
                so.setdefault("subscription-ended", []).append({"sku": holding.sku_id})
        elif holding.reason == "trial-subscription":
            so.setdefault("trial-only", []).append({"sku": holding.sku_id})
    return so


# --- failed assignments ----------------------------------------------------------------------------------


def _assignment_errors(
    user: User, verdict: Verdict, standing: Standing, licences: Licences, at: datetime
) -> tuple[Finding, ...]:
    """Failed SKUs that would change the verdict of a user in reach; or the first of a group that would."""
    failed = failures.failed_states(user)
    if not failed or verdict.reach in _REACH_UNCERTAIN:
        return ()

    def becomes(sku_ids: frozenset[str]) -> State:
        return licences.judge.judged(_as_if_assigned(user, sku_ids), standing, at).verdict.state

    states = {sku_id: becomes(frozenset((sku_id,))) for sku_id in failed}
    found = {sku_id: state for sku_id, state in states.items() if state != verdict.state}
    if not found:
        for sku_id, sources in failed.items():
            whole = _all_or_none(sku_id, sources, licences.facts)
            if len(whole) > 1 and (state := becomes(whole)) != verdict.state:
                found[sku_id] = state
                break
    return tuple(
        _assignment_error(user, verdict, licences, failed, sku_id, state) for sku_id, state in found.items()
    )


def _all_or_none(
    sku_id: str, sources: tuple[LicenseAssignmentState, ...], facts: TenantFacts
) -> frozenset[str]:
    """The SKUs that would come together if this one did."""
    groups = [facts.groups.get(one.assigned_by_group or "") for one in sources]
    return frozenset((sku_id, *(sku for group in groups if group for sku in group.sku_ids)))


def _as_if_assigned(user: User, sku_ids: frozenset[str]) -> User:
    """The user as mended: these SKUs assigned, with what their failing sources would switch on."""
    others = tuple(one for one in user.license_assignment_states if one.sku_id not in sku_ids)
    working = tuple(LicenseAssignmentState(sku_id=sku_id) for sku_id in sorted(sku_ids))
    assigned = {one.sku_id for one in user.assigned_licenses}
    failing = held(user)
    licences = tuple(
        AssignedLicense(
            sku_id=sku_id, disabled_plans=tuple(sorted(failing[sku_id][0])) if sku_id in failing else ()
        )
        for sku_id in sorted(sku_ids - assigned)
    )
    return msgspec.structs.replace(
        user,
        assigned_licenses=(*user.assigned_licenses, *licences),
        license_assignment_states=(*others, *working),
    )


def _assignment_error(
    user: User,
    verdict: Verdict,
    licences: Licences,
    failed: Mapping[str, tuple[LicenseAssignmentState, ...]],
    sku_id: str,
    would_be: State,
) -> Finding:
    sources = failed[sku_id]
    groups = {one.assigned_by_group for one in sources if one.assigned_by_group}
    together = _all_or_none(sku_id, sources, licences.facts)
    codes = sorted({failures.error_code(one.error) for one in sources})
    culprits = [
        (other, failures.error_code(one.error), one.assigned_by_group or "")
        for other, states in failed.items()
        for one in states
        if other == sku_id or (one.assigned_by_group in groups)
    ]
    working = {one.sku_id for one in user.assigned_licenses} - set(failed)
    short = failures.short_of_seats(together - working, licences.facts)
    return make(
        licences.rules,
        licences.policy,
        "assignment-error",
        "error" if any(one.state.casefold() != "disabled" for one in sources) else "disabled",
        about=sku_id,
        cause=failures.cause(sku_id, codes, culprits),
        verdict_rule=verdict.rule,
        skus=(sku_id,),
        groups=groups,
        facts={
            "codes": codes,
            "would_be": would_be.value,
            "group_skus": sorted(together) if groups else None,
            "short": list(short),
        },
        so=failures.circumstances(culprits, dict.fromkeys(short, 1)),
        because=(Because(kind="licence-errors", about=sku_id, subject=group) for group in sorted(groups)),
    )


# --- what ends soon ----------------------------------------------------------------------------------------


def _ends_soon(
    user: User, verdict: Verdict, standing: Standing, licences: Licences, at: datetime
) -> tuple[Finding, ...]:
    """The SKU with whose end the user would no longer be in order, counting every end before it."""
    endings = [licences.endings[sku] for sku in verdict.counted if sku in licences.endings]
    soon = [one for one in endings if one.at is None or one.at - at <= licences.policy.ends_soon]
    ended: set[str] = set()
    for ending in sorted(soon, key=lambda one: (one.at is not None, one.at or at, one.sku_id)):
        ended.add(ending.sku_id)
        state = licences.judge_without(frozenset(ended)).judged(user, standing, at).verdict.state
        if state not in BROKEN:
            continue
        assigned = {one.sku_id for one in user.assigned_licenses}
        lasting = (sku for sku in licences.offers(_need(user, licences)) if sku.sku_id not in assigned)
        offers = [sku for sku in lasting if sku.sku_id not in licences.endings]
        return (
            make(
                licences.rules,
                licences.policy,
                "ends-soon",
                "ending",
                about=ending.sku_id,
                cause=ending.cause,
                verdict_rule=verdict.rule,
                skus=(ending.sku_id,),
                facts={
                    "ends_at": ending.at.isoformat() if ending.at else None,
                    "becomes": state.value,
                    "ending": sorted(ended),
                },
                so={
                    ending.cause: [{"sku": ending.sku_id}],
                    "seat-is-free": seats_to_assign(offers, licences.groups_of),
                },
                because=(Because(kind="subscription-lapsing", about=ending.sku_id),),
            ),
        )
    return ()


# --- a resource that resets its password -----------------------------------------------------------


def _not_a_person(
    user: User, verdict: Verdict, standing: Standing, licences: Licences, at: datetime
) -> tuple[Finding, ...]:
    """Only while the report that says so is in force."""
    row = licences.judge.row_in_force(standing, at)
    if verdict.cause != "resource-account" or row is None or not row.is_sspr_registered:
        return ()
    return (
        make(
            licences.rules,
            licences.policy,
            "not-a-person-licence",
            "registered",
            cause=verdict.cause,
            skus=(one.sku_id for one in user.assigned_licenses),
            facts={"capable": row.is_sspr_capable, "enabled": row.is_sspr_enabled},
            so={"used-by-a-person": [{"setting": "RESOURCE_ACCOUNTS"}], "registered": [{}]},
        ),
    )
