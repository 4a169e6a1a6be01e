"""What a check of the supply found, as it is shown."""

import enum

import msgspec


class Outcome(enum.StrEnum):
    """How a check ended. `NOT_CHECKED`: nobody answered; no fault of ours, and no all-clear."""

    GOOD = "good"
    FAULT = "fault"
    NOT_CHECKED = "not checked"


class Report(msgspec.Struct, frozen=True):
    """One check: what was looked at, in a line, and what is wrong, a line each."""

    name: str
    outcome: Outcome
    summary: str
    lines: tuple[str, ...] = ()


def report(name: str, summary: str, faults: list[str]) -> Report:
    """Good without faults; else the faults, in order."""
    return Report(name, Outcome.FAULT if faults else Outcome.GOOD, summary, tuple(faults))
