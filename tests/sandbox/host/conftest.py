"""Fixtures of the host's tests: the fixture app's settings, and a look into its queues."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from azure.storage.queue.aio import QueueServiceClient

from tests.sandbox.host.support import Queues


@pytest.fixture
def settings(storage_account: str) -> dict[str, str]:
    """Settings of the fixture app on an empty storage account; its timer hardly ever fires."""
    return {
        "PARCEL_STORAGE": storage_account,
        "AzureWebJobsStorage": storage_account,
        "PARCELS": "parcels",
        "COUNT_AT": "0 0 0 1 1 *",
    }


@pytest_asyncio.fixture
async def queues(storage_account: str) -> AsyncIterator[Queues]:
    async with QueueServiceClient.from_connection_string(storage_account) as service:
        yield Queues(service)
