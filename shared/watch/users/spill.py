"""Rows of a long reading, put aside by ledger shard between its two phases (design §4.6).

A reading gets its rows in Graph's order, the ledger wants them shard by shard, and memory must not grow with
the tenant. So each step writes what it read to blobs, one a bucket of shards, and the second phase takes a
bucket at a time. A step that is done twice, perhaps by two workers at once, puts its rows aside twice: one of
them may have been stopped by Graph after fewer pages, so neither may replace the other's.
"""

import secrets
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from functools import partial

import msgspec

from shared.graph.parallel import few_at_a_time
from shared.ledger.records import Manifest
from shared.ledger.shards import number_of, shard_names
from shared.storage import Storage

SHARDS_A_BUCKET = 16
"""32,000 users: some 35 MB of rows in memory at a time, whatever the size of the tenant."""

_PARALLEL = 4

Row = bytes | msgspec.Raw
Page = tuple[datetime, Sequence[tuple[str, Row]]]
"""Rows read by one request: our clock just before it was sent, and each row as (user id, JSON)."""


class Section(msgspec.Struct, frozen=True):
    """Rows of one shard from one request: when it was sent, and the bytes of a JSON array."""

    observed_at: datetime
    rows: bytes


class _Index(msgspec.Struct, frozen=True, array_like=True):
    """Where a section lies in the blob after the index line."""

    shard: str
    observed_at: datetime
    length: int


_index = msgspec.json.Decoder(list[_Index])


def buckets(shards: int) -> int:
    """How many buckets so many shards make."""
    return -(-shards // SHARDS_A_BUCKET)


class Spill:
    """What one reading has put aside. `reading` tells readings of one kind apart, so that an abandoned one
    never mixes with the next."""

    def __init__(self, storage: Storage, manifest: Manifest, kind: str, reading: str) -> None:
        self._evidence = storage.evidence
        self._shards = shard_names(manifest.shards)
        self._kind = f"{manifest.tenant_id}/{manifest.epoch}/spill/{kind}/"
        self._prefix = f"{self._kind}{reading}/"
        self.buckets = buckets(manifest.shards)

    def sections(self, page: Page) -> list[tuple[str, Section]]:
        """A page taken apart: each shard with its rows, in order of shards."""
        observed_at, rows = page
        count = len(self._shards)
        by_shard: dict[int, list[Row]] = {}
        for user_id, row in rows:
            by_shard.setdefault(number_of(user_id, count), []).append(row)
        return [
            (self._shards[number], Section(observed_at, b"[" + b",".join(own) + b"]"))
            for number, own in sorted(by_shard.items())
        ]

    async def write(self, part: str, pages: Iterable[Page]) -> None:
        """Put the rows of one step aside, beside whatever it put aside when it was done before.

        `part`: its name; sections are read again in order of these.
        """
        await self.write_sections(part, [one for page in pages for one in self.sections(page)])

    async def write_sections(self, part: str, sections: Iterable[tuple[str, Section]]) -> None:
        """As `write`, for pages that were taken apart one by one."""
        part = f"{part}-{secrets.token_hex(4)}"
        wanted: dict[int, list[tuple[str, Section]]] = {number: [] for number in range(self.buckets)}
        for shard, section in sections:
            wanted[self._bucket(shard)].append((shard, section))
        writes = [partial(self._write, number, part, found) for number, found in wanted.items()]
        await few_at_a_time(_PARALLEL, writes)

    async def _write(self, bucket: int, part: str, sections: list[tuple[str, Section]]) -> None:
        index = [_Index(shard, one.observed_at, len(one.rows)) for shard, one in sections]
        body = b"\n".join((msgspec.json.encode(index), b"".join(one.rows for _, one in sections)))
        await self._evidence.put(self._name(bucket, part), body, gzip=False)

    async def shards(self, bucket: int) -> AsyncIterator[tuple[str, list[Section]]]:
        """Every shard of the bucket with its sections, in order of parts; also those without any."""
        names = [listed.name async for listed in self._evidence.names(self._name(bucket, ""))]
        found = await few_at_a_time(_PARALLEL, [partial(self._evidence.read, name) for name in names])
        places: dict[str, list[tuple[bytes, int, _Index]]] = {}
        for stored in found:
            if stored is None:
                continue
            at = stored.data.index(b"\n") + 1
            for index in _index.decode(stored.data[: at - 1]):
                places.setdefault(index.shard, []).append((stored.data, at, index))
                at += index.length
        first = bucket * SHARDS_A_BUCKET
        for shard in self._shards[first : first + SHARDS_A_BUCKET]:
            yield (
                shard,
                [
                    Section(index.observed_at, data[at : at + index.length])
                    for data, at, index in places.pop(shard, ())
                ],
            )

    async def drop(self, bucket: int) -> None:
        """Delete what was put aside for a bucket."""
        await self._delete(self._name(bucket, ""))

    async def drop_others(self) -> None:
        """Delete what abandoned readings of this kind left behind."""
        doomed = [one.name async for one in self._evidence.names(self._kind)]
        stale = [name for name in doomed if not name.startswith(self._prefix)]
        await few_at_a_time(_PARALLEL, [partial(self._evidence.delete, name) for name in stale])

    async def _delete(self, prefix: str) -> None:
        names = [one.name async for one in self._evidence.names(prefix)]
        await few_at_a_time(_PARALLEL, [partial(self._evidence.delete, name) for name in names])

    def _bucket(self, shard: str) -> int:
        return int(shard, 16) // SHARDS_A_BUCKET

    def _name(self, bucket: int, part: str) -> str:
        return f"{self._prefix}{bucket:04x}/{part}"
