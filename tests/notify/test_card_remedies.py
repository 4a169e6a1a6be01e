"""What a card tells people to do: sentences that fit together, and Microsoft's advice for each error."""

import pytest

from shared.findings.failures import CODES
from shared.model import Step
from tests.notify.card_samples import EMS_E3, GROUP_ID, OFFICE_E3, USER_ID, entry, facts_of, single, text_of

EMS, OFFICE = "Enterprise Mobility + Security E3", "Office 365 E3"


def steps_of(*steps: Step, kind: str = "coverage", state: str = "uncovered") -> list[str]:
    """The remedy as the card numbers it."""
    text = text_of(single(entry(kind, state, remedy=steps)))
    return [line.partition(": ")[2] for line in text.splitlines() if line.startswith("Step ")]


def of(sku: str, step: str, **values: object) -> Step:
    """A step about a product."""
    return Step(step=step, values={"sku": sku, **values})


# --- offers ---------------------------------------------------------------------------------------------


def test_several_products_with_a_free_seat_are_one_step_any_of_which_does() -> None:
    offers = (
        of(EMS_E3, "assign-free-seat", free=3, groups=[GROUP_ID]),
        of(OFFICE_E3, "assign-free-seat", free=1200, groups=[]),
    )
    assert steps_of(*offers, Step(step="set-usage-location", values={"directory": ""})) == [
        f"Assign any one of these: {EMS}, 3 seats free, assigned by group: Licensing EMS; "
        f"{OFFICE}, 1,200 seats free.",
        "Before a direct assignment, set the user's usage location; it is blank.",
    ]


def test_one_product_with_a_free_seat_is_a_step_of_its_own() -> None:
    assert steps_of(of(EMS_E3, "assign-free-seat", free=3, groups=[])) == [f"Assign {EMS}. Seats free: 3."]


# --- more seats -----------------------------------------------------------------------------------------


def test_to_buy_seats_is_the_other_way_after_freeing_them_and_the_only_one_alone() -> None:
    free, buy = of(EMS_E3, "free-seats", seats=2), of(EMS_E3, "buy-seats", seats=2)
    assert steps_of(free, buy)[1] == f"Or buy more seats of {EMS}. Missing: 2."
    assert steps_of(buy) == [f"Buy more seats of {EMS}. Missing: 2."]


@pytest.mark.parametrize("first", ["free-seats", "reclaim-seats"])
def test_it_is_the_other_way_only_for_the_same_product(first: str) -> None:
    ways = (
        of(EMS_E3, first, seats=2, reclaimable=5, sample=[]),
        of(EMS_E3, "buy-seats", seats=2),
        of(OFFICE_E3, "buy-seats", seats=1),
    )
    assert [sentence.partition(" of ")[0] for sentence in steps_of(*ways)[1:]] == [
        "Or buy more seats",
        "Buy more seats",
    ]


def test_accounts_out_of_reach_may_need_their_seats_so_one_is_told_to_look() -> None:
    listed = of(EMS_E3, "reclaim-seats", reclaimable=5, sample=[USER_ID])
    said = (
        f"5 seats of {EMS} are held by accounts that are disabled or out of reach of password reset: "
        "look whether they need it."
    )
    assert steps_of(listed) == [f"{said} First of them: Ada Example (ada@contoso.example)."]
    assert steps_of(of(EMS_E3, "reclaim-seats", reclaimable=5, sample=[])) == [said]
    facts = facts_of(single(entry("seats-short", "short")))
    assert facts["Seats held by accounts that are disabled or out of reach of password reset"] == "5"


# --- licence errors -------------------------------------------------------------------------------------

# What Microsoft's page on group licence problems says to do: the step of each code, and words of it.
ADVICE = {
    "CountViolation": ("free-seats", ("take it from accounts that don't need it",)),
    "MutuallyExclusiveViolation": (
        "resolve-conflict",
        (
            "Two plans of different products",
            "turn one of the conflicting plans off",
            "remove one of the licences",
        ),
    ),
    "DependencyViolation": (
        "keep-required-plan",
        ("keep the required plan by another licence", "turn the dependent plan off"),
    ),
    "ProhibitedInUsageLocationViolation": (
        "fix-usage-location",
        ("or none is set", "set the right usage location", "take the user out of Licensing EMS"),
    ),
    "UniquenessViolation": ("fix-proxy-address", ("Usually a proxy address is used twice", "Get-Recipient")),
    "Other": (
        "view-error-details",
        ("Look at the error's details", "several changes came at once is tried again by itself"),
    ),
}


def test_every_documented_code_has_its_advice() -> None:
    assert tuple(ADVICE) == CODES


@pytest.mark.parametrize("code", ADVICE)
def test_the_remedy_of_a_code_is_microsofts(code: str) -> None:
    step, words = ADVICE[code]
    [sentence] = steps_of(
        of(EMS_E3, step, group=GROUP_ID, code=code, seats=1), kind="assignment-error", state="error"
    )
    assert EMS in sentence
    for part in words:
        assert part in sentence


def test_nobody_is_taken_out_of_a_group_who_was_licensed_directly() -> None:
    assert steps_of(of(EMS_E3, "fix-usage-location", group="")) == [
        f"{EMS} (assigned directly) is not allowed at the user's usage location, or none is set: "
        "set the right usage location, or use another product."
    ]


# --- other steps ----------------------------------------------------------------------------------------


def test_nobody_is_told_to_change_the_country_of_a_tenant() -> None:
    [sentence] = steps_of(
        Step(step="set-location-of-each", values={"users": 12}),
        kind="directory-location-missing",
        state="missing",
    )
    assert sentence == (
        "The country of a tenant can't be changed: set the usage location of each user instead. "
        "Users without one: 12."
    )
