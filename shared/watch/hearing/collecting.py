"""Single events, joined: what many events tell within a second is asked for in few messages.

Graph's own calls bring up to hundreds of changes at once, Event Grid calls once for each. Asked for one by
one, 1,000 changes would be 1,000 reads of Graph and 1,000 writes of the ledger, twice over with the second
looks; in batches of 20 they are 50. So events go to a queue of their own, `heard`, and whoever takes one
waits a moment and takes along whatever else has come. Nothing is lost by it: a message leaves the queue only
after what it says stands in a message of `changed-users`.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from shared import following
from shared.following import about
from shared.watch.messages import HEARD, BadMessage, Changed, GivenUp, put_on_at, read_changed, write_changed

if TYPE_CHECKING:
    from shared.storage.queues import Received
    from shared.watch.parts import Watch

log = logging.getLogger("watch.collecting")

GATHER = 1.0
"""Seconds that whoever takes the first event waits for more."""
MOST = 2_000
"""So many further messages are taken along at once; more are for the next round."""
LONGEST = 2.0
"""Seconds that this may take: where events keep coming, the first must not wait for the last."""

_A_TIME = 32
_HIDDEN = 60
"""Seconds that messages taken along stay hidden: if this process dies they come back."""
_DELETES = 16
_GIVEN_UP = "the round was given up: the queue tries again"


class Collector:
    """Joins what the messages of one process tell. Its methods belong to one event loop."""

    def __init__(self, gather: float = GATHER) -> None:
        self._gather = gather
        self._waiting: list[tuple[Changed, asyncio.Future[None]]] = []
        self._round: asyncio.Task[None] | None = None

    async def take(self, watch: "Watch", heard: Changed, inserted: datetime | None = None) -> None:
        """Have the users or groups of this message looked at, together with others.

        `inserted`: when the queue took it. Returns once a message of `changed-users` names them. Raises what
        storage raises: the queue then tries the message again. Raises `BadMessage` for one that no event has
        caused.
        """
        event = _event(heard, inserted)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((event, done))
        if self._round is None or self._round.done():
            self._round = asyncio.create_task(self._rounds(watch))
        await done

    async def _rounds(self, watch: "Watch") -> None:
        try:
            while self._waiting:
                await self._one_round(watch)
        finally:
            # Whoever waits must not wait for ever: this ends with some waiting only if it is given up.
            left, self._waiting = self._waiting, []
            _end(left, GivenUp(_GIVEN_UP))

    async def _one_round(self, watch: "Watch") -> None:
        await asyncio.sleep(self._gather)
        # What is joined goes on as a call of its own; the record says which it joins.
        following.begin("collect")
        taken, self._waiting = self._waiting, []
        try:
            await _ask(watch, [heard for heard, _ in taken])
        except Exception as problem:
            _end(taken, problem)
        except asyncio.CancelledError:
            _end(taken, GivenUp(_GIVEN_UP))
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # It was something further down that was given up: the next round begins as ever.
        else:
            _end(taken, None)


def _end(taken: Sequence[tuple[Changed, asyncio.Future[None]]], problem: Exception | None) -> None:
    for _, done in taken:
        if done.done():
            continue
        if problem is None:
            done.set_result(None)
        else:
            done.set_exception(problem)


async def _ask(watch: "Watch", heard: Sequence[Changed]) -> None:
    along, received = await _taken_along(watch)
    for text in joined([*heard, *along]):
        await watch.storage.changed_users.send(text)
    await _delete(watch, received)
    calls = dict.fromkeys(one.call for one in (*heard, *along) if one.call)
    log.info("%d events joined", len(heard) + len(received), extra=about(joined=calls))


async def _taken_along(watch: "Watch") -> tuple[list[Changed], list["Received"]]:
    """What else has come. What can't be read is left: the host hands it over by itself, and puts it aside."""
    along: list[Changed] = []
    received: list[Received] = []
    until = asyncio.get_running_loop().time() + LONGEST
    while len(received) < MOST and asyncio.get_running_loop().time() < until:
        messages = await watch.storage.heard.receive(_A_TIME, _HIDDEN)
        for message in messages:
            try:
                along.append(_event(read_changed(message.text), message.inserted_on))
            except BadMessage:
                continue
            received.append(message)
        if not messages:
            break
    return along, received


async def _delete(watch: "Watch", received: Sequence["Received"]) -> None:
    gate = asyncio.Semaphore(_DELETES)

    async def delete(message: "Received") -> None:
        async with gate:
            await watch.storage.heard.delete(message)

    await asyncio.gather(*(delete(message) for message in received))


def joined(heard: Sequence[Changed]) -> list[str]:
    """Messages of `changed-users` for all that these name, each once.

    They ask for a look since the latest of them, and count as told of then: whoever was read before that,
    though after an earlier one, is read again.
    """
    if not heard:
        return []
    users = dict.fromkeys(one for message in heard for one in message.users)
    groups = dict.fromkeys(one for message in heard for one in message.groups)
    at = max(message.at for message in heard)
    return write_changed(at, users=list(users), groups=list(groups), since=at)


def _event(heard: Changed, inserted: datetime | None) -> Changed:
    """What an event told, as of when the queue took it. Raises `BadMessage` for what no event has caused."""
    if heard.why != HEARD or heard.look != 1 or heard.since is not None:
        raise BadMessage("heard: wants what an event told, looked at for the first time")
    return put_on_at(heard, inserted)
