"""Who gets a seat when some are added or people are moved, case by case, on tenants of a few people."""

from datetime import timedelta

import msgspec
import pytest

from shared.model import CommerceSubscription
from tests.whatif.contoso import (
    AT,
    DESIGN,
    E3,
    M365,
    OFFICE,
    P1,
    P1_PLAN,
    PREMIUM,
    VISIO,
    by,
    contoso,
    group,
    head,
    person,
    sku,
)
from tests.whatif.trying import ON, told, tried

# --- seats -------------------------------------------------------------------------------------------------


def test_added_seats_go_to_those_who_wait_in_order_of_id_and_bring_all_of_the_group() -> None:
    outcome = tried(*contoso(), add=("VISIOCLIENT=5",))
    assert told(outcome) == dict.fromkeys(range(31, 36), ("uncovered", "covered", "p1"))
    assert (outcome.dealt.waiting, outcome.dealt.served) == (7, 5)
    after = {one.sku_id: (one.after.usable, one.after.consumed) for one in outcome.seats}
    assert after[VISIO] == (7, 7)
    assert after[M365] == (25, 13)


def test_a_group_gives_nothing_while_another_of_its_products_has_no_seat() -> None:
    first, people = contoso()
    outcome = tried(first, people, add=("SPE_E3=50",))
    assert told(outcome) == {}
    assert (outcome.dealt.waiting, outcome.dealt.served) == (7, 0)


def test_what_fails_for_another_reason_is_not_mended_by_seats() -> None:
    people = [
        person(1, by(DESIGN, M365, "CountViolation"), by(DESIGN, VISIO, "DependencyViolation")),
        person(2, by(DESIGN, M365, "MutuallyExclusiveViolation")),
        person(3, by(DESIGN, M365, "CountViolation")),
    ]
    first = head([sku(M365, 1, 1), sku(VISIO, 9, 0)], [group(DESIGN, M365, VISIO)])
    assert told(tried(first, people, add=(f"{M365}=9",))) == {3: ("uncovered", "covered", "p1")}


def test_seats_that_are_owed_already_come_first() -> None:
    people = [person(1, by(DESIGN, M365, "CountViolation"))]
    first = head([sku(M365, 3, 5)], [group(DESIGN, M365)])
    assert told(tried(first, people, add=("SPE_E3=2",))) == {}
    assert told(tried(first, people, add=("SPE_E3=3",))) == {1: ("uncovered", "covered", "p1")}


def test_a_product_that_the_tenant_does_not_have_can_be_bought_and_helps_who_still_holds_it() -> None:
    people = [person(1, by(None, P1), synced=True), person(2, synced=True)]
    outcome = tried(head([sku(E3, 1, 0)], policy=ON), people, add=("AAD_PREMIUM=10",))
    assert told(outcome) == {1: ("uncovered", "covered", "p1")}
    [row] = [one for one in outcome.seats if one.sku_id == P1]
    assert row.before is None
    assert (row.after.usable, row.after.consumed, row.after.free) == (10, 1, 9)
    p1, _ = outcome.after.needs
    assert p1.free == 9


def test_seats_bought_of_a_product_that_was_suspended_make_it_work_again() -> None:
    suspended = msgspec.structs.replace(sku(M365, 0, 1, "Suspended"), suspended=5)
    outcome = tried(head([suspended]), [person(1, by(None, M365))], add=("SPE_E3=1",))
    assert told(outcome) == {1: ("uncovered", "covered", "p1")}


@pytest.mark.parametrize(("seats", "state"), [(1, "undetermined"), (2, "covered")])
def test_few_paid_seats_beside_a_trial_leave_it_undetermined_whose_they_are(seats: int, state: str) -> None:
    trial = CommerceSubscription(
        id="s", status="Enabled", is_trial=True, total=9, next_lifecycle_at=AT + timedelta(days=9)
    )
    product = msgspec.structs.replace(sku(E3, 9, 2), subscriptions=(trial,))
    people = [person(1, by(None, E3)), person(2, by(None, E3))]
    outcome = tried(head([product]), people, add=(f"ENTERPRISEPACK={seats}",))
    assert {after for _, after, _ in told(outcome).values()} == {state}


def test_the_same_seats_twice_add_up() -> None:
    outcome = tried(*contoso(), add=("SPE_E3=2", f"{M365}=3"))
    assert [(one.sku_id, one.seats) for one in outcome.changes.add] == [(M365, 5)]


# --- moving ------------------------------------------------------------------------------------------------


