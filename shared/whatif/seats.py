"""Who gets a seat where there are not enough: in order of id, all SKUs of a group or none.

A first reading of the snapshot notes everybody whom the changes may give or take a licence; then the seats
are dealt out: first to those who wait for one of an added SKU, then to whoever is moved to a group.
"""

from collections.abc import Iterable, Mapping

import msgspec

from shared.holdings import error_code
from shared.model import LicenseAssignmentState, Sku, TenantFacts
from shared.rules.loader import Rules
from shared.snapshot.lines import Head, Reading
from shared.whatif.changes import Changes, MoveGroup
from shared.whatif.licences import (
    FAILED,
    NO_SEAT,
    WITH_ANOTHER,
    Held,
    held_by,
    joined,
    left,
    mended,
    refused,
    without,
)
from shared.whatif.tenant import changed_skus


class Dealt(msgspec.Struct, frozen=True):
    """How the seats were dealt out.

    `held`: the licences of each user whose licences changed. `taken`: SKU id to seats taken, less those given
    back. `holders`: of SKUs that the tenant does not have, how many hold them. `waiting`, `served`: users
    whose assignment failed for want of seats of an added SKU, and those of them who got all they waited for.
    `moved`, `refused`: users who were moved, and those of them for whom their new group had no seats.
    `unseen`: groups of which nobody shows which plans they switch off.
    """

    held: Mapping[str, Held] = {}
    taken: Mapping[str, int] = {}
    holders: Mapping[str, int] = {}
    waiting: int = 0
    served: int = 0
    moved: int = 0
    refused: int = 0
    unseen: tuple[str, ...] = ()


class Survey:
    """The first reading: notes heads and users, then deals."""

    def __init__(self, changes: Changes, rules: Rules) -> None:
        self._changes, self._rules = changes, rules
        self._dropped = frozenset(changes.drop)
        self._added = frozenset(one.sku_id for one in changes.add if one.seats)
        self._sources = frozenset(one.source for one in changes.move)
        self._targets = frozenset(one.target for one in changes.move)
        self._newest: Head | None = None
        self._users: dict[str, Held] = {}
        # Most users of a group hold the same: one object for all of them.
        self._same: dict[Held, Held] = {}
        self._off: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {}
        self._holders: dict[str, int] = dict.fromkeys(self._added, 0)

    def head(self, head: Head) -> None:
        """A section begins. The newest facts are those whose seats are dealt out."""
        if self._newest is None or newer(head, self._newest):
            self._newest = head

    def user(self, reading: Reading) -> None:
        """One user."""
        user = reading.user
        for one in user.assigned_licenses:
            if one.sku_id in self._holders:
                self._holders[one.sku_id] += 1
        concerned = False
        for state in user.license_assignment_states:
            group = state.assigned_by_group or ""
            if group in self._targets:
                self._note_plans(group, state, user.id)
            concerned = (
                concerned or group in self._sources or (state.sku_id in self._added and failing(state))
            )
        if concerned:
            held = without(held_by(user), self._dropped)
            self._users[user.id] = self._same.setdefault(held, held)

    def dealt(self) -> Dealt:
        """Deal the seats out. Raises `ValueError` before any head was read."""
        if self._newest is None:
            raise ValueError("a snapshot begins with a head")
        facts = self._newest.facts
        holders = {key: number for key, number in self._holders.items() if key not in facts.skus}
        skus = changed_skus(facts.skus, self._changes, self._rules, holders)
        dealing = _Dealing(skus, self._users)
        waiting, served = dealing.serve(self._added)
        totals = [0, 0]
        unseen: set[str] = set()
        for move in self._changes.move:
            skus_of = self._skus_of(move.target, facts)
            plans_off = {key: self._off.get((move.target, key), ("", ()))[1] for key in skus_of}
            moved, refusals = dealing.move(move, plans_off)
            totals[0] += moved
            totals[1] += refusals
            if moved > refusals and any((move.target, key) not in self._off for key in skus_of):
                unseen.add(move.target)
        return Dealt(
            held={key: held for key, held in dealing.held.items() if held != self._users[key]},
            taken=dealing.pool.taken,
            holders=holders,
            waiting=waiting,
            served=served,
            moved=totals[0],
            refused=totals[1],
            unseen=tuple(sorted(unseen)),
        )

    def _note_plans(self, group: str, state: LicenseAssignmentState, user_id: str) -> None:
        """All members have the same; where a change is under way, the first in order of id is believed."""
        known = self._off.get((group, state.sku_id))
        if known is None or user_id < known[0]:
            self._off[group, state.sku_id] = (user_id, state.disabled_plans)

    def _skus_of(self, group: str, facts: TenantFacts) -> tuple[str, ...]:
        found = facts.groups.get(group)
        return tuple(key for key in found.sku_ids if key not in self._dropped) if found else ()


