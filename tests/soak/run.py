"""One soak from its first reading to its end: changes, storms and kills by the schedule, samples beside it,
then calm until nothing waits any more."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sandbox.graph.outbound import Answered
from sandbox.host.errors import HostError
from tests.soak.changes import Author
from tests.soak.drain import Waiting, rounds_of_delta, waiting
from tests.soak.measuring import LoopLag, Sample
from tests.soak.schedule import Schedule
from tests.soak.troupe import Troupe
from tests.soak.weather import Sky

SAMPLE_SECONDS = 3.0
BACK_SECONDS = 5.0
"""A kill window of the endpoint ends so long after the front that took its place is up."""
BASELINE_SECONDS = 900.0
LOOK_SECONDS = 60.0
"""So long it may take to find out what waits."""
CLOCK_FORWARD = 2 * 3600.0
"""So much the clock goes forward at the end for hand-overs that would be tried again in up to an hour."""


@dataclass
class Killed:
    """A process that was killed (monotonic `at`, and by the clock), and from when on another was up."""

    at: float
    when: datetime
    process: str
    back: float | None = None


@dataclass
class Run:
    """What happened. Moments are monotonic seconds; `begun` is the first of segment one."""

    begun: float = 0.0
    ended: float = 0.0
    drained: float = 0.0
    baseline_seconds: float = 0.0
    kills: list[Killed] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    answers: list[Answered] = field(default_factory=list)
    modes: set[str] = field(default_factory=set)
    lag: LoopLag = field(default_factory=LoopLag)
    left: Waiting | None = None
    forwarded: bool = False
    late: float = 0.0
    """How far the changes fell behind the schedule at most."""

    @property
    def front_windows(self) -> list[tuple[float, float]]:
        """When nobody may be expected at the endpoint."""
        killed = [one for one in self.kills if one.process == "http"]
        return [(one.at, (one.back or self.ended) + BACK_SECONDS) for one in killed]


Show = Callable[["Soak"], None]


class Soak:
    """Plays a schedule on a troupe. `show` is called every second or so."""

    def __init__(self, troupe: Troupe, schedule: Schedule, seed: int, show: Show) -> None:
        self.troupe = troupe
        self.schedule = schedule
        self.author = Author(troupe.world)
        self.sky = Sky(troupe.simulator, troupe.front, troupe.clock, seed)
        self.run = Run()
        self.phase = "first reading"
        self.waiting = Waiting()
        self._show = show

    @property
    def seconds(self) -> float:
        """Since segment one began; 0 before."""
        return time.monotonic() - self.run.begun if self.run.begun else 0.0

    async def play(self, drain_seconds: float) -> Run:
        """All of it. Raises TimeoutError if the first reading doesn't end, HostError if the app does."""
        troupe, run = self.troupe, self.run
        troupe.teams.luck = self.sky.luck
        troupe.tickets.luck = self.sky.luck
        troupe.simulator.outbound.on_answer = run.answers.append
        beside = [asyncio.create_task(one) for one in (self._sample(), run.lag.watch())]
        try:
            began = time.monotonic()
            await self._while_it_lives(self._baseline())
            run.baseline_seconds = time.monotonic() - began
            run.answers.clear()
            run.begun = time.monotonic()
            await self._while_it_lives(self._segments())
            run.ended = time.monotonic()
            await self.sky.clear()
            await self._while_it_lives(self._drain(drain_seconds))
            run.drained = time.monotonic()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
        for task in beside:
            if not task.cancelled() and (fault := task.exception()) is not None:
                raise fault
        return run

    async def _while_it_lives(self, part: Coroutine[None, None, None]) -> None:
        """Play a part; single processes die and are replaced, the app as a whole must not."""
        host = self.troupe.stage.host
        playing, ended = asyncio.create_task(part), asyncio.create_task(host.ended())
        await asyncio.wait((playing, ended), return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            playing.cancel()
            raise HostError(f"the app ended with {ended.result()}:\n{host.log_text()[-3000:]}")
        ended.cancel()
        await playing

    async def _baseline(self) -> None:
        """Until the first reading has ended, people were told, and Graph calls us."""
        troupe = self.troupe

        async def told() -> bool:
            if not troupe.teams.cards:
                return False
            record = await troupe.tenant()
            held = troupe.simulator.subscriptions.live(troupe.world.now())
            return record.baseline_ended_at is not None and len(held) > 1

        end = time.monotonic() + BASELINE_SECONDS
        while not await told():
            if time.monotonic() > end:
                words = troupe.stage.host.log_text()[-3000:]
                raise TimeoutError(f"the first reading does not end; the app's last words:\n{words}")
            self._show(self)
            await asyncio.sleep(1.0)

    async def _segments(self) -> None:
        """Everything of the schedule at its time, or as soon after it as may be."""
        await asyncio.gather(self._changes(), self._storms(), self._kills(), self._watch())

    async def _until(self, at: float) -> None:
        await asyncio.sleep(max(0.0, self.run.begun + at - time.monotonic()))

    async def _changes(self) -> None:
        for number, change in enumerate(self.schedule.changes):
            await self._until(change.at)
            self.run.late = max(self.run.late, self.seconds - change.at)
            self.author.make(change)
            if number % 20 == 19:
                # The simulator shares this loop: within a burst others get their turn too.
                await asyncio.sleep(0)
        await self._until(self.schedule.size.whole)

    async def _storms(self) -> None:
        for storm in self.schedule.storms:
            await self._until(storm.at)
            await self.sky.begin(storm)
            await self._until(storm.until)
            await self.sky.calm()

    async def _kills(self) -> None:
        for kill in self.schedule.kills:
            await self._until(kill.at)
            started = self.troupe.workers.started[kill.process]
            killed = Killed(time.monotonic(), datetime.now(UTC), kill.process)
            self.run.kills.append(killed)
            self.troupe.kill(kill.process)
            while self.troupe.workers.started[kill.process] == started:
                await asyncio.sleep(0.2)
                self.troupe.workers.refresh()
            killed.back = time.monotonic()

    async def _watch(self) -> None:
        size = self.schedule.size
        while self.seconds < size.whole:
            killing = self.seconds < size.seconds
            self.phase = "segment one: a process is killed now and then" if killing else "segment two: memory"
            self.waiting = await self._waiting()
            self._show(self)
            await asyncio.sleep(1.0)

    async def _drain(self, seconds: float) -> None:
        """Wait until nothing waits, twice in a row; once only hand-overs do, the clock goes forward."""
        self.phase = "calm: until nothing waits any more"
        began = time.monotonic()
        # One round may have begun before the faults ended.
        rounds = await rounds_of_delta(self.troupe) + 2
        calm = 0
        while calm < 2:
            passed = time.monotonic() - began
            self.waiting = await self._waiting(rounds)
            calm = 0 if self.waiting.anything else calm + 1
            if not self.waiting.anything or passed > seconds:
                self.run.left = self.waiting
            if passed > seconds:
                break
            if self.waiting.only_handovers and not self.run.forwarded:
                await self.sky.forward(CLOCK_FORWARD)
                self.run.forwarded = True
            self._show(self)
            await asyncio.sleep(2.0)

    async def _waiting(self, rounds: int | None = None) -> Waiting:
        """What waits now. What could not be looked at in time may be anything: it is not nothing."""
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                return await waiting(self.troupe, rounds)
        except TimeoutError:
            return Waiting({f"look that took longer than {LOOK_SECONDS:g} s": 1})

    async def _sample(self) -> None:
        while True:
            self.run.samples += self.troupe.look(time.monotonic())
            self.run.modes.update(self.troupe.simulator.outbound.endpoints.modes.values())
            await asyncio.sleep(SAMPLE_SECONDS)
