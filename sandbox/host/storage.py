"""The host's own clients for queues and its status blobs, one per connection."""

import base64
import binascii
import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from sandbox.host import appsettings
from sandbox.host.errors import HostError

# One quick retry: a laptop's storage answers at once or is gone, and a caller of an HTTP function is waiting.
RETRY: dict[str, Any] = {
    "retry_total": 1,
    "initial_backoff": 1,
    "increment_base": 0,
    "random_jitter_range": 0,
}
# Azure Storage refuses longer messages, counted as they are stored.
LONGEST_MESSAGE = 64 * 1024

# Told the name of each queue that was written to, so that a listener of this host can look at once.
Wake = Callable[[str], None]


class Connections:
    """Clients for the storage accounts that bindings name; closed together."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._queues: dict[str, QueueServiceClient] = {}
        self._blobs: BlobServiceClient | None = None

    def queue(self, connection: str, name: str, what: str) -> QueueClient:
        """Client of one queue. Raises HostError when the connection isn't set; `what` says who asks."""
        text = appsettings.connection_string(connection, self._environ, what)
        if text not in self._queues:
            with _readable(what):
                self._queues[text] = QueueServiceClient.from_connection_string(text, **RETRY)
        return self._queues[text].get_queue_client(name)

    def host_blobs(self) -> BlobServiceClient | None:
        """Blobs of the host's own account; None when that account isn't set."""
        if self._blobs is None and self._environ.get(appsettings.HOST_CONNECTION):
            with _readable(appsettings.HOST_CONNECTION):
                self._blobs = BlobServiceClient.from_connection_string(
                    self._environ[appsettings.HOST_CONNECTION], **RETRY
                )
        return self._blobs

    async def close(self) -> None:
        """Close every client."""
        for client in self._queues.values():
            await client.close()
        if self._blobs is not None:
            await self._blobs.close()


async def send(queue: QueueClient, stored: str) -> None:
    """Add a message as it is to be stored, creating the queue if there is none yet."""
    try:
        await queue.send_message(stored)
    except ResourceNotFoundError:
        with contextlib.suppress(ResourceExistsError):
            await queue.create_queue()
        await queue.send_message(stored)


def encode(text: str, as_base64: bool) -> str:
    """A message's text as it is stored."""
    return base64.b64encode(text.encode("utf-8")).decode("ascii") if as_base64 else text


def decode(stored: str, as_base64: bool) -> str | None:
    """A stored message's text; None when it isn't encoded as host.json says."""
    if not as_base64:
        return stored
    try:
        return base64.b64decode(stored, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None


@contextlib.contextmanager
def _readable(what: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise HostError(f"{what}: its connection string can't be read: {error}") from None
