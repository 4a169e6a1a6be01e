"""Cards of many findings, and the size that no card ever passes."""

import re
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.model import Moment, Step
from shared.notify.deciding.routing import RouteRule
from shared.notify.messages import BASELINE, SUMMARY, Item, Message
from shared.notify.saying.cards import LIMIT, NAMED, STEPS, Backdrop, card
from shared.notify.saying.names import Person
from tests.notify.card_samples import (
    AT,
    BACKDROP,
    BY_STATE,
    EMS_E3,
    OFFICE_E3,
    ended,
    entry,
    facts_of,
    many,
    names,
    schema_faults,
    single,
    size,
    text_of,
    wording,
)
from tests.notify.story import Story, second


def test_a_card_of_many_counts_names_the_first_and_says_what_it_left_out() -> None:
    items = (
        *many(30, cause="nothing-held"),
        *(Item(moment=Moment.RESOLVED, entry=ended(item.entry, "licensed")) for item in many(12, name="f")),
        Item(moment=Moment.RESOLVED, entry=ended(entry(id="d"), "deleted")),
    )
    payload = card(Message(form=SUMMARY, items=items), wording(), BACKDROP)
    text = text_of(payload)
    assert "43 findings about password reset licences: 30 new, 13 ended" in text
    shown = facts_of(payload)
    assert shown["users not covered"] == "30"
    assert shown["users covered now, not covered before"] == "12"
    assert shown["user not covered, no longer so"] == "1"
    assert text.count("not covered — no licence is held") == NAMED
    assert "20 more are not named here" in text
    assert "2 more are not named here" in text
    assert "Fixed" in text
    assert "Closed for another reason" in text
    assert schema_faults(payload) == []


def test_a_card_of_many_shows_the_most_frequent_remedy_first() -> None:
    rare = many(1, name="r", remedy=(Step(step="turn-plan-on", values={"sku": EMS_E3}),))
    often = many(9, name="o", remedy=(Step(step="buy-seats", values={"sku": OFFICE_E3, "seats": 1}),))
    text = text_of(card(Message(form=SUMMARY, items=(*rare, *often)), wording(), BACKDROP))
    assert text.index("9 users: Buy more seats of Office 365 E3") < text.index(
        "1 user: Turn on the Entra ID plan"
    )


@pytest.mark.parametrize("form", [SUMMARY, BASELINE])
def test_a_rare_remedy_is_never_left_out_in_silence(form: str) -> None:
    kinds = STEPS + 3
    items = [
        item
        for number in range(kinds)
        for item in many(
            20 - number,
            name=f"{number}-",
            remedy=(Step(step="turn-plan-on", values={"sku": f"product {number}"}),),
        )
    ]
    text = text_of(card(Message(form=form, items=tuple(items)), wording(), BACKDROP))
    assert f"{20 - STEPS + 1} users: Turn on the Entra ID plan in product {STEPS - 1}" in text
    assert f"product {STEPS} " not in text
    hidden = sum(20 - number for number in range(STEPS, kinds))
    assert f"3 other steps, for {hidden} of the findings, are not shown here" in text


def test_a_remedy_says_for_whom_it_is() -> None:
    step = Step(step="turn-plan-on", values={"sku": EMS_E3})
    tenant = Item(moment=Moment.OPENED, entry=entry("no-licence", "missing", remedy=(step,)))
    group = Item(moment=Moment.OPENED, entry=entry("licence-errors", "error", remedy=(step,)))
    for items, whom in (
        ((tenant,), "Your tenant Contoso: Turn on"),
        ((group,), "Licensing EMS: Turn on"),
        ((tenant, *many(1, remedy=(step,))), "2 findings: Turn on"),
        (many(1, remedy=(step,)), "1 user: Turn on"),
    ):
        assert f"\n{whom}" in text_of(card(Message(form=SUMMARY, items=items), wording(), BACKDROP))


def test_the_baseline_card_counts_by_kind_and_state_and_says_how_many_were_read() -> None:
    items = (
        Item(moment=Moment.OPENED, entry=entry("no-licence", "missing")),
        *many(1200),
        *many(3, name="w", kind="coverage", state="writeback-uncovered"),
    )
    payload = card(Message(form=BASELINE, items=items), wording(), BACKDROP)
    text, facts = text_of(payload), facts_of(payload)
    assert "The first reading is done: 1,000 users read" in text
    assert facts["users not covered"] == "1,200"
    assert facts["users not covered for writeback"] == "3"
    assert text.index("First look at these") < text.index("First of the users")
    assert "1,193 more are not named here" in text
    assert "What to do next" in text
    assert schema_faults(payload) == []


def test_a_baseline_without_findings_claims_nothing_of_those_that_are_told_elsewhere() -> None:
    story = Story(
        baseline_told=False, routes=(RouteRule(), RouteRule(name="groups", kinds=("licence-errors",)))
    )
    story.baseline_ended_at = second(-60)
    story.opens(-120, "a", baseline=True)
    story.runs(0).expect((0, "baseline: 1 opened"), (0, "groups: baseline: nothing"))
    message = story.decision.messages[1]
    payload = card(message, wording(), Backdrop(edition="2017-10-24", at=AT))
    text = text_of(payload)
    assert "The first reading is done" in text
    assert "no finding that is told here stands now" in text
    assert schema_faults(payload) == []


def test_a_card_of_every_kind_at_once_is_valid_and_small() -> None:
    items = tuple(Item(moment=Moment.OPENED, entry=entry(kind, state)) for kind, state in BY_STATE)
    for form in (SUMMARY, BASELINE):
        payload = card(Message(form=form, items=items), wording(), BACKDROP)
        assert schema_faults(payload) == []
        assert size(payload) <= LIMIT
        assert "the code " not in text_of(payload)


def test_a_card_that_is_too_large_is_cut_and_says_how_much() -> None:
    steps = tuple(Step(step="turn-plan-on", values={"sku": f"{n}{'x' * 200}"}) for n in range(400))
    payload = single(entry(remedy=steps))
    assert size(payload) <= LIMIT
    text = text_of(payload)
    found = re.search(r"This card was cut to fit: (\d+) lines are not shown", text)
    assert found is not None
    assert int(found[1]) + text.count("Step ") == 401  # every step, and the line of reference
    assert "Judged by Microsoft's page" in text
    assert schema_faults(payload) == []


def test_a_card_that_can_not_be_cut_enough_says_so_and_stays_small() -> None:
    skus = tuple(f"{n}{'y' * 200}" for n in range(5))
    fat = {f"{name}": {str(n): "z" * 100 for n in range(5)} for name in ("held", "group_skus", "short")}
    shown = msgspec.structs.replace(names(), product=lambda sku: sku + "\U0001f600" * 100)
    one = entry("assignment-error", "error", skus=skus, facts=fat | {"codes": ["\U0001f600" * 60] * 9})
    assert size(single(one, shown=shown)) <= LIMIT


@settings(max_examples=30)
@given(st.integers(0, 3000), st.text(max_size=300), st.integers(0, 300), st.sampled_from([SUMMARY, BASELINE]))
def test_no_card_ever_passes_the_limit(count: int, name: str, skus: int, form: str) -> None:
    users = {f"u-{n:06}": Person(name * 5, name * 5) for n in range(count)}
    items = many(count, skus=tuple(name + str(n) for n in range(skus)))
    message = Message(form=form, items=items, late_since=second(0) - timedelta(days=1))
    payload = card(message, wording(names(users=users)), BACKDROP)
    assert size(payload) <= LIMIT
    assert schema_faults(payload) == []
