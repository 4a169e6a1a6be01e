"""Rows of a sweep: of the smaller tenant's runs the median counts, and each has its own pair behind it."""

import pytest

from benchmarks.spent import Plainly, Spent
from benchmarks.sweep import ALL, Beside, Swept, rows


def beside(users: int, cpu: float, peak: float, told: int = ALL) -> Beside:
    """A run whose typed paging takes 3 ms a user, the bare work 20 µs, judging 3 µs, decoding 2 µs."""
    return Beside(
        swept=Swept(users=users, members=users // 2, seconds=10.0, cpu=cpu, peak=peak),
        typed=Spent(users=1000, cpu=3.0, seconds=4.0),
        iterated=Spent(users=1000, cpu=4.0, seconds=5.0),
        plain=Plainly(
            bare=Spent(users=1000, cpu=0.02),
            decode=Spent(users=1000, cpu=0.002),
            judge=Spent(users=1000, cpu=0.003),
            parts={"judge": 3.0},
        ),
        told=told,
    )


def test_of_three_sweeps_the_middle_one_counts_and_the_largest_tenant_is_swept_once() -> None:
    small = [beside(1000, 0.06, 100.0), beside(1000, 9.0, 120.0, 100), beside(1000, 0.03, 110.0)]
    found = {row.id: row for row in rows(small, beside(10_000, 0.3, 121.0))}
    assert found["sweep-over-typed"].measured == pytest.approx(50)
    assert found["sweep-over-typed"].what.startswith("full sweep of 1,000 users")
    assert found["sweep-over-typed-large"].measured == pytest.approx(100)
    assert found["sweep-over-bare"].measured == pytest.approx(3)
    assert found["sweep-over-bare-large"].measured == pytest.approx(1.5)
    assert found["judging"].measured == pytest.approx(1.5)
    assert found["typed-paging"].measured == pytest.approx(1000 / 3)
    assert found["page-iterator"].measured == pytest.approx(250)
    assert found["memory"].measured == 121
    assert found["memory-flat"].measured == pytest.approx(1.1)
    assert found["page-iterator-empty"].note.startswith("1,000, 100, 1,000, 1,000;")
    times = {row_id: row.times for row_id, row in found.items()}
    assert (times["sweep-over-typed"], times["sweep-over-typed-large"], times["judging"]) == (3, 1, 4)
