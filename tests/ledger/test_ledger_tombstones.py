"""Users who are gone, and users who come back: what a commit makes of them, without storage."""

import msgspec
import pytest

from shared.findings import REOPEN_WITHIN
from shared.ledger import sealing
from shared.ledger.commits import CommitOutcome
from shared.ledger.records import Posting, Shard
from shared.ledger.tombstones import KEPT
from shared.model import Moment, Standing, State
from tests.ledger.readings import (
    CANNOT_WRITE_BACK,
    EDITION,
    FAILED,
    START,
    UNCOVERED,
    absence,
    after,
    apply,
    reading,
    user_id,
)

EMPTY = Shard(name="0000")
ADA = user_id(1)
DAY = 86_400.0


def with_one(*found: object, at: float = 100) -> Shard:
    """A shard with user 1, observed at second 5."""
    return apply(EMPTY, msgspec.structs.replace(reading(1, seen=5), findings=found), at=at)[0]


def steps(postings: tuple[Posting, ...]) -> list[tuple[str, str, str]]:
    """Moment, cause and finding id of each transition."""
    return [(one.transition.moment, one.transition.cause, one.transition.finding.id) for one in postings]


# --- gone --------------------------------------------------------------------------------------------------


def test_what_was_open_is_resolved_as_deleted_in_the_same_commit() -> None:
    shard = with_one(UNCOVERED, FAILED)
    before = shard.users[ADA].open
    shard, outcome = apply(shard, absence(1, seen=9), at=200)
    assert (outcome.gone, outcome.committed, outcome.unchanged) == ((ADA,), (), ())
    assert steps(outcome.transitions) == [
        (Moment.RESOLVED, "deleted", before["coverage"].id),
        (Moment.RESOLVED, "deleted", before["assignment-error|sku-ems"].id),
    ]
    assert shard.users[ADA].open == {}
    assert {one.id for one in shard.users[ADA].closed.values()} == {one.id for one in before.values()}


def test_the_journal_says_when_the_user_was_not_found_and_by_which_edition_the_watch_judges() -> None:
    _, outcome = apply(with_one(UNCOVERED), absence(1, seen=9), at=200)
    [posting] = outcome.transitions
    assert (posting.subject_type, posting.subject_id, posting.edition) == ("user", ADA, EDITION)
    assert posting.evidence == {"skusAt": START.isoformat(), "observedAt": after(9).isoformat()}
    assert posting.transition.at == after(200)


def test_a_tombstone_is_out_of_reach_holds_nothing_and_keeps_the_names() -> None:
    shard, _ = apply(with_one(UNCOVERED), absence(1, seen=9), at=200)
    stone = shard.users[ADA]
    assert (stone.gone_at, stone.observed_at) == (after(200), after(9))
    assert (stone.verdict.state, stone.verdict.cause, stone.verdict.reach) == (
        State.NOT_IN_REACH,
        "deleted",
        "deleted",
    )
    assert (stone.skus, stone.others, stone.scope_mismatch) == ((), {}, False)
    assert (stone.name, stone.upn) == ("Ada Lovelace", "ada@contoso.example")


def test_who_was_never_read_gets_a_tombstone_too_so_that_a_slow_reading_raises_nobody() -> None:
    shard, outcome = apply(EMPTY, absence(1, seen=9))
    assert (outcome.gone, outcome.transitions) == ((ADA,), ())
    same, late = apply(shard, reading(1, UNCOVERED, seen=8), at=200)
    assert same is shard
    assert late.superseded == (ADA,)


@pytest.mark.parametrize("seen", [4, 4.999999])
def test_an_absence_observed_before_the_record_is_superseded(seen: float) -> None:
    shard = with_one(UNCOVERED)
    same, outcome = apply(shard, absence(1, seen=seen), at=200)
    assert same is shard
    assert outcome == CommitOutcome(book="0000", superseded=(ADA,))


def test_of_a_reading_and_an_absence_at_the_very_same_time_the_absence_stands() -> None:
    first, _ = apply(with_one(), absence(1, seen=5), at=200)
    second, _ = apply(apply(EMPTY, absence(1, seen=5))[0], reading(1, seen=5), at=200)
    assert first.users[ADA].gone_at
    assert second.users[ADA].gone_at


def test_an_absence_asks_nobody_by_which_facts_the_record_was_judged() -> None:
    shard, _ = apply(EMPTY, reading(1, UNCOVERED, seen=5, generation=9))
    _, outcome = apply(shard, absence(1, seen=6), at=200)
    assert outcome.gone == (ADA,)


def test_deleting_again_moves_nothing_but_the_time_that_guards() -> None:
    shard, _ = apply(with_one(UNCOVERED), absence(1, seen=9), at=200)
    again, outcome = apply(shard, absence(1, seen=20), at=300)
    assert outcome == CommitOutcome(book="0000", unchanged=(ADA,))
    assert again.users[ADA] == msgspec.structs.replace(shard.users[ADA], observed_at=after(20))
    for seen in (19, 20):
        same, outcome = apply(again, absence(1, seen=seen), at=400)
        assert same is again
        assert outcome.superseded == (ADA,)


