"""Rows about 1,000 changed users who arrive in one call of Graph: what Graph and the ledger are asked for."""

import re
import statistics

import aiohttp
import msgspec

from benchmarks.budgets import row
from benchmarks.process import Failed, answer_of, cpu_seconds
from benchmarks.rows import Row
from benchmarks.spent import Spent
from benchmarks.theatre import RATES, YEARLY, Playing, playing
from sandbox.azurite import Azurite
from sandbox.graph.notices import notice
from sandbox.graph.records import Change
from sandbox.graph.tenant import generate
from sandbox.storage_proxy import StorageProxy
from shared.ledger.shards import shard_of

USERS, CHANGED, ROUNDS = 20_000, 1000, 3
ONE_BY_ONE = 300
"""So many users are read each by a GET of its own."""

QUIET = 3.0
"""Seconds without a write to the ledger after which nothing more comes of a change."""

_BOOK = re.compile(r"^ledger/.*/(users/([0-9a-f]{4})|tenant)$")


async def rows() -> list[Row]:
    """Graph requests, ledger writes and CPU until 1,000 changed users have been looked at once."""
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
        users = [user.id for user in world.users.values() if user.account_enabled]
        rounds = []
        for n in range(ROUNDS + 1):
            some = users[n * CHANGED : (n + 1) * CHANGED]
            for user_id in some:
                world.update_user(user_id, account_enabled=False)
            rounds.append(await _round(play, proxy, some))
        await play.stage.host.stop()
        asked = play.stage.graph.simulator.requests
        asked.clear()
        each = msgspec.json.decode(
            await answer_of(["-m", "benchmarks.typed", "one", str(ONE_BY_ONE)], play.stage.environment),
            type=Spent,
        )
        # One request gave the ids.
        alone = sum(asked.values()) - 1
    return _rows(rounds, each, alone)


class _Round(msgspec.Struct, frozen=True):
    """What 1,000 changed users cost. `asked`: requests by name, `items`: what batches among them carried.

    `written`: shards by name, once for each writing; `shards`: how many hold one of the users. CPU seconds.
    """

    asked: dict[str, int]
    items: int
    written: list[str]
    shards: int
    cpu: float


async def _round(play: Playing, proxy: StorageProxy, users: list[str]) -> _Round:
    """Tell of a change of these users in one call and wait until all of it is done."""
    simulator = play.stage.graph.simulator
    simulator.requests.clear()
    simulator.items.clear()
    passed, before = len(proxy.passed), cpu_seconds(play.pid)
    await _post(play, users)

    async def looked_at() -> bool:
        records = await play.ledger.user_records(users)
        return all(record.disabled_seen for record in records.values())

    def books() -> list[str]:
        puts = [_BOOK.search(one.target) for one in proxy.passed[passed:] if one.method == "PUT"]
        return [found[2] or "tenant" for found in puts if found]

    await play.until("all have been looked at", looked_at, 120, every=1.0)
    # What was committed is still published, and the ledger told so.
    known = -1

    async def quiet() -> bool:
        nonlocal known
        known, was = len(books()), known
        return known == was

    await play.until("the ledger is left alone", quiet, 120, every=QUIET)
    cpu = cpu_seconds(play.pid) - before
    manifest = await play.ledger.manifest()
    if manifest is None or not (written := books()):
        raise Failed("no writing of the ledger was seen though users were judged")
    shards = len({shard_of(one, manifest.shards) for one in users})
    return _Round(dict(simulator.requests), simulator.items.total(), written, shards, cpu)


def _rows(rounds: list[_Round], each: Spent, alone: int) -> list[Row]:
    most = max(rounds, key=lambda one: sum(one.asked.values()))
    writes = max(rounds, key=lambda one: len(one.written))
    # What the first has to import and to compile is no change's cost.
    spent = statistics.median(one.cpu for one in rounds[1:]) / CHANGED
    return [
        row(
            "change-requests",
            sum(most.asked.values()),
            f"most of {len(rounds)} rounds: "
            + ", ".join(f"{count} {name}" for name, count in sorted(most.asked.items()))
            + f"; {most.items:,} reads in the batches",
            changed=f"{CHANGED:,}",
        ),
        row("change-requests-each", alone / each.users * CHANGED, f"{alone} for {each.users} users"),
        row(
            "change-writes",
            len(writes.written),
            f"most of {len(rounds)} rounds; {writes.shards} shards touched",
            most=2 * writes.shards + 10,
        ),
        row("change-cpu", spent * 1000, "with some seconds of waiting", times=ROUNDS),
        row("change-cpu-each", each.each * 1000, f"{each.users} users"),
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
