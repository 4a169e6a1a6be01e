"""Rows about 1,000 changed users who arrive in one call of Graph: what Graph and the ledger are asked for."""

import re

import aiohttp
import msgspec

from benchmarks.rows import Row
from benchmarks.theatre import RATES, YEARLY, Playing, playing
from sandbox.azurite import Azurite
from sandbox.graph.notices import notice
from sandbox.graph.records import Change
from sandbox.graph.tenant import generate
from sandbox.storage_proxy import StorageProxy

USERS, CHANGED = 20_000, 1000
_BOOK = re.compile(r"^ledger/.*/(users/([0-9a-f]{4})|tenant)$")
_CONSTANT = 10


async def rows() -> list[Row]:
    """Graph requests and ledger writes until each of the 1,000 has been looked at once."""
    world = generate(USERS, rates=RATES)
    async with (
        Azurite() as azurite,
        StorageProxy(azurite.connection_string) as proxy,
        playing(world, {"SSPR_SCOPE": "all"}, proxy.connection_string) as play,
    ):

        async def told() -> bool:
            record = await play.record()
            held = play.stage.graph.simulator.subscriptions.live(world.now())
            return record.baseline_ended_at is not None and len(held) > 1

        await play.until("the first reading ends", told, 300)
        # From here on nothing runs but what the call brings about, and only the first look.
        await play.stage.host.stop()
        play.stage.environment |= {**YEARLY, "SECOND_LOOK": "1h"}
        await play.stage.restart_host()
        # The simulator keeps it to itself: they arrive in one call of ours.
        world.rates = msgspec.structs.replace(RATES, loss_rate=1.0)
        users = [user.id for user in world.users.values() if user.account_enabled][:CHANGED]
        for user_id in users:
            world.update_user(user_id, account_enabled=False)
        simulator = play.stage.graph.simulator
        simulator.requests.clear()
        passed = len(proxy.passed)
        await _post(play, users)

        async def looked_at() -> bool:
            records = await play.ledger.user_records(users)
            return all(record.disabled_seen for record in records.values())

        await play.until("all have been looked at", looked_at, 120, every=1.0)
        asked = dict(simulator.requests)
        written = [
            found[2] or "tenant"
            for one in proxy.passed[passed:]
            if one.method == "PUT" and (found := _BOOK.search(one.target))
        ]
    shards = len({name for name in written if name != "tenant"})
    return [
        Row(
            what="Graph requests for 1,000 changed users in one call",
            measured=sum(asked.values()),
            budget=50 + _CONSTANT,
            unit="",
            note=", ".join(f"{count} {name}" for name, count in sorted(asked.items())),
        ),
        Row(
            what="ledger writes for the same",
            measured=len(written),
            budget=2 * shards + 10,
            unit="",
            note=f"{shards} shards touched",
        ),
    ]


async def _post(play: Playing, users: list[str]) -> None:
    """One call with a notification for each."""
    world = play.stage.world
    held = play.stage.graph.simulator.subscriptions.live(world.now())
    subscription = next(one for one in held if one.given_resource.strip("/").lower() == "users")
    items = [
        notice(Change("user", user_id, world.now()), subscription, world.organization.id, number)
        for number, user_id in enumerate(users)
    ]
    body = msgspec.json.encode({"value": items})
    url = f"{play.stage.host.url}/api/graph/notifications"
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as answer:
        answer.raise_for_status()
