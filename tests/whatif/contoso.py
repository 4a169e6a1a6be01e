"""A small tenant for what-if, saved as a snapshot: forty people, four products, three groups that license."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from shared.model import (
    AssignedLicense,
    LicenseAssignmentState,
    LicensingGroup,
    Sku,
    Standing,
    TenantFacts,
    User,
)
from shared.rules.policy import Policy
from shared.snapshot.lines import SCHEMA, Head, Reading
from shared.snapshot.opening import FILE_NAME
from tests.snapshot.snapshots import RULES, written

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
FOLDER = "sspr-audit-contoso-2026-11-23"

E3 = "6fd2c87f-b296-42f0-b197-1e91e994b900"  # ENTERPRISEPACK, Office 365 E3: a cloud level
M365 = "05e9a617-0261-4cee-bb44-138d3ef5d965"  # SPE_E3, Microsoft 365 E3: P1
P1 = "078d2b04-f1bd-4111-bbd4-b4b1b354cef4"  # AAD_PREMIUM, Entra ID P1
VISIO = "c5928f49-12ba-48f7-ada3-0d743a3601d5"  # VISIOCLIENT: nothing

OFFICE = "0f000000-0000-4000-8000-00000000000a"
PREMIUM = "0f000000-0000-4000-8000-00000000000b"
DESIGN = "0f000000-0000-4000-8000-00000000000c"
PILOT = "0f000000-0000-4000-8000-00000000000d"
"""A group that assigns nothing, of which the snapshot was told to note the members."""

P1_PLAN = "41781fb2-bc02-4b7c-bd55-b576c07bb09d"
TEAMS_PLAN = "57ff2da0-773e-42df-b2af-ffb7a2317929"
PLANS = {E3: (TEAMS_PLAN,), M365: (P1_PLAN, TEAMS_PLAN), P1: (P1_PLAN,), VISIO: ()}
PARTS = {E3: "ENTERPRISEPACK", M365: "SPE_E3", P1: "AAD_PREMIUM", VISIO: "VISIOCLIENT"}


def user_id(n: int) -> str:
    return f"0a000000-0000-4000-8000-{n:012d}"


def sku(sku_id: str, seats: int, consumed: int, status: str = "Enabled") -> Sku:
    return Sku(
        sku_id=sku_id,
        part_number=PARTS[sku_id],
        status=status,
        enabled=seats,
        consumed=consumed,
        plans=PLANS[sku_id],
    )


def group(group_id: str, *sku_ids: str, name: str = "") -> LicensingGroup:
    return LicensingGroup(id=group_id, display_name=name, sku_ids=sku_ids)


def by(
    group_id: str | None, sku_id: str, error: str = "", off: tuple[str, ...] = ()
) -> LicenseAssignmentState:
    """A source of a licence: working, or failing with that error."""
    return LicenseAssignmentState(
        sku_id=sku_id,
        assigned_by_group=group_id,
        disabled_plans=off,
        state="Error" if error else "Active",
        error=error or None,
    )


def person(n: int, *sources: LicenseAssignmentState, synced: bool = False) -> Reading:
    """Somebody in reach with these licences; what works is assigned."""
    working = {one.sku_id: one for one in sources if one.state == "Active"}
    user = User(
        id=user_id(n),
        user_principal_name=f"user{n:02d}@contoso.example",
        display_name=f"User {n}",
        account_enabled=True,
        user_type="Member",
        usage_location="NL",
        on_premises_sync_enabled=synced or None,
        assigned_licenses=tuple(
            AssignedLicense(sku_id=key, disabled_plans=one.disabled_plans) for key, one in working.items()
        ),
        license_assignment_states=sources,
    )
    return Reading(user=user, standing=Standing(), at=AT)


def head(
    skus: Iterable[Sku],
    groups: Iterable[LicensingGroup] = (),
    policy: Policy | None = None,
    told_of: tuple[str, ...] = (),
) -> Head:
    """`told_of`: the groups of whose members the snapshot tells."""
    facts = TenantFacts(
        tenant_id="0b000000-0000-4000-8000-000000000000",
        display_name="Contoso",
        domains=("contoso.example",),
        skus={one.sku_id: one for one in skus},
        groups={one.id: one for one in groups},
    )
    return Head(
        schema=SCHEMA,
        taken_at=AT,
        source="audit",
        rules=RULES.digest,
        policy=policy or Policy(scope="all", writeback="off", synced_without_writeback="judge_as_cloud"),
        facts=facts,
        groups=told_of,
    )


def contoso() -> tuple[Head, list[Reading]]:
    """Half of it synchronised, writeback off; seven wait for a seat of a group with two products."""
    people: list[Reading] = []
    members: Mapping[int, tuple[str, ...]] = dict.fromkeys((1, 2, 21, 38), (PILOT,))
    for n in range(1, 41):
        synced = n % 2 == 0
        if n <= 20:
            one = person(n, by(OFFICE, E3), synced=synced)
        elif n <= 28:
            one = person(n, by(PREMIUM, M365), synced=synced)
        elif n <= 30:
            one = person(n, by(None, P1), synced=synced)
        elif n <= 37:
            one = person(n, by(DESIGN, M365, "Other"), by(DESIGN, VISIO, "CountViolation"), synced=synced)
        else:
            one = person(n, synced=synced)
        people.append(msgspec.structs.replace(one, member_of=members.get(n, ())))
    skus = [sku(E3, 30, 20), sku(M365, 25, 8), sku(P1, 5, 2), sku(VISIO, 2, 2)]
    groups = [
        group(OFFICE, E3, name="Office staff"),
        group(PREMIUM, M365, name="Premium"),
        group(DESIGN, M365, VISIO, name="Design"),
    ]
    return head(skus, groups, told_of=(PILOT,)), people


def saved(folder: Path) -> Path:
    """The folder that an audit of it would have written below this one."""
    made = folder / FOLDER
    made.mkdir()
    (made / FILE_NAME).write_bytes(written(*contoso()))
    return made
