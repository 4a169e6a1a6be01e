"""Rows about the reading of all users: how fast, at what cost, in how much memory.

A sweep is held against other ways to read the same users from the same simulator, as soon as it has ended.
The smaller tenant is swept some times over, each time from nothing; of the ratios the median counts. The
largest takes minutes and is swept once.
"""

import asyncio
import statistics
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import msgspec

from benchmarks.budgets import row
from benchmarks.process import Failed, answer_of, cpu_seconds, most_memory
from benchmarks.rows import Row
from benchmarks.spent import Plainly, Spent
from benchmarks.theatre import RATES, Playing, playing
from sandbox.graph.tenant import generate

SEED = 2017
BEGUN_WITHIN = 1800.0
ENDED_WITHIN = 3600.0
TOLD_WITHIN = 180.0
REMEMBERED_WITHIN = 5.0
"""So long the notifier is given to write down that the card was handed over."""

PLAIN = 50_000
TIMES = 3
"""How often the smaller tenant is swept."""

EMPTY, A_PAGE, ALL = 0.2, 100, 2000
"""Pages that may be empty: which share of them, of how many users, until how many are read."""


@dataclass(frozen=True)
class Swept:
    """A sweep of a tenant of so many users. `seconds` of the clock, `cpu` seconds.

    `members`: how many are in the scope group. `peak`: MB of the app, from its start to after the card that
    ends the baseline.
    """

    users: int
    members: int
    seconds: float
    cpu: float
    peak: float


@dataclass(frozen=True)
class Beside:
    """A sweep, and what other ways cost on users of the same tenant. `told`: by PageIterator, of `ALL`."""

    swept: Swept
    typed: Spent
    iterated: Spent
    plain: Plainly
    told: int

    @property
    def each(self) -> float:
        """CPU seconds of the sweep for a user."""
        return self.swept.cpu / self.swept.users

    @property
    def over_typed(self) -> float:
        """By how much the sweep is faster than typed paging, in users a CPU second."""
        return self.typed.each / self.each

    @property
    def over_bare(self) -> float:
        """By how much the sweep costs more than the bare work."""
        return self.each / self.plain.bare.each


async def run(users: int, sample: int) -> Beside:
    """Sweep a tenant of so many users, half of them in the scope group, in an app just started."""
    async with _opened(users) as play:
        swept = await _swept(play)
        environment = play.stage.environment
        # Nothing else runs while these are measured.
        await play.stage.host.stop()
        ask = ["-m", "benchmarks.typed"]
        typed = await answer_of([*ask, "paging", str(sample)], environment)
        plain = await answer_of(["-m", "benchmarks.plain", str(PLAIN)], environment)
        iterated = await answer_of([*ask, "iterator", str(sample)], environment)
        play.stage.world.rates = msgspec.structs.replace(RATES, empty_page_rate=EMPTY)
        told = await answer_of([*ask, "iterator", str(ALL), str(A_PAGE)], environment)
    return Beside(
        swept=swept,
        typed=msgspec.json.decode(typed, type=Spent),
        iterated=msgspec.json.decode(iterated, type=Spent),
        plain=msgspec.json.decode(plain, type=Plainly),
        told=msgspec.json.decode(told, type=Spent).users,
    )


def rows(small: Sequence[Beside], large: Beside) -> list[Row]:
    """The rows of some runs on the smaller tenant and one on the larger."""
    return [*_speed(small, large), *_peers([*small, large]), *_overhead(small, large), *_memory(small, large)]


def _opened(users: int) -> AbstractAsyncContextManager[Playing]:
    return playing(generate(users, SEED, scope_share=0.5, rates=RATES))


