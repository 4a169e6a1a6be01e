"""Where records lie: shards and blob names."""

import uuid
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ledger.manifest import TENANT, Paths, begin, shards_for
from shared.ledger.records import Book, Shard, TenantRecord
from shared.ledger.shards import LedgerUnreadable, decode, encode, labels, shard_names, shard_of
from tests.ledger.readings import START, TENANT_ID

IDS = st.uuids().map(str)
POWERS = st.integers(0, 12).map(lambda power: 1 << power)


@given(IDS, POWERS)
def test_a_user_lies_in_one_of_the_shards_however_the_id_is_written(user_id: str, shards: int) -> None:
    assert shard_of(user_id, shards) in shard_names(shards)
    assert shard_of(user_id, shards) == shard_of(user_id.upper(), shards)


def test_the_hash_is_the_one_that_existing_ledgers_were_written_with() -> None:
    ids = [str(uuid.UUID(int=number)) for number in range(4)]
    assert [shard_of(one, 65536) for one in ids] == ["d80a", "6768", "a047", "2906"]


def test_users_spread_evenly() -> None:
    shards = 16
    counts = Counter(shard_of(str(uuid.UUID(int=number)), shards) for number in range(16_000))
    assert set(counts) == set(shard_names(shards))
    # Expected 1,000 each with a standard deviation of about 31: six of them.
    assert all(abs(count - 1000) < 190 for count in counts.values())


@given(IDS, st.integers(0, 10).map(lambda power: 1 << power))
def test_doubling_the_shards_splits_each_in_two(user_id: str, shards: int) -> None:
    before, after = int(shard_of(user_id, shards), 16), int(shard_of(user_id, 2 * shards), 16)
    assert after in (before, before + shards)


@pytest.mark.parametrize(
    ("users", "shards"),
    [(0, 1), (1, 1), (2000, 1), (2001, 2), (4000, 2), (4001, 4), (100_000, 64), (1_000_000, 512)],
)
def test_a_ledger_has_a_power_of_two_of_shards_of_at_most_2000_users(users: int, shards: int) -> None:
    assert shards_for(users) == shards
    assert begin(TENANT_ID, users, START).shards == shards


def test_two_ledgers_begun_in_the_same_second_have_epochs_of_their_own() -> None:
    assert len({begin(TENANT_ID, 1, START).epoch for _ in range(20)}) == 20


def test_blobs_are_named_as_the_design_says() -> None:
    manifest = begin(TENANT_ID, 4001, START)
    paths = Paths(manifest)
    root = f"{TENANT_ID}/{manifest.epoch}"
    assert manifest.epoch.startswith("20260301T120000Z-")
    assert paths.book(TENANT) == f"{root}/tenant"
    assert paths.book("0003") == f"{root}/users/0003"
    assert paths.journal("0003", 12) == f"{root}/0003/0000000012.ndjson"
    assert [paths.name(paths.book(name)) for name in (TENANT, "0003")] == [TENANT, "0003"]


@pytest.mark.parametrize("book", [Shard(name="0003", next_seq=5), TenantRecord(name=TENANT)])
def test_a_book_is_read_back_as_written(book: Book) -> None:
    assert decode(encode(book), type(book), "path") == book
    assert labels(book)["outbox"] == "0"


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b'{"name":"a secret","next_seq":"a secret"}'])
def test_a_blob_that_is_not_a_book_is_named_without_its_content(data: bytes) -> None:
    with pytest.raises(LedgerUnreadable) as caught:
        decode(data, Shard, "t/e/users/0003")
    assert "t/e/users/0003" in str(caught.value)
    assert "secret" not in str(caught.value)
