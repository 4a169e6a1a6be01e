"""Every line of curl on the sandbox's page is run, in order, on a tenant of the size that it names."""

import asyncio
import json
import re
import shlex
import subprocess
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sandbox.graph import skus
from sandbox.graph.server import Running, serve
from sandbox.graph.tenant import generate
from sandbox.stage import BASE_PORT, QUICK_RATES
from tests.docs.test_readme import PAGES

PAGE = next(page for page in PAGES if page.name == "sandbox.md").read_text()
ADDRESS = f"http://127.0.0.1:{BASE_PORT + 1}/"
ALONE = ("-q", "--noproxy", "*")
"""Whatever a person's own settings say: the tenant is on this machine."""
LINES = re.findall(r"^curl .+$|(?<=`)curl [^`]+(?=`)", PAGE, re.MULTILINE)


@pytest.fixture
async def graph() -> AsyncIterator[Running]:
    async with await serve(generate(1000, rates=QUICK_RATES)) as running:
        yield running


async def run(line: str, graph: Running) -> Any:
    """What the line is answered, sent to the tenant of the test."""
    assert ADDRESS in line, line
    words = shlex.split(line.replace(ADDRESS, f"{graph.url}/"))
    ended = await asyncio.to_thread(
        subprocess.run, [words[0], *ALONE, "--silent", "--fail", *words[1:]], capture_output=True, check=True
    )
    return json.loads(ended.stdout)


def test_the_page_names_the_port_that_the_sandbox_takes_by_itself() -> None:
    assert set(re.findall(r"http://127\.0\.0\.1:\d+/", PAGE)) == {ADDRESS}


@pytest.mark.real
@pytest.mark.timeout(60)
async def test_each_line_of_the_page_does_what_stands_beside_it(graph: Running) -> None:
    every, state, take, give, mass, revoke, grant, lose = LINES
    world = graph.world
    user = world.cast["synced_with_ems"]
    assert {one["do"] for one in (await run(every, graph))["operations"]} >= {
        "find_users",
        "get_group",
        "members",
    }
    assert (await run(state, graph))["cast"]["synced_with_ems"] == user
    await run(take, graph)
    assert set(world.assigned(world.user(user))) == {skus.O365_E3}
    await run(give, graph)
    assert set(world.assigned(world.user(user))) == {skus.O365_E3, skus.EMS_E3}
    held = world.group(world.cast["group_m365_e3"]).members
    before = len(held)
    taken = (await run(mass, graph))["users"]
    assert (len(set(taken)), before - len(held)) == (70, 70)
    before_roles = world.roles
    await run(revoke, graph)
    assert before_roles - world.roles == {"AuditLog.Read.All"}
    await run(grant, graph)
    assert world.roles == before_roles
    assert (await run(lose, graph))["loss_rate"] == 1.0
