"""The watch's jobs against a simulated tenant and a storage account of each test's own."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from sandbox.graph.tenant import generate
from sandbox.storage_proxy import StorageProxy
from shared.graph import users as graph_users
from shared.watch.users import sweep_phases
from tests.watch.postbox import Postbox
from tests.watch.scene import QUICK, Clock, Scene, listening

Opener = Callable[..., Awaitable[Scene]]


@pytest.fixture
async def open_scene(storage_account: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Opener]:
    """Opens a scene with so many users and these settings over the usual ones; once in a test."""
    async with AsyncExitStack() as stack:

        async def build(users: int = 60, **settings: str) -> Scene:
            clock = Clock()
            world = generate(users, rates=QUICK, clock=clock.now)
            proxy = await stack.enter_async_context(StorageProxy(storage_account))
            scene = await stack.enter_async_context(await listening(world, clock, proxy, settings))
            for name, value in scene.running.environment.items():
                monkeypatch.setenv(name, value)
            return scene

        yield build


@pytest.fixture
async def scene(open_scene: Opener) -> Scene:
    """A tenant of 60 users that nobody has read yet; everybody is in reach and writeback is on."""
    return await open_scene()


@pytest.fixture
async def known(scene: Scene) -> Scene:
    """The same after its baseline: facts, subscriptions, every user read once, queues empty."""
    await scene.begin()
    return scene


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """One page of twenty users a step: a tenant of sixty takes three, and more with empty pages."""
    monkeypatch.setattr(sweep_phases, "PAGES_A_STEP", 1)
    monkeypatch.setattr(graph_users, "PAGE", 20)


@pytest.fixture
async def postbox() -> AsyncIterator[Postbox]:
    """The address that Graph calls."""
    async with Postbox() as box:
        yield box


@pytest.fixture
async def heard(open_scene: Opener, postbox: Postbox) -> Scene:
    """A tenant after its baseline, whose notifications come to the postbox and are verified."""
    scene = await open_scene(NOTIFICATION_BASE_URL=postbox.url)
    postbox.serve(scene)
    await scene.begin()
    return scene
