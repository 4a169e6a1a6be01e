"""The registration report: a snapshot, as old as its last refresh (graph.md §8)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sandbox.graph import odata
from sandbox.graph.crowd_views import CrowdListing, CrowdSet, CrowdUsers
from sandbox.graph.records import User
from sandbox.graph.wire import iso

if TYPE_CHECKING:
    from sandbox.graph.world import World

COLUMNS = (
    "id",
    "userPrincipalName",
    "userDisplayName",
    "userType",
    "isAdmin",
    "isSsprRegistered",
    "isSsprEnabled",
    "isSsprCapable",
    "isMfaRegistered",
    "isMfaCapable",
    "isPasswordlessCapable",
    "methodsRegistered",
    "isSystemPreferredAuthenticationMethodEnabled",
    "systemPreferredAuthenticationMethods",
    "userPreferredMethodForSecondaryAuthentication",
    "lastUpdatedDateTime",
)
"""What a row has."""

Row = dict[str, Any]


class RegistrationReport:
    """Rows as of `refreshed_at`. What changed since is not in it: not even a deletion."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.rows: Mapping[str, Row] = {}
        self.refreshed_at: datetime | None = None

    def refresh(self) -> None:
        """Make the snapshot anew; disabled users have no row (graph.md §8)."""
        now = self._world.now()
        enabled = self._enabled()
        rows = {
            user.id: _row(user, enabled(user), now)
            for user in sorted(self._world.objects(), key=lambda user: user.id)
            if user.account_enabled and user.deleted_at is None
        }
        users = self._world.users
        self.rows = (
            _CrowdRows(rows, users, self._by_rule(users), now) if isinstance(users, CrowdUsers) else rows
        )
        self.refreshed_at = now

    def listing(self, names: Sequence[str], only: tuple[str, bool] | None) -> odata.Listing:
        """Pages of rows with these columns; `only`: a column and the value that it must have."""
        rows = self.rows

        def wanted(user_id: str) -> bool:
            return only is None or rows[user_id].get(only[0]) is only[1]

        def shown(user_id: str) -> Row:
            row = rows[user_id]
            return {name: row[name] for name in names}

        if isinstance(rows, _CrowdRows) and only is None:
            return rows.listing(tuple(names), shown)
        return odata.SortedIds(list(rows), wanted, shown)

    def _enabled(self) -> Callable[[User], bool]:
        """Whether the policy lets a user reset: administrators by their own policy, guests at home."""
        world = self._world
        members = self._members()

        def answer(user: User) -> bool:
            if user.external_user_state is not None:
                return False
            if user.is_admin:
                return world.admins_may_reset
            return world.scope == "all" if members is None else user.id in members

        return answer

    def _members(self) -> AbstractSet[str] | None:
        """Whom the scope group holds; None if the scope is no group."""
        world = self._world
        return None if world.scope in ("all", "none") else world.transitive_members(world.scope)[0]

    def _by_rule(self, users: CrowdUsers) -> bytes:
        """The same for the users of a crowd, by number."""
        crowd, members = users.crowd, self._members()
        if members is None:
            flags = bytes([self._world.scope == "all"]) * crowd.size
        else:
            flags = bytes(CrowdSet.of(crowd, members).flags)
        admins = crowd.flags(lambda make: make.kind == "admin")
        ordinary = crowd.flags(lambda make: not make.is_external and make.kind != "admin")
        enabled = int.from_bytes(flags) & int.from_bytes(ordinary)
        if self._world.admins_may_reset:
            enabled |= int.from_bytes(admins)
        return enabled.to_bytes(crowd.size)


class _CrowdRows(Mapping[str, Row]):
    """The rows of a large tenant: those of objects, and who of the crowd had one, and `enabled` or not."""

    def __init__(self, rows: dict[str, Row], users: CrowdUsers, enabled: bytes, at: datetime) -> None:
        self._rows = rows
        self._crowd = users.crowd
        self._enabled = enabled
        self._at = at
        working = users.crowd.flags(lambda make: make.kind != "disabled")
        present = int.from_bytes(working) & int.from_bytes(users.untouched)
        self._present = present.to_bytes(users.crowd.size)
        self._ids = CrowdSet(users.crowd, self._present)
        for user_id in rows:
            self._ids.add(user_id)

    def __getitem__(self, user_id: str) -> Row:
        index = self._crowd.index_of(user_id)
        if index is None or not self._present[index]:
            return self._rows[user_id]
        return _row(self._crowd.user(index), bool(self._enabled[index]), self._at)

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)

    def listing(self, names: tuple[str, ...], shown: Callable[[str], Row]) -> odata.Listing:
        """Pages of all rows, those of the crowd filled into stencils."""

        def rows(enabled: bool) -> Callable[[int], bytes]:
            def build(user: User) -> Row:
                row = _row(user, enabled, self._at)
                return {name: row[name] for name in names}

            return self._crowd.rows(("report", names, enabled, self._at), build)

        by_flag = (rows(False), rows(True))
        enabled = self._enabled
        return CrowdListing(
            self._ids, self._present, lambda index: by_flag[enabled[index]](index), lambda _: True, shown
        )


def _row(user: User, enabled: bool, at: datetime) -> Row:
    registered = bool(user.methods)
    return {
        "id": user.id,
        "userPrincipalName": user.upn,
        "userDisplayName": user.display_name,
        "userType": (user.user_type or "member").lower(),
        "isAdmin": user.is_admin,
        "isSsprRegistered": registered,
        "isSsprEnabled": enabled,
        "isSsprCapable": registered and enabled,
        "isMfaRegistered": registered,
        "isMfaCapable": registered,
        "isPasswordlessCapable": "fido2SecurityKey" in user.methods,
        "methodsRegistered": list(user.methods),
        "isSystemPreferredAuthenticationMethodEnabled": True,
        "systemPreferredAuthenticationMethods": [],
        "userPreferredMethodForSecondaryAuthentication": "push" if registered else "none",
        "lastUpdatedDateTime": iso(at),
    }
