"""The trend: how many users were in which state, a point a day, for three years. In container `evidence`.

Written at the end of each reading of all users, and between them from the ledger's totals by the housekeeping
(`shared/watch`).
"""

from collections.abc import Iterable
from datetime import date, timedelta

import msgspec

from shared.model import Totals
from shared.report.figures import Point
from shared.storage import Container, Stale

KEPT = timedelta(days=3 * 365 + 1)
SCHEMA = 1

_TRIES = 8


class TrendUnreadable(Exception):
    """What lies there is no trend that this release understands: it is left as it is."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"{name} is not a trend of schema {SCHEMA}")


class _Trend(msgspec.Struct, frozen=True):
    schema: int
    points: tuple[Point, ...]


def trend_path(tenant_id: str) -> str:
    """The blob in container `evidence`; it belongs to no epoch."""
    return f"{tenant_id}/trend"


def point_of(totals: Totals, day: date, edition: str) -> Point:
    """The sums of that day as a point. `edition`: the governing one."""
    return Point(
        day=day,
        users=totals.users,
        in_reach=totals.in_reach,
        states={str(state): count for state, count in sorted(totals.states.items())},
        edition=edition,
    )


def with_point(points: Iterable[Point], point: Point) -> tuple[Point, ...]:
    """The points in order of days, with this one in place of any other of its day; none older than `KEPT`
    before the last."""
    by_day = {one.day: one for one in points} | {point.day: point}
    oldest = max(by_day) - KEPT
    return tuple(one for day, one in sorted(by_day.items()) if day > oldest)


async def read_trend(container: Container, tenant_id: str) -> tuple[Point, ...]:
    """The points in order of days; none where there are none yet. Raises `TrendUnreadable`."""
    found = await container.read(trend_path(tenant_id))
    return _points(found.data, tenant_id) if found else ()


async def note_point(container: Container, tenant_id: str, point: Point) -> None:
    """Put a point into the trend, whoever else does so at the same time.

    Raises `TrendUnreadable`, and `Stale` if others were faster again and again.
    """
    name = trend_path(tenant_id)
    for left in reversed(range(_TRIES)):
        found = await container.read(name)
        before = _points(found.data, tenant_id) if found else ()
        after = with_point(before, point)
        if after == before:
            return
        data = msgspec.json.encode(_Trend(SCHEMA, after))
        try:
            if found is not None:
                await container.replace(name, data, found.etag)
                return
            if await container.create(name, data) is not None:
                return
        except Stale:
            if not left:
                raise
    raise Stale(name)


def _points(data: bytes, tenant_id: str) -> tuple[Point, ...]:
    try:
        found = msgspec.json.decode(data, type=_Trend)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise TrendUnreadable(trend_path(tenant_id)) from None
    if found.schema != SCHEMA:
        raise TrendUnreadable(trend_path(tenant_id))
    return found.points
