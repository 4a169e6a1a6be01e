"""The finding of a user in breach, or of whom a fact is missing: its cause, and what would mend it. Pure."""

from typing import Any

from shared.findings.licences import Licences
from shared.findings.making import TIER_NAMES, make
from shared.findings.offers import seats
from shared.model import (
    Because,
    Finding,
    Holding,
    Standing,
    State,
    Tier,
    User,
    Verdict,
)
from shared.reach import ASSUMED
from shared.rules.loader import Rules
from shared.verdict import BREACHES

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


def coverage(
    user: User, verdict: Verdict, standing: Standing, licences: Licences, errors: tuple[Finding, ...]
) -> Finding:
    """Which licence or which fact is missing, why, and what would mend it. `errors`: what fails to be
    assigned."""
    need = need_of(user, licences)
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


def need_of(user: User, licences: Licences) -> Tier:
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
