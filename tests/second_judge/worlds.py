"""Random tenants, policies and users from a seed, as Graph's JSON: all that a rule looks at, and its edges.

A world is one tenant with one policy and many users. Nothing here knows an answer; `test_agreement` asserts
that the mix brings out every state, cause, reach and warning.
"""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.second_judge.catalogue import CATALOGUE, PLAN_IDS, UNLISTED

Row = dict[str, Any]
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DOMAINS = ("contoso.example", "contoso.onmicrosoft.com")
FILLER_PLAN = "00000000-1111-4222-8333-444444444444"
GROUPS = tuple(f"9000000{n}-0000-4000-8000-000000000000" for n in range(4))
ERRORS = (
    "CountViolation",
    "MutuallyExclusiveViolation",
    "DependencyViolation",
    "ProhibitedInUsageLocationViolation",
    "UniquenessViolation",
    "Other",
    "Others",
    "SomethingNew",
)
NO_ERROR = (None, "", "None")

# capabilityStatus, enabled, warning, suspended, lockedOut, consumed
POOLS = (
    ("Enabled", 100, 0, 0, 0, 40),
    ("Enabled", 100, 0, 0, 0, 100),
    ("Enabled", 10, 0, 5, 0, 14),
    ("Enabled", 10, 5, 0, 0, 15),
    ("Enabled", 10, 5, 0, 0, 16),
    ("Warning", 0, 25, 0, 0, 20),
    ("Warning", 0, 25, 0, 0, 30),
    ("Suspended", 0, 0, 25, 0, 20),
    ("LockedOut", 0, 0, 0, 25, 20),
    ("Deleted", 0, 0, 0, 0, 3),
)
# (status, isTrial, share of consumed seats that it holds)
COMMERCE = (
    (),
    (),
    (("Enabled", False, 2.0),),
    (("Enabled", False, 2.0),),
    (("Warning", False, 1.0),),
    (("Enabled", True, 2.0),),
    (("Warning", True, 1.0), ("Enabled", True, 1.0)),
    (("Enabled", False, 1.0), ("Enabled", True, 1.0)),
    (("Enabled", False, 0.5), ("Enabled", True, 1.0)),
    (("Enabled", None, 2.0),),
    (("Enabled", None, 0.2), ("Enabled", True, 1.0)),
    (("Enabled", None, 2.0), ("Enabled", True, 1.0)),
    (("Suspended", True, 2.0),),
    (("Suspended", False, 2.0), ("Enabled", True, 1.0)),
    (("LockedOut", False, 2.0),),
)
SOURCES = (
    (),
    ("Active",),
    ("Active",),
    ("Active",),
    ("ActiveWithError",),
    ("Active", "Error"),
    ("Error", "Active"),
    ("ActiveWithError", "Error"),
    ("Active", "ActiveWithError"),
    ("Error",),
    ("Disabled",),
    ("Error", "Disabled"),
    ("Error", "Error"),
)


