"""The trend: one point a day, the latest of each, for three years."""

import asyncio
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model import State, Totals
from shared.report import trend
from shared.report.figures import Point
from shared.report.trend import KEPT, TrendUnreadable, note_point, point_of, read_trend, with_point
from shared.storage import Container
from tests.oracle.memory_storage import MemoryAccount, MemoryContainer

TENANT = "3f0a7b5e-0000-4000-8000-000000000001"
DAY = date(2026, 11, 23)


def point(ago: int, users: int = 1) -> Point:
    return Point(day=DAY - timedelta(days=ago), users=users, in_reach=0, states={})


def container() -> Container:
    return MemoryContainer(MemoryAccount(), "evidence")


@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 9)), min_size=1, max_size=30))
def test_points_are_in_order_one_a_day_the_latest_and_none_too_old(given: list[tuple[int, int]]) -> None:
    points: tuple[Point, ...] = ()
    for ago, users in given:
        points = with_point(points, point(ago, users))
    days = [one.day for one in points]
    assert days == sorted(set(days))
    assert days[-1] - days[0] < KEPT
    # Whoever comes to an end with a day that is kept finds the last that was said of it.
    last = dict(given)
    newest = max(DAY - timedelta(days=ago) for ago, _ in given)
    assert days[-1] == newest
    for one in points:
        assert one.users == last[(DAY - one.day).days]


def test_three_years_are_kept_to_the_day() -> None:
    points = with_point([point(1095), point(1096), point(1)], point(0))
    assert [one.day for one in points] == [DAY - timedelta(days=ago) for ago in (1095, 1, 0)]


def test_a_point_has_the_sums_of_the_ledger() -> None:
    totals = Totals(users=7, in_reach=5, states={State.UNCOVERED: 2, State.COVERED: 3, State.NOT_IN_REACH: 2})
    made = point_of(totals, DAY, "2017-10-24")
    assert (made.users, made.in_reach, made.edition) == (7, 5, "2017-10-24")
    assert made.states == {"uncovered": 2, "covered": 3, "not-in-reach": 2}


async def test_what_is_noted_is_read_again() -> None:
    where = container()
    assert await read_trend(where, TENANT) == ()
    await note_point(where, TENANT, point(1, 5))
    await note_point(where, TENANT, point(0, 6))
    await note_point(where, TENANT, point(0, 7))
    assert [one.users for one in await read_trend(where, TENANT)] == [5, 7]


async def test_of_several_who_note_at_once_none_is_lost() -> None:
    where = container()
    await asyncio.gather(*(note_point(where, TENANT, point(ago)) for ago in range(6)))
    assert len(await read_trend(where, TENANT)) == 6


async def test_the_same_point_again_writes_nothing() -> None:
    where = container()
    await note_point(where, TENANT, point(0))
    before = await where.read(trend.trend_path(TENANT))
    await note_point(where, TENANT, point(0))
    after = await where.read(trend.trend_path(TENANT))
    assert before is not None
    assert after == before


@pytest.mark.parametrize("data", [b"", b"[]", b'{"schema": 2, "points": []}', b"\xff"])
async def test_what_is_no_trend_is_refused_and_left_as_it_is(data: bytes) -> None:
    where = container()
    await where.put(trend.trend_path(TENANT), data)
    with pytest.raises(TrendUnreadable):
        await read_trend(where, TENANT)
    with pytest.raises(TrendUnreadable):
        await note_point(where, TENANT, point(0))
    found = await where.read(trend.trend_path(TENANT))
    assert found is not None
    assert found.data == data
