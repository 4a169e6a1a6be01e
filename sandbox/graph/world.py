"""The simulated tenant: who is in it, what they hold, and the operations that change it. No I/O.

Every operation is what an administrator or a directory could do; each tells the listeners what a change
notification could tell (graph.md §1.3). The clock is passed in.
"""

import bisect
import random
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.graph.lag import GroupIndex, Replica
from sandbox.graph.licensing import GroupLicensing
from sandbox.graph.rates import Rates
from sandbox.graph.records import Change, Commerce, Direct, Group, Organization, Sku, User
from sandbox.graph.registration import RegistrationReport
from sandbox.graph.skus import PREMIUM_PLANS

DEFAULT_ROLES = frozenset(
    {"User.Read.All", "Group.Read.All", "Organization.Read.All", "AuditLog.Read.All", "Policy.Read.All"}
)


class Refused(Exception):
    """An operation that a real tenant would refuse too; the text says why."""


class World:
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
        self.users: dict[str, User] = {}
        self.groups: dict[str, Group] = {}
        self.skus: dict[str, Sku] = {}
        self.user_order: list[str] = []
        self.group_order: list[str] = []
        self.holders: dict[str, set[str]] = {}
        self.cast: dict[str, str] = {}
        self.scope = "all"
        self.admins_may_reset = True
        self.prohibited_locations = frozenset({"CU", "IR", "KP", "SY"})
        self.licensing = GroupLicensing(self)
        self.replica = Replica(self)
        self.index = GroupIndex(self)
        self.report = RegistrationReport(self)
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

    def visible(self, user_id: str) -> bool:
        """Whether a reader sees the user at all."""
        return self.seen(user_id) is not None

    def assigned(self, user: User) -> dict[str, frozenset[str]]:
        """SKU id to disabled plans: a plan is off only if every active source turns it off."""
        if user.deleted_at is not None:
            return {}
        held = {sku_id: direct.disabled for sku_id, direct in user.direct.items()}
        for (_, sku_id), inherited in user.inherited.items():
            if inherited.state == "Active":
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

    def transitive_members(self, group_id: str) -> tuple[set[str], set[str]]:
        """Users and groups below a group; cycles are harmless."""
        users: set[str] = set()
        seen: set[str] = set()
        waiting = [group_id]
        while waiting:
            group = self.groups[waiting.pop()]
            users |= group.members
            fresh = group.nested - seen
            seen |= fresh
            waiting.extend(fresh)
        return users, seen

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

    # --- loading -------------------------------------------------------------------------------------------

    def load(self, users: Iterable[User], groups: Iterable[Group], skus: Iterable[Sku]) -> None:
        """Put in a whole tenant as it has always been: nobody is told, nothing is processed."""
        self.skus.update((sku.sku_id, sku) for sku in skus)
        self.groups.update((group.id, group) for group in groups)
        for user in users:
            self.users[user.id] = user
            for sku_id in self.assigned(user):
                self.holders.setdefault(sku_id, set()).add(user.id)
        for group in self.groups.values():
            for user_id in group.members:
                self.users[user_id].groups.add(group.id)
        self.user_order = sorted(self.users)
        self.group_order = sorted(self.groups)
        for group_id in self.groups:
            self.index.note(group_id, always=True)
        self.report.refresh()

    # --- users ---------------------------------------------------------------------------------------------

    def add_user(self, display_name: str, **fields: Any) -> User:
        """Create a user. Readers see it after `replication_delay`; told as `updated` (graph.md §1.3)."""
        user_id = self._new_id()
        name = display_name.lower().replace(" ", ".")
        upn = fields.pop("upn", f"{name}.{user_id[:4]}@{self.organization.domains[0]}")
        now = self.now()
        visible = now + timedelta(seconds=self.rates.replication_delay)
        user = User(user_id, upn, display_name, now, visible_from=visible, **fields)
        self.users[user_id] = user
        bisect.insort(self.user_order, user_id)
        self._tell(Change("user", user_id, now))
        return user

    def update_user(self, user_id: str, **fields: Any) -> User:
        """Set properties of a user (`account_enabled`, `usage_location`, `methods` …)."""
        user = self.user(user_id)
        if user.deleted_at is not None:
            raise Refused(f"user {user_id} is deleted")
        self.replica.before_change(user)
        for name, value in fields.items():
            setattr(user, name, value)
        self._tell(Change("user", user_id, self.now()))
        return user

    def soft_delete(self, user_id: str) -> None:
        """Delete a user, restorable: told as `updated`, gone for readers, seats freed, memberships kept."""
        user = self.user(user_id)
        before = self.assigned(user)
        self._delete(user, self.now())
        self._count(user, before)
        self._tell(Change("user", user_id, self.now()))

    def restore(self, user_id: str) -> None:
        """Undo a soft delete. Not documented for notifications (graph.md §1.3), so nobody is told."""
        user = self.user(user_id)
        self._delete(user, None)
        self._count(user, {})

    def purge(self, user_id: str) -> None:
        """Delete a user for good: told as `deleted` (graph.md §1.3)."""
        user = self.user(user_id)
        before = self.assigned(user)
        self._delete(user, self.now())
        self._count(user, before)
        for group_id in user.groups:
            self.groups[group_id].members.discard(user_id)
        del self.users[user_id]
        self.user_order.remove(user_id)
        self._tell(Change("user", user_id, self.now(), type="deleted"))

    def set_licences(
        self, user_id: str, add: Mapping[str, Iterable[str]] | None = None, remove: Iterable[str] = ()
    ) -> None:
        """Assign and remove SKUs directly, whole or not at all. `add`: SKU id to disabled plans.

        Refused without a usage location (graph.md §7.1) or free seat, and for a SKU not held directly.
        """
        user = self.user(user_id)
        add = add or {}
        remove = tuple(remove)
        before = self.assigned(user)
        if add and not user.usage_location:
            raise Refused("License assignment cannot be done for user with invalid usage location.")
        for sku_id in remove:
            if sku_id not in user.direct:
                raise Refused(f"User does not have a corresponding license {sku_id}.")
        for sku_id in add:
            self.sku(sku_id)
            if sku_id not in before and self.free_seats(sku_id) <= 0:
                raise Refused(f"Subscription with SKU {sku_id} does not have any available licenses.")
        self.replica.before_change(user)
        for sku_id in remove:
            del user.direct[sku_id]
        for sku_id, disabled in add.items():
            user.direct[sku_id] = Direct(frozenset(disabled), self.now())
        self.holdings_changed(user, before)

    def holdings_changed(self, user: User, before: Mapping[str, frozenset[str]]) -> None:
        """Count seats anew; tell of it only if what is assigned changed (an error alone is never told)."""
        if self._count(user, before):
            self._tell(Change("user", user.id, self.now(), licences=True))

    # --- groups --------------------------------------------------------------------------------------------

    def add_group(self, display_name: str, nested: Iterable[str] = ()) -> Group:
        """Create a security group."""
        group = Group(self._new_id(), display_name, self.now(), nested=set(nested))
        self.groups[group.id] = group
        bisect.insort(self.group_order, group.id)
        self._tell(Change("group", group.id, self.now()))
        return group

    def add_to_group(self, group_id: str, members: Iterable[str]) -> None:
        """Add users or groups; the licences of the group follow later (graph.md §7.3)."""
        group = self.group(group_id)
        fresh = [m for m in members if m not in group.members and m not in group.nested]
        for member in fresh:
            if member in self.groups:
                group.nested.add(member)
            else:
                self.user(member).groups.add(group_id)
                group.members.add(member)
        self._membership(group, added=tuple(fresh))

    def remove_from_group(self, group_id: str, members: Iterable[str]) -> None:
        """Remove users or groups; what they had of the group goes later."""
        group = self.group(group_id)
        gone = [m for m in members if m in group.members or m in group.nested]
        for member in gone:
            group.nested.discard(member)
            group.members.discard(member)
            if member in self.users:
                self.users[member].groups.discard(group_id)
        self._membership(group, removed=tuple(gone))

    def set_group_licences(self, group_id: str, licences: Mapping[str, Iterable[str]]) -> None:
        """Set what the group assigns: SKU id to disabled plans. Members follow later."""
        group = self.group(group_id)
        for sku_id in licences:
            self.sku(sku_id)
        group.licences = {sku_id: frozenset(disabled) for sku_id, disabled in licences.items()}
        self.index.note(group_id)
        self.licensing.request(group_id)
        self._tell(Change("group", group_id, self.now()))

    def reprocess_group(self, group_id: str) -> None:
        """Try again what failed; the only way back after seats were bought (graph.md §7.3)."""
        self.group(group_id)
        self.licensing.request(group_id)

    # --- tenant --------------------------------------------------------------------------------------------

    def add_sku(self, sku: Sku) -> None:
        """Buy a SKU, or replace what is known of it."""
        self.skus[sku.sku_id] = sku

    def set_sku_units(self, sku_id: str, **units: int) -> None:
        """Set seats (`enabled`, `warning`, `suspended`, `locked_out`). Nobody is told (graph.md §7.2).

        The last subscription behind the SKU takes the difference.
        """
        sku = self.sku(sku_id)
        for name, value in units.items():
            setattr(sku, name, value)
        if sku.subscriptions:
            total = sku.enabled + sku.warning + sku.suspended + sku.locked_out
            rest = sum(row.total for row in sku.subscriptions[:-1])
            sku.subscriptions[-1].total = max(0, total - rest)

    def set_sku_status(self, sku_id: str, status: str) -> None:
        """Move all seats of a SKU, and its subscriptions, to one status. Nobody is told (graph.md §7.2)."""
        sku = self.sku(sku_id)
        total = sku.enabled + sku.warning + sku.suspended + sku.locked_out
        buckets = {
            "Enabled": "enabled",
            "Warning": "warning",
            "Suspended": "suspended",
            "LockedOut": "locked_out",
        }
        for name, bucket in buckets.items():
            setattr(sku, bucket, total if name == status else 0)
        for subscription in sku.subscriptions:
            subscription.status = status

    def set_subscriptions(self, sku_id: str, subscriptions: Iterable[Commerce]) -> None:
        """Replace the commercial subscriptions behind a SKU."""
        self.sku(sku_id).subscriptions = list(subscriptions)

    def set_scope(self, scope: str) -> None:
        """Set whom SSPR serves: `all`, `none`, or a group. The report shows it after its next refresh."""
        if scope not in ("all", "none"):
            self.group(scope)
        self.scope = scope

    # --- within --------------------------------------------------------------------------------------------

    def _delete(self, user: User, at: datetime | None) -> None:
        """Delete or (None) restore; a group that failed on the user may no longer, or again."""
        self.replica.before_change(user)
        user.deleted_at = at
        for group_id in {giver for (giver, _), held in user.inherited.items() if held.state == "Error"}:
            self.index.note(group_id)

    def _membership(self, group: Group, added: tuple[str, ...] = (), removed: tuple[str, ...] = ()) -> None:
        if not added and not removed:
            return
        users = tuple(member for member in added + removed if member in self.users)
        if users and (group.licences or group.processed):
            self.licensing.request(group.id, users)
        self._tell(Change("group", group.id, self.now(), added=added, removed=removed))

    def _count(self, user: User, before: Mapping[str, frozenset[str]]) -> bool:
        after = self.assigned(user)
        for sku_id in before.keys() - after.keys():
            self.holders.get(sku_id, set()).discard(user.id)
        for sku_id in after.keys() - before.keys():
            self.holders.setdefault(sku_id, set()).add(user.id)
        return dict(before) != after

    def _tell(self, change: Change) -> None:
        for listener in self._listeners:
            listener(change)

    def _new_id(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))
