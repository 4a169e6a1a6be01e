"""The table of `make bench`: a budget is kept or not, and the JSON says the same."""

import msgspec
import pytest

from benchmarks.rows import Row, as_json, ratio, table


@pytest.mark.parametrize(
    ("measured", "more", "ok"),
    [(2.0, False, True), (2.01, False, False), (2.0, True, True), (1.99, True, False)],
)
def test_a_budget_is_a_most_or_a_least_and_its_bound_is_kept(measured: float, more: bool, ok: bool) -> None:
    row = Row(what="something", measured=measured, budget=2.0, more=more)
    assert row.ok is ok
    cells = [list(column.cells) for column in table([row]).columns]
    assert cells[2] == ["≥ 2 x" if more else "≤ 2 x"]
    assert ("over" in str(cells[3][0])) is not ok
    read = msgspec.json.decode(as_json([row], {"users": 5}))
    assert read["about"] == {"users": 5}
    assert (read["rows"][0]["measured"], read["rows"][0]["ok"]) == (measured, ok)


def test_a_ratio_is_that_of_the_medians_so_that_one_slow_run_says_nothing() -> None:
    ours, theirs = iter([4.0, 4.0, 900.0]), iter([2.0, 2.0, 0.001])
    assert ratio(lambda: next(ours), lambda: next(theirs), times=3) == (2.0, 4.0, 2.0)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.5, "0.5 MB"), (9.996, "10 MB"), (42.0, "42 MB"), (60.0, "60 MB"), (1234.5, "1,234 MB")],
)
def test_figures_are_as_long_as_they_are_sure(value: float, shown: str) -> None:
    row = Row(what="something", measured=value, budget=1.0, unit="MB")
    assert list(table([row]).columns[1].cells) == [shown]
