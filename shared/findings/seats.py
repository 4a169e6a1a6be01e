"""The tenant's findings about seats: subscriptions that lapse, and seats that are too few."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec

from shared.findings.licences import Licences
from shared.findings.making import TIER_NAMES, make, seats_to_assign
from shared.model import CommerceSubscription, Finding, Sku, Tier, Totals

_ENDED = ("suspended", "lockedout", "deleted")
"""States under which a subscription's seats no longer work."""


def of_skus(licences: Licences, totals: Totals, at: datetime) -> Iterator[Finding]:
    """Lapsing, over-assigned and low for each SKU that could cover somebody; short for each level.

    Seats that were never read are not short: how many there are is not known.
    """
    for sku_id, sku in sorted(licences.facts.skus.items()):
        if sku.consumed > 0 and licences.matters(sku_id):
            yield from _lapsing(licences, sku, at)
            yield from _over_assigned(licences, sku, totals)
            yield from _low(licences, sku, totals)
    for short in shortages(licences, totals) if licences.products_read else ():
        yield from _short_of(licences, totals, short)


# --- lapsing ---------------------------------------------------------------------------------------------


def _lapsing(licences: Licences, sku: Sku, at: datetime) -> Iterator[Finding]:
    """Only where the seats that stay don't hold everyone who has the SKU; a paid renewal date is no end."""
    limit = at + licences.policy.ends_soon
    ending = [one for one in sku.subscriptions if _ends(one, limit)]
    if sku.subscriptions:
        stays = sum(one.total for one in sku.subscriptions if _is(one, "enabled") and one not in ending)
    else:
        stays = sku.enabled if _is(sku, "enabled") else 0
    state = _lapse(sku, ending)
    if not state or stays >= sku.consumed:
        return
    dates = [one.next_lifecycle_at for one in ending if one.next_lifecycle_at and not _is(one, *_ENDED)]
    cause = {"warning": "grace", "suspended": "suspended", "trial-ending": "trial"}[state]
    yield make(
        licences.rules,
        licences.policy,
        "subscription-lapsing",
        state,
        about=sku.sku_id,
        cause=cause,
        skus=(sku.sku_id,),
        facts={
            "ends_at": min(dates).isoformat() if dates else None,
            "consumed": sku.consumed,
            "stays": stays,
            "losing": sku.consumed - stays,
        },
        so={cause: [{"sku": sku.sku_id}]},
    )


def _ends(one: CommerceSubscription, limit: datetime) -> bool:
    if _is(one, "enabled"):
        return one.is_trial is True and one.next_lifecycle_at is not None and one.next_lifecycle_at <= limit
    return _is(one, "warning", *_ENDED)


def _is(one: CommerceSubscription | Sku, *statuses: str) -> bool:
    return one.status.casefold() in statuses


def _lapse(sku: Sku, ending: list[CommerceSubscription]) -> str:
    """The state of what lapses, the one that already took seats first; empty if nothing does."""
    if sku.usable == 0 and (sku.suspended or sku.locked_out or _is(sku, *_ENDED)):
        return "suspended"
    if sku.warning > 0 or _is(sku, "warning") or any(_is(one, "warning") for one in ending):
        return "warning"
    if any(_is(one, "enabled") for one in ending):
        return "trial-ending"
    if sku.suspended or sku.locked_out or any(_is(one, *_ENDED) for one in ending):
        return "suspended"
    return ""


# --- too few -----------------------------------------------------------------------------------------------


def _over_assigned(licences: Licences, sku: Sku, totals: Totals) -> Iterator[Finding]:
    if not _is(sku, "enabled") or sku.consumed <= sku.usable:
        return
    over = sku.consumed - sku.usable
    yield make(
        licences.rules,
        licences.policy,
        "over-assigned",
        "over",
        about=sku.sku_id,
        skus=(sku.sku_id,),
        facts={"consumed": sku.consumed, "usable": sku.usable, "without_seat": over},
        so={"over": [{"sku": sku.sku_id, "seats": over}], "reclaimable": _reclaimable(sku, totals)},
    )


