"""The registration report: a snapshot, as old as its last refresh (graph.md §8)."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sandbox.graph.records import User
from sandbox.graph.wire import iso

if TYPE_CHECKING:
    from sandbox.graph.world import World


class RegistrationReport:
    """Rows as of `refreshed_at`. What changed since is not in it: not even a deletion."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.rows: dict[str, dict[str, Any]] = {}
        self.order: list[str] = []
        self.refreshed_at: datetime | None = None

    def refresh(self) -> None:
        """Make the snapshot anew; disabled users have no row (graph.md §8)."""
        now = self._world.now()
        enabled = self._enabled()
        rows = {
            user.id: self._row(user, enabled(user), now)
            for user in self._world.users.values()
            if user.account_enabled and user.deleted_at is None
        }
        self.rows = rows
        self.order = sorted(rows)
        self.refreshed_at = now

    def _enabled(self) -> Callable[[User], bool]:
        """Whether the policy lets a user reset: administrators by their own policy, guests at home."""
        world = self._world
        members: set[str] | None = None
        if world.scope not in ("all", "none"):
            members = world.transitive_members(world.scope)[0]

        def answer(user: User) -> bool:
            if user.external_user_state is not None:
                return False
            if user.is_admin:
                return world.admins_may_reset
            return world.scope == "all" if members is None else user.id in members

        return answer

    def _row(self, user: User, enabled: bool, now: datetime) -> dict[str, Any]:
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
            "lastUpdatedDateTime": iso(now),
        }
