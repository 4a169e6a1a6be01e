"""What a remedy offers is what the judge would accept; and a tenant's SKUs are read once, not once a user."""

from datetime import UTC, datetime

import msgspec
import pytest

from shared.findings import of_user
from shared.findings.licences import licences_of
from shared.judgement import Judge
from shared.model import AssignedLicense, Sku, Standing, State, TenantFacts, User
from shared.rules.loader import load_rules
from shared.rules.policy import Policy

# Of them, those that give nothing: A1 to who is synchronised, and by the page of 2025 to nobody for sure.
GIVING_NOTHING: dict[tuple[str, bool], set[str]] = {
    ("2017-10-24", False): set(),
    ("2017-10-24", True): {"free-education"},
    ("2025-03-04", False): {"free-education"},
    ("2025-03-04", True): {"free-education"},
}
AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
RULES = load_rules()
PLAN_IDS = {key: plan for plan, key in RULES.skus.plans.items()}


NEVER_OFFERED = ("free-education", "student-use-benefit", "developer")
"""Classes of SKUs that may cover, and that nobody should be told to assign."""


def owning(sku_id: str) -> TenantFacts:
    """A tenant that owns one SKU with free seats."""
    entry = RULES.skus.entries[sku_id]
    plans = tuple(PLAN_IDS[key] for key in entry.entra_plans)
    return TenantFacts(tenant_id="t", skus={sku_id: Sku(sku_id=sku_id, enabled=10, consumed=1, plans=plans)})


@pytest.mark.parametrize("synced", [False, True])
@pytest.mark.parametrize("edition", sorted(RULES.editions))
def test_a_seat_is_offered_exactly_where_its_licence_is_sold_and_would_cover(
    edition: str, synced: bool
) -> None:
    policy = Policy(edition=edition, scope="all", writeback="on")
    bare = User(id="u", account_enabled=True, on_premises_sync_enabled=synced)
    offered_some, refused_some = False, False
    kept_back: set[str] = set()
    for sku_id in RULES.skus.entries:
        facts = owning(sku_id)
        judge = Judge(RULES, policy, facts)
        holding = msgspec.structs.replace(bare, assigned_licenses=(AssignedLicense(sku_id=sku_id),))
        covers = judge.judged(holding, Standing(), AT).verdict.state is State.COVERED
        (coverage,) = of_user(bare, judge.judged(bare, Standing(), AT), Standing(), facts, RULES, policy, AT)
        offered = [one.values["sku"] for one in coverage.remedy if one.step == "assign-free-seat"]
        name = RULES.skus.entries[sku_id].sku_class.name
        sold = name not in NEVER_OFFERED
        assert offered == ([sku_id] if covers and sold else []), RULES.skus.name(sku_id)
        offered_some, refused_some = offered_some or covers, refused_some or not covers
        kept_back |= set() if sold or not covers else {name}
    assert offered_some
    assert refused_some
    assert kept_back == set(NEVER_OFFERED) - GIVING_NOTHING[edition, synced]


def test_the_same_facts_are_read_once_and_newer_facts_or_another_policy_anew() -> None:
    facts, policy = owning(next(iter(RULES.skus.entries))), Policy()
    first = licences_of(RULES, policy, facts)
    assert licences_of(RULES, Policy(), facts) is first
    assert licences_of(RULES, Policy(writeback="on"), facts) is not first
    assert licences_of(RULES, policy, msgspec.structs.replace(facts, generation=1)) is not first
