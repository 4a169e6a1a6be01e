"""A changed setting is called by the name under which it is set."""

import msgspec
import pytest

from shared.notify.saying.cards import SETTING_OF
from shared.rules.policy import Policy
from shared.settings import load
from tests.settings.good_settings import GOOD

OTHERWISE = {
    "edition": "2025-03-04",
    "contested": "covered",
    "developer_skus": "ignore",
    "scope": "all",
    "scope_groups": f"groups:{GOOD['TENANT_ID']}",
    "population": "used",
    "report_grace": "1h",
    "report_max_age": "10d",
    "resource_accounts": "judge",
    "emergency_group": GOOD["TENANT_ID"],
    "writeback": "on",
    "synced_without_writeback": "judge_as_cloud",
    "internal_guests": "judge",
    "administrators": "as_users",
    "ends_soon": "7",
    "seats_low": "3",
}
"""A value of each field's setting that is not its default."""


def test_every_field_of_the_policy_has_a_setting_and_none_is_left_over() -> None:
    assert set(SETTING_OF) == {field.name for field in msgspec.structs.fields(Policy)}


@pytest.mark.parametrize("field", SETTING_OF)
def test_the_setting_is_the_one_that_changes_the_field(field: str) -> None:
    before, after = load(GOOD).policy, load({**GOOD, SETTING_OF[field]: OTHERWISE[field]}).policy
    assert getattr(before, field) != getattr(after, field)
