"""Deletes every entry of the rules' data, one at a time, and asks the tests whether they notice.

`python tools/mutate_rules.py` takes each TOML file under `shared/rules`, and for each key of a table and each
element of an array makes a mutant without it. A mutant is killed if the loader refuses it or a test fails;
one that survives is data that nothing needs, or a promise that nothing tests. The working tree is never
touched: each worker works in a copy of its own, and each mutant is tried in a forked process that has pytest
loaded and nothing of the product. Mutants are spelt anew (same values, no comments, one line a table), so a
test that fails on the whole files in that spelling is no witness and is left out. Exit code 0: all killed;
1: survivors, listed; 2: the tests fail unmutated.
"""

import argparse
import contextlib
import copy
import importlib
import json
import os
import selectors
import shutil
import signal
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from datetime import time as time_of_day
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

RULES = Path("shared/rules")
# The tests that read the rules; of the notifier only the one of the mute table.
TESTS = ("tests/rules", "tests/judgement", "tests/findings", "tests/notify/test_telling_mutes.py")
LOADER = "shared.rules.loader"
LEFT_OUT = (".git", "node_modules", ".venv", "venv", ".mypy_cache", ".ruff_cache", ".pytest_cache")
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

type Steps = tuple[str | int, ...]


@dataclass(frozen=True)
class Mutant:
    """One deletion: `file` relative to the rules directory, `path` the keys and indices that lead to it."""

    file: str
    path: Steps
    label: str

    @property
    def place(self) -> str:
        """Where it is, as one would write it."""
        keys = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return f"{self.file}: {keys.lstrip('.')}"


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


# --- the mutants -------------------------------------------------------------------------------------------


def mutants_of(file: str, document: dict[str, Any]) -> Iterator[Mutant]:
    """Every key of every table and every element of every array, except inside rows written as arrays."""
    for path, value in _entries(document, ()):
        yield Mutant(file, path, _label(value))


def _entries(node: Any, path: Steps) -> Iterator[tuple[Steps, Any]]:
    items: Sequence[tuple[str | int, Any]] = ()
    if isinstance(node, dict):
        items = list(node.items())
    elif isinstance(node, list) and not (path and isinstance(path[-1], int)):
        items = list(enumerate(node))
    for key, value in items:
        yield (*path, key), value
        yield from _entries(value, (*path, key))


def _label(value: Any) -> str:
    if isinstance(value, dict):
        value = next((v for v in value.values() if isinstance(v, str)), "")
    elif isinstance(value, list):
        value = ", ".join(str(item) for item in value)
    return str(value)[:60]


def without(document: dict[str, Any], path: Steps) -> dict[str, Any]:
    """A copy of the document that lacks the entry at `path`."""
    mutated = copy.deepcopy(document)
    node: Any = mutated
    for step in path[:-1]:
        node = node[step]
    del node[path[-1]]
    return mutated


def as_toml(document: dict[str, Any]) -> str:
    """The document as TOML that parses to the same values; every top-level entry on one line."""
    return "".join(f"{_quoted(key)} = {_value(value)}\n" for key, value in document.items())


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _quoted(value)
        case int() | float():
            return repr(value)
        case datetime() | date() | time_of_day():
            return value.isoformat()
        case list():
            return "[" + ", ".join(_value(item) for item in value) + "]"
        case dict():
            return "{" + ", ".join(f"{_quoted(key)} = {_value(item)}" for key, item in value.items()) + "}"
    raise TypeError(f"TOML has no {type(value).__name__}")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


# --- trying one --------------------------------------------------------------------------------------------


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


def respell(root: Path) -> None:
    """Write every rules file with the same values as mutants are written."""
    for path in (root / RULES).rglob("*.toml"):
        path.write_text(as_toml(tomllib.loads(path.read_text(encoding="utf-8"))), encoding="utf-8")


def warm_up(names: Sequence[str]) -> None:
    """Load packages here once, so that each forked child starts with them: most of a short test's time."""
    for name in names:
        if name.partition(".")[0] not in NOT_OURS_TO_LOAD:
            with contextlib.suppress(Exception):
                importlib.import_module(name)


@contextlib.contextmanager
def deleted(mutant: Mutant, root: Path) -> Iterator[None]:
    """While inside, the tree's file lacks the entry."""
    target = root / RULES / mutant.file
    original = target.read_bytes()
    document = without(tomllib.loads(original.decode()), mutant.path)
    target.write_text(as_toml(document), encoding="utf-8")
    try:
        yield
    finally:
        target.write_bytes(original)


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


# --- all of them -------------------------------------------------------------------------------------------


def copied(root: Path, into: Path) -> Path:
    """A copy of the project without version control, packages and caches."""
    return Path(shutil.copytree(root, into, ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True))


def sieve(mutants: Sequence[Mutant], trees: Sequence[Tree], loader: str) -> Iterator[tuple[Mutant, str]]:
    """What the loader says of each mutant; one child a tree does its share with one import."""
    shares = [mutants[n :: len(trees)] for n in range(len(trees))]
    children = [
        Child(tree.root, partial(refusals, share, tree.root, loader), PATIENCE)
        for tree, share in zip(trees, shares, strict=True)
    ]
    for share, child in zip(shares, children, strict=True):
        said = child.answer()
        if not said:
            raise SystemExit(f"{loader} cannot be imported, or has no load_rules_from")
        yield from zip(share, json.loads(said), strict=True)


