"""What the host's tests share: where the fixture app lies, and a look into queues."""

import asyncio
import base64
import contextlib
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.queue.aio import QueueServiceClient

PARCELS = Path(__file__).parent / "apps" / "parcels"
PATIENCE = 20.0


class Queues:
    """Looks into the queues of one account as a test needs it."""

    def __init__(self, service: QueueServiceClient) -> None:
        self._service = service

    async def texts(self, queue: str) -> list[str]:
        """Texts of up to 32 visible messages, decoded where they are base64; the messages stay."""
        try:
            found = await self._service.get_queue_client(queue).peek_messages(32)
        except ResourceNotFoundError:
            return []
        return [_decoded(str(message.content)) for message in found]

    async def wait_for(self, queue: str, enough: Callable[[list[str]], bool]) -> list[str]:
        """Texts of a queue once they are as wished; fails when they don't become so."""
        deadline = time.monotonic() + PATIENCE
        while not enough(found := await self.texts(queue)):
            assert time.monotonic() < deadline, f"{queue} holds {found}"
            await asyncio.sleep(0.05)
        return found

    async def send(self, queue: str, text: str) -> None:
        """Adds a message as the host would write it."""
        await self.send_raw(queue, base64.b64encode(text.encode()).decode())

    async def send_raw(self, queue: str, stored: str) -> None:
        """Adds a message as it is."""
        client = self._service.get_queue_client(queue)
        try:
            await client.send_message(stored)
        except ResourceNotFoundError:
            with contextlib.suppress(ResourceExistsError):
                await client.create_queue()
            await client.send_message(stored)

    async def is_empty(self, queue: str) -> bool:
        """Whether no message is left, not even an invisible one."""
        properties = await self._service.get_queue_client(queue).get_queue_properties()
        return properties.approximate_message_count == 0


def _decoded(content: str) -> str:
    try:
        return base64.b64decode(content, validate=True).decode()
    except ValueError:
        return content


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Waits until a condition holds; fails when it doesn't come to hold."""
    deadline = time.monotonic() + PATIENCE
    while not await condition():
        assert time.monotonic() < deadline, "it didn't come to hold"
        await asyncio.sleep(0.05)
