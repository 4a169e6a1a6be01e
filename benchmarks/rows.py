"""What was measured, against its budget: rows of a table for people, and the same as JSON."""

import statistics
from collections.abc import Callable, Iterable

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

TIMES = "\N{MULTIPLICATION SIGN}"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One figure. `unit` comes after the number; `more`: the budget is a least, not a most.

    `id`: its table in budgets.toml. `budget`: None for a figure that others are held against. `note`: the
    figures behind it. `times`: the median of so many measurements.
    """

    what: str
    measured: float
    budget: float | None
    unit: str = TIMES
    more: bool = False
    note: str = ""
    id: str = ""
    times: int = 1

    @property
    def ok(self) -> bool:
        """Whether the budget is kept; what has none keeps it."""
        if self.budget is None:
            return True
        return self.measured >= self.budget if self.more else self.measured <= self.budget

    @property
    def verdict(self) -> str:
        """`ok`, `over`, or nothing where there is no budget."""
        return "" if self.budget is None else "ok" if self.ok else "over"

    @property
    def use(self) -> float:
        """The share of the budget that is used up, 1: all of it. Raises `ValueError` where there is none."""
        if self.budget is None:
            raise ValueError(f"{self.what} has no budget")
        return self.budget / self.measured if self.more else self.measured / self.budget

    @property
    def bound(self) -> str:
        """The budget for people: `≤ 25 ms`, or `beside it`."""
        if self.budget is None:
            return "beside it"
        return f"{'≥' if self.more else '≤'} {number(self.budget, self.unit)}"

    @property
    def figures(self) -> str:
        """How often it was measured, and the figures behind it."""
        median = f"median of {self.times}" if self.times > 1 else ""
        return "; ".join(part for part in (median, self.note) if part)


def ratio(of: Callable[[], float], over: Callable[[], float], times: int = 15) -> tuple[float, float, float]:
    """The median of `of` over the median of `over`, taken in turns, and both medians."""
    pairs = [(of(), over()) for _ in range(times)]
    ours = statistics.median(first for first, _ in pairs)
    theirs = statistics.median(second for _, second in pairs)
    return ours / theirs, ours, theirs


def table(rows: Iterable[Row]) -> Table:
    """The rows for a terminal."""
    shown = Table(title="What the watch costs (CPU time of one run)", title_justify="left")
    for name in ("what", "measured", "budget", "", "figures"):
        shown.add_column(name, justify="right" if name in ("measured", "budget") else "left")
    for row in rows:
        cells = (row.what, number(row.measured, row.unit), row.bound)
        shown.add_row(*map(escape, cells), _coloured(row), escape(row.figures))
    return shown


def tell(console: Console, row: Row) -> None:
    """Print one row as soon as it is known."""
    measured, budget = number(row.measured, row.unit), row.bound
    console.print(
        f"  {_coloured(row) or '  '} {escape(f'{row.what}: {measured} ({budget})')}", highlight=False
    )


def number(value: float, unit: str) -> str:
    """A figure no longer than it is sure, with its unit."""
    text = f"{value:,.2f}" if value < 10 else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} {unit}".rstrip()


def _coloured(row: Row) -> str:
    return {"ok": "[green]ok[/]", "over": "[bold red]over[/]", "": ""}[row.verdict]
