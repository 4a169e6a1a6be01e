"""What a commit takes in and what it refuses, without storage."""

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ledger import sealing
from shared.ledger.commits import CommitOutcome, UserReading
from shared.ledger.journal import lines_of, replay
from shared.ledger.records import Shard
from shared.ledger.tombstones import Absence
from shared.model import Judged, Moment, OpenFinding, Registration, Standing, State
from tests.ledger.readings import (
    CANNOT_WRITE_BACK,
    FAILED,
    RULES,
    TENANT_ID,
    UNCOVERED,
    absence,
    after,
    apply,
    reading,
    user_id,
)

EMPTY = Shard(name="0000")

FOUND = st.sampled_from([(), (UNCOVERED,), (CANNOT_WRITE_BACK,), (FAILED,), (UNCOVERED, FAILED)])
READING = st.builds(
    lambda user, found, seen, generation: reading(user, *found, seen=seen, generation=generation),
    st.integers(1, 3),
    FOUND,
    st.integers(0, 9),
    st.integers(1, 3),
)
MESSAGE = st.lists(READING, max_size=6)


def test_a_reading_judged_by_older_facts_is_refused_even_if_it_looked_later() -> None:
    shard, _ = apply(EMPTY, reading(1, UNCOVERED, seen=5, generation=2))
    same, outcome = apply(shard, reading(1, seen=9, generation=1))
    assert same is shard
    assert outcome == CommitOutcome(book="0000", refused=(user_id(1),))


def test_an_older_look_at_the_user_never_overwrites_a_newer_one() -> None:
    shard, _ = apply(EMPTY, reading(1, UNCOVERED, seen=5))
    same, outcome = apply(shard, reading(1, seen=4))
    assert same is shard
    assert outcome == CommitOutcome(book="0000", superseded=(user_id(1),))


def test_a_record_from_a_clock_that_was_set_back_does_not_keep_newer_looks_out() -> None:
    ahead, seen = 100 + 300, 99
    shard, _ = apply(EMPTY, reading(1, UNCOVERED, seen=ahead))
    changed, outcome = apply(shard, reading(1, seen=seen))
    assert outcome.committed == (user_id(1),)
    assert changed.users[user_id(1)].observed_at == after(seen)
    buried, gone = apply(shard, absence(1, seen=seen))
    assert gone.gone == (user_id(1),)
    ghost = msgspec.structs.replace(buried.users[user_id(1)], observed_at=after(ahead))
    _, back = apply(Shard(name="0000", users={user_id(1): ghost}), reading(1, seen=seen))
    assert back.restored == (user_id(1),)


def test_a_record_that_is_only_as_far_ahead_as_clocks_differ_keeps_older_looks_out() -> None:
    shard, _ = apply(EMPTY, reading(1, UNCOVERED, seen=150))
    same, outcome = apply(shard, reading(1, seen=99))
    assert same is shard
    assert outcome == CommitOutcome(book="0000", superseded=(user_id(1),), undated=(user_id(1),))


def test_which_of_a_look_and_a_record_dated_a_little_later_than_now_came_first_is_asked_again() -> None:
    shard, _ = apply(EMPTY, reading(1, UNCOVERED, seen=150, generation=1))
    _, outcome = apply(shard, reading(1, seen=99, generation=2))
    assert (outcome.undated, outcome.outdated) == ((user_id(1),), ())
    _, outcome = apply(shard, absence(1, seen=99))
    assert (outcome.superseded, outcome.unburied) == ((user_id(1),), (user_id(1),))
    buried, _ = apply(EMPTY, absence(1, seen=150))
    _, outcome = apply(buried, reading(1, seen=99))
    assert outcome.undated == (user_id(1),)
    # Dated before now it is certain.
    shard, _ = apply(EMPTY, reading(1, UNCOVERED, seen=100))
    _, outcome = apply(shard, reading(1, seen=99))
    assert (outcome.superseded, outcome.undated) == ((user_id(1),), ())


def test_newer_facts_do_not_help_an_older_look_but_ask_for_another() -> None:
    shard, _ = apply(EMPTY, reading(1, UNCOVERED, seen=5, generation=1))
    same, outcome = apply(shard, reading(1, seen=4, generation=2))
    assert same is shard
    assert outcome == CommitOutcome(book="0000", superseded=(user_id(1),), outdated=(user_id(1),))


