"""What Graph says of the tenant, how well it is known, and the sums over its users."""

import enum
from collections.abc import Mapping
from datetime import datetime, timedelta

from shared.clocks import is_ahead
from shared.model.base import Facts
from shared.model.users import Registration


class CommerceSubscription(Facts, frozen=True):
    """One row of `/directory/subscriptions`. `is_trial` None: could not be read."""

    id: str
    status: str
    is_trial: bool | None = None
    total: int = 0
    next_lifecycle_at: datetime | None = None


class Sku(Facts, frozen=True):
    """One row of `/subscribedSkus` with the subscriptions behind it. Seats are units."""

    sku_id: str
    part_number: str = ""
    applies_to: str = "User"
    status: str = "Enabled"
    enabled: int = 0
    warning: int = 0
    suspended: int = 0
    locked_out: int = 0
    consumed: int = 0
    plans: tuple[str, ...] = ()
    subscriptions: tuple[CommerceSubscription, ...] = ()

    @property
    def usable(self) -> int:
        """Seats that work now: enabled and, in its grace period, warning."""
        return self.enabled + self.warning

    @property
    def free(self) -> int:
        """Seats that can be assigned now; never negative."""
        return max(0, self.usable - self.consumed)


class GroupError(Facts, frozen=True):
    """Members of one licensing group on whom one SKU fails with one error code.

    `members` counts them; `sample` holds at most 20 of their ids.
    """

    sku_id: str
    code: str
    members: int
    sample: tuple[str, ...] = ()


JOB_AT_MOST = timedelta(hours=4)
"""A licensing job that runs longer is taken for stuck: nobody waits for it any more."""


class LicensingGroup(Facts, frozen=True):
    """A group that assigns licences. `processing_since`: a licensing job runs and was first seen then.

    `nested`: ids of the groups in it, and of those in them: their members get nothing of it.
    `nested_unlicensed`: how many of these members have none of its SKUs otherwise. `since`: when the group
    was first seen to assign; `members_at`: when the list of its members was last read.
    """

    id: str
    display_name: str = ""
    sku_ids: tuple[str, ...] = ()
    processing_since: datetime | None = None
    errors: tuple[GroupError, ...] = ()
    nested: tuple[str, ...] = ()
    nested_unlicensed: int = 0
    observed_at: datetime | None = None
    since: datetime | None = None
    members_at: datetime | None = None

    def job_runs(self, now: datetime) -> bool:
        """Whether its licensing job runs, and not for so long that it must be stuck."""
        since = self.processing_since
        return since is not None and now - since < JOB_AT_MOST and not is_ahead(since, now)


class EvidenceStatus(enum.StrEnum):
    """How the last attempt to read a piece of evidence ended."""

    OK = "ok"
    FORBIDDEN = "forbidden"
    NOT_PREMIUM = "not-premium"
    FAILED = "failed"
    NEVER = "never"


class Evidence(Facts, frozen=True):
    """One source of facts: when it was last read whole, and how the last attempt ended.

    `permission` names the Graph permission that a 403 asked for; `problem` is the code of another failure.
    `oldest_row_at`, `median_row_at`: of a report whose rows say when they were last brought up to date (the
    median to the day). `unread`: of a piece that is several groups, the ids of those that could not be read,
    each with what names it: `exception:<id>`, `route:<name>`.
    """

    status: EvidenceStatus = EvidenceStatus.NEVER
    read_at: datetime | None = None
    tried_at: datetime | None = None
    permission: str = ""
    problem: str = ""
    oldest_row_at: datetime | None = None
    median_row_at: datetime | None = None
    unread: Mapping[str, tuple[str, ...]] = {}


EVIDENCE = (
    "skus",
    "subscriptions",
    "organization",
    "groups",
    "registration",
    "scope-groups",
    "emergency-group",
    "audit",
    "admin-policy",
    "named-groups",
)
"""Names of the pieces of evidence in `TenantFacts.evidence`."""


class TenantFacts(Facts, frozen=True):
    """What is known of the tenant. `generation` rises with every committed reading (design §4.3).

    `watched`: the ids of the groups nested in each scope group and in the emergency group, as last read.
    """

    tenant_id: str
    generation: int = 0
    policy: str = ""
    observed_at: datetime | None = None
    country: str | None = None
    display_name: str = ""
    on_premises_sync: bool | None = None
    admin_sspr_allowed: bool | None = None
    domains: tuple[str, ...] = ()
    skus: Mapping[str, Sku] = {}
    groups: Mapping[str, LicensingGroup] = {}
    evidence: Mapping[str, Evidence] = {}
    watched: Mapping[str, tuple[str, ...]] = {}

    def evidence_of(self, name: str) -> Evidence:
        """The evidence of that name; never read if there is none."""
        return self.evidence.get(name, _NEVER)


_NEVER = Evidence()


class Standing(Facts, frozen=True):
    """What is known of one user beyond the user object. None means: not known.

    `enabled_since`: when the watch first saw the account enabled after it had seen it disabled.
    `used`: whether the user reset a password or unlocked an account by self-service within a year; `used_at`:
    when last. `nested_in`: licensing groups of which the user is a member only through another group.
    """

    registration: Registration | None = None
    in_scope_group: bool | None = None
    emergency: bool = False
    used: bool | None = None
    used_at: datetime | None = None
    enabled_since: datetime | None = None
    nested_in: tuple[str, ...] = ()


class Totals(Facts, frozen=True):
    """Counts over all users of the ledger; sums of shards (`shared/ledger`), read by `findings.of_tenant`.

    `states` counts users by state; `hanging` by `kind|about` of their `because` towards the tenant;
    `differing` by edition. `need_p1` and `need_cloud`: uncovered users in reach whom only P1 or better would
    cover, or already a cloud level. `reclaimable`: SKU id to seats held by accounts that are disabled or out
    of reach, emergency accounts left out; `reclaimable_sample` at most 20 of their ids. `no_location`: users
    in reach with a blank usage location. `scope_mismatch`: users, not administrators, on whom the configured
    scope groups and the report disagree.
    """

    users: int = 0
    in_reach: int = 0
    synced_in_reach: int = 0
    no_location: int = 0
    states: Mapping[str, int] = {}
    hanging: Mapping[str, int] = {}
    differing: Mapping[str, int] = {}
    need_p1: int = 0
    need_cloud: int = 0
    reclaimable: Mapping[str, int] = {}
    reclaimable_sample: Mapping[str, tuple[str, ...]] = {}
    scope_mismatch: int = 0