def test_who_is_moved_gets_the_new_groups_products_while_seats_last_and_loses_the_old_ones() -> None:
    outcome = tried(*contoso(), writeback="on", move=(f"{OFFICE}:{PREMIUM}",))
    assert told(outcome) == {
        18: ("covered", "uncovered", "assignment-failed"),
        19: ("covered", "uncovered", "assignment-failed"),
        20: ("covered", "uncovered", "assignment-failed"),
    }
    assert (outcome.dealt.moved, outcome.dealt.refused) == (20, 3)
    after = {one.sku_id: (one.after.consumed, one.after.free) for one in outcome.seats}
    assert (after[E3], after[M365]) == ((0, 30), (25, 0))


def test_added_seats_are_there_for_who_is_moved() -> None:
    outcome = tried(*contoso(), writeback="on", move=(f"{OFFICE}:{PREMIUM}",), add=("SPE_E3=3",))
    assert told(outcome) == {}
    assert outcome.dealt.refused == 0


def test_what_another_source_assigns_stays_and_a_product_of_both_groups_keeps_its_seat() -> None:
    first = head([sku(E3, 2, 2), sku(M365, 0, 0)], [group(OFFICE, E3), group(PREMIUM, E3)])
    people = [person(1, by(OFFICE, E3)), person(2, by(OFFICE, E3), by(None, E3))]
    outcome = tried(first, people, move=(f"{OFFICE}:{PREMIUM}",))
    assert told(outcome) == {}
    assert (outcome.dealt.moved, outcome.dealt.refused) == (2, 0)


def test_plans_that_the_new_group_switches_off_are_off_for_who_is_moved() -> None:
    first = head([sku(E3, 9, 1), sku(M365, 9, 1)], [group(OFFICE, E3), group(PREMIUM, M365)], ON)
    people = [
        person(1, by(OFFICE, E3), synced=True),
        person(2, by(PREMIUM, M365, off=(P1_PLAN,)), synced=True),
    ]
    outcome = tried(first, people, move=(f"{OFFICE}:{PREMIUM}",))
    assert outcome.unseen == ()
    assert told(outcome) == {}
    alone = tried(first, people[:1], move=(f"{OFFICE}:{PREMIUM}",))
    assert alone.unseen == (PREMIUM,)
    assert told(alone) == {1: ("writeback-uncovered", "covered", "p1")}


def test_a_plan_that_only_the_old_group_had_on_goes_off_with_it() -> None:
    first = head([sku(E3, 9, 0), sku(M365, 9, 1)], [group(PREMIUM, M365), group(OFFICE, E3)], ON)
    people = [person(1, by(None, M365, off=(P1_PLAN,)), by(PREMIUM, M365), synced=True)]
    assert told(tried(first, people, move=(f"{PREMIUM}:{OFFICE}",))) == {
        1: ("covered", "writeback-uncovered", "plan-off")
    }


def test_a_plan_that_was_off_is_on_once_the_new_group_has_it_on() -> None:
    first = head([sku(E3, 9, 1), sku(M365, 1, 1)], [group(PREMIUM, M365), group(OFFICE, E3)], ON)
    people = [person(1, by(None, M365, off=(P1_PLAN,)), by(OFFICE, E3), synced=True)]
    assert told(tried(first, people, move=(f"{OFFICE}:{PREMIUM}",))) == {
        1: ("writeback-uncovered", "covered", "p1")
    }


def test_moves_follow_each_other_as_they_are_given() -> None:
    first = head(
        [sku(E3, 9, 1), sku(M365, 1, 0), sku(P1, 1, 0)],
        [group(OFFICE, E3), group(PREMIUM, M365), group(DESIGN, P1)],
        ON,
    )
    people = [person(1, by(OFFICE, E3), synced=True)]
    chained = tried(first, people, move=(f"{OFFICE}:{PREMIUM}", f"{PREMIUM}:{DESIGN}"))
    apart = tried(first, people, move=(f"{PREMIUM}:{DESIGN}", f"{OFFICE}:{PREMIUM}"))
    seats = [{row.sku_id: row.after.consumed for row in one.seats} for one in (chained, apart)]
    assert seats == [{E3: 0, M365: 0, P1: 1}, {E3: 0, M365: 1, P1: 0}]


def test_a_group_left_without_products_by_a_drop_gives_nothing() -> None:
    outcome = tried(*contoso(), drop=("SPE_E3",), move=(f"{OFFICE}:{PREMIUM}",))
    assert {cause for _, _, cause in told(outcome).values()} == {"nothing-held"}
    assert len(outcome.changed) == 28
