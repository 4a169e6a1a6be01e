"""`python -m tests.oracle`: plays histories by the thousand, or one again.

python -m tests.oracle --histories 5000     a bar; ends with 1 and the seeds if some are not good
python -m tests.oracle --seed 84            one history, told whole
"""

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.oracle.outcome import Outcome
from tests.oracle.several import one, several

console = Console()


def main(
    histories: Annotated[int, typer.Option(help="how many, from seed FIRST on")] = 200,
    first: Annotated[int, typer.Option(help="the first seed")] = 0,
    seed: Annotated[int | None, typer.Option(help="play this one and tell everything")] = None,
) -> None:
    """Play random histories and hold the ledger against an independent judge."""
    if seed is not None:
        outcome = one(seed)
        console.print(outcome.told(), markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(0 if outcome.good else 1)
    bad: list[int] = []
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[bad]}"), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=histories, bad="")
        for outcome in several(range(first, first + histories)):
            if not outcome.good:
                bad.append(outcome.seed)
                bar.console.print(
                    f"history {outcome.seed}: {_in_short(outcome)}", markup=False, soft_wrap=True
                )
            bar.update(task, advance=1, bad=f"{len(bad)} not good" if bad else "all good")
    if bad:
        listed = " ".join(str(one) for one in sorted(bad))
        console.print(f"{len(bad)} of {histories} histories are not good. Seeds: {listed}", soft_wrap=True)
        console.print(f"Play one again: python -m tests.oracle --seed {min(bad)}")
        sys.exit(1)


def _in_short(outcome: Outcome) -> str:
    """The first thing that is wrong, and how many more there are."""
    problems = [*outcome.lacking, *outcome.faults, *(str(one) for one in outcome.differences)]
    first = problems[0].splitlines()[0]
    return f"{first} (and {len(problems) - 1} more)" if len(problems) > 1 else first


if __name__ == "__main__":
    typer.run(main)
