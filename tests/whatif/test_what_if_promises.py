"""What holds of every change on every tenant."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from shared.model import LicensingGroup, TenantFacts
from shared.rules.policy import Policy
from shared.snapshot.judging import Rejudged, rejudged
from shared.snapshot.lines import SCHEMA, End, Head, Line, Reading
from shared.whatif.changes import Asked
from shared.whatif.outcome import Outcome, what_if
from tests.judgement.strategies import (
    AT,
    EDITIONS,
    GROUPS,
    SKUS,
    policies,
    standings,
    tenants,
    users,
)
from tests.snapshot.snapshots import RULES


def head(facts: TenantFacts, policy: Policy, skus: list[list[str]]) -> Head:
    groups = {
        group: LicensingGroup(id=group, sku_ids=tuple(own)) for group, own in zip(GROUPS, skus, strict=True)
    }
    facts = msgspec.structs.replace(facts, groups=groups)
    return Head(schema=SCHEMA, taken_at=AT, source="audit", rules=RULES.digest, policy=policy, facts=facts)


of_groups = st.lists(st.lists(st.sampled_from(sorted(SKUS)), max_size=3, unique=True), min_size=2, max_size=2)
heads = st.builds(head, tenants(), policies, of_groups)
owning = heads.filter(lambda one: bool(one.facts.skus))
readings = st.lists(st.builds(Reading, user=users(), standing=standings, at=st.just(AT)), max_size=8).map(
    lambda listed: [
        msgspec.structs.replace(one, user=msgspec.structs.replace(one.user, id=f"u{number}"))
        for number, one in enumerate(listed)
    ]
)
choices = st.fixed_dictionaries(
    {},
    optional={
        "writeback": st.sampled_from(("on", "off", "unknown")),
        "scope": st.sampled_from(("all", f"groups:{GROUPS[0]}")),
        "edition": st.sampled_from(EDITIONS),
        "drop": st.lists(st.sampled_from(sorted(SKUS)), max_size=2, unique=True).map(tuple),
    },
)


def lines(first: Head, people: list[Reading]) -> list[Line]:
    return [first, *people, End(users=len(people), verdicts="")]


def tried(first: Head, people: list[Reading], **asked: Any) -> Outcome:
    def read() -> Iterator[Line]:
        return iter(lines(first, people))

    return what_if(read, Asked(**asked), RULES)


def owned_or_listed(first: Head, sku_id: str) -> bool:
    return sku_id in first.facts.skus or RULES.skus.get(sku_id) is not None


def droppable(first: Head, sku_id: str) -> bool:
    """Where the tenant's products were not read, what our table has may be dropped."""
    return sku_id in first.facts.skus or (not first.facts.skus and owned_or_listed(first, sku_id))


def seats(outcome: Outcome) -> list[Any]:
    return [(one.sku_id, one.after) for one in outcome.seats if one.before != one.after]


@given(heads, readings, choices)
def test_counts_before_are_those_of_a_replay_and_transitions_add_up(
    first: Head, people: list[Reading], asked: dict[str, Any]
) -> None:
    drop = tuple(one for one in asked.pop("drop", ()) if droppable(first, one))
    outcome = tried(first, people, **{"writeback": first.policy.writeback, **asked}, drop=drop)
    replayed = Counter(
        one.judged.verdict.state for one in rejudged(lines(first, people), RULES) if isinstance(one, Rejudged)
    )
    assert {state: n for state, n in outcome.before.states.items() if n} == replayed
    assert outcome.users == len(people) == sum(outcome.after.states.values())
    assert sum(one.users for one in outcome.transitions) == len(outcome.changed)
    pairs = Counter((one.before, one.after) for one in outcome.changed)
    assert pairs == {(one.before, one.after): one.users for one in outcome.transitions}
    for state in outcome.before.states:
        into = sum(one.users for one in outcome.transitions if one.after is state)
        out = sum(one.users for one in outcome.transitions if one.before is state)
        assert outcome.after.states[state] == outcome.before.states[state] + into - out


@given(heads, readings)
def test_what_is_already_so_changes_nothing(first: Head, people: list[Reading]) -> None:
    outcome = tried(first, people, writeback=first.policy.writeback, edition=first.policy.edition)
    assert (outcome.before, outcome.changed, seats(outcome)) == (outcome.after, (), [])


@given(owning, readings, st.sampled_from(sorted(SKUS)))
def test_seats_by_the_number_of_none_change_nothing(first: Head, people: list[Reading], sku_id: str) -> None:
    if owned_or_listed(first, sku_id):
        outcome = tried(first, people, add=(f"{sku_id}=0",))
        assert (outcome.before, outcome.changed, seats(outcome)) == (outcome.after, (), [])


@given(heads, readings, st.sampled_from(sorted(SKUS)))
def test_dropping_what_nobody_has_makes_no_difference_to_anybody(
    first: Head, people: list[Reading], sku_id: str
) -> None:
    if droppable(first, sku_id):
        free = [
            msgspec.structs.replace(
                one,
                user=msgspec.structs.replace(
                    one.user,
                    assigned_licenses=tuple(x for x in one.user.assigned_licenses if x.sku_id != sku_id),
                    license_assignment_states=tuple(
                        x for x in one.user.license_assignment_states if x.sku_id != sku_id
                    ),
                ),
            )
            for one in people
        ]
        assert tried(first, free, drop=(sku_id,)).changed == ()
        # Who holds it stands as one who never did.
        after = tried(first, people, drop=(sku_id,)).after.states
        assert after == tried(first, free, drop=(sku_id,)).after.states


@given(owning, readings, st.sampled_from(sorted(SKUS)), st.integers(1, 30))
def test_more_seats_never_leave_anybody_without_a_licence_that_counted(
    first: Head, people: list[Reading], sku_id: str, number: int
) -> None:
    if sku_id in first.facts.skus:
        outcome = tried(first, people, add=(f"{sku_id}={number}",))
        assert not [one for one in outcome.changed if one.before == "covered" and one.after == "uncovered"]
        [row] = [one for one in outcome.seats if one.sku_id == sku_id]
        assert row.before is not None
        assert row.after.usable == row.before.usable + number
        assert row.after.consumed - row.before.consumed <= number + row.before.free


@given(owning, readings)
def test_no_move_assigns_more_seats_than_there_are(first: Head, people: list[Reading]) -> None:
    outcome = tried(first, people, move=(f"{GROUPS[0]}:{GROUPS[1]}",))
    for one in outcome.seats:
        assert one.before is not None
        assert one.after.consumed <= max(one.before.consumed, one.after.usable)
    licensed = [
        one
        for one in people
        if any(state.assigned_by_group == GROUPS[0] for state in one.user.license_assignment_states)
    ]
    assert outcome.dealt.moved == len(licensed)
    assert {one.id for one in outcome.changed} <= {one.user.id for one in people}
