"""Graph's budget for an app and tenant: a reading of all users asks for no more than others leave over."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from sandbox.graph import throttle
from sandbox.graph.permissions import BUCKETS, match
from sandbox.graph.wire import Caller, GraphFault
from shared.graph import users as graph_users
from shared.graph.retry import Room
from shared.watch.users import sweep
from tests.watch.scene import Scene, sweep_of

pytestmark = pytest.mark.real

LIMIT, WINDOW = 30.0, 1.0
"""A tenth of the seconds of the real window, so that a test has several."""


@pytest.fixture
def small_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty units a second for the whole directory, and pages of one user."""
    monkeypatch.setitem(BUCKETS, "identity", (LIMIT, WINDOW))
    monkeypatch.setattr(throttle, "IDENTITY_SIZES", ())
    monkeypatch.setattr(graph_users, "PAGE", 1)


@contextlib.asynccontextmanager
async def others(scene: Scene, share: float) -> AsyncIterator[Callable[[], int]]:
    """Workers who look at changed users and take this share of the budget; how often they were refused."""
    found = match("GET", "/users/x")
    assert found is not None
    simulator, refused = scene.running.simulator, 0

    async def ask() -> None:
        nonlocal refused
        holder = Caller(scene.world.app_id, frozenset())
        while True:
            at = asyncio.get_running_loop().time()
            try:
                simulator.throttle.charge(found[0], share * LIMIT / 10, at, 1000, holder, "tenant")
            except GraphFault:
                refused += 1
            await asyncio.sleep(WINDOW / 10)

    task = asyncio.create_task(ask())
    try:
        yield lambda: refused
    finally:
        task.cancel()


@pytest.mark.parametrize("share", [0.0, 0.6])
async def test_a_sweep_asks_for_no_more_than_the_budget_leaves_over(
    known: Scene, small_budget: None, share: float
) -> None:
    watch, simulator = known.watch, known.running.simulator
    graph = watch.graph
    graph.room = Room(WINDOW, asyncio.get_running_loop().time, asyncio.sleep)
    await sweep.start_again(watch, "tests")
    async with others(known, share) as refused:
        await asyncio.sleep(WINDOW)
        simulator.throttle.most["identity"] = 0.0
        simulator.statuses.clear()
        await known.run_sweep()
        assert refused() == 0
    stands = await sweep_of(watch)
    assert (stands.phase, stands.users, stands.pages) == ("ended", 60, 60)
    # Sixty pages at once would be twice as many units as there are.
    assert simulator.statuses["429"] == 0
    assert 0.5 < simulator.throttle.most["identity"] <= 1
