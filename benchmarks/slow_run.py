"""The notification endpoint while evaluation has more to do than it can: one run, split as Flex or not."""

import asyncio
import contextlib
import itertools
import re
import sys
import time
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from azure.storage.queue.aio import QueueClient

from benchmarks.process import ROOT, Failed, cpu_seconds
from benchmarks.slow_driver import Answered, Driven, Plan
from benchmarks.theatre import RATES, Playing, playing
from sandbox.azurite import Azurite
from sandbox.graph.endpoints import Endpoints
from sandbox.graph.notices import notice
from sandbox.graph.records import Change
from sandbox.graph.tenant import generate
from sandbox.host.storage import encode, send
from shared.watch.messages import write_changed

USERS = 20_000
MIX = [(1, 0.85), (20, 0.12), (400, 0.02), (1000, 0.01)]
"""Notifications in a call, and which share of the calls has so many: 21 on average."""

SETTINGS = {
    "SSPR_SCOPE": "all",
    # Each look is a first one: what the second would add comes hours after the run.
    "SECOND_LOOK": "6h",
    "AzureFunctionsJobHost__extensions__queues__maxPollingInterval": "00:00:00.500",
}

_WORKER = re.compile(r"^HOST WORKER (\S+) (\d+) ", re.MULTILINE)
_INVOKED = re.compile(r"Executed 'Functions\.graph_notifications' \(\w+, Id=\S+, Duration=(\d+)ms\)")
_LOOKED_AT = "GET /users/{id}"
_FULL = 32
"""Messages that can be seen at least: the queue service shows no more at once."""
_USERS_A_MESSAGE = 200
_DEEPEST = 500
"""Messages. Each that Azurite holds makes it slower at giving one out (3,000: 26 ms of CPU, 6,000: 73), which
Azure's queues are not; beyond these the queue is emptied and filled anew."""

_LOOK_EVERY = 0.5
_CHANGES_A_SECOND = 5
WARM = 8.0
"""Seconds in which evaluation comes into its stride."""


@dataclass(frozen=True)
class Run:
    """What a run came to. `seconds` of the clock; `cpu`: cores' worth of CPU by process, and of the machine.

    `full`: which share of the looks at the queue found messages waiting. `looked_at`: users read from Graph
    and judged a second. `inside`: milliseconds of each invocation, the function and its writes to the queue.
    `modes`: how the simulator treats the endpoint after its own notifications, and how
    it would after the driver's calls.
    """

    answers: list[Answered]
    seconds: float
    looked_at: float
    full: float
    cpu: dict[str, float]
    inside: list[int]
    modes: tuple[str, str]


async def run(calls: int, rate: float, *, split: bool, users: int = USERS, warm: float = WARM) -> Run:
    """Read a tenant of so many users once, fill the queue, and make the calls while it stays full.

    Raises `Failed` if the app does not get that far, and what keeps the sandbox from starting.
    """
    world = generate(users, rates=RATES)
    async with Azurite() as azurite, playing(world, SETTINGS, azurite.connection_string, split=split) as play:
        await _settled(play)
        names = {**_processes(play), "storage": azurite.pid}
        simulator = play.stage.graph.simulator
        async with _full(play) as looks, _changes(play):
            await asyncio.sleep(warm)
            looks.clear()
            before = {name: cpu_seconds(pid) for name, pid in names.items()}
            looked, graph, busy = simulator.items[_LOOKED_AT], time.process_time(), _busy()
            begun, said = time.monotonic(), len(play.stage.host.log_text())
            driven = await _drive(_plan(play, calls, rate))
            seconds = time.monotonic() - begun
            cpu = {name: (cpu_seconds(pid) - before[name]) / seconds for name, pid in names.items()}
            cpu |= {
                "simulated Graph": (time.process_time() - graph) / seconds,
                "driver": driven.cpu / seconds,
                "whole machine": (_busy() - busy) / seconds,
            }
            return Run(
                answers=driven.answers,
                seconds=seconds,
                looked_at=(simulator.items[_LOOKED_AT] - looked) / seconds,
                full=sum(looks) / len(looks) if looks else 0.0,
                cpu=cpu,
                inside=_inside(play.stage.host.log_text()[said:]),
                modes=(
                    simulator.outbound.endpoints.modes.get(play.stage.host.url.partition("//")[2], "unheard"),
                    judged(driven.answers, rate),
                ),
            )


