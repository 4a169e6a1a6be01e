"""The gap (design §4.6): what nobody told of is counted once, and the count is kept."""

from datetime import timedelta

import pytest

from sandbox.graph import skus
from shared.ledger.gap import Tally
from shared.watch.messages import DELTA, SWEEP, write_changed
from shared.watch.users import delta
from tests.telemetry.sdk import collected
from tests.watch.scene import Scene
from tests.watch.test_watch_delta import round_, state_of, users_of

pytestmark = pytest.mark.real


async def test_the_gap_counts_who_changed_without_a_word_and_how_long_it_took(known: Scene) -> None:
    silent, heard = known.world.cast["synced_with_ems"], known.world.cast["admin"]
    await round_(known)
    since = (await state_of(known.watch)).last_round_at
    assert since is not None
    await known.control.unassign(silent, skus.EMS_E3)
    await known.control.set_enabled(heard, False)
    known.clock.pass_by(minutes=5)
    notified = known.clock.now()
    known.clock.pass_by(seconds=20)
    known.watch.changed_users.sent = [(text, 0.0) for text in write_changed(notified, users=[heard])]
    await known.work_off()
    known.clock.pass_by(minutes=15)
    with collected() as noted:
        assert await delta.run_if_due(known.watch)
        assert noted.counts("watch.gap") == {("yes",): 1}
    assert users_of([one for one in known.watch.changed() if one.why == DELTA]) == sorted([silent, heard])
    state = await state_of(known.watch)
    gap = state.gap
    assert gap is not None
    assert (gap.users, gap.heard) == (0, 1)
    assert 20 <= gap.mean_seconds == gap.slowest_seconds < 60
    known.watch.changed_users.sent = [
        (text, 0.0)
        for text in write_changed(known.clock.now(), users=[silent, heard], why=DELTA, since=since)
    ]
    await known.work_off()
    with collected() as noted:
        for _ in range(3):
            await round_(known)
        assert noted.counts("watch.gap") == {("no",): 1}
    state = await state_of(known.watch)
    [gap] = state.gaps
    assert (gap.users, gap.sample) == (1, (silent,))
    assert gap.until - gap.since < timedelta(minutes=20)
    assert gap.longest_seconds >= 20 * 60
    assert state.gap is not None
    assert (state.gap.users, state.gap.heard) == (0, 0)


async def test_a_notification_that_comes_a_little_after_delta_is_no_gap(known: Scene) -> None:
    user = known.world.cast["synced_with_ems"]
    await round_(known)
    await known.control.unassign(user, skus.EMS_E3)
    known.clock.pass_by(minutes=16)
    assert await delta.run_if_due(known.watch)
    notified = known.clock.now()
    await known.work_off()
    assert (await known.watch.record(user)).missed is not None
    known.watch.changed_users.sent = [(text, 0.0) for text in write_changed(notified, users=[user])]
    await known.work_off()
    assert (await known.watch.record(user)).missed is None
    for _ in range(4):
        await round_(known)
    assert (await state_of(known.watch)).gaps == ()
    assert [one.reading for one in known.watch.steps()] in ([], [SWEEP])


@pytest.mark.parametrize("missed", [0, 7])
async def test_a_count_is_kept_though_somebody_asks_for_a_round_while_it_is_taken(
    known: Scene, monkeypatch: pytest.MonkeyPatch, missed: int
) -> None:
    watch = known.watch

    async def tally(at: object, within: object) -> Tally:
        assert await delta.run_soon(watch)
        return Tally(missed=missed, heard=3)

    monkeypatch.setattr(watch.ledger, "tally", tally)
    await round_(known)
    state = await state_of(watch)
    assert state.gap is not None
    assert (state.gap.users, state.gap.heard, len(state.gaps)) == (missed, 3, int(missed > 0))
    assert state.counted_at == state.gap.until
    assert state.soon, "the round that was asked for is still to come"
