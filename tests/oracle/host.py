"""The Functions host of a history: the app's own timers and queue functions, in this process, by a clock of
its own.

Nothing sleeps. Queue messages lie in memory with the moment from which on they are seen, a function that
fails gets its message again after `VISIBLE_AGAIN` and at the fifth failure the poison queue gets it, as
`host.json` says. Two workers take turns, and at times work on two messages at once.
"""

import asyncio
import contextlib
import heapq
import itertools
import logging
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.functions as func
from azure.core.exceptions import AzureError

from functions import evaluation, reconciliation, subscriptions
from shared.graph.errors import GraphError
from shared.ledger.books import Contended
from shared.storage import Queue
from shared.watch import parts
from shared.watch.parts import Busy, Watch
from shared.watch.users.evaluation import Incomplete
from tests.watch.scene import Clock

log = logging.getLogger("tests.oracle")

VISIBLE_AGAIN = timedelta(seconds=30)
MOST_DEQUEUES = 5
ROOMS = (reconciliation, evaluation, subscriptions)
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
TICK = timedelta(milliseconds=1)
HARMLESS = (GraphError, Incomplete, Busy, Contended, TimeoutError, AzureError)
"""What a function may raise while Graph fails: the host tries again. Anything else is the watch's fault."""

_worker: ContextVar[Watch] = ContextVar("worker")


class StoryClock(Clock):
    """Stands still but for a tick each time that it is asked: no two moments are the same."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        self.at += TICK
        return self.at

    def here(self) -> datetime:
        """The time without a tick: the simulated tenant looks at its clock for reasons of its own."""
        return self.at

    def pass_by(self, **length: float) -> None:
        self.at += timedelta(**length)

    def monotonic(self) -> float:
        """Seconds since the beginning."""
        return (self.at - START).total_seconds()

    async def sleep(self, seconds: float) -> None:
        """Let so many seconds pass at once, and others go on."""
        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0)


@dataclass(order=True, slots=True)
class Message:
    """A queue message: from when on it is seen, and how often it was taken."""

    visible_at: datetime
    number: int
    queue: str = field(compare=False)
    text: str = field(compare=False)
    taken: int = field(compare=False, default=0)


class Outgoing(Queue):
    """A worker's end of one of the host's queues."""

    def __init__(self, host: "Host", name: str) -> None:
        self._host = host
        self._name = name

    async def send(self, text: str, delay: float = 0.0) -> None:
        await asyncio.sleep(0)
        self._host.put(self._name, text, delay)


class Host:
    """Runs the functions for whichever of `workers` has its turn."""

    def __init__(self, clock: StoryClock, rng: random.Random) -> None:
        self.clock = clock
        self.workers: list[Watch] = []
        self.failures: Counter[str] = Counter()
        self.crashes: list[str] = []
        self.handled = 0
        self.time_passed: Callable[[], None] = lambda: None
        """What the world does of itself whenever the host has let time pass."""
        self._rng = rng
        self._numbers = itertools.count()
        self._messages: list[Message] = []
        self._timers: dict[str, Callable[..., Awaitable[None]]] = {}
        self._queues: dict[str, Callable[..., Awaitable[None]]] = {}
        app = func.FunctionApp()
        for room in ROOMS:
            app.register_functions(room.bp)
        for function in app.get_functions():
            trigger: Any = function.get_trigger()
            if trigger.type == "queueTrigger":
                self._queues[trigger.queue_name] = function.get_user_function()
            else:
                self._timers[str(function.get_function_name())] = function.get_user_function()

    # --- queues ------------------------------------------------------------------------------------------

    def put(self, queue: str, text: str, delay: float = 0.0) -> None:
        """Add a message that is first seen after so many seconds."""
        visible_at = self.clock.at + timedelta(seconds=delay)
        heapq.heappush(self._messages, Message(visible_at, next(self._numbers), queue, text))

    @property
    def next_due(self) -> datetime | None:
        """When the next message is seen."""
        return self._messages[0].visible_at if self._messages else None

    def waiting(self, queue: str) -> list[str]:
        """The messages of a queue, seen or not."""
        return [one.text for one in self._messages if one.queue == queue]

    async def pump(self, most: int = 2000) -> None:
        """Work on whatever is seen by now, and on what comes of it. RuntimeError if there is no end to it."""
        begun = self.handled
        while self._messages and self._messages[0].visible_at <= self.clock.at:
            if self.handled - begun > most:
                raise RuntimeError(f"more than {most} messages, and still more come of them")
            taken = [heapq.heappop(self._messages)]
            if self._rng.random() < 0.15 and self.next_due and self.next_due <= self.clock.at:
                taken.append(heapq.heappop(self._messages))
            await asyncio.gather(*(self._work_on(one) for one in taken))

    async def drain(self, most: int = 4000) -> None:
        """Work on everything there is, letting time pass to the next message whenever none is seen."""
        await self.pump(most)
        while self.next_due is not None:
            self.clock.at = max(self.clock.at, self.next_due)
            self.time_passed()
            await self.pump(most)

    async def _work_on(self, message: Message) -> None:
        self.handled += 1
        message.taken += 1
        worker = self._rng.choice(self.workers)
        body = func.QueueMessage(body=message.text)
        if await self._invoke(worker, f"queue {message.queue}", self._queues[message.queue], body):
            return
        if message.taken >= MOST_DEQUEUES:
            await worker.storage.poison(message.queue).send(message.text)
            return
        message.visible_at = self.clock.at + VISIBLE_AGAIN
        heapq.heappush(self._messages, message)

    # --- timers ------------------------------------------------------------------------------------------

    async def timers(self) -> None:
        """Every timer comes round once, in an order of chance: they share a schedule."""
        names = sorted(self._timers)
        self._rng.shuffle(names)
        for name in names:
            await self._invoke(self._rng.choice(self.workers), f"timer {name}", self._timers[name], None)

    async def _invoke(
        self, worker: Watch, name: str, function: Callable[..., Awaitable[None]], argument: object
    ) -> bool:
        """Whether the function came to its end."""
        token = _worker.set(worker)
        try:
            await function(argument)
        except HARMLESS as problem:
            self.failures[f"{name}: {type(problem).__name__} {problem}"] += 1
            return False
        except Exception as problem:
            log.exception("%s", name)
            self.crashes.append(f"{name}: {problem!r}")
            return False
        finally:
            _worker.reset(token)
        return True


async def _present() -> Watch:
    return await _worker.get().ready()


@contextlib.contextmanager
def in_process() -> Iterator[None]:
    """While it lasts the functions work with the worker whose turn it is."""
    before = parts.ready
    parts.ready = _present
    try:
        yield
    finally:
        parts.ready = before


async def all_of(records: AsyncIterator[Any]) -> list[Any]:
    """What an asynchronous iterator gives."""
    return [one async for one in records]