def _low(licences: Licences, sku: Sku, totals: Totals) -> Iterator[Finding]:
    threshold = licences.policy.seats_low
    low = sku.consumed <= sku.usable and sku.free < threshold
    if not low or licences.tier(sku.sku_id) is Tier.NONE:
        return
    held = totals.reclaimable.get(sku.sku_id, 0)
    buy = max(0, threshold - sku.free - held)
    yield make(
        licences.rules,
        licences.policy,
        "seats-low",
        "low",
        about=sku.sku_id,
        skus=(sku.sku_id,),
        facts={
            "free": sku.free,
            "usable": sku.usable,
            "threshold": threshold,
            "reclaimable": held,
            "buy": buy,
        },
        so={
            "reclaimable": _reclaimable(sku, totals),
            "low": [{"sku": sku.sku_id, "seats": buy}] if buy else [],
        },
    )


class Shortage(msgspec.Struct, frozen=True):
    """How many users need a licence of a level, and the seats that there are for them.

    `skus` do for this level, smallest first; of `left`, seats are left for it. `held`: seats of accounts that
    are disabled or out of reach.
    """

    tier: Tier
    needs: int
    free: int
    held: int
    skus: tuple[Sku, ...]
    left: tuple[Sku, ...]

    @property
    def buy(self) -> int:
        """The fewest seats to buy: what is free or can be taken back goes first, of whichever product."""
        return max(0, self.needs - self.free - self.held)


def shortages(licences: Licences, totals: Totals) -> tuple[Shortage, Shortage]:
    """Of P1 and of a cloud level. Who needs P1 is served first; what is left serves the others."""
    p1 = licences.offers(Tier.P1)
    cloud = tuple(sku for sku in licences.offers(Tier.CLOUD) if licences.tier(sku.sku_id) is Tier.CLOUD)
    free, held = _free(p1), _held(p1, totals)
    left = max(0, free - totals.need_p1)
    left_held = held - min(held, max(0, totals.need_p1 - free))
    return (
        Shortage(Tier.P1, totals.need_p1, free, held, p1, p1),
        Shortage(
            Tier.CLOUD,
            totals.need_cloud,
            _free(cloud) + left,
            _held(cloud, totals) + left_held,
            (*cloud, *p1),
            (*cloud, *p1) if left or left_held else cloud,
        ),
    )


def _short_of(licences: Licences, totals: Totals, short: Shortage) -> Iterator[Finding]:
    """What is bought is the smallest product that the tenant has already."""
    if short.needs <= short.free:
        return
    name, buy, skus = TIER_NAMES[short.tier], short.buy, short.skus
    reclaim = [item for sku in short.left for item in _reclaimable(sku, totals)]
    yield make(
        licences.rules,
        licences.policy,
        "seats-short",
        "short",
        about=name,
        cause="no-seat" if skus else "not-owned",
        skus=(sku.sku_id for sku in skus),
        facts={"needs": short.needs, "free": short.free, "reclaimable": short.held, "buy": buy},
        so={
            "seat-is-free": seats_to_assign(short.left, licences.groups_of) if short.free else [],
            "reclaimable": reclaim,
            "still-short": [{"sku": skus[0].sku_id, "tier": name, "seats": buy}] if buy and skus else [],
            "nothing-owned": [{"tier": name, "seats": buy}] if buy and not skus else [],
        },
    )


def _free(skus: Iterable[Sku]) -> int:
    return sum(sku.free for sku in skus)


def _held(skus: Iterable[Sku], totals: Totals) -> int:
    """Seats to win back; on an over-assigned SKU the first ones go to those who have none."""
    return sum(
        max(0, totals.reclaimable.get(sku.sku_id, 0) - max(0, sku.consumed - sku.usable)) for sku in skus
    )


def _reclaimable(sku: Sku, totals: Totals) -> list[dict[str, Any]]:
    seats = totals.reclaimable.get(sku.sku_id, 0)
    if seats == 0:
        return []
    sample = list(totals.reclaimable_sample.get(sku.sku_id, ()))
    return [{"sku": sku.sku_id, "reclaimable": seats, "sample": sample}]
