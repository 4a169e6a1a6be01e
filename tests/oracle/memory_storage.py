"""Blobs and queues in memory, with the promises of `shared.storage`, for histories by the hundred.

What a caller can tell apart is true to Azurite: ETags, conflicts, leases, hidden and delayed messages
(`test_oracle_storage.py` runs one contract on both). Requests take no time, but every one lets others go on,
so that two workers meet between a read and the write after it.
"""

import asyncio
import contextlib
import gzip
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

from shared.storage import (
    NOT_MODIFIED,
    Container,
    Lease,
    Listed,
    NotModified,
    Packed,
    Queue,
    Received,
    Stale,
    Stored,
)
from shared.storage import Storage as RealStorage
from shared.storage.account import CONTAINERS, QUEUES

if TYPE_CHECKING:
    from azure.storage.blob.aio import BlobLeaseClient

Clock = Callable[[], datetime]


def real_time() -> datetime:
    """The time of day."""
    return datetime.now(UTC)


@dataclass(slots=True)
class _Message:
    text: str
    visible_at: datetime
    inserted_on: datetime
    receipt: str = ""
    taken: int = 0


@dataclass(slots=True)
class MemoryAccount:
    """What is stored: several workers' storages share one. `now` is what delays of messages go by."""

    now: Clock = real_time
    blobs: dict[str, dict[str, Stored]] = field(default_factory=lambda: {name: {} for name in CONTAINERS})
    leased: set[tuple[str, str]] = field(default_factory=set)
    queues: dict[str, dict[str, _Message]] = field(default_factory=dict)
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def number(self) -> str:
        """One that was never given before."""
        return f"{next(self.numbers):08x}"


class MemoryContainer(Container):
    """One container of the account."""

    def __init__(self, account: MemoryAccount, name: str) -> None:
        self._account = account
        self._name = name
        self._blobs = account.blobs[name]

    async def _download(self, name: str, **condition: object) -> Stored | NotModified | None:
        await asyncio.sleep(0)
        found = self._blobs.get(name)
        return NOT_MODIFIED if found is not None and condition.get("etag") == found.etag else found

    async def create(
        self, name: str, data: bytes | Packed, metadata: Mapping[str, str] | None = None, *, gzip: bool = True
    ) -> str | None:
        await asyncio.sleep(0)
        return None if name in self._blobs else self._store(name, data, metadata)

    async def replace(
        self,
        name: str,
        data: bytes | Packed,
        etag: str,
        metadata: Mapping[str, str] | None = None,
        *,
        gzip: bool = True,
    ) -> str:
        await asyncio.sleep(0)
        found = self._blobs.get(name)
        if found is None or found.etag != etag:
            raise Stale(name)
        return self._store(name, data, metadata)

    async def put(
        self, name: str, data: bytes, metadata: Mapping[str, str] | None = None, *, gzip: bool = True
    ) -> str:
        await asyncio.sleep(0)
        return self._store(name, data, metadata)

    def _store(self, name: str, data: bytes | Packed, metadata: Mapping[str, str] | None) -> str:
        unpacked = gzip.decompress(data.data) if isinstance(data, Packed) else bytes(data)
        stored = Stored(unpacked, f'"0x{self._account.number()}"', dict(metadata or {}))
        self._blobs[name] = stored
        return stored.etag

    async def names(self, prefix: str) -> AsyncIterator[Listed]:
        await asyncio.sleep(0)
        for name in sorted(self._blobs):
            if name.startswith(prefix) and (found := self._blobs.get(name)):
                yield Listed(name, found.etag, found.metadata)

    async def delete(self, name: str) -> None:
        await asyncio.sleep(0)
        self._blobs.pop(name, None)

    @contextlib.asynccontextmanager
    async def lease(self, name: str, seconds: int) -> AsyncIterator[Lease | None]:
        if not 15 <= seconds <= 60:
            raise ValueError(f"a lease lasts 15 to 60 seconds, not {seconds}")
        await self.create(name, b"")
        place = (self._name, name)
        if place in self._account.leased:
            yield None
            return
        self._account.leased.add(place)
        try:
            # Nobody renews it: no history takes as long in real time as the shortest term.
            yield Lease(cast("BlobLeaseClient", None), seconds)
        finally:
            self._account.leased.discard(place)


class MemoryQueue(Queue):
    """One queue of the account."""

    def __init__(self, account: MemoryAccount, name: str) -> None:
        self._account = account
        self._messages = account.queues.setdefault(name, {})

    async def send(self, text: str, delay: float = 0.0) -> None:
        await asyncio.sleep(0)
        now = self._account.now()
        self._messages[self._account.number()] = _Message(text, now + timedelta(seconds=delay), now)

    async def receive(self, n: int = 32, hidden: int = 30) -> list[Received]:
        await asyncio.sleep(0)
        now = self._account.now()
        due = [(key, one) for key, one in self._messages.items() if one.visible_at <= now][:n]
        for _, message in due:
            message.visible_at = now + timedelta(seconds=hidden)
            message.receipt = self._account.number()
            message.taken += 1
        return [Received(one.text, key, one.receipt, one.taken, one.inserted_on) for key, one in due]

    async def delete(self, received: Received) -> None:
        await asyncio.sleep(0)
        message = self._messages.get(received.id)
        if message is not None and message.receipt == received.pop_receipt:
            del self._messages[received.id]

    async def length(self) -> int:
        await asyncio.sleep(0)
        return len(self._messages)


class MemoryStorage(RealStorage):
    """The account as the watch sees it."""

    def __init__(self, account: MemoryAccount) -> None:
        self._account = account
        self.ledger, self.alerts, self.evidence = (MemoryContainer(account, name) for name in CONTAINERS)
        self.changed_users, self.sweeps, self.journal, self.heard = (self.queue(name) for name in QUEUES)

    def queue(self, name: str) -> Queue:
        return MemoryQueue(self._account, name)

    async def ensure(self) -> None:
        await asyncio.sleep(0)

    async def close(self) -> None:
        await asyncio.sleep(0)
