"""Random users, tenants and policies for the promises about judgement."""

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import strategies as st

from shared.model import (
    AssignedLicense,
    CommerceSubscription,
    Evidence,
    EvidenceStatus,
    LicenseAssignmentState,
    Registration,
    Sku,
    Standing,
    TenantFacts,
    User,
)
from shared.rules.policy import Policy

AT = datetime(2026, 9, 1, 12, tzinfo=UTC)
EDITIONS = ("2017-10-24", "2025-03-04")
P1 = "41781fb2-bc02-4b7c-bd55-b576c07bb09d"
P2 = "eec0eb4f-6444-4f95-aba0-50c24d67f998"
BASIC = "c4da7f8a-5ee2-4c99-a7e1-87d2df57f6fe"
BASIC_EDU = "1d0f309f-fdf9-4b2a-9ae7-9c48b91f1426"
TEAMS = "57ff2da0-773e-42df-b2af-ffb7a2317929"
FOUNDATION = "113feb6c-3fe4-4440-bddc-54d774bf0318"
PLANS = (P1, P2, BASIC, BASIC_EDU, TEAMS, FOUNDATION)
EMS = "efccb6f7-5641-4e0e-bd10-b4976e1bf68e"
AAD_P2 = "84a661c4-e949-4bd2-a560-ed7766fcaf2b"
OFFICE_E3 = "6fd2c87f-b296-42f0-b197-1e91e994b900"
BUSINESS_STANDARD = "f245ecc8-75af-4f8e-b61f-27d8114de5f3"
A1 = "94763226-9b3c-4e75-a931-5c89701abe66"
ROOM = "4cde982a-ede4-4409-9ae6-b003453c8ea6"
DEVELOPER = "c42b9cae-ea4f-4ab7-9717-81576235ccac"
FREE = "f30db892-07e9-47e9-837c-80727f46fd3d"
TRIAL = "710779e8-3d4a-4c88-adb9-386c958d1fdf"
UNCLASSED = "c0000000-0000-0000-0000-000000000009"
SKUS = {
    EMS: (P1, FOUNDATION),
    AAD_P2: (P1, P2),
    OFFICE_E3: (TEAMS,),
    BUSINESS_STANDARD: (TEAMS,),
    A1: (BASIC_EDU, TEAMS),
    ROOM: (P1, TEAMS),
    DEVELOPER: (P2, TEAMS),
    FREE: (FOUNDATION,),
    TRIAL: (TEAMS,),
    UNCLASSED: (TEAMS,),
}
GROUPS = ("11111111-0000-0000-0000-00000000000a", "11111111-0000-0000-0000-00000000000b")
STATES = ("Active", "ActiveWithError", "Error", "Disabled")
ERRORS = (None, "", "None", "CountViolation", "Other", "Others", "BrandNew")

disabled_plans = st.lists(st.sampled_from(PLANS), max_size=3, unique=True).map(tuple)
licences = st.builds(AssignedLicense, sku_id=st.sampled_from(list(SKUS)), disabled_plans=disabled_plans)
assignment_states = st.builds(
    LicenseAssignmentState,
    sku_id=st.sampled_from(list(SKUS)),
    assigned_by_group=st.sampled_from((None, *GROUPS)),
    state=st.sampled_from(STATES),
    error=st.sampled_from(ERRORS),
)
subscriptions = st.builds(
    CommerceSubscription,
    id=st.just("s"),
    status=st.sampled_from(("Enabled", "Warning", "Suspended")),
    is_trial=st.sampled_from((True, False, None)),
    total=st.integers(0, 20),
)


@st.composite
def tenants(draw: st.DrawFn) -> TenantFacts:
    """A tenant that has most SKUs in any condition, or whose SKUs were never read."""
    owned = draw(st.sets(st.sampled_from(list(SKUS))))
    skus = {
        sku_id: Sku(
            sku_id=sku_id,
            status=draw(st.sampled_from(("Enabled", "Enabled", "Warning", "Suspended"))),
            enabled=draw(st.sampled_from((0, 10, 10, 10))),
            warning=draw(st.sampled_from((0, 0, 5))),
            consumed=draw(st.integers(0, 20)),
            plans=SKUS[sku_id],
            subscriptions=tuple(draw(st.lists(subscriptions, max_size=2))),
        )
        for sku_id in sorted(owned)
    }
    age = draw(st.sampled_from((None, 1, 400)))
    evidence = {}
    if age is not None:
        evidence["registration"] = Evidence(status=EvidenceStatus.OK, read_at=AT - timedelta(hours=age))
    return TenantFacts(
        tenant_id="t",
        domains=("contoso.com",),
        skus=skus,
        evidence=evidence,
        admin_sspr_allowed=draw(st.sampled_from((None, True, False))),
    )


@st.composite
def users(draw: st.DrawFn) -> User:
    """A person with any licences; each SKU is assigned at most once, as Graph has it."""
    assigned = draw(st.lists(licences, max_size=5, unique_by=lambda one: one.sku_id))
    return User(
        id="u",
        user_principal_name="ann@contoso.com",
        account_enabled=draw(st.sampled_from((True, True, True, False, None))),
        user_type=draw(st.sampled_from(("Member", "Member", "Guest", None))),
        on_premises_sync_enabled=draw(st.sampled_from((True, False, None))),
        created_date_time=draw(st.sampled_from((None, AT - timedelta(hours=5), AT - timedelta(days=99)))),
        assigned_licenses=tuple(assigned),
        license_assignment_states=tuple(draw(st.lists(assignment_states, max_size=4))),
    )


standings = st.builds(
    Standing,
    registration=st.none()
    | st.builds(
        Registration,
        id=st.just("u"),
        is_sspr_enabled=st.booleans(),
        is_sspr_capable=st.booleans(),
        is_admin=st.booleans(),
    ),
    in_scope_group=st.sampled_from((None, True, False)),
    emergency=st.sampled_from((False, False, True)),
    used=st.sampled_from((None, True, False)),
    enabled_since=st.sampled_from((None, AT - timedelta(hours=5))),
)

policies = st.builds(
    Policy,
    edition=st.sampled_from(EDITIONS),
    contested=st.sampled_from(("", "covered", "undetermined", "uncovered")),
    developer_skus=st.sampled_from(("count", "ignore")),
    scope=st.sampled_from(("all", "auto", "report", "groups")),
    population=st.sampled_from(("enabled", "enabled", "capable", "used")),
    resource_accounts=st.sampled_from(("skip", "judge")),
    writeback=st.sampled_from(("on", "off", "unknown")),
    synced_without_writeback=st.sampled_from(("", "not_in_reach", "judge_as_cloud", "judge_as_synced")),
    internal_guests=st.sampled_from(("", "judge")),
    administrators=st.sampled_from(("", "as_users")),
)

people = users().map(lambda user: msgspec.structs.replace(user, account_enabled=True, user_type="Member"))
"""Users whom nothing but the scope, and a room licence that is their only one, keeps out of reach."""
open_policies = policies.map(
    lambda policy: msgspec.structs.replace(
        policy, scope="all", population="enabled", resource_accounts="judge"
    )
)
"""Policies under which everybody of those people is in reach."""


def assigning(user: User, *more: AssignedLicense) -> User:
    """The same user with other licences in addition, assigned directly and active."""
    active = tuple(LicenseAssignmentState(sku_id=one.sku_id, state="Active") for one in more)
    kept = tuple(one for one in user.assigned_licenses if one.sku_id not in {new.sku_id for new in more})
    return msgspec.structs.replace(
        user,
        assigned_licenses=(*kept, *more),
        license_assignment_states=(*user.license_assignment_states, *active),
    )
