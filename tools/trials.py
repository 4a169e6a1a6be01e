"""Trying changed copies of the project: each runs tests in a process of its own, several copies at a time.

A process is forked that has pytest loaded and nothing of the product, so that it loads that of the copy.
"""

import contextlib
import importlib
import json
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest

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


def run_tests(tests: Sequence[str], unfit: Sequence[str]) -> str:
    """In a child, all but the unfit (tests, folders, or files that can't be loaded): `passed`, or what failed
    first."""
    # A file that is changed and put back within a second must not leave what was compiled of it in between.
    sys.dont_write_bytecode = True
    witness = Witness()
    left_out = [f"--{'ignore' if name.endswith('.py') else 'deselect'}={name}" for name in unfit]
    code = pytest.main([*QUIETLY, "-x", *left_out, *tests], plugins=[witness])
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


def unmutated(tree: Tree, tests: Sequence[str], patience: float = PATIENCE) -> tuple[list[str], list[str]]:
    """Run the tests on a tree as it stands: those that fail, and the packages that they load."""
    answer = Child(tree.root, partial(run_unmutated, tests, tree.root), patience).answer()
    failed, loaded = json.loads(answer) if answer else (["the process ended early"], [])
    return failed, loaded


def warm_up(names: Sequence[str]) -> None:
    """Load packages here once, so that each forked child starts with them: most of a short test's time."""
    for name in names:
        if name.partition(".")[0] not in NOT_OURS_TO_LOAD:
            with contextlib.suppress(Exception):
                importlib.import_module(name)


class Running[V](Protocol):
    """A trial under way: its present child, and what comes after that has answered."""

    child: Child

    def advance(self) -> V | None:
        """After the child has answered: the verdict, with the copy restored; None if another child runs."""


def race[T, V](
    queue: Iterable[T], trees: Sequence[Tree], start: Callable[[T, Tree], Running[V]]
) -> Iterator[V]:
    """Try everything in the queue, one at a time in each tree; verdicts as they come."""
    waiting, idle, running = list(queue), list(trees), selectors.DefaultSelector()
    while waiting or running.get_map():
        while waiting and idle:
            tree = idle.pop()
            trial = start(waiting.pop(0), tree)
            running.register(trial.child.pipe, selectors.EVENT_READ, (trial, tree))
        ready = [key for key, _ in running.select(timeout=5)]
        for key in list(running.get_map().values()):
            key.data[0].child.stop_if_late()
        for key in ready:
            running.unregister(key.fileobj)
            trial, tree = key.data
            verdict = trial.advance()
            if verdict is None:
                running.register(trial.child.pipe, selectors.EVENT_READ, key.data)
                continue
            idle.append(tree)
            yield verdict
