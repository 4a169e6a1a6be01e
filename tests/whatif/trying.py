"""Trying a change on a saved tenant, and what came of it in short."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from shared.rules.policy import Policy
from shared.snapshot.lines import End, Head, Line, Reading
from shared.whatif.changes import Asked, BadChange, Fault
from shared.whatif.outcome import Outcome, what_if
from tests.snapshot.snapshots import RULES

ON = Policy(scope="all", writeback="on")
OFF = Policy(scope="all", writeback="off", synced_without_writeback="judge_as_cloud")


def tried(first: Head, people: Sequence[Reading], **asked: Any) -> Outcome:
    lines: list[Line] = [first, *people, End(users=len(people), verdicts="")]

    def read() -> Iterator[Line]:
        return iter(lines)

    return what_if(read, Asked(**asked), RULES)


def told(outcome: Outcome) -> dict[int, tuple[str, str, str]]:
    """User number to the states before and after, and the cause."""
    return {int(one.id[-12:]): (one.before.value, one.after.value, one.cause) for one in outcome.changed}


def faults(first: Head, **asked: Any) -> tuple[Fault, ...]:
    with pytest.raises(BadChange) as refused:
        tried(first, [], **asked)
    return refused.value.faults


def codes(first: Head, **asked: Any) -> list[str]:
    return [one.code for one in faults(first, **asked)]
