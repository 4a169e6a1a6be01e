"""What no case can say: single questions, the steps as `explain` shows them, other rules than ours."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

import shared.holdings
import shared.judgement
from shared.holdings import error_code, held
from shared.judgement import Judge
from shared.model import (
    AssignedLicense,
    LicenseAssignmentState,
    Sku,
    Standing,
    State,
    TenantFacts,
    Tier,
    User,
)
from shared.rules.loader import Rules, load_rules
from shared.rules.policy import Policy
from tests.judgement.asking import judge
from tests.judgement.strategies import (
    A1,
    DEVELOPER,
    EDITIONS,
    EMS,
    FREE,
    GROUPS,
    OFFICE_E3,
    P1,
    ROOM,
    SKUS,
    TRIAL,
    UNCLASSED,
)

AT = datetime(2026, 9, 1, tzinfo=UTC)
RULES = load_rules()


def person(*sku_ids: str, **also: Any) -> User:
    """An enabled cloud-only member who holds these."""
    held = tuple(AssignedLicense(sku_id=one) for one in sku_ids)
    return msgspec.structs.replace(User(id="u", account_enabled=True, assigned_licenses=held), **also)


def tenant(*sku_ids: str) -> TenantFacts:
    """A tenant with plenty of these."""
    skus = {one: Sku(sku_id=one, enabled=99, plans=SKUS[one]) for one in sku_ids}
    return TenantFacts(tenant_id="t", skus=skus)


def altered(edition: str, **changes: Any) -> Rules:
    """The packaged rules with one edition changed."""
    changed = msgspec.structs.replace(RULES.editions[edition], **changes)
    return msgspec.structs.replace(RULES, editions={**RULES.editions, edition: changed})


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (None, ""),
        ("", ""),
        ("None", ""),
        ("none", ""),
        ("Other", "Other"),
        ("Others", "Other"),
        ("CountViolation", "CountViolation"),
        ("BrandNewViolation", "BrandNewViolation"),
    ],
)
def test_an_error_code_is_shown_as_it_is_and_no_error_is_empty(error: str | None, code: str) -> None:
    assert error_code(error) == code


def test_each_licence_is_explained_by_the_step_that_decided() -> None:
    user = person(EMS, OFFICE_E3, ROOM, DEVELOPER, FREE, TRIAL, UNCLASSED, A1)
    facts = tenant(EMS, OFFICE_E3, ROOM, DEVELOPER, FREE, TRIAL, UNCLASSED)
    holdings = judge(user, Standing(), facts, RULES, Policy(scope="all"), AT).holdings
    assert {one.sku_id: (one.reason, one.reset, one.writeback) for one in holdings} == {
        EMS: ("p1", "yes", "yes"),
        OFFICE_E3: ("paid-suite", "yes", "no"),
        ROOM: ("device-or-room", "no", "no"),
        DEVELOPER: ("developer", "yes", "yes"),
        FREE: ("free", "no", "no"),
        TRIAL: ("trial-sku", "no", "no"),
        UNCLASSED: ("sku-unknown", "undetermined", "no"),
        A1: ("sku-gone", "no", "no"),
    }


def test_a_failed_assignment_still_says_what_it_would_give() -> None:
    failed = LicenseAssignmentState(sku_id=EMS, assigned_by_group=GROUPS[0], state="Error")
    user = person(license_assignment_states=(failed,))
    (holding,) = judge(user, Standing(), tenant(EMS), RULES, Policy(scope="all"), AT).holdings
    assert (holding.reason, holding.reset, holding.tier) == ("assignment-failed", "no", Tier.P1)
    assert [one.subject for one in holding.because] == [GROUPS[0]]


def test_a_sku_that_is_active_among_the_states_but_not_assigned_is_not_held() -> None:
    active = LicenseAssignmentState(sku_id=EMS, state="Active")
    assert held(person(license_assignment_states=(active,))) == {}


def test_of_two_failing_sources_a_plan_is_off_only_if_both_switch_it_off() -> None:
    states = tuple(
        LicenseAssignmentState(sku_id=EMS, state="Error", assigned_by_group=group, disabled_plans=plans)
        for group, plans in zip(GROUPS, ((P1, "x"), ("x",)), strict=True)
    )
    disabled, sources = held(person(license_assignment_states=states))[EMS]
    assert disabled == {"x"}
    assert sources.groups == GROUPS


def test_a_no_of_the_edition_is_named_as_such() -> None:
    classes = dict(RULES.editions["2017-10-24"].classes)
    classes["suite-paid"] = msgspec.structs.replace(classes["suite-paid"], answer="no", yes="", no="S4")
    rules = altered("2017-10-24", classes=classes)
    verdict = judge(person(OFFICE_E3), Standing(), tenant(OFFICE_E3), rules, Policy(scope="all"), AT)
    assert (verdict.state, verdict.cause) == (State.UNCOVERED, "edition-no")


def test_where_the_edition_refuses_a_plan_a_class_it_accepts_still_counts() -> None:
    faculty = "e578b273-6db4-4691-bba0-8d691f4da603"
    plans = dict(RULES.editions["2017-10-24"].plans)
    plans["basic-edu"] = msgspec.structs.replace(plans["basic-edu"], answer="no", yes="", no="S4")
    rules = altered("2017-10-24", plans=plans)
    facts = TenantFacts(
        tenant_id="t", skus={faculty: Sku(sku_id=faculty, enabled=9, plans=(*SKUS[A1], *SKUS[OFFICE_E3]))}
    )
    verdict = judge(person(faculty), Standing(), facts, rules, Policy(scope="all"), AT)
    assert (verdict.state, verdict.cause) == (State.COVERED, "paid-suite")


def test_editions_may_choose_differently_for_internal_guests() -> None:
    new = RULES.editions["2025-03-04"]
    rules = altered("2025-03-04", options={**new.options, "internal_guests": "judge"})
    guest = person(EMS, user_type="Guest")
    for edition, states in (
        ("2017-10-24", (State.NOT_IN_REACH, State.COVERED)),
        ("2025-03-04", (State.COVERED, State.NOT_IN_REACH)),
    ):
        judged = Judge(rules, Policy(edition=edition, scope="all"), tenant(EMS)).judged(guest, Standing(), AT)
        assert (judged.verdict.state, *judged.others.values()) == states
        assert len(judged.differing) == 1


def test_judging_goes_on_when_a_judge_has_seen_too_many_sets_of_licences(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shared.judgement, "REMEMBERED", 2)
    monkeypatch.setattr(shared.holdings, "REMEMBERED", 2)
    shared_judge = Judge(RULES, Policy(scope="all"), tenant(*SKUS))
    for sku_id in (*SKUS, *SKUS):
        verdict = shared_judge.judged(person(sku_id), Standing(), AT).verdict
        assert verdict == judge(person(sku_id), Standing(), tenant(*SKUS), RULES, Policy(scope="all"), AT)


def test_one_edition_can_be_asked_whichever_governs() -> None:
    for edition in EDITIONS:
        verdict = judge(person(EMS), Standing(), tenant(EMS), RULES, Policy(scope="all"), AT, edition)
        assert verdict.rule in RULES.editions[edition].rules


def test_an_edition_that_does_not_exist_is_refused() -> None:
    with pytest.raises(KeyError, match="1999"):
        Judge(RULES, Policy(edition="1999-12-31"), tenant(EMS))


@pytest.mark.parametrize(("enabled", "warning", "covered"), [(0, 0, False), (1, 0, True), (0, 1, True)])
def test_a_product_that_is_enabled_by_name_counts_only_with_a_usable_seat(
    enabled: int, warning: int, covered: bool
) -> None:
    sku = Sku(sku_id=EMS, enabled=enabled, warning=warning, plans=SKUS[EMS])
    facts = TenantFacts(tenant_id="t", skus={EMS: sku})
    verdict = judge(person(EMS), Standing(), facts, RULES, Policy(scope="all"), AT)
    assert (verdict.state is State.COVERED) is covered
    assert (verdict.cause == "sku-suspended") is not covered
