"""What each change does, case by case, on tenants of a few people."""

from collections.abc import Iterator

import msgspec

from shared.model import LicensingGroup, State
from shared.rules.policy import Policy
from shared.snapshot.lines import End, Line
from shared.snapshot.pseudonyms import Pseudonyms
from shared.whatif.changes import Asked
from shared.whatif.outcome import what_if
from tests.snapshot.snapshots import RULES
from tests.whatif.contoso import (
    DESIGN,
    E3,
    M365,
    OFFICE,
    P1,
    P1_PLAN,
    PILOT,
    PREMIUM,
    VISIO,
    by,
    contoso,
    group,
    head,
    person,
    sku,
    user_id,
)
from tests.whatif.trying import OFF, codes, faults, told, tried

EMS_E5 = "b05e124f-c7cc-45a0-a6aa-8cf78c946968"

# --- choices -----------------------------------------------------------------------------------------------


def test_with_writeback_on_a_cloud_level_is_not_enough_for_whoever_is_synchronised() -> None:
    outcome = tried(*contoso(), writeback="on")
    assert told(outcome) == dict.fromkeys(
        range(2, 21, 2), ("covered", "writeback-uncovered", "cloud-level-only")
    )
    [p1, cloud] = outcome.after.needs
    assert (p1.users, p1.free, p1.buy) == (15, 20, 0)
    assert (cloud.users, cloud.free) == (5, 15)
    assert [one.users for one in outcome.before.needs] == [0, 10]


def test_another_edition_governs() -> None:
    outcome = tried(*contoso(), edition="2025-03-04")
    assert (outcome.before.edition, outcome.after.edition) == ("2017-10-24", "2025-03-04")
    assert told(outcome) == dict.fromkeys(range(1, 21), ("covered", "undetermined", "contested"))


def test_scope_of_a_group_that_the_snapshot_tells_of_takes_all_others_out_of_reach() -> None:
    outcome = tried(*contoso(), scope=f"groups:{PILOT}")
    assert outcome.after.in_reach == 4
    assert set(told(outcome)) == set(range(1, 41)) - {1, 2, 21, 38}
    assert {cause for _, _, cause in told(outcome).values()} == {"outside-scope-group"}


def test_scope_of_a_licensing_group_is_whoever_has_a_licence_of_it_working_or_not() -> None:
    outcome = tried(*contoso(), scope=f"groups:{DESIGN.upper()},{PILOT}")
    assert outcome.after.in_reach == 4 + 7


def test_nested_members_of_a_licensing_group_are_in_and_who_can_not_be_told_stays_undetermined() -> None:
    nested = msgspec.structs.replace(group(OFFICE, E3), nested=(PILOT,))
    inside = person(2)
    inside = msgspec.structs.replace(
        inside, standing=msgspec.structs.replace(inside.standing, nested_in=(OFFICE,))
    )
    people = [person(1, by(OFFICE, E3)), inside, person(3)]
    outcome = tried(head([sku(E3, 9, 1)], [nested]), people, scope=f"groups:{OFFICE}")
    assert told(outcome) == {3: ("uncovered", "undetermined", "reach-unknown")}


def test_the_scope_as_it_was_says_what_it_said_though_nobody_tells_who_is_in_it() -> None:
    policy = Policy(scope="groups", scope_groups=(PILOT,), writeback="on")
    people = [
        msgspec.structs.replace(
            person(n), standing=msgspec.structs.replace(person(n).standing, in_scope_group=answer)
        )
        for n, answer in enumerate((True, False, None))
    ]
    outcome = tried(head([sku(E3, 1, 0)], policy=policy), people, scope=f"groups:{PILOT}")
    assert outcome.changed == ()
    assert outcome.before == outcome.after


def test_scope_for_all_brings_everybody_into_reach() -> None:
    policy = Policy(scope="groups", scope_groups=(PILOT,), writeback="on")
    outcome = tried(head([sku(E3, 1, 0)], policy=policy), [person(1)], scope="all")
    assert told(outcome) == {1: ("undetermined", "uncovered", "nothing-held")}


# --- dropping ----------------------------------------------------------------------------------------------


def test_a_dropped_product_is_held_by_nobody_and_offered_to_nobody() -> None:
    outcome = tried(*contoso(), drop=("enterprisepack",))
    assert told(outcome) == dict.fromkeys(range(1, 21), ("covered", "uncovered", "nothing-held"))
    [row] = [one for one in outcome.seats if one.sku_id == E3]
    assert row.before is not None
    assert (row.before.usable, row.before.consumed) == (30, 20)
    assert (row.after.usable, row.after.consumed, row.after.free) == (0, 0, 0)
    assert [one.free for one in outcome.after.needs] == [20, 20]


