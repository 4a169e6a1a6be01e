"""Another licence for a user: one with a free seat, else seats to free or to buy."""

from collections.abc import Mapping
from typing import Any

from shared.findings import failures
from shared.findings.licences import Licences
from shared.findings.making import TIER_NAMES, seats_to_assign
from shared.model import Tier, User, Verdict


def seats(
    user: User, verdict: Verdict, nested: tuple[str, ...], need: Tier, licences: Licences
) -> dict[str, list[dict[str, Any]]]:
    """The circumstances of another licence that would cover at level `need`.

    None where a plan is merely off. `nested`: groups that the user is in only through another one.
    """
    if verdict.cause == "plan-off":
        return {}
    assigned = {one.sku_id for one in user.assigned_licenses}
    wanted = [sku for sku in licences.offers(need) if sku.sku_id not in assigned]
    offers = seats_to_assign(wanted, _working_for(user, nested, licences))
    if offers:
        so: dict[str, list[dict[str, Any]]] = {"seat-is-free": offers}
        if not user.usage_location:
            so["location-blank"] = [{"directory": licences.facts.country or ""}]
        return so
    if wanted:
        return {"no-seat-is-free": [{"sku": wanted[0].sku_id, "seats": 1}]}
    return {"nothing-owned": [{"tier": TIER_NAMES[need], "seats": 1}]}


def _working_for(user: User, nested: tuple[str, ...], licences: Licences) -> Mapping[str, tuple[str, ...]]:
    """The groups that assign each SKU, without those whose assignment fails for this user, and without those
    that have a step of their own, since the user is in them through another group."""
    without = {one.assigned_by_group for states in failures.failed_states(user).values() for one in states}
    without = {*without, *nested} - {None}
    if not without:
        return licences.groups_of
    return {
        sku_id: tuple(group for group in groups if group not in without)
        for sku_id, groups in licences.groups_of.items()
    }
