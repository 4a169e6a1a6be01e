"""The catalogue is whole: every code of rules and verdicts has its words, and no words are left over."""

import string
from datetime import UTC, date, datetime

import pytest

from shared.findings.failures import ANOTHER_PRODUCT, CODES, NO_CODE
from shared.model import EVIDENCE, State
from shared.notify.saying.wording import INSTEAD_OF, SETTINGS, VARIANTS
from shared.texts.catalogue import Catalogue, MissingText, catalogue, fill
from shared.texts.plain import plain
from tests.notify.card_samples import BY_STATE, EMS_E3, FACTS, TEXTS, entry, wording
from tests.notify.story import RULES

REACH = [
    "report",
    "scope-group",
    "everyone",
    "assumed",
    "administrator",
    "unknown",
    "account-disabled",
    "external",
    "internal-guest",
    "sync-account",
    "resource-account",
    "emergency",
    "sspr-not-enabled",
    "outside-scope-group",
    "not-capable",
    "not-used",
    "admin-sspr-off",
    "cannot-reset",
    "not-yet-reported",
]
CAUSES = [
    "p2",
    "p1",
    "basic",
    "basic-edu",
    "paid-suite",
    "paid-workload",
    "developer",
    "contested",
    "administrator-free",
    "assignment-failed",
    "sku-suspended",
    "sku-gone",
    "trial-subscription",
    "contested-no",
    "edition-no",
    "developer-ignored",
    "device-or-room",
    "unattended",
    "trial-sku",
    "free",
    "not-office",
    "nothing-held",
    "plan-off",
    "cloud-level-only",
    "reach-unknown",
    "writeback-unknown",
    "trial-undetermined",
    "sku-unknown",
]
OTHER_CAUSES = [
    "resource-account",
    "administrator-only",
    "grace",
    "suspended",
    "trial",
    "ended",
    "not-assigned",
    "not-owned",
    "no-seat",
    "not-synchronised",
]
ENDS = ["licensed", "fixed", "deleted", "rule-changed", "still-broken", "administrator-free"]
ENDS += ["covered-otherwise", "no-longer-synced", "fact-known", "not-registered"]
EVIDENCES = [*EVIDENCE, "registration-rows", "audit", "trial", "is-trial", "observed"]

VARIANTS_OF = {code: {given, empty} for code, (_, given, empty) in VARIANTS.items()}
VARIANTS_OF["set-setting"] = {"set-setting", *SETTINGS.values()}


@pytest.mark.parametrize(("kind", "state"), BY_STATE)
def test_every_kind_and_state_has_its_words(kind: str, state: str, texts: Catalogue) -> None:
    for text in ("title", "state", "label", "one"):
        assert texts.text("kinds", kind, text, state)


@pytest.mark.parametrize("kind", RULES.kinds)
def test_every_kind_says_why_anyone_is_told_and_how_it_reads_when_fixed(kind: str, texts: Catalogue) -> None:
    assert texts.text("kinds", kind, "why").endswith(".")
    assert texts.text("kinds", kind, "fixed")


def test_no_kind_or_state_has_words_and_no_row(texts: Catalogue) -> None:
    assert texts.codes("kinds") == set(RULES.kinds)
    for kind, row in RULES.kinds.items():
        for text in (
            "title",
            "state",
            "label",
            "one",
            "mended_label",
            "mended_one",
            "line",
            "sentence",
            "why_of",
        ):
            assert texts.codes("kinds", kind, text) <= set(row.states), (kind, text)


@pytest.mark.parametrize("kind", RULES.kinds)
def test_every_step_of_a_remedy_asks_only_for_values_it_gets(kind: str, texts: Catalogue) -> None:
    for row in RULES.kinds[kind].remedy:
        for code in VARIANTS_OF.get(row.step, {row.step}):
            gets = {*row.values, "how"} if "group" in row.values else set(row.values)
            assert texts.places("steps", code) <= gets, code


def test_a_step_that_is_another_way_asks_for_the_same_values_as_alone(texts: Catalogue) -> None:
    worded = set().union(*(VARIANTS_OF[code] for code in INSTEAD_OF))
    assert texts.codes("alternatives") == worded
    for code in worded:
        assert texts.places("alternatives", code) == texts.places("steps", code), code


def test_no_step_has_words_and_no_row(texts: Catalogue) -> None:
    used = {step for row in RULES.kinds.values() for step in row.steps}
    worded = set(used).union(*VARIANTS_OF.values())
    assert texts.codes("steps") == worded
    assert set(VARIANTS) <= used


