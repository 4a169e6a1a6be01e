"""Licences that fail to be assigned to a user and would change the verdict (judgement.md §5). Pure."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from shared.findings import failures
from shared.findings.licences import Licences
from shared.findings.making import make
from shared.holdings import held
from shared.model import (
    AssignedLicense,
    Because,
    Finding,
    LicenseAssignmentState,
    Standing,
    State,
    TenantFacts,
    User,
    Verdict,
)

_REACH_UNCERTAIN = ("unknown", "not-yet-reported")


def assignment_errors(
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
