"""Fixtures of the Graph room."""

from collections.abc import AsyncIterator

import pytest

from tests.graph.stub_graph import Bench, bench


@pytest.fixture
async def at_bench() -> AsyncIterator[Bench]:
    """A session against a stub."""
    async with bench() as made:
        yield made