def test_the_same_look_judged_again_by_newer_facts_is_taken() -> None:
    shard, _ = apply(EMPTY, reading(1, UNCOVERED, seen=5, generation=1))
    changed, outcome = apply(shard, reading(1, seen=5, generation=2))
    assert outcome.committed == (user_id(1),)
    assert changed.users[user_id(1)].verdict.state is State.COVERED


def test_a_reading_that_agrees_still_moves_the_time_that_guards_the_record() -> None:
    shard, _ = apply(EMPTY, reading(1, seen=1))
    later, outcome = apply(shard, reading(1, seen=9, generation=2))
    assert outcome == CommitOutcome(book="0000", unchanged=(user_id(1),))
    record = later.users[user_id(1)]
    assert (record.observed_at, record.judged_by.generation) == (after(9), 2)
    _, slow = apply(later, reading(1, UNCOVERED, seen=5, generation=2))
    assert slow.superseded == (user_id(1),)


def test_a_change_of_name_only_is_committed_without_a_transition() -> None:
    shard, _ = apply(EMPTY, reading(1, seen=1))
    _, outcome = apply(shard, reading(1, seen=2, name="Ada King"))
    assert (outcome.committed, outcome.transitions) == ((user_id(1),), ())


def test_how_each_sku_was_read_is_not_kept() -> None:
    one = reading(1, UNCOVERED)
    assert one.judged.verdict.holdings
    shard, _ = apply(EMPTY, one)
    assert shard.users[user_id(1)].verdict == msgspec.structs.replace(one.judged.verdict, holdings=())


def test_a_transition_says_when_its_evidence_was_read_and_under_which_edition() -> None:
    _, outcome = apply(EMPTY, reading(1, UNCOVERED, seen=3))
    [posting] = outcome.transitions
    assert (posting.subject_type, posting.subject_id) == ("user", user_id(1))
    assert posting.edition == "2017-10-24"
    assert posting.evidence == {"skusAt": after(0).isoformat(), "observedAt": after(3).isoformat()}
    assert posting.transition.at == after(100)


def test_transitions_of_the_first_reading_are_marked_as_baseline() -> None:
    first = msgspec.structs.replace(reading(1, UNCOVERED), baseline=True)
    _, outcome = apply(EMPTY, first, reading(2, UNCOVERED))
    assert [one.transition.finding.baseline for one in outcome.transitions] == [True, False]


def test_an_account_is_enabled_since_the_look_that_first_found_it_so_again() -> None:
    shard, _ = apply(EMPTY, reading(1, seen=1, enabled=False))
    assert shard.users[user_id(1)].disabled_seen
    shard, _ = apply(shard, reading(1, seen=5))
    shard, _ = apply(shard, reading(1, seen=9))
    record = shard.users[user_id(1)]
    assert (record.enabled_since, record.disabled_seen) == (after(5), False)


def test_what_the_reading_remembers_of_re_enabling_is_kept_where_the_record_knows_less() -> None:
    remembering = msgspec.structs.replace(reading(1, seen=9), standing=Standing(enabled_since=after(4)))
    fresh, _ = apply(EMPTY, remembering)
    known, _ = apply(apply(EMPTY, reading(1))[0], remembering)
    assert fresh.users[user_id(1)].enabled_since == known.users[user_id(1)].enabled_since == after(4)


@pytest.mark.parametrize(
    ("reach", "member", "row", "mismatch"),
    [
        ("scope-group", True, Registration(id="u", is_sspr_enabled=False), True),
        ("outside-scope-group", False, Registration(id="u", is_sspr_enabled=True), True),
        ("scope-group", True, Registration(id="u", is_sspr_enabled=True), False),
        ("outside-scope-group", False, Registration(id="u", is_sspr_enabled=False), False),
        ("scope-group", True, Registration(id="u", is_sspr_enabled=False, is_admin=True), False),
        ("scope-group", True, None, False),
        ("report", None, Registration(id="u", is_sspr_enabled=True), False),
        ("account-disabled", True, Registration(id="u", is_sspr_enabled=False), False),
    ],
)
def test_groups_and_report_disagree_only_on_ordinary_users_that_both_know(
    reach: str, member: bool | None, row: Registration | None, mismatch: bool
) -> None:
    one = reading(1)
    verdict = msgspec.structs.replace(one.judged.verdict, reach=reach)
    standing = Standing(registration=row, in_scope_group=member)
    changed = msgspec.structs.replace(one, judged=Judged(verdict=verdict), standing=standing)
    shard, _ = apply(EMPTY, changed)
    assert shard.users[user_id(1)].scope_mismatch is mismatch


