"""The figures of a soak: slopes, shares, latencies."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.graph.outbound import Answered
from tests.soak.measuring import (
    Sample,
    WorkerNames,
    cpu_seconds,
    latencies,
    memory_of,
    quantile,
    slope,
    slopes,
)


@given(st.floats(-100, 100), st.floats(-100, 100), st.integers(2, 50))
def test_points_on_a_line_have_its_slope(rise: float, start: float, count: int) -> None:
    assert slope([(x, start + rise * x) for x in range(count)]) == pytest.approx(rise, abs=1e-6)


def test_a_leak_shows_as_its_slope_whatever_the_noise_and_only_within_the_segment() -> None:
    leak = [Sample(at, "app: sweep", 7, 100 + 2 * at / 60 + (at % 7) / 10, 0.0) for at in range(0, 600, 3)]
    before = [Sample(at, "app: sweep", 6, 900.0, 0.0) for at in range(-600, 0, 3)]
    calm = [Sample(at, "app: http", 8, 80 + (at % 5) / 10, 0.0) for at in range(0, 600, 3)]
    found = slopes([*before, *leak, *calm], 0, 600)
    assert found["app: sweep"] == pytest.approx(2, abs=0.05)
    assert abs(found["app: http"]) < 0.05


def test_cpu_is_summed_over_the_processes_that_bore_a_name() -> None:
    samples = [Sample(1, "a", 1, 10, 3.0), Sample(2, "a", 1, 30, 5.0), Sample(3, "a", 2, 20, 1.5)]
    assert cpu_seconds(samples) == {"a": 6.5}
    assert memory_of(samples) == {"a": (20, 30)}


def test_slow_answers_count_outside_kill_windows_only() -> None:
    fast = [Answered(at, 1, True, 0.01) for at in range(2000)]
    slow = [Answered(100.0, 1, False, 3.0), Answered(98.5, 1, False, 3.0), Answered(100.5, 1, False, None)]
    found = latencies([*fast, *slow], [(99, 105)])
    assert (found.slow, found.slow_inside, found.inside, found.unreached) == (0, 2, 9, 1)
    assert found.good
    assert found.unreached_outside == 0
    worse = latencies([*fast, *slow], [])
    assert (worse.slow, worse.worst, worse.unreached_outside) == (2, 3.0, 1)
    assert not worse.good
    assert latencies([*fast, *slow[:2]], []).good


def test_who_found_nobody_outside_kill_windows_was_not_answered_and_no_calls_prove_nothing() -> None:
    fast = [Answered(at, 1, True, 0.01) for at in range(1000)]
    nobody = Answered(500.0, 1, False, None)
    assert latencies([*fast, nobody], []).good
    assert not latencies([*fast, nobody, nobody], []).good
    assert latencies([*fast, nobody, nobody], [(499, 501)]).good
    assert not latencies([], []).good
    assert not latencies([nobody], []).good


def test_answers_in_time_that_took_nothing_over_are_counted() -> None:
    found = latencies(
        [Answered(1, 1, False, 0.01), Answered(2, 1, False, 3.0), Answered(3, 1, True, 0.1)], []
    )
    assert (found.refused, found.slow) == (1, 1)


@given(st.lists(st.floats(0, 10), min_size=1).map(sorted), st.floats(0.001, 1))
def test_a_quantile_is_the_first_value_that_so_many_do_not_exceed(values: list[float], share: float) -> None:
    found = quantile(values, share)
    assert sum(one <= found for one in values) >= share * len(values) - 1e-9
    assert sum(one < found for one in values) < share * len(values)


def test_the_process_that_took_anothers_place_is_known_by_the_log(tmp_path: Path) -> None:
    log = tmp_path / "host.log"
    names = WorkerNames(log, "HOST WORKER")
    assert names.refresh() == {}
    log.write_text("HOST WORKER http 11 http://x\nsomething\nHOST WORKER timers 12 htt")
    assert names.refresh() == {"http": 11}
    with log.open("a") as more:
        more.write("p://y\nHOST WORKER http 13 http://x\n")
    assert names.refresh() == {"http": 13, "timers": 12}
    assert names.started == {"http": 2, "timers": 1}
