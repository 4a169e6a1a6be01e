"""What each kind rests on, and which permission mends what, by hand: a row that is lost is missed."""

from shared.rules.kinds import RESTS_ON
from shared.rules.loader import load_rules
from shared.watch.fault_codes import CAUSES, PERMISSION

KINDS = load_rules().kinds

OF_A_USER = ("observed", "skus", "registration")

READINGS: dict[str, tuple[str, ...]] = {
    "coverage": OF_A_USER,
    "assignment-error": OF_A_USER,
    "ends-soon": OF_A_USER,
    "not-a-person-licence": ("observed", "registration"),
    "licence-errors": ("skus", "groups"),
    "nested-members-unlicensed": ("groups",),
    "no-licence": ("skus",),
    "no-writeback-licence": ("skus",),
    "subscription-lapsing": ("skus",),
    "over-assigned": ("skus",),
    "seats-short": ("skus", "registration"),
    "seats-low": ("skus",),
    "sku-unknown": ("skus",),
    "sku-contested": ("skus",),
    "scope-mismatch": ("registration",),
}
"""The others say themselves what was read when, or rest on a setting."""


def test_each_kind_rests_on_these_readings() -> None:
    assert {kind: row.rests_on for kind, row in KINDS.items() if row.rests_on} == READINGS


def test_every_reading_whose_time_is_noted_has_a_kind_that_rests_on_it() -> None:
    assert set().union(*READINGS.values()) == set(RESTS_ON)


def test_every_fault_that_a_permission_mends_names_it_the_most_frequent_work_first() -> None:
    assert list(KINDS["watch-unwell"].permissions.items()) == [
        ("delta", "User.Read.All"),
        ("sweep", "User.Read.All"),
        ("subscription-users", "User.Read.All"),
        ("registration", "AuditLog.Read.All"),
        ("skus", "Organization.Read.All"),
    ]
    assert set(KINDS["watch-unwell"].permissions) == {
        code for code, causes in CAUSES.items() if PERMISSION in causes
    }
