"""Who is meant: users by sign-in name or id, as the watch's ledger knows them. Reads blobs, and nothing else.

A ledger room that reads a shard also publishes what its outbox holds, which takes more rights than a person
needs here; so shards are read as they lie, and of each user only the names.
"""

from collections.abc import Collection, Mapping
from functools import partial

import msgspec

from admin.connection import Desk
from admin.words import said
from shared.graph.parallel import few_at_a_time
from shared.guids import as_guid
from shared.ledger import members
from shared.ledger.manifest import TENANT, Paths, members_path
from shared.ledger.records import TenantRecord
from shared.ledger.shards import LedgerUnreadable, decode, shard_names, shard_of
from shared.notify.saying.names import Person
from shared.texts.plain import one_line

_PARALLEL = 8


class _Named(msgspec.Struct, frozen=True, gc=False):
    upn: str = ""
    name: str = ""
    gone_at: str | None = None


class _Shard(msgspec.Struct, frozen=True):
    users: dict[str, _Named] = {}


_decoder = msgspec.json.Decoder(_Shard)


def no_such_user(user: str, place: str) -> str:
    """That there is no such user in this place. Whoever named the object id is not told to name it."""
    by_id = as_guid(user.strip()) is not None
    return said("explain", "faults", "no-such-id" if by_id else "no-user", user=one_line(user), place=place)


async def by_sign_in_name(desk: Desk, names: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The ids of the users with these sign-in names, whatever case they are written in; by name as asked.

    Users who are gone are left out. Empty tuples where nobody is known. Every shard is read, a few at a time.
    """
    wanted: dict[str, list[str]] = {name.casefold(): [] for name in names}
    manifest = await desk.manifest() if wanted else None
    if manifest is not None:
        paths = Paths(manifest)

        async def look(shard: str) -> None:
            for user_id, one in (await _read(desk, paths.book(shard))).users.items():
                if one.gone_at is None and one.upn.casefold() in wanted:
                    wanted[one.upn.casefold()].append(user_id)

        await few_at_a_time(_PARALLEL, [partial(look, shard) for shard in shard_names(manifest.shards)])
    return {name: tuple(sorted(wanted[name.casefold()])) for name in names}


async def people(desk: Desk, user_ids: Collection[str]) -> dict[str, Person]:
    """The names of these users. One who is not known is left out."""
    manifest = await desk.manifest() if user_ids else None
    if manifest is None:
        return {}
    paths, found = Paths(manifest), dict[str, Person]()
    by_shard: dict[str, list[str]] = {}
    for user_id in user_ids:
        by_shard.setdefault(shard_of(user_id, manifest.shards), []).append(user_id)

    async def look(shard: str) -> None:
        users = (await _read(desk, paths.book(shard))).users
        for user_id in by_shard[shard]:
            if user_id in users:
                found[user_id] = Person(users[user_id].name, users[user_id].upn)

    await few_at_a_time(_PARALLEL, [partial(look, shard) for shard in by_shard])
    return found


class Groups(msgspec.Struct, frozen=True):
    """What is known of groups, by id: display names, and how many users there are in them.

    `everybody`: how many users the tenant has; None where they were never counted.
    """

    names: Mapping[str, str] = {}
    users: Mapping[str, int] = {}
    everybody: int | None = None

    def holds_most(self, group_id: str) -> bool:
        """Whether more than half of all users are known to be in it."""
        return 2 * self.users.get(group_id, 0) > (self.everybody or 0) > 0


async def groups_of(desk: Desk, group_ids: Collection[str]) -> Groups:
    """What is known of these groups. Names are those of groups that assign licences: no others are known.

    Users are counted where an exception or a route names the group already, or where it assigns licences and
    no group is in it: the lists of other groups that assign have only who is in them directly.
    """
    manifest = await desk.manifest() if group_ids else None
    path = Paths(manifest).book(TENANT) if manifest else ""
    stored = await desk.storage.ledger.read(path) if path else None
    if stored is None:
        return Groups()
    record = decode(stored.data, TenantRecord, path)
    licensing = record.facts.groups if record.facts else {}
    users: dict[str, int] = {}
    for group_id in sorted(set(group_ids)):
        named, assigns = record.named.get(group_id), licensing.get(group_id)
        counted = named.counted if named else None
        if counted is None and assigns and assigns.members_at and not assigns.nested:
            listed = await desk.storage.evidence.read(members_path(desk.tenant_id, group_id))
            counted = members.count(listed.data) if listed else None
        if counted is not None:
            users[group_id] = counted
    return Groups(
        names={key: group.display_name for key, group in licensing.items()},
        users=users,
        everybody=record.totals.users if record.totals else None,
    )


async def _read(desk: Desk, path: str) -> _Shard:
    stored = await desk.storage.ledger.read(path)
    try:
        return _decoder.decode(stored.data) if stored else _Shard()
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise LedgerUnreadable(path, str(fault)) from None
