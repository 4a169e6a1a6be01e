"""What the control API can do to the tenant, one struct an operation; client and server share them.

Each `apply` returns plain JSON. What a real tenant would refuse raises `world.Refused`.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec

from sandbox.graph import skus
from sandbox.graph.records import Commerce, Sku
from sandbox.graph.simulator import Simulator
from sandbox.graph.world import Refused


class Operation(msgspec.Struct, kw_only=True, tag_field="do", forbid_unknown_fields=True):
    """One change of, or question to, the simulated tenant."""

    def apply(self, simulator: Simulator) -> Any:
        """Do it; what it returns is the answer."""
        raise NotImplementedError


class AddUser(Operation, tag="add_user"):
    """Create a user; answers its id. `issuer`: the home of an external account's identity."""

    display_name: str
    upn: str | None = None
    account_enabled: bool = True
    user_type: str = "Member"
    usage_location: str | None = "NL"
    synced: bool | None = None
    is_admin: bool = False
    methods: tuple[str, ...] = ()
    creation_type: str | None = None
    external_user_state: str | None = None
    issuer: str | None = None
    identities: tuple[dict[str, str | None], ...] = ()

    def apply(self, simulator: Simulator) -> Any:
        fields = msgspec.structs.asdict(self)
        name, issuer = fields.pop("display_name"), fields.pop("issuer")
        if fields["upn"] is None:
            del fields["upn"]
        if issuer is not None:
            fields["identities"] = ({"signInType": "federated", "issuer": issuer, "issuerAssignedId": None},)
        return {"id": simulator.world.add_user(name, **fields).id}


class UpdateUser(Operation, tag="update_user"):
    """Set the given properties of a user; what is left out stays."""

    id: str
    account_enabled: bool | msgspec.UnsetType = msgspec.UNSET
    display_name: str | msgspec.UnsetType = msgspec.UNSET
    upn: str | msgspec.UnsetType = msgspec.UNSET
    user_type: str | msgspec.UnsetType | None = msgspec.UNSET
    creation_type: str | msgspec.UnsetType | None = msgspec.UNSET
    external_user_state: str | msgspec.UnsetType | None = msgspec.UNSET
    usage_location: str | msgspec.UnsetType | None = msgspec.UNSET
    synced: bool | msgspec.UnsetType | None = msgspec.UNSET
    is_admin: bool | msgspec.UnsetType = msgspec.UNSET
    methods: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET

    def apply(self, simulator: Simulator) -> Any:
        fields = {
            n: v for n, v in msgspec.structs.asdict(self).items() if v is not msgspec.UNSET and n != "id"
        }
        simulator.world.update_user(self.id, **fields)
        return {}


class DeleteUser(Operation, tag="delete_user"):
    """Delete a user: softly, or for good."""

    id: str
    permanently: bool = False

    def apply(self, simulator: Simulator) -> Any:
        (simulator.world.purge if self.permanently else simulator.world.soft_delete)(self.id)
        return {}


class RestoreUser(Operation, tag="restore_user"):
    """Undo a soft delete."""

    id: str

    def apply(self, simulator: Simulator) -> Any:
        simulator.world.restore(self.id)
        return {}


class SetLicences(Operation, tag="set_licences"):
    """Assign and remove SKUs directly. `add`: SKU id to disabled plan ids."""

    id: str
    add: dict[str, tuple[str, ...]] = {}
    remove: tuple[str, ...] = ()

    def apply(self, simulator: Simulator) -> Any:
        simulator.world.set_licences(self.id, self.add, self.remove)
        return {}


class TakeLicence(Operation, tag="take_licence"):
    """Take a SKU from so many users at once, as a script gone wrong does; answers who had it.

    What a group assigns goes by taking the user out of the group.
    """

    sku: str
    users: Annotated[int, msgspec.Meta(ge=1)] = 1

    def apply(self, simulator: Simulator) -> Any:
        world = simulator.world
        held = sorted(world.holders.get(self.sku, ()))
        if len(held) < self.users:
            raise Refused(f"only {len(held)} users hold SKU {self.sku}")
        chosen = held[: self.users]
        out_of: defaultdict[str, list[str]] = defaultdict(list)
        for user_id in chosen:
            user = world.user(user_id)
            if self.sku in user.direct:
                world.set_licences(user_id, remove=(self.sku,))
            for group_id, sku_id in user.inherited:
                if sku_id == self.sku:
                    out_of[group_id].append(user_id)
        for group_id, members in out_of.items():
            world.remove_from_group(group_id, members)
        return {"users": chosen}


class DeleteGroup(Operation, tag="delete_group"):
    """Delete a group for good; refused while it assigns licences."""

    group: str

    def apply(self, simulator: Simulator) -> Any:
        simulator.world.delete_group(self.group)
        return {}


class AddGroup(Operation, tag="add_group"):
    """Create a group, with members (users or groups) and licences if given; answers its id."""

    display_name: str
    members: tuple[str, ...] = ()
    licences: dict[str, tuple[str, ...]] = {}

    def apply(self, simulator: Simulator) -> Any:
        group = simulator.world.add_group(self.display_name)
        if self.members:
            simulator.world.add_to_group(group.id, self.members)
        if self.licences:
            simulator.world.set_group_licences(group.id, self.licences)
        return {"id": group.id}


