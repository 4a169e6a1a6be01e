"""Waiting: what Retry-After says, how back-off grows, and the pace of reports."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.graph.errors import Throttled
from shared.graph.retry import Gate, Pace, Patience, Room, retry_after
from tests.graph.stub_graph import Hours

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        ("2.128", 2.128),
        (" 5 ", 5.0),
        ("Sun, 22 Nov 2026 12:01:30 GMT", 90.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("1e9", None),
        ("9" * 400, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(text: str | None, seconds: float | None) -> None:
    assert retry_after(text, NOW) == seconds


@given(text=st.text())
def test_no_header_breaks_the_reader(text: str) -> None:
    seconds = retry_after(text, NOW)
    assert seconds is None or seconds >= 0


@given(attempt=st.integers(1, 50), chance=st.floats(0, 1))
def test_back_off_grows_within_its_limits(attempt: int, chance: float) -> None:
    patience = Patience()
    wait = patience.backoff(attempt, chance)
    assert 0 < wait <= patience.longest_backoff
    assert wait <= patience.backoff(attempt + 1, chance)


@given(pauses=st.lists(st.floats(0, 30), max_size=40))
async def test_the_pace_is_kept_whatever_lies_between_the_requests(pauses: list[float]) -> None:
    hours = Hours()
    pace = Pace(5, 10.0, hours.clock, hours.sleep)
    gate = Gate(hours.clock, hours.sleep, 60.0)
    times = []
    for pause in pauses:
        hours.elapsed += pause
        await pace.turn(gate)
        times.append(hours.elapsed)
    assert all(later - earlier >= 10 - 1e-6 for earlier, later in zip(times, times[5:], strict=False))


async def test_a_place_in_the_pace_is_taken_only_where_the_gate_is_open() -> None:
    hours = Hours()
    pace, gate = Pace(1, 10.0, hours.clock, hours.sleep), Gate(hours.clock, hours.sleep, 60.0)
    await pace.turn(gate)
    # The ten seconds of the third count from when the second could really go.
    gate.shut(30)
    await pace.turn(gate)
    second = hours.elapsed
    assert second >= 30
    await pace.turn(gate)
    assert hours.elapsed >= second + 10
    gate.shut(100)
    with pytest.raises(Throttled):
        await pace.turn(gate)


async def test_a_shorter_order_does_not_open_the_gate_earlier() -> None:
    hours = Hours()
    gate = Gate(hours.clock, hours.sleep, 60.0)
    gate.shut(30)
    gate.shut(5)
    await gate.passed()
    assert hours.elapsed >= 30


async def test_an_open_gate_holds_nobody() -> None:
    hours = Hours()
    await Gate(hours.clock, hours.sleep, 60.0).passed()
    assert hours.slept == []


@pytest.mark.parametrize(
    ("share", "seconds"),
    [
        ("0.80", 0.0),
        ("0.81", 2.0),
        ("0.9", 5.0),
        ("1.00", 10.0),
        ("1.8", 10.0),
        ("", 0.0),
        ("nan", 0.0),
        ("much", 0.0),
    ],
)
async def test_the_nearer_the_budget_is_to_its_end_the_longer_waits_who_can(
    share: str, seconds: float
) -> None:
    hours = Hours()
    room, gate = Room(10.0, hours.clock, hours.sleep), Gate(hours.clock, hours.sleep, 60.0)
    room.told(share)
    await room.turn(gate)
    assert hours.elapsed == pytest.approx(seconds)


async def test_a_word_of_more_room_does_not_end_the_wait_for_an_earlier_one() -> None:
    hours = Hours()
    room, gate = Room(10.0, hours.clock, hours.sleep), Gate(hours.clock, hours.sleep, 60.0)
    room.told("1.0")
    room.told("0.85")
    await room.turn(gate)
    assert hours.elapsed == pytest.approx(10)
    # Who can wait passes the gate too, and is not let through by the one where the other is shut.
    room.told("0.9")
    gate.shut(30)
    await room.turn(gate)
    assert hours.elapsed >= 40
    gate.shut(100)
    with pytest.raises(Throttled):
        await room.turn(gate)
