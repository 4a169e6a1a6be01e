"""`make audit`: licences, known vulnerabilities, secrets.

python -m tools.supply                   all of it; ends with 1 if anything is wrong
python -m tools.supply --no-history      secrets of the files as they stand only
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tools.supply import licences, secrets, vulnerabilities
from tools.supply.locks import node_packages, python_packages
from tools.supply.reports import Outcome, Report

ROOT = Path(__file__).resolve().parents[2]
COLOURS = {Outcome.GOOD: "green", Outcome.FAULT: "red", Outcome.NOT_CHECKED: "yellow"}


def tell(reports: Sequence[Report], console: Console) -> None:
    """A row a check, what is wrong below, and the sum."""
    table = Table(title="What is taken over from others, and what is given away")
    for column in ("check", "result", "looked at"):
        table.add_column(column, overflow="fold")
    for one in reports:
        table.add_row(one.name, f"[{COLOURS[one.outcome]}]{one.outcome}[/]", one.summary)
    console.print(table)
    for one in reports:
        for line in one.lines:
            console.print(f"{one.name}: {line}", style="red", markup=False)
    faults = sum(len(one.lines) for one in reports)
    left = ", ".join(one.name for one in reports if one.outcome is Outcome.NOT_CHECKED)
    console.print(f"{faults or 'no'} faults" + (f"; not checked: {left}" if left else ""), markup=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """See the module; answers the exit code."""
    parser = argparse.ArgumentParser(description="Look at licences, known vulnerabilities and secrets.")
    parser.add_argument("--service", default=vulnerabilities.SERVICE, help="address of an OSV query API")
    parser.add_argument("--patience", type=float, default=vulnerabilities.PATIENCE, help="seconds for it")
    parser.add_argument("--no-history", action="store_true", help="secrets: leave earlier versions out")
    options = parser.parse_args(arguments)
    reports = [
        licences.check([*python_packages(ROOT), *node_packages(ROOT)], licences.load()),
        vulnerabilities.check(
            ROOT / "requirements-dev.txt",
            vulnerabilities.load(),
            datetime.now(UTC).date(),
            service=options.service,
            patience=options.patience,
        ),
        secrets.check(ROOT, secrets.load(), history=not options.no_history),
    ]
    tell(reports, Console(highlight=False, soft_wrap=True))
    return 1 if any(one.outcome is Outcome.FAULT for one in reports) else 0


if __name__ == "__main__":
    sys.exit(main())
