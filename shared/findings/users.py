"""The findings of one user: coverage, failed assignments, what ends soon, a licence that is no person's."""

from datetime import datetime

from shared.findings.assignments import assignment_errors
from shared.findings.coverage import coverage, need_of
from shared.findings.licences import Licences, licences_of
from shared.findings.making import make, seats_to_assign
from shared.model import (
    BROKEN,
    Because,
    Finding,
    Judged,
    Standing,
    State,
    TenantFacts,
    User,
    Verdict,
)
from shared.rules.loader import Rules
from shared.rules.policy import Policy


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
        errors = assignment_errors(user, verdict, standing, licences, at)
        return (coverage(user, verdict, standing, licences, errors), *errors)
    if verdict.state is State.COVERED:
        return _ends_soon(user, verdict, standing, licences_of(rules, policy, facts), at)
    return _not_a_person(user, verdict, standing, licences_of(rules, policy, facts), at)


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
        lasting = (sku for sku in licences.offers(need_of(user, licences)) if sku.sku_id not in assigned)
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