def test_whoever_has_another_licence_stays_covered() -> None:
    people = [person(1, by(OFFICE, E3), by(PREMIUM, M365))]
    first = head([sku(E3, 1, 1), sku(M365, 1, 1)], [group(OFFICE, E3), group(PREMIUM, M365)])
    assert told(tried(first, people, drop=(E3,))) == {}
    assert told(tried(first, people, drop=(E3, "SPE_E3"))) == {1: ("covered", "uncovered", "nothing-held")}


def test_what_failed_beside_a_dropped_product_goes_on_failing() -> None:
    waiting = [person(1, by(DESIGN, M365, "Other"), by(DESIGN, VISIO, "CountViolation"))]
    first = head([sku(M365, 5, 0), sku(VISIO, 0, 0)], [group(DESIGN, M365, VISIO)])
    outcome = tried(first, waiting, drop=("VISIOCLIENT",))
    assert (told(outcome), outcome.after.states[State.UNCOVERED]) == ({}, 1)


def test_dropping_the_last_product_does_not_mean_that_none_was_ever_read() -> None:
    people = [person(1, by(None, E3), by(None, P1))]
    outcome = tried(head([sku(E3, 1, 1)]), people, drop=(E3,))
    assert told(outcome) == {1: ("covered", "uncovered", "sku-gone")}


def test_a_product_that_the_tenant_does_not_have_is_no_all_clear() -> None:
    first, people = contoso()
    assert codes(first, drop=("EMSPREMIUM",)) == codes(first, drop=(EMS_E5,)) == ["not-owned"]
    [fault] = faults(first, drop=("emspremium",))
    assert fault.values == {"sku": "EMSPREMIUM", "known": "AAD_PREMIUM, ENTERPRISEPACK, SPE_E3, VISIOCLIENT"}
    # It may still be bought, and people may hold it where the tenant's products could not be read.
    assert tried(first, people, add=("EMSPREMIUM=1",)).changed == ()
    assert tried(head([]), people, drop=("EMSPREMIUM",)).changes.drop == (EMS_E5,)
    assert tried(first, people, drop=("AAD_PREMIUM",)).changes.drop == (P1,)


def test_what_the_tenant_gave_up_while_it_was_read_may_be_dropped() -> None:
    first = head([sku(E3, 1, 1), sku(M365, 1, 0)])
    second = head([sku(M365, 1, 0)])

    def read() -> Iterator[Line]:
        for n, section in enumerate((first, second)):
            yield from (section, person(n, by(None, E3)), End(users=1, verdicts=""))

    assert told(what_if(read, Asked(drop=("ENTERPRISEPACK",)), RULES)) == {
        0: ("covered", "uncovered", "nothing-held")
    }


def test_every_product_of_a_large_tenant_is_listed_for_whoever_mistypes() -> None:
    names = [f"PRODUCT_{n:03d}" for n in range(300)]
    owned = [
        msgspec.structs.replace(sku(E3, 1, 0), sku_id=user_id(n), part_number=name)
        for n, name in enumerate(names)
    ]
    [fault] = faults(head(owned), drop=("NOPE",))
    assert fault.values["known"] == ", ".join(names)


# --- more of the snapshot ----------------------------------------------------------------------------------


def test_a_pseudonymised_snapshot_says_the_same_of_as_many() -> None:
    first, people = contoso()
    hidden = Pseudonyms("k" * 32)
    pilot = hidden.object_id(PILOT)
    plain = tried(first, people, scope=f"groups:{PILOT}", drop=(E3,))
    outcome = tried(
        hidden.head(first), [hidden.reading(one) for one in people], scope=f"groups:{pilot}", drop=(E3,)
    )
    assert outcome.pseudonymised
    assert not plain.pseudonymised
    assert (outcome.before, outcome.after) == (plain.before, plain.after)
    assert {one.id for one in outcome.changed} == {hidden.object_id(one.id) for one in plain.changed}


def test_sections_share_their_seats_and_the_newest_facts_say_how_many_there_are() -> None:
    old = head([sku(M365, 0, 0)], [group(DESIGN, M365)])
    new = msgspec.structs.replace(
        head([sku(M365, 1, 0)], [group(DESIGN, M365)]),
        facts=msgspec.structs.replace(head([sku(M365, 1, 0)], [group(DESIGN, M365)]).facts, generation=1),
    )
    waits = [person(n, by(DESIGN, M365, "CountViolation")) for n in (3, 1, 2)]
    end = End(users=1, verdicts="")
    lines: list[Line] = [old, waits[0], end, new, waits[1], end, old, waits[2], end]
    outcome = what_if(lambda: iter(lines), Asked(add=("SPE_E3=1",)), RULES)
    assert told(outcome) == {1: ("uncovered", "covered", "p1"), 2: ("uncovered", "covered", "p1")}
    [row] = [one for one in outcome.seats if one.sku_id == M365]
    assert (row.after.usable, row.after.consumed) == (2, 2)


