"""Keeping house: the trend goes on where nobody is read, and what is old goes.

A few hundred blobs at a time, so that no run takes long; what is left over goes in the next. A run that fails
is tried again at the timer's next turn; if none comes to an end for days, the watch says so (`overdue`).
"""

import logging
from datetime import datetime, timedelta
from functools import partial

import msgspec

from shared.archive import retention
from shared.graph.parallel import few_at_a_time
from shared.ledger.records import TenantRecord
from shared.report import trend
from shared.settings.keeping import OFF
from shared.watch.parts import Watch

log = logging.getLogger("watch.housekeeping")

TIDY_EVERY = timedelta(days=1)
POINT_EVERY = timedelta(hours=6)
"""How often the day's point of the trend is brought up to the ledger; the first of a day comes at once."""
AT_ONCE = 400
"""So many blobs are deleted in one run at most: some seconds."""

_PARALLEL = 4


class House(msgspec.Struct, frozen=True):
    """When all that is old was last deleted; and when the totals were counted that the last point shows."""

    tidied_at: datetime | None = None
    counted_at: datetime | None = None


async def recall(watch: Watch) -> House:
    """How far the housekeeping is."""
    stored = await watch.storage.ledger.read(_name(watch))
    return msgspec.json.decode(stored.data, type=House) if stored else House()


async def keep_house(watch: Watch) -> None:
    """Do what is due, the one whatever becomes of the other.

    Raises what storage raises, and `TrendUnreadable`.
    """
    try:
        await _tidy_if_due(watch)
    finally:
        await _note_point_if_due(watch)


async def _tidy_if_due(watch: Watch) -> None:
    house, now = await recall(watch), watch.now()
    is_due = house.tidied_at is None or watch.is_time(house.tidied_at, TIDY_EVERY)
    if is_due and await _tidy(watch, now):
        await _remember(watch, msgspec.structs.replace(house, tidied_at=now))


async def _note_point_if_due(watch: Watch) -> None:
    house, record = await recall(watch), (await watch.ledger.read_tenant()).record
    if _point_is_due(house, record):
        await note_point(watch, record)
        await _remember(watch, msgspec.structs.replace(house, counted_at=record.counted_at))


def _point_is_due(house: House, record: TenantRecord) -> bool:
    if record.baseline_ended_at is None or record.totals is None or record.counted_at is None:
        return False
    last = house.counted_at
    if last is None or last.date() != record.counted_at.date():
        return True
    return record.counted_at - last >= POINT_EVERY


async def note_point(watch: Watch, record: TenantRecord) -> None:
    """Put the record's totals, if there are any, into the trend, as of the day they were counted."""
    if record.totals is None or record.counted_at is None:
        return
    point = trend.point_of(record.totals, record.counted_at.date(), watch.settings.policy.edition)
    await trend.note_point(watch.storage.evidence, watch.settings.tenant_id, point)


async def _tidy(watch: Watch, now: datetime) -> bool:
    """Delete what is old; says whether that is all."""
    container, tenant_id, keeping = watch.storage.evidence, watch.settings.tenant_id, watch.settings.keeping
    sweep = (await watch.ledger.read_tenant()).record.sweep
    under_way = sweep.id if sweep and sweep.ended_at is None else ""
    snapshots = await retention.old_snapshots(
        container,
        tenant_id,
        now,
        keeping.snapshot_keep,
        under_way=under_way,
        # Where none are wanted any more, the last has nothing to be kept for.
        spare_newest=keeping.snapshots != OFF,
    )
    told = await retention.old_trail(container, tenant_id, now, keeping.trail_keep, AT_ONCE)
    doomed = [*snapshots, *told]
    # One after the other where order counts: an index goes before its parts, or readers would find half.
    indexes = [name for name in doomed[:AT_ONCE] if retention.is_index(name)]
    others = [name for name in doomed[:AT_ONCE] if not retention.is_index(name)]
    for names in (indexes, others):
        await few_at_a_time(_PARALLEL, [partial(container.delete, name) for name in names])
    if doomed:
        log.info("%d blobs were old and are deleted", len(doomed[:AT_ONCE]))
    return len(doomed) < AT_ONCE


async def _remember(watch: Watch, house: House) -> None:
    await watch.storage.ledger.put(_name(watch), msgspec.json.encode(house))


def _name(watch: Watch) -> str:
    return f"{watch.settings.tenant_id}/{watch.manifest.epoch}/housekeeping"