# --- back --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("generation", [1, 2, 3])
def test_against_a_tombstone_only_the_time_of_a_reading_counts(generation: int) -> None:
    shard, _ = apply(EMPTY, reading(1, seen=5, generation=2))
    shard, _ = apply(shard, absence(1, seen=9), at=200)
    same, before = apply(shard, reading(1, seen=9, generation=generation), at=300)
    assert same is shard
    # Newer facts don't make a user of whom there is nothing to judge: nobody needs to look again.
    assert before == CommitOutcome(book="0000", superseded=(ADA,))
    _, later = apply(shard, reading(1, seen=10, generation=generation), at=300)
    assert later == CommitOutcome(book="0000", restored=(ADA,))


def test_a_user_who_comes_back_continues_the_findings_that_the_deletion_closed() -> None:
    shard = with_one(UNCOVERED)
    first = shard.users[ADA].open["coverage"]
    shard, _ = apply(shard, absence(1, seen=9), at=200)
    shard, outcome = apply(shard, reading(1, UNCOVERED, seen=10), at=300)
    assert outcome.restored == (ADA,)
    assert steps(outcome.transitions) == [(Moment.OPENED, "", first.id)]
    record = shard.users[ADA]
    assert (record.gone_at, record.open["coverage"].reopened) == (None, 1)
    assert record.open["coverage"].opened_at == first.opened_at
    assert record.verdict.state is State.UNCOVERED


def test_it_continues_them_for_as_long_as_the_tombstone_stands_and_not_just_for_fourteen_days() -> None:
    at = 200 + KEPT.total_seconds()
    shard = with_one(UNCOVERED)
    first = shard.users[ADA].open["coverage"].id
    shard, _ = apply(shard, absence(1, seen=9), at=200)
    shard, outcome = apply(shard, reading(1, UNCOVERED, seen=at), at=at)
    assert steps(outcome.transitions) == [(Moment.OPENED, "", first)]


def test_what_was_resolved_before_the_deletion_is_remembered_no_longer_than_of_anyone() -> None:
    resolved_at = 200.0
    shard = with_one(UNCOVERED, FAILED)
    failed = shard.users[ADA].open["assignment-error|sku-ems"].id
    covered = shard.users[ADA].open["coverage"].id
    shard, _ = apply(shard, reading(1, UNCOVERED, seen=6), at=resolved_at)
    shard, _ = apply(shard, absence(1, seen=9), at=resolved_at + DAY)
    limit = resolved_at + REOPEN_WITHIN.total_seconds()
    for at, continued in ((limit, True), (limit + 1, False)):
        _, outcome = apply(shard, reading(1, UNCOVERED, FAILED, seen=at), at=at)
        ids = [one.transition.finding.id for one in outcome.transitions]
        assert ids[0] == covered
        assert (ids[1] == failed) is continued


def test_who_comes_back_otherwise_has_a_finding_of_another_id() -> None:
    shard, _ = apply(with_one(UNCOVERED), absence(1, seen=9), at=200)
    old = {one.id for one in shard.users[ADA].closed.values()}
    _, outcome = apply(shard, reading(1, CANNOT_WRITE_BACK, seen=10), at=300)
    assert {one.transition.finding.id for one in outcome.transitions}.isdisjoint(old)


def test_who_comes_back_counts_as_enabled_since_then() -> None:
    shard, _ = apply(with_one(), absence(1, seen=9), at=200)
    remembering = msgspec.structs.replace(reading(1, seen=50), standing=Standing(enabled_since=after(2)))
    shard, _ = apply(shard, remembering, at=300)
    record = shard.users[ADA]
    assert (record.enabled_since, record.disabled_seen) == (after(50), False)


# --- forgotten ---------------------------------------------------------------------------------------------


def test_any_commit_of_the_shard_takes_out_tombstones_older_than_forty_five_days() -> None:
    shard, _ = apply(with_one(UNCOVERED), absence(1, seen=9), at=200)
    limit = 200 + KEPT.total_seconds()
    kept, _ = apply(shard, reading(2, seen=limit), at=limit)
    gone, outcome = apply(shard, reading(2, seen=limit), at=limit + 1)
    assert set(kept.users) == {ADA, user_id(2)}
    assert set(gone.users) == {user_id(2)}
    assert (outcome.committed, outcome.transitions) == ((user_id(2),), ())


def test_for_a_tombstone_alone_nothing_is_written() -> None:
    shard, _ = apply(with_one(), absence(1, seen=9), at=200)
    same, _ = apply(shard, reading(1, seen=3), at=200 + 2 * KEPT.total_seconds())
    assert same is shard


def test_a_user_who_is_there_is_never_forgotten() -> None:
    shard, _ = apply(with_one(), reading(2, seen=9), at=200 + 10 * KEPT.total_seconds())
    assert set(shard.users) == {ADA, user_id(2)}


def test_readings_and_absences_of_one_message_go_into_one_entry_of_the_journal() -> None:
    shard, outcome = apply(with_one(UNCOVERED), reading(2, UNCOVERED, seen=7), absence(1, seen=9), at=200)
    sealed = sealing.sealed(shard, "id", outcome.transitions, after(200))
    [entry] = sealed.outbox
    assert [(one.subject_id, one.transition.moment) for one in entry.postings] == [
        (user_id(2), Moment.OPENED),
        (ADA, Moment.RESOLVED),
    ]
