"""An audit's folder with a few people of every state in it, for what the docs and the help show."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from shared.model import (
    AssignedLicense,
    CommerceSubscription,
    Evidence,
    EvidenceStatus,
    Identity,
    Registration,
    Sku,
    Standing,
    TenantFacts,
    User,
)
from shared.rules.policy import Policy
from shared.snapshot.lines import SCHEMA, Head, Reading
from shared.snapshot.opening import FILE_NAME
from shared.snapshot.pseudonyms import Pseudonyms
from tests.snapshot.snapshots import RULES, written

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
TENANT_ID = "3f1f2a56-6f0a-4c0e-9f5e-0d6f2c1b7a10"
KEY = "a key of at least thirty-two characters"
BY_NAME = {entry.string_id: entry for entry in RULES.skus.entries.values()}
PLANS = {key: plan for plan, key in RULES.skus.plans.items()}
E3, E5, P1 = "ENTERPRISEPACK", "SPE_E5", "AAD_PREMIUM"
PEOPLE = {
    # Held, synchronised, in reach.
    "ada": ((), False, True),
    "grace": ((E3,), False, True),
    "mary": ((E3,), True, True),
    "alan": ((P1,), True, True),
    "emmy": ((), False, False),
}
"""Sign-in names: what they hold, whether they are synchronised, whether reset is enabled for them."""


def user_id(name: str) -> str:
    """Of one of them."""
    return f"00000000-0000-0000-0000-{list(PEOPLE).index(name) + 1:012}"


def upn(name: str) -> str:
    """Of one of them."""
    return f"{name}@contoso.example"


def head(policy: Policy | None = None) -> Head:
    """The tenant: a paid suite and P1, both with seats free; the report read yesterday."""
    read = Evidence(status=EvidenceStatus.OK, read_at=AT, tried_at=AT)
    skus = {BY_NAME[name].sku_id: _sku(name, plans) for name, plans in ((E3, ()), (P1, ("p1",)))}
    facts = TenantFacts(
        tenant_id=TENANT_ID,
        generation=1,
        observed_at=AT,
        country="NL",
        domains=("contoso.example",),
        skus=skus,
        evidence=dict.fromkeys(("skus", "subscriptions", "organization", "registration"), read),
    )
    return Head(
        schema=SCHEMA,
        taken_at=AT,
        source="audit",
        rules=RULES.digest,
        policy=policy or Policy(writeback="on"),
        facts=facts,
    )


def _sku(name: str, plans: tuple[str, ...]) -> Sku:
    bought = CommerceSubscription(id=name, status="Enabled", is_trial=False, total=25)
    return Sku(
        sku_id=BY_NAME[name].sku_id,
        part_number=name,
        enabled=25,
        consumed=2,
        plans=tuple(PLANS[one] for one in plans),
        subscriptions=(bought,),
    )


def readings() -> list[Reading]:
    """The people as read."""
    return [_reading(name) for name in PEOPLE]


def _reading(name: str) -> Reading:
    holds, synced, enabled = PEOPLE[name]
    return Reading(
        user=User(
            id=user_id(name),
            user_principal_name=upn(name),
            display_name=name.title(),
            account_enabled=True,
            user_type="Member",
            identities=(Identity(sign_in_type="userPrincipalName", issuer="contoso.example"),),
            usage_location="NL",
            on_premises_sync_enabled=synced or None,
            created_date_time=datetime(2024, 1, 1, tzinfo=UTC),
            assigned_licenses=tuple(AssignedLicense(sku_id=BY_NAME[one].sku_id) for one in holds),
        ),
        standing=Standing(registration=Registration(id=user_id(name), is_sspr_enabled=enabled)),
        at=AT,
    )


def folder(place: Path, key: str = "", *, policy_edition: str = "", twice: str = "") -> Path:
    """The folder of an audit that was taken then; with a key, pseudonymised. `twice`: one has a namesake."""
    policy = Policy(writeback="on", edition=policy_edition) if policy_edition else None
    written_head, lines = head(policy), readings()
    if twice:
        [one] = [one for one in lines if one.user.id == user_id(twice)]
        user = msgspec.structs.replace(one.user, id=user_id(twice)[:-4] + "0099")
        lines.append(msgspec.structs.replace(one, user=user))
    if key:
        hidden = Pseudonyms(key)
        written_head, lines = hidden.head(written_head), [hidden.reading(one) for one in lines]
    place.mkdir(exist_ok=True)
    (place / FILE_NAME).write_bytes(written(written_head, lines))
    return place
