"""Ids over shards: evenly, and side by side in messages."""

from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from shared.ledger.shards import shard_of
from shared.spread import neighbours


@given(st.lists(st.uuids().map(str), unique=True), st.integers(0, 10))
def test_ids_of_one_shard_stand_together_however_many_shards_there_are(ids: list[str], power: int) -> None:
    ordered = neighbours(ids)
    assert sorted(ordered) == sorted(ids)
    runs = [shard for shard, _ in groupby(ordered, lambda one: shard_of(one, 1 << power))]
    assert len(runs) == len(set(runs))


def test_messages_of_one_post_touch_a_shard_once_or_where_the_cut_falls() -> None:
    ids = [f"00000000-0000-4000-8000-{number:012x}" for number in range(1000)]
    ordered = neighbours(ids)
    touched = [{shard_of(one, 16) for one in ordered[at : at + 400]} for at in range(0, 1000, 400)]
    assert sum(map(len, touched)) <= 16 + 2
