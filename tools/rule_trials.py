"""Trying one mutant of the rules' data: whether the loader refuses it, or a test fails.

Each is tried in a copy of the project (`tools/trials.py`).
"""

import contextlib
import importlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tools.rule_mutants import RULES, Mutant, deleted
from tools.trials import PATIENCE, Child, Tree, run_tests


@dataclass
class Verdict:
    """What became of a mutant: `refused` by the loader, `failed` a test, or `survived`."""

    mutant: Mutant
    outcome: str
    witness: str = ""


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
