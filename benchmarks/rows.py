"""What was measured, against its budget: rows of a table for people, and the same as JSON."""

import statistics
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One figure. `unit` comes after the number; `more`: the budget is a least, not a most.

    `note`: the figures behind it.
    """

    what: str
    measured: float
    budget: float
    unit: str = "x"
    more: bool = False
    note: str = ""

    @property
    def ok(self) -> bool:
        """Whether the budget is kept."""
        return self.measured >= self.budget if self.more else self.measured <= self.budget


def ratio(of: Callable[[], float], over: Callable[[], float], times: int = 15) -> tuple[float, float, float]:
    """The median of `of` over the median of `over`, taken in turns, and both medians."""
    pairs = [(of(), over()) for _ in range(times)]
    ours = statistics.median(first for first, _ in pairs)
    theirs = statistics.median(second for _, second in pairs)
    return ours / theirs, ours, theirs


def table(rows: Iterable[Row]) -> Table:
    """The rows for a terminal."""
    shown = Table(title="What the watch costs (CPU time, medians of one run)", title_justify="left")
    for name in ("what", "measured", "budget", "", "figures"):
        shown.add_column(name, justify="right" if name in ("measured", "budget") else "left")
    for row in rows:
        sign = "≥" if row.more else "≤"
        verdict = "[green]ok[/]" if row.ok else "[bold red]over[/]"
        measured, budget = (_number(value, row.unit) for value in (row.measured, row.budget))
        shown.add_row(row.what, measured, f"{sign} {budget}", verdict, row.note)
    return shown


def as_json(rows: Iterable[Row], about: dict[str, Any]) -> bytes:
    """The rows and what they were measured with."""
    shown = [{**msgspec.to_builtins(row), "ok": row.ok} for row in rows]
    return msgspec.json.format(msgspec.json.encode({"about": about, "rows": shown})) + b"\n"


def show(rows: Iterable[Row]) -> None:
    """Print the table."""
    Console().print(table(rows))


def _number(value: float, unit: str) -> str:
    text = f"{value:,.2f}" if value < 10 else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} {unit}"
