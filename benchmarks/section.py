"""The section of docs/measurements.md that `make bench` writes: table, reasons, what each row means."""

from collections.abc import Mapping

from benchmarks.budgets import Budget
from benchmarks.machine import headed
from benchmarks.results import Results
from benchmarks.rows import Row, number

CHARTS = {
    "pictures/bench-reading.svg": "Users a CPU second, by how they are read",
    "pictures/bench-budgets.svg": "How much of each budget is used",
}
"""The pictures by their place beside the page, and what they show."""


def section(results: Results, budgets: Mapping[str, Budget], reasons: Mapping[str, str]) -> str:
    """The whole section in markdown."""
    parts = [headed(results.command, results.seconds, results.machine), *_pictures(), _table(results.rows)]
    if over := [row for row in results.rows if not row.ok]:
        parts.append("Over budget, and why:")
        parts.append(
            "\n".join(f"- {row.what}: {reasons.get(row.id, 'not looked into yet.')}" for row in over)
        )
    parts.append("What each row means to you:")
    meant = [(row, budgets[row.id]) for row in results.rows if row.id in budgets]
    parts.append("\n".join(f"- *{row.what}*: {budget.means}" for row, budget in meant))
    return "\n\n".join(parts)


def _pictures() -> list[str]:
    return [f"![{what}]({where})" for where, what in CHARTS.items()]


def _table(rows: tuple[Row, ...]) -> str:
    lines = [
        ("what", "measured", "budget", "", "median of", "figures"),
        ("---", "---", "---", "---", "---", "---"),
        *(
            (
                row.what,
                number(row.measured, row.unit),
                row.bound,
                f"**{row.verdict}**" if row.verdict == "over" else row.verdict,
                str(row.times) if row.times > 1 else "once",
                row.note,
            )
            for row in rows
        ),
    ]
    return "\n".join(f"| {' | '.join(cells)} |".replace("|  |", "| |") for cells in lines)
