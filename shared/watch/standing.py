"""What is known of users beyond the user object, kept by ledger shard in container `evidence` (design §4.6).

One blob a shard: user id to registration row, membership of the scope groups, of the emergency group. It is
written by the registration reading and read by every evaluation, so it is cached by its ETag.
"""

from collections.abc import Iterable, Mapping

import msgspec

from shared.ledger.records import Manifest
from shared.ledger.shards import shard_of
from shared.model import Standing, TenantFacts
from shared.storage import NOT_MODIFIED, Storage, Stored

Rows = dict[str, Standing]


class Standings:
    """The index of standings of one tenant."""

    def __init__(self, storage: Storage, tenant_id: str) -> None:
        self._evidence = storage.evidence
        self._tenant_id = tenant_id
        self._cache: dict[str, tuple[str, Rows]] = {}

    def _name(self, epoch: str, shard: str) -> str:
        return f"{self._tenant_id}/{epoch}/standing/{shard}"

    async def read(self, epoch: str, shard: str) -> Rows:
        """All rows of a shard; empty if none was ever written."""
        name = self._name(epoch, shard)
        etag, rows = self._cache.get(name, ("", {}))
        stored = await self._evidence.read_unless(name, etag) if etag else await self._evidence.read(name)
        if stored is None:
            return {}
        if stored is not NOT_MODIFIED and isinstance(stored, Stored):
            rows = msgspec.json.decode(stored.data, type=Rows)
            self._cache[name] = (stored.etag, rows)
        return rows

    async def write(self, epoch: str, shard: str, rows: Rows) -> None:
        """Replace the rows of a shard."""
        await self._evidence.put(self._name(epoch, shard), msgspec.json.encode(rows))

    async def of(
        self, manifest: Manifest, user_ids: Iterable[str], facts: TenantFacts
    ) -> dict[str, Standing]:
        """The standing of each of these users, whether there is a row or not."""
        shards = {user_id: shard_of(user_id, manifest.shards) for user_id in user_ids}
        rows = {name: await self.read(manifest.epoch, name) for name in set(shards.values())}
        return {user_id: standing_of(user_id, rows[name], facts) for user_id, name in shards.items()}


def standing_of(user_id: str, rows: Mapping[str, Standing], facts: TenantFacts) -> Standing:
    """The user's standing. No row means: in no group that was read, and not in the report."""
    known = rows.get(user_id)
    if known is not None:
        return known
    return Standing(in_scope_group=False if facts.evidence_of("scope-groups").read_at else None)
