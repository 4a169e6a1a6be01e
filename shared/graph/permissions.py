"""Which permission on Graph each call takes, what it is for and what is lost without it: the one table.

It is a file, `permissions.json`, because others read it too: the template and the script that grant, and the
page docs/permissions.md. Facts: Microsoft Graph permissions reference, and the reference page of a call, the
row's `source`.
"""

import functools
from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

FILE = Path(__file__).with_suffix(".json")

BASE = "base"
"""The pack that is always granted. All others are off until somebody asks for them (`GRAPH_PACKS`)."""


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A permission in a pack. `feature`: what it is for; `lost`: what the watch can't know without it.

    `why`: why no lesser one does. `calls`: method and path as Microsoft's reference writes them.
    `subscriptions`: resources that this permission alone allows to subscribe to. `evidence`: pieces that are
    read by it, by the names they have in the tenant's facts (and `users`). A call in two rows of one pack
    takes both; a call on subscriptions takes the permission of its resource.
    """

    permission: str
    pack: str
    feature: str
    lost: str
    why: str
    source: str
    calls: tuple[str, ...]
    subscriptions: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()


class Variant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A lesser permission that can be granted `instead_of` one of the table; `lost`: what it does not do.

    `calls` are those of the greater one that it allows.
    """

    permission: str
    instead_of: str
    lost: str
    source: str
    calls: tuple[str, ...]


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that the product may ask of Graph."""

    permissions: tuple[Row, ...]
    variants: tuple[Variant, ...]

    @property
    def packs(self) -> tuple[str, ...]:
        """The packs in the order of the file, `BASE` first."""
        return tuple(dict.fromkeys(row.pack for row in self.permissions))

    @property
    def lesser(self) -> Mapping[str, str]:
        """The lesser permissions that may stand for one of the table, by that one."""
        return {one.instead_of: one.permission for one in self.variants}

    @property
    def calls(self) -> frozenset[str]:
        """Every call that the product makes."""
        return frozenset(call for row in self.permissions for call in row.calls)

    def granted_by(self, packs: Collection[str]) -> tuple[str, ...]:
        """The permissions of these packs and of `BASE`, each once. Raises ValueError for an unknown pack."""
        if unknown := set(packs) - set(self.packs):
            raise ValueError(f"no pack {', '.join(sorted(unknown))}; there are {', '.join(self.packs)}")
        wanted = {BASE, *packs}
        return tuple(dict.fromkeys(row.permission for row in self.permissions if row.pack in wanted))

    def of_evidence(self) -> Mapping[str, tuple[str, ...]]:
        """The permissions that each piece of evidence takes: all of them, the one that shows it first."""
        names = dict.fromkeys(name for row in self.permissions for name in row.evidence)
        return {
            name: tuple(row.permission for row in self.permissions if name in row.evidence) for name in names
        }

    def of_subscriptions(self) -> Mapping[str, str]:
        """The permission that a subscription on each resource takes."""
        return {name: row.permission for row in self.permissions for name in row.subscriptions}


def read(content: bytes) -> Table:
    """The table of such a file. Raises `msgspec.MsgspecError` where it is not of its form."""
    return msgspec.json.decode(content, type=Table)


@functools.cache
def table() -> Table:
    """The product's own table."""
    return read(FILE.read_bytes())
