"""Fixtures that every room's tests may use, and what holds for all of them."""

import contextlib
import functools
import os
import tempfile
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from sandbox.azurite import Azurite
from sandbox.cards.browser import BrowserMissing
from sandbox.cards.drawing import CardBrowser
from sandbox.graph import seen
from sandbox.storage_proxy import StorageProxy
from shared.ledger import outbox
from shared.storage import Storage, StorageSettings
from shared.texts.catalogue import Catalogue, catalogue, languages
from tests.journal_contract import Inspector
from tools.graph_calls import beyond

# What takes long is for `make bench` to say: an example that a busy machine is slow with breaks no promise.
settings.register_profile(
    "watch", parent=settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("watch")

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


@pytest.fixture
async def proxy(storage_account: str) -> AsyncIterator[StorageProxy]:
    """The same account behind a proxy that a test can tell to delay, fail or lose a request."""
    async with StorageProxy(storage_account) as proxy:
        yield proxy


@pytest.fixture
async def storage(storage_account: str) -> AsyncIterator[Storage]:
    """That account with its containers and queues, not through the proxy."""
    storage = Storage.connect(StorageSettings(connection_string=storage_account))
    await storage.ensure()
    yield storage
    await storage.close()


@pytest.fixture(params=languages())
def texts(request: pytest.FixtureRequest) -> Catalogue:
    """The words of each language in turn."""
    return catalogue(request.param)


INSPECTOR = Inspector()


@pytest.fixture(scope="session", autouse=True)
def inspected_journal() -> Iterator[Inspector]:
    """Every line that anything in this process publishes is held against docs/journal.schema.json."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outbox, "write_lines", INSPECTOR.write_lines)
        yield INSPECTOR


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """A line against the schema fails its test, even where the watch would go on after an error."""
    yield
    INSPECTOR.settle()


def pytest_configure(config: pytest.Config) -> None:
    """All processes of this run note in one folder what the product asks of Graph; `make test` names it."""
    if not _is_worker(config) and seen.FOLDER not in os.environ:
        folder = tempfile.TemporaryDirectory(prefix="graph-calls-")
        config.add_cleanup(folder.cleanup)
        os.environ[seen.FOLDER] = folder.name
        config.add_cleanup(functools.partial(os.environ.__delitem__, seen.FOLDER))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A call that the table of permissions doesn't list fails the run, even where each test is content."""
    if not _is_worker(session.config) and _beyond():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name those calls."""
    for name in _beyond():
        terminalreporter.write_line(f"asked of Graph, but not in its table of permissions: {name}", red=True)


def _beyond() -> list[str]:
    return beyond(seen.noted(Path(os.environ[seen.FOLDER])))


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


@pytest.fixture(scope="session")
def card_browser() -> Iterator[CardBrowser]:
    """One browser for the session (for each worker under xdist) that draws cards."""
    with contextlib.ExitStack() as stack:
        try:
            browser = stack.enter_context(CardBrowser())
        except BrowserMissing as missing:
            pytest.fail(str(missing), pytrace=False)
        yield browser
