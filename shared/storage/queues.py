"""Queues of text messages, base64 as the Functions host writes and expects them."""

import base64
import binascii
import math
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from shared.storage.codes import code

if TYPE_CHECKING:
    from azure.storage.queue.aio import QueueClient

_NEVER_EXPIRES = -1
_LONGEST_DELAY = 7 * 24 * 3600
"""Seconds that the service lets a message stay hidden at most (Put Message, visibilitytimeout)."""


class Received(msgspec.Struct, frozen=True):
    """A queue message taken for a while. `text` is as it came where it is not base64 of UTF-8; `inserted_on`
    is when the queue service took it."""

    text: str
    id: str
    pop_receipt: str
    dequeue_count: int
    inserted_on: datetime | None


class Queue:
    """Text messages, base64 as the Functions host writes and expects them."""

    def __init__(self, client: "QueueClient") -> None:
        self._client = client

    async def send(self, text: str, delay: float = 0.0) -> None:
        """Add a message that is first seen after `delay` seconds (rounded up), a week at most. It never
        expires."""
        body = base64.b64encode(text.encode()).decode()
        hidden = min(math.ceil(delay), _LONGEST_DELAY)
        await self._client.send_message(body, visibility_timeout=hidden, time_to_live=_NEVER_EXPIRES)

    async def receive(self, n: int = 32, hidden: int = 30) -> list[Received]:
        """Take up to `n` (at most 32) messages; others don't see them for `hidden` seconds."""
        messages = self._client.receive_messages(
            messages_per_page=n, max_messages=n, visibility_timeout=hidden
        )
        return [
            Received(
                text=_text(str(one.content)),
                id=str(one.id),
                pop_receipt=str(one.pop_receipt),
                dequeue_count=int(one.dequeue_count or 0),
                inserted_on=one.inserted_on,
            )
            async for one in messages
        ]

    async def delete(self, received: Received) -> None:
        """Remove a message for good, unless someone else has taken it meanwhile: then it is theirs."""
        from azure.core.exceptions import HttpResponseError

        try:
            await self._client.delete_message(received.id, received.pop_receipt)
        except HttpResponseError as error:
            if code(error) not in ("MessageNotFound", "PopReceiptMismatch"):
                raise

    async def length(self) -> int:
        """How many messages there are, hidden ones too; approximate, as the service says it."""
        return int((await self._client.get_queue_properties()).approximate_message_count or 0)

    async def oldest(self) -> datetime | None:
        """When the first message was put there that could be taken now; None if there is none.

        It stays where it is, and its count of deliveries too.
        """
        waiting = await self._client.peek_messages(max_messages=1)
        return waiting[0].inserted_on if waiting else None


def _text(content: str) -> str:
    try:
        return base64.b64decode(content, validate=True).decode()
    except (binascii.Error, ValueError):
        return content
