"""Who is in reach of self-service password reset (judgement.md §3). Pure; each reason has a name."""

import re
from datetime import datetime

import msgspec

from shared.model import Registration, Standing, TenantFacts, User
from shared.rules.policy import Policy

IN, OUT, UNKNOWN, NOT_YET = "in", "out", "unknown", "not-yet"


class Reach(msgspec.Struct, frozen=True, eq=False):
    """Why a user is or is not in reach. There is one of each, below: they are told apart by identity.

    `answer`: in, out, unknown, not-yet (the report does not know the account yet). `missing`: the evidence
    that would settle an unknown.
    """

    code: str
    answer: str
    missing: str = ""


def _out(code: str) -> Reach:
    return Reach(code, OUT)


def _unknown(missing: str) -> Reach:
    return Reach("unknown", UNKNOWN, missing)


DISABLED = _out("account-disabled")
SYNC_ACCOUNT = _out("sync-account")
EMERGENCY = _out("emergency")
EXTERNAL = _out("external")
INTERNAL_GUEST = _out("internal-guest")
RESOURCE_ACCOUNT = _out("resource-account")
ADMIN_SSPR_OFF = _out("admin-sspr-off")
SSPR_NOT_ENABLED = _out("sspr-not-enabled")
OUTSIDE_SCOPE_GROUP = _out("outside-scope-group")
NOT_CAPABLE = _out("not-capable")
NOT_USED = _out("not-used")
CANNOT_RESET = _out("cannot-reset")
ADMINISTRATOR = Reach("administrator", IN)
REPORT = Reach("report", IN)
SCOPE_GROUP = Reach("scope-group", IN)
EVERYONE = Reach("everyone", IN)
ASSUMED = Reach("assumed", IN)
NOT_YET_REPORTED = Reach("not-yet-reported", NOT_YET)
NO_REPORT = _unknown("registration")
NO_ROW = _unknown("registration-rows")
NO_SCOPE_GROUPS = _unknown("scope-groups")
NO_AUDIT = _unknown("audit")

EXCLUSIONS = (DISABLED, SYNC_ACCOUNT, EMERGENCY, EXTERNAL, INTERNAL_GUEST, RESOURCE_ACCOUNT)
"""What takes an account out before anybody asks for the scope, in the order in which it is looked at."""

SYNC_NAME = "on-premises directory synchronization service account"
"""The display name of an account of synchronisation, casefolded."""

_SYNC_NAME_LENGTH = len(SYNC_NAME)

_SYNC_INITIALS = frozenset("SsAa")
_SYNC_STARTS = frozenset(("sy", "sY", "Sy", "SY", "ad", "aD", "Ad", "AD"))
"""How the UPN of such an account begins: tells most others apart without the whole comparison."""

_SYNC_UPN = re.compile(r"(sync_[^@]+_[0-9a-f]{12}|adtoaadsyncserviceaccount)@", re.IGNORECASE)
"""Entra Connect names its account after its server and twelve hex digits; cloud sync has one name."""


