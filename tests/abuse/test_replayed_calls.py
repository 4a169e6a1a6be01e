"""An authentic call sent again and again, between forged ones, in a tenant whose names are attacks."""

import asyncio
import json
import os
import time

import aiohttp
import pytest
from azure.storage.queue.aio import QueueClient

from sandbox.graph.tenant import generate
from sandbox.stage import QUICK_RATES
from shared.watch.messages import read_step
from tests.abuse.door import LINE, SPOKEN, call, item
from tests.hostile import HOSTILE
from tests.stories.theatre import Theatre, theatre

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

TIMES = int(os.environ.get("WATCH_REPLAYS", "100"))
"""`make fuzz` has it a thousand times."""
AT_ONCE = 8
NEVER = "0 0 0 1 1 *"
STILL = {
    "SECOND_LOOK": "1h",
    "DELTA_EVERY": "1d",
    "RECONCILE_SCHEDULE": NEVER,
    "SUBSCRIPTIONS_SCHEDULE": NEVER,
    "FACTS_AT_MOST_EVERY": "1h",
    "FACTS_EVERY": "1h",
}
"""From the second start on nothing runs but what a call brings about, and telling."""

FAKE = "\n2026-11-23 00:00:00,000 ERROR   watch.evil: look elsewhere\r\n\x1b[31m%s%n${jndi:x}"


def suspicious(log: str) -> list[str]:
    """Lines that the host did not begin, or that hold what only a name has; tracebacks are among them."""
    return [
        line
        for line in log.split("\n")
        if line
        and (not (LINE.match(line) or SPOKEN.fullmatch(line)) or "evil" in line or not line.isprintable())
    ]


async def test_replays_leave_ledger_and_journal_as_they_were_and_graph_in_peace(
    storage_account: str,
) -> None:
    world = generate(60, rates=QUICK_RATES)
    names = [*(name for name, _ in HOSTILE.values()), FAKE]
    for user, name in zip(list(world.users.values())[:40], names * 4, strict=False):
        world.update_user(user.id, display_name=f"{user.display_name} {name}")
    async with theatre(storage_account, world=world) as play:
        await play.baseline()
        first_log = play.stage.host.log_text()
        await play.stage.restart_host(STILL)
        people = [user.id for user in list(world.users.values())[:10]]
        before = await _known(play, people)
        journal = await _journal(play)
        simulator = play.stage.graph.simulator
        simulator.requests.clear()
        secret, tenant = play.stage.environment["CLIENT_STATE"], world.organization.id
        authentic = call(*(item(secret, one, tenantId=tenant) for one in people))
        between = call(
            item("w" * 48, people[0], tenantId=tenant),
            item(secret, people[1], tenantId=people[1]),
            item(FAKE, FAKE, tenantId=tenant, changeType=FAKE, lifecycleEvent=FAKE),
        )
        longest = await _sent(play, authentic, between)
        await play.until("all replays are looked at", lambda: _nothing_waits(play, storage_account), 600)
        assert longest < 3
        # One batch names all ten; whoever was read since a replay came isn't read for it again.
        assert simulator.requests["POST /$batch"] <= TIMES
        assert sum(simulator.requests.values()) <= TIMES + 20
        assert await _known(play, people) == before
        assert await _journal(play) == journal
        calls = [read_step(text).calls for text in await _texts(storage_account, "sweeps")]
        log = first_log + play.stage.host.log_text()
        cards = json.dumps([posted.card for posted in play.stage.teams.cards])
    assert all(calls)
    assert suspicious(log) == []
    assert log.count("call taken") >= 2 * TIMES
    assert secret not in log
    assert "\\u001b" not in cards
    assert "\\u202e" not in cards


async def _sent(play: Theatre, authentic: bytes, between: bytes) -> float:
    """Send both so often; the seconds that an authentic one took at most."""
    turns, url = asyncio.Semaphore(AT_ONCE), f"{play.stage.host.url}/api/graph/notifications"
    agent = {"User-Agent": "x watch.evil: %s ${jndi:x}"}
    longest = 0.0
    async with aiohttp.ClientSession(trust_env=False) as session:

        async def send(body: bytes) -> float:
            async with turns:
                began = time.monotonic()
                async with session.post(url, data=body, headers=agent) as answer:
                    assert answer.status == 202
                return time.monotonic() - began

        for _ in range(TIMES // 100):
            took = await asyncio.gather(*(send(body) for body in [authentic, between] * 100))
            longest = max(longest, *took[::2])
    return longest


async def _known(play: Theatre, people: list[str]) -> dict[str, tuple[object, ...]]:
    """What is believed of them: verdict and findings, without when it was read."""
    records = await play.ledger.user_records(people)
    return {key: (one.verdict, one.open, one.skus) for key, one in records.items()}


async def _journal(play: Theatre) -> list[str]:
    return [one.name async for one in play.storage.alerts.names("")]


async def _nothing_waits(play: Theatre, account: str) -> bool:
    """Nor is a message being worked on, which is hidden as second looks are: by the log each has ended."""
    if await _texts(account, "changed-users"):
        return False
    said = play.stage.host.log_text()
    return said.count("Executing 'Functions.evaluate'") == said.count("Executed 'Functions.evaluate'") > 0


async def _texts(account: str, queue: str) -> list[bytes]:
    import base64

    async with QueueClient.from_connection_string(account, queue) as client:
        return [base64.b64decode(str(one.content)) for one in await client.peek_messages(32)]
