"""Puts mistakes into copies of the project, one at a time, and asks the fast tests whether they notice.

`python -m tools.plant_faults` (`make faults`) takes each fault of `tests/faults/faults.toml`: first the tests
that are most likely to notice run, and if they pass all fast tests. What notices must pass without the fault.
The working tree is never touched. Exit code 0: all are noticed; 1: some are not, listed; 2: a fault doesn't
fit the code any more, or the likeliest tests fail without any. A whole run writes its block of
docs/measurements.md.
"""

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks import machine, page
from tools.faults import Fault, Misfit, copy_of, faults_of, put_in
from tools.trials import Child, Tree, race, run_tests, unmutated, warm_up

ROOT = Path(__file__).resolve().parent.parent
ALL = ("tests",)
TABLE_TESTS = "tests/faults"
"""They look whether each fault still fits the code: one that is put in does not, so they are no witnesses."""
SOON, LATE = 600, 3600
"""Seconds for the likeliest tests, and for all fast ones."""


@dataclass(frozen=True)
class Verdict:
    """What became of a fault: `noticed` by a test, or `survived`."""

    fault: Fault
    outcome: str
    seconds: float
    witness: str = ""
    asked_all: bool = False


class Trial:
    """One fault in one copy: first its likeliest tests, then `rest`; what failed of those once without it."""

    def __init__(self, fault: Fault, tree: Tree, rest: Sequence[str], unfit: list[str]) -> None:
        self.fault, self.tree, self._rest, self._unfit = fault, tree, rest, unfit
        self._began = time.monotonic()
        self._asked_all = False
        self._noticed: Verdict | None = None
        self._fault = contextlib.ExitStack()
        self._left_out: tuple[str, ...] = ()
        self.child = self._plant_and_ask(fault.tests, SOON)

    def _plant_and_ask(self, tests: Sequence[str], patience: float) -> Child:
        self._fault.enter_context(put_in(self.fault, self.tree.root))
        # As it is now: the same tests are asked without the fault, whatever another trial finds meanwhile.
        self._left_out = (TABLE_TESTS, *self._unfit)
        return self._ask(tests, patience)

    def _ask(self, tests: Sequence[str], patience: float) -> Child:
        return Child(self.tree.root, partial(run_tests, tests, self._left_out), patience)

    def advance(self) -> Verdict | None:
        """After the child has answered: the verdict, with the copy restored; None if another child runs."""
        said = self.child.answer() or "the process ended early"
        if self._noticed:
            if said == "passed":
                return self._noticed
            self._unfit.append(self._noticed.witness)
            if not _can_be_left_out(self._noticed.witness):
                return self._verdict("survived", "")
            self._noticed = None
            self.child = self._plant_and_ask(self._rest, LATE)
            return None
        if said != "passed":
            return self._notice(said)
        if self._rest and not self._asked_all:
            self._asked_all = True
            self.child = self._ask(self._rest, LATE)
            return None
        self._fault.close()
        return self._verdict("survived", "")

    def _notice(self, witness: str) -> Verdict | None:
        """The likeliest tests have passed before all trials; of the others it has to be shown now."""
        self._fault.close()
        noticed = self._verdict("noticed", witness)
        if not self._asked_all:
            return noticed
        self._noticed = noticed
        tests, patience = ([witness], SOON) if _can_be_left_out(witness) else (self._rest, LATE)
        self.child = self._ask(tests, patience)
        return None

    def _verdict(self, outcome: str, witness: str) -> Verdict:
        return Verdict(self.fault, outcome, time.monotonic() - self._began, witness, self._asked_all)


def _can_be_left_out(witness: str) -> bool:
    """Whether it names a test, or a file that could not be loaded; not where the whole run broke off."""
    return witness.partition("::")[0].endswith(".py")


