"""The clock of storage is found from its answers, however wrong one's own is."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import clocks
from shared.clocks import SECOND, StorageClock

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
AWAY = st.floats(-7200, 7200).map(lambda seconds: timedelta(seconds=seconds))
A_WHILE = st.floats(0, 40).map(lambda seconds: timedelta(seconds=seconds))


class Machine(StorageClock):
    """A machine whose clock is `off`; `true` is the time by storage."""

    def __init__(self, off: timedelta = timedelta()) -> None:
        super().__init__()
        self.true, self.off = NOON, off

    def own(self) -> datetime:
        return self.true + self.off

    def asks(self, way: timedelta, back: timedelta) -> None:
        """One request: so long to storage, so long back."""
        sent = self.own()
        self.true += way
        said = self.true.replace(microsecond=0)
        self.true += back
        self.answered(said, sent, self.own())

    def wrong(self) -> timedelta:
        return abs(self.now() - self.true)


@given(AWAY, A_WHILE, A_WHILE)
def test_one_answer_tells_the_time_to_a_second_and_what_the_request_took(
    off: timedelta, way: timedelta, back: timedelta
) -> None:
    machine = Machine(off)
    machine.asks(way, back)
    assert machine.wrong() <= SECOND + way + back + timedelta(milliseconds=1)


@given(AWAY, st.lists(st.tuples(A_WHILE, A_WHILE), min_size=1, max_size=20))
def test_further_answers_never_make_it_worse(
    off: timedelta, asked: list[tuple[timedelta, timedelta]]
) -> None:
    machine, before = Machine(off), timedelta.max
    for way, back in asked:
        machine.asks(way, back)
        assert machine.wrong() <= before
        before = machine.wrong()


@pytest.mark.parametrize("jump", [240.0, -180.0, 3600.0, -0.5])
def test_a_clock_that_is_set_while_the_app_runs_is_found_out_by_the_next_answer(jump: float) -> None:
    machine = Machine()
    quick = timedelta(milliseconds=5)
    for _ in range(3):
        machine.asks(quick, quick)
    machine.off += timedelta(seconds=jump)
    machine.asks(quick, quick)
    assert machine.wrong() <= SECOND + 2 * quick
    for _ in range(200):
        machine.asks(quick, quick)
    assert machine.wrong() <= timedelta(milliseconds=20)


def test_a_clock_that_agrees_with_storage_is_left_alone() -> None:
    machine = Machine()
    for way in (0.001, 0.4, 12.0, 0.02):
        machine.asks(timedelta(seconds=way), timedelta(seconds=way))
        assert machine.now() == machine.own()


def test_an_answer_during_which_the_clock_was_set_back_tells_nothing() -> None:
    machine = Machine()
    machine.answered(NOON, sent=NOON, received=NOON - timedelta(minutes=3))
    assert machine.now() == machine.own()


def test_before_storage_has_said_anything_it_is_the_clock_of_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Noon(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return NOON

    monkeypatch.setattr(clocks, "datetime", Noon)
    assert StorageClock().now() == NOON
