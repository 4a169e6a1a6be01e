"""Books in a container of memory: the commit loop, what it reads, and what it packs."""

import gzip
from collections.abc import Callable, Mapping

import msgspec
import pytest

from shared.ledger.books import Books, Contended
from shared.ledger.records import Posting, Shard
from shared.ledger.shards import decode, encode
from shared.storage import NOT_MODIFIED, Container, NotModified, Packed, Stale, Stored
from tests.ledger.readings import UNCOVERED, after, apply, reading, user_id

PATH = "t/e/users/0000"
EMPTY = Shard(name="0000")
MEMBER = b"\x1f\x8b\x08"
"""How a member of gzip begins (RFC 1952, 2.3.1)."""


class Busy(Container):
    """A container where someone else always writes first."""

    def __init__(self) -> None:
        self.version = 0
        self.writes = 0

    async def read(self, name: str) -> Stored:
        self.version += 1
        return Stored(encode(EMPTY), f'"{self.version}"', {})

    async def read_unless(self, name: str, etag: str) -> Stored | NotModified:
        return await self.read(name)

    async def replace(
        self,
        name: str,
        data: bytes | Packed,
        etag: str,
        metadata: Mapping[str, str] | None = None,
        *,
        gzip: bool = True,
    ) -> str:
        self.writes += 1
        raise Stale(name)


async def test_a_writer_that_never_wins_gives_up_and_says_where() -> None:
    container, waits = Busy(), list[float]()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    def change(shard: Shard) -> tuple[Shard, tuple[Posting, ...]]:
        return msgspec.structs.replace(shard), ()

    with pytest.raises(Contended, match=PATH):
        await Books(container, sleep).commit(PATH, EMPTY, change, after(1))
    assert container.writes > 20
    # Spread at random, none longer than a second, and together within an invocation's patience.
    assert len(set(waits)) == len(waits) == container.writes - 1
    assert max(waits) <= 1
    assert 1 < sum(waits) < 60


class Kept(Container):
    """A container in memory that counts what it is asked."""

    def __init__(self) -> None:
        self.blobs: dict[str, tuple[bytes, int]] = {}
        self.reads = 0
        self.refused = 0

    async def read(self, name: str) -> Stored | None:
        self.reads += 1
        found = self.blobs.get(name)
        return None if found is None else Stored(gzip.decompress(found[0]), f'"{found[1]}"', {})

    async def read_unless(self, name: str, etag: str) -> Stored | NotModified | None:
        found = await self.read(name)
        return NOT_MODIFIED if found and found.etag == etag else found

    async def create(
        self,
        name: str,
        data: bytes | Packed,
        metadata: Mapping[str, str] | None = None,
        *,
        gzip: bool = True,
    ) -> str | None:
        if name in self.blobs:
            self.refused += 1
            return None
        return self._write(name, data)

    async def replace(
        self,
        name: str,
        data: bytes | Packed,
        etag: str,
        metadata: Mapping[str, str] | None = None,
        *,
        gzip: bool = True,
    ) -> str:
        if etag != f'"{self.blobs[name][1]}"':
            self.refused += 1
            raise Stale(name)
        return self._write(name, data)

    def _write(self, name: str, data: bytes | Packed) -> str:
        assert isinstance(data, Packed)
        version = self.blobs[name][1] + 1 if name in self.blobs else 1
        self.blobs[name] = data.data, version
        return f'"{version}"'


def adding(number: int) -> Callable[[Shard], tuple[Shard, tuple[Posting, ...]]]:
    """One more user, with news."""

    def change(shard: Shard) -> tuple[Shard, tuple[Posting, ...]]:
        added, outcome = apply(shard, reading(number, UNCOVERED))
        return added, outcome.transitions

    return change


def unchanged(shard: Shard) -> tuple[Shard, tuple[Posting, ...]]:
    return shard, ()


async def test_clearing_the_outbox_takes_out_the_entries_and_leaves_the_users_as_they_were_packed() -> None:
    container = Kept()
    books = Books(container)
    held = await books.commit(PATH, EMPTY, adding(1), after(1))
    written = container.blobs[PATH][0]
    cleared = await books.clear(PATH, EMPTY, held, [1])
    left = container.blobs[PATH][0]
    assert decode(gzip.decompress(written), Shard, PATH) == held.record
    assert decode(gzip.decompress(left), Shard, PATH) == cleared.record
    assert (len(held.record.outbox), cleared.record.outbox) == (1, ())
    assert cleared.record.users == held.record.users
    # The member of gzip with the users is the very same.
    assert written[written.rindex(MEMBER) :] == left[left.rindex(MEMBER) :]


async def test_users_that_changed_before_the_outbox_is_cleared_are_packed_anew() -> None:
    container = Kept()
    books, others = Books(container), Books(container)
    held = await books.commit(PATH, EMPTY, adding(1), after(1))
    await others.commit(PATH, EMPTY, adding(2), after(2))
    cleared = await books.clear(PATH, EMPTY, held, [1])
    assert set(cleared.record.users) == {user_id(1), user_id(2)}
    assert [entry.seq for entry in cleared.record.outbox] == [2]
    assert decode(gzip.decompress(container.blobs[PATH][0]), Shard, PATH) == cleared.record


async def test_a_book_that_the_caller_has_just_read_is_not_read_again_to_be_written() -> None:
    container = Kept()
    books = Books(container)
    seen = await books.read(PATH, EMPTY)
    seen = await books.commit(PATH, EMPTY, adding(1), after(1), seen)
    await books.commit(PATH, EMPTY, adding(2), after(2), seen)
    assert (container.reads, container.refused) == (1, 0)


@pytest.mark.parametrize("there", [False, True])
async def test_what_others_wrote_since_a_book_was_seen_is_kept(there: bool) -> None:
    container = Kept()
    books, others = Books(container), Books(container)
    if there:
        await others.commit(PATH, EMPTY, adding(0), after(0))
    seen = await books.read(PATH, EMPTY)
    await others.commit(PATH, EMPTY, adding(1), after(1))
    written = await books.commit(PATH, EMPTY, adding(2), after(2), seen)
    assert {user_id(1), user_id(2)} <= set(written.record.users)
    assert container.refused == 1
    assert decode(gzip.decompress(container.blobs[PATH][0]), Shard, PATH) == written.record


async def test_that_there_is_nothing_to_write_only_storage_can_tell() -> None:
    container = Kept()
    books, others = Books(container), Books(container)
    seen = await books.read(PATH, EMPTY)
    await others.commit(PATH, EMPTY, adding(1), after(1))
    held = await books.commit(PATH, EMPTY, unchanged, after(2), seen)
    assert set(held.record.users) == {user_id(1)}