def hunt(
    faults: Sequence[Fault], trees: Sequence[Tree], rest: Sequence[str], unfit: list[str], console: Console
) -> list[Verdict]:
    """Try every fault; verdicts in the order of the table.

    `rest`: asked where the likeliest tests pass. To `unfit` is added what fails without any fault, too.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    verdicts: dict[str, Verdict] = {}
    with Progress(*columns, console=console, transient=True, auto_refresh=False) as progress:
        task = progress.add_task("faults", total=len(faults))
        progress.refresh()
        for verdict in race(faults, trees, lambda fault, tree: Trial(fault, tree, rest, unfit)):
            verdicts[verdict.fault.name] = verdict
            said = f"{verdict.outcome}: {verdict.fault.name} {verdict.witness}".rstrip()
            progress.console.print(said, style="" if verdict.outcome == "noticed" else "red", markup=False)
            progress.update(task, completed=len(verdicts), refresh=True)
    return [verdicts[fault.name] for fault in faults]


def tell(verdicts: Sequence[Verdict], seconds: float, console: Console) -> None:
    """A row for each fault, and the sum."""
    table = Table(title="Faults put in by hand")
    for column in ("fault", "file", "noticed by", "after"):
        table.add_column(column, justify="right" if column == "after" else "left", overflow="fold")
    for one in verdicts:
        colour = "green" if one.outcome == "noticed" else "red"
        said = one.witness or one.outcome
        table.add_row(
            one.fault.name, one.fault.file, f"[{colour}]{_escaped(said)}[/{colour}]", f"{one.seconds:.0f} s"
        )
    console.print(table)
    for one in verdicts:
        if one.outcome != "noticed":
            console.print(f"{one.outcome}: {one.fault.name}: {one.fault.breaks}", style="red", markup=False)
    console.print(_sum(verdicts, seconds), markup=False)


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")


def _sum(verdicts: Sequence[Verdict], seconds: float) -> str:
    left = [one for one in verdicts if one.outcome != "noticed"]
    word = f"{len(left)} not" if left else "all"
    return f"{len(verdicts)} faults in {seconds:.0f} s: {word} noticed"


def as_markdown(verdicts: Sequence[Verdict], seconds: float, about: machine.Machine) -> str:
    """The section of docs/measurements.md."""
    late = sum(one.asked_all and one.outcome == "noticed" for one in verdicts)
    left = [one for one in verdicts if one.outcome != "noticed"]
    result = f"**{len(left)} of {len(verdicts)} survived.**" if left else f"All {len(verdicts)} were noticed"
    how = f", {late} of them only when all fast tests ran" if late else ""
    lines = [
        machine.headed("make faults", seconds, about),
        "",
        f"{result}{how}{'' if left else '.'} A test that notices passes without the fault.",
        "",
        "| what would break | where | first test that failed | after |",
        "|---|---|---|---|",
    ]
    for one in verdicts:
        said = f"`{_name(one.witness)}`" if one.outcome == "noticed" else f"**{one.outcome}**"
        lines.append(f"| {one.fault.breaks} | `{one.fault.file}` | {said} | {one.seconds:.0f} s |")
    return "\n".join(lines)


def _name(witness: str) -> str:
    """The test's own name: the page is long enough without the whole case."""
    return witness.rpartition("::")[2].partition("[")[0] or witness


def main(arguments: Sequence[str] | None = None) -> int:
    """See the module; answers the exit code."""
    parser = argparse.ArgumentParser(description="Put mistakes into the code; do the fast tests notice?")
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument("--only", default="", help="only faults whose name or file contains this text")
    parser.add_argument("--list", action="store_true", help="print the faults and stop")
    parser.add_argument("--likeliest", action="store_true", help="ask only the tests that the table names")
    parser.add_argument("--write", action="store_true", help="write the page although not all are tried")
    parser.add_argument("--workers", type=int, default=os.process_cpu_count() or 1)
    options = parser.parse_args(arguments)
    root: Path = options.root.resolve()
    console = Console(highlight=False, soft_wrap=True)
    try:
        table = faults_of(root)
    except Misfit as misfit:
        console.print(str(misfit), style="red", markup=False)
        return 2
    faults = [one for one in table if options.only in one.name or options.only in one.file]
    if options.list:
        for one in faults:
            console.print(f"{one.name}: {one.breaks} ({one.file})", markup=False)
        return 0
    if not faults:
        console.print(f"no fault's name or file contains {options.only}", markup=False)
        return 2
    about, began = machine.about(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-") as place:
        workers = range(max(1, min(options.workers, len(faults))))
        trees = [Tree(copy_of(root, Path(place) / f"tree{n}")) for n in workers]
        failed, packages = unmutated(trees[0], sorted({test for one in faults for test in one.tests}), SOON)
        if failed:
            console.print(f"without any fault, this fails already: {failed[0]}", style="red", markup=False)
            return 2
        warm_up(packages)
        unfit: list[str] = []
        verdicts = hunt(faults, trees, () if options.likeliest else ALL, unfit, console)
    seconds = time.monotonic() - began
    tell(verdicts, seconds, console)
    whole = root == ROOT and len(faults) == len(table) and not options.likeliest
    if options.write or whole:
        page.write("faults", as_markdown(verdicts, seconds, about))
    for name in dict.fromkeys(unfit):
        console.print(f"it fails without any fault and was no witness: {name}", style="yellow", markup=False)
    return 1 if any(one.outcome == "survived" for one in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
