"""The objects of the simulated tenant. Mutable records: only `world` and `licensing` change them."""

from collections.abc import MutableSet
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Plan:
    """A service plan of a SKU."""

    id: str
    name: str
    applies_to: str = "User"


@dataclass(slots=True)
class Commerce:
    """A commercial subscription behind a SKU (`/directory/subscriptions`)."""

    id: str
    status: str
    is_trial: bool
    total: int
    created_at: datetime
    next_lifecycle_at: datetime | None


@dataclass(slots=True)
class Sku:
    """A SKU of the tenant. Seats are units; consumption is counted from the users, never stored."""

    sku_id: str
    part_number: str
    plans: tuple[Plan, ...]
    applies_to: str = "User"
    enabled: int = 0
    warning: int = 0
    suspended: int = 0
    locked_out: int = 0
    subscriptions: list[Commerce] = field(default_factory=list)

    @property
    def usable(self) -> int:
        """Seats that can be assigned: enabled, and warning during the grace period (graph.md §7.2)."""
        return self.enabled + self.warning

    @property
    def status(self) -> str:
        """`Enabled` as soon as one unit is enabled (graph.md §7.2); else the best of what is left."""
        for units, name in (
            (self.enabled, "Enabled"),
            (self.warning, "Warning"),
            (self.suspended, "Suspended"),
            (self.locked_out, "LockedOut"),
        ):
            if units:
                return name
        return "Deleted"


@dataclass(slots=True)
class Direct:
    """A direct assignment of one SKU."""

    disabled: frozenset[str]
    at: datetime


@dataclass(slots=True)
class Inherited:
    """What one group's licence of one SKU became on one member: `Active`, `ActiveWithError` or `Error`.

    `error` is empty when `state` is Active.
    """

    state: str
    error: str
    disabled: frozenset[str]
    at: datetime

    @property
    def assigned(self) -> bool:
        """Whether the member has the SKU by it, with or without an error."""
        return self.state != "Error"


@dataclass(slots=True)
class User:
    """A user. `inherited` is keyed by (group id, SKU id). `synced` is three-valued."""

    id: str
    upn: str
    display_name: str
    created_at: datetime
    given_name: str | None = None
    surname: str | None = None
    job_title: str | None = None
    account_enabled: bool = True
    user_type: str | None = "Member"
    creation_type: str | None = None
    external_user_state: str | None = None
    identities: tuple[dict[str, Any], ...] = ()
    usage_location: str | None = None
    synced: bool | None = None
    is_admin: bool = False
    methods: tuple[str, ...] = ()
    direct: dict[str, Direct] = field(default_factory=dict)
    inherited: dict[tuple[str, str], Inherited] = field(default_factory=dict)
    groups: set[str] = field(default_factory=set)
    deleted_at: datetime | None = None
    visible_from: datetime | None = None

    def fails(self, group_id: str) -> bool:
        """Whether a licence of this group ended in an error on the user; never on a deleted one."""
        return self.deleted_at is None and any(
            giver == group_id and held.error for (giver, _), held in self.inherited.items()
        )


@dataclass(slots=True)
class Group:
    """A group. `members` are users, `nested` groups; group licensing serves only `members`."""

    id: str
    display_name: str
    created_at: datetime
    members: MutableSet[str] = field(default_factory=set)
    nested: set[str] = field(default_factory=set)
    licences: dict[str, frozenset[str]] = field(default_factory=dict)
    processed: bool = False


@dataclass(slots=True)
class Organization:
    """The tenant's own object."""

    id: str
    display_name: str
    country: str | None
    on_premises_sync: bool | None
    last_sync_at: datetime | None
    domains: tuple[str, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """Something a subscription could tell of. `kind`: user or group; `type`: updated or deleted.

    `licences`: only what the user is assigned changed. `added` and `removed`: members of the group.
    """

    kind: str
    id: str
    at: datetime
    type: str = "updated"
    licences: bool = False
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
