"""Every case of `tests/cases/verdicts.toml` explained in words that somebody approved, in each language.

To approve other words: `python -m tests.explain.approve`, then read what changed in tests/explain/approved.
"""

import pytest

from shared.explain.changes import COSTLY
from shared.explain.wording import WIDTH
from shared.texts.catalogue import catalogue, languages
from tests.explain.approve import APPROVED, HEAD, explained, text_of
from tests.judgement.case_file import CASES, EDITIONS, Case, read_cases

VERDICTS = read_cases(CASES / "verdicts.toml")


@pytest.fixture(scope="module")
def approved() -> dict[str, dict[str, str]]:
    """The approved text of each case, by language and name."""
    return {language: _parts((APPROVED / f"{language}.txt").read_text()) for language in languages()}


def _parts(text: str) -> dict[str, str]:
    parts = (part.partition("\n") for part in text.split(HEAD)[1:])
    return {name: body.strip("\n") for name, _, body in parts}


def test_every_case_is_approved_in_every_language_and_nothing_else(
    approved: dict[str, dict[str, str]],
) -> None:
    for texts in approved.values():
        assert list(texts) == [case.name for case in VERDICTS]


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("case", VERDICTS, ids=lambda case: case.name)
def test_a_case_is_explained_as_approved(
    case: Case, language: str, approved: dict[str, dict[str, str]]
) -> None:
    assert text_of(case, language).strip("\n") == approved[language][case.name]


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("case", VERDICTS, ids=lambda case: case.name)
def test_a_case_is_explained_with_its_rule_and_its_cause(
    case: Case, language: str, approved: dict[str, dict[str, str]]
) -> None:
    texts, proof = catalogue(language), explained(case)
    flowing = " ".join(approved[language][case.name].split())
    assert [one.edition for one in proof.editions] == list(EDITIONS)
    for one in proof.editions:
        expected = case.expected(one.edition)
        assert (one.verdict.state, one.verdict.rule) == (expected["state"], expected["rule"])
        section = "reach" if expected["state"] == "not-in-reach" else "causes"
        cause = texts.text(section, expected["cause"])
        assert texts.text("explain", "cause", cause=cause) in flowing
        if expected["rule"]:
            short = texts.text("rules", one.edition, expected["rule"])
            assert texts.text("explain", "rule", rule=expected["rule"], short=short) in flowing
            assert next(rule for rule in one.rules if rule.id == expected["rule"]).quote in flowing


@pytest.mark.parametrize("language", languages())
def test_it_fits_a_terminal_of_eighty_columns(language: str, approved: dict[str, dict[str, str]]) -> None:
    for name, text in approved[language].items():
        wide = [line for line in text.splitlines() if len(line) > WIDTH]
        assert not wide, name


def test_what_costs_nothing_is_told_before_what_somebody_has_to_pay_for() -> None:
    both = 0
    for case in VERDICTS:
        first = {
            step.code: place
            for place, one in reversed([*enumerate(explained(case).changes)])
            for step in one.steps
        }
        paid = [place for code, place in first.items() if code in COSTLY]
        if paid and "assign" in first:
            assert first["assign"] < min(paid), case.name
            both += 1
    assert both > 3
