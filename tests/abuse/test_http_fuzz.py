"""Schemathesis at the running app: every answer is one that the file states, and nothing has moved."""

import asyncio
from pathlib import Path

import pytest

from sandbox.azurite import Azurite
from tests.abuse.door import door
from tests.abuse.http_fuzz import Seen, run

EXAMPLES = 6
"""Of each route and way in `make test`; `make fuzz` takes far more."""


def test_an_answer_of_a_fault_is_one_whatever_the_file_states_but_of_health() -> None:
    seen = Seen()
    seen.statuses.update(
        [("GET", "/report", 503), ("GET", "/health", 503), ("GET", "/report", 200), ("POST", "/x", 500)]
    )
    assert seen.fallen() == [("GET", "/report", 503), ("POST", "/x", 500)]


@pytest.mark.real
@pytest.mark.timeout(180)
async def test_whatever_is_called_answers_are_as_stated_and_nothing_moves(
    azurite: Azurite, tmp_path: Path
) -> None:
    seen = Seen()
    async with door(azurite.new_account(), tmp_path / "host.log") as watch:
        before = await watch.blobs()
        for headers in ({"X-Watch-Key": watch.key}, {}, {"X-Watch-Key": "guessed"}):
            await asyncio.to_thread(run, watch.url, headers, EXAMPLES, seen)
        assert await watch.blobs() == before
        assert await watch.queued() == []
        assert not (await watch.counted())["accepted"]
        odd = watch.odd_lines()
    assert odd == []
    assert seen.unstated() == []
    assert seen.fallen() == []
    assert seen.calls > 15 * EXAMPLES
    assert {200, 202, 400, 401, 403} <= seen.by_status.keys()
    assert seen.longest < 10


@pytest.mark.real
@pytest.mark.timeout(180)
async def test_before_anything_was_read_answers_are_as_stated_and_nothing_is_made(
    azurite: Azurite, tmp_path: Path
) -> None:
    seen = Seen()
    async with door(azurite.new_account(), tmp_path / "host.log", users=0) as watch:
        before = await watch.blobs()
        for path in ("report", "report.csv", "report.json", "report/rows"):
            await asyncio.to_thread(_ask, f"{watch.url}/{path}", watch.key, seen, f"/{path}")
        assert await watch.blobs() == before == {}
        odd = watch.odd_lines()
    assert odd == []
    assert seen.by_status == {503: 4}
    assert seen.unstated() == []


def _ask(url: str, key: str, seen: Seen, path: str) -> None:
    import requests

    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(url, headers={"X-Watch-Key": key}, timeout=20)
        seen.statuses["GET", path, answer.status_code] += 1
