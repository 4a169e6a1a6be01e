"""What each SKU of the tenant would give an ordinary person, read off the judge itself, and its seats.

So a remedy never offers a licence that the verdict would not accept.
"""

import functools
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from shared.holdings import WORKING, YES, paid
from shared.judgement import Judge
from shared.model import (
    AssignedLicense,
    Because,
    Holding,
    Sku,
    Standing,
    TenantFacts,
    Tier,
    User,
)
from shared.rules.loader import Rules
from shared.rules.policy import Policy

_ANYTIME = datetime(2000, 1, 1, tzinfo=UTC)
"""The probe is judged whatever the time: nothing about a SKU itself depends on it."""

GIVEN_AWAY = 500_000
"""Seats from which on a SKU is taken for one that is given away: such pools hold half a million and more."""

_UNCLASSED = 9
"""The place among offers of a SKU that our table does not class: after all that it does."""


class Ending(msgspec.Struct, frozen=True):
    """A SKU none of whose seats stay: `cause` is grace or trial, `at` the last day (None: not known)."""

    sku_id: str
    cause: str
    at: datetime | None


class Licences:
    """The SKUs of one reading of the tenant under one policy; each question is worked out once."""

    def __init__(self, rules: Rules, policy: Policy, facts: TenantFacts) -> None:
        self.rules = rules
        self.policy = policy
        self.facts = facts
        self._without: dict[frozenset[str], Judge] = {}
        self._covering: dict[Tier, tuple[Sku, ...]] = {}
        self._offers: dict[Tier, tuple[Sku, ...]] = {}

    @property
    def products_read(self) -> bool:
        """Whether the list of products was ever read: an empty one that was not says nothing."""
        return bool(self.facts.skus) or self.facts.evidence_of("skus").read_at is not None

    @functools.cached_property
    def judge(self) -> Judge:
        """The judge under these facts."""
        return Judge(self.rules, self.policy, self.facts)

    def judge_without(self, sku_ids: frozenset[str]) -> Judge:
        """The judge as if these SKUs had no seat left."""
        judge = self._without.get(sku_ids)
        if judge is None:
            skus = {**self.facts.skus, **{key: _ended(self.facts.skus[key]) for key in sku_ids}}
            judge = Judge(self.rules, self.policy, msgspec.structs.replace(self.facts, skus=skus))
            self._without[sku_ids] = judge
        return judge

    @functools.cached_property
    def now(self) -> Mapping[str, Holding]:
        """How an active assignment of each SKU reads now."""
        return _readings(self.rules, self.policy, self.facts)

    @functools.cached_property
    def in_order(self) -> Mapping[str, Holding]:
        """How it would read if its subscriptions were bought and in order."""
        skus = {key: _in_order(sku) for key, sku in self.facts.skus.items()}
        return _readings(self.rules, self.policy, msgspec.structs.replace(self.facts, skus=skus))

    def tier(self, sku_id: str) -> Tier:
        """The tier that an active assignment certainly gives now."""
        return _tier(self.now.get(sku_id))

    def tier_in_order(self, sku_id: str) -> Tier:
        """The tier that it would certainly give with its subscriptions in order."""
        return _tier(self.in_order.get(sku_id))

    def matters(self, sku_id: str) -> bool:
        """Whether the SKU in order could cover anybody; one that the facts don't know could."""
        reading = self.in_order.get(sku_id)
        return sku_id not in self.facts.skus or (reading is not None and reading.reset != "no")

    def lapses(self, need: Tier) -> tuple[Because, ...]:
        """Points to the lapse of each SKU in use that gave `need` while its subscriptions worked."""
        return tuple(
            Because(kind="subscription-lapsing", about=sku_id)
            for sku_id, sku in sorted(self.facts.skus.items())
            if sku.consumed > 0
            and self.now[sku_id].reason == "sku-suspended"
            and self.tier_in_order(sku_id) >= need
        )

    def covering(self, need: Tier) -> tuple[Sku, ...]:
        """The tenant's SKUs that give `need` now, in the order in which one would offer them."""
        found = self._covering.get(need)
        if found is None:
            skus = [sku for key, sku in self.facts.skus.items() if self.tier(key) >= need]
            found = self._covering[need] = tuple(sorted(skus, key=self._place))
        return found

    def offers(self, need: Tier) -> tuple[Sku, ...]:
        """Those that a remedy may offer, smallest first; never what is given away, or lent for a trial."""
        found = self._offers.get(need)
        if found is None:
            found = self._offers[need] = tuple(sku for sku in self.covering(need) if self._offered(sku))
        return found

    def _place(self, sku: Sku) -> tuple[Tier, int, bool, int, str]:
        """No more than needed first: level, size of the product, P1 before P2; then the most free seats."""
        entry = self.rules.skus.get(sku.sku_id)
        size = entry.sku_class.offer if entry else _UNCLASSED
        reading = self.now[sku.sku_id]
        return (reading.tier, size, reading.reason == "p2", -sku.free, sku.sku_id)

    def _offered(self, sku: Sku) -> bool:
        entry = self.rules.skus.get(sku.sku_id)
        if entry is not None and not entry.sku_class.offer:
            return False
        one_more, _ = paid(sku.subscriptions, sku.consumed + 1)
        return sku.usable < GIVEN_AWAY and one_more == YES

    @functools.cached_property
    def groups_of(self) -> Mapping[str, tuple[str, ...]]:
        """The groups that assign each SKU and could assign it to one more member."""
        groups: dict[str, list[str]] = {}
        for key in sorted(self.facts.groups):
            if not self.assigns(key):
                continue
            for sku_id in self.facts.groups[key].sku_ids:
                groups.setdefault(sku_id, []).append(key)
        return {sku_id: tuple(found) for sku_id, found in groups.items()}

    def assigns(self, group_id: str) -> bool:
        """Whether a group fails for nobody and has a free seat of each of its SKUs: they come all or none."""
        group = self.facts.groups.get(group_id)
        if group is None or any(error.members > 0 for error in group.errors):
            return False
        skus = (self.facts.skus.get(sku_id) for sku_id in group.sku_ids)
        return all(sku is not None and sku.free > 0 for sku in skus)

    @functools.cached_property
    def endings(self) -> Mapping[str, Ending]:
        """The SKUs none of whose seats stay, however far the end is."""
        found = ((key, _ending(sku)) for key, sku in self.facts.skus.items())
        return {key: ending for key, ending in found if ending}


