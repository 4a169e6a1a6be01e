"""What would change a verdict: altered facts, put to the judge itself. Pure.

A change is told only where the judge says that it turns the state; of two that do, one that is part of the
other is told.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import combinations

import msgspec

from shared.explain import worlds
from shared.explain.proof import Change, Step
from shared.explain.worlds import Alteration, World
from shared.findings.licences import Licences
from shared.holdings import held
from shared.judgement import Grounds, Judge
from shared.model import State, Tier
from shared.rules.loader import Rules
from shared.verdict import BREACHES

OFFERED = 3
"""So many products that could be assigned are told of; the rest is counted."""

COSTLY = frozenset({"buy", "buy-paid", "renew-subscription"})
"""Steps for which somebody has to pay."""

WELL = (State.COVERED, State.NOT_IN_REACH)
"""The states in which nothing is owed."""


class Found(msgspec.Struct, frozen=True):
    """The changes in the order in which one would think of them, and how many more products would do."""

    changes: tuple[Change, ...]
    further: int = 0


def changes_of(world: World, grounds: Sequence[Grounds], rules: Rules, at: datetime) -> Found:
    """What would turn the governing state: from a breach or a doubt to anything that is none, else away."""
    return _Search(world, grounds, rules, at).found()


class _Search:
    def __init__(self, world: World, grounds: Sequence[Grounds], rules: Rules, at: datetime) -> None:
        self._world, self._rules, self._at = world, rules, at
        self._grounds = grounds[0]
        self._verdict = grounds[0].verdict
        self._held = held(world.user)

    def found(self) -> Found:
        match self._verdict.state:
            case State.COVERED:
                return Found(tuple(self._hangs_on()))
            case State.NOT_IN_REACH:
                return Found(tuple(self._kept(self._ways_in())))
        offers, further = self._offers()
        # What costs nothing comes first.
        mended = sorted([*self._repairs(), *offers], key=_costs)
        settled, out = self._kept(self._settlements()), self._kept(self._ways_out())
        return Found((*settled, *mended, *out), further)

    def _judged(self, steps: Sequence[Alteration]) -> Mapping[str, State]:
        world = self._world
        for one in steps:
            world = one.alter(world)
        judged = Judge(self._rules, world.policy, world.facts).judged(world.user, world.standing, self._at)
        return {self._grounds.edition.id: judged.verdict.state, **judged.others}

    def _change(self, *steps: Alteration, mends: bool = False) -> Change | None:
        """The change, if the judge says that it turns the state; `mends`: to one in which nothing is owed.

        From a breach only that is worth telling; a doubt may be settled either way.
        """
        states = self._judged(steps)
        state, now = states[self._grounds.edition.id], self._verdict.state
        turns = state in WELL if mends or now in BREACHES else state is not now
        return Change(steps=tuple(one.step for one in steps), states=states) if turns else None

    def _kept(self, alterations: Iterator[Alteration]) -> Iterator[Change]:
        for one in alterations:
            if change := self._change(one):
                yield change

    # --- a breach, or a doubt ------------------------------------------------------------

    def _repairs(self) -> list[Change]:
        """What is held already, put in order: for each licence the fewest steps that turn the state."""
        changes: list[Change] = []
        for sku_id in self._held:
            repairs = list(self._of_licence(sku_id))
            for size in range(1, len(repairs) + 1):
                turning = [
                    change
                    for steps in combinations(repairs, size)
                    if (change := self._change(*steps, mends=True))
                ]
                changes += turning
                if turning:
                    break
        return changes

    def _of_licence(self, sku_id: str) -> Iterator[Alteration]:
        """Everything that may be wrong with one licence, put right."""
        off, sources = self._held[sku_id]
        if sources.failing:
            yield worlds.mended(sku_id)
        if off.intersection(self._rules.skus.plans):
            step = Step(code="turn-plan-on", about=sku_id)
            yield worlds.plans_switched(step, sku_id, off - frozenset(self._rules.skus.plans))
        sku = self._world.facts.skus.get(sku_id)
        if sku is None:
            return
        if self._reason(sku_id) == "sku-suspended":
            yield worlds.renewed(sku_id)
        if any(one.is_trial for one in sku.subscriptions) and self._reason(sku_id) != "trial-undetermined":
            yield worlds.paid("buy-paid", sku_id)

    def _reason(self, sku_id: str) -> str:
        return next((one.reason for one in self._verdict.holdings if one.sku_id == sku_id), "")

    def _offers(self) -> tuple[list[Change], int]:
        """Products of the tenant with a free seat, smallest first; where none would do, one to buy."""
        facts = self._world.facts
        licences = Licences(self._rules, self._world.policy, facts)
        turning: list[Change] = []
        for sku in licences.offers(Tier.CLOUD) if facts.skus else ():
            if sku.free and sku.sku_id not in self._held:
                step = Step(code="assign", about=sku.sku_id, free=sku.free)
                if change := self._change(worlds.assigned(step, sku.sku_id), mends=True):
                    turning.append(change)
        if turning:
            return turning[:OFFERED], len(turning[OFFERED:])
        return list(self._to_buy()), 0

    def _to_buy(self) -> Iterator[Change]:
        """The lesser licence that would do, of the two tiers."""
        for tier, sku_id in _sold(self._rules):
            step = Step(code="buy", about=tier)
            if change := self._change(worlds.bought(step, sku_id, self._rules.skus), mends=True):
                yield change
                return

    def _settlements(self) -> Iterator[Alteration]:
        """What settles a doubt, either way; and choices of the administrator that stand against cover."""
        policy, reasons = self._world.policy, {one.reason for one in self._verdict.holdings}
        if self._world.user.synced and policy.writeback == "unknown":
            yield worlds.of_policy("PASSWORD_WRITEBACK", "writeback", "on")
            yield worlds.of_policy("PASSWORD_WRITEBACK", "writeback", "off")
        if reasons & {"contested", "contested-no"}:
            yield worlds.of_policy("CONTESTED", "contested", "covered")
            if "contested" in reasons:
                yield worlds.of_policy("CONTESTED", "contested", "uncovered")
        if "developer-ignored" in reasons:
            yield worlds.of_policy("DEVELOPER_SKUS", "developer_skus", "count")
        for one in self._verdict.holdings:
            if one.reason == "trial-undetermined":
                yield worlds.paid("is-paid", one.sku_id)
                yield worlds.on_trial(one.sku_id)
        if self._verdict.cause == "reach-unknown":
            yield from self._known_reach()

    def _known_reach(self) -> Iterator[Alteration]:
        """The evidence that is missing, in either case."""
        match self._grounds.reach.missing:
            case "registration" | "registration-rows":
                yes: dict[str, bool] = {"is_sspr_enabled": True, "is_sspr_capable": True}
                yield worlds.reported("report-says-yes", self._at, **yes)
                yield worlds.reported("report-says-no", self._at, **dict.fromkeys(yes, False))
            case "scope-groups":
                yield worlds.of_standing(Step(code="join-scope"), in_scope_group=True)
                yield worlds.of_standing(Step(code="leave-scope"), in_scope_group=False)
            case "audit":
                yield worlds.of_standing(Step(code="has-used"), used=True)
                yield worlds.of_standing(Step(code="has-not-used"), used=False)

    def _ways_out(self) -> Iterator[Alteration]:
        """Out of reach nothing is asked."""
        match self._verdict.reach:
            case "report":
                yield worlds.reported("report-says-no", self._at, is_sspr_enabled=False)
            case "scope-group":
                yield worlds.of_standing(Step(code="leave-scope"), in_scope_group=False)
        yield worlds.of_user(Step(code="disable-account"), account_enabled=False)

    # --- nothing owed ------------------------------------------------------------

    def _hangs_on(self) -> Sequence[Change]:
        """What cover hangs on: licences, or an administrator's role; or on both, where either is enough."""
        role = list(self._role())
        alone = [*self._losses(), *self._kept(iter(role))]
        return alone or [change for one in role for change in self._losses(one)]

    def _losses(self, *first: Alteration) -> Iterator[Change]:
        """After `first`, each licence that counts, or where none alone is needed all of them."""
        counted, plans = self._verdict.counted, frozenset(self._rules.skus.plans)
        single = [worlds.taken(Step(code="lose", about=one), one) for one in counted]
        turning = [change for one in single if (change := self._change(*first, one))]
        if len(counted) > 1 and not turning:
            together = self._change(*first, worlds.taken(Step(code="lose-all"), *counted))
            turning = [together] if together else []
        yield from turning
        for one in counted:
            off = self._held[one][0]
            switched = worlds.plans_switched(Step(code="turn-plan-off", about=one), one, off | plans)
            if not off.issuperset(plans) and (change := self._change(*first, switched)):
                yield change

    def _role(self) -> Iterator[Alteration]:
        row = self._world.standing.registration
        if row is not None and row.is_admin:
            without = msgspec.structs.replace(row, is_admin=False)
            yield worlds.of_standing(Step(code="lose-role"), registration=without)

    def _ways_in(self) -> Iterator[Alteration]:
        """What would bring the user in reach."""
        match self._verdict.reach:
            case "account-disabled":
                yield worlds.of_user(Step(code="enable-account"), account_enabled=True)
            case "emergency":
                yield worlds.of_standing(Step(code="leave-emergency"), emergency=False)
            case "internal-guest":
                yield worlds.of_policy("INTERNAL_GUESTS", "internal_guests", "judge")
            case "resource-account":
                yield worlds.of_policy("RESOURCE_ACCOUNTS", "resource_accounts", "judge")
            case "admin-sspr-off":
                yield worlds.administrators_allowed()
            case "sspr-not-enabled" | "not-yet-reported":
                yield worlds.reported("report-says-yes", self._at, is_sspr_enabled=True)
            case "outside-scope-group":
                yield worlds.of_standing(Step(code="join-scope"), in_scope_group=True)
            case "not-capable":
                yield worlds.reported("registers", self._at, is_sspr_capable=True)
            case "not-used":
                yield worlds.of_standing(Step(code="has-used"), used=True)
            case "cannot-reset":
                yield worlds.of_policy("PASSWORD_WRITEBACK", "writeback", "on")


def _costs(change: Change) -> bool:
    return any(step.code in COSTLY for step in change.steps)


def _sold(rules: Rules) -> Iterator[tuple[str, str]]:
    """For each tier the product of our table that stands for it: a suite that every edition names, and P1."""
    entries = rules.skus.entries.values()
    cloud = [one for one in entries if one.sku_class.name == "suite-business" and not one.entra_plans]
    p1 = [one for one in entries if one.sku_class.name == "identity" and one.entra_plans == ("p1",)]
    yield from ((tier, found[0].sku_id) for tier, found in (("cloud", cloud), ("p1", p1)) if found)
