"""What happens in a soak and when: drawn from a seed, the same each time. Pure; seconds from the start.

Two segments of the same length: in the first one process after another is killed, in the second none is.
Storms come in both, one at a time and each kind in each segment; changes go on all the time, in bursts too.
"""

import itertools
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

PROCESSES = ("http", "timers", "evaluate", "sweep")
"""The processes of the split app, in the order in which they are killed."""

CALM = 0.25
"""Of each slot of a storm so much is calm again, at its end."""
CLOCK_JUMPS = (240.0, -180.0)
"""Seconds that the clock of the app's machine jumps, and back again."""
KINDS: Mapping[str, float] = {
    "rename": 4,
    "disable": 1.5,
    "enable": 1.5,
    "take": 1.5,
    "give": 1.5,
    "leave-group": 1,
    "join-group": 1,
    "delete": 0.4,
    "restore": 0.4,
    "add": 0.5,
    "locate": 0.5,
}
"""Kinds of changes and how frequent they are beside each other."""
BURSTS = ("rename", "disable", "enable", "take", "give", "mixed")
"""What a burst is made of, one after the other: what one breaks the next mends."""
STORMS = (
    "graph-429",
    "graph-503",
    "graph-slow",
    "graph-broken",
    "storage-refuses",
    "storage-loses",
    "teams",
    "clock-forward",
    "clock-back",
)


@dataclass(frozen=True)
class Change:
    """One change of the tenant; `dice` decides of whom."""

    at: float
    kind: str
    dice: int
    burst: bool = False


@dataclass(frozen=True)
class Storm:
    """Bad weather of one kind, from `at` until `until`."""

    at: float
    until: float
    kind: str


@dataclass(frozen=True)
class Kill:
    """SIGKILL of one process of the app."""

    at: float
    process: str


@dataclass(frozen=True)
class Size:
    """How large a soak is. `seconds` of each segment; changes a second; a burst of so many every so often."""

    users: int = 100_000
    seconds: float = 600.0
    rate: float = 5.0
    burst: int = 1000
    burst_every: float = 100.0
    kill_every: float = 60.0

    @classmethod
    def of(cls, users: int, minutes: float) -> "Size":
        """The standard soak made smaller: everything in it happens, closer together and of fewer users.

        A burst is at most a fifth of the users. Each process is killed at least once.
        """
        seconds = minutes * 60 / 2
        return cls(
            users=users,
            seconds=seconds,
            burst=min(1000, users // 5),
            burst_every=min(100.0, seconds / len(BURSTS)),
            kill_every=min(60.0, seconds / len(PROCESSES)),
        )

    @property
    def whole(self) -> float:
        """Seconds of both segments."""
        return 2 * self.seconds


@dataclass(frozen=True)
class Schedule:
    """All of it, each in order of time."""

    size: Size
    changes: tuple[Change, ...]
    storms: tuple[Storm, ...]
    kills: tuple[Kill, ...]


def draw(seed: int, size: Size) -> Schedule:
    """The schedule of this seed."""
    steady = _steady(random.Random(f"changes {seed}"), size)
    bursts = _bursts(random.Random(f"bursts {seed}"), size)
    changes = sorted((*steady, *bursts), key=lambda one: one.at)
    return Schedule(
        size=size,
        changes=tuple(changes),
        storms=tuple(_storms(random.Random(f"storms {seed}"), size)),
        kills=tuple(_kills(size)),
    )


def _steady(rng: random.Random, size: Size) -> Iterator[Change]:
    """Independent of each other, so many a second on average."""
    at = rng.expovariate(size.rate)
    while at < size.whole:
        kind = rng.choices(tuple(KINDS), tuple(KINDS.values()))[0]
        yield Change(at, kind, rng.getrandbits(64))
        at += rng.expovariate(size.rate)


def _bursts(rng: random.Random, size: Size) -> Iterator[Change]:
    kinds = itertools.cycle(BURSTS)
    at = size.burst_every / 2
    while at < size.whole:
        of = next(kinds)
        for _ in range(size.burst):
            kind = rng.choices(tuple(KINDS), tuple(KINDS.values()))[0] if of == "mixed" else of
            yield Change(at, kind, rng.getrandbits(64), burst=True)
        at += size.burst_every


def _storms(rng: random.Random, size: Size) -> Iterator[Storm]:
    """Each kind once a segment, or oftener where a slot would be longer than a minute."""
    for segment in range(2):
        rounds = max(1, round(size.seconds / (60 * len(STORMS))))
        kinds = [kind for _ in range(rounds) for kind in rng.sample(STORMS, len(STORMS))]
        slot = size.seconds / len(kinds)
        for number, kind in enumerate(kinds):
            at = segment * size.seconds + number * slot
            yield Storm(at, at + slot * (1 - CALM), kind)


def _kills(size: Size) -> Iterator[Kill]:
    turn = itertools.cycle(PROCESSES)
    at = size.kill_every / 2
    while at < size.seconds:
        yield Kill(at, next(turn))
        at += size.kill_every
