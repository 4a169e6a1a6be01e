"""Which of the groups that exceptions and routes name a user is in, as the lists were last read."""

from collections.abc import Collection, Iterable

from shared.ledger.manifest import watched_path
from shared.ledger.members import among
from shared.storage import Storage


async def memberships(
    storage: Storage, tenant_id: str, groups: Iterable[str], users: Collection[str]
) -> dict[str, frozenset[str]]:
    """User id to those of these groups that the user is in, directly or through other groups.

    A user in none of them is left out, and a group that was never read has nobody in it. One list is in
    memory at a time, sixteen bytes a member; what is returned grows with `users`. Raises what storage raises.
    """
    found: dict[str, set[str]] = {}
    if not users:
        return {}
    for group_id in sorted(set(groups)):
        stored = await storage.evidence.read(watched_path(tenant_id, group_id))
        if stored is not None:
            for user_id in among(stored.data, users):
                found.setdefault(user_id, set()).add(group_id)
    return {user_id: frozenset(ids) for user_id, ids in found.items()}
