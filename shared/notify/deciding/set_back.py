"""What to make of a table that was written by a clock which has been set back since. Pure.

All patience is reckoned from moments that the table holds. One that lies ahead would keep people waiting for
as long as the clock had been wrong: nothing confirmed, no reminder, no digest, a route barred. So it counts
as of now.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from shared.clocks import is_ahead
from shared.notify.entries import Entry, Heard
from shared.notify.table import Brake, Declared, Handover, RouteMemory, Table

_NONE = timedelta(0)


def set_back(table: Table, now: datetime) -> Table:
    """The table without a moment ahead of now by which anything waits; the same table where there is none.

    Nothing in it is later than its last run: the notifier's own moments are those of its runs, and a line
    that is dated later than it was read counts as of then (`entries.after`).
    """
    if table.ran_at is None or not is_ahead(table.ran_at, now):
        return table
    ahead = table.ran_at - now
    return msgspec.structs.replace(
        table,
        entries={finding: _entry(one, now) for finding, one in table.entries.items()},
        handovers=tuple(_handover(one, now, ahead) for one in table.handovers),
        routes={name: _route(one, now) for name, one in table.routes.items()},
        brakes=tuple(_brake(one, now) for one in table.brakes),
        declared=_declared(table.declared, now) if table.declared else None,
        awaited={group: min(since, now) for group, since in table.awaited.items()},
        all_read_at=_past(table.all_read_at, now),
        ran_at=now,
    )


def _past(moment: datetime | None, now: datetime) -> datetime | None:
    return None if moment is None else min(moment, now)


def _entry(entry: Entry, now: datetime) -> Entry:
    # Of what is in doubt only the routes count, and by its moment a hand-over knows its own.
    released, paused = entry.released_at, entry.paused
    if released is not None and released > now:
        # The pause ended by that clock; it did not last any longer than until now.
        paused = max(_NONE, paused - (released - now))
    ended = entry.ended
    return msgspec.structs.replace(
        entry,
        since=min(entry.since, now),
        changed_at=min(entry.changed_at, now),
        told=_heard(entry.told, now),
        ended=msgspec.structs.replace(ended, at=min(ended.at, now)) if ended else None,
        quiet_since=_past(entry.quiet_since, now),
        released_at=_past(released, now),
        paused=paused,
        read_at=_past(entry.read_at, now),
    )


def _heard(told: Mapping[str, Heard], now: datetime) -> Mapping[str, Heard]:
    if all(one.at <= now for one in told.values()):
        return told
    return {route: msgspec.structs.replace(one, at=min(one.at, now)) for route, one in told.items()}


def _handover(one: Handover, now: datetime, ahead: timedelta) -> Handover:
    """What was left of its delay at the last run is left of it now."""
    return msgspec.structs.replace(
        one,
        failed_at=min(one.failed_at, now),
        not_before=one.not_before if one.not_before <= now else max(now, one.not_before - ahead),
    )


def _route(one: RouteMemory, now: datetime) -> RouteMemory:
    return msgspec.structs.replace(
        one,
        baseline_told_at=_past(one.baseline_told_at, now),
        handed_at=_past(one.handed_at, now),
        digest_at=_past(one.digest_at, now),
        reminded_at=_past(one.reminded_at, now),
    )


def _brake(one: Brake, now: datetime) -> Brake:
    return msgspec.structs.replace(
        one,
        since=min(one.since, now),
        at=min(one.at, now),
        asked_at=_past(one.asked_at, now),
        released_at=_past(one.released_at, now),
        until=_past(one.until, now),
        over_at=_past(one.over_at, now),
    )


def _declared(one: Declared, now: datetime) -> Declared:
    return msgspec.structs.replace(
        one,
        at=min(one.at, now),
        noticed_at=min(one.noticed_at, now),
        begun_at=_past(one.begun_at, now),
        settled_at=_past(one.settled_at, now),
        due_at=_past(one.due_at, now),
    )
