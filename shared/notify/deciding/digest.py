"""The digest: how things stand, on schedule, also when there is nothing to say (judgement.md §6). Pure.

Workflows answers 202 before it posts, so silence must be able to mean "broken": each digest names when the
next one is due.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from shared.notify.deciding.scene import Scene, Telling
from shared.notify.deciding.states import LASTING, Reason, Silence
from shared.notify.entries import Entry
from shared.notify.messages import Digest
from shared.notify.table import RouteMemory, Table

_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
NAMED = 10
"""So many findings that come and go are named; the rest is a number."""

_SEATS = ("seats-short", "seats-low", "over-assigned")


def next_due(after: datetime, telling: Telling) -> datetime | None:
    """The first time later than `after` at which a digest is due; None if there are none.

    Times are `digest_at` after a Monday, 00:00 UTC, and every `digest_every` from there.
    """
    if telling.digest_every <= timedelta(0):
        return None
    anchor = _MONDAY + telling.digest_at
    passed = (after - anchor) // telling.digest_every
    return anchor + (passed + 1) * telling.digest_every


def is_due(memory: RouteMemory, telling: Telling, now: datetime) -> bool:
    """Whether the route's digest is due; the first one at the first such time after the baseline's card."""
    last = memory.digest_at or memory.baseline_told_at
    due = next_due(last, telling) if last else None
    return due is not None and due <= now


def digest(
    table: Table,
    route: str,
    entries: Mapping[str, Entry],
    standing: Mapping[str, Silence],
    telling: Telling,
    scene: Scene,
) -> Digest:
    """How things stand on a route. `entries`: those of the route; `standing`: their reasons."""
    memory, now = table.route(route), scene.now
    silent = {
        finding: silence
        for finding, silence in standing.items()
        if silence.reason in LASTING and finding in entries
    }
    known = [one for one in entries.values() if one.open and route in one.told and one.id not in silent]
    counts: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    flapping: list[Entry] = []
    for finding, silence in silent.items():
        code = f"{silence.reason}:{silence.by}" if silence.reason is Reason.MUTED else str(silence.reason)
        (counts if entries[finding].open else ends)[code] += 1
        if silence.reason is Reason.FLAPPING:
            flapping.append(entries[finding])
    due = next_due(now, telling)
    return Digest(
        next_due=due or now,
        since=memory.digest_at,
        opened=memory.opened,
        resolved=memory.resolved,
        open=dict(Counter(f"{one.kind}: {one.state}" for one in known).most_common()),
        quiet=dict(sorted(counts.items())),
        ends_held=dict(sorted(ends.items())),
        flapping=tuple(flapping[:NAMED]),
        flapping_more=max(0, len(flapping) - NAMED),
        seats=tuple(one for one in entries.values() if one.open and one.kind in _SEATS),
        exceptions=tuple(
            sorted((one for one in scene.exemptions if one.holds(now)), key=lambda one: (one.end, one.id))
        ),
        waiting=sum(1 for one in table.handovers if one.items and one.route == route),
        users=scene.users,
        swept_at=scene.reading.ended_at if scene.reading else None,
    )