def object_id(rng: random.Random) -> str:
    """An id as Graph writes them."""
    text = f"{rng.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def stamp(at: datetime) -> str:
    """A time as Graph writes it."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def make_sku(rng: random.Random, sku: str) -> Row:
    """A row of /subscribedSkus."""
    known = CATALOGUE[sku]["plans"] if sku in CATALOGUE else UNLISTED[sku]
    status, enabled, warning, suspended, locked, consumed = rng.choice(POOLS)
    if rng.random() < 0.04:
        # The tenant's own list is what counts: a plan that Microsoft's table has may be missing from it.
        known = known - {"1", "2", "E"}
    plans = [PLAN_IDS[letter] for letter in sorted(known)] + [FILLER_PLAN]
    rng.shuffle(plans)
    return {
        "skuId": sku,
        "skuPartNumber": CATALOGUE[sku]["part"] if sku in CATALOGUE else "UNLISTED",
        "appliesTo": "User",
        "capabilityStatus": status,
        "consumedUnits": consumed,
        "prepaidUnits": {"enabled": enabled, "warning": warning, "suspended": suspended, "lockedOut": locked},
        "servicePlans": [{"servicePlanId": plan, "appliesTo": "User"} for plan in plans],
    }


def make_subscriptions(rng: random.Random, row: Row) -> list[Row]:
    """The rows of /directory/subscriptions behind one SKU."""
    return [
        {
            "id": object_id(rng),
            "skuId": row["skuId"],
            "status": status,
            "isTrial": trial,
            "totalLicenses": int(row["consumedUnits"] * share),
        }
        for status, trial, share in rng.choice(COMMERCE)
    ]


def make_tenant(rng: random.Random) -> Row:
    """A tenant with some of every class of SKU; one in twelve has not read its SKUs yet."""
    skus = rng.sample(sorted(CATALOGUE), rng.randint(20, 45)) + rng.sample(
        sorted(UNLISTED), rng.randint(0, 4)
    )
    rows = [] if rng.random() < 1 / 12 else [make_sku(rng, sku) for sku in skus]
    ages = (
        None,
        timedelta(hours=1),
        timedelta(days=3),
        timedelta(days=14),
        timedelta(days=14, seconds=1),
        timedelta(days=60),
    )
    age = rng.choices(ages, (2, 8, 4, 1, 1, 1))[0]
    return {
        "skus": rows,
        "offered": skus,
        "subscriptions": [s for row in rows for s in make_subscriptions(rng, row)],
        "domains": DOMAINS if rng.random() < 0.95 else (),
        "admins_may_reset": rng.choice((True, None, None, False)),
        "registration_read_at": None if age is None else NOW - age,
    }


def make_policy(rng: random.Random) -> Row:
    """Every option at random; the common choices more often."""
    return {
        "contested": rng.choice(("", "", "covered", "undetermined", "uncovered")),
        "developer_skus": rng.choice(("count", "count", "ignore")),
        "scope": rng.choice(("auto", "auto", "report", "groups", "all")),
        "population": rng.choice(("enabled", "enabled", "enabled", "capable", "used")),
        "report_grace": timedelta(hours=48),
        "report_max_age": timedelta(days=14),
        "resource_accounts": rng.choice(("skip", "judge")),
        "writeback": rng.choice(("on", "on", "off", "unknown")),
        "synced_without_writeback": rng.choice(("", "not_in_reach", "judge_as_cloud", "judge_as_synced")),
        "internal_guests": rng.choice(("", "not_in_reach", "judge")),
        "administrators": rng.choice(("", "cloud_free", "as_users")),
    }


def make_assignment(rng: random.Random, sku: str, offered: dict[str, Row], user: Row) -> None:
    """Give `user` the SKU: assigned, with its sources, or failing."""
    plans = (
        [p["servicePlanId"] for p in offered[sku]["servicePlans"]]
        if sku in offered
        else list(PLAN_IDS.values())
    )
    how = rng.random()
    disabled = [] if how < 0.7 else plans if how < 0.8 else [p for p in plans if rng.random() < 0.5]
    states = rng.choice(SOURCES)
    takers: list[str | None] = [None, *GROUPS]
    rng.shuffle(takers)
    for state, group in zip(states, takers, strict=False):
        failing = state in ("Error", "ActiveWithError")
        user["licenseAssignmentStates"].append(
            {
                "skuId": sku,
                "assignedByGroup": group,
                "disabledPlans": disabled,
                "state": state,
                "error": rng.choice(ERRORS) if failing else rng.choice(NO_ERROR),
            }
        )
    works = not states or any(state.startswith("Active") for state in states)
    # A failing one may still be listed as assigned; a working one may already be taken away again.
    if rng.random() < (0.97 if works else 0.3):
        user["assignedLicenses"].append({"skuId": sku, "disabledPlans": disabled})


def choose_skus(rng: random.Random, tenant: Row) -> list[str]:
    """What one user is meant to hold: mostly of the tenant, sometimes gone or unknown."""
    chance = rng.random()
    if chance < 0.12:
        return []
    if chance < 0.17:
        devices = [s for s in sorted(CATALOGUE) if CATALOGUE[s]["class"] in ("device", "robot", "resource")]
        return rng.sample(devices, rng.randint(1, 2))
    if chance < 0.2:
        # A developer licence beside another is rare by chance alone, and a rule of its own.
        own = [s for s in tenant["offered"] if s in CATALOGUE and CATALOGUE[s]["class"] == "developer"]
        return list(dict.fromkeys(own + rng.choices(tenant["offered"])))
    wanted = rng.choices(tenant["offered"], k=rng.choices((1, 2, 3, 4), (5, 4, 2, 1))[0])
    if rng.random() < 0.12:
        wanted.append(rng.choice(sorted(CATALOGUE)))
    if rng.random() < 0.02:
        wanted.append(rng.choice(sorted(UNLISTED)))
    return list(dict.fromkeys(wanted))


def make_person(rng: random.Random, user: Row) -> None:
    """Guests of all kinds, external members, synchronisation accounts; most are ordinary."""
    local = {"signInType": "userPrincipalName", "issuer": DOMAINS[0], "issuerAssignedId": "x"}
    kind = rng.choices(
        (
            "plain",
            "guest",
            "guest-msa",
            "member-external",
            "internal-guest",
            "converted",
            "sync",
            "sync-cloud",
            "sounds-like-sync",
            "pending",
            "pending-not-invited",
            "bare",
        ),
        (78, 3, 2, 2, 3, 2, 1, 1, 2, 2, 1, 2),
    )[0]
    user["identities"] = [local]
    if kind == "bare":
        user["identities"] = []
    if kind in ("guest", "guest-msa", "member-external"):
        user["creationType"] = "Invitation"
        user["userType"] = "Member" if kind == "member-external" else "Guest"
        user["externalUserState"] = rng.choice(("Accepted", None))
        issuer = "MicrosoftAccount" if kind == "guest-msa" else "ExternalAzureAD"
        foreign = {"signInType": "federated", "issuer": issuer, "issuerAssignedId": None}
        user["identities"] = rng.choice(([local, foreign], [foreign, local], [local, foreign], [foreign], []))
    elif kind in ("pending", "pending-not-invited"):
        # Until it is redeemed an invited account has the host's issuer alone.
        invited = kind == "pending"
        user["creationType"] = rng.choice(
            ("Invitation", "invitation") if invited else (None, "EmailVerified")
        )
        user["userType"] = rng.choice(("Guest", "Guest", "Member"))
        user["externalUserState"] = rng.choice(("PendingAcceptance", "pendingacceptance"))
        user["identities"] = rng.choice(([local], [local], []))
    elif kind == "internal-guest":
        user["userType"] = "Guest"
        user["creationType"] = rng.choice((None, "EmailVerified"))
    elif kind == "converted":
        user["creationType"] = "Invitation"
        user["userType"] = rng.choice(("Member", "Guest"))
        user["externalUserState"] = rng.choice(("Accepted", None))
    elif kind == "sync":
        user["userPrincipalName"] = "Sync_SRV01_0a1b2c3d4e5f@contoso.onmicrosoft.com"
        user["displayName"] = rng.choice(("On-Premises Directory Synchronization Service Account", None))
    elif kind == "sounds-like-sync":
        names = (
            "synchro.team",
            "sync_manager",
            "sync_team_distribution",
            "Sync_0a1b2c3d4e5f",
            "Sync_A_0a1b2c",
        )
        user["userPrincipalName"] = f"{rng.choice(names)}@contoso.example"
        user["displayName"] = "Directory Synchronization team"
    elif kind == "sync-cloud":
        user["userPrincipalName"] = "ADToAADSyncServiceAccount@contoso.onmicrosoft.com"
        user["displayName"] = "On-Premises Directory Synchronization Service Account"


def make_user(rng: random.Random, tenant: Row, offered: dict[str, Row]) -> Row:
    """One user as the watch's `$select` reads it."""
    age = rng.choice(
        (
            timedelta(hours=1),
            timedelta(hours=47),
            timedelta(hours=48),
            timedelta(days=30),
            timedelta(days=900),
        )
    )
    user: Row = {
        "id": object_id(rng),
        "userPrincipalName": "someone@contoso.example",
        "displayName": "Someone",
        "accountEnabled": rng.choices((True, False, None), (94, 5, 1))[0],
        "userType": rng.choices(("Member", None), (95, 5))[0],
        "creationType": None,
        "externalUserState": None,
        "usageLocation": rng.choice(("NL", None)),
        "onPremisesSyncEnabled": rng.choice((True, False, None)),
        "createdDateTime": None if rng.random() < 0.05 else stamp(NOW - age),
        "assignedLicenses": [],
        "licenseAssignmentStates": [],
    }
    make_person(rng, user)
    for sku in choose_skus(rng, tenant):
        make_assignment(rng, sku, offered, user)
    return user


