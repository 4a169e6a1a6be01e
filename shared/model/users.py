"""What Graph says of a user, and of its registration for self-service password reset."""

from datetime import datetime

from shared.model.base import FromGraph


class AssignedLicense(FromGraph, frozen=True):
    """One SKU a user holds; `disabled_plans` is already the union over all its sources."""

    sku_id: str
    disabled_plans: tuple[str, ...] = ()


class LicenseAssignmentState(FromGraph, frozen=True):
    """One source of one SKU on one user. `assigned_by_group` is null for a direct assignment."""

    sku_id: str
    assigned_by_group: str | None = None
    disabled_plans: tuple[str, ...] = ()
    state: str = "Active"
    error: str | None = None


class Identity(FromGraph, frozen=True):
    """One sign-in identity; `issuer` is the domain of the tenant that holds the credential."""

    sign_in_type: str | None = None
    issuer: str | None = None
    issuer_assigned_id: str | None = None


class User(FromGraph, frozen=True):
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


class Registration(FromGraph, frozen=True):
    """A row of the user registration details report."""

    id: str
    is_sspr_enabled: bool = False
    is_sspr_registered: bool = False
    is_sspr_capable: bool = False
    is_admin: bool = False
    last_updated_date_time: datetime | None = None