@given(MESSAGE, MESSAGE)
def test_neither_generation_nor_time_of_a_record_ever_goes_back(
    first: list[UserReading], second: list[UserReading]
) -> None:
    before, _ = apply(EMPTY, *first)
    later, _ = apply(before, *second, at=200)
    for key, known in before.users.items():
        record = later.users[key]
        assert record.observed_at >= known.observed_at
        assert record.judged_by.generation >= known.judged_by.generation


@given(MESSAGE)
def test_a_message_delivered_twice_changes_nothing_the_second_time(readings: list[UserReading]) -> None:
    once, _ = apply(EMPTY, *readings)
    twice, outcome = apply(once, *readings, at=200)
    assert twice is once
    assert outcome.transitions == ()


@given(st.lists(READING, max_size=6, unique_by=lambda one: (one.user.id, one.observed_at)), st.randoms())
def test_in_whatever_order_workers_commit_the_latest_look_by_the_newest_facts_stands(
    readings: list[UserReading], shuffler: random.Random
) -> None:
    alike = [
        msgspec.structs.replace(one, judged_by=msgspec.structs.replace(one.judged_by, generation=1))
        for one in readings
    ]
    shuffled = list(alike)
    shuffler.shuffle(shuffled)
    verdicts = [
        {key: (record.observed_at, record.verdict) for key, record in apply(EMPTY, *order)[0].users.items()}
        for order in (alike, shuffled)
    ]
    assert verdicts[0] == verdicts[1]
    latest = {one.user.id: one for one in sorted(alike, key=lambda one: one.observed_at)}
    for key, one in latest.items():
        assert verdicts[0][key][1].state == one.judged.verdict.state


