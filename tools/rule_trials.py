"""Trying one mutant of the rules' data: whether the loader refuses it, or a test fails.

Each is tried in a forked process that has pytest loaded and nothing of the product, in a copy of the project.
"""

import contextlib
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from tools.rule_mutants import RULES, Mutant, deleted

PATIENCE = 300
QUIETLY = ("-q", "-p", "no:cacheprovider", "-m", "not real")
# Found under these names in the working tree, not in the copy.
NOT_OURS_TO_LOAD = (
    "__main__",
    "__mp_main__",
    "conftest",
    "shared",
    "functions",
    "admin",
    "sandbox",
    "tests",
    "tools",
)


@dataclass
class Verdict:
    """What became of a mutant: `refused` by the loader, `failed` a test, or `survived`."""

    mutant: Mutant
    outcome: str
    witness: str = ""


@dataclass
class Tree:
    """A copy of the project that one worker may change, and the test files that have killed, latest first."""

    root: Path
    killers: dict[str, list[str]] = field(default_factory=dict)


class Witness:
    """A pytest plugin that remembers the tests and modules that failed."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test ended."""
        if report.failed:
            self.names.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A module was collected."""
        if report.failed:
            self.names.append(report.nodeid)


class Child:
    """A forked process that does `work` in a tree and answers one text through a pipe."""

    def __init__(self, root: Path, work: Callable[[], str], patience: float) -> None:
        self.deadline = time.monotonic() + patience
        self.pipe, writer = os.pipe()
        self.process = os.fork()
        if self.process == 0:
            os.close(self.pipe)
            _be_child(root, work, writer)
        os.close(writer)

    def answer(self) -> str:
        """Wait for its end; empty if it did not get so far as to answer."""
        with os.fdopen(self.pipe, encoding="utf-8") as pipe:
            said = pipe.read()
        os.waitpid(self.process, 0)
        return said

    def stop_if_late(self) -> None:
        """A mutant may loop for ever; then it is noticed, too."""
        if time.monotonic() > self.deadline:
            os.kill(self.process, signal.SIGKILL)


def _be_child(root: Path, work: Callable[[], str], writer: int) -> None:
    """Never returns. What the work prints goes nowhere."""
    try:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        here = Path(__file__).resolve().parent
        sys.path[:] = [str(root), *(p for p in sys.path if Path(p).resolve() not in (here, here.parent))]
        os.chdir(root)
        with os.fdopen(writer, "w", encoding="utf-8") as pipe:
            pipe.write(work())
    finally:
        os._exit(0)


def refusals(mutants: Sequence[Mutant], root: Path, loader: str) -> str:
    """In a child: load each mutant; JSON of what the loader said of each, empty where it loaded."""
    module = importlib.import_module(loader)
    said: list[str] = []
    for mutant in mutants:
        with deleted(mutant, root):
            try:
                module.load_rules_from(root / RULES)
            except Exception as fault:
                # Any refusal kills; one that is not the loader's own error is shown as what it is.
                said.append(f"{type(fault).__name__}: {fault}")
            else:
                said.append("")
    return json.dumps(said)


def run_tests(tests: Sequence[str], unfit: Sequence[str]) -> str:
    """In a child, all but the unfit: `passed`, or what failed first."""
    witness = Witness()
    code = pytest.main([*QUIETLY, "-x", *(f"--deselect={name}" for name in unfit), *tests], plugins=[witness])
    # 5: no test collected; a witness that finds nothing to run has noticed nothing.
    return "passed" if code in (0, 5) else next(iter(witness.names), f"pytest ended with {code}")


def run_unmutated(tests: Sequence[str], root: Path) -> str:
    """In a child: JSON of the tests that fail, and of the packages that they have loaded."""
    witness = Witness()
    code = pytest.main([*QUIETLY, *tests], plugins=[witness])
    failed = witness.names or ([] if code in (0, 5) else [f"pytest ended with {code}"])
    homes = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
    loaded = [name for name, home in homes.items() if home and not Path(home).is_relative_to(root)]
    return json.dumps((failed, loaded))


def unmutated(tree: Tree, tests: Sequence[str]) -> tuple[list[str], list[str]]:
    """Run the tests on a tree as it stands: those that fail, and the packages that they load."""
    answer = Child(tree.root, partial(run_unmutated, tests, tree.root), PATIENCE).answer()
    failed, loaded = json.loads(answer) if answer else (["the process ended early"], [])
    return failed, loaded


def warm_up(names: Sequence[str]) -> None:
    """Load packages here once, so that each forked child starts with them: most of a short test's time."""
    for name in names:
        if name.partition(".")[0] not in NOT_OURS_TO_LOAD:
            with contextlib.suppress(Exception):
                importlib.import_module(name)


class Trial:
    """One mutant in one tree: first with the test file that killed last, then with those that ever did, then
    with all."""

    def __init__(self, mutant: Mutant, tree: Tree, tests: Sequence[str], unfit: Sequence[str]) -> None:
        self.mutant, self.tree, self.unfit = mutant, tree, unfit
        killers = tree.killers.setdefault(mutant.file, [])
        self.rounds = [some for some in (killers[:1], killers[1:], list(tests)) if some]
        self.mutated = contextlib.ExitStack()
        self.mutated.enter_context(deleted(mutant, tree.root))
        self.child = self._start()

    def _start(self) -> Child:
        return Child(self.tree.root, partial(run_tests, self.rounds.pop(0), self.unfit), PATIENCE)

    def advance(self) -> Verdict | None:
        """After the child has answered: the verdict, with the file restored; None if another child runs."""
        said = self.child.answer() or "the process ended early"
        if said == "passed" and self.rounds:
            self.child = self._start()
            return None
        self.mutated.close()
        if said == "passed":
            return Verdict(self.mutant, "survived")
        killer = said.partition("::")[0]
        if killer.endswith(".py"):
            killers = self.tree.killers[self.mutant.file]
            killers[:] = [killer, *(other for other in killers if other != killer)]
        return Verdict(self.mutant, "failed", said)
