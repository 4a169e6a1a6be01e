"""What readers learn late: changes of a user (`read_lag`), and of groups in the index behind the filters."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sandbox.graph.journal import snapshot
from sandbox.graph.records import User

if TYPE_CHECKING:
    from sandbox.graph.state import WorldState

_ALWAYS = datetime.min.replace(tzinfo=UTC)


class Replica:
    """Users as a reader finds them: a change shows `read_lag` after it was made (graph.md §3.1, §6).

    A lag counts for changes made while it is set. Creation has a delay of its own, `replication_delay`.
    """

    def __init__(self, world: "WorldState") -> None:
        self._world = world
        self._past: dict[str, list[tuple[datetime, User]]] = {}

    def before_change(self, user: User) -> None:
        """Keep the user as it is now, for those who read it too early."""
        if self._world.rates.read_lag:
            self._past.setdefault(user.id, []).append((self._world.now(), snapshot(user)))

    def read(self, user_id: str) -> User | None:
        """The user as of `read_lag` ago, deleted or not; None if there is no such user."""
        if user_id in self._past:
            since = self._since()
            for changed_at, user in self._past[user_id]:
                if changed_at > since:
                    return user
            del self._past[user_id]
        return self._world.peek(user_id)

    @property
    def behind(self) -> bool:
        """Whether a reader would still be shown something that is over."""
        since = self._since()
        return any(kept[-1][0] > since for kept in self._past.values())

    def _since(self) -> datetime:
        return self._world.now() - timedelta(seconds=self._world.rates.read_lag)


@dataclass(frozen=True, slots=True)
class Indexed:
    """What the index holds of a group: the SKUs it assigns, and whether that fails on a member."""

    sku_ids: frozenset[str] = frozenset()
    failing: bool = False


class GroupIndex:
    """The index that answers filters on licences of groups: `index_lag` behind the groups themselves.

    learn: Advanced query capabilities on directory objects, "eventual consistency". What a listing shows of
    the groups it found is read from the groups.
    """

    def __init__(self, world: "WorldState") -> None:
        self._world = world
        self._entries: dict[str, list[tuple[datetime, Indexed]]] = {}

    def note(self, group_id: str, *, always: bool = False) -> None:
        """Take in how a group stands now. `always`: it has stood so for long."""
        group = self._world.groups[group_id]
        failing = any(user.id in group.members and user.fails(group_id) for user in self._world.objects())
        entry = Indexed(frozenset(group.licences), failing)
        known = self._entries.setdefault(group_id, [])
        if entry != (known[-1][1] if known else Indexed()):
            known.append((_ALWAYS if always else self._world.now(), entry))

    def read(self, group_id: str) -> Indexed:
        """The group as of `index_lag` ago."""
        since = self._since()
        known = reversed(self._entries.get(group_id, ()))
        return next((entry for noted_at, entry in known if noted_at <= since), Indexed())

    @property
    def behind(self) -> bool:
        """Whether there is something that the filters don't know yet."""
        since = self._since()
        return any(known and known[-1][0] > since for known in self._entries.values())

    def _since(self) -> datetime:
        return self._world.now() - timedelta(seconds=self._world.rates.index_lag)
