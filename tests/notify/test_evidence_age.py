"""A card says how old the oldest evidence is that a finding rests on, once that is more than 48 hours."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.rules.kinds import RESTS_ON
from tests.notify.card_samples import TEXTS, entry, wording
from tests.notify.story import RULES

READ = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
FRESH = (READ + timedelta(days=30)).isoformat()
LIMIT = timedelta(hours=48)
Fields = dict[str, Any]


def age(at: datetime, kind: str = "coverage", state: str = "uncovered", **fields: Any) -> str | None:
    return wording().evidence_age(entry(kind, state, **fields), at)


def evidence(**old: datetime) -> dict[str, str]:
    """The times of a journal line: everything fresh but what is named."""
    return {
        **{f"{name}At": FRESH for name in RESTS_ON},
        **{f"{name}At": one.isoformat() for name, one in old.items()},
    }


def test_at_48_hours_nothing_is_said_and_a_second_later_it_is() -> None:
    times: Fields = {"evidence": evidence(registration=READ), "facts": {"reach": "report"}}
    assert age(READ + LIMIT, **times) is None
    said = "Rests on the registration report, read on 3 March 2026, 09:00 UTC: 2 days old."
    assert age(READ + LIMIT + timedelta(seconds=1), **times) == said


def test_days_are_whole_days_that_have_passed() -> None:
    times: Fields = {"evidence": evidence(registration=READ)}
    said = age(READ + timedelta(days=4) - timedelta(seconds=1), **times)
    assert said is not None
    assert said.endswith(": 3 days old.")


def test_of_several_the_oldest_is_named() -> None:
    times = evidence(observed=READ, registration=READ, skus=READ - LIMIT)
    said = age(READ + timedelta(days=3), evidence=times)
    assert said == "Rests on the tenant's products, read on 1 March 2026, 09:00 UTC: 5 days old."


@pytest.mark.parametrize("reach", ["everyone", "scope-group", "assumed"])
def test_who_is_in_reach_without_the_report_does_not_rest_on_it(reach: str) -> None:
    times: Fields = {"evidence": evidence(registration=READ), "facts": {"reach": reach}}
    assert age(READ + timedelta(days=9), **times) is None


def test_a_finding_does_not_rest_on_what_its_kind_is_not_made_from() -> None:
    later, times = READ + timedelta(days=9), evidence(registration=READ, observed=READ)
    assert age(later, "over-assigned", "over", evidence=times) is None
    assert age(later, "scope-mismatch", "mismatch", evidence=times) is not None


@pytest.mark.parametrize("kind", ["evidence-missing", "watch-unwell"])
def test_what_says_itself_when_it_was_read_has_no_age(kind: str) -> None:
    state = RULES.kinds[kind].states[0]
    assert (
        age(READ + timedelta(days=9), kind, state, evidence=evidence(**dict.fromkeys(RESTS_ON, READ))) is None
    )


def test_an_entry_without_times_or_with_one_that_is_none_has_no_age() -> None:
    assert age(READ, evidence={}) is None
    assert age(READ + timedelta(days=9), evidence={"registrationAt": "yesterday"}) is None


def test_every_reading_that_can_be_old_has_words() -> None:
    assert set(RESTS_ON) <= TEXTS.codes("evidence")
