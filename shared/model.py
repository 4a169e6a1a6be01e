"""The typed facts and answers that every room shares. Frozen data: no I/O, no Azure, no clock.

Three families: what Graph said (`User`, `Sku`, `TenantFacts` …; field names as Graph's, in snake case),
what we make of it (`Verdict`, `Finding`), and what changed (`OpenFinding`, `Transition`).
Times are timezone-aware UTC. Ids are Graph's object ids, lower case. Shapes: learn.microsoft.com/graph/api.
"""

import enum
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

# --- what Graph says of a user -------------------------------------------------------------------------


class _Graph(msgspec.Struct, frozen=True, rename="camel", kw_only=True, gc=False):
    """A Graph resource: camelCase on the wire, unknown properties ignored."""


class AssignedLicense(_Graph, frozen=True):
    """One SKU a user holds; `disabled_plans` is already the union over all its sources."""

    sku_id: str
    disabled_plans: tuple[str, ...] = ()


class LicenseAssignmentState(_Graph, frozen=True):
    """One source of one SKU on one user. `assigned_by_group` is null for a direct assignment."""

    sku_id: str
    assigned_by_group: str | None = None
    disabled_plans: tuple[str, ...] = ()
    state: str = "Active"
    error: str | None = None


class Identity(_Graph, frozen=True):
    """One sign-in identity; `issuer` is the domain of the tenant that holds the credential."""

    sign_in_type: str | None = None
    issuer: str | None = None
    issuer_assigned_id: str | None = None


class User(_Graph, frozen=True):
    """A user as the one `$select` of the watch reads it (judgement.md §2)."""

    id: str
    user_principal_name: str | None = None
    display_name: str | None = None
    account_enabled: bool | None = None
    user_type: str | None = None
    creation_type: str | None = None
    external_user_state: str | None = None
    identities: tuple[Identity, ...] = ()
    usage_location: str | None = None
    on_premises_sync_enabled: bool | None = None
    created_date_time: datetime | None = None
    assigned_licenses: tuple[AssignedLicense, ...] = ()
    license_assignment_states: tuple[LicenseAssignmentState, ...] = ()

    @property
    def synced(self) -> bool:
        """Only `true` is synced; `false` and null are not (judgement.md §3)."""
        return self.on_premises_sync_enabled is True


USER_SELECT = (
    "id",
    "userPrincipalName",
    "displayName",
    "accountEnabled",
    "userType",
    "creationType",
    "externalUserState",
    "identities",
    "usageLocation",
    "onPremisesSyncEnabled",
    "createdDateTime",
    "assignedLicenses",
    "licenseAssignmentStates",
)
"""The one `$select` for users, everywhere."""


class Registration(_Graph, frozen=True):
    """A row of the user registration details report."""

    id: str
    is_sspr_enabled: bool = False
    is_sspr_registered: bool = False
    is_sspr_capable: bool = False
    is_admin: bool = False
    last_updated_date_time: datetime | None = None


# --- what Graph says of the tenant ---------------------------------------------------------------------


class Facts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Our own record of a fact: snake case in storage, defaults left out."""


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


class LicensingGroup(Facts, frozen=True):
    """A group that assigns licences. `processing_since`: a licensing job runs and was first seen then."""

    id: str
    display_name: str = ""
    sku_ids: tuple[str, ...] = ()
    processing_since: datetime | None = None
    errors: tuple[GroupError, ...] = ()
    nested_unlicensed: int = 0
    observed_at: datetime | None = None


class EvidenceStatus(enum.StrEnum):
    """How the last attempt to read a piece of evidence ended."""

    OK = "ok"
    FORBIDDEN = "forbidden"
    NOT_PREMIUM = "not-premium"
    FAILED = "failed"
    NEVER = "never"


class Evidence(Facts, frozen=True):
    """One source of facts: when it was last read whole, and how the last attempt ended.

    `permission` names the Graph permission that a 403 asked for.
    """

    status: EvidenceStatus = EvidenceStatus.NEVER
    read_at: datetime | None = None
    tried_at: datetime | None = None
    permission: str = ""


EVIDENCE = (
    "skus",
    "subscriptions",
    "organization",
    "groups",
    "registration",
    "scope-groups",
    "emergency-group",
    "admin-policy",
)
"""Names of the pieces of evidence in `TenantFacts.evidence`."""


class TenantFacts(Facts, frozen=True):
    """What is known of the tenant. `generation` rises with every committed reading (design §4.3)."""

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

    def evidence_of(self, name: str) -> Evidence:
        """The evidence of that name; never read if there is none."""
        return self.evidence.get(name, _NEVER)


_NEVER = Evidence()


class Standing(Facts, frozen=True):
    """What is known of one user beyond the user object. None means: not known.

    `enabled_since`: when the watch first saw the account enabled after it had seen it disabled.
    `nested_in`: licensing groups of which the user is a member only through another group.
    """

    registration: Registration | None = None
    in_scope_group: bool | None = None
    emergency: bool = False
    used: bool | None = None
    enabled_since: datetime | None = None
    nested_in: tuple[str, ...] = ()


# --- what we make of it --------------------------------------------------------------------------------


class Tier(enum.IntEnum):
    """The best licence that counts: nothing, a cloud level (Office 365, Basic), P1 or better."""

    NONE = 0
    CLOUD = 1
    P1 = 2


class State(enum.StrEnum):
    """A user's verdict (judgement.md §4)."""

    COVERED = "covered"
    UNCOVERED = "uncovered"
    WRITEBACK_UNCOVERED = "writeback-uncovered"
    UNDETERMINED = "undetermined"
    NOT_IN_REACH = "not-in-reach"


