"""The members of a licensing group: as Graph has them, and as they were when last read."""

import uuid
from collections.abc import Iterator, Sequence
from itertools import islice

import msgspec

from shared.graph.groups import member_pages
from shared.ledger import members as lists
from shared.ledger.manifest import members_path, members_root
from shared.watch.parts import Watch

_SKUS = "skus"
"""The blob's label for what the group assigned then, as `skus_key` writes it."""


class Members(msgspec.Struct, frozen=True):
    """A list of members: their packed ids in order, the groups among them, and what the group assigned.

    Of a list that was kept, the groups are not known.
    """

    ids: bytes
    groups: frozenset[str] = frozenset()
    skus: str = ""

    def users(self) -> Iterator[str]:
        """The ids of the users, in order."""
        return lists.users(self.ids)


async def read(watch: Watch, group_id: str, sku_ids: Sequence[str]) -> Members:
    """The members as Graph has them now. Raises `NotFound` and other `GraphError`s."""
    ids = lists.Packing()
    groups: set[str] = set()
    async for page in member_pages(watch.graph, group_id, transitive=False):
        ids.add(page.users)
        groups.update(page.groups)
    return Members(ids.packed(), frozenset(groups), skus_key(sku_ids))


async def recall(watch: Watch, group_id: str) -> Members | None:
    """The list as last kept; None if there is none."""
    stored = await watch.storage.evidence.read(_name(watch, group_id))
    return Members(stored.data, skus=stored.metadata.get(_SKUS, "")) if stored else None


async def keep(watch: Watch, group_id: str, members: Members) -> None:
    """Keep the list until next time."""
    name = _name(watch, group_id)
    # Ids are random: packing them would cost time and as much memory again, and save nothing.
    await watch.storage.evidence.put(name, members.ids, {_SKUS: members.skus}, gzip=False)


async def forget(watch: Watch, group_id: str) -> None:
    """Keep nothing of this group any more."""
    await watch.storage.evidence.delete(_name(watch, group_id))


async def kept(watch: Watch) -> frozenset[str]:
    """Ids of the groups of which a list is kept."""
    prefix = members_root(watch.settings.tenant_id)
    return frozenset(
        [listed.name.removeprefix(prefix) async for listed in watch.storage.evidence.names(prefix)]
    )


def skus_key(sku_ids: Sequence[str]) -> str:
    """What a group assigns, as one word."""
    return uuid.uuid5(uuid.NAMESPACE_OID, ",".join(sorted(sku_ids))).hex if sku_ids else ""


def portions(ids: Iterator[str], size: int) -> Iterator[tuple[str, ...]]:
    """The same ids, so many at a time."""
    while part := tuple(islice(ids, size)):
        yield part


def _name(watch: Watch, group_id: str) -> str:
    return members_path(watch.settings.tenant_id, group_id)
