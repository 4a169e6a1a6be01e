"""The findings of one group that assigns licences: those that fail, and members that nesting leaves out."""

from datetime import datetime

from shared.findings import failures
from shared.findings.licences import Licences, licences_of
from shared.findings.making import make
from shared.model import Finding, GroupError, LicensingGroup, TenantFacts
from shared.rules.loader import Rules
from shared.rules.policy import Policy

_SAMPLE = 20


def of_group(
    group: LicensingGroup, facts: TenantFacts, rules: Rules, policy: Policy, at: datetime
) -> tuple[Finding, ...]:
    """What is wrong with this group now; nothing if none of its licences could cover anybody.

    `at` is taken so that `of_user`, `of_group` and `of_tenant` are asked alike; nothing here hangs on it.
    """
    licences = licences_of(rules, policy, facts)
    failing = sorted({error.sku_id for error in group.errors if error.members > 0})
    skus = sorted({*group.sku_ids, *failing})
    if not any(licences.matters(sku) for sku in skus):
        return ()
    # All or none: where the licence that matters is not named itself, the one that holds it up is told.
    told = [sku for sku in failing if licences.matters(sku)] or failing
    found = [_licence_errors(group, sku, skus, licences) for sku in told]
    if group.nested_unlicensed > 0:
        found.append(
            make(
                rules,
                policy,
                "nested-members-unlicensed",
                "nested",
                skus=group.sku_ids,
                groups=(group.id,),
                facts={"members": group.nested_unlicensed},
                so={"nested": [{"group": group.id, "users": group.nested_unlicensed}]},
            )
        )
    return tuple(found)


def _licence_errors(group: LicensingGroup, sku_id: str, skus: list[str], licences: Licences) -> Finding:
    facts = licences.facts
    failing = [error for error in group.errors if error.members > 0]
    own = [error for error in failing if error.sku_id == sku_id]
    codes = sorted({failures.error_code(error.code) for error in own})
    sku = facts.skus.get(sku_id)
    short = {one: seats for one in skus if (seats := _missing(group, one, facts))}
    culprits = [
        (error.sku_id, failures.error_code(error.code), group.id)
        for error in group.errors
        if error.members > 0
    ]
    return make(
        licences.rules,
        licences.policy,
        "licence-errors",
        "error",
        about=sku_id,
        cause=failures.cause(sku_id, codes, culprits),
        skus=(sku_id,),
        groups=(group.id,),
        facts={
            "codes": codes,
            "members": sum(error.members for error in own),
            "sample": list(dict.fromkeys(one for error in own for one in error.sample))[:_SAMPLE],
            "usable": sku.usable if sku else None,
            "consumed": sku.consumed if sku else None,
            "free": sku.free if sku else None,
            "short": short,
            "group_skus": skus,
            "processing_since": group.processing_since.isoformat() if group.processing_since else None,
        },
        so=failures.circumstances(culprits, short),
    )


def _missing(group: LicensingGroup, sku_id: str, facts: TenantFacts) -> int:
    """Seats that the group lacks of a SKU: for the members who wait for want of seats, beyond those free.

    Without a free one at least one is lacking, and whoever waits for another SKU of the group waits for this
    one too. Where some are free, only those count whom this SKU itself fails: the others may hold it already.
    """

    def waiting(errors: list[GroupError]) -> int:
        return max((error.members for error in errors), default=0)

    sku = facts.skus.get(sku_id)
    if sku is None:
        return 0
    counting = [error for error in group.errors if failures.error_code(error.code) == "CountViolation"]
    own = [error for error in counting if error.sku_id == sku_id]
    if sku.free:
        return max(0, waiting(own) - sku.free)
    return max(1, waiting(own or counting)) + max(0, sku.consumed - sku.usable)