def test_the_accounts_whose_seats_can_be_taken_back_are_counted_on_both_sides() -> None:
    outcome = tried(*contoso(), scope=f"groups:{PILOT}")
    rows = {
        one.sku_id: (one.before.reclaimable if one.before else 0, one.after.reclaimable)
        for one in outcome.seats
    }
    assert rows[E3] == (0, 18)
    assert rows[M365] == (0, 7)


def test_the_seats_of_emergency_accounts_are_nobodys_to_take_back() -> None:
    first = head([sku(E3, 9, 2)])
    people = [person(1, by(None, E3)), person(2, by(None, E3))]
    standing = msgspec.structs.replace(people[0].standing, emergency=True)
    people[0] = msgspec.structs.replace(people[0], standing=standing)
    user = msgspec.structs.replace(people[1].user, account_enabled=False)
    people[1] = msgspec.structs.replace(people[1], user=user)
    [row] = tried(first, people, writeback="on").seats
    assert row.before is not None
    assert (row.before.reclaimable, row.after.reclaimable) == (1, 1)


# --- what can't be tried -----------------------------------------------------------------------------------


def test_every_fault_of_what_was_asked_is_told_at_once() -> None:
    first, _ = contoso()
    assert codes(first) == ["nothing-asked"]
    assert codes(first, writeback="maybe", scope="some", edition="1999", drop=("X",), add=("Y",)) == [
        "bad-writeback",
        "bad-scope",
        "unknown-edition",
        "unknown-sku",
        "bad-seats",
    ]
    assert codes(first, scope=f"groups:{user_id(1)}") == ["unknown-scope-group"]
    assert codes(first, scope="groups:abc") == ["scope-not-id"]
    assert codes(first, scope="groups:") == codes(first, scope="all:x") == ["bad-scope"]
    assert (
        codes(
            first, add=("SPE_E3=-1", "SPE_E3=1.5", "=3", "SPE_E3=", "SPE_E3=99999999", "SPE_E3=" + "9" * 5000)
        )
        == ["bad-seats"] * 6
    )
    assert codes(first, add=("SPE_E3=1",), drop=(M365,)) == ["dropped-and-added"]
    assert faults(first, add=("SPE_E3=1",), drop=(M365,))[0].values == {"sku": "SPE_E3"}
    assert codes(first, move=("a",)) == codes(first, move=(f"{OFFICE}:{OFFICE}",)) == ["bad-move"]
    assert codes(first, move=(f"{OFFICE}:{PILOT}",)) == ["unknown-group"]
    assert codes(first, move=(f"{OFFICE}:{PREMIUM}", f"{OFFICE}:{DESIGN}")) == ["moved-twice"]


def test_without_the_tenants_products_nobody_invents_their_seats() -> None:
    first = head([], [group(OFFICE, E3), LicensingGroup(id=PREMIUM)])
    assert codes(first, add=("SPE_E3=1",)) == ["no-skus"]
    assert codes(first, move=(f"{OFFICE}:{PREMIUM}",)) == ["no-skus"]
    assert told(tried(first, [person(1, by(None, E3))], drop=(E3,))) == {
        1: ("covered", "uncovered", "nothing-held")
    }


def test_a_part_number_of_several_products_must_be_told_apart() -> None:
    twin = msgspec.structs.replace(sku(P1, 1, 0), part_number="SPE_E3")
    assert codes(head([sku(M365, 1, 0), twin]), drop=("spe_e3",)) == ["ambiguous-sku"]


# --- a plan that is turned off -----------------------------------------------------------------------------


def test_cover_by_a_licence_whose_entra_plan_is_turned_off_is_marked_as_such() -> None:
    on = msgspec.structs.replace(OFF, writeback="on")
    first = head([sku(P1, 5, 5), sku(M365, 5, 5), sku(E3, 5, 5)], policy=on)
    people = [
        person(1, by(None, P1, off=(P1_PLAN,)), synced=True),
        person(2, by(None, M365, off=(P1_PLAN,)), by(None, P1), synced=True),
        person(3, by(None, P1, off=(P1_PLAN,)), by(None, E3), synced=True),
    ]
    outcome = tried(first, people, writeback="off")
    assert [(one.id, one.after, one.cause, one.plan_off) for one in outcome.changed] == [
        (user_id(1), State.COVERED, "p1", True),
        (user_id(3), State.COVERED, "p1", True),
    ]
    # Who has one that works, or is not covered, is told nothing of a plan.
    back = tried(msgspec.structs.replace(first, policy=OFF), people, writeback="on")
    assert [(one.after, one.cause, one.plan_off) for one in back.changed] == [
        (State.WRITEBACK_UNCOVERED, "plan-off", False)
    ] * 2
    assert tried(first, people, drop=("SPE_E3",)).changed == ()
