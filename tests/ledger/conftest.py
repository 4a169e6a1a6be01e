"""A ledger on an account of its own, seen through the storage proxy."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

from sandbox.storage_proxy import StorageProxy
from shared.ledger.ledger import Ledger
from shared.rules.loader import load_rules
from shared.storage import Storage, StorageSettings
from tests.ledger.readings import TENANT_ID, after, one_user


@pytest.fixture
async def worker(proxy: StorageProxy) -> AsyncIterator[Callable[[], Ledger]]:
    """Makes ledgers that share nothing but storage, as workers in processes of their own do."""
    async with AsyncExitStack() as stack:
        storages: list[Storage] = []

        def make() -> Ledger:
            storage = Storage.connect(StorageSettings(connection_string=proxy.connection_string))
            stack.push_async_callback(storage.close)
            storages.append(storage)
            return Ledger(storage, TENANT_ID, load_rules(), now=lambda: after(0))

        make()
        await storages[0].ensure()
        yield make


@pytest.fixture
async def ledger(worker: Callable[[], Ledger]) -> Ledger:
    """One worker's ledger of one shard, already begun."""
    made = worker()
    await made.manifest(one_user)
    return made
