"""A user's licences as tuples, and what happens to them: dropped, left with a group, joined by one. Pure.

What is assigned follows from the sources that count: a SKU stays while one does, with the plans that all of
them switch off. A SKU that no change touches keeps its line as it was read.
"""

from collections.abc import Mapping

import msgspec

from shared.holdings import COUNTING
from shared.model import AssignedLicense, LicenseAssignmentState, User

FAILED = "Error"
NO_SEAT = "CountViolation"
WITH_ANOTHER = "Other"
"""The code of a SKU that would have a seat, while another one of the same group has none."""


class Held(msgspec.Struct, frozen=True):
    """What is assigned to a user, and every source of it."""

    assigned: tuple[AssignedLicense, ...]
    states: tuple[LicenseAssignmentState, ...]

    @property
    def skus(self) -> frozenset[str]:
        """The SKUs that are assigned, each of which takes a seat."""
        return frozenset(one.sku_id for one in self.assigned)

    def by(self, group: str | None) -> tuple[LicenseAssignmentState, ...]:
        """The sources of one group; of None: those assigned directly."""
        return tuple(one for one in self.states if one.assigned_by_group == group)


def held_by(user: User) -> Held:
    """The licences of a user."""
    return Held(user.assigned_licenses, user.license_assignment_states)


def with_held(user: User, held: Held) -> User:
    """The user with other licences; the same one where they are."""
    if held_by(user) == held:
        return user
    return msgspec.structs.replace(
        user, assigned_licenses=held.assigned, license_assignment_states=held.states
    )


def without(held: Held, sku_ids: frozenset[str]) -> Held:
    """Without these SKUs, from whatever source."""
    return Held(
        tuple(one for one in held.assigned if one.sku_id not in sku_ids),
        tuple(one for one in held.states if one.sku_id not in sku_ids),
    )


def left(held: Held, group: str) -> Held:
    """Without what a group assigns; a SKU goes unless another source of it counts."""
    touched = {one.sku_id for one in held.by(group)}
    states = tuple(one for one in held.states if one.assigned_by_group != group)
    assigned = []
    for line in held.assigned:
        if line.sku_id not in touched:
            assigned.append(line)
            continue
        stay = [one for one in states if one.sku_id == line.sku_id and counts(one)]
        if stay:
            assigned.append(msgspec.structs.replace(line, disabled_plans=_off_in_all(stay)))
    return Held(tuple(assigned), states)


def joined(held: Held, group: str, plans_off: Mapping[str, tuple[str, ...]]) -> Held:
    """With what a group assigns: SKU id to the plans that it switches off."""
    states = tuple(
        LicenseAssignmentState(sku_id=key, assigned_by_group=group, disabled_plans=off)
        for key, off in sorted(plans_off.items())
    )
    return Held(_assigned(held.assigned, states), (*held.states, *states))


def refused(held: Held, group: str, short: Mapping[str, bool]) -> Held:
    """With a group whose licences can't be assigned: SKU id to whether it is this one that has no seat."""
    states = tuple(
        LicenseAssignmentState(
            sku_id=key, assigned_by_group=group, state=FAILED, error=NO_SEAT if none else WITH_ANOTHER
        )
        for key, none in sorted(short.items())
    )
    return Held(held.assigned, (*held.states, *states))


def mended(held: Held, failing: tuple[LicenseAssignmentState, ...]) -> Held:
    """With these failing sources working."""
    working = {one: msgspec.structs.replace(one, state="Active", error=None) for one in failing}
    states = tuple(working.get(one, one) for one in held.states)
    return Held(_assigned(held.assigned, tuple(working.values())), states)


def counts(state: LicenseAssignmentState) -> bool:
    """Whether this source gives the licence."""
    return state.state.casefold() in COUNTING


def _assigned(
    lines: tuple[AssignedLicense, ...], added: tuple[LicenseAssignmentState, ...]
) -> tuple[AssignedLicense, ...]:
    """The lines with those of more sources; a plan is off only where every source switches it off."""
    off = {one.sku_id: one.disabled_plans for one in lines}
    for one in added:
        before = off.get(one.sku_id)
        off[one.sku_id] = (
            one.disabled_plans
            if before is None
            else tuple(plan for plan in before if plan in one.disabled_plans)
        )
    return tuple(AssignedLicense(sku_id=key, disabled_plans=plans) for key, plans in off.items())


def _off_in_all(states: list[LicenseAssignmentState]) -> tuple[str, ...]:
    first, *others = states
    return tuple(plan for plan in first.disabled_plans if all(plan in one.disabled_plans for one in others))
