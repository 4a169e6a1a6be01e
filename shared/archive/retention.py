"""What of the archive is old enough to go: snapshots, what dead readings left of some, the trail.

Says which; it deletes nothing.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from shared.archive.snapshots import INDEX, day_of, root
from shared.storage import Container, Listed

UNFINISHED_KEPT = timedelta(days=7)
"""A reading that has not ended by then is dead, and what it put down of a snapshot is of no use."""


async def old_snapshots(
    container: Container,
    tenant_id: str,
    now: datetime,
    keep: timedelta,
    *,
    under_way: str = "",
    spare_newest: bool = True,
) -> list[str]:
    """The blobs of snapshots that go, in an order in which they may: an index before its parts.

    Those taken more than `keep` ago go, with `spare_newest` never the newest complete one; those without
    index after a week, but for that of the reading `under_way`. What lies there under another name stays.
    """
    start = root(tenant_id)
    found: dict[tuple[date, str], list[Listed]] = {}
    async for listed in container.names(start):
        day, _, rest = listed.name.removeprefix(start).partition("/")
        reading, _, name = rest.partition("/")
        began = day_of(day)
        if began is not None and name:
            found.setdefault((began, reading), []).append(listed)
    whole = {key: taken for key, blobs in found.items() if (taken := _taken_at(blobs)) is not None}
    newest = max(whole, key=lambda key: (whole[key], key), default=None) if spare_newest else None
    names: list[str] = []
    for key, blobs in sorted(found.items()):
        day_taken, reading = key
        kept = keep if key in whole else UNFINISHED_KEPT
        spared = key == newest if key in whole else reading == under_way
        if not spared and now.date() - day_taken > kept:
            names += sorted((one.name for one in blobs), key=lambda name: (not is_index(name), name))
    return names


def is_index(name: str) -> bool:
    """Whether the blob of that name is what makes a snapshot a whole one."""
    return name.endswith(f"/{INDEX}")


def _taken_at(blobs: Iterable[Listed]) -> str | None:
    """When a complete snapshot was taken, in ISO 8601; None for one without index."""
    return next((one.metadata.get("taken_at", "") for one in blobs if is_index(one.name)), None)


async def old_trail(
    container: Container, tenant_id: str, now: datetime, keep: timedelta, most: int
) -> list[str]:
    """The blobs of the trail written more than `keep` ago, the oldest first, at most so many."""
    start = f"{tenant_id}/told/"
    names: list[str] = []
    async for listed in container.names(start):
        day = day_of(listed.name.removeprefix(start).partition("/")[0])
        # They come in order of days: behind one that stays, all stay.
        if len(names) >= most or (day is not None and now.date() - day <= keep):
            break
        if day is not None:
            names.append(listed.name)
    return names
