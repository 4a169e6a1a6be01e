"""What a card tells people to do: sentences that fit together, and Microsoft's advice for each error."""

import pytest

from shared.findings.failures import CODES
from shared.model import Step
from tests.notify.card_samples import (
    EMS_E3,
    GROUP_ID,
    OFFICE_E3,
    USER_ID,
    entry,
    facts_of,
    remedy_of,
    single,
)

EMS, OFFICE = "Enterprise Mobility + Security E3", "Office 365 E3"
LICENCES = "Microsoft 365 admin center: Billing › Licenses › (the product)"
LOCATION = "Entra admin center: Users › All users › (the user) › Properties › Usage location"


def steps_of(*steps: Step, kind: str = "coverage", state: str = "uncovered") -> list[str]:
    """The remedy as the card shows it, without its numbers."""
    shown = remedy_of(single(entry(kind, state, remedy=steps)))
    if len(shown) == 1:
        return shown
    assert [line.partition(": ")[0] for line in shown] == [f"Step {n}" for n in range(1, len(shown) + 1)]
    return [line.partition(": ")[2] for line in shown]


def test_steps_are_numbered_only_where_there_are_several() -> None:
    one, two = Step(step="turn-plan-on", values={"sku": EMS_E3}), Step(step="remove-registration")
    alone = remedy_of(single(entry(remedy=(one,))))
    both = remedy_of(single(entry(remedy=(one, two))))
    assert [len(alone), len(both)] == [1, 2]
    assert both[0] == f"Step 1: {alone[0]}"
    assert both[1].startswith("Step 2: ")


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
        f"Assign any one of these ({LICENCES} › Users › Assign licenses), or add whoever needs it to the "
        f"group that is named: {EMS} (seats free: 3; assigned by group: Licensing EMS); "
        f"{OFFICE} (seats free: 1,200).",
        f"Before a direct assignment, set the user's usage location; it is blank ({LOCATION}).",
    ]


def test_nobody_is_sent_to_a_group_where_none_is_named() -> None:
    offers = (of(EMS_E3, "assign-free-seat", free=3, groups=[]), of(OFFICE_E3, "assign-free-seat", free=2))
    [sentence] = steps_of(*offers)
    assert sentence.startswith(
        f"Assign any one of these ({LICENCES} › Users › Assign licenses): {EMS} (seats free: 3); "
    )


def test_one_product_with_a_free_seat_is_a_step_of_its_own() -> None:
    assert steps_of(of(EMS_E3, "assign-free-seat", free=3, groups=[])) == [
        f"Assign {EMS} ({LICENCES} › Users › Assign licenses). Seats free: 3."
    ]


def test_one_that_groups_assign_is_had_by_joining_one_of_them() -> None:
    assert steps_of(of(EMS_E3, "assign-free-seat", free=3, groups=[GROUP_ID])) == [
        f"Assign {EMS} by making whoever needs it a direct member of a group that assigns it: Licensing EMS "
        "(Entra admin center: Groups › All groups › (the group) › Members › Add members). Seats free: 3."
    ]


# --- more seats -----------------------------------------------------------------------------------------


def test_to_buy_seats_is_the_other_way_after_freeing_them_and_the_only_one_alone() -> None:
    free, buy = of(EMS_E3, "free-seats", seats=2), of(EMS_E3, "buy-seats", seats=2)
    products = "Microsoft 365 admin center: Billing › Your products › (the product)"
    assert steps_of(free, buy)[1] == f"Or buy more seats of {EMS} ({products}). Missing: 2."
    assert steps_of(buy) == [f"Buy more seats of {EMS} ({products}). Missing: 2."]


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
        f"Seats of {EMS} held by accounts that are disabled or out of reach of password reset: 5. "
        f"Look whether they need it, take it from those that don't ({LICENCES} › Users › Unassign licenses), "
        "and buy a seat for each that does."
    )
    assert steps_of(listed) == [f"{said} First of them: Ada Example (ada@contoso.example)."]
    assert steps_of(of(EMS_E3, "reclaim-seats", reclaimable=5, sample=[])) == [said]


def test_the_state_of_seats_says_who_needs_what_is_free_what_is_held_and_what_to_buy() -> None:
    counts = {"needs": 14, "free": 3, "reclaimable": 5, "buy": 6}
    shown = facts_of(single(entry("seats-short", "short", facts=counts)))
    assert shown["State"] == (
        "Users who need Entra ID P1 or better: 14. Seats free: 3. Seats held by accounts that are disabled "
        "or out of reach of password reset: 5. Seats to buy: 6."
    )
    assert not {"Free seats", "Seats to buy", "Users who need it"} & set(shown)


