"""Each licence error has its explanation and its remedy: every case of `tests/cases/licence_errors.toml`."""

import pytest

from shared.findings.failures import ANOTHER_PRODUCT, CODES, NO_CODE
from shared.model import State
from shared.texts.catalogue import catalogue
from tests.findings.finding_cases import Case
from tests.findings.licence_error_cases import LANGUAGES, expected, found, load, told

CASES = load()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_licence_error_is_told_with_its_cause_and_remedy_and_nothing_else_is(case: Case) -> None:
    wanted = expected(case)
    languages = {(one.of, one.kind, one.about): tuple(one.shown) for one in wanted}
    seen = [
        told(case, subject, one, languages.get((subject, one.kind, str(case.readable(one.about))), ()))
        for subject, one in found(case)
    ]
    assert seen == wanted


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_language_leaves_a_cause_or_step_without_words(case: Case, language: str) -> None:
    for subject, finding in found(case):
        words = told(case, subject, finding, (language,)).shown[language]
        assert words["cause"]
        assert words["steps"]
        for sentence in words["steps"]:
            assert not sentence.startswith(catalogue(language).text("format", "unknown_code", code=""))


def test_every_case_that_tells_something_says_it_in_english_and_dutch() -> None:
    assert all({"en", "nl"} <= set(one.shown) for case in CASES for one in expected(case))


def test_the_cases_hold_every_code_that_microsoft_documents_and_the_odd_ones() -> None:
    causes = {one.cause for case in CASES for one in expected(case)}
    assert causes >= {*CODES, NO_CODE, ANOTHER_PRODUCT}
    assert causes - {*CODES, NO_CODE, ANOTHER_PRODUCT}, "a code that nobody has documented"
    sources = [one for case in CASES for one in case.raw["user"].get("sources", ())]
    assert {"Other", "Others", "None"} <= {one.get("error") for one in sources}
    assert "ActiveWithError" in {one.get("state") for one in sources}
    assert any("error" not in one for one in sources), "a state in error without any code"


def test_a_user_on_whom_a_licence_fails_is_otherwise_only_told_as_not_covered() -> None:
    for case in CASES:
        for one in case.found.get("user", ()):
            assert one.kind != "coverage" or one.state == State.UNCOVERED
