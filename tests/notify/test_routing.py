"""Which routes a finding is told on: by kind, severity and group of the subject."""

import pytest

from shared.notify.deciding.routing import DEFAULT, RouteRule, routes_of, takes
from tests.notify.card_samples import GROUP_ID, USER_ID, entry
from tests.notify.story import TENANT

IN_GROUP = {USER_ID: frozenset({GROUP_ID})}
USERS = entry("coverage")
GROUPS = entry("licence-errors", "error", subject_id=GROUP_ID)
TENANTS = entry("no-licence", "missing", subject_id=TENANT)


def rule(name: str = "other", **conditions: object) -> RouteRule:
    return RouteRule(name=name, **conditions)  # type: ignore[arg-type]  # each test gives fields of the struct


def test_an_empty_condition_is_met_by_everything() -> None:
    for one in (USERS, GROUPS, TENANTS):
        assert takes(rule(), one, {})


def test_every_condition_has_to_be_met() -> None:
    assert takes(rule(kinds=("coverage",), severities=("high",), groups=(GROUP_ID,)), USERS, IN_GROUP)
    assert not takes(rule(kinds=("ends-soon",), severities=("high",)), USERS, IN_GROUP)
    assert not takes(rule(kinds=("coverage",), severities=("low",)), USERS, IN_GROUP)
    assert not takes(rule(kinds=("coverage",), groups=("another",)), USERS, IN_GROUP)


def test_a_group_is_met_by_itself_and_by_who_is_in_it_and_never_by_the_tenant() -> None:
    of_group = rule(groups=(GROUP_ID,))
    assert takes(of_group, GROUPS, {})
    assert takes(of_group, USERS, IN_GROUP)
    assert not takes(of_group, USERS, {})
    assert not takes(of_group, TENANTS, {TENANT: frozenset({GROUP_ID})})


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ((), (DEFAULT,)),
        ((rule("a", kinds=("ends-soon",)),), (DEFAULT,)),
        ((rule("a"),), ("a",)),
        ((rule("a", copy=True),), (DEFAULT, "a")),
        ((rule("a", copy=True), rule("b")), ("a", "b")),
        ((rule("a", copy=True), rule("b", copy=True)), (DEFAULT, "a", "b")),
    ],
)
def test_the_default_route_hears_what_no_other_took_for_itself(
    others: tuple[RouteRule, ...], expected: tuple[str, ...]
) -> None:
    assert routes_of(USERS, (RouteRule(), *others), IN_GROUP) == expected