class Members(Operation, tag="members"):
    """Add to and remove from a group users or groups."""

    group: str
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()

    def apply(self, simulator: Simulator) -> Any:
        simulator.world.add_to_group(self.group, self.add)
        simulator.world.remove_from_group(self.group, self.remove)
        return {}


class SetGroupLicences(Operation, tag="set_group_licences"):
    """Set what a group assigns; `reprocess_group` with the same tries again what failed."""

    group: str
    licences: dict[str, tuple[str, ...]]

    def apply(self, simulator: Simulator) -> Any:
        simulator.world.set_group_licences(self.group, self.licences)
        return {}


class ReprocessGroup(Operation, tag="reprocess_group"):
    """Process a group's licences anew."""

    group: str

    def apply(self, simulator: Simulator) -> Any:
        simulator.world.reprocess_group(self.group)
        return {}


class ForceError(Operation, tag="force_error"):
    """Have a group's licences fail on a member with this code from the next processing on; empty ends it.

    `assigned`: the licences come, or stay, in spite of the error (`ActiveWithError`).
    """

    group: str
    user: str
    code: str
    assigned: bool = False

    def apply(self, simulator: Simulator) -> Any:
        licensing, key = simulator.world.licensing, (self.group, self.user)
        licensing.forced.pop(key, None)
        licensing.lenient.discard(key)
        if self.code:
            licensing.forced[key] = self.code
            licensing.lenient |= {key} if self.assigned else set()
        return {}


class SetSku(Operation, tag="set_sku"):
    """Set seats, status or subscriptions of a SKU; buys it first if it is in the sandbox's own table."""

    sku: str
    enabled: int | None = None
    warning: int | None = None
    suspended: int | None = None
    locked_out: int | None = None
    status: Literal["Enabled", "Warning", "Suspended", "LockedOut", "Deleted"] | None = None
    trial: bool | None = None
    ends_at: datetime | None = None

    def apply(self, simulator: Simulator) -> Any:
        world = simulator.world
        if self.sku not in world.skus:
            if self.sku not in skus.BY_ID:
                raise Refused(f"no SKU {self.sku} in the sandbox's table")
            kind = skus.BY_ID[self.sku]
            world.add_sku(Sku(kind.sku_id, kind.part_number, kind.plans))
        given = {n: getattr(self, n) for n in ("enabled", "warning", "suspended", "locked_out")}
        world.set_sku_units(self.sku, **{n: v for n, v in given.items() if v is not None})
        if self.trial is not None or self.ends_at is not None or not world.sku(self.sku).subscriptions:
            world.set_subscriptions(self.sku, [self._subscription(simulator)])
        if self.status is not None:
            world.set_sku_status(self.sku, self.status)
        return {}

    def _subscription(self, simulator: Simulator) -> Commerce:
        sku = simulator.world.sku(self.sku)
        now = simulator.world.now()
        ends = self.ends_at or now + timedelta(days=200)
        identity = str(uuid.uuid5(uuid.UUID(self.sku), now.isoformat()))
        return Commerce(identity, sku.status, bool(self.trial), sku.usable, now, ends)


class DropSku(Operation, tag="drop_sku"):
    """Take a SKU out of the tenant altogether; assignments stay listed on the users."""

    sku: str

    def apply(self, simulator: Simulator) -> Any:
        simulator.world.drop_sku(self.sku)
        return {}


class SetScope(Operation, tag="set_scope"):
    """Whom SSPR serves: `all`, `none` or a group id; seen in the report after its next refresh."""

    scope: str

    def apply(self, simulator: Simulator) -> Any:
        simulator.world.set_scope(self.scope)
        return {}


class SelfServiceReset(Operation, tag="self_service_reset"):
    """Have a user reset, change or unlock by self-service so many seconds ago; a line in the audit log."""

    user: str
    activity: Literal[
        "Reset password (self-service)",
        "Unlock user account (self-service)",
        "Change password (self-service)",
        "Self-service password reset flow activity progress",
        "User registered for self-service password reset",
        "Blocked from self-service password reset",
    ] = "Reset password (self-service)"
    result: Literal["success", "failure", "timeout"] = "success"
    ago: Annotated[float, msgspec.Meta(ge=0)] = 0.0

    def apply(self, simulator: Simulator) -> Any:
        at = simulator.world.now() - timedelta(seconds=self.ago)
        simulator.world.self_service(self.user, self.activity, self.result, at)
        return {}


class SetTenant(Operation, tag="set_tenant"):
    """Set the application's Graph permissions, the administrators' switch, or the tenant's country.

    `roles` are all permissions that it has from now on; `revoke` takes some away, `grant` gives some.
    """

    roles: tuple[str, ...] | None = None
    revoke: tuple[str, ...] = ()
    grant: tuple[str, ...] = ()
    admins_may_reset: bool | None = None
    country: str | msgspec.UnsetType | None = msgspec.UNSET

    def apply(self, simulator: Simulator) -> Any:
        world = simulator.world
        roles = world.roles if self.roles is None else frozenset(self.roles)
        if unknown := set(self.revoke) - roles:
            raise Refused(f"the application has no {_listed(unknown)}; it has {_listed(roles)}")
        roles = roles - set(self.revoke) | set(self.grant)
        if self.roles is not None or roles != world.roles:
            world.roles = roles
            simulator.roles_changed()
        if self.admins_may_reset is not None:
            world.admins_may_reset = self.admins_may_reset
        if self.country is not msgspec.UNSET:
            world.organization.country = self.country
        return {"roles": sorted(world.roles)}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