BROKEN = (State.UNCOVERED, State.WRITEBACK_UNCOVERED, State.UNDETERMINED)
"""The states that make a `coverage` finding."""


class Because(Facts, frozen=True):
    """Points to a finding of the tenant or of a group that would explain this one (the mute table's key).

    `kind` and `about` as in `Finding`; `subject` is a group's id, empty for the tenant.
    """

    kind: str
    about: str = ""
    subject: str = ""


class Warning(Facts, frozen=True):
    """Something that does not change the verdict but should be seen. `about` is a SKU id or empty."""

    code: str
    about: str = ""


class Part(Facts, frozen=True):
    """One half of the verdict: `yes`, `no`, `undetermined`, or `not-asked` (no writeback for this user)."""

    answer: str
    rule: str = ""
    cause: str = ""


class Holding(Facts, frozen=True):
    """How one SKU that a user holds was read (judgement.md §2). For `explain`; not kept in the ledger.

    `reset` and `writeback`: yes, no, undetermined. `tier` is what it gives where it counts.
    `reason` is the code of the step that decided.
    """

    sku_id: str
    reset: str
    writeback: str
    tier: Tier
    reason: str
    warnings: tuple[str, ...] = ()
    because: tuple[Because, ...] = ()


class Verdict(Facts, frozen=True):
    """The judgement of one user by one edition: pure, the same for the same facts.

    `rule` is the edition's id that decided `state`; `reach` the reason why the user is or is not in reach.
    """

    state: State
    rule: str
    cause: str
    reach: str
    reset: Part
    writeback: Part
    tier: Tier = Tier.NONE
    counted: tuple[str, ...] = ()
    warnings: tuple[Warning, ...] = ()
    because: tuple[Because, ...] = ()
    holdings: tuple[Holding, ...] = ()


class Judged(Facts, frozen=True):
    """The governing edition's verdict, and the state that each other edition would give."""

    verdict: Verdict
    others: Mapping[str, State] = {}

    @property
    def differing(self) -> tuple[str, ...]:
        """Editions that would judge this user's state otherwise."""
        return tuple(sorted(name for name, state in self.others.items() if state != self.verdict.state))


class Step(Facts, frozen=True):
    """One step of a remedy: a code of the text catalogue and what to fill in (ids, numbers, dates)."""

    step: str
    values: Mapping[str, Any] = {}


class SubjectType(enum.StrEnum):
    """Whom a finding is about."""

    USER = "user"
    GROUP = "group"
    TENANT = "tenant"


class Severity(enum.StrEnum):
    """How much it matters; `high` of the tenant is told at once."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Finding(Facts, frozen=True):
    """Something that is wrong now, before it has an identity in time.

    `about` tells several findings of one kind on one subject apart (a SKU id, a setting, a piece of
    evidence); empty where a kind occurs once. `facts` hold JSON values: ids, counts, dates, never names.
    """

    kind: str
    state: str
    severity: Severity
    rule: str = ""
    cause: str = ""
    about: str = ""
    skus: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    facts: Mapping[str, Any] = {}
    remedy: tuple[Step, ...] = ()
    because: tuple[Because, ...] = ()

    @property
    def key(self) -> str:
        """Unique among the findings of one subject."""
        return f"{self.kind}|{self.about}" if self.about else self.kind


class OpenFinding(Facts, frozen=True):
    """A finding with its identity: from `opened_at` until it is resolved it keeps `id` (judgement.md §5)."""

    id: str
    finding: Finding
    fingerprint: str
    opened_at: datetime
    changed_at: datetime
    reopened: int = 0
    baseline: bool = False


class ClosedFinding(Facts, frozen=True):
    """What is remembered of a resolved finding, for `REOPEN_WITHIN`."""

    id: str
    fingerprint: str
    opened_at: datetime
    closed_at: datetime
    reopened: int = 0


class Moment(enum.StrEnum):
    """The transitions of a finding."""

    OPENED = "opened"
    CHANGED = "changed"
    RESOLVED = "resolved"


class Transition(Facts, frozen=True):
    """One step in a finding's life. `finding` is how it stands after it (for `resolved`: how it last stood).

    `cause` of a resolution: `licensed`, `left-reach: <reason>`, `deleted`, `rule-changed`, or for tenant and
    group findings `fixed`. `previous` is the state and fingerprint before, empty when opened anew.
    """

    moment: Moment
    at: datetime
    finding: OpenFinding
    cause: str = ""
    previous: Mapping[str, str] = {}


class JudgedBy(Facts, frozen=True):
    """Under which tenant facts and which policy a verdict was given; the higher generation is newer."""

    generation: int
    policy: str


def utc(text: str) -> datetime:
    """Read an ISO 8601 time; a time without offset is taken as UTC."""
    value = datetime.fromisoformat(text)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# --- sums over users, for the findings of the tenant -----------------------------------------------------


class Totals(Facts, frozen=True):
    """Counts over all users of the ledger; sums of shards (`shared/ledger`), read by `findings.of_tenant`.

    `states` counts users by state; `hanging` by `kind|about` of their `because` towards the tenant;
    `differing` by edition. `need_p1` and `need_cloud`: uncovered users in reach whom only P1 or better would
    cover, or already a cloud level. `reclaimable`: SKU id to seats held by disabled or out-of-reach accounts,
    `reclaimable_sample` at most 20 of their ids. `no_location`: users in reach with a blank usage location.
    `scope_mismatch`: users, not administrators, on whom the configured scope groups and the report disagree.
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
