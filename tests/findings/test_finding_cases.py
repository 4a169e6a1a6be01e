"""Every case of `tests/cases/findings.toml` holds, and together they leave no row of the data untried."""

from collections.abc import Iterator
from typing import Any

import pytest

from shared.model import Finding
from shared.rules.kinds import KINDS
from shared.rules.loader import load_rules
from tests.findings.finding_cases import Case, load_cases, with_times

CASES = load_cases()


def _all_found() -> Iterator[Finding]:
    for case in CASES:
        for found in case.found.values():
            yield from found


@pytest.mark.parametrize("case", CASES, ids=str)
def test_finds_what_the_case_says_and_nothing_else(case: Case) -> None:
    found = {
        (subject, finding.kind, case.readable(finding.about)): finding
        for subject, several in case.found.items()
        for finding in several
    }
    wanted = {(one["of"], one["kind"], one.get("about", "")): one for one in case.raw["find"]}
    assert sorted(map(str, found)) == sorted(map(str, wanted))
    for key, expected in wanted.items():
        for field, value in expected.items():
            if field not in ("of", "kind", "about"):
                assert _field(case, found[key], field) == with_times(value), f"{key}: {field}"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_mutes_what_the_case_says_and_nothing_else(case: Case) -> None:
    assert case.muted() == sorted(case.raw.get("muted", ()))


def _field(case: Case, finding: Finding, field: str) -> Any:
    if field == "remedy":
        return [case.readable({"step": one.step, **one.values}) for one in finding.remedy]
    if field == "because":
        return ["|".join(case.readable([one.kind, one.about, one.subject])) for one in finding.because]
    value = case.readable(getattr(finding, field))
    return sorted(value) if field in ("skus", "groups") else _ordered(value)


def _ordered(value: Any) -> Any:
    """Facts that list ids are in the order of ids, cases in that of names."""
    if isinstance(value, dict):
        return {key: _ordered(one) for key, one in value.items()}
    return sorted(value) if isinstance(value, list) else value


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_found_in_one_case_and_absent_from_one_that_could_have_it(kind: str) -> None:
    subjects = {str(one) for one in load_rules().kinds[kind].subjects}

    def found_in(case: Case) -> set[bool]:
        return {
            any(finding.kind == kind for finding in found)
            for subject, found in case.found.items()
            if (subject if subject in ("user", "tenant") else "group") in subjects
        }

    assert {True, False} <= set().union(*map(found_in, CASES))


def test_every_state_of_every_kind_occurs_and_no_other() -> None:
    states: dict[str, set[str]] = {}
    for finding in _all_found():
        states.setdefault(finding.kind, set()).add(finding.state)
    assert states == {kind: set(row.states) for kind, row in load_rules().kinds.items()}


def test_every_fact_that_a_row_lists_occurs() -> None:
    facts: dict[str, set[str]] = {kind: set() for kind in KINDS}
    for finding in _all_found():
        facts[finding.kind] |= set(finding.facts)
    assert facts == {kind: set(row.facts) for kind, row in load_rules().kinds.items()}


def test_every_step_of_every_remedy_occurs_with_exactly_its_values() -> None:
    steps: dict[tuple[str, str], set[tuple[str, ...]]] = {}
    for finding in _all_found():
        for step in finding.remedy:
            steps.setdefault((finding.kind, step.step), set()).add(tuple(step.values))
    wanted = {
        (kind, item.step): {item.values} for kind, row in load_rules().kinds.items() for item in row.remedy
    }
    assert steps == wanted


def test_every_finding_has_a_remedy_and_the_subject_of_its_row() -> None:
    rules = load_rules()
    for case in CASES:
        for subject, found in case.found.items():
            for finding in found:
                assert finding.remedy, f"{case}: {finding.key}"
                of = subject if subject in ("user", "tenant") else "group"
                assert of in rules.kinds[finding.kind].subjects, f"{case}: {finding.key}"


def test_no_finding_carries_a_name() -> None:
    for case in CASES:
        if "user" in case.found:
            text = str(case.found["user"])
            assert "someone@" not in text, case
            assert "Some One" not in text, case
