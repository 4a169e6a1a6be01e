"""What of the ledger can't be read keeps back the cards that need it, and no others. On real storage."""

from collections.abc import AsyncIterator

import pytest

from shared.ledger.manifest import Paths
from shared.ledger.shards import shard_of
from shared.notify.memory import TableUnreadable
from shared.storage import Storage, StorageSettings
from tests.ledger.readings import UNCOVERED, after, reading, user_id
from tests.notify.bench import Bench

pytestmark = pytest.mark.real


async def a_large_tenant() -> int:
    return 100_000


@pytest.fixture
async def begun(storage_account: str) -> AsyncIterator[Bench]:
    """A tenant of several shards whose first card is told."""
    storage = Storage.connect(StorageSettings(connection_string=storage_account))
    await storage.ensure()
    bench = Bench(storage)
    await bench.ledger.manifest(a_large_tenant)
    await bench.ends_baseline(0)
    await bench.tells(10)
    bench.teams.titles.clear()
    bench.teams.payloads.clear()
    yield bench
    await storage.close()


async def shard_path(bench: Bench, user: int) -> tuple[str, str]:
    """The name of a user's shard, and its path in storage."""
    manifest = await bench.ledger.manifest()
    assert manifest is not None
    name = shard_of(user_id(user), manifest.shards)
    return name, Paths(manifest).book(name)


async def breaks(bench: Bench, user: int, name: str) -> None:
    outcome = await bench.ledger.commit_users(
        (await shard_path(bench, user))[0], [reading(user, UNCOVERED, seen=20, name=name)], after(20)
    )
    assert not outcome.refused


async def test_a_card_whose_names_can_not_be_read_waits_and_the_others_are_told_once(begun: Bench) -> None:
    people = {1: "Ada Lovelace", 2: "Grace Hopper", 3: "Mary Kenneth Keller"}
    for user, name in people.items():
        await breaks(begun, user, name)
    shards = {user: await shard_path(begun, user) for user in people}
    assert len(set(shards.values())) == len(people)
    broken = shards[2][1]
    stored = await begun.storage.ledger.read(broken)
    assert stored is not None
    await begun.storage.ledger.put(broken, b"not a shard", gzip=False)

    for run in range(10):
        begun.restarted()
        await begun.tells(1000 + 60 * run)
    assert [begun.teams.text.count(name) > 0 for name in people.values()] == [True, False, True]
    assert len(begun.teams.titles) == 2
    well = await begun.notifier.health(after(1700))
    assert "names-unread" in well.problems[0]

    await begun.storage.ledger.put(broken, stored.data)
    begun.restarted()
    await begun.tells(3000)
    assert len(begun.teams.titles) == 3
    assert "Grace Hopper" in begun.teams.text
    assert (await begun.notifier.health(after(3010))).problems == ()


async def test_a_table_that_can_not_be_read_ends_the_telling_until_it_is_deleted(begun: Bench) -> None:
    await breaks(begun, 1, "Ada Lovelace")
    await begun.tells(1000)
    manifest = await begun.ledger.manifest()
    assert manifest is not None
    path = f"{manifest.tenant_id}/{manifest.epoch}/telling"
    await begun.storage.ledger.put(path, b"not a table")
    begun.restarted()
    with pytest.raises(TableUnreadable):
        await begun.tells(1060)
    begun.teams.titles.clear()
    await begun.storage.ledger.delete(path)
    await begun.tells(1120)
    assert begun.teams.titles == ["The first reading is done: 2 users read"]
    assert "Ada Lovelace" in begun.teams.text
