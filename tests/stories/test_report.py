"""The report on the real host: refused without the key, answered with it, and no secret told anywhere."""

import asyncio
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox.graph.tenant import generate
from sandbox.stage import BASE_PORT, QUICK_RATES, STORY, Stage
from tests.docs.test_report_page import LINES
from tests.watch.test_access import principal

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

ADDRESS = f"http://127.0.0.1:{BASE_PORT}"
ROUTES = ("report", "report.csv", "report.json", "report/rows", "report/user?id={id}")


async def test_the_report_is_shown_to_whoever_has_the_key_and_to_nobody_else(
    storage_account: str, tmp_path: Path
) -> None:
    world, log = generate(60, rates=QUICK_RATES), tmp_path / "host.log"
    async with Stage(world, storage=storage_account, settings=STORY, log_path=log) as stage:
        await stage.teams.wait_for(1, 60)
        key = stage.environment["LOCAL_KEY"]
        somebody = world.cast["synced_with_ems"]
        addresses = [f"{stage.host.url}/api/{route.format(id=somebody)}" for route in ROUTES]
        async with aiohttp.ClientSession(trust_env=False) as session:
            for address in addresses:
                for headers, status in (
                    ({}, 401),
                    (principal(("roles", "Watch.Read")), 401),
                    ({"X-Watch-Key": "x" * len(key)}, 403),
                    ({"X-Watch-Key": key}, 200),
                ):
                    async with session.get(address, headers=headers) as answer:
                        said = await answer.text()
                        assert answer.status == status, (address, headers, said)
                        assert answer.headers["Cache-Control"] == "no-store"
                        assert answer.headers["X-Content-Type-Options"] == "nosniff"
                        assert key not in said
                        if status != 200:
                            assert len(said.splitlines()) == 1
            browser = {"Authorization": aiohttp.encode_basic_auth("anyone", key)}
            async with session.get(addresses[0], headers=browser) as answer:
                page = await answer.text()
                assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
                assert "script-src 'sha256-" in answer.headers["Content-Security-Policy"]
                assert world.organization.display_name in page
            async with session.get(addresses[2], headers=browser) as answer:
                document: dict[str, Any] = await answer.json()
                assert document["report"]["users"] == len(world.users)
                assert document["report"]["health"] == []
            async with session.get(f"{addresses[3]}?size=2&page=1", headers=browser) as answer:
                assert len((await answer.json())["rows"]) == 2
            async with session.get(addresses[1], headers=browser) as answer:
                assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
                assert (await answer.read()).startswith(b"\xef\xbb\xbf")
        for line in LINES:
            assert ADDRESS in line
            answered = await asyncio.to_thread(
                subprocess.run,
                ["sh", "-c", f"{line.replace(ADDRESS, stage.host.url)} --silent --fail --noproxy '*'"],
                env={**os.environ, "KEY": key},
                capture_output=True,
                check=True,
            )
            assert answered.stdout
        cards = json.dumps([posted.card for posted in stage.teams.cards])
        secrets = (key, stage.environment["CLIENT_STATE"], stage.teams.url)
    told = cards + log.read_text()
    assert len(cards) > 100
    for secret in secrets:
        assert secret not in told
    assert not re.search(r"[?&](code|sig|sv|se|key)=", told)
