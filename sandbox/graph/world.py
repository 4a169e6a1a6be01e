"""The operations that change the simulated tenant: what an administrator or a directory could do. No I/O.

Each tells the listeners what a change notification could tell (graph.md §1.3), and puts into the journals
what delta will (graph.md §6): more than that, since restoring a user for instance is told to nobody.
"""

import bisect
import random
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.graph.audits import Audit, Audits
from sandbox.graph.crowd import Crowd
from sandbox.graph.crowd_views import joined
from sandbox.graph.journal import WHOLE, Entry, snapshot
from sandbox.graph.licensing import GroupLicensing
from sandbox.graph.rates import Rates
from sandbox.graph.records import Change, Commerce, Direct, Group, Organization, Sku, User
from sandbox.graph.registration import RegistrationReport
from sandbox.graph.state import DEFAULT_ROLES, Refused, WorldState

__all__ = ["DEFAULT_ROLES", "Refused", "World"]

_HOLDINGS = frozenset({"assignedLicenses", "assignedPlans"})
_PLANS = frozenset({"assignedPlans"})
_MEMBERS = frozenset({"members"})
_PROPERTIES = {
    "upn": ("userPrincipalName", "mail"),
    "display_name": ("displayName",),
    "account_enabled": ("accountEnabled",),
    "user_type": ("userType",),
    "creation_type": ("creationType",),
    "external_user_state": ("externalUserState",),
    "identities": ("identities",),
    "usage_location": ("usageLocation",),
    "synced": ("onPremisesSyncEnabled",),
}
"""What Graph calls the fields of a user; what isn't here is no property of the user in the directory."""


