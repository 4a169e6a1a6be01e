"""The histories' storage in memory keeps the promises that Azurite keeps: one contract, run on both."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from shared.settings import StorageSettings
from shared.storage import NOT_MODIFIED, Packed, Stale, Storage, Stored, pack
from tests.oracle.memory_storage import MemoryAccount, MemoryStorage, real_time

pytestmark = pytest.mark.real


@pytest.fixture(params=["memory", "azurite"])
async def storage(request: pytest.FixtureRequest) -> AsyncIterator[Storage]:
    if request.param == "memory":
        storage: Storage = MemoryStorage(MemoryAccount())
    else:
        account: str = request.getfixturevalue("storage_account")
        storage = Storage.connect(StorageSettings(connection_string=account))
    await storage.ensure()
    yield storage
    await storage.close()


async def test_what_is_created_is_read_back_and_created_once(storage: Storage) -> None:
    etag = await storage.ledger.create("a/b", b"text", {"outbox": "2"})
    assert etag is not None
    assert await storage.ledger.read("a/b") == Stored(b"text", etag, {"outbox": "2"})
    assert await storage.ledger.create("a/b", b"other") is None
    assert await storage.ledger.read("a/b") == Stored(b"text", etag, {"outbox": "2"})
    assert await storage.ledger.read("a") is None
    assert await storage.alerts.read("a/b") is None


async def test_what_comes_packed_in_several_members_is_read_back_whole(storage: Storage) -> None:
    etag = await storage.ledger.create("a", Packed(pack(b"one, ") + pack(b"two")))
    assert etag is not None
    assert await storage.ledger.read("a") == Stored(b"one, two", etag, {})
    etag = await storage.ledger.replace("a", Packed(pack(b"three, ") + pack(b"four")), etag)
    assert await storage.ledger.read("a") == Stored(b"three, four", etag, {})


async def test_only_the_version_that_was_read_is_replaced(storage: Storage) -> None:
    old = await storage.ledger.put("a", b"one")
    new = await storage.ledger.replace("a", b"two", old, {"n": "2"})
    assert new != old
    with pytest.raises(Stale):
        await storage.ledger.replace("a", b"three", old)
    with pytest.raises(Stale):
        await storage.ledger.replace("not there", b"three", old)
    assert await storage.ledger.read("a") == Stored(b"two", new, {"n": "2"})
    assert await storage.ledger.put("a", b"two") != new


async def test_of_many_who_replace_or_create_at_once_one_succeeds(storage: Storage) -> None:
    etag = await storage.ledger.put("a", b"")

    async def attempt(number: int) -> bool:
        try:
            await storage.ledger.replace("a", str(number).encode(), etag)
        except Stale:
            return False
        return True

    assert sum(await asyncio.gather(*(attempt(number) for number in range(5)))) == 1
    created = await asyncio.gather(*(storage.ledger.create("b", b"") for _ in range(5)))
    assert sum(etag is not None for etag in created) == 1


async def test_a_conditional_read_tells_unchanged_from_changed_and_from_gone(storage: Storage) -> None:
    old = await storage.ledger.put("a", b"one")
    assert await storage.ledger.read_unless("a", old) is NOT_MODIFIED
    new = await storage.ledger.put("a", b"two")
    assert await storage.ledger.read_unless("a", old) == Stored(b"two", new, {})
    await storage.ledger.delete("a")
    await storage.ledger.delete("a")
    assert await storage.ledger.read_unless("a", new) is None


async def test_a_listing_gives_names_in_order_with_metadata_and_etags(storage: Storage) -> None:
    etags = {name: await storage.ledger.put(name, b"", {"n": name}) for name in ("t/2", "t/10", "t/1", "u/3")}
    listed = [one async for one in storage.ledger.names("t/")]
    assert [(one.name, one.etag, dict(one.metadata)) for one in listed] == [
        (name, etags[name], {"n": name}) for name in ("t/1", "t/10", "t/2")
    ]


async def test_a_lease_excludes_others_until_its_context_ends(storage: Storage) -> None:
    async with storage.ledger.lease("locks/facts", 15) as mine:
        assert mine
        async with storage.ledger.lease("locks/facts", 15) as theirs:
            assert theirs is None
        async with storage.ledger.lease("locks/other", 15) as other:
            assert other
    with pytest.raises(ZeroDivisionError):
        await _fail_with(storage)
    async with storage.ledger.lease("locks/facts", 15) as last:
        assert last
    with pytest.raises(ValueError, match="15 to 60"):
        async with storage.ledger.lease("locks/facts", 14):
            pass


async def _fail_with(storage: Storage) -> None:
    async with storage.ledger.lease("locks/facts", 15) as held:
        assert held
        raise ZeroDivisionError


async def test_a_taken_message_is_hidden_and_gone_once_deleted(storage: Storage) -> None:
    poison = storage.poison("sweeps")
    await poison.send("one")
    assert await storage.sweeps.length() == 0
    [first] = await poison.receive(hidden=1)
    assert (first.text, first.dequeue_count) == ("one", 1)
    assert await poison.receive() == []
    await asyncio.sleep(1.2)
    [second] = await poison.receive(hidden=30)
    assert second.dequeue_count == 2
    await poison.delete(first)
    assert await poison.length() == 1
    await poison.delete(second)
    await poison.delete(second)
    assert await poison.length() == 0


async def test_a_delayed_message_is_there_but_not_yet_seen(storage: Storage) -> None:
    await storage.journal.send("later", delay=0.4)
    assert await storage.journal.receive() == []
    assert await storage.journal.length() == 1
    await asyncio.sleep(1.2)
    assert [one.text for one in await storage.journal.receive(1)] == ["later"]


async def test_two_storages_in_memory_share_an_account_and_its_clock() -> None:
    ahead = timedelta(0)
    account = MemoryAccount(lambda: real_time() + ahead)
    one, other = MemoryStorage(account), MemoryStorage(account)
    await one.ledger.put("a", b"text")
    assert await other.ledger.read("a")
    await one.journal.send("later", delay=600.0)
    assert await other.journal.receive() == []
    ahead = timedelta(hours=1)
    assert [message.text for message in await other.journal.receive()] == ["later"]
