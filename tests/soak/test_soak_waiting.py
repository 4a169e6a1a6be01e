"""The end of a soak: what could not be looked at in time doesn't pass for nothing."""

import asyncio
from typing import Any

import pytest

from tests.soak import run
from tests.soak.drain import Waiting
from tests.soak.run import Soak


async def test_a_look_that_takes_too_long_is_something_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object) -> Waiting:
        await asyncio.sleep(60)
        return Waiting()

    monkeypatch.setattr(run, "waiting", never)
    monkeypatch.setattr(run, "LOOK_SECONDS", 0.01)
    soak: Any = object.__new__(Soak)
    soak.troupe = None
    found = await Soak._waiting(soak)
    assert found.anything
    assert not found.only_handovers
