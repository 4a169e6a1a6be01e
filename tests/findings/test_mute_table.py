"""What the packaged mute table keeps quiet, beyond the pairs that the cases show (judgement.md §4, §5)."""

import pytest

from shared.model import Because, Finding, Severity
from shared.rules.loader import load_rules

TENANT, USER = "tenant-1", "user-1"


def muted(symptom: Finding, cause_kind: str, about: str) -> bool:
    """Whether an open finding of the tenant keeps a user's from being told."""
    return any(row.explains(cause_kind, TENANT, about, symptom, USER) for row in load_rules().mutes)


@pytest.mark.parametrize("kind", ["sku-unknown", "sku-contested", "setting-needed"])
def test_a_missing_fact_silences_who_is_undetermined_by_it_and_never_a_breach(kind: str) -> None:
    because = (Because(kind=kind, about="this"),)
    undetermined = Finding(kind="coverage", state="undetermined", severity=Severity.LOW, because=because)
    assert muted(undetermined, kind, "this")
    assert not muted(undetermined, kind, "that")
    for state in ("uncovered", "writeback-uncovered"):
        breach = Finding(kind="coverage", state=state, severity=Severity.HIGH, because=because)
        assert not muted(breach, kind, "this")


@pytest.mark.parametrize("state", ["undetermined", "uncovered", "writeback-uncovered"])
def test_missing_evidence_silences_what_hangs_on_it_and_no_other_breach(state: str) -> None:
    # A breach hangs on evidence where only its absence puts the user in reach.
    because = (Because(kind="evidence-missing", about="registration"),)
    hanging = Finding(kind="coverage", state=state, severity=Severity.HIGH, because=because)
    assert muted(hanging, "evidence-missing", "registration")
    assert not muted(hanging, "evidence-missing", "skus")
    sure = Finding(kind="coverage", state=state, severity=Severity.HIGH)
    assert not muted(sure, "evidence-missing", "registration")


def test_coverage_silences_no_finding_of_the_tenant_but_seats_short() -> None:
    silenced = {row.symptom for row in load_rules().mutes if row.cause == "coverage"}
    assert silenced == {"seats-short"}


FAULT = (Because(kind="watch-unwell", about="skus"),)


@pytest.mark.parametrize("state", ["forbidden", "failed", "stale", "never"])
def test_a_fault_of_the_watch_silences_the_evidence_that_it_keeps_from_being_read(state: str) -> None:
    missing = Finding(
        kind="evidence-missing", state=state, severity=Severity.MEDIUM, about="subscriptions", because=FAULT
    )
    assert muted(missing, "watch-unwell", "skus")
    assert not muted(missing, "watch-unwell", "registration")


@pytest.mark.parametrize("state", ["not-premium", "absent", "unclear"])
def test_a_fault_of_the_watch_silences_no_evidence_that_was_read_and_says_nothing(state: str) -> None:
    missing = Finding(kind="evidence-missing", state=state, severity=Severity.LOW, about="x", because=FAULT)
    assert not muted(missing, "watch-unwell", "skus")


def test_a_fault_of_the_watch_silences_another_only_where_that_points_to_it() -> None:
    one = Finding(kind="watch-unwell", state="unwell", severity=Severity.HIGH, about="sweep", because=FAULT)
    assert muted(one, "watch-unwell", "skus")
    assert not muted(one, "watch-unwell", "delta")
    alone = Finding(kind="watch-unwell", state="unwell", severity=Severity.HIGH, about="sweep")
    assert not muted(alone, "watch-unwell", "skus")