class World(WorldState):
    """One tenant and the application that reads it, with everything that happens to them."""

    def __init__(
        self,
        organization: Organization,
        *,
        seed: int = 1,
        rates: Rates | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(organization, seed=seed, rates=rates, clock=clock)
        # Apart from all other draws, so that new objects get the same ids however often the service is asked.
        self._ids = random.Random(f"ids {seed}")
        self.licensing = GroupLicensing(self)
        self.report = RegistrationReport(self)
        self.audits = Audits(self)

    # --- loading -------------------------------------------------------------------------------------------

    def load(
        self,
        users: Iterable[User],
        groups: Iterable[Group],
        skus: Iterable[Sku],
        crowd: Crowd | None = None,
    ) -> None:
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
        if crowd is not None:
            self.users, self.user_order = joined(crowd, self.users, self.groups.values(), self.holders)
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
        self._note_user(user)
        self._tell(Change("user", user_id, now))
        return user

    def update_user(self, user_id: str, **fields: Any) -> User:
        """Set properties of a user (`account_enabled`, `upn`, `usage_location`, `methods` …)."""
        user = self.user(user_id)
        if user.deleted_at is not None:
            raise Refused(f"user {user_id} is deleted")
        self.replica.before_change(user)
        changed: set[str] = set()
        for name, value in fields.items():
            if getattr(user, name) != value:
                changed.update(_PROPERTIES.get(name, ()))
                if value is None:
                    self.user_journal.nulled.setdefault(user_id, set()).update(_PROPERTIES.get(name, ()))
            setattr(user, name, value)
        if changed:
            self._note_user(user, frozenset(changed))
        self._tell(Change("user", user_id, self.now()))
        return user

    def soft_delete(self, user_id: str) -> None:
        """Delete a user, restorable: told as `updated`, gone for readers, seats freed, memberships kept."""
        user = self.user(user_id)
        if user.deleted_at is not None:
            raise Refused(f"user {user_id} is deleted")
        before = self.assigned(user)
        self._delete(user, self.now())
        self._note_user(user)
        self._count(user, before)
        self._tell(Change("user", user_id, self.now()))

    def restore(self, user_id: str) -> None:
        """Undo a soft delete. Not documented for notifications (graph.md §1.3), so nobody is told.

        Refused for a user who isn't deleted.
        """
        user = self.user(user_id)
        if user.deleted_at is None:
            raise Refused(f"user {user_id} is not deleted")
        self._delete(user, None)
        self._note_user(user)
        self._count(user, {})

    def purge(self, user_id: str) -> None:
        """Delete a user for good: told as `deleted` (graph.md §1.3)."""
        user = self.user(user_id)
        before = self.assigned(user)
        self._delete(user, self.now())
        self._count(user, before)
        for group_id in user.groups:
            self.groups[group_id].members.discard(user_id)
            if self.rates.purged_members_in_delta:
                self._note_group(group_id, _MEMBERS, removed=(user_id,))
        del self.users[user_id]
        del self.user_order[bisect.bisect_left(self.user_order, user_id)]
        self.user_journal.note(Entry(user_id, self._shows_at(), gone="deleted"))
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
            self._note_user(user, _HOLDINGS)
            self._tell(Change("user", user.id, self.now(), licences=True))

    # --- groups --------------------------------------------------------------------------------------------

    def add_group(self, display_name: str, nested: Iterable[str] = ()) -> Group:
        """Create a security group."""
        group = Group(self._new_id(), display_name, self.now(), nested=set(nested))
        self.groups[group.id] = group
        bisect.insort(self.group_order, group.id)
        self._note_group(group.id, WHOLE, added=tuple(sorted(group.nested)))
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
        self._note_group(group_id, frozenset({"assignedLicenses"}))
        self._tell(Change("group", group_id, self.now()))

    def delete_group(self, group_id: str) -> None:
        """Delete a group for good: told as `deleted`. Refused while it assigns licences.

        learn: Group-based licensing scenarios, "Delete a group with an assigned license".
        """
        group = self.group(group_id)
        if group.licences or any(
            key[0] == group_id for m in group.members for key in self.users[m].inherited
        ):
            raise Refused("The group has active licenses and can't be deleted.")
        for member in group.members:
            self.users[member].groups.discard(group_id)
        for other in self.groups.values():
            if group_id in other.nested:
                other.nested.discard(group_id)
                self._note_group(other.id, _MEMBERS, removed=(group_id,))
        del self.groups[group_id]
        del self.group_order[bisect.bisect_left(self.group_order, group_id)]
        self.group_journal.note(Entry(group_id, self._shows_at(), gone="deleted"))
        self._tell(Change("group", group_id, self.now(), type="deleted"))

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
        status = sku.status
        for name, value in units.items():
            setattr(sku, name, value)
        if sku.subscriptions:
            total = sku.enabled + sku.warning + sku.suspended + sku.locked_out
            rest = sum(row.total for row in sku.subscriptions[:-1])
            sku.subscriptions[-1].total = max(0, total - rest)
        self._note_status(sku_id, status)

    def set_sku_status(self, sku_id: str, status: str) -> None:
        """Move all seats of a SKU, and its subscriptions, to one status. Nobody is told (graph.md §7.2)."""
        sku = self.sku(sku_id)
        before = sku.status
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
        self._note_status(sku_id, before)

    def drop_sku(self, sku_id: str) -> None:
        """Take a SKU out of the tenant altogether; assignments stay listed on the users. Nobody is told."""
        sku = self.skus.pop(sku_id, None)
        if sku is not None:
            self._note_status(sku_id, sku.status)

    def set_subscriptions(self, sku_id: str, subscriptions: Iterable[Commerce]) -> None:
        """Replace the commercial subscriptions behind a SKU."""
        self.sku(sku_id).subscriptions = list(subscriptions)

    def set_scope(self, scope: str) -> None:
        """Set whom SSPR serves: `all`, `none`, or a group. The report shows it after its next refresh."""
        if scope not in ("all", "none"):
            self.group(scope)
        change = {"EnablementType": (self.scope, scope)}
        self.audits.add(
            Audit("Self-service password reset policy changes", self.now(), category="Policy", changes=change)
        )
        self.scope = scope

    def self_service(self, user_id: str, activity: str, result: str, at: datetime) -> None:
        """A user resets, changes or unlocks by self-service, or tries to: one line in the audit log."""
        user = self.user(user_id)
        if user.deleted_at is not None:
            raise Refused(f"user {user_id} is deleted")
        self.audits.add(Audit(activity, at, user.id, user.upn, user.display_name, result))

    # --- within --------------------------------------------------------------------------------------------

    def _delete(self, user: User, at: datetime | None) -> None:
        """Delete or (None) restore; a group that failed on the user may no longer, or again."""
        self.replica.before_change(user)
        user.deleted_at = at
        for group_id in {giver for (giver, _), held in user.inherited.items() if held.error}:
            self.index.note(group_id)

    def _membership(self, group: Group, added: tuple[str, ...] = (), removed: tuple[str, ...] = ()) -> None:
        if not added and not removed:
            return
        users = tuple(member for member in added + removed if member in self.users)
        if users and (group.licences or group.processed):
            self.licensing.request(group.id, users)
        self._note_group(group.id, _MEMBERS, added=added, removed=removed)
        self._tell(Change("group", group.id, self.now(), added=added, removed=removed))

    def _count(self, user: User, before: Mapping[str, frozenset[str]]) -> bool:
        after = self.assigned(user)
        for sku_id in before.keys() - after.keys():
            self.holders.get(sku_id, set()).discard(user.id)
        for sku_id in after.keys() - before.keys():
            self.holders.setdefault(sku_id, set()).add(user.id)
        return dict(before) != after

    def _shows_at(self, earliest: datetime | None = None) -> datetime:
        at = self.now() + timedelta(seconds=self.rates.delta_lag)
        return at if earliest is None else max(at, earliest)

    def _note_user(self, user: User, changed: frozenset[str] = WHOLE) -> None:
        gone = "" if user.deleted_at is None else "changed"
        at = self._shows_at(user.visible_from)
        self.user_journal.note(Entry(user.id, at, changed, snapshot(user), gone))

    def _note_group(
        self,
        group_id: str,
        changed: frozenset[str],
        added: tuple[str, ...] = (),
        removed: tuple[str, ...] = (),
    ) -> None:
        entry = Entry(group_id, self._shows_at(), changed, added=added, removed=removed)
        self.group_journal.note(entry)

    def _note_status(self, sku_id: str, before: str) -> None:
        """A SKU's state is in each holder's `assignedPlans`; whether delta tracks it, nobody says (§6)."""
        now = self.skus[sku_id].status if sku_id in self.skus else "Deleted"
        if self.rates.plan_status_in_delta and now != before:
            for user_id in sorted(self.holders.get(sku_id, ())):
                self._note_user(self.users[user_id], _PLANS)

    def _tell(self, change: Change) -> None:
        for listener in self._listeners:
            listener(change)

    def _new_id(self) -> str:
        return str(uuid.UUID(int=self._ids.getrandbits(128), version=4))
