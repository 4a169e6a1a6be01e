"""What a reading puts aside comes back whole, by shard, once, with its time; whatever is done twice."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.ledger.records import Manifest
from shared.ledger.shards import shard_names, shard_of
from shared.storage import Listed, Storage, Stored
from shared.watch.users.spill import SHARDS_A_BUCKET, Page, Spill, buckets
from tests.watch.scene import Scene

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Memory:
    """A container that is a dictionary."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.writes = 0

    async def put(self, name: str, data: bytes, **_: Any) -> str:
        self.blobs[name] = data
        self.writes += 1
        return "etag"

    async def read(self, name: str) -> Stored | None:
        return Stored(self.blobs[name], "etag", {}) if name in self.blobs else None

    async def delete(self, name: str) -> None:
        self.blobs.pop(name, None)

    async def names(self, prefix: str) -> AsyncIterator[Listed]:
        for name in sorted(self.blobs):
            if name.startswith(prefix):
                yield Listed(name, "etag", {})


def spill(memory: Memory, shards: int = 32, reading: str = "one", kind: str = "sweep") -> Spill:
    storage = cast(Storage, SimpleNamespace(evidence=memory))
    return Spill(storage, Manifest(tenant_id="t", epoch="e", shards=shards, created_at=AT), kind, reading)


def user_id(number: int) -> str:
    return f"aaaaaaaa-0000-4000-8000-{number:012d}"


def page(numbers: list[int], minutes: int, text: str = "") -> Page:
    rows = [
        (user_id(one), json.dumps({"id": user_id(one), "n": minutes, "t": text}).encode()) for one in numbers
    ]
    return AT + timedelta(minutes=minutes), rows


Read = list[tuple[str, datetime, dict[str, Any]]]


async def everything(of: Spill) -> Read:
    """All rows with the shard that they came back under, and the time of their request."""
    found: Read = []
    names: list[str] = []
    for bucket in range(of.buckets):
        async for shard, sections in of.shards(bucket):
            names.append(shard)
            for section in sections:
                found += [(shard, section.observed_at, row) for row in json.loads(section.rows)]
    assert names == sorted(set(names)), "every shard comes once"
    return found


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
pages = st.lists(st.tuples(st.lists(st.integers(0, 500), max_size=30), texts), max_size=6)
SHARDS = st.sampled_from([1, 2, 16, 32, 64])


@settings(max_examples=60)
@given(parts=st.lists(pages, max_size=4), shards=SHARDS)
async def test_any_rows_on_any_pages_come_back_once_under_their_shard_with_their_time(
    parts: list[list[tuple[list[int], str]]], shards: int
) -> None:
    memory = Memory()
    of = spill(memory, shards)
    wanted: Read = []
    minutes = 0
    for number, given_pages in enumerate(parts):
        written: list[Page] = []
        for numbers, text in given_pages:
            minutes += 1
            written.append(page(numbers, minutes, text))
            wanted += [
                (
                    shard_of(user_id(one), shards),
                    AT + timedelta(minutes=minutes),
                    {"id": user_id(one), "n": minutes, "t": text},
                )
                for one in numbers
            ]
        await of.write(f"{number:06d}", written)
    key = lambda row: (row[0], row[1], row[2]["id"])  # noqa: E731 - one line for two sorts
    assert sorted(await everything(of), key=key) == sorted(wanted, key=key)


@settings(max_examples=40)
@given(first=pages, second=pages)
async def test_a_part_written_twice_has_the_rows_of_both_for_either_may_be_the_longer(
    first: list[tuple[list[int], str]], second: list[tuple[list[int], str]]
) -> None:
    twice, apart = Memory(), Memory()
    before = [page(numbers, 1, text) for numbers, text in first]
    after = [page(numbers, 2, text) for numbers, text in second]
    await spill(twice).write("000001", before)
    await spill(twice).write("000001", after)
    await spill(apart).write("000001", before)
    await spill(apart).write("000002", after)
    key = lambda row: (row[0], row[1], row[2]["id"])  # noqa: E731 - one line for two sorts
    found = [sorted(await everything(spill(memory)), key=key) for memory in (twice, apart)]
    assert found[0] == found[1]


async def test_rows_may_be_raw_as_they_were_decoded() -> None:
    memory = Memory()
    at, rows = page([1, 2, 3], 1)
    raw = [(one, msgspec.Raw(bytes(row))) for one, row in rows]
    await spill(memory).write("1", [(at, raw)])
    assert sorted(row["id"] for _, _, row in await everything(spill(memory))) == [
        user_id(n) for n in (1, 2, 3)
    ]


async def test_sections_of_a_shard_come_in_the_order_of_parts_and_pages() -> None:
    of = spill(Memory(), 1)
    for part in (3, 1, 2):
        await of.write(f"{part:06d}", [page([7], part * 10), page([7], part * 10 + 1)])
    [(_, sections)] = [one async for one in of.shards(0)]
    assert [(one.observed_at - AT) / timedelta(minutes=1) for one in sections] == [10, 11, 20, 21, 30, 31]


async def test_a_bucket_names_all_its_shards_also_those_without_a_row() -> None:
    of = spill(Memory(), 64)
    assert of.buckets == buckets(64) == 4
    names = [shard for bucket in range(4) async for shard, sections in of.shards(bucket) if not sections]
    assert names == list(shard_names(64))
    assert buckets(1) == buckets(SHARDS_A_BUCKET) == 1


async def test_readings_do_not_see_each_others_rows() -> None:
    memory = Memory()
    await spill(memory, reading="old").write("1", [page([1], 1)])
    await spill(memory, reading="new").write("1", [page([2], 1)])
    await spill(memory, kind="standing", reading="new").write("1", [page([3], 1)])
    assert [row["id"] for _, _, row in await everything(spill(memory, reading="new"))] == [user_id(2)]


async def test_what_abandoned_readings_left_is_dropped_and_only_that() -> None:
    memory = Memory()
    for kind, reading in (("sweep", "old"), ("sweep", "new"), ("standing", "old")):
        await spill(memory, kind=kind, reading=reading).write("1", [page([1, 2], 1)])
    await spill(memory, reading="new").drop_others()
    assert await everything(spill(memory, reading="old")) == []
    assert len(await everything(spill(memory, reading="new"))) == 2
    assert len(await everything(spill(memory, kind="standing", reading="old"))) == 2


async def test_a_bucket_is_dropped_by_itself() -> None:
    memory = Memory()
    of = spill(memory, 64)
    await of.write("1", [page(list(range(200)), 1)])
    await of.drop(1)
    left = {shard_names(64).index(shard) // SHARDS_A_BUCKET for shard, _, _ in await everything(of)}
    assert left == {0, 2, 3}
    await of.drop(1)


@pytest.mark.real
async def test_it_is_so_in_a_real_container(scene: Scene) -> None:
    storage = (await scene.watch.ready()).storage
    of = Spill(storage, scene.watch.manifest, "tests", "one")
    await of.write("1", [page([1, 2], 1), page([3], 2)])
    assert sorted((at, row["id"]) for _, at, row in await everything(of)) == [
        (AT + timedelta(minutes=1), user_id(1)),
        (AT + timedelta(minutes=1), user_id(2)),
        (AT + timedelta(minutes=2), user_id(3)),
    ]
    await of.drop(0)
    assert await everything(of) == []
