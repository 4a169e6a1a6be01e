"""A card says nothing twice."""

from shared.model import Step
from tests.notify.card_samples import EMS_E3, GROUP_ID, OFFICE_E3, entry, facts_of, single, text_of


def test_the_products_of_a_group_are_listed_only_where_they_are_more_than_the_failing_one() -> None:
    alone = entry("licence-errors", "error", about=EMS_E3, facts={"group_skus": [EMS_E3]})
    assert "Products of the group" not in facts_of(single(alone))
    several = entry("licence-errors", "error", about=EMS_E3, facts={"group_skus": [EMS_E3, OFFICE_E3]})
    assert "Products of the group" in facts_of(single(several))


def test_products_that_are_held_are_listed_once() -> None:
    one = entry("coverage", "writeback-uncovered", rule="S7", skus=(OFFICE_E3,), facts={"held": [OFFICE_E3]})
    facts = facts_of(single(one))
    assert facts["Licences held"] == "Office 365 E3"
    assert "Products" not in facts


def test_products_with_a_free_seat_are_one_step_of_which_any_will_do() -> None:
    steps = tuple(
        Step(step="assign-free-seat", values={"sku": sku, "free": 3, "groups": groups})
        for sku, groups in ((EMS_E3, [GROUP_ID]), (OFFICE_E3, []))
    )
    shown = text_of(single(entry("coverage", "uncovered", rule="S4", remedy=steps)))
    assert shown.count("Assign any one of these") == 1
    assert "Step 2" not in shown
