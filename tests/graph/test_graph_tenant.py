"""The facts of a tenant: pieces fail alone, keep what was known, and say so."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from shared.graph.errors import WrongTenant
from shared.graph.tenant import EMPTY, read_tenant
from shared.model import CommerceSubscription, Evidence, EvidenceStatus, LicensingGroup, Sku, TenantFacts
from tests.graph.stub_graph import AT, TENANT, Bench, Reply, Seen, error, oid

E3 = "6fd2c87f-b296-42f0-b197-1e91e994b900"
EMS = "efccb6f7-5641-4e0e-bd10-b4976e1bf68e"
PLAN = "41781fb2-bc02-4b7c-bd55-b576c07bb09d"
BEFORE = AT - timedelta(hours=1)
OLD_SUBSCRIPTION = CommerceSubscription(id="s-old", status="Enabled", is_trial=False)

SKUS: list[dict[str, Any]] = [
    {
        "skuId": E3.upper(),
        "skuPartNumber": "ENTERPRISEPACK",
        "appliesTo": "User",
        "capabilityStatus": "Warning",
        "consumedUnits": 7,
        "prepaidUnits": {"enabled": 0, "warning": 10, "suspended": 1, "lockedOut": 2},
        "servicePlans": [
            {"servicePlanId": PLAN.upper(), "servicePlanName": "AAD_PREMIUM", "appliesTo": "User"},
            {"servicePlanId": "0000aaaa-0000-4000-8000-000000000000", "appliesTo": "Company"},
        ],
        "subscriptionIds": ["x"],
    },
    {"skuId": EMS, "skuPartNumber": "EMS", "capabilityStatus": "Enabled", "prepaidUnits": None},
]
SUBSCRIPTIONS: list[dict[str, Any]] = [
    {"id": "s2", "skuId": E3, "status": "Warning", "isTrial": True, "totalLicenses": 10,
     "nextLifecycleDateTime": "2026-12-24T00:00:00Z"},
    {"id": "s1", "skuId": E3.upper(), "status": "Enabled", "totalLicenses": None},
    {"id": "s0", "skuId": None, "status": "Enabled"},
]  # fmt: skip
ORGANIZATION = {
    "id": TENANT.upper(),
    "displayName": "Contoso",
    "countryLetterCode": "NL",
    "onPremisesSyncEnabled": True,
    "verifiedDomains": [{"name": "Contoso.com", "isDefault": True}, {"name": "contoso.onmicrosoft.com"}],
}
GROUP = {"id": oid(1, "b"), "displayName": "Staff", "assignedLicenses": [{"skuId": E3, "disabledPlans": []}]}
GOOD: dict[str, Reply] = {
    "/subscribedSkus": Reply({"value": SKUS}),
    "/directory/subscriptions": Reply({"value": SUBSCRIPTIONS}),
    "/organization": Reply({"value": [ORGANIZATION]}),
    "/groups": Reply({"value": [GROUP]}),
    "/groups?errors": Reply({"value": []}),
    "/policies/authorizationPolicy": Reply({"allowedToUseSSPR": False, "id": "authorizationPolicy"}),
}
PREVIOUS = TenantFacts(
    tenant_id=TENANT,
    generation=7,
    policy="p",
    observed_at=BEFORE,
    country="BE",
    display_name="Before",
    admin_sspr_allowed=True,
    skus={E3: Sku(sku_id=E3, enabled=3, subscriptions=(OLD_SUBSCRIPTION,))},
    groups={oid(9, "b"): LicensingGroup(id=oid(9, "b"), sku_ids=(EMS,))},
    evidence={
        "skus": Evidence(status=EvidenceStatus.OK, read_at=BEFORE, tried_at=BEFORE),
        "registration": Evidence(status=EvidenceStatus.OK, read_at=BEFORE, tried_at=BEFORE),
    },
)


def tenant(**changed: Reply) -> Any:
    """Route by path; a changed reply is named by the last word of its path."""

    def route(seen: Seen) -> Reply | None:
        path = seen.target.removeprefix("/v1.0").split("?")[0]
        if path == "/groups" and "hasMembersWithLicenseErrors" in seen.target:
            path = "/groups?errors"
        if path.endswith("/members/graph.group"):
            return Reply({"value": []})
        name = path.split("/")[-1].replace("?", "_")
        if path == "/directory/subscriptions":
            name = "commerce"
        return changed.get(name) or GOOD.get(path)

    return route


async def test_everything_is_read_into_our_own_facts(at_bench: Bench) -> None:
    at_bench.stub.route = tenant()
    facts = await read_tenant(at_bench.session, None, AT)
    assert facts.skus[E3] == Sku(
        sku_id=E3,
        part_number="ENTERPRISEPACK",
        status="Warning",
        enabled=0,
        warning=10,
        suspended=1,
        locked_out=2,
        consumed=7,
        plans=("0000aaaa-0000-4000-8000-000000000000", PLAN),
        subscriptions=(
            CommerceSubscription(id="s1", status="Enabled", is_trial=None, total=0),
            CommerceSubscription(
                id="s2",
                status="Warning",
                is_trial=True,
                total=10,
                next_lifecycle_at=datetime(2026, 12, 24, tzinfo=UTC),
            ),
        ),
    )
    assert (facts.skus[EMS].usable, facts.skus[EMS].subscriptions) == (0, ())
    assert (facts.country, facts.display_name, facts.on_premises_sync) == ("NL", "Contoso", True)
    assert facts.domains == ("contoso.com", "contoso.onmicrosoft.com")
    assert facts.admin_sspr_allowed is False
    assert facts.groups == {
        oid(1, "b"): LicensingGroup(id=oid(1, "b"), display_name="Staff", sku_ids=(E3,), observed_at=AT)
    }
    assert (facts.tenant_id, facts.observed_at, facts.generation) == (TENANT, AT, 0)
    fresh = Evidence(status=EvidenceStatus.OK, read_at=AT, tried_at=AT)
    assert facts.evidence == dict.fromkeys(
        ("skus", "subscriptions", "organization", "groups", "admin-policy"), fresh
    )


async def test_what_others_keep_in_the_facts_is_carried_over(at_bench: Bench) -> None:
    at_bench.stub.route = tenant()
    facts = await read_tenant(at_bench.session, PREVIOUS, AT)
    assert (facts.generation, facts.policy) == (7, "p")
    assert facts.evidence["registration"] == PREVIOUS.evidence["registration"]


REFUSED = error(403, "Authorization_RequestDenied")


@pytest.mark.parametrize(
    ("piece", "evidence", "permission"),
    [
        ("subscribedSkus", "skus", "Organization.Read.All"),
        ("commerce", "subscriptions", "Organization.Read.All"),
        ("organization", "organization", "Organization.Read.All"),
        ("groups", "groups", "Group.Read.All"),
        ("groups_errors", "groups", "Group.Read.All"),
        ("authorizationPolicy", "admin-policy", "Policy.Read.All"),
    ],
)
async def test_a_refused_piece_keeps_what_was_known_and_names_its_permission(
    at_bench: Bench, piece: str, evidence: str, permission: str
) -> None:
    at_bench.stub.route = tenant(**{piece: REFUSED})
    facts = await read_tenant(at_bench.session, PREVIOUS, AT)
    at_bench.stub.route = tenant()
    whole = await read_tenant(at_bench.session, PREVIOUS, AT)
    refused = facts.evidence[evidence]
    assert (refused.status, refused.permission, refused.tried_at) == (
        EvidenceStatus.FORBIDDEN,
        permission,
        AT,
    )
    assert refused.read_at == PREVIOUS.evidence_of(evidence).read_at
    for name in ("skus", "subscriptions", "organization", "groups", "admin-policy"):
        if name != evidence:
            assert facts.evidence[name].status is EvidenceStatus.OK
    kept = {
        "skus": facts.skus[E3].enabled == 3 and len(facts.skus[E3].subscriptions) == 2,
        "subscriptions": facts.skus[E3].subscriptions == (OLD_SUBSCRIPTION,) and facts.skus[E3].warning == 10,
        "organization": facts.country == "BE",
        "groups": facts.groups == PREVIOUS.groups,
        "admin-policy": facts.admin_sspr_allowed is True,
    }
    assert kept[evidence]
    others = {
        "country": "organization",
        "admin_sspr_allowed": "admin-policy",
        "groups": "groups",
    }
    for field, owner in others.items():
        if owner != evidence:
            assert getattr(facts, field) == getattr(whole, field)


@pytest.mark.parametrize(
    ("reply", "status", "problem"),
    [
        (error(403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant"), EvidenceStatus.NOT_PREMIUM, ""),
        (Reply(b"<html></html>", status=502), EvidenceStatus.FAILED, ""),
        (Reply({"value": [{"skuId": 5}]}), EvidenceStatus.FAILED, "unreadable-row"),
        (Reply({}), EvidenceStatus.FAILED, "unreadable-answer"),
        (error(429, "TooManyRequests"), EvidenceStatus.FAILED, "TooManyRequests"),
        (Reply({"value": []}), EvidenceStatus.FAILED, EMPTY),
    ],
    ids=["not-premium", "502", "bad-row", "no-value", "throttled", "empty"],
)
async def test_each_way_to_fail_has_its_own_status(
    at_bench: Bench, reply: Reply, status: EvidenceStatus, problem: str
) -> None:
    at_bench.stub.route = tenant(subscribedSkus=reply)
    facts = await read_tenant(at_bench.session, PREVIOUS, AT)
    assert facts.evidence["skus"] == Evidence(status=status, read_at=BEFORE, tried_at=AT, problem=problem)
    assert facts.skus[E3].enabled == 3
    at_bench.stub.route = tenant()
    again = await read_tenant(at_bench.session, facts, AT)
    assert again.evidence["skus"] == Evidence(status=EvidenceStatus.OK, read_at=AT, tried_at=AT)


async def test_a_tenant_that_never_had_a_sku_has_none(at_bench: Bench) -> None:
    at_bench.stub.route = tenant(subscribedSkus=Reply({"value": []}))
    facts = await read_tenant(at_bench.session, None, AT)
    assert (facts.skus, facts.evidence["skus"].status) == ({}, EvidenceStatus.OK)


async def test_a_first_reading_that_fails_knows_nothing_and_claims_nothing(at_bench: Bench) -> None:
    at_bench.stub.route = lambda seen: REFUSED
    facts = await read_tenant(at_bench.session, None, AT)
    assert (facts.skus, facts.groups, facts.admin_sspr_allowed) == ({}, {}, None)
    assert {evidence.read_at for evidence in facts.evidence.values()} == {None}


async def test_another_tenant_than_the_settings_name_is_refused(at_bench: Bench) -> None:
    at_bench.stub.route = tenant(organization=Reply({"value": [{**ORGANIZATION, "id": oid(3)}]}))
    with pytest.raises(WrongTenant):
        await read_tenant(at_bench.session, PREVIOUS, AT)


async def test_facts_survive_storage(at_bench: Bench) -> None:
    at_bench.stub.route = tenant()
    facts = await read_tenant(at_bench.session, PREVIOUS, AT)
    assert msgspec.json.decode(msgspec.json.encode(facts), type=TenantFacts) == facts
