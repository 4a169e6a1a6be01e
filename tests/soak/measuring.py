"""What processes use, over time: memory, its slope, CPU; and how fast the endpoint answers."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from sandbox.graph.outbound import Answered

MB = 1024 * 1024
GRAPH_WAITS = 3.0
"""Seconds after which an answer counts as slow (graph.md §3.2)."""
SHARE = 0.999


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a process: when (monotonic), which process of that name, MB resident, CPU seconds."""

    at: float
    name: str
    pid: int
    mb: float
    cpu: float


def look(at: float, name: str, pid: int) -> Sample | None:
    """What a process uses now; None where it is gone."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            spent = process.cpu_times()
            return Sample(at, name, pid, process.memory_info().rss / MB, spent.user + spent.system)
    except psutil.Error:
        return None


def slope(points: Sequence[tuple[float, float]]) -> float:
    """How much the second value grows by each of the first: by the least squares. 0 of one point."""
    if len(points) < 2:
        return 0.0
    middle = sum(x for x, _ in points) / len(points)
    height = sum(y for _, y in points) / len(points)
    spread = sum((x - middle) ** 2 for x, _ in points)
    return sum((x - middle) * (y - height) for x, y in points) / spread if spread else 0.0


def slopes(samples: Iterable[Sample], begin: float, end: float) -> dict[str, float]:
    """MB a minute of each process between two moments."""
    points: dict[str, list[tuple[float, float]]] = {}
    for one in samples:
        if begin <= one.at <= end:
            points.setdefault(one.name, []).append(((one.at - begin) / 60, one.mb))
    return {name: slope(some) for name, some in points.items()}


def cpu_seconds(samples: Iterable[Sample]) -> dict[str, float]:
    """CPU seconds by name, over all processes that bore it one after the other."""
    last: dict[tuple[str, int], float] = {}
    for one in samples:
        last[one.name, one.pid] = one.cpu
    spent: Counter[str] = Counter()
    for (name, _), seconds in last.items():
        spent[name] += seconds  # type: ignore[assignment]  # a Counter adds up floats as well
    return dict(spent)


def memory_of(samples: Iterable[Sample]) -> dict[str, tuple[float, float]]:
    """MB at the end and at most, by name."""
    found: dict[str, tuple[float, float]] = {}
    for one in samples:
        found[one.name] = (one.mb, max(one.mb, found.get(one.name, (0.0, 0.0))[1]))
    return found


@dataclass(frozen=True)
class Latencies:
    """How long the endpoint took, in seconds, outside kill windows; `inside`: how many answers lie in one.

    `refused`: answers in time that were no 2xx, so that Graph sends the call again. `unreached`: calls that
    found nobody, `unreached_outside` those of them outside kill windows.
    """

    answers: int
    p50: float
    p99: float
    p999: float
    worst: float
    slow: int
    refused: int
    inside: int
    slow_inside: int
    unreached: int
    unreached_outside: int

    @property
    def good(self) -> bool:
        """Whether 99.9 % of the calls were answered, and in time; of no calls that is not known."""
        calls = self.answers + self.unreached_outside
        return calls > 0 and self.slow + self.unreached_outside <= (1 - SHARE) * calls


def latencies(answers: Iterable[Answered], windows: Sequence[tuple[float, float]]) -> Latencies:
    """Sum them up; `windows`: from a kill until the endpoint is surely back (monotonic)."""
    outside: list[float] = []
    inside = slow_inside = unreached = unreached_outside = refused = 0
    for one in answers:
        ended = one.began + (one.seconds or 0.0)
        in_window = any(begin <= ended and one.began <= end for begin, end in windows)
        if one.seconds is None:
            unreached += 1
            unreached_outside += not in_window
        elif in_window:
            inside += 1
            slow_inside += one.seconds >= GRAPH_WAITS
        else:
            outside.append(one.seconds)
            refused += not one.accepted and one.seconds < GRAPH_WAITS
    outside.sort()
    return Latencies(
        answers=len(outside),
        p50=quantile(outside, 0.5),
        p99=quantile(outside, 0.99),
        p999=quantile(outside, SHARE),
        worst=outside[-1] if outside else 0.0,
        slow=sum(one >= GRAPH_WAITS for one in outside),
        refused=refused,
        inside=inside,
        slow_inside=slow_inside,
        unreached=unreached,
        unreached_outside=unreached_outside,
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest of the values that so large a share does not exceed; 0 of none."""
    if not ordered:
        return 0.0
    at = -(-len(ordered) * share // 1)
    return ordered[min(len(ordered), max(1, int(at))) - 1]


@dataclass
class LoopLag:
    """How late the driver itself comes round: the simulator shares its loop, so this is in each latency."""

    lags: list[float] = field(default_factory=list)

    async def watch(self) -> None:
        """Note it until cancelled."""
        while True:
            due = time.monotonic() + 0.05
            await asyncio.sleep(0.05)
            self.lags.append(max(0.0, time.monotonic() - due))

    @property
    def shown(self) -> dict[str, float]:
        """Seconds: p99 and worst."""
        ordered = sorted(self.lags)
        return {"p99": quantile(ordered, 0.99), "worst": ordered[-1] if ordered else 0.0}


class WorkerNames:
    """Which process is which now, as the split host says in its log; read on from where it was left."""

    def __init__(self, log: Path, word: str) -> None:
        self._log = log
        self._word = word
        self._read = 0
        self._rest = b""
        self.pids: dict[str, int] = {}
        self.started: Counter[str] = Counter()

    def refresh(self) -> dict[str, int]:
        """Name to process id."""
        if not self._log.exists():
            return self.pids
        with self._log.open("rb") as said:
            said.seek(self._read)
            new = said.read()
        self._read += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        for line in lines:
            if line.startswith(self._word.encode()):
                name, pid = line[len(self._word) :].split()[:2]
                self.pids[name.decode()] = int(pid)
                self.started[name.decode()] += 1
        return self.pids
