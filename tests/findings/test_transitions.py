"""The life of findings: opened, changed, resolved, and back again (judgement.md §5)."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.findings import REOPEN_WITHIN, Advance, advance
from shared.model import (
    ClosedFinding,
    Finding,
    Moment,
    OpenFinding,
    Severity,
    Transition,
)
from shared.rules.loader import load_rules

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
TENANT, USER = "tenant-1", "user-1"
NOTHING = Advance({}, {}, ())

BARE = Finding(kind="coverage", state="uncovered", severity=Severity.HIGH, rule="S4", cause="nothing-held")
CHANGED = msgspec.structs.replace(BARE, cause="free")
SEATS = msgspec.structs.replace(BARE, facts={"free": 3})
FAILED = Finding(
    kind="assignment-error",
    state="error",
    severity=Severity.HIGH,
    rule="S4",
    cause="CountViolation",
    about="sku-1",
)


def step(
    before: Advance, *found: Finding, at: datetime, cause: str = "licensed", baseline: bool = False
) -> Advance:
    """One reading of one user."""
    return advance(
        TENANT, "user", USER, before.open, before.closed, found, at, cause, load_rules(), baseline=baseline
    )


def only(transitions: tuple[Transition, ...]) -> Transition:
    assert len(transitions) == 1
    return transitions[0]


# --- one step at a time ------------------------------------------------------------------------------------


def test_a_new_finding_opens_with_an_id_and_nothing_before_it() -> None:
    opened = only(step(NOTHING, BARE, at=AT).transitions)
    assert (opened.moment, opened.at, opened.cause, opened.previous) == (Moment.OPENED, AT, "", {})
    assert opened.finding.finding == BARE
    assert (opened.finding.opened_at, opened.finding.changed_at) == (AT, AT)
    assert (opened.finding.reopened, opened.finding.baseline) == (0, False)


def test_the_first_reading_marks_what_it_opens() -> None:
    assert only(step(NOTHING, BARE, at=AT, baseline=True).transitions).finding.baseline


def test_the_id_tells_tenants_subjects_kinds_abouts_and_times_apart() -> None:
    rules = load_rules()
    other_about = msgspec.structs.replace(FAILED, about="sku-2")

    def opened_id(tenant: str, of: str, subject: str, finding: Finding, at: datetime) -> str:
        return only(advance(tenant, of, subject, {}, {}, (finding,), at, "", rules).transitions).finding.id

    ids = {
        opened_id(TENANT, "user", USER, BARE, AT),
        opened_id("tenant-2", "user", USER, BARE, AT),
        opened_id(TENANT, "group", USER, BARE, AT),
        opened_id(TENANT, "user", "user-2", BARE, AT),
        opened_id(TENANT, "user", USER, FAILED, AT),
        opened_id(TENANT, "user", USER, other_about, AT),
        opened_id(TENANT, "user", USER, BARE, AT + HOUR),
    }
    assert len(ids) == 7
    assert opened_id(TENANT, "user", USER, BARE, AT) in ids


def test_what_moves_the_fingerprint_is_a_change_that_remembers_what_was() -> None:
    first = step(NOTHING, BARE, at=AT)
    second = step(first, CHANGED, at=AT + HOUR)
    before, change = first.open["coverage"], only(second.transitions)
    assert (change.moment, change.finding.id) == (Moment.CHANGED, before.id)
    assert change.previous == {"state": "uncovered", "fingerprint": before.fingerprint}
    assert (change.finding.opened_at, change.finding.changed_at) == (AT, AT + HOUR)
    assert change.finding.finding == CHANGED
    assert change.finding.fingerprint != before.fingerprint


def test_what_does_not_move_the_fingerprint_is_replaced_silently() -> None:
    first = step(NOTHING, BARE, at=AT)
    second = step(first, SEATS, at=AT + HOUR)
    assert second.transitions == ()
    assert second.open["coverage"] == msgspec.structs.replace(first.open["coverage"], finding=SEATS)


def test_what_is_no_longer_found_is_resolved_with_the_cause_given() -> None:
    first = step(NOTHING, BARE, FAILED, at=AT)
    second = step(first, BARE, at=AT + HOUR, cause="left-reach: external")
    gone = only(second.transitions)
    assert (gone.moment, gone.cause) == (Moment.RESOLVED, "left-reach: external")
    assert gone.finding == first.open["assignment-error|sku-1"]
    assert gone.previous == {"state": "error", "fingerprint": gone.finding.fingerprint}
    assert set(second.open) == {"coverage"}
    assert set(second.closed) == {"assignment-error|sku-1"}


def test_back_within_fourteen_days_and_unchanged_it_is_the_same_finding() -> None:
    first = step(NOTHING, BARE, at=AT)
    second = step(first, at=AT + HOUR)
    third = step(second, SEATS, at=AT + HOUR + REOPEN_WITHIN, baseline=True)
    back = only(third.transitions)
    assert (back.moment, back.finding.id) == (Moment.OPENED, first.open["coverage"].id)
    assert (back.finding.reopened, back.finding.opened_at) == (1, AT)
    assert back.finding.changed_at == AT + HOUR + REOPEN_WITHIN
    assert back.finding.finding == SEATS
    assert back.finding.baseline
    assert back.previous == {"state": "uncovered", "fingerprint": first.open["coverage"].fingerprint}
    assert third.closed == {}


def test_each_return_is_counted() -> None:
    now = step(NOTHING, BARE, at=AT)
    for number in range(1, 4):
        now = step(now, at=AT + number * 2 * HOUR)
        now = step(now, BARE, at=AT + (number * 2 + 1) * HOUR)
        assert now.open["coverage"].reopened == number


def test_back_after_fourteen_days_it_is_a_new_finding() -> None:
    first = step(NOTHING, BARE, at=AT)
    second = step(first, at=AT + HOUR)
    third = step(second, BARE, at=AT + HOUR + REOPEN_WITHIN + timedelta(microseconds=1))
    assert only(third.transitions).finding.id != first.open["coverage"].id
    assert (third.open["coverage"].reopened, third.closed) == (0, {})


def test_a_caller_may_remember_longer_than_fourteen_days() -> None:
    first = step(NOTHING, BARE, at=AT)
    second = step(first, at=AT + HOUR)
    month = timedelta(days=30)

    def back_after(gone: timedelta) -> Transition:
        at = AT + HOUR + gone
        again = advance(
            TENANT,
            "user",
            USER,
            second.open,
            second.closed,
            (BARE,),
            at,
            "",
            load_rules(),
            reopen_within=month,
        )
        return only(again.transitions)

    assert back_after(month).finding.id == first.open["coverage"].id
    assert back_after(month + timedelta(microseconds=1)).finding.id != first.open["coverage"].id


def test_back_but_different_it_is_a_new_finding_and_the_old_one_is_forgotten() -> None:
    first = step(NOTHING, BARE, at=AT)
    third = step(step(first, at=AT + HOUR), CHANGED, at=AT + 2 * HOUR)
    opened = only(third.transitions)
    assert opened.finding.id != first.open["coverage"].id
    assert (opened.previous, opened.finding.reopened, third.closed) == ({}, 0, {})


def test_two_findings_of_one_key_are_refused() -> None:
    with pytest.raises(ValueError, match="same key"):
        step(NOTHING, BARE, SEATS, at=AT)


def test_each_finding_may_be_gone_for_a_reason_of_its_own() -> None:
    first = step(NOTHING, BARE, FAILED, at=AT)
    gone = advance(
        TENANT,
        "user",
        USER,
        first.open,
        first.closed,
        (),
        AT + HOUR,
        lambda finding: f"{finding.kind} {finding.cause}",
        load_rules(),
    )
    assert [one.cause for one in gone.transitions] == [
        "coverage nothing-held",
        "assignment-error CountViolation",
    ]


# --- any life ----------------------------------------------------------------------------------------------

POOL = st.sampled_from([BARE, CHANGED, SEATS, FAILED, msgspec.structs.replace(FAILED, about="sku-2")])
FOUND = st.lists(POOL, max_size=3, unique_by=lambda finding: finding.key)
LIVES = st.lists(st.tuples(st.integers(1, 24 * 20), FOUND), min_size=1, max_size=12)


def live(life: list[tuple[int, list[Finding]]]) -> list[tuple[datetime, list[Finding], Advance]]:
    """The states of a user whose readings are so many hours apart."""
    now, at, states = NOTHING, AT, []
    for hours, found in life:
        at += hours * HOUR
        now = step(now, *found, at=at)
        states.append((at, found, now))
    return states


@given(LIVES)
def test_the_transitions_replayed_give_what_is_open(life: list[tuple[int, list[Finding]]]) -> None:
    replayed: dict[str, OpenFinding] = {}
    for _, found, now in live(life):
        for one in now.transitions:
            key = one.finding.finding.key
            match one.moment:
                case Moment.OPENED:
                    assert key not in replayed
                    replayed[key] = one.finding
                case Moment.CHANGED:
                    assert replayed[key].id == one.finding.id
                    assert replayed[key].fingerprint == one.previous["fingerprint"] != one.finding.fingerprint
                    replayed[key] = one.finding
                case Moment.RESOLVED:
                    assert replayed.pop(key).id == one.finding.id
        assert _identities(replayed) == _identities(now.open)
        assert {key: one.finding for key, one in now.open.items()} == {one.key: one for one in found}


def _identities(findings: Mapping[str, OpenFinding]) -> dict[str, tuple[str, str, datetime, int]]:
    return {key: (one.id, one.fingerprint, one.opened_at, one.reopened) for key, one in findings.items()}


@given(LIVES, st.integers(0, 24 * 20))
def test_the_same_reading_again_changes_nothing(life: list[tuple[int, list[Finding]]], hours: int) -> None:
    at, found, now = live(life)[-1]
    again = step(now, *found, at=at + hours * HOUR)
    assert again.transitions == ()
    assert again.open == now.open
    assert set(again.closed) <= set(now.closed)


@given(LIVES)
def test_an_id_belongs_to_one_key_and_opens_anew_only_as_reopened(
    life: list[tuple[int, list[Finding]]],
) -> None:
    keys: dict[str, str] = {}
    for _, _, now in live(life):
        for one in now.transitions:
            key = one.finding.finding.key
            if one.moment is Moment.OPENED:
                assert (one.finding.reopened > 0) == (one.finding.id in keys)
            assert keys.setdefault(one.finding.id, key) == key


@given(LIVES)
def test_the_memory_of_what_was_resolved_is_short_and_holds_nothing_open(
    life: list[tuple[int, list[Finding]]],
) -> None:
    for at, _, now in live(life):
        assert not set(now.closed) & set(now.open)
        assert all(_recent(one, at) for one in now.closed.values())


def _recent(closed: ClosedFinding, at: datetime) -> bool:
    return at - closed.closed_at <= REOPEN_WITHIN
