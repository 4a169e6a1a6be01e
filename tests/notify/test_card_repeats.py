"""A card says nothing twice."""

from tests.notify.card_samples import EMS_E3, OFFICE_E3, entry, facts_of, single


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