class _Pool:
    """The seats of each SKU."""

    def __init__(self, skus: Mapping[str, Sku]) -> None:
        self._free = {key: sku.usable - sku.consumed for key, sku in skus.items()}
        self.taken: dict[str, int] = {}

    def short(self, sku_ids: Iterable[str]) -> frozenset[str]:
        """Those that have no free seat; one that the tenant doesn't own has none."""
        return frozenset(key for key in sku_ids if self._free.get(key, 0) <= 0)

    def settle(self, before: Held, after: Held) -> None:
        """Take seats for what is assigned now, and give back those of what no longer is."""
        for key in after.skus - before.skus:
            self._move(key, 1)
        for key in before.skus - after.skus:
            self._move(key, -1)

    def _move(self, key: str, seats: int) -> None:
        self._free[key] = self._free.get(key, 0) - seats
        self.taken[key] = self.taken.get(key, 0) + seats


class _Dealing:
    """Deals seats to users in order of id."""

    def __init__(self, skus: Mapping[str, Sku], users: Mapping[str, Held]) -> None:
        self.pool = _Pool(skus)
        self.held = dict(sorted(users.items()))

    def serve(self, added: frozenset[str]) -> tuple[int, int]:
        """Those who wait for a seat of these SKUs: how many, and how many have all they waited for now."""
        waiting = served = 0
        for user_id, held in self.held.items():
            batches = list(_waiting(held, added))
            if not batches:
                continue
            waiting += 1
            got = [self._mend(user_id, batch) for batch in batches]
            served += all(got)
        return waiting, served

    def move(self, move: MoveGroup, plans_off: Mapping[str, tuple[str, ...]]) -> tuple[int, int]:
        """From one group to another: how many users, and for how many of them there were no seats."""
        moved = refusals = 0
        for user_id, held in self.held.items():
            if not held.by(move.source):
                continue
            moved += 1
            after = left(held, move.source)
            if not held.by(move.target):
                # Whoever keeps a SKU keeps its seat: only what nothing else assigns is taken from the pool.
                short = self.pool.short(key for key in plans_off if key not in held.skus)
                if short:
                    refusals += 1
                    after = refused(after, move.target, {key: key in short for key in plans_off})
                else:
                    after = joined(after, move.target, plans_off)
            self._place(user_id, after)
        return moved, refusals

    def _mend(self, user_id: str, batch: tuple[LicenseAssignmentState, ...]) -> bool:
        held = self.held[user_id]
        if self.pool.short({one.sku_id for one in batch} - held.skus):
            return False
        self._place(user_id, mended(held, batch))
        return True

    def _place(self, user_id: str, after: Held) -> None:
        self.pool.settle(self.held[user_id], after)
        self.held[user_id] = after


def failing(state: LicenseAssignmentState) -> bool:
    """Whether this source fails; one that is switched off does not, nor does one that works with an error."""
    return state.state.casefold() == FAILED.casefold()


def _waiting(held: Held, added: frozenset[str]) -> Iterable[tuple[LicenseAssignmentState, ...]]:
    """What fails only for want of seats, of a source that assigns an added SKU: each to be mended whole.

    A group's licences come all or none; each direct one stands alone.
    """
    for group in sorted({one.assigned_by_group or "" for one in held.states if one.sku_id in added}):
        failed = tuple(one for one in held.by(group or None) if failing(one))
        for batch in [failed] if group else [(one,) for one in failed]:
            codes = {error_code(one.error) for one in batch}
            wanted = any(one.sku_id in added for one in batch)
            if wanted and NO_SEAT in codes and codes <= {NO_SEAT, WITH_ANOTHER, ""}:
                yield batch


def newer(head: Head, other: Head) -> bool:
    """Whether a section rests on newer facts than another."""
    return (head.facts.generation, head.taken_at) > (other.facts.generation, other.taken_at)