def test_a_state_whose_facts_are_not_all_known_is_said_without_them() -> None:
    shown = facts_of(single(entry("seats-short", "short", facts={"needs": 14})))
    assert shown["State"] == "Short: more users need a licence than seats are free."
    assert shown["Users who need it"] == "14"


def test_after_the_seats_there_are_the_fewest_are_bought_of_any_product_that_does() -> None:
    step = of(EMS_E3, "buy-fewest", tier="p1", seats=6)
    assert steps_of(step, kind="seats-short", state="short") == [
        f"Buy seats of {EMS}, or of any other product that counts as Entra ID P1 or better (Microsoft 365 "
        "admin center: Billing › Your products). Seats to buy: 6; that is the fewest that will do, with "
        "every seat named before this one used."
    ]


def test_a_group_that_nobody_could_read_is_named_by_its_id_with_where_to_correct_it() -> None:
    unknown = "5f000000-0000-4000-8000-00000000dead"
    ways = (
        Step(step="end-exception", values={"group": unknown, "exception": "e-1a2b3c4d"}),
        Step(step="correct-route", values={"group": unknown, "route": "helpdesk"}),
    )
    one = entry("evidence-missing", "failed", about="named-groups", groups=(unknown,), remedy=ways)
    assert unknown in facts_of(single(one))["Groups"]
    ending, correcting = remedy_of(single(one))
    assert ending.startswith("Step 1: Exception e-1a2b3c4d names ")
    assert unknown in ending
    assert "(python -m admin exception end e-1a2b3c4d)" in ending
    assert correcting.startswith("Step 2: Route helpdesk names ")
    assert "correct it in the setting ROUTES" in correcting


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
            "What a group assigns is changed for the group: Billing › Licenses › (the product) › Groups",
        ),
    ),
    "DependencyViolation": (
        "keep-required-plan",
        (
            "keep the required plan by another licence",
            "turn the dependent plan off",
            "What a group assigns is changed for the group: Billing › Licenses › (the product) › Groups",
        ),
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
        f"set the right usage location ({LOCATION}), or use another product."
    ]


# --- other steps ----------------------------------------------------------------------------------------


def test_nobody_is_told_to_change_the_country_of_a_tenant() -> None:
    [sentence] = steps_of(
        Step(step="set-location-of-each", values={"users": 12}),
        kind="directory-location-missing",
        state="missing",
    )
    assert sentence == (
        "The country of a tenant can't be changed: set the usage location of each user instead "
        f"({LOCATION}). Users without one: 12."
    )


@pytest.mark.parametrize(
    ("setting", "where", "what"),
    [
        ("PASSWORD_WRITEBACK", "Entra ID › Password reset › On-premises integration", "to on or off"),
        ("CONTESTED", "Decide whether such products count", "to covered or uncovered"),
        ("RESOURCE_ACCOUNTS", "judged as people", "to judge"),
        ("SSPR_SCOPE", "Set SSPR_SCOPE", "Environment variables"),
    ],
)
def test_a_setting_is_told_with_what_it_can_be_and_where_to_look(setting: str, where: str, what: str) -> None:
    [sentence] = steps_of(Step(step="set-setting", values={"setting": setting}))
    for words in (setting, where, what, "Azure portal: (the function app) › Settings"):
        assert words in sentence


# --- links ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "state", "page"),
    [
        ("coverage", "uncovered", f"admin.microsoft.com/Adminportal/Home#/users/:/UserDetails/{USER_ID}"),
        ("nested-members-unlicensed", "nested", f"GroupDetailsMenuBlade/~/Members/groupId/{GROUP_ID}"),
        ("directory-location-missing", "missing", "UserManagementMenuBlade/~/AllUsers"),
        ("setting-needed", "unknown", "PasswordResetMenuBlade/~/OnPremisesIntegration"),
        ("evidence-missing", "forbidden", "StartboardApplicationsMenuBlade"),
        ("evidence-missing", "absent", "AuthenticationMethodsMenuBlade/~/UserRegistrationDetails"),
        ("evidence-missing", "not-premium", "Home#/subscriptions"),
        ("evidence-missing", "unclear", "Home#/subscriptions"),
        ("evidence-missing", "stale", "portal.azure.com/#browse/Microsoft.Web"),
    ],
)
def test_the_link_opens_the_page_where_the_remedy_starts(kind: str, state: str, page: str) -> None:
    [action] = single(entry(kind, state))["attachments"][0]["content"]["actions"]
    assert page in action["url"]
