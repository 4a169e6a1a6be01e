"""Queue triggers: polling, retries, poison queue, as the storage extension does them.

Microsoft's page "Azure Queue storage trigger": a batch is fetched when the messages being worked on are down
to newBatchThreshold; polling backs off from 100 ms to maxPollingInterval; a message whose function failed
comes back after visibilityTimeout; after maxDequeueCount tries, or when it can't be decoded, it goes to
`<queue>-poison`.
"""

import asyncio
import logging
import math
import random
from datetime import UTC, datetime

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

from sandbox.host import triggers
from sandbox.host.hostjson import QueueOptions
from sandbox.host.invoker import Invoker
from sandbox.host.runtime import Function
from sandbox.host.storage import decode, send

SHORTEST_WAIT = 0.1
STORAGE_TROUBLE = (AzureError, OSError, TimeoutError)

log = logging.getLogger("sandbox.host")


class QueueListener:
    """Feeds one queue to one function.

    `lease` (seconds) is how long a message stays invisible if this process dies over it; it is renewed at
    half-time while the function runs. The Azure host takes 10 minutes.
    """

    def __init__(
        self,
        function: Function,
        queue: QueueClient,
        poison: QueueClient,
        options: QueueOptions,
        invoker: Invoker,
        lease: int,
    ) -> None:
        self.function = function
        self.queue_name = queue.queue_name
        self._queue = queue
        self._poison = poison
        self._options = options
        self._invoker = invoker
        self._lease = lease
        self._running: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()

    @property
    def running(self) -> frozenset[asyncio.Task[None]]:
        """Messages being worked on."""
        return frozenset(self._running)

    def wake(self) -> None:
        """Poll at once: a function of this host has just written to the queue."""
        self._woken.set()

    async def listen(self) -> None:
        """Poll until cancelled. Messages already taken go on being worked on after that."""
        wait = SHORTEST_WAIT
        while True:
            await self._room()
            self._woken.clear()
            taken = await self._take()
            for message in taken:
                task = asyncio.create_task(self._work(message), name=f"{self.function.name} {message.id}")
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            if taken:
                wait = SHORTEST_WAIT
                continue
            if await _set_within(self._woken, wait):
                wait = SHORTEST_WAIT
            else:
                wait = min(wait * random.uniform(1.8, 2.2), self._options.max_polling_interval)

    async def _room(self) -> None:
        while len(self._running) > self._options.new_batch_threshold:
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)

    async def _take(self) -> list[QueueMessage]:
        size = self._options.batch_size
        try:
            pager = self._queue.receive_messages(
                messages_per_page=size, max_messages=size, visibility_timeout=self._lease
            )
            return [message async for message in pager]
        except ResourceNotFoundError:
            return []  # nobody has written to it yet
        except STORAGE_TROUBLE as error:
            log.warning("Queue %s can't be read: %s", self.queue_name, type(error).__name__)
            return []

    async def _work(self, message: QueueMessage) -> None:
        try:
            text = decode(str(message.content), self._options.base64)
            tries = message.dequeue_count or 1
            if text is None:
                log.error("Message %s of %s isn't base64 text: moved to poison", message.id, self.queue_name)
                await self._to_poison(message)
            elif tries > self._options.max_dequeue_count:  # its earlier tries ended with their process
                await self._to_poison(message)
            elif await self._invoke(message, text, tries):
                await self._delete(message)
            elif tries >= self._options.max_dequeue_count:
                await self._to_poison(message)
            else:
                await self._hide(message, math.ceil(self._options.visibility_timeout))
                if self._options.visibility_timeout == 0:
                    self.wake()
        except STORAGE_TROUBLE as error:
            # The message comes back when its invisibility ends: at least once is all that a queue promises.
            log.error("Message %s of %s: %s", message.id, self.queue_name, type(error).__name__)

    async def _invoke(self, message: QueueMessage, text: str, tries: int) -> bool:
        datum, metadata = triggers.queue_data(
            triggers.Message(
                id=message.id,
                text=text,
                dequeue_count=tries,
                pop_receipt=message.pop_receipt or "",
                inserted=_utc(message.inserted_on),
                expires=_utc(message.expires_on),
                next_visible=_utc(message.next_visible_on),
            )
        )
        ended = asyncio.Event()
        renewing = asyncio.create_task(self._renew(message, ended))
        try:
            reason = f"New queue message detected on '{self.queue_name}'."
            outcome = await self._invoker.invoke(self.function, reason, datum, metadata)
        finally:
            # Not cancelled: a renewal cut off half-way would leave us with a receipt that no longer holds.
            ended.set()
            await renewing
        if not outcome.ok:
            why = ((outcome.error or "").strip() or "it doesn't say why").splitlines()
            log.warning("Message %s of %s failed, try %d: %s", message.id, self.queue_name, tries, why[-1])
        return outcome.ok

    async def _renew(self, message: QueueMessage, ended: asyncio.Event) -> None:
        while not await _set_within(ended, self._lease / 2):
            try:
                await self._hide(message, self._lease)
            except STORAGE_TROUBLE as error:
                log.warning("Message %s can't be kept invisible: %s", message.id, type(error).__name__)

    async def _hide(self, message: QueueMessage, seconds: int) -> None:
        # By id and receipt, not by message: the SDK would write the content back otherwise.
        updated = await self._queue.update_message(
            message.id, message.pop_receipt, visibility_timeout=seconds
        )
        message.pop_receipt = updated.pop_receipt

    async def _delete(self, message: QueueMessage) -> None:
        try:
            await self._queue.delete_message(message.id, message.pop_receipt)
        except ResourceNotFoundError:
            log.warning("Message %s of %s was already gone", message.id, self.queue_name)

    async def _to_poison(self, message: QueueMessage) -> None:
        await send(self._poison, str(message.content))
        await self._delete(message)
        log.error("Message %s moved to queue %s", message.id, self._poison.queue_name)


def _utc(moment: datetime | None) -> datetime:
    return moment or datetime.now(UTC)


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