_REMEMBERED = 4
_remembered: list[Licences] = []
"""Those last asked for first: a sweep asks for the same ones once a user."""


def licences_of(rules: Rules, policy: Policy, facts: TenantFacts) -> Licences:
    """The licences of these facts; the same object for the very same facts and rules and an equal policy, so
    that a sweep reads them once."""
    for known in _remembered:
        same = known.facts is facts and known.rules is rules
        if same and (known.policy is policy or known.policy == policy):
            return known
    _remembered.insert(0, Licences(rules, policy, facts))
    del _remembered[_REMEMBERED:]
    return _remembered[0]


def _readings(rules: Rules, policy: Policy, facts: TenantFacts) -> Mapping[str, Holding]:
    """One ordinary person in reach, holding one SKU at a time."""
    everyone = msgspec.structs.replace(
        policy, scope="all", population="enabled", resource_accounts="judge", emergency_group=""
    )
    judge = Judge(rules, everyone, facts)
    readings: dict[str, Holding] = {}
    for sku_id in facts.skus:
        person = User(id="", account_enabled=True, assigned_licenses=(AssignedLicense(sku_id=sku_id),))
        holdings = judge.judged(person, Standing(), _ANYTIME).verdict.holdings
        readings.update((holding.sku_id, holding) for holding in holdings)
    return readings


def _tier(reading: Holding | None) -> Tier:
    return reading.tier if reading is not None and reading.reset == "yes" else Tier.NONE


def _in_order(sku: Sku) -> Sku:
    seats = max(1, sku.usable, sku.consumed)
    return msgspec.structs.replace(
        sku, status="Enabled", enabled=seats, warning=0, suspended=0, locked_out=0, subscriptions=()
    )


def _ended(sku: Sku) -> Sku:
    return msgspec.structs.replace(
        sku, status="Suspended", enabled=0, warning=0, suspended=sku.usable, subscriptions=()
    )


def _ending(sku: Sku) -> Ending | None:
    """A paid subscription's renewal date is no end; one whose isTrial can't be read counts as paid."""
    live = [one for one in sku.subscriptions if one.status.casefold() in WORKING]
    if not live:
        grace = sku.usable > 0 and (sku.enabled == 0 or sku.status.casefold() == "warning")
        return Ending(sku.sku_id, "grace", None) if grace else None
    ends: list[tuple[datetime | None, str]] = []
    for one in live:
        if one.status.casefold() == "warning":
            ends.append((one.next_lifecycle_at, "grace"))
        elif one.is_trial and one.next_lifecycle_at:
            ends.append((one.next_lifecycle_at, "trial"))
        else:
            return None
    last, cause = max(ends, key=lambda end: (end[0] is not None, end[0] or _ANYTIME, end[1]))
    return Ending(sku.sku_id, cause, last)
