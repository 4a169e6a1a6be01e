"""The tenant's facts and the policy as a change would have them. Pure."""

from collections.abc import Mapping

import msgspec

from shared.model import CommerceSubscription, Sku, TenantFacts
from shared.rules.loader import Rules
from shared.rules.policy import Policy
from shared.snapshot.lines import Head
from shared.whatif.changes import AddSeats, Changes

ENDED = "Deleted"
BOUGHT = "what-if"
"""The id of the subscription behind seats that are added."""


def changed_policy(policy: Policy, changes: Changes) -> Policy:
    """The choices as they would be."""
    chosen = {name: one for name in ("writeback", "edition") if (one := getattr(changes, name))}
    if changes.scope is not None:
        chosen["scope"] = "groups" if changes.scope.groups else "all"
    groups = policy.scope_groups if changes.scope is None else changes.scope.groups
    return msgspec.structs.replace(policy, scope_groups=groups, **chosen)


def changed_head(
    head: Head, changes: Changes, rules: Rules, holders: Mapping[str, int], taken: Mapping[str, int]
) -> Head:
    """The head of a section. `holders`, `taken`: as the seats were dealt out."""
    skus = {
        key: _consumed(sku, taken.get(key, 0))
        for key, sku in changed_skus(head.facts.skus, changes, rules, holders).items()
    }
    return msgspec.structs.replace(
        head, policy=changed_policy(head.policy, changes), facts=_with_skus(head.facts, skus, changes)
    )


def changed_skus(
    skus: Mapping[str, Sku], changes: Changes, rules: Rules, holders: Mapping[str, int]
) -> dict[str, Sku]:
    """The tenant's SKUs with what is dropped ended and with the seats that are added.

    A dropped one stays as a row without seats or holders: an empty list would mean that none was ever read.
    """
    changed = dict(skus)
    for key in changes.drop:
        if key in changed:
            changed[key] = _ended(changed[key])
    for one in changes.add:
        if one.seats:
            sku = changed.get(one.sku_id)
            changed[one.sku_id] = _more(sku or _new(one, rules, holders.get(one.sku_id, 0)), one.seats)
    return changed


def _with_skus(facts: TenantFacts, skus: Mapping[str, Sku], changes: Changes) -> TenantFacts:
    dropped = set(changes.drop)
    groups = {
        key: msgspec.structs.replace(
            group,
            sku_ids=tuple(one for one in group.sku_ids if one not in dropped),
            errors=tuple(one for one in group.errors if one.sku_id not in dropped),
        )
        for key, group in facts.groups.items()
    }
    return msgspec.structs.replace(facts, skus=skus, groups=groups)


def _ended(sku: Sku) -> Sku:
    return msgspec.structs.replace(
        sku, status=ENDED, enabled=0, warning=0, suspended=0, locked_out=0, consumed=0, subscriptions=()
    )


def _more(sku: Sku, seats: int) -> Sku:
    """With so many seats bought: a SKU is enabled once one of its seats is."""
    bought = CommerceSubscription(id=BOUGHT, status="Enabled", is_trial=False, total=seats)
    # Where no subscription could be read, none speaks against a purchase, and one alone would speak for all.
    subscriptions = (*sku.subscriptions, bought) if sku.subscriptions else ()
    return msgspec.structs.replace(
        sku, status="Enabled", enabled=sku.enabled + seats, subscriptions=subscriptions
    )


def _new(one: AddSeats, rules: Rules, consumed: int) -> Sku:
    """One that the tenant does not have yet, by our table; who holds it from before takes a seat."""
    entry = rules.skus.entries[one.sku_id]
    ids = {key: plan for plan, key in rules.skus.plans.items()}
    return Sku(
        sku_id=one.sku_id,
        part_number=entry.string_id,
        plans=tuple(ids[key] for key in entry.entra_plans),
        consumed=consumed,
    )


def _consumed(sku: Sku, taken: int) -> Sku:
    return msgspec.structs.replace(sku, consumed=max(0, sku.consumed + taken)) if taken else sku
