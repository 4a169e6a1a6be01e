"""What a round of delta tells: which objects, how often, in which order, and the rows (graph.md §6)."""

import bisect
import random
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from sandbox.graph import groups, users
from sandbox.graph.journal import WHOLE, Entry, Journal
from sandbox.graph.records import User
from sandbox.graph.world import World

_REACH = 50
"""How many entries before the link's own a replay may come from."""


@dataclass(frozen=True, slots=True)
class Told:
    """One row to be: an object as it is when it is told, or (`then`) as it once was.

    `changed`: properties that changed in this round, or `WHOLE`. `touched`: members that came or went.
    """

    id: str
    changed: frozenset[str] = WHOLE
    touched: tuple[str, ...] = ()
    then: Entry | None = None


def told(
    journal: Journal,
    between: tuple[int, int],
    names: frozenset[str],
    ids: frozenset[str],
    rng: random.Random,
    replays: float,
    shuffled: bool,
) -> list[Told]:
    """The rows of a round: each object once, and what is replayed besides. Same arguments, same rows.

    A change of a property that isn't in `names` surfaces nothing.
    """

    def surfaces(entry: Entry) -> bool:
        wanted = not entry.changed or not names.isdisjoint(entry.changed)
        return wanted and (not ids or entry.id in ids)

    begin, end = between
    found: dict[str, Told] = {}
    for entry in journal.entries[begin:end]:
        if surfaces(entry):
            found[entry.id] = _joined(found.pop(entry.id, None), entry)
    rows = list(found.values())
    if replays:
        for entry in journal.entries[max(0, begin - _REACH) : end]:
            if surfaces(entry) and rng.random() < replays:
                again = Told(entry.id, entry.changed, entry.added + entry.removed, then=entry)
                rows.insert(rng.randint(0, len(rows)), again)
    if shuffled:
        rng.shuffle(rows)
    return rows


def _joined(before: Told | None, entry: Entry) -> Told:
    touched = entry.added + entry.removed
    if before is None:
        return Told(entry.id, entry.changed, touched)
    whole = not before.changed or not entry.changed
    changed = WHOLE if whole else before.changed | entry.changed
    return Told(entry.id, changed, tuple(dict.fromkeys(before.touched + touched)))


def removed(object_id: str, reason: str) -> dict[str, Any]:
    """`changed`: can be restored; `deleted`: gone for good."""
    return {"id": object_id, "@removed": {"reason": reason}}


# --- users --------------------------------------------------------------------------------------------------


def user_row(world: World, one: Told, names: tuple[str, ...], *, minimal: bool) -> dict[str, Any]:
    """A user: all selected properties, or (`minimal`) those that changed; a restored one is new, so all."""
    if one.then is not None:
        user, gone = one.then.state, one.then.gone
    else:
        user = world.peek(one.id)
        gone = "deleted" if user is None else "" if user.deleted_at is None else "changed"
    if user is None or gone:
        return removed(one.id, gone)
    shown = tuple(n for n in names if n in one.changed) if minimal and one.changed else names
    return _properties(world, user, shown)


def everybody(
    world: World, ids: Sequence[str], after: str, size: int, names: tuple[str, ...]
) -> tuple[list[dict[str, Any]], str, bool]:
    """A page of all users after an id, the last id, and whether that was all."""
    first = bisect.bisect_right(ids, after) if after else 0
    page = ids[first : first + size]
    now = world.now()
    rows = []
    for user_id in page:
        user = world.peek(user_id)
        if user is None:
            continue
        if user.deleted_at is not None:
            rows.extend([removed(user_id, "changed")] if world.rates.delta_initial_removed else [])
        elif user.visible_from is None or user.visible_from <= now:
            rows.append(_properties(world, user, names))
    return rows, page[-1] if page else after, first + size >= len(ids)


def _properties(world: World, user: User, names: Iterable[str]) -> dict[str, Any]:
    """What was never set is absent, what was changed to null is null."""
    nulled = world.user_journal.nulled.get(user.id, ())
    row: dict[str, Any] = {"id": user.id}
    for name in names:
        value = users.PROPERTIES[name](world, user)
        if value is not None or name in nulled:
            row[name] = value
    return row


# --- groups -------------------------------------------------------------------------------------------------


def group_rows(
    world: World, rows: list[Told], names: tuple[str, ...], size: int, *, minimal: bool
) -> list[dict[str, Any]]:
    """Rows of groups; one with many members that came or went is repeated, a slice of them in each."""
    found = []
    for one in rows:
        group = world.groups.get(one.id)
        if group is None:
            found.append(removed(one.id, "deleted"))
            continue
        present = group.members | group.nested
        members = present if not one.changed and one.then is None else set(one.touched)
        if one.then is not None:
            present = set(one.then.added)
        shown = tuple(n for n in names if n in one.changed) if minimal and one.changed else names
        found.extend(_slices(world, one.id, shown, sorted(members | set(one.touched)), present, size))
    return found


def all_groups(
    world: World, ids: Sequence[str], after: str, most: int, names: tuple[str, ...], size: int
) -> tuple[list[dict[str, Any]], str, bool]:
    """A page of all groups with all of their members, in slices. Soft-deleted users keep their membership.

    `after`: group id and last member of what was given before.
    """
    begun, _, last = after.partition("/")
    rows: list[dict[str, Any]] = []
    for group_id in ids[bisect.bisect_left(ids, begun) if begun else 0 :]:
        group = world.groups[group_id]
        present = group.members | group.nested
        members = sorted(present)
        if group_id == begun:
            members = members[bisect.bisect_right(members, last) :]
            if not members:
                continue
        for row in _slices(world, group_id, names, members, present, size):
            if len(rows) == most:
                return rows, after, False
            rows.append(row)
            given = row.get("members@delta")
            # Behind every member's id where there are none to come.
            after = f"{group_id}/{given[-1]['id'] if given else '~'}"
    return rows, after, True


def _slices(
    world: World,
    group_id: str,
    names: tuple[str, ...],
    members: list[str],
    present: AbstractSet[str],
    size: int,
) -> list[dict[str, Any]]:
    plain = tuple(name for name in names if name != "members")
    row = {"id": group_id} | _group_properties(world, group_id, plain)
    if "members" not in names or not members:
        return [row]
    entries = [_member(world, member, present=member in present) for member in members]
    return [row | {"members@delta": entries[n : n + size]} for n in range(0, len(entries), size)]


def _group_properties(world: World, group_id: str, names: Iterable[str]) -> dict[str, Any]:
    group = world.groups[group_id]
    values = {name: groups.PROPERTIES[name](world, group) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _member(world: World, member: str, *, present: bool) -> dict[str, Any]:
    kind = "group" if member in world.groups else "user"
    mark = {"@odata.type": f"#microsoft.graph.{kind}", "id": member}
    return mark if present else mark | {"@removed": {"reason": "deleted"}}