async def _swept(play: Playing) -> Swept:
    """Wait for the first sweep and measure it from its first to its last moment."""

    async def begun() -> bool:
        return (await play.record()).sweep is not None

    async def ended() -> bool:
        sweep = (await play.record()).sweep
        return sweep is not None and sweep.ended_at is not None

    await play.until("the sweep begins", begun, BEGUN_WITHIN, every=0.05)
    before = cpu_seconds(play.pid)
    await play.until("the sweep ends", ended, ENDED_WITHIN)
    cpu = cpu_seconds(play.pid) - before
    sweep = (await play.record()).sweep
    assert sweep is not None
    assert sweep.ended_at is not None
    world = play.stage.world
    # The card that follows is made of all that was found: its memory counts too.
    try:
        await play.stage.teams.wait_for(1, TOLD_WITHIN)
    except TimeoutError:
        raise Failed(f"no card came within {TOLD_WITHIN:.0f} s of the sweep's end") from None
    await asyncio.sleep(REMEMBERED_WITHIN)
    return Swept(
        users=sweep.users,
        members=len(world.transitive_members(world.scope)[0]),
        seconds=(sweep.ended_at - sweep.started_at).total_seconds(),
        cpu=cpu,
        peak=most_memory(play.pid),
    )


def _speed(small: Sequence[Beside], large: Beside) -> list[Row]:
    def note(run: Beside) -> str:
        swept, typed = run.swept, run.typed
        return (
            f"{1 / run.each:,.0f} over {1 / typed.each:,.0f} ({typed.users:,} of the same users); "
            f"by the clock {swept.users / swept.seconds:,.0f}/s over {typed.users / typed.seconds:,.0f}/s"
        )

    middle = _middle(small, "over_typed")
    return [
        row("sweep-over-typed", middle.over_typed, note(middle), times=len(small), users=_users(middle)),
        row("sweep-over-typed-large", large.over_typed, note(large), users=_users(large)),
    ]


def _peers(runs: Sequence[Beside]) -> list[Row]:
    typed, iterated = (
        statistics.median(1 / spent.each for spent in each)
        for each in ([run.typed for run in runs], [run.iterated for run in runs])
    )
    told = ", ".join(f"{run.told:,}" for run in runs)
    return [
        row("typed-paging", typed, f"{runs[0].typed.users:,} users", times=len(runs)),
        row("page-iterator", iterated, f"{runs[0].iterated.users:,} users", times=len(runs)),
        row(
            "page-iterator-empty",
            statistics.median(run.told for run in runs),
            f"{told}; the watch and paging by hand read all",
            times=len(runs),
            all=f"{ALL:,}",
        ),
    ]


def _overhead(small: Sequence[Beside], large: Beside) -> list[Row]:
    def note(run: Beside) -> str:
        parts = ", ".join(f"{name} {micros:.1f}" for name, micros in run.plain.parts.items())
        return f"{run.each * 1e6:.1f} µs over {run.plain.bare.each * 1e6:.1f} µs ({parts})"

    runs = [*small, large]
    judge, decode = (
        statistics.median(spent.each * 1e6 for spent in each)
        for each in ([run.plain.judge for run in runs], [run.plain.decode for run in runs])
    )
    middle = _middle(small, "over_bare")
    return [
        row("sweep-over-bare", middle.over_bare, note(middle), times=len(small), users=_users(middle)),
        row("sweep-over-bare-large", large.over_bare, note(large), users=_users(large)),
        row("judging", judge / decode, f"{judge:.1f} µs over {decode:.1f} µs", times=len(runs)),
    ]


def _memory(small: Sequence[Beside], large: Beside) -> list[Row]:
    peak, less = large.swept.peak, statistics.median(run.swept.peak for run in small)
    return [
        row("memory", peak, users=_users(large), members=f"{large.swept.members:,}"),
        row(
            "memory-flat",
            peak / less,
            f"{peak:.0f} MB once over {less:.0f} MB, median of {len(small)}",
            users=_users(small[0]),
        ),
    ]


def _middle(runs: Sequence[Beside], by: str) -> Beside:
    """The run with the median ratio; of an even number the lower."""
    return sorted(runs, key=lambda run: float(getattr(run, by)))[(len(runs) - 1) // 2]


def _users(run: Beside) -> str:
    return f"{run.swept.users:,}"
