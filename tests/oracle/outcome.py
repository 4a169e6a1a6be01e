"""What became of a history, and what one needs to see if that is not good."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.oracle.comparison import Difference
from tests.oracle.policies import Settings

STATES = frozenset({"covered", "uncovered", "writeback-uncovered", "undetermined", "not-in-reach"})
LEAST_TRANSITIONS = 5


@dataclass(slots=True)
class Outcome:
    """What became of a history. Empty `differences`, `faults` and `crashes`: all is as it must be."""

    seed: int
    differences: list[Difference] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    states: set[str] = field(default_factory=set)
    kinds: set[str] = field(default_factory=set)
    transitions: int = 0
    moments: set[str] = field(default_factory=set)
    lost: int = 0
    steps: list[str] = field(default_factory=list)
    settings: Settings = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)
    ticks: int = 0

    @property
    def good(self) -> bool:
        """The ledger says the truth, and the history was worth telling."""
        return not self.differences and not self.faults and not self.lacking

    @property
    def lacking(self) -> list[str]:
        """What the history should have brought out and did not."""
        lacking = [f"nobody was ever {state}" for state in sorted(STATES - self.states)]
        if self.transitions < LEAST_TRANSITIONS:
            lacking.append(f"only {self.transitions} transitions after the baseline")
        return lacking

    def told(self) -> str:
        """Everything that one needs to find out who is wrong."""
        head = f"history {self.seed}: python -m tests.oracle --seed {self.seed}"
        problems = [*self.lacking, *self.faults, *(str(one) for one in self.differences)]
        return "\n".join([head, f"settings {self.settings}", *self.steps, "", *problems])
