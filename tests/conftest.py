"""Fixtures that every room's tests may use."""

import contextlib
from collections.abc import Iterator

import pytest

from sandbox.azurite import Azurite
from sandbox.cards.browser import BrowserMissing
from sandbox.cards.drawing import CardBrowser

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


@pytest.fixture(scope="session")
def card_browser() -> Iterator[CardBrowser]:
    """One browser for the session (for each worker under xdist) that draws cards."""
    with contextlib.ExitStack() as stack:
        try:
            browser = stack.enter_context(CardBrowser())
        except BrowserMissing as missing:
            pytest.fail(str(missing), pytrace=False)
        yield browser
