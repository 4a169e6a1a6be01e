"""A generated tenant of 300 users, served on loopback, quick and without misfortune."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from sandbox.graph.control import Control
from sandbox.graph.rates import Rates
from sandbox.graph.server import Running, serve
from sandbox.graph.tenant import generate
from tests.sandbox.graph.calls import Calls, Endpoint

QUICK = Rates(
    notification_latency=(0.0, 0.02),
    licensing_delay=(0.0, 0.02),
    replication_delay=0.0,
    index_lag=0.0,
    batch_window=0.0,
    retry_base=0.02,
    handshake_timeout=0.5,
)


@pytest.fixture
async def graph() -> AsyncIterator[Running]:
    """The simulator, listening."""
    async with await serve(generate(300, rates=QUICK)) as running:
        yield running


@pytest.fixture
async def calls(graph: Running) -> AsyncIterator[Calls]:
    """The application's calls."""
    async with aiohttp.ClientSession() as session:
        yield Calls(graph, session)


@pytest.fixture
async def control(graph: Running) -> AsyncIterator[Control]:
    """The control API's client."""
    async with Control(graph.url) as client:
        yield client


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    """A notification endpoint of our own."""
    held = Endpoint()
    app = web.Application()
    app.router.add_post("/{tail:.*}", held.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    held.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook?code=a%2Fb"
    yield held
    await runner.cleanup()
