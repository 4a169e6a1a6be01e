"""Fixtures that every room's tests may use."""

from collections.abc import Iterator

import pytest

from sandbox.azurite import Azurite
from shared.texts.catalogue import Catalogue, catalogue, languages

# Empty storage accounts of one test session; each test that asks for storage takes one.
ACCOUNTS = 4000


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    """One Azurite for the session (for each worker under xdist), in memory."""
    with Azurite(spare_accounts=ACCOUNTS) as running:
        yield running


@pytest.fixture
def storage_account(azurite: Azurite) -> str:
    """Connection string of a storage account that is empty and this test's own."""
    return azurite.new_account()


@pytest.fixture(params=languages())
def texts(request: pytest.FixtureRequest) -> Catalogue:
    """The words of each language in turn."""
    return catalogue(request.param)
