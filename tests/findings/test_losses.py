"""What a user lost is said where it opened a finding or made it worse, and stays said meanwhile."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.findings import advance, with_lost
from shared.findings.fingerprints import fingerprint
from shared.model import Finding, Moment, OpenFinding, Severity
from shared.rules.loader import load_rules

RULES = load_rules()
AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
STATES = ("undetermined", "writeback-uncovered", "uncovered")


def coverage(state: str = "uncovered", **facts: object) -> Finding:
    return Finding(kind="coverage", state=state, severity=Severity.HIGH, facts=facts)


def opened(finding: Finding) -> dict[str, OpenFinding]:
    one = OpenFinding(
        id="f", finding=finding, fingerprint=fingerprint(finding, RULES), opened_at=AT, changed_at=AT
    )
    return {finding.key: one}


def lost(
    finding: Finding,
    known: dict[str, OpenFinding] | None = None,
    *,
    before: tuple[str, ...] = (),
    counted: tuple[str, ...] = (),
    held: tuple[str, ...] = (),
) -> object:
    (found,) = with_lost((finding,), known or {}, before=before, counted=counted, held=held)
    return found.facts.get("lost")


def test_all_that_went_is_named_where_one_of_it_had_counted() -> None:
    assert lost(coverage(), before=("b", "a", "c"), counted=("a",), held=("c",)) == ["a", "b"]


def test_nothing_is_named_where_what_counted_is_still_held() -> None:
    assert lost(coverage(), before=("a", "b"), counted=("a",), held=("a",)) is None


def test_nothing_is_named_of_a_user_whose_licences_never_counted() -> None:
    assert lost(coverage(), before=("a", "b"), counted=(), held=()) is None


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("now", STATES)
def test_news_only_where_the_finding_grows_worse(state: str, now: str) -> None:
    said = lost(coverage(now), opened(coverage(state)), before=("a",), counted=("a",))
    assert said == (["a"] if STATES.index(now) > STATES.index(state) else None)


def test_what_was_lost_before_stays_named_and_what_is_held_again_goes() -> None:
    known = opened(coverage("writeback-uncovered", lost=["a", "b"]))
    again = coverage("writeback-uncovered")
    assert lost(again, known, before=("c",), counted=("c",), held=("c",)) == ["a", "b"]
    assert lost(again, known, before=("c",), counted=("c",), held=("a", "c")) == ["b"]
    assert lost(again, known, before=("c",), counted=("c",), held=("a", "b", "c")) is None


def test_growing_worse_adds_to_what_was_lost() -> None:
    known = opened(coverage("writeback-uncovered", lost=["a"]))
    assert lost(coverage("uncovered"), known, before=("c",), counted=("c",)) == ["a", "c"]


def test_other_kinds_are_left_as_they_are() -> None:
    error = Finding(kind="assignment-error", state="error", severity=Severity.HIGH, about="a")
    assert with_lost((error,), {}, before=("a",), counted=("a",), held=()) == (error,)


skus = st.lists(st.sampled_from("abcd"), unique=True).map(tuple)


@given(before=skus, counted=skus, held=skus, state=st.sampled_from(STATES))
def test_the_same_reading_twice_gives_the_same_finding_and_no_second_line(
    before: tuple[str, ...], counted: tuple[str, ...], held: tuple[str, ...], state: str
) -> None:
    """What the journal line says stays what the ledger says, and it is no part of the fingerprint."""
    found = (coverage(state),)
    first_found = with_lost(found, {}, before=before, counted=counted, held=held)
    first = advance("t", "user", "u", {}, {}, first_found, AT, "", RULES)
    assert [one.moment for one in first.transitions] == [Moment.OPENED]
    again = with_lost(found, first.open, before=held, counted=counted, held=held)
    second = advance("t", "user", "u", first.open, {}, again, AT + timedelta(minutes=5), "", RULES)
    assert second.open == first.open
    assert second.transitions == ()
    assert fingerprint(first_found[0], RULES) == fingerprint(found[0], RULES)
