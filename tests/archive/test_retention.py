"""What is old enough to go, and what never goes."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.archive import retention, snapshots
from shared.archive.snapshots import Index, NoSnapshot, Part
from shared.ledger.manifest import trail_path
from shared.snapshot.file import SnapshotUnreadable
from shared.storage import Container
from tests.oracle.memory_storage import MemoryAccount, MemoryContainer

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TENANT, OTHER = "3f0a7b5e-0000-4000-8000-000000000001", "3f0a7b5e-0000-4000-8000-000000000002"
KEEP = timedelta(days=100)


def container() -> Container:
    return MemoryContainer(MemoryAccount(), "evidence")


async def taken(
    where: Container, days_ago: int, reading: str, *, whole: bool = True, tenant: str = TENANT
) -> str:
    """A snapshot of two parts; its folder."""
    at = NOW - timedelta(days=days_ago)
    place = snapshots.folder(tenant, at, reading)
    found = tuple(
        Part(name=snapshots.part_name(n), users=5, sections=1, size=4, verdicts=f"{n:032x}") for n in range(2)
    )
    for part in found:
        assert await snapshots.write_part(where, place, part, b"part")
    if whole:
        index = Index(schema=1, reading=reading, taken_at=at, ended_at=at, edition="2017-10-24", parts=found)
        assert await snapshots.complete(where, place, index)
    return place


async def going(where: Container, under_way: str = "") -> set[str]:
    """The folders of which something goes; all of each does, its index first."""
    names = await retention.old_snapshots(where, TENANT, NOW, KEEP, under_way=under_way)
    folders = {name.rpartition("/")[0] + "/" for name in names}
    for place in folders:
        own = [name for name in names if name.startswith(place)]
        assert sorted(own) == [one.name async for one in where.names(place)]
        assert not any(retention.is_index(name) for name in own[1:])
    return folders


async def test_a_snapshot_stays_as_long_as_was_agreed_to_the_day() -> None:
    where = container()
    await taken(where, 0, "new")
    await taken(where, 100, "stays")
    old = await taken(where, 101, "goes")
    older = await taken(where, 400, "goes-too")
    assert await going(where) == {old, older}


async def test_the_newest_complete_snapshot_never_goes() -> None:
    where = container()
    old = await taken(where, 500, "a")
    await taken(where, 400, "b")
    assert await going(where) == {old}


async def test_where_none_are_wanted_any_more_the_newest_goes_too() -> None:
    where = container()
    await taken(where, 101, "a")
    await taken(where, 100, "b")
    names = await retention.old_snapshots(where, TENANT, NOW, KEEP, spare_newest=False)
    assert {name.split("/")[3] for name in names} == {"a"}
    names = await retention.old_snapshots(where, TENANT, NOW + timedelta(days=1), KEEP, spare_newest=False)
    assert {name.split("/")[3] for name in names} == {"a", "b"}


async def test_of_two_on_one_day_the_later_is_the_newest() -> None:
    where = container()
    at = NOW - timedelta(days=300)
    for reading, hours in (("zzz", 1), ("aaa", 2)):
        place = snapshots.folder(TENANT, at, reading)
        part = Part(name=snapshots.part_name(0), users=1, sections=1, size=1, verdicts="0" * 32)
        await snapshots.write_part(where, place, part, b"p")
        begun = at + timedelta(hours=hours)
        index = Index(schema=1, reading=reading, taken_at=begun, ended_at=begun, edition="e", parts=(part,))
        await snapshots.complete(where, place, index)
    assert await going(where) == {snapshots.folder(TENANT, at, "zzz")}
    assert (await snapshots.find(where, TENANT, snapshots.LATEST)).reading == "aaa"


async def test_what_a_dead_reading_left_goes_after_a_week_and_that_of_a_living_one_stays() -> None:
    where = container()
    await taken(where, 7, "a-week", whole=False)
    dead = await taken(where, 8, "dead", whole=False)
    await taken(where, 30, "alive", whole=False)
    assert await going(where, under_way="alive") == {dead}


async def test_nobody_elses_blobs_go() -> None:
    where = container()
    await taken(where, 500, "theirs", tenant=OTHER)
    await taken(where, 499, "theirs-too", tenant=OTHER)
    for name in ("snapshots/notes/x/index", "snapshots/2020-01-01", "snapshots/readme", "standing/0000"):
        await where.put(f"{TENANT}/{name}", b"")
    await where.put(trail_path(OTHER, NOW - timedelta(days=900)), b"")
    assert await going(where) == set()
    assert await retention.old_trail(where, TENANT, NOW, KEEP, 100) == []
    assert await snapshots.stored(where, TENANT) == []


@given(st.lists(st.integers(0, 300), max_size=12), st.integers(1, 12))
async def test_the_trail_goes_from_its_oldest_day_on_so_many_at_most(days: list[int], most: int) -> None:
    where = container()
    lengths = [timedelta(days=ago, seconds=n) for n, ago in enumerate(days)]
    written = {trail_path(TENANT, NOW - length): length for length in lengths}
    for name in written:
        await where.put(name, b"")
    ages = {name: NOW.date() - (NOW - length).date() for name, length in written.items()}
    old = sorted(name for name, age in ages.items() if age > KEEP)
    assert await retention.old_trail(where, TENANT, NOW, KEEP, most) == old[:most]


async def test_a_day_a_reading_and_the_last_are_found_and_others_are_said_to_be_none() -> None:
    where = container()
    await taken(where, 2, "aaa")
    await taken(where, 1, "bbb")
    await taken(where, 0, "ccc", whole=False)
    assert (await snapshots.find(where, TENANT, "latest")).reading == "bbb"
    assert (await snapshots.find(where, TENANT, "2026-11-21")).reading == "aaa"
    assert (await snapshots.find(where, TENANT, "2026-11-21/aa")).reading == "aaa"
    for wanted in ("2026-11-23", "2026-11-21/b", "yesterday", ""):
        with pytest.raises(NoSnapshot) as caught:
            await snapshots.find(where, TENANT, wanted)
        assert [day.isoformat() for day in caught.value.days] == ["2026-11-21", "2026-11-22"]


async def test_a_snapshot_that_lost_a_part_is_said_to_be_unreadable() -> None:
    where = container()
    place = await taken(where, 2, "aaa")
    one = await snapshots.find(where, TENANT, "latest")
    assert (one.users, one.size) == (10, 8)
    await where.delete(f"{place}{snapshots.part_name(1)}")
    with pytest.raises(SnapshotUnreadable, match=r"its part 0001\.ndjson\.gz is gone"):
        assert [kept async for kept in snapshots.parts_of(where, TENANT, one)]
    await where.delete(f"{place}{snapshots.INDEX}")
    with pytest.raises(SnapshotUnreadable, match="deleted meanwhile"):
        assert [kept async for kept in snapshots.parts_of(where, TENANT, one)]


async def test_a_part_that_was_written_is_never_written_over() -> None:
    where = container()
    place = await taken(where, 2, "aaa")
    part = Part(name=snapshots.part_name(0), users=9, sections=1, size=5, verdicts="0" * 32)
    assert not await snapshots.write_part(where, place, part, b"other")
    assert (await snapshots.parts(where, place))[0].users == 5


async def test_an_account_copied_without_metadata_lists_the_same_snapshots() -> None:
    where = container()
    await taken(where, 3, "one")
    await taken(where, 1, "two")
    before = await snapshots.stored(where, TENANT)
    for name in [one.name async for one in where.names(snapshots.root(TENANT))]:
        found = await where.read(name)
        assert found is not None
        await where.put(name, found.data)
    assert await snapshots.stored(where, TENANT) == before
    assert [one.users for one in before] == [10, 10]
