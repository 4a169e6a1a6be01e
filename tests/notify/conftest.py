"""A tenant's ledger, its notifier and Teams, on a storage account of the test's own."""

import pytest

from shared.storage import Storage
from tests.notify.bench import Bench, one_user


@pytest.fixture
async def bench(storage: Storage) -> Bench:
    """A ledger that has begun; nothing is read yet."""
    made = Bench(storage)
    await made.ledger.manifest(one_user)
    return made
