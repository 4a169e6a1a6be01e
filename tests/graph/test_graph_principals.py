"""What an application is granted, read from the simulator by the SDK's own requests."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from sandbox.graph.principals import assignment_id
from sandbox.graph.rates import Rates
from sandbox.graph.server import Running, serve
from sandbox.graph.tenant import generate
from shared.graph.errors import Forbidden
from shared.graph.principals import granted
from shared.graph.session import GraphSession
from shared.settings import GraphSettings

pytestmark = pytest.mark.real


@pytest.fixture
async def running(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    """A tenant whose application may read applications."""
    async with await serve(generate(40, rates=Rates(replication_delay=0.0))) as graph:
        graph.world.roles |= {"Application.Read.All"}
        for name, value in graph.environment.items():
            monkeypatch.setenv(name, value)
        yield graph


@pytest.fixture
async def session(running: Running) -> AsyncIterator[GraphSession]:
    settings = GraphSettings(
        base_url=running.graph_url, tenant_id=running.world.organization.id, client_id=running.world.app_id
    )
    made = GraphSession(settings)
    yield made
    await made.aclose()


async def test_grants_are_named_and_have_the_id_that_takes_them_away(
    running: Running, session: GraphSession
) -> None:
    found = await granted(session, running.world.app_id)
    assert found is not None
    assert {one.permission for one in found.grants} == running.world.roles
    [one] = [one for one in found.grants if one.permission == "User.Read.All"]
    assert one.id == assignment_id(running.world, "User.Read.All")


async def test_several_that_ask_at_once_each_get_their_own_answer(
    running: Running, session: GraphSession
) -> None:
    stranger = running.world.organization.id
    asked = [running.world.app_id, stranger] * 6
    answers = await asyncio.gather(*(granted(session, app) for app in asked))
    assert [answer is not None for answer in answers] == [True, False] * 6


async def test_an_application_that_may_not_read_applications_is_refused(
    running: Running, session: GraphSession
) -> None:
    running.world.roles -= {"Application.Read.All"}
    with pytest.raises(Forbidden):
        await granted(session, running.world.app_id)
