"""What can't be processed is put aside, and the watch says so of itself."""

from typing import Any

import aiohttp
import pytest

from tests.stories.theatre import Theatre, theatre

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


async def health(play: Theatre, *, key: str = "") -> tuple[int, dict[str, Any]]:
    headers = {"X-Watch-Key": key} if key else {}
    async with (
        aiohttp.ClientSession(trust_env=False) as session,
        session.get(f"{play.stage.host.url}/api/health", headers=headers) as answer,
    ):
        return answer.status, await answer.json()


async def test_an_unreadable_message_ends_in_poison_and_health_says_so(storage_account: str) -> None:
    async with theatre(storage_account) as play:
        await play.baseline()
        key = play.stage.environment["LOCAL_KEY"]
        assert await health(play) == (200, {"status": "ok"})
        await play.storage.changed_users.send("this is no message of ours")
        await play.until("the message is put aside", lambda: _poisoned(play))
        await play.until("that is noted", lambda: _unwell(play))
        status, anyone = await health(play)
        assert (status, anyone) == (503, {"status": "unwell"})
        _, detail = await health(play, key=key)
        assert detail["poison"] == {"changed-users-poison": 1, "sweeps-poison": 0, "heard-poison": 0}
        assert any("changed-users-poison" in problem for problem in detail["problems"])
        status, guessed = await health(play, key="x" * len(key))
        assert (status, list(guessed)) == (403, ["error"])


async def _poisoned(play: Theatre) -> bool:
    return await play.storage.poison("changed-users").length() == 1


async def _unwell(play: Theatre) -> bool:
    return (await health(play))[0] == 503