@pytest.mark.parametrize("code", sorted({*CAUSES, *OTHER_CAUSES}))
def test_every_cause_has_words(code: str, texts: Catalogue) -> None:
    assert texts.text("causes", code)


def test_every_class_of_products_gives_a_cause_that_has_words(texts: Catalogue) -> None:
    assert {one.reason for one in RULES.skus.classes.values()} <= texts.codes("causes")


@pytest.mark.parametrize("code", REACH)
def test_every_reason_of_reach_has_words(code: str, texts: Catalogue) -> None:
    assert texts.text("reach", code)


def test_causes_and_reasons_have_no_words_left_over(texts: Catalogue) -> None:
    assert texts.codes("causes") == {*CAUSES, *OTHER_CAUSES}
    assert texts.codes("reach") == set(REACH)
    assert texts.codes("errors") == {*CODES, NO_CODE, ANOTHER_PRODUCT}
    assert texts.codes("evidence") == set(EVIDENCES)
    assert texts.codes("states") == {str(state) for state in State}
    assert texts.codes("ended") == {*ENDS, "left-reach", "other"}


def test_every_fact_with_words_is_a_fact_of_some_kind(texts: Catalogue) -> None:
    facts = {fact for row in RULES.kinds.values() for fact in row.facts}
    assert texts.codes("facts") - {"seats", "seats_value"} <= facts


def test_a_sentence_of_a_state_asks_only_for_what_the_kind_knows(texts: Catalogue) -> None:
    for kind, row in RULES.kinds.items():
        for state in texts.codes("kinds", kind, "sentence"):
            assert texts.places("kinds", kind, "sentence", state) <= {*row.facts, "about"}, (kind, state)


def test_every_rule_of_every_edition_is_said_in_short_and_no_other(texts: Catalogue) -> None:
    assert texts.codes("rules") == set(RULES.editions)
    for edition in RULES.editions.values():
        assert texts.codes("rules", edition.id) == set(edition.rules)


def test_a_suspended_subscription_is_not_said_to_end_one_day() -> None:
    assert "no longer work" in wording().why(entry("subscription-lapsing", "suspended"))
    for state in ("warning", "trial-ending"):
        assert (
            wording().why(entry("subscription-lapsing", state)).startswith("When this subscription is gone")
        )


def test_what_was_lost_is_named_as_products() -> None:
    facts = dict(wording().facts(entry(facts={**FACTS, "lost": [EMS_E3]})))
    assert facts["Lost"] == "Enterprise Mobility + Security E3"


@pytest.mark.parametrize(
    "section", ["kinds", "causes", "steps", "alternatives", "errors", "evidence", "evidence_age", "rules"]
)
def test_a_text_about_a_finding_shows_in_a_card_exactly_as_it_is_written(
    section: str, texts: Catalogue
) -> None:
    def walk(node: object) -> None:
        if isinstance(node, dict):
            for one in node.values():
                walk(one)
        else:
            assert isinstance(node, str)
            text = fill(node, dict.fromkeys(_places(node), "x"))
            # Long words of people's get places to break; ours are not changed on the way.
            assert plain(text, 2_000).replace("\u200b", "") == text

    walk(texts._tree[section])


def _places(text: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(text) if name]


def test_every_place_is_a_plain_name(texts: Catalogue) -> None:
    def walk(node: object) -> None:
        if isinstance(node, dict):
            for one in node.values():
                walk(one)
        elif isinstance(node, str):
            assert all(name.isidentifier() for name in _places(node)), node

    walk(texts._tree)


def test_a_missing_text_names_its_path() -> None:
    with pytest.raises(MissingText, match=r"kinds\.nothing\.title"):
        TEXTS.text("kinds", "nothing", "title")
    with pytest.raises(MissingText, match="value name"):
        fill("Hello {name}", {})
    with pytest.raises(MissingText, match="language xx"):
        catalogue("xx")
    with pytest.raises(MissingText, match="nothing"):
        Catalogue("en", {}).places("nothing")


def test_dates_times_and_counts_are_written_as_people_do() -> None:
    assert TEXTS.day(date(2017, 10, 24)) == "24 October 2017"
    assert TEXTS.moment(datetime(2017, 10, 24, 9, 5, tzinfo=UTC)) == "24 October 2017, 09:05 UTC"
    assert TEXTS.number(1234567) == "1,234,567"


def test_values_are_not_read_as_places() -> None:
    assert fill("{a}", {"a": "{b}"}) == "{b}"
