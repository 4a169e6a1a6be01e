"""The simulated tenant as it stands: who is in it, what they hold, and what readers see of that. No I/O.

The operations that change it are in `world`. The clock is passed in.
"""

import random
import uuid
from collections.abc import Callable, Iterable, MutableMapping, MutableSequence, MutableSet
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime

from sandbox.graph.crowd_views import CrowdUsers, union
from sandbox.graph.journal import Journal
from sandbox.graph.lag import GroupIndex, Replica
from sandbox.graph.rates import Rates
from sandbox.graph.records import Change, Group, Organization, Sku, User
from sandbox.graph.skus import PREMIUM_PLANS

DEFAULT_ROLES = frozenset(
    {"User.Read.All", "Group.Read.All", "Organization.Read.All", "AuditLog.Read.All", "Policy.Read.All"}
)


class Refused(Exception):
    """An operation that a real tenant would refuse too; the text says why."""


class WorldState:
    """One tenant and the application that reads it.

    `cast` names objects of a generated tenant by the part they play in a story. `scope` is the SSPR scope:
    `all`, `none`, or the id of a group.
    """

    def __init__(
        self,
        organization: Organization,
        *,
        seed: int = 1,
        rates: Rates | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.organization = organization
        self.now = clock
        self.seed = seed
        # Apart from the generator's draws, or new objects would get the ids of old ones.
        self.rng = random.Random(f"world {seed}")
        self.rates = rates or Rates()
        self.app_id = str(uuid.UUID(int=self.rng.getrandbits(128), version=4))
        self.roles = DEFAULT_ROLES
        self.users: MutableMapping[str, User] = {}
        self.groups: dict[str, Group] = {}
        self.skus: dict[str, Sku] = {}
        self.user_order: MutableSequence[str] = []
        self.group_order: list[str] = []
        self.holders: dict[str, MutableSet[str]] = {}
        self.cast: dict[str, str] = {}
        self.scope = "all"
        self.admins_may_reset = True
        self.prohibited_locations = frozenset({"CU", "IR", "KP", "SY"})
        self.replica = Replica(self)
        self.index = GroupIndex(self)
        self.user_journal = Journal(random.Random(f"users {seed}"))
        self.group_journal = Journal(random.Random(f"groups {seed}"))
        self._listeners: list[Callable[[Change], None]] = []

    # --- reading -------------------------------------------------------------------------------------------

    def listen(self, listener: Callable[[Change], None]) -> None:
        """Have every later change told to `listener`."""
        self._listeners.append(listener)

    def seen(self, user_id: str) -> User | None:
        """The user as a reader sees it, changes late; None if deleted or not replicated (graph.md §3.1)."""
        user = self.replica.read(user_id)
        if user is None or user.deleted_at is not None:
            return None
        return user if user.visible_from is None or user.visible_from <= self.now() else None

    def peek(self, user_id: str) -> User | None:
        """The user, deleted or not, only to be read: one of a crowd stays what he is."""
        return self.users.peek(user_id) if isinstance(self.users, CrowdUsers) else self.users.get(user_id)

    def objects(self) -> Iterable[User]:
        """All users but those of a crowd who are as they were made: licensed without error, not deleted."""
        return self.users.objects.values() if isinstance(self.users, CrowdUsers) else self.users.values()

    def visible(self, user_id: str) -> bool:
        """Whether a reader sees the user at all."""
        return self.seen(user_id) is not None

    def assigned(self, user: User) -> dict[str, frozenset[str]]:
        """SKU id to disabled plans: a plan is off only if every active source turns it off."""
        if user.deleted_at is not None:
            return {}
        held = {sku_id: direct.disabled for sku_id, direct in user.direct.items()}
        for (_, sku_id), inherited in user.inherited.items():
            if inherited.assigned:
                off = inherited.disabled
                held[sku_id] = held[sku_id] & off if sku_id in held else off
        return held

    def consumed(self, sku_id: str) -> int:
        """Seats taken: users who hold the SKU, each once."""
        return len(self.holders.get(sku_id, ()))

    def free_seats(self, sku_id: str) -> int:
        """Seats left; negative when over-assigned, none of a SKU that the tenant lost."""
        sku = self.skus.get(sku_id)
        return sku.usable - self.consumed(sku_id) if sku else 0

    def premium(self) -> bool:
        """Whether the tenant owns Entra ID P1 or P2 (graph.md §8)."""
        return any(
            sku.usable and any(plan.id in PREMIUM_PLANS for plan in sku.plans) for sku in self.skus.values()
        )

    def transitive_members(self, group_id: str) -> tuple[AbstractSet[str], set[str]]:
        """Users and groups below a group; cycles are harmless."""
        parts: list[AbstractSet[str]] = []
        seen: set[str] = set()
        waiting = [group_id]
        while waiting:
            group = self.groups.get(waiting.pop())
            if group is None:
                continue
            parts.append(group.members)
            fresh = group.nested - seen
            seen |= fresh
            waiting.extend(fresh)
        return union(parts), seen

    def user(self, user_id: str) -> User:
        """The user, deleted or not. Refused if there never was one."""
        if user_id not in self.users:
            raise Refused(f"no user {user_id}")
        return self.users[user_id]

    def group(self, group_id: str) -> Group:
        """The group. Refused if there is none."""
        if group_id not in self.groups:
            raise Refused(f"no group {group_id}")
        return self.groups[group_id]

    def sku(self, sku_id: str) -> Sku:
        """The SKU. Refused if the tenant never had it."""
        if sku_id not in self.skus:
            raise Refused(f"the tenant has no SKU {sku_id}")
        return self.skus[sku_id]
