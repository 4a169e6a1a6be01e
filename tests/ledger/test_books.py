"""The commit loop where it never wins."""

from collections.abc import Mapping

import msgspec
import pytest

from shared.ledger.books import Books, Contended
from shared.ledger.records import Posting, Shard
from shared.ledger.shards import encode
from shared.storage import Container, NotModified, Stale, Stored
from tests.ledger.readings import after


class Busy(Container):
    """A container where someone else always writes first."""

    def __init__(self) -> None:
        self.version = 0
        self.writes = 0

    async def read(self, name: str) -> Stored:
        self.version += 1
        return Stored(encode(Shard(name="0000")), f'"{self.version}"', {})

    async def read_unless(self, name: str, etag: str) -> Stored | NotModified:
        return await self.read(name)

    async def replace(
        self,
        name: str,
        data: bytes,
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

    with pytest.raises(Contended, match="t/e/users/0000"):
        await Books(container, sleep).commit("t/e/users/0000", Shard(name="0000"), change, after(1))
    assert container.writes > 20
    # Spread at random, none longer than a second, and together within an invocation's patience.
    assert len(set(waits)) == len(waits) == container.writes - 1
    assert max(waits) <= 1
    assert 1 < sum(waits) < 60