ABSENCE = st.builds(absence, st.integers(1, 3), st.integers(0, 9))
NEWS = st.one_of(READING, READING, ABSENCE)
OF_ONE = st.lists(
    st.one_of(
        st.builds(lambda found, seen: reading(1, *found, seen=seen), FOUND, st.integers(0, 30)),
        st.builds(lambda seen: absence(1, seen), st.integers(0, 30)),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda one: one.observed_at,
)


@given(OF_ONE, st.data())
def test_in_whatever_order_readings_and_absences_of_a_user_come_the_latest_stands(
    news: list[UserReading | Absence], data: st.DataObject
) -> None:
    latest = max(news, key=lambda one: one.observed_at)
    delivered = data.draw(st.permutations(news + data.draw(st.lists(st.sampled_from(news), max_size=4))))
    shard = EMPTY
    for number, one in enumerate(delivered):
        shard, _ = apply(shard, one, at=100 + number)
    record = shard.users[user_id(1)]
    assert record.observed_at == latest.observed_at
    if isinstance(latest, Absence):
        assert record.gone_at
        assert (record.verdict.cause, record.open) == ("deleted", {})
    else:
        assert record.gone_at is None
        assert record.verdict.state == latest.judged.verdict.state
        assert {key: held.finding for key, held in record.open.items()} == {
            one.key: one for one in latest.findings
        }


@given(st.lists(NEWS, max_size=12))
def test_every_reading_and_every_absence_has_exactly_one_fate(news: list[UserReading | Absence]) -> None:
    _, outcome = apply(EMPTY, *news)
    fates = (
        outcome.committed
        + outcome.unchanged
        + outcome.refused
        + outcome.superseded
        + outcome.gone
        + outcome.restored
    )
    assert sorted(fates) == sorted(_user_of(one) for one in news)
    assert set(outcome.outdated) <= set(outcome.superseded)


def _user_of(one: UserReading | Absence) -> str:
    return one.user_id if isinstance(one, Absence) else one.user.id


@given(st.lists(NEWS, max_size=12))
def test_no_record_is_ever_set_back_in_time_and_only_tombstones_let_older_facts_by(
    news: list[UserReading | Absence],
) -> None:
    shard = EMPTY
    for number, one in enumerate(news):
        before = shard.users.get(_user_of(one))
        shard, _ = apply(shard, one, at=100 + number)
        record = shard.users[_user_of(one)]
        assert before is None or record.observed_at >= before.observed_at
        if before and not before.gone_at and not record.gone_at:
            assert record.judged_by.generation >= before.judged_by.generation


@given(st.lists(st.lists(NEWS, max_size=6), max_size=5))
def test_the_journal_replayed_is_the_open_findings_of_the_ledger(
    messages: list[list[UserReading | Absence]],
) -> None:
    shard = EMPTY
    lines = []
    for number, news in enumerate(messages):
        at = 100.0 + number
        changed, outcome = apply(shard, *news, at=at)
        sealed = sealing.sealed(changed, f"commit-{number}", outcome.transitions, after(at))
        for entry in sealed.outbox:
            lines += lines_of(TENANT_ID, "epoch", "0000", entry, RULES)
        shard = sealing.without(sealed, [entry.seq for entry in sealed.outbox])
    assert sorted({line.seq for line in lines}) == list(range(1, shard.next_seq))
    assert len({line.id for line in lines}) == len(lines)
    replayed = {
        key: (line.subject.id, line.kind, line.subject.about, line.state, line.fingerprint, line.opened_at)
        for key, line in replay(lines).items()
    }
    assert replayed == {
        held.id: _as_line(record.id, held) for record in shard.users.values() for held in record.open.values()
    }


def _as_line(subject: str, held: OpenFinding) -> tuple[object, ...]:
    finding = held.finding
    return (subject, finding.kind, finding.about, finding.state, held.fingerprint, held.opened_at)


def test_a_resolved_finding_is_remembered_through_readings_that_find_nothing() -> None:
    shard, first = apply(EMPTY, reading(1, UNCOVERED, seen=1), at=100)
    for seen in (2, 3, 4):
        shard, _ = apply(shard, reading(1, seen=seen), at=100 + seen)
    _, back = apply(shard, reading(1, UNCOVERED, seen=5), at=105)
    ids = [one.transition.finding.id for one in first.transitions + back.transitions]
    assert len(ids) == 2
    assert ids[0] == ids[1]


def test_a_finding_that_returns_is_told_from_a_new_one_in_the_journal() -> None:
    shard, _ = apply(EMPTY, reading(1, UNCOVERED, seen=1), at=100)
    shard, gone = apply(shard, reading(1, seen=2), at=101)
    _, back = apply(shard, reading(1, UNCOVERED, seen=3), at=102)
    assert [one.transition.moment for one in gone.transitions + back.transitions] == [
        Moment.RESOLVED,
        Moment.OPENED,
    ]
    again = back.transitions[0].transition
    assert again.finding.reopened == 1
    assert again.previous


# --- the book around the records ---------------------------------------------------------------------------


def test_a_commit_without_transitions_uses_no_journal_number() -> None:
    sealed = sealing.sealed(EMPTY, "id", (), after(1))
    assert (sealed.next_seq, sealed.outbox, sealed.commits, sealed.written_at) == (1, (), ("id",), after(1))


def test_only_the_last_commits_are_remembered_and_the_newest_always_is() -> None:
    shard = EMPTY
    for number in range(200):
        shard = sealing.sealed(shard, str(number), (), after(number))
    assert shard.commits[-1] == "199"
    assert 16 < len(shard.commits) < 100


def test_clearing_takes_exactly_the_published_entries() -> None:
    _, outcome = apply(EMPTY, reading(1, UNCOVERED))
    shard = EMPTY
    for number in range(3):
        shard = sealing.sealed(shard, str(number), outcome.transitions, after(number))
    assert [entry.seq for entry in sealing.without(shard, [1, 3]).outbox] == [2]
    assert sealing.without(shard, [7]) is shard
