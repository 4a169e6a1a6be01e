"""A small soak with everything in it, so that the large one works when somebody wants it."""

import io

import msgspec
import pytest
from rich.console import Console

from tests.soak.__main__ import soaked
from tests.soak.report import as_json, markdown, promises, told
from tests.soak.schedule import STORMS, Size

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

SMALL = Size(users=500, seconds=36, rate=2, burst=40, burst_every=10, kill_every=9)
OF_THE_MACHINE = ("answered in 3 s", "memory grows")
"""Promises that a busy machine breaks: the standard soak judges them."""


async def test_a_small_soak_keeps_every_promise_and_says_what_it_found() -> None:
    said = io.StringIO()
    found = await soaked(Console(file=said), SMALL, seed=5, drain_seconds=420)
    report = told(found)
    broken = [one for one in promises(found) if not one.kept]
    assert [one for one in broken if not any(name in one.what for name in OF_THE_MACHINE)] == [], report
    assert sum(found.kills.values()) == 4
    assert set(found.storms) == set(STORMS)
    assert any(name.startswith("storage") for name in found.met), found.met
    assert found.judged.users > 400
    assert {one.name for one in found.uses if one.is_app} == {
        f"app: {name}" for name in ("http", "timers", "evaluate", "sweep")
    }
    assert all(one.started >= 2 for one in found.uses if one.is_app)
    assert "| promise | measured |" in markdown(found)
    assert msgspec.json.decode(as_json(found))["promises"]
    assert "segment two" in said.getvalue()
