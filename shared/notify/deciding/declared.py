"""Changes that somebody made: another edition, scope or writeback, a product that counts otherwise. Pure.

What they bring about is no news of single users. It is held until everybody was judged anew, and told as one
card: since your change of X, so many opened, so many were resolved (judgement.md §6).
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta

import msgspec

from shared.model import SubjectType
from shared.notify.deciding.scene import Scene, Telling, came_up
from shared.notify.entries import Entry
from shared.notify.messages import Item
from shared.notify.table import Declared, Table

AT_MOST = timedelta(hours=24)
"""A change that never settles holds nobody longer than this."""

_APART = ("watch-unwell", "evidence-missing")
"""Kinds that no setting brings about."""

_NO_PRODUCT = ("*", "policy")
"""Keys of `read_as` that are no SKU."""


def declared_since(table: Table, scene: Scene) -> Declared | None:
    """The change that is open now: the one remembered, with what differs since the last run added to it."""
    known = table.declared
    settings = _differing(table.choices, scene.choices)
    skus = _otherwise(table.read_as, scene.read_as) if not settings else ()
    if not settings and not skus:
        return known
    at = table.ran_at or scene.now
    if known is None or known.told:
        # Who has had the card is not told again of what it was about.
        return Declared(at=at, noticed_at=scene.now, begun_at=scene.now, settings=settings, skus=skus)
    joined = _joined(known.settings, settings)
    together = tuple(sorted({*known.skus, *skus}))
    return msgspec.structs.replace(
        known, settings=joined, skus=together, noticed_at=scene.now, settled_at=None, due_at=None
    )


def _differing(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """What both know and have otherwise. A choice that an earlier release did not have is nobody's change."""
    return {
        name: (before[name], after[name])
        for name in sorted(before.keys() & after.keys())
        if before[name] != after[name]
    }


def _joined(
    one: Mapping[str, tuple[str, str]], other: Mapping[str, tuple[str, str]]
) -> dict[str, tuple[str, str]]:
    """The first value before and the last after; one that went back is still a change that was made."""
    names = {**one, **other}
    return {
        name: (one[name][0] if name in one else other[name][0], other.get(name, one.get(name, ("", "")))[1])
        for name in names
    }


def _otherwise(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """SKUs that both know and read otherwise. One that came or went is no change of how it counts."""
    return tuple(
        sorted(
            key
            for key in before.keys() & after.keys()
            if key not in _NO_PRODUCT and before[key] != after[key]
        )
    )


def settled(change: Declared, scene: Scene) -> Declared:
    """The change, with the time when everybody was judged under it noted once that is so."""
    if change.settled_at is not None or not scene.settled or scene.now <= change.noticed_at:
        return change
    return msgspec.structs.replace(change, settled_at=scene.now)


def holds(change: Declared, item: Item) -> bool:
    """Whether this comes of the change: about what was changed, since then and before its card was due."""
    entry = item.entry
    if entry.kind in _APART or came_up(entry) < change.at:
        return False
    if change.due_at is not None and came_up(entry) > change.due_at:
        return False
    if change.settings:
        return True
    # A product's own finding is the news itself.
    return entry.subject_type is SubjectType.USER and _concerns(entry, change.skus)


def _concerns(entry: Entry, skus: Iterable[str]) -> bool:
    held = entry.facts.get("held", ())
    named = {entry.about, *entry.skus, *(one.about for one in entry.because)}
    named.update(map(str, held) if isinstance(held, list | tuple) else ())
    return not named.isdisjoint(skus)


def due(change: Declared, items: Iterable[Item], telling: Telling, scene: Scene) -> bool:
    """Whether what came of it is told now: everybody was judged, it has lasted, and no more comes."""
    now = scene.now
    # From the first of several on: a setting that goes to and fro must not hold people for ever.
    if change.due_at is not None or now - (change.begun_at or change.noticed_at) >= AT_MOST:
        return True
    if change.settled_at is None or now - change.settled_at < telling.confirm_after:
        return False
    last = max((came_up(item.entry) for item in items), default=change.settled_at)
    return now - last >= telling.group_wait or now - change.settled_at >= (
        telling.confirm_after + telling.group_wait_max
    )
