"""The rows of `make bench`: a budget is kept or not, and every form of the rows says the same."""

import msgspec
import pytest
from rich.console import Console

from benchmarks.rows import Row, number, ratio, table, tell


@pytest.mark.parametrize(
    ("measured", "more", "verdict", "use"),
    [
        (2.0, False, "ok", 1.0),
        (2.01, False, "over", 1.005),
        (2.0, True, "ok", 1.0),
        (1.6, True, "over", 1.25),
    ],
)
def test_a_budget_is_a_most_or_a_least_and_its_bound_is_kept(
    measured: float, more: bool, verdict: str, use: float
) -> None:
    row = Row(what="something", measured=measured, budget=2.0, more=more)
    assert (row.ok, row.verdict, row.use) == (verdict == "ok", verdict, pytest.approx(use))
    cells = [list(column.cells) for column in table([row]).columns]
    assert cells[2] == ["≥ 2 \N{MULTIPLICATION SIGN}" if more else "≤ 2 \N{MULTIPLICATION SIGN}"]
    assert verdict in str(cells[3][0])


def test_a_figure_that_others_are_held_against_has_no_budget_to_keep_or_to_use_up() -> None:
    row = Row(what="something", measured=1e9, budget=None)
    assert (row.ok, row.verdict, row.bound) == (True, "", "beside it")
    with pytest.raises(ValueError, match="something has no budget"):
        assert row.use


def test_a_median_says_of_how_many_before_the_figures_behind_it() -> None:
    row = Row(what="something", measured=1.0, budget=2.0, note="1 over 1")
    assert row.figures == "1 over 1"
    assert msgspec.structs.replace(row, times=9).figures == "median of 9; 1 over 1"
    assert msgspec.structs.replace(row, times=9, note="").figures == "median of 9"


def test_a_ratio_is_that_of_the_medians_so_that_one_slow_run_says_nothing() -> None:
    ours, theirs = iter([4.0, 4.0, 900.0]), iter([2.0, 2.0, 0.001])
    assert ratio(lambda: next(ours), lambda: next(theirs), times=3) == (2.0, 4.0, 2.0)


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.5, "MB", "0.5 MB"),
        (9.996, "MB", "10 MB"),
        (42.0, "MB", "42 MB"),
        (60.0, "MB", "60 MB"),
        (1234.5, "MB", "1,234 MB"),
        (50, "", "50"),
    ],
)
def test_figures_are_as_long_as_they_are_sure(value: float, unit: str, shown: str) -> None:
    assert number(value, unit) == shown


def test_each_row_is_told_in_one_piece_as_soon_as_it_is_known_whatever_brackets_it_has() -> None:
    console = Console(record=True, width=200)
    tell(console, Row(what="a [bold]row[/] of `x`", measured=3.0, budget=2.0, unit="ms"))
    assert console.export_text().split() == [
        "over",
        "a",
        "[bold]row[/]",
        "of",
        "`x`:",
        "3",
        "ms",
        "(≤",
        "2",
        "ms)",
    ]
