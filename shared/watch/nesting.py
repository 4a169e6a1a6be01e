"""Who is in a licensing group only through another group, kept by ledger shard in container `evidence`.

Group licensing serves direct members alone. One blob a shard: user id to the ids of those licensing groups.
Written by `nested.py`; every evaluation in a tenant that has such groups reads it, so a few shards are kept.
"""

from collections import OrderedDict
from collections.abc import Mapping

import msgspec

from shared.model import Standing, TenantFacts
from shared.storage import NOT_MODIFIED, Storage, Stored

Rows = dict[str, tuple[str, ...]]

_REMEMBERED = 8
_decoder = msgspec.json.Decoder(Rows)


class Nesting:
    """The index of nested members of one tenant."""

    def __init__(self, storage: Storage, tenant_id: str) -> None:
        self._evidence = storage.evidence
        self._tenant_id = tenant_id
        self._cache: OrderedDict[str, tuple[str, Rows]] = OrderedDict()

    def forget(self) -> None:
        """Let go of the shards that are kept decoded."""
        self._cache.clear()

    async def read(self, epoch: str, shard: str) -> Rows:
        """All rows of a shard; empty if there are none."""
        name = self._name(epoch, shard)
        etag, rows = self._cache.get(name, ("", {}))
        found = await self._evidence.read_unless(name, etag) if etag else await self._evidence.read(name)
        if found is None:
            self._cache.pop(name, None)
            return {}
        if found is not NOT_MODIFIED and isinstance(found, Stored):
            etag, rows = found.etag, _decoder.decode(found.data)
        self._cache[name] = (etag, rows)
        self._cache.move_to_end(name)
        while len(self._cache) > _REMEMBERED:
            self._cache.popitem(last=False)
        return rows

    async def write(self, epoch: str, shard: str, rows: Rows) -> None:
        """Replace the rows of a shard; an empty one is deleted."""
        if rows:
            await self._evidence.put(self._name(epoch, shard), msgspec.json.encode(rows, order="sorted"))
        else:
            await self._evidence.delete(self._name(epoch, shard))

    async def shards(self, epoch: str) -> frozenset[str]:
        """The names of the shards that have rows."""
        prefix = self._name(epoch, "")
        return frozenset([one.name.removeprefix(prefix) async for one in self._evidence.names(prefix)])

    async def of(
        self, epoch: str, shard: str, standings: Mapping[str, Standing], facts: TenantFacts
    ) -> Mapping[str, Standing]:
        """These standings of users of one shard with `nested_in`; the very same where nobody is nested."""
        if not any(group.nested for group in facts.groups.values()):
            return standings
        rows = await self.read(epoch, shard)
        nested = {user_id: rows[user_id] for user_id in standings if user_id in rows}
        if not nested:
            return standings
        return {
            **standings,
            **{
                user_id: msgspec.structs.replace(standings[user_id], nested_in=groups)
                for user_id, groups in nested.items()
            },
        }

    def _name(self, epoch: str, shard: str) -> str:
        return f"{self._tenant_id}/{epoch}/nested/{shard}"
