"""The packaged app at work with Graph's calls; `make real` tells all stories on it by Event Grid."""

import aiohttp
import pytest

from sandbox.graph import skus
from sandbox.stage import APP
from tests.stories.test_report import ROUTES
from tests.stories.theatre import theatre
from tools.package.build import Places

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


async def test_a_change_becomes_a_card_and_the_report_is_shown_by_the_package(
    package: Places, storage_account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCH_APP", str(package.app.relative_to(APP)))
    # Only a call of Graph can tell of the change in time: no delta query is due.
    async with theatre(storage_account, {"DELIVERY": "webhook", "DELTA_EVERY": "1h"}) as play:
        stage = play.stage
        assert stage.app == package.app
        await play.baseline()
        user = stage.world.cast["synced_with_ems"]
        await stage.control.unassign(user, skus.EMS_E3)
        await play.until("the card", lambda: play.told("S7"), 60)
        headers = {"X-Watch-Key": stage.environment["LOCAL_KEY"]}
        async with aiohttp.ClientSession(stage.host.url, trust_env=False, headers=headers) as session:
            for route in (*ROUTES, "health"):
                async with session.get(f"/api/{route.format(id=user)}") as answer:
                    assert answer.status == 200, (route, await answer.text())
        assert "Serving 'Functions.graph_notifications'" in stage.host.log_text()
