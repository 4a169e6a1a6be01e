"""Deletes every entry of the rules' data, one at a time, and asks the tests whether they notice.

`python -m tools.mutate_rules` takes each TOML file under `shared/rules`, and for each key of a table and each
element of an array makes a mutant without it. A mutant is killed if the loader refuses it or a test fails;
one that survives is data that nothing needs, or a promise that nothing tests. The working tree is never
touched: each worker works in a copy of its own, and each mutant is tried in a forked process that has pytest
loaded and nothing of the product. Mutants are spelt anew (same values, no comments, one line a table), so a
test that fails on the whole files in that spelling is no witness and is left out. Exit code 0: all killed;
1: survivors, listed; 2: the tests fail unmutated.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tools.rule_mutants import RULES, Mutant, mutants_of, respell
from tools.rule_trials import Trial, Verdict, refusals
from tools.trials import PATIENCE, Child, Tree, race, unmutated, warm_up

# The tests that read the rules; of the notifier only the one of the mute table.
TESTS = ("tests/rules", "tests/judgement", "tests/findings", "tests/notify/test_telling_mutes.py")
LOADER = "shared.rules.loader"
LEFT_OUT = (".git", "node_modules", ".venv", "venv", ".mypy_cache", ".ruff_cache", ".pytest_cache")


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
    """Try every mutant, one at a time in each tree."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    verdicts: list[Verdict] = []
    queue: list[Mutant] = []
    with Progress(*columns, console=console, transient=True, auto_refresh=False) as progress:
        task = progress.add_task("mutants", total=len(mutants))
        progress.refresh()
        for mutant, refusal in sieve(mutants, trees, loader):
            if refusal:
                verdicts.append(Verdict(mutant, "refused", refusal))
            else:
                queue.append(mutant)
        for verdict in race(queue, trees, lambda one, tree: Trial(one, tree, tests, unfit)):
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
