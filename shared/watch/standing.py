"""What is known of users beyond the user object, kept by ledger shard in container `evidence` (design §4.6).

One blob a shard: user id to registration row, membership of the scope groups, of the emergency group, use of
the reset. It is written by the registration reading and read by every evaluation, so a few shards are kept
decoded and asked for by their ETag; never all of them, for a tenant may have five hundred.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from functools import partial

import msgspec

from shared.graph.parallel import few_at_a_time
from shared.ledger.records import Manifest
from shared.ledger.shards import shard_of
from shared.model import Standing, TenantFacts
from shared.storage import NOT_MODIFIED, Stale, Storage, Stored
from shared.watch.nesting import Nesting

Rows = dict[str, Standing]

_REMEMBERED = 8
"""Shards kept decoded: some 10 MB, and all of a tenant with up to 16,000 users."""

_PARALLEL = 4

_decoder = msgspec.json.Decoder(Rows)


class HeldRows(msgspec.Struct, frozen=True):
    """The rows of a shard as read, and the ETag to write over them; None: there are none yet."""

    rows: Rows
    etag: str | None


class Standings:
    """The index of standings of one tenant."""

    def __init__(self, storage: Storage, tenant_id: str) -> None:
        self._evidence = storage.evidence
        self._tenant_id = tenant_id
        self.nesting = Nesting(storage, tenant_id)
        self._cache: OrderedDict[str, HeldRows] = OrderedDict()

    def _name(self, epoch: str, shard: str) -> str:
        return f"{self._tenant_id}/{epoch}/standing/{shard}"

    async def read(self, epoch: str, shard: str) -> Rows:
        """All rows of a shard; empty if none was ever written."""
        return (await self.held(epoch, shard)).rows

    async def held(self, epoch: str, shard: str) -> HeldRows:
        """All rows of a shard with their ETag."""
        name = self._name(epoch, shard)
        known = self._cache.get(name)
        if known and known.etag:
            found = await self._evidence.read_unless(name, known.etag)
            if found is NOT_MODIFIED:
                return self._remember(name, known)
        else:
            found = await self._evidence.read(name)
        if not isinstance(found, Stored):
            return HeldRows({}, None)
        return self._remember(name, HeldRows(_decoder.decode(found.data), found.etag))

    async def write(self, epoch: str, shard: str, rows: bytes, etag: str | None) -> None:
        """Replace exactly that version of a shard's rows (as JSON). Raises `Stale`: another was faster.

        `Stale` may also mean that this very write is in and its answer was lost.
        """
        name = self._name(epoch, shard)
        if etag is not None:
            await self._evidence.replace(name, rows, etag)
        elif await self._evidence.create(name, rows) is None:
            raise Stale(name)

    async def of(
        self, manifest: Manifest, user_ids: Iterable[str], facts: TenantFacts
    ) -> dict[str, Standing]:
        """The standing of each of these users, whether there is a row or not."""
        by_shard: dict[str, list[str]] = {}
        for user_id in user_ids:
            by_shard.setdefault(shard_of(user_id, manifest.shards), []).append(user_id)

        jobs = [
            partial(self.of_shard, manifest.epoch, name, wanted, facts) for name, wanted in by_shard.items()
        ]
        found: dict[str, Standing] = {}
        for part in await few_at_a_time(_PARALLEL, jobs):
            found |= part
        return found

    async def of_shard(
        self, epoch: str, shard: str, user_ids: Iterable[str], facts: TenantFacts
    ) -> Mapping[str, Standing]:
        """As `of`, for users of one shard."""
        rows = await self.read(epoch, shard)
        standings = {user_id: standing_of(user_id, rows, facts) for user_id in user_ids}
        return await self.nesting.of(epoch, shard, standings, facts)

    def forget(self) -> None:
        """Let go of the shards that are kept decoded."""
        self._cache.clear()
        self.nesting.forget()

    def _remember(self, name: str, held: HeldRows) -> HeldRows:
        self._cache[name] = held
        self._cache.move_to_end(name)
        while len(self._cache) > _REMEMBERED:
            self._cache.popitem(last=False)
        return held


def absent(*, groups_read: bool, audit_read: bool) -> Standing:
    """No row means: not in the report, in no group that was read, in no audit log that was read."""
    return Standing(in_scope_group=False if groups_read else None, used=False if audit_read else None)


def standing_of(user_id: str, rows: Mapping[str, Standing], facts: TenantFacts) -> Standing:
    """The user's standing, whether there is a row or not."""
    known = rows.get(user_id)
    if known is not None:
        return known
    return absent(
        groups_read=facts.evidence_of("scope-groups").read_at is not None,
        audit_read=facts.evidence_of("audit").read_at is not None,
    )
