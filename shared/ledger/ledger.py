"""The ledger of one tenant: read records, commit readings, publish what changed (design §4.3, §4.4)."""

import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import overload

import msgspec

from shared.following import about
from shared.ledger import gap, tombstones
from shared.ledger import manifest as layout
from shared.ledger import totals as sums
from shared.ledger.books import BOOKS_KEPT, Books
from shared.ledger.commits import CommitOutcome, UserReading, apply_readings
from shared.ledger.gap import HEARD_WITHIN, Tally
from shared.ledger.journal import JournalLine
from shared.ledger.manifest import TENANT, LedgerMissing, Paths
from shared.ledger.outbox import Outbox
from shared.ledger.records import Book, Manifest, Posting, Shard, TenantRecord, UserRecord
from shared.ledger.shards import Held, LedgerUnreadable, failing, shard_names, shard_of, strangers, waiting
from shared.ledger.tombstones import Absence
from shared.model import Totals
from shared.rules.loader import Rules
from shared.storage import Lease, Listed, Storage

log = logging.getLogger("watch.ledger")

TenantChange = Callable[[TenantRecord], tuple[TenantRecord, tuple[Posting, ...]]]


def _now() -> datetime:
    return datetime.now(UTC)


class Ledger:
    """What is believed of a tenant and its users. Every method but `manifest` and `lock` needs a manifest.

    Whoever reads a book publishes what its outbox holds (design §4.3), so reading may write. Raises
    `LedgerMissing`, `LedgerUnreadable`, `Contended`, and what storage raises. `now` dates the manifest only.
    """

    def __init__(
        self, storage: Storage, tenant_id: str, rules: Rules, now: Callable[[], datetime] = _now
    ) -> None:
        self._storage = storage
        self._tenant_id = tenant_id
        self._rules = rules
        self._now = now
        self._books = Books(storage.ledger)
        self._manifest: Manifest | None = None
        # Packed: a shard's sums name many ids, and a large tenant has hundreds of shards.
        self._totals: dict[str, tuple[str, bytes]] = {}

    def forget(self) -> None:
        """Let go of the books that are kept decoded."""
        self._books.forget()

    @overload
    async def manifest(self, count_users: Callable[[], Awaitable[int]]) -> Manifest: ...
    @overload
    async def manifest(self, count_users: None = None) -> Manifest | None: ...
    async def manifest(self, count_users: Callable[[], Awaitable[int]] | None = None) -> Manifest | None:
        """The manifest; with a counter, begins a ledger of the right size if there is none.

        Of several that begin at the same time one wins, and all get its manifest. It never changes while the
        app runs, so it is read once.
        """
        path = layout.manifest_path(self._tenant_id)
        if self._manifest is None:
            self._manifest = await self._read_manifest(path)
        if self._manifest is None and count_users:
            begun = layout.begin(self._tenant_id, await count_users(), self._now())
            await self._storage.ledger.create(path, msgspec.json.encode(begun))
            # Whether ours or another's is there now, only storage can tell.
            self._manifest = await self._read_manifest(path)
            if self._manifest is None:
                raise LedgerMissing(self._tenant_id)
        return self._manifest

    async def _read_manifest(self, path: str) -> Manifest | None:
        stored = await self._storage.ledger.read(path)
        if stored is None:
            return None
        try:
            return msgspec.json.decode(stored.data, type=Manifest)
        except msgspec.DecodeError as error:
            raise LedgerUnreadable(path, str(error)) from None

    async def _present(self) -> Manifest:
        manifest = await self.manifest()
        if manifest is None:
            raise LedgerMissing(self._tenant_id)
        return manifest

    # --- reading ---------------------------------------------------------------------------------------

    async def read_shard(self, name: str) -> Held[Shard]:
        """A shard of users; empty and without ETag if nothing was ever committed to it."""
        return await self._read(Shard(name=name))

    async def read_tenant(self) -> Held[TenantRecord]:
        """The tenant's record, as `read_shard`. Asked for by ETag: unchanged, it costs next to nothing."""
        return await self._read(TenantRecord(name=TENANT))

    async def user_records(self, user_ids: Iterable[str]) -> dict[str, UserRecord]:
        """The records of these users, by id, tombstones too; users without one are left out."""
        manifest = await self._present()
        by_shard: dict[str, list[str]] = {}
        for user_id in user_ids:
            by_shard.setdefault(shard_of(user_id, manifest.shards), []).append(user_id)
        found: dict[str, UserRecord] = {}
        for name, wanted in sorted(by_shard.items()):
            found |= await self._records_of(manifest, name, wanted, len(by_shard))
        return found

    async def _records_of(
        self, manifest: Manifest, name: str, wanted: Sequence[str], shards: int
    ) -> Mapping[str, UserRecord]:
        """The records of these users of a shard, which is one of so many that are looked into."""
        if shards >= BOOKS_KEPT:
            # The tenant's is kept too, so not all of these would be until they are committed to.
            path = Paths(manifest).book(name)
            if (found := await self._books.glance(path, wanted)) is not None:
                return found
        users = (await self.read_shard(name)).record.users
        return {user_id: users[user_id] for user_id in wanted if user_id in users}

    async def records(self) -> AsyncIterator[UserRecord]:
        """The record of every user who is there, one shard in memory at a time."""
        for name in shard_names((await self._present()).shards):
            for record in (await self.read_shard(name)).record.users.values():
                if not record.gone_at:
                    yield record

    async def totals(self) -> Totals:
        """The sums over all users. Only shards that changed since this was last asked are read."""
        result = Totals()
        async for name, listed in self._shards():
            known = self._totals.get(name)
            if known is None or known[0] != listed.etag:
                held = await self.read_shard(name)
                known = (held.etag or "", sums.packed(sums.totals_of(held.record.users.values())))
                self._totals[name] = known
            result = sums.add(result, sums.unpacked(known[1]))
        return result

    async def holders(
        self, sku_ids: Iterable[str], *, before: int | None = None
    ) -> AsyncIterator[tuple[str, tuple[str, ...]]]:
        """Shard by shard, the ids of users to whom any of these SKUs is assigned; never an empty tuple.

        `before`: only those judged by facts of an older generation than that.
        """
        wanted = frozenset(sku_ids)
        async for name, found in self._users(before):
            if holding := tuple(one.id for one in found if not wanted.isdisjoint(one.skus)):
                yield name, holding

    async def everybody(self, *, before: int | None = None) -> AsyncIterator[tuple[str, tuple[str, ...]]]:
        """Shard by shard, the ids of all users that are there, otherwise as `holders`."""
        async for name, found in self._users(before):
            if there := tuple(one.id for one in found if not one.gone_at):
                yield name, there

    async def _users(self, before: int | None) -> AsyncIterator[tuple[str, list[UserRecord]]]:
        async for name, _ in self._shards():
            users = (await self.read_shard(name)).record.users.values()
            yield name, [one for one in users if before is None or one.judged_by.generation < before]

    async def waiting_for_report(self) -> AsyncIterator[tuple[str, tuple[str, ...]]]:
        """Shard by shard, the ids of users out of reach only until the registration report knows them.

        Only shards that hold such users are read.
        """
        async for name, listed in self._shards():
            if listed.metadata.get("waiting") != "0":
                found = tuple(waiting((await self.read_shard(name)).record))
                if found:
                    yield name, found

    async def failing_users(self) -> AsyncIterator[str]:
        """The ids of users with an open `assignment-error`. Only shards that hold such users are read."""
        async for name, listed in self._shards():
            if listed.metadata.get("failing") != "0":
                for user_id in failing((await self.read_shard(name)).record):
                    yield user_id

    async def _shards(self) -> AsyncIterator[tuple[str, Listed]]:
        """Every shard that was ever written, as one listing shows them. Old ones may lack a label."""
        paths = Paths(await self._present())
        async for listed in self._storage.ledger.names(paths.users):
            yield paths.name(listed.name), listed

    async def _read[T: Book](self, empty: T) -> Held[T]:
        manifest = await self._present()
        held = await self._books.read(Paths(manifest).book(empty.name), empty)
        return await self._outbox(manifest).publish(held, empty)

    # --- committing ------------------------------------------------------------------------------------

    async def commit_users(
        self,
        shard_name: str,
        readings: Sequence[UserReading],
        at: datetime,
        *,
        absences: Sequence[Absence] = (),
        heard: Mapping[str, datetime] | None = None,
        seen: Held[Shard] | None = None,
    ) -> CommitOutcome:
        """Take readings and absences of users of one shard into the ledger, transitions into the journal.

        One write for all of them, one to clear the outbox. `heard`: users of whom a notification came at that
        time and who need no reading, since their record is younger or they were not there. `seen`:
        the shard as the caller has just read it. See `CommitOutcome`, and `apply_readings` for what is taken
        in. Raises `ValueError` for a user of another shard.
        """
        manifest = await self._present()
        shards = manifest.shards
        # Who commits has mostly just read it: if another wrote meanwhile, storage says so.
        seen = seen or self._books.kept(Paths(manifest).book(shard_name), Shard)
        ids = [*[one.user.id for one in readings], *[one.user_id for one in absences], *(heard or ())]
        # Who has a record in this shard was let in before.
        unknown = [one for one in ids if one not in seen.record.users] if seen else ids
        if others := strangers(unknown, shard_name, shards):
            raise ValueError(f"{others} of {len(ids)} users don't belong to shard {shard_name}")
        outcome = CommitOutcome(book=shard_name)
        begun = time.monotonic()

        def change(shard: Shard) -> tuple[Shard, tuple[Posting, ...]]:
            nonlocal outcome
            # Storage may take a minute over it: what others read and wrote meanwhile is not ahead of now.
            now = at + timedelta(seconds=time.monotonic() - begun)
            changed, outcome = apply_readings(
                shard, readings, at, self._tenant_id, self._rules, absences, heard, now=now
            )
            return changed, outcome.transitions

        held = await self._commit(Shard(name=shard_name), change, at, seen)
        if held.etag and 2 * len(readings) >= len(held.record.users):
            # A sweep is at it. It will ask for the sums, and here is the shard at hand.
            self._totals[shard_name] = (held.etag, sums.packed(sums.totals_of(held.record.users.values())))
        return outcome

    async def tally(self, at: datetime, within: timedelta = HEARD_WITHIN) -> Tally:
        """Count the gap and take it out of the ledger: changes nobody told of, and waits of the others.

        A change found by delta less than `within` ago may still be heard of and stays. Only shards that have
        something to count are read and written. A crash on the way may lose what it took out; nothing is
        counted twice.
        """
        result = Tally()
        for name in [
            name async for name, listed in self._shards() if gap.is_due(listed.metadata, at, within)
        ]:
            taken = Tally()

            def change(shard: Shard) -> tuple[Shard, tuple[Posting, ...]]:
                nonlocal taken
                changed, taken = gap.take_out(shard, at, within)
                return changed, ()

            await self._commit(Shard(name=name), change, at)
            result = gap.add(result, taken)
        return result

    async def forget_names(self, user_id: str, at: datetime) -> bool:
        """Take the names out of a tombstone; says whether there were any. Who is there keeps them."""
        name = shard_of(user_id, (await self._present()).shards)
        forgotten = False

        def change(shard: Shard) -> tuple[Shard, tuple[Posting, ...]]:
            nonlocal forgotten
            changed = tombstones.without_names(shard, user_id)
            forgotten = changed is not shard
            return changed, ()

        await self._commit(Shard(name=name), change, at)
        return forgotten

    async def commit_tenant(self, change: TenantChange, at: datetime) -> TenantRecord:
        """Change the tenant's record; returns it as committed.

        `change` must be pure: it is applied anew whenever another writer was faster. If it returns the very
        record it was given and no postings, nothing is written.
        """
        return (await self._commit(TenantRecord(name=TENANT), change, at)).record

    async def _commit[T: Book](
        self,
        empty: T,
        change: Callable[[T], tuple[T, tuple[Posting, ...]]],
        at: datetime,
        seen: Held[T] | None = None,
    ) -> Held[T]:
        manifest = await self._present()
        seq, posted = 0, tuple[Posting, ...]()

        def noted(book: T) -> tuple[T, tuple[Posting, ...]]:
            nonlocal seq, posted
            changed, posted = change(book)
            seq = changed.next_seq
            return changed, posted

        held = await self._books.commit(Paths(manifest).book(empty.name), empty, noted, at, seen)
        if posted:
            findings = [one.transition.finding.id for one in posted]
            log.info(
                "%d transitions committed",
                len(posted),
                extra=about(book=empty.name, seq=seq, findings=findings),
            )
        return await self._outbox(manifest).publish(held, empty)

    # --- the journal -----------------------------------------------------------------------------------

    def _outbox(self, manifest: Manifest) -> Outbox:
        return Outbox(self._books, self._storage.alerts, self._storage.journal, manifest, self._rules)

    async def books(self) -> tuple[str, ...]:
        """The names of all books, each of which has a journal."""
        return (TENANT, *shard_names((await self._present()).shards))

    async def publish(self, book_name: str) -> None:
        """Put whatever the book's outbox holds into the journal; nothing happens if that is nothing."""
        await (self.read_tenant() if book_name == TENANT else self.read_shard(book_name))

    async def drain(self) -> tuple[str, ...]:
        """Publish every outbox that a crash left behind, found by listing; returns the books' names.

        Without a ledger there is nothing to drain.
        """
        if await self.manifest() is None:
            return ()
        stranded = [name async for name, _ in self.unpublished()]
        for name in stranded:
            await self.publish(name)
        return tuple(stranded)

    async def unpublished(self) -> AsyncIterator[tuple[str, str]]:
        """The books whose outbox holds something just now, each with its ETag; found by listing, not read."""
        paths = Paths(await self._present())
        async for listed in self._storage.ledger.names(paths.books):
            if listed.metadata.get("outbox", "0") != "0":
                yield paths.name(listed.name), listed.etag

    async def read_journal(
        self, book_name: str, after_seq: int = 0
    ) -> AsyncIterator[tuple[int, list[JournalLine]]]:
        """The book's journal after that number, in order: each number with its lines.

        Raises `JournalUnreadable`.
        """
        outbox = self._outbox(await self._present())
        async for seq, lines in outbox.read(book_name, after_seq):
            yield seq, lines

    # --- one at a time ---------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def lock(self, name: str, seconds: int) -> AsyncIterator[Lease | None]:
        """Hold the tenant's lock of that name against all other workers; None where another holds it.

        Works before there is a ledger. After a crash it is free again within `seconds` (15 to 60).
        """
        async with self._storage.ledger.lease(layout.lock_path(self._tenant_id, name), seconds) as lease:
            yield lease
