"""A thousand changes told one by one cost Graph hardly more than a thousand told in one call."""

import asyncio

import pytest

from sandbox.graph.tenant import generate
from sandbox.stage import QUICK_RATES, STORY, Stage
from sandbox.waiting import until
from shared.ledger.ledger import Ledger
from shared.rules.loader import load_rules
from shared.storage import Storage, StorageSettings
from shared.watch.hearing.collecting import GATHER

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

CHANGED = 1_000
BATCH = "POST /$batch"
# Nobody else may read users meanwhile: no delta, no second looks, no facts.
ALONE = dict.fromkeys(("DELTA_EVERY", "SECOND_LOOK", "FACTS_EVERY", "FACTS_AT_MOST_EVERY"), "1h")


async def test_a_thousand_events_are_read_in_batches(storage_account: str) -> None:
    world = generate(1_200, rates=QUICK_RATES)
    settings = {**STORY, **ALONE, "DELIVERY": "eventgrid"}
    async with Stage(world, storage=storage_account, settings=settings) as stage:
        await stage.teams.wait_for(1, 60)
        storage = Storage.connect(StorageSettings(connection_string=storage_account))
        ledger = Ledger(storage, world.organization.id, load_rules())

        async def listening() -> bool:
            topics = (await stage.control.state())["topics"]
            return any(one["routes"].get("watch", {}).get("state") == "Succeeded" for one in topics)

        await until("the topic is open", listening, 30)
        before = await stage.control.state()
        users = world.user_order[:CHANGED]
        since = stage.graph.world.now()
        enabled = {user: not world.users[user].account_enabled for user in users}
        await asyncio.gather(*(stage.control.set_enabled(user, enabled[user]) for user in users))

        async def all_read() -> bool:
            records = await ledger.user_records(users)
            return all(record.observed_at > since for record in records.values())

        await until("everybody is read", all_read, 120)
        took = (stage.graph.world.now() - since).total_seconds()
        after = await stage.control.state()
        await storage.close()
    batches = after["requests"][BATCH] - before["requests"].get(BATCH, 0)
    print(f"{CHANGED} events: {batches} batches, read within {took:.1f} s")
    assert after["deliveries"]["delivered"] - before["deliveries"]["delivered"] >= CHANGED
    # 50 full batches, and one that is not full for each second in which something came.
    assert batches <= CHANGED / 20 + took / GATHER + 5
