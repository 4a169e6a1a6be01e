"""Every SKU of our table is worth what an independent list says, and every Office plan is known as one."""

from datetime import UTC, datetime

import pytest

from shared.model import AssignedLicense, Holding, Sku, Standing, TenantFacts, User
from shared.rules.loader import load_rules
from shared.rules.policy import Policy
from tests.judgement.asking import judge
from tests.judgement.case_file import CASES

AT = datetime(2026, 9, 1, tzinfo=UTC)
UNCLASSED = "c0000000-0000-0000-0000-000000000009"


def lines(name: str) -> list[str]:
    """The lines of a list that are no comment."""
    text = (CASES / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


EXPECTATIONS = [tuple(line.split(" | ")) for line in lines("sku_expectations.txt")]
OFFICE, NOT_OFFICE = (
    [line.split(" ") for line in part.splitlines() if line and not line.startswith("#")]
    for part in (CASES / "office_plans.txt").read_text(encoding="utf-8").split("# not Office\n")
)


def read(sku_id: str, edition: str, skus: dict[str, Sku] | None = None) -> Holding:
    """How one SKU on a person is read."""
    user = User(id="u", account_enabled=True, assigned_licenses=(AssignedLicense(sku_id=sku_id),))
    facts = TenantFacts(tenant_id="t", skus=skus or {})
    policy = Policy(edition=edition, scope="all", resource_accounts="judge")
    return judge(user, Standing(), facts, load_rules(), policy, AT).holdings[0]


@pytest.mark.parametrize("expected", EXPECTATIONS, ids=lambda one: one[1])
def test_a_sku_of_our_table_is_worth_what_the_list_says(expected: tuple[str, ...]) -> None:
    sku_id, string_id, in_2017, in_2025, writeback, reason, plans = expected
    entry = load_rules().skus.get(sku_id)
    assert entry is not None, f"{string_id} is not in skus.toml"
    assert entry.string_id == string_id.replace("~", "\u00a0")
    assert " ".join(entry.entra_plans) == plans.strip("-")
    for edition, answer in (("2017-10-24", in_2017), ("2025-03-04", in_2025)):
        holding = read(sku_id, edition)
        contested = answer == "contested"
        assert holding.reset == ("undetermined" if contested else answer)
        assert holding.reason == ("contested" if contested else reason)
        assert holding.writeback == writeback


def test_our_table_has_no_sku_that_the_list_does_not_expect() -> None:
    assert set(load_rules().skus.entries) == {expected[0] for expected in EXPECTATIONS}


@pytest.mark.parametrize("plan", OFFICE, ids=lambda plan: plan[1])
def test_a_sku_of_no_class_with_an_office_plan_is_unknown(plan: list[str]) -> None:
    skus = {UNCLASSED: Sku(sku_id=UNCLASSED, enabled=10, plans=(plan[0],))}
    assert read(UNCLASSED, "2017-10-24", skus).reason == "sku-unknown"


@pytest.mark.parametrize("plan", NOT_OFFICE, ids=lambda plan: plan[1])
def test_a_plan_that_comes_along_in_other_products_makes_no_office_sku(plan: list[str]) -> None:
    skus = {UNCLASSED: Sku(sku_id=UNCLASSED, enabled=10, plans=(plan[0],))}
    assert read(UNCLASSED, "2017-10-24", skus).reason == "not-office"


def test_every_office_plan_of_the_rules_is_on_the_list() -> None:
    assert load_rules().skus.office_plans == {plan[0] for plan in OFFICE}