def hunt(
    mutants: Sequence[Mutant],
    trees: Sequence[Tree],
    tests: Sequence[str],
    unfit: Sequence[str],
    loader: str,
    console: Console,
) -> list[Verdict]:
    """Try every mutant, one at a time in each tree. No threads: the process forks."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    verdicts: list[Verdict] = []
    idle, queue, running = list(trees), list[Mutant](), selectors.DefaultSelector()
    with Progress(*columns, console=console, transient=True, auto_refresh=False) as progress:
        task = progress.add_task("mutants", total=len(mutants))
        progress.refresh()
        for mutant, refusal in sieve(mutants, trees, loader):
            if refusal:
                verdicts.append(Verdict(mutant, "refused", refusal))
            else:
                queue.append(mutant)
        while queue or running.get_map():
            while queue and idle:
                trial = Trial(queue.pop(0), idle.pop(), tests, unfit)
                running.register(trial.child.pipe, selectors.EVENT_READ, trial)
            ready = [key for key, _ in running.select(timeout=5)]
            for key in list(running.get_map().values()):
                key.data.child.stop_if_late()
            for key in ready:
                running.unregister(key.fileobj)
                verdict = key.data.advance()
                if verdict is None:
                    running.register(key.data.child.pipe, selectors.EVENT_READ, key.data)
                    continue
                idle.append(key.data.tree)
                verdicts.append(verdict)
                survived = sum(v.outcome == "survived" for v in verdicts)
                words = f"mutants, {survived} survived"
                progress.update(task, completed=len(verdicts), description=words, refresh=True)
    return verdicts


def tell(verdicts: Sequence[Verdict], seconds: float, console: Console) -> None:
    """The table of files, and a row for each survivor."""
    table = Table(title="Deleted from the rules")
    for column in ("file", "mutants", "refused by the loader", "failed a test", "survived"):
        table.add_column(column, justify="left" if column == "file" else "right")
    for file in sorted({v.mutant.file for v in verdicts}):
        of_file = [v.outcome for v in verdicts if v.mutant.file == file]
        survived = of_file.count("survived")
        colour = "red" if survived else "green"
        counts = (len(of_file), of_file.count("refused"), of_file.count("failed"))
        table.add_row(file, *(str(n) for n in counts), f"[{colour}]{survived}[/{colour}]")
    console.print(table)
    survivors = [v for v in verdicts if v.outcome == "survived"]
    for verdict in survivors:
        console.print(
            f"survived: {verdict.mutant.place}  ({verdict.mutant.label})", style="red", markup=False
        )
    word = f"{len(survivors)} survived" if survivors else "all killed"
    console.print(f"{len(verdicts)} mutants in {seconds:.0f} s: {word}", markup=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """See the module; answers the exit code."""
    parser = argparse.ArgumentParser(
        description="Delete each entry of shared/rules/**/*.toml; do tests notice?"
    )
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--tests", nargs="+", help=f"what to run (default: {' '.join(TESTS)})")
    parser.add_argument("--loader", default=LOADER, help="module that has load_rules_from(directory)")
    parser.add_argument("--only", default="", help="only mutants whose place contains this text")
    parser.add_argument("--list", action="store_true", help="print the mutants and stop")
    parser.add_argument("--killers", action="store_true", help="print what killed each")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    root: Path = options.root.resolve()
    console = Console(highlight=False, soft_wrap=True)
    rules = root / RULES
    files = sorted(path.relative_to(rules).as_posix() for path in rules.rglob("*.toml"))
    mutants = [
        mutant
        for file in files
        for mutant in mutants_of(file, tomllib.loads((rules / file).read_text(encoding="utf-8")))
        if options.only in mutant.place
    ]
    if options.list:
        for mutant in mutants:
            console.print(f"{mutant.place}  ({mutant.label})", markup=False)
        return 0
    tests = options.tests or [name for name in TESTS if (root / name).exists()]
    with tempfile.TemporaryDirectory(prefix="mutants-") as place:
        trees = [Tree(copied(root, Path(place) / f"tree{n}")) for n in range(max(1, options.workers))]
        failed, packages = unmutated(trees[0], tests)
        if failed:
            console.print(f"unmutated, the tests fail already: {failed[0]}", style="red", markup=False)
            return 2
        for tree in trees:
            respell(tree.root)
        unfit, _ = unmutated(trees[0], tests)
        if any("::" not in name for name in unfit):
            console.print(f"no test can run on files spelt anew: {unfit}", style="red", markup=False)
            return 2
        console.print(f"{len(unfit)} tests read the files' spelling and are no witnesses", markup=False)
        if options.killers:
            console.print("\n".join(unfit), markup=False)
        warm_up(packages)
        start = time.monotonic()
        verdicts = hunt(mutants, trees, tests, unfit, options.loader, console)
    if options.killers:
        for verdict in verdicts:
            console.print(f"{verdict.outcome}: {verdict.mutant.place} by {verdict.witness}", markup=False)
    tell(verdicts, time.monotonic() - start, console)
    return 1 if any(v.outcome == "survived" for v in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
