"""The storage account: its containers, its queues, how to connect to it."""

import asyncio
import logging
from collections.abc import Awaitable, Coroutine
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from shared.clocks import StorageClock
from shared.settings import StorageSettings
from shared.storage.blobs import Container
from shared.storage.codes import code
from shared.storage.queues import Queue

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.core.pipeline import PipelineRequest, PipelineResponse
    from azure.storage.blob.aio import BlobServiceClient
    from azure.storage.queue.aio import QueueServiceClient

CONTAINERS = ("ledger", "alerts", "evidence")
QUEUES = ("changed-users", "sweeps", "journal", "heard")

_OPTIONS: dict[str, Any] = {
    # About 20 seconds in all: an outage that lasts is the queue's business, not a held invocation's.
    "initial_backoff": 1,
    "increment_base": 2,
    "retry_total": 4,
    "random_jitter_range": 1,
    "connection_timeout": 5,
    "read_timeout": 30,
}


class Storage:
    """The account's containers and queues that the watch uses (design §5)."""

    def __init__(
        self,
        blobs: "BlobServiceClient",
        queues: "QueueServiceClient",
        credential: "AsyncTokenCredential | None",
    ) -> None:
        self._blobs = blobs
        self._queues = queues
        self._credential = credential
        self.ledger, self.alerts, self.evidence = (
            Container(blobs.get_container_client(name)) for name in CONTAINERS
        )
        self.changed_users, self.sweeps, self.journal, self.heard = (self.queue(name) for name in QUEUES)

    @classmethod
    def connect(
        cls,
        settings: StorageSettings,
        credential: "AsyncTokenCredential | None" = None,
        clock: StorageClock | None = None,
    ) -> "Storage":
        """Clients for the account of the settings; nothing is sent yet. Close it after use.

        `credential`: who asks, where that is not the app's managed identity; a connection string needs none.
        `clock`: what is to learn from every answer what time it is.
        """
        from azure.storage.blob.aio import BlobServiceClient
        from azure.storage.queue.aio import QueueServiceClient

        _quiet()
        options = {**_OPTIONS, "use_env_settings": _names_a_proxy(), **(_listening(clock) if clock else {})}
        if settings.connection_string:
            text = settings.connection_string
            blobs = BlobServiceClient.from_connection_string(text, **options)
            return cls(blobs, QueueServiceClient.from_connection_string(text, **options), None)
        credential = credential or _identity(settings.client_id)
        return cls(
            BlobServiceClient(settings.blob_uri, credential, **options),
            QueueServiceClient(settings.queue_uri, credential=credential, **options),
            credential,
        )

    def queue(self, name: str) -> Queue:
        """The queue of that name."""
        return Queue(self._queues.get_queue_client(name))

    def poison(self, name: str) -> Queue:
        """Where the Functions host puts what a queue's function could not process."""
        return self.queue(f"{name}-poison")

    async def ensure(self) -> None:
        """Create every container and queue that is not there yet."""
        queues = [*QUEUES, *(f"{name}-poison" for name in QUEUES)]
        wanted: list[Coroutine[Any, Any, None]] = [
            _unless_there(self._blobs.get_container_client(name).create_container()) for name in CONTAINERS
        ]
        wanted += [_unless_there(self._queues.get_queue_client(name).create_queue()) for name in queues]
        await asyncio.gather(*wanted)

    async def absent(self) -> tuple[str, ...]:
        """The containers and queues that are not there, by name; those for poison come with the first use."""
        from azure.core.exceptions import ResourceNotFoundError

        missing = [name for name in CONTAINERS if not await self._blobs.get_container_client(name).exists()]
        for name in QUEUES:
            try:
                await self._queues.get_queue_client(name).get_queue_properties()
            except ResourceNotFoundError:
                missing.append(name)
        return tuple(missing)

    async def clock(self) -> datetime | None:
        """The service's time, to the second, as it answers; None where it does not say."""
        dates: list[str] = []
        client = self._blobs.get_container_client(CONTAINERS[0])
        await client.exists(
            raw_response_hook=lambda seen: dates.append(seen.http_response.headers.get("Date", ""))
        )
        return read_date(dates[-1]) if dates else None

    async def close(self) -> None:
        """Close the connections."""
        async with AsyncExitStack() as stack:
            for part in (self._credential, self._blobs, self._queues):
                if part is not None:
                    stack.push_async_callback(part.close)


def read_date(text: str) -> datetime | None:
    """The time of an HTTP header `Date`, in UTC; None where it is none."""
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def _listening(clock: StorageClock) -> dict[str, Any]:
    """The clients' hooks around every try of a request that tell the clock what storage says."""

    def sent(request: "PipelineRequest[Any]") -> None:
        request.context["sent"] = clock.own()

    def received(response: "PipelineResponse[Any, Any]") -> None:
        said = read_date(response.http_response.headers.get("Date", ""))
        if said is not None:
            clock.answered(said, response.context["sent"], clock.own())

    return {"raw_request_hook": sent, "raw_response_hook": received}


async def _unless_there(creation: Awaitable[object]) -> None:
    from azure.core.exceptions import ResourceExistsError

    try:
        await creation
    except ResourceExistsError as error:
        if code(error) not in ("ContainerAlreadyExists", "QueueAlreadyExists"):
            raise


def _identity(client_id: str) -> "AsyncTokenCredential":
    from azure.identity.aio import ManagedIdentityCredential

    return ManagedIdentityCredential(client_id=client_id) if client_id else ManagedIdentityCredential()


def _names_a_proxy() -> bool:
    """Whether the environment names a proxy. Only then is it worth asking it again for every request.

    The transport does so in two threads each time, for a proxy and for a password in ~/.netrc, which takes
    more CPU than all the rest of a request. (And such a password would not go with our own authorization.)
    """
    from urllib.request import getproxies

    return any(scheme != "no" for scheme in getproxies())


def _quiet() -> None:
    """One request is a dozen lines of log at INFO; keep to warnings unless someone set a level on purpose."""
    for name in ("azure.core.pipeline.policies.http_logging_policy", "azure.identity"):
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.WARNING)
