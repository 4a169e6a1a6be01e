"""Books in storage: reading by ETag, and the conditional write repeated until it is in (design §4.3)."""

import asyncio
import random
import secrets
from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import cast

from shared.ledger import sealing, shards
from shared.ledger.records import Book, Posting, Shard, UserRecord
from shared.ledger.shards import Held
from shared.storage import NOT_MODIFIED, Container, NotModified, Packed, Stale, Stored, pack

_ATTEMPTS = 40
_FIRST_WAIT, _LONGEST_WAIT = 0.02, 1.0
"""Seconds. Writers of one shard take a few tens of milliseconds each; waits spread them out."""

BOOKS_KEPT = 4
"""Books kept decoded. A reading, its commit and the clearing of its outbox want the same one in turn."""


class Contended(Exception):
    """A book could not be written because others kept writing it. Nothing was changed; try later."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} was changed by others {_ATTEMPTS} times in a row")


class Books:
    """The books of a container, by blob name. `sleep` takes seconds."""

    def __init__(
        self, container: Container, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._container = container
        self._sleep = sleep
        self._spread = random.SystemRandom()
        self._known: OrderedDict[str, Held[Book]] = OrderedDict()
        # Of shards just written: their users, and these packed. Clearing the outbox leaves them alone.
        self._packed: dict[str, tuple[Mapping[str, UserRecord], bytes]] = {}
        # One writer at a time within this process: others are met by ETag, ourselves need not be.
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def read[B: Book](self, path: str, empty: B) -> Held[B]:
        """The book as it is in storage now; `empty` if there is none. Raises `LedgerUnreadable`."""
        known = cast("Held[B] | None", self._known.get(path))
        found: Stored | NotModified | None
        if known and known.etag:
            found = await self._container.read_unless(path, known.etag)
            if found is NOT_MODIFIED:
                return self._remember(path, known)
        else:
            found = await self._container.read(path)
        if not isinstance(found, Stored):
            return Held(empty, None)
        return self._remember(path, Held(shards.decode(found.data, type(empty), path), found.etag))

    def kept[B: Book](self, path: str, kind: type[B]) -> Held[B] | None:
        """The book as last read or written here, if it is still kept; others may have written since."""
        held = self._known.get(path)
        return cast("Held[B]", held) if held and isinstance(held.record, kind) else None

    async def glance(self, path: str, user_ids: Iterable[str]) -> Mapping[str, UserRecord] | None:
        """The records of these users of a shard as it is in storage now, and nothing else of it decoded.

        None where more than a glance is wanted: its outbox holds something. Raises `LedgerUnreadable`.
        """
        found = await self._container.read(path)
        return {} if found is None else shards.records_of(found.data, user_ids, path)

    async def commit[B: Book](
        self,
        path: str,
        empty: B,
        change: Callable[[B], tuple[B, tuple[Posting, ...]]],
        at: datetime,
        seen: Held[B] | None = None,
    ) -> Held[B]:
        """Write what `change` makes of the book, with its postings, in one conditional write.

        `seen`: the book as the caller has just read it, which saves reading it once more.

        `change` is applied anew to what others wrote meanwhile, and must be pure. If it returns the very book
        it was given and no postings, nothing is written. A write whose answer was lost is recognised by its
        id and not repeated. Raises `Contended`.
        """
        commit_id = secrets.token_hex(6)

        def sealed(book: B) -> B:
            if commit_id in book.commits:
                return book
            changed, postings = change(book)
            if changed is book and not postings:
                return book
            return sealing.sealed(changed, commit_id, postings, at)

        return await self._write(path, empty, sealed, seen)

    async def clear[B: Book](self, path: str, empty: B, held: Held[B], published: Iterable[int]) -> Held[B]:
        """Take exactly these entries out of the book's outbox, wherever it stands by now. Raises `Contended`.

        `held` is the book as last seen with them.
        """
        numbers = frozenset(published)

        def cleared(book: B) -> B:
            return sealing.without(book, numbers)

        return await self._write(path, empty, cleared, held)

    async def _write[B: Book](
        self, path: str, empty: B, step: Callable[[B], B], seen: Held[B] | None = None
    ) -> Held[B]:
        """Write what `step` makes of the book as read, or first of `seen` (or what was seen since).

        Memory is only a good guess: that there is nothing to write only storage can tell.
        """
        async with self._turns[path]:
            known = cast("Held[B] | None", self._known.get(path)) or seen
            held = known if seen and known else await self.read(path, empty)
            certain = seen is None
            for attempt in range(_ATTEMPTS):
                book = step(held.record)
                if book is not held.record:
                    etag = await self._try(path, book, held.etag)
                    if etag:
                        return self._remember(path, Held(book, etag))
                    if attempt:
                        longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2**attempt)
                        await self._sleep(self._spread.uniform(0, longest))
                elif certain:
                    return held
                held, certain = await self.read(path, empty), True
        raise Contended(path)

    async def _try(self, path: str, book: Book, etag: str | None) -> str | None:
        """Write over that version; the new ETag, or None if it is not the present one."""
        data, labels = self._data(path, book), shards.labels(book)
        if etag is None:
            return await self._container.create(path, data, labels)
        try:
            return await self._container.replace(path, data, etag, labels)
        except Stale:
            return None

    def _data(self, path: str, book: Book) -> Packed:
        """The book packed, its users only if they are not those that were packed last."""
        users = book.users if isinstance(book, Shard) else {}
        last = self._packed.pop(path, None)
        if isinstance(book, Shard) and last and last[0] is users:
            return Packed(pack(shards.head(book)) + last[1])
        head, rest = shards.halves(book)
        if not rest:
            return Packed(pack(head))
        packed = pack(rest)
        self._packed[path] = users, packed
        while len(self._packed) > BOOKS_KEPT:
            del self._packed[next(iter(self._packed))]
        return Packed(pack(head) + packed)

    def forget(self) -> None:
        """Let go of what is kept decoded: the next to ask reads it anew."""
        self._known.clear()
        self._packed.clear()

    def _remember[B: Book](self, path: str, held: Held[B]) -> Held[B]:
        self._known[path] = cast("Held[Book]", held)
        self._known.move_to_end(path)
        while len(self._known) > BOOKS_KEPT:
            self._known.popitem(last=False)
        return held