class Population:
    """Decides for each user of one tenant, under one policy and one choice for internal guests.

    The registration report counts only while its last complete reading is no older than `report_max_age`,
    whatever became of later attempts; an older one is as good as none, also for who is an administrator.
    """

    def __init__(self, facts: TenantFacts, policy: Policy, internal_guests: str) -> None:
        self._policy = policy
        self._skip_internal_guests = internal_guests == "not_in_reach"
        self._skip_resources = policy.resource_accounts == "skip"
        self._everybody = policy.population == "enabled"
        self._by_report = policy.scope not in ("all", "groups")
        self._administrators_out = facts.admin_sspr_allowed is False
        self._domains = frozenset(domain.casefold() for domain in facts.domains)
        read_at = facts.evidence_of("registration").read_at
        self._report_until = read_at + policy.report_max_age if read_at else None

    def row_in_force(self, standing: Standing, at: datetime) -> Registration | None:
        """The user's row of the report, if the report still counts at that time."""
        row = standing.registration
        return row if row is not None and self.readable(at) else None

    def reach(
        self, user: User, standing: Standing, row: Registration | None, at: datetime, resource: bool
    ) -> Reach:
        """Why this user is or is not in reach, as `EXCLUSIONS` says in what order.

        `row`: as `row_in_force` gives it. `resource`: holds licences for rooms, devices and robots only.
        """
        # All that is asked of everybody stands in one function: a call costs as much as several questions.
        if user.account_enabled is not True:
            return DISABLED
        upn, name = user.user_principal_name, user.display_name
        if (
            (upn and upn[0] in _SYNC_INITIALS and upn[:2] in _SYNC_STARTS)
            or (name and len(name) >= _SYNC_NAME_LENGTH)
        ) and is_sync_account(user):
            return SYNC_ACCOUNT
        if standing.emergency:
            return EMERGENCY
        if (user.external_user_state or user.creation_type) and self._resets_at_home(user):
            return EXTERNAL
        if user.user_type != "Member" and self._skip_internal_guests and _is_guest(user):
            return INTERNAL_GUEST
        if resource and self._skip_resources:
            return RESOURCE_ACCOUNT
        if row is None:
            scope = self._without_row(user, standing, at)
        elif row.is_admin:
            scope = ADMIN_SSPR_OFF if self._administrators_out else ADMINISTRATOR
        elif self._by_report:
            scope = REPORT if row.is_sspr_enabled else SSPR_NOT_ENABLED
        else:
            scope = self._by_setting(standing)
        if self._everybody or scope.answer != IN:
            return scope
        return self._in_population(scope, user, standing, row, at)

    def readable(self, at: datetime) -> bool:
        """Whether the registration report counts at that time."""
        return self._report_until is not None and at <= self._report_until

    def _resets_at_home(self, user: User) -> bool:
        """External by its marks, unless every issuer of its identities is a domain of this tenant.

        A guest has a principal name under our domain beside the identity of its home; an account that was
        invited once and has since been converted has ours alone. So has, until it is redeemed, an invitation
        that is pending: only its state tells it apart. userType decides nothing.
        """
        state = (user.external_user_state or "").casefold()
        invited = (user.creation_type or "").casefold() == "invitation"
        if invited and state == "pendingacceptance":
            return True
        if not state and not invited:
            return False
        issuers = [one.issuer.casefold() for one in user.identities if one.issuer]
        return not (self._domains and issuers) or any(issuer not in self._domains for issuer in issuers)

    def _by_setting(self, standing: Standing) -> Reach:
        """Whether in scope where the report isn't asked."""
        if self._policy.scope == "all":
            return EVERYONE
        if standing.in_scope_group is None:
            return NO_SCOPE_GROUPS
        return SCOPE_GROUP if standing.in_scope_group else OUTSIDE_SCOPE_GROUP

    def _without_row(self, user: User, standing: Standing, at: datetime) -> Reach:
        """Whether in scope, for whom there is no row in force."""
        if not self._by_report:
            return self._by_setting(standing)
        if self.readable(at):
            return self._absent(user, standing, at)
        return NO_REPORT if self._policy.scope == "report" else ASSUMED

    def _in_population(
        self, scope: Reach, user: User, standing: Standing, row: Registration | None, at: datetime
    ) -> Reach:
        population = self._policy.population
        if population == "capable":
            if row is None:
                return self._absent(user, standing, at) if self.readable(at) else NO_REPORT
            return scope if row.is_sspr_capable else NOT_CAPABLE
        if population == "used":
            if standing.used is None:
                return NO_AUDIT
            return scope if standing.used else NOT_USED
        return scope

    def _absent(self, user: User, standing: Standing, at: datetime) -> Reach:
        """Absent from a report in force: new or newly enabled accounts are given time; old ones are a gap."""
        since = [one for one in (user.created_date_time, standing.enabled_since) if one]
        if since and at - max(since) < self._policy.report_grace:
            return NOT_YET_REPORTED
        return NO_ROW


def is_sync_account(user: User) -> bool:
    """Whether it is an account of Entra Connect or cloud sync, by the pattern of its UPN or its name.

    `Sync_<server>_<12 hex digits>@`, `ADToAADSyncServiceAccount@`, or the display name that both are given.
    """
    upn, name = user.user_principal_name, user.display_name
    if upn and _SYNC_UPN.match(upn):
        return True
    return name is not None and len(name) >= _SYNC_NAME_LENGTH and name.strip().casefold() == SYNC_NAME


def _is_guest(user: User) -> bool:
    return user.user_type is not None and user.user_type.casefold() == "guest"
