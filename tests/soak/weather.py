"""Storms over Graph, storage, the receivers and the clock: begun and ended as the schedule says."""

import random
from collections import Counter
from collections.abc import Mapping

import msgspec

from sandbox.graph.faults import Fault
from sandbox.graph.rates import Rates
from sandbox.graph.simulator import Simulator
from sandbox.misfortune import Misfortune
from tests.soak.clock import AppClock
from tests.soak.schedule import CLOCK_JUMPS, Storm
from tests.soak.storage_front import StorageFront, Weather

TROUBLED = Rates(
    notification_latency=(0.05, 0.5),
    loss_rate=0.1,
    duplicate_rate=0.1,
    late_rate=0.05,
    late_by=(1.0, 60.0),
    out_of_order_rate=0.1,
    licensing_delay=(0.1, 5.0),
    replication_delay=1.0,
    read_lag=0.2,
    index_lag=1.0,
    report_takes_top=True,
    report_page_size=999,
    delta_lag=1.0,
    delta_replay_rate=0.05,
    delta_shuffle=True,
)
"""Of the notifications one in ten is lost, one in ten comes twice, one in ten out of order, one in twenty
late; readers, filters and delta lag. This holds all the time until the faults end."""

RECEIVERS = (
    (0.3, Misfortune("429", 429, retry_after="2")),
    (0.1, Misfortune("503", 503, retry_after="1")),
    (0.1, Misfortune("500", 500)),
    (0.1, Misfortune("500, and taken", 500, taken=True)),
    (0.1, Misfortune("answer lost", taken=True)),
    (0.05, Misfortune("hung, and taken", taken=True, seconds=17.0)),
)
"""What befalls messages to Teams and the webhook in a storm, by share; the rest is well. The app waits 15
seconds for an answer."""

STORAGE_REFUSES = Weather(refuse=0.05, stale=0.05, taken=0.1)
STORAGE_LOSES = Weather(lose=0.05, hang=0.01)
SLOW_SECONDS = 1.5
_ENDLESS = 10**9


class Sky:
    """Lets storms come and go. `met` counts what befell messages to the receivers."""

    def __init__(self, simulator: Simulator, front: StorageFront, clock: AppClock, seed: int) -> None:
        self._simulator = simulator
        self._front = front
        self._clock = clock
        self._dice = random.Random(f"receivers {seed}")
        self._seed = seed
        self._receivers_storm = False
        self.met: Counter[str] = Counter()
        self.kind = ""

    def luck(self) -> Misfortune | None:
        """What befalls the next message to a receiver: each once before one comes again, as messages in a
        storm are few."""
        shares = [share for share, _ in RECEIVERS]
        if not self._receivers_storm or self._dice.random() >= sum(shares):
            return None
        unmet = [one for one in RECEIVERS if not self.met[one[1].name]]
        some = unmet or RECEIVERS
        met = self._dice.choices([one for _, one in some], [share for share, _ in some])[0]
        self.met[met.name] += 1
        return met

    async def begin(self, storm: Storm) -> None:
        """The storm breaks."""
        self.kind = storm.kind
        match storm.kind:
            case "graph-429":
                self._graph(throttle_rate=0.3, retry_after_rate=0.7)
            case "graph-503":
                self._graph(fault_rate=0.3, fault_kinds=("503",))
            case "graph-broken":
                self._graph(fault_rate=0.15, fault_kinds=("504", "hang", "reset", "lost-answer", "truncate"))
            case "graph-slow":
                self._simulator.faults.put(Fault(kind="delay", seconds=SLOW_SECONDS, count=_ENDLESS))
            case "storage-refuses":
                await self._front.weather(msgspec.structs.replace(STORAGE_REFUSES, seed=self._seed))
            case "storage-loses":
                await self._front.weather(msgspec.structs.replace(STORAGE_LOSES, seed=self._seed))
            case "teams":
                self._receivers_storm = True
            case "clock-forward":
                self._clock.set(CLOCK_JUMPS[0])
            case "clock-back":
                self._clock.set(CLOCK_JUMPS[1])

    async def calm(self) -> None:
        """The storm is over, whichever it was."""
        self.kind = ""
        self._graph(throttle_rate=0.0, retry_after_rate=1.0, fault_rate=0.0)
        self._simulator.faults.clear()
        await self._front.weather(Weather())
        self._receivers_storm = False
        self._clock.set(0.0)
        self._clock.forwarded = 0.0

    async def forward(self, seconds: float) -> None:
        """Let the time go forward for the app, by storage's clock as by its own."""
        # In this order: who hears storage first would put its own clock forward besides.
        self._clock.forwarded = seconds
        self._clock.set(seconds)
        await self._front.weather(Weather(ahead=seconds))

    async def clear(self) -> None:
        """All faults end, those that are always there too: replays of delta would keep it going for ever."""
        await self.calm()
        self._graph(loss_rate=0.0, duplicate_rate=0.0, late_rate=0.0, out_of_order_rate=0.0)
        self._graph(delta_replay_rate=0.0, delta_shuffle=False)

    def _graph(self, **rates: object) -> None:
        world = self._simulator.world
        merged: Mapping[str, object] = msgspec.to_builtins(world.rates) | rates
        world.rates = msgspec.convert(merged, Rates)
