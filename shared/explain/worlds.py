"""Single things that could be otherwise about a user or the tenant, each as a change of the facts. Pure.

Nothing here knows a verdict: the judge is asked about the altered facts (`changes`).
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from shared.explain.proof import Step
from shared.holdings import COUNTING, WORKING
from shared.model import (
    AssignedLicense,
    CommerceSubscription,
    Evidence,
    EvidenceStatus,
    Registration,
    Sku,
    Standing,
    TenantFacts,
    User,
)
from shared.rules.policy import Policy
from shared.rules.skus import SkuTable


class World(msgspec.Struct, frozen=True):
    """All that a verdict rests on."""

    user: User
    standing: Standing
    facts: TenantFacts
    policy: Policy


class Alteration(msgspec.Struct, frozen=True):
    """One thing that could be otherwise: what it is called, and the world with it."""

    step: Step
    alter: Callable[[World], World]


def of_user(step: Step, **values: Any) -> Alteration:
    """Other values of the user object."""
    return Alteration(step, lambda world: _with(world, user=_with(world.user, **values)))


def of_standing(step: Step, **values: Any) -> Alteration:
    """Other knowledge of the user."""
    return Alteration(step, lambda world: _with(world, standing=_with(world.standing, **values)))


def of_policy(setting: str, field: str, value: str) -> Alteration:
    """Another choice of the administrator."""
    step = Step(code="set-setting", about=f"{setting}={value}")
    return Alteration(step, lambda world: _with(world, policy=_with(world.policy, **{field: value})))


def administrators_allowed() -> Alteration:
    """Password reset turned on for administrators."""
    return Alteration(
        Step(code="allow-administrators"),
        lambda world: _with(world, facts=_with(world.facts, admin_sspr_allowed=True)),
    )


def assigned(step: Step, sku_id: str) -> Alteration:
    """One more SKU on the user, assigned directly with all its plans; an owned one takes a seat."""

    def alter(world: World) -> World:
        licences = (*world.user.assigned_licenses, AssignedLicense(sku_id=sku_id))
        world = _with(world, user=_with(world.user, assigned_licenses=licences))
        sku = world.facts.skus.get(sku_id)
        return _owning(world, _with(sku, consumed=sku.consumed + 1)) if sku else world

    return Alteration(step, alter)


def bought(step: Step, sku_id: str, table: SkuTable) -> Alteration:
    """A SKU that is bought for the user, whether the tenant had it or not."""
    ids = {key: plan for plan, key in table.plans.items()}
    entry = table.entries[sku_id]

    def alter(world: World) -> World:
        if world.facts.skus:
            had = world.facts.skus.get(sku_id)
            seats = (had.consumed if had else 0) + 1
            plans = had.plans if had else tuple(ids[key] for key in entry.entra_plans)
            world = _owning(world, _paid_up(Sku(sku_id=sku_id, plans=plans), seats))
        licences = tuple(one for one in world.user.assigned_licenses if one.sku_id != sku_id)
        states = tuple(one for one in world.user.license_assignment_states if one.sku_id != sku_id)
        changed = _with(
            world.user,
            assigned_licenses=(*licences, AssignedLicense(sku_id=sku_id)),
            license_assignment_states=states,
        )
        return _with(world, user=changed)

    return Alteration(step, alter)


def taken(step: Step, *sku_ids: str) -> Alteration:
    """SKUs taken off the user, by whatever way they came."""

    def alter(world: World) -> World:
        user = world.user
        return _with(
            world,
            user=_with(
                user,
                assigned_licenses=tuple(one for one in user.assigned_licenses if one.sku_id not in sku_ids),
                license_assignment_states=tuple(
                    one for one in user.license_assignment_states if one.sku_id not in sku_ids
                ),
            ),
        )

    return Alteration(step, alter)


def plans_switched(step: Step, sku_id: str, off: frozenset[str]) -> Alteration:
    """The plans of one SKU that are switched off are these."""

    def alter(world: World) -> World:
        def switched[T: msgspec.Struct](one: T) -> T:
            same = getattr(one, "sku_id", None) == sku_id
            return _with(one, disabled_plans=tuple(sorted(off))) if same else one

        user = world.user
        return _with(
            world,
            user=_with(
                user,
                assigned_licenses=tuple(map(switched, user.assigned_licenses)),
                license_assignment_states=tuple(map(switched, user.license_assignment_states)),
            ),
        )

    return Alteration(step, alter)


def mended(sku_id: str) -> Alteration:
    """The assignments of one SKU succeed."""

    def alter(world: World) -> World:
        user = world.user
        states = [one for one in user.license_assignment_states if one.sku_id == sku_id]
        licences = user.assigned_licenses
        if all(one.sku_id != sku_id for one in licences):
            off = frozenset[str].intersection(*(frozenset(one.disabled_plans) for one in states))
            licences = (*licences, AssignedLicense(sku_id=sku_id, disabled_plans=tuple(sorted(off))))
        return _with(
            world,
            user=_with(
                user,
                assigned_licenses=licences,
                license_assignment_states=tuple(
                    _with(one, state="Active", error=None)
                    if one.sku_id == sku_id and one.state.casefold() not in COUNTING
                    else one
                    for one in user.license_assignment_states
                ),
            ),
        )

    return Alteration(Step(code="mend-assignment", about=sku_id), alter)


def renewed(sku_id: str) -> Alteration:
    """The subscription of one SKU is in order: active again, with a seat for everybody who holds it."""

    def alter(world: World) -> World:
        sku = world.facts.skus[sku_id]
        working = tuple(
            one if one.status.casefold() in WORKING else _with(one, status="Enabled")
            for one in sku.subscriptions
        )
        seats = max(sku.enabled, sku.consumed, 1)
        return _owning(world, _with(sku, status="Enabled", enabled=seats, subscriptions=working))

    return Alteration(Step(code="renew-subscription", about=sku_id), alter)


def paid(code: str, sku_id: str) -> Alteration:
    """The seats of one SKU are bought: or, `code` `is-paid`, that is what they turn out to be."""

    def alter(world: World) -> World:
        sku = world.facts.skus[sku_id]
        return _owning(world, _paid_up(sku, max(sku.usable, sku.consumed, 1)))

    return Alteration(Step(code=code, about=sku_id), alter)


def on_trial(sku_id: str) -> Alteration:
    """The seats of one SKU turn out to be a trial's."""

    def alter(world: World) -> World:
        sku = world.facts.skus[sku_id]
        return _owning(
            world, _with(sku, subscriptions=tuple(_with(one, is_trial=True) for one in sku.subscriptions))
        )

    return Alteration(Step(code="is-trial", about=sku_id), alter)


def reported(code: str, at: datetime, **values: bool) -> Alteration:
    """The registration report, read now, has a row of the user that says so."""

    def alter(world: World) -> World:
        row = world.standing.registration or Registration(id=world.user.id)
        evidence = Evidence(status=EvidenceStatus.OK, read_at=at, tried_at=at)
        facts = _with(world.facts, evidence={**world.facts.evidence, "registration": evidence})
        return _with(world, facts=facts, standing=_with(world.standing, registration=_with(row, **values)))

    return Alteration(Step(code=code), alter)


def _paid_up(sku: Sku, seats: int) -> Sku:
    one = CommerceSubscription(id="bought", status="Enabled", is_trial=False, total=seats)
    return _with(sku, status="Enabled", enabled=seats, warning=0, consumed=seats, subscriptions=(one,))


def _owning(world: World, sku: Sku) -> World:
    return _with(world, facts=_with(world.facts, skus={**world.facts.skus, sku.sku_id: sku}))


def _with[T: msgspec.Struct](value: T, **changes: Any) -> T:
    return msgspec.structs.replace(value, **changes)
