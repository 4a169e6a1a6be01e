"""Messages that wait at the same time, worked on together: a shard is then written once for all of them.

Writing a shard of the ledger costs the same for one user as for fifty. While little happens each message is
worked on as it comes; what comes while others are being worked on is gathered, up to `MOST` users at a time.
Each message stays on the queue until its own users are done. Where some of them can't be read only the
messages that name them fail; where the whole round fails, all of its messages do.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from shared import following
from shared.following import about
from shared.spread import IDS_A_MESSAGE
from shared.watch.messages import Changed, GivenUp

if TYPE_CHECKING:
    from shared.watch.parts import Watch

log = logging.getLogger("watch.joining")

MOST = IDS_A_MESSAGE
"""Users that are worked on together: no more than a single message may name."""
FEW = 100
"""A message of more users is not joined: it fills the shards that it touches by itself."""
ROUNDS, SINGLE = 4, 12
"""So many rounds go on at a time, and so many messages by themselves: one that waits for Graph must not hold
up all others, nor all together take more memory than the smallest instance has."""
GATHER = 0.02
"""Seconds before a round takes what waits: the host hands over what it took from the queue one by one."""
JOINED_UNTIL = 2
"""A message that is tried for more than the second time is worked on by itself, lest it make others fail."""
PATIENCE = 240.0
"""Seconds that a message waits for its turn before the queue takes it back: the wait counts against
functionTimeout (host.json) too, after which the host ends this process with all that goes on in it."""
_NO_TURN = f"its turn did not come within {PATIENCE:g} seconds"


class _Waiting(NamedTuple):
    message: Changed
    begun: asyncio.Future[None]
    done: asyncio.Future[None]


class Joiner:
    """Joins the messages of one process. Its methods belong to one event loop."""

    def __init__(self, gather: float = GATHER) -> None:
        self._gather = gather
        self._waiting: list[_Waiting] = []
        self._rounds: set[asyncio.Task[None]] = set()
        self._gathering = False
        self._single = asyncio.Semaphore(SINGLE)

    async def take(self, watch: "Watch", message: Changed, tries: int = 1) -> None:
        """Have the users of this message looked at, perhaps together with those of others.

        Returns once its own are done. Raises `GivenUp`, or what `evaluate_users` raises: the queue then tries
        the message again. `tries`: how often it was handed over, this time included.
        """
        if tries > JOINED_UNTIL or len(message.users) > FEW:
            await self.by_itself(partial(_evaluate, watch, [message]))
            return
        loop = asyncio.get_running_loop()
        one = _Waiting(message, loop.create_future(), loop.create_future())
        self._waiting.append(one)
        self._begin(watch)
        try:
            async with asyncio.timeout(PATIENCE):
                await one.begun
        except TimeoutError:
            if self._taken_back(one):
                raise GivenUp(_NO_TURN) from None
        except asyncio.CancelledError:
            if not self._taken_back(one):
                # A round has it already, and what becomes of that is nobody's news any more.
                one.done.cancel()
            raise
        await one.done

    def _taken_back(self, one: _Waiting) -> bool:
        """Take a message back out of what waits; False if a round has it already."""
        waits = one in self._waiting
        if waits:
            self._waiting.remove(one)
        return waits

    async def by_itself(self, job: Callable[[], Awaitable[None]]) -> None:
        """Have this done when it is its turn, few such at a time. Raises `GivenUp` if that doesn't come."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._single.acquire()
        except TimeoutError:
            raise GivenUp(_NO_TURN) from None
        try:
            await job()
        finally:
            self._single.release()

    def _begin(self, watch: "Watch") -> None:
        """Begin a round if something waits and none is about to take it."""
        if self._waiting and not self._gathering and len(self._rounds) < ROUNDS:
            self._gathering = True
            task = asyncio.create_task(self._round(watch))
            self._rounds.add(task)
            task.add_done_callback(lambda ended: self._ended(watch, ended))

    def _ended(self, watch: "Watch", task: asyncio.Task[None]) -> None:
        self._rounds.discard(task)
        if not task.cancelled():
            self._begin(watch)

    async def _round(self, watch: "Watch") -> None:
        try:
            await asyncio.sleep(self._gather)
        finally:
            self._gathering = False
        if not self._waiting:
            # Whoever waited went back to the queue meanwhile.
            return
        taken = self._take_alike()
        self._begin(watch)
        try:
            await _evaluate(watch, [one.message for one in taken])
        except Exception as problem:
            _end(taken, problem)
        except asyncio.CancelledError:
            # Whoever waits must not wait for ever.
            _end(taken, GivenUp("the round was given up: the queue tries again"))
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # It was something further down that was given up: the next round begins as ever.
        else:
            _end(taken, None)

    def _take_alike(self) -> list[_Waiting]:
        """The first that waits, and all others that ask for the same look and find room beside it."""
        first = self._waiting[0].message
        taken, left, users = list[_Waiting](), list[_Waiting](), 0
        for one in self._waiting:
            alike = (one.message.why, one.message.look) == (first.why, first.look)
            if alike and users + len(one.message.users) <= MOST:
                taken.append(one)
                if not one.begun.done():
                    one.begun.set_result(None)
                users += len(one.message.users)
            else:
                left.append(one)
        self._waiting = left
        return taken


async def _evaluate(watch: "Watch", messages: Sequence[Changed]) -> None:
    from shared.watch.users.evaluation import evaluate_users

    if len(messages) == 1:
        following.begin("evaluate", messages[0].call)
    else:
        following.begin("evaluate")
        calls = dict.fromkeys(one.call for one in messages if one.call)
        log.info("%d messages are worked on together", len(messages), extra=about(joined=calls))
    await evaluate_users(watch, *messages)


def _end(taken: Sequence[_Waiting], problem: Exception | None) -> None:
    from shared.watch.users.evaluation import Incomplete

    for one in taken:
        if one.done.done():
            continue
        spared = isinstance(problem, Incomplete) and problem.users.isdisjoint(one.message.users)
        if problem is None or spared:
            one.done.set_result(None)
        else:
            one.done.set_exception(problem)
