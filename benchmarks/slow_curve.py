"""How long calls took, as a curve over their share. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.slow_driver import Answered

IN_TIME = 3.0
"""Seconds (Microsoft Graph change notifications, delivery by webhooks; page of 2026-04-22)."""


@dataclass(frozen=True)
class Curve:
    """Seconds within which so many of the calls were answered; `in_time`: the share answered with 202 in less
    than 3 seconds; `refused`: how many were answered otherwise or not at all."""

    calls: int
    p50: float
    p90: float
    p99: float
    p999: float
    worst: float
    in_time: float
    refused: int


def curve(answers: Sequence[Answered]) -> Curve:
    """The curve of these calls. Raises ValueError if there are none."""
    if not answers:
        raise ValueError("no calls, no curve")
    seconds = sorted(one.seconds for one in answers)
    p50, p90, p99, p999 = (within(seconds, share) for share in (500, 900, 990, 999))
    return Curve(
        calls=len(answers),
        p50=p50,
        p90=p90,
        p99=p99,
        p999=p999,
        worst=seconds[-1],
        in_time=sum(one.status == 202 and one.seconds < IN_TIME for one in answers) / len(answers),
        refused=sum(one.status != 202 for one in answers),
    )


def within[T: (int, float)](ordered: Sequence[T], thousandths: int) -> T:
    """The time that so many thousandths of the calls needed at most (nearest rank; nothing between two)."""
    return ordered[max(0, -(-len(ordered) * thousandths // 1000) - 1)]