def judged(answers: list[Answered], rate: float) -> str:
    """How Graph would treat an endpoint that answers so (graph.md §3.2), the worst that it came to."""
    endpoints, worst = Endpoints(), "well"
    for number, one in enumerate(answers):
        endpoints.answered("http://endpoint", number / rate, one.seconds, RATES)
        mode = endpoints.modes["endpoint"]
        worst = mode if mode == "drop" or worst == "well" else worst
    return worst


async def _settled(play: Playing) -> None:
    """Everybody was read once, and Graph notifies."""

    async def settled() -> bool:
        sweep = (await play.record()).sweep
        simulator = play.stage.graph.simulator
        held = len(simulator.subscriptions.live(play.stage.world.now()))
        return sweep is not None and sweep.ended_at is not None and held > 1

    await play.until("the first reading ends", settled, 600, every=0.5)


def _processes(play: Playing) -> dict[str, int]:
    """The app's processes by name."""
    workers = {name: int(pid) for name, pid in _WORKER.findall(play.stage.host.log_text())}
    return workers or {"app": play.pid}


def _inside(words: str) -> list[int]:
    return sorted(int(one) for one in _INVOKED.findall(words))


def _plan(play: Playing, calls: int, rate: float) -> Plan:
    world = play.stage.world
    held = play.stage.graph.simulator.subscriptions.live(world.now())
    subscription = next(one for one in held if one.given_resource.strip("/").lower() == "users")
    items = [
        msgspec.json.encode(
            notice(Change("user", user_id, world.now()), subscription, world.organization.id, number)
        ).decode()
        for number, user_id in enumerate(world.users)
    ]
    url = f"{play.stage.host.url}/api/graph/notifications"
    return Plan(url=url, items=items, calls=calls, rate=rate, mix=MIX)


async def _drive(plan: Plan) -> Driven:
    """The calls, from a process of their own. Raises `Failed` with its words."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.slow_driver",
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        told, said = await process.communicate(msgspec.json.encode(plan))
    except BaseException:
        if process.returncode is None:
            process.kill()
        raise
    if process.returncode:
        raise Failed(f"the driver ended with {process.returncode}:\n{said.decode()}")
    return msgspec.json.decode(told, type=Driven)


@contextlib.asynccontextmanager
async def _full(play: Playing) -> AsyncIterator[list[bool]]:
    """Keep `changed-users` full; yields whether something waited at each look."""
    users = itertools.cycle(list(play.stage.world.users))
    looks: list[bool] = []
    async with QueueClient.from_connection_string(play.stage.storage, "changed-users") as queue:

        async def fill() -> None:
            while True:
                waiting = len(await queue.peek_messages(max_messages=_FULL))
                looks.append(waiting > 0)
                held = (await queue.get_queue_properties()).approximate_message_count or 0
                if held > _DEEPEST:
                    await queue.clear_messages()
                    waiting = 0
                # Of what is filled in, nobody is looked at a second time.
                told = itertools.islice(users, (_FULL - waiting) * _USERS_A_MESSAGE // 2)
                for message in write_changed(datetime.now(UTC), users=list(told), look=2):
                    await send(queue, encode(message, as_base64=True))
                await asyncio.sleep(_LOOK_EVERY)

        async with _beside(fill()):
            yield looks


@contextlib.asynccontextmanager
async def _changes(play: Playing) -> AsyncIterator[None]:
    """Users change, and the simulator notifies of it by itself."""
    world = play.stage.world

    async def change() -> None:
        for number, user_id in enumerate(itertools.cycle(list(world.users))):
            world.update_user(user_id, display_name=f"Somebody {number}")
            await asyncio.sleep(1 / _CHANGES_A_SECOND)

    async with _beside(change()):
        yield


@contextlib.asynccontextmanager
async def _beside(job: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """The job runs meanwhile; if it failed, that is raised at the end."""
    task = asyncio.create_task(job)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _busy() -> float:
    """CPU seconds of the whole machine so far, idle ones left out (proc(5), /proc/stat)."""
    ticks = [int(one) for one in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / 100