def make_known(rng: random.Random, tenant: Row, user: Row) -> Row:
    """What the watch knows of a user besides the user object."""
    registration = None
    if tenant["registration_read_at"] is not None and rng.random() < 0.8:
        registration = {
            "id": user["id"],
            "isSsprEnabled": rng.random() < 0.8,
            "isSsprRegistered": rng.random() < 0.6,
            "isSsprCapable": rng.random() < 0.6,
            "isAdmin": rng.random() < 0.1,
        }
    return {
        "registration": registration,
        "in_scope_group": rng.choice((True, True, False, None)),
        "emergency": rng.random() < 0.02,
        "used": rng.choice((True, False, None)),
        "enabled_since": rng.choice((None, None, None, NOW - timedelta(hours=5), NOW - timedelta(days=9))),
    }


def make_world(seed: int, users: int) -> Row:
    """A tenant, a policy, and users with what is known of each."""
    rng = random.Random(seed)
    tenant = make_tenant(rng)
    offered = {row["skuId"]: row for row in tenant["skus"]}
    people = [make_user(rng, tenant, offered) for _ in range(users)]
    return {
        "at": NOW,
        "tenant": tenant,
        "policy": make_policy(rng),
        "people": [(user, make_known(rng, tenant, user)) for user in people],
    }
