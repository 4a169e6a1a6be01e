"""Rows about the reading of all users: how fast, at what cost, in how much memory."""

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import msgspec

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
FLAT = 0.2
"""By how much the peak may grow from a tenth of the tenant to the whole."""


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


async def sweep_only(users: int) -> Swept:
    """Sweep a tenant of so many users, half of them in the scope group, in an app just started."""
    async with _opened(users) as play:
        return await _swept(play)


async def sweep_rows(users: int, sample: int) -> tuple[Swept, list[Row]]:
    """The same, and its rows side by side with typed paging and with the bare work on users of the tenant."""
    async with _opened(users) as play:
        swept = await _swept(play)
        environment = play.stage.environment
        # Nothing else runs while these two are measured.
        await play.stage.host.stop()
        typed = msgspec.json.decode(
            await answer_of(["-m", "benchmarks.typed", str(sample)], environment), type=Spent
        )
        plain = msgspec.json.decode(
            await answer_of(["-m", "benchmarks.plain", str(PLAIN)], environment), type=Plainly
        )
    return swept, [*_rows(swept, typed, plain), _judging(plain)]


def memory_rows(large: Swept, small: Swept) -> list[Row]:
    """The peak, and how flat it is."""
    return [
        Row(
            what=f"peak memory of a sweep of {large.users:,} users",
            measured=large.peak,
            budget=300,
            unit="MB",
            note=f"report scope, {large.members:,} members in the scope group",
        ),
        Row(
            what=f"the same over {small.users:,} users",
            measured=large.peak / small.peak,
            budget=1 + FLAT,
            note=f"{large.peak:.0f} MB over {small.peak:.0f} MB",
        ),
    ]


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


def _rows(swept: Swept, typed: Spent, plain: Plainly) -> list[Row]:
    each = swept.cpu / swept.users
    parts = ", ".join(f"{name} {micros:.1f}" for name, micros in plain.parts.items())
    return [
        Row(
            what="full sweep over typed paging, users a CPU second",
            measured=typed.each / each,
            budget=150,
            more=True,
            note=(
                f"{1 / each:,.0f} over {1 / typed.each:,.0f} ({typed.users:,} of the same users); by the "
                f"clock {swept.users / swept.seconds:,.0f}/s over {typed.users / typed.seconds:,.0f}/s"
            ),
        ),
        Row(
            what="full sweep over the bare work, CPU a user",
            measured=each / plain.bare.each,
            budget=2,
            note=f"{each * 1e6:.1f} µs over {plain.bare.each * 1e6:.1f} µs ({parts})",
        ),
    ]


def _judging(plain: Plainly) -> Row:
    judge, decode = plain.judge.each, plain.decode.each
    return Row(
        what="judging one user, warm, over its decode",
        measured=judge / decode,
        budget=1,
        note=f"{judge * 1e6:.1f} µs over {decode * 1e6:.1f} µs",
    )
