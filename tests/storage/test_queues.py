"""What callers of the queues rely on, against Azurite."""

import asyncio
import base64

import pytest
from azure.storage.queue.aio import QueueClient

from shared.storage import Storage

pytestmark = pytest.mark.real


async def test_text_lies_in_the_queue_as_base64_as_the_functions_host_expects_it(
    storage: Storage, storage_account: str
) -> None:
    await storage.journal.send("0007 ü <&>")
    async with QueueClient.from_connection_string(storage_account, "journal") as raw:
        [message] = await raw.peek_messages()
        assert base64.b64decode(message.content).decode() == "0007 ü <&>"
    [received] = await storage.journal.receive()
    assert received.text == "0007 ü <&>"


async def test_a_message_that_is_not_base64_text_is_received_as_it_came(
    storage: Storage, storage_account: str
) -> None:
    async with QueueClient.from_connection_string(storage_account, "sweeps-poison") as raw:
        await raw.send_message("not base64!")
        await raw.send_message(base64.b64encode(b"\xff\xfe").decode())
    received = await storage.poison("sweeps").receive()
    assert sorted(one.text for one in received) == sorted(["not base64!", "//4="])


async def test_a_received_message_is_hidden_and_counted_and_gone_once_deleted(storage: Storage) -> None:
    await storage.sweeps.send("one")
    [first] = await storage.sweeps.receive(hidden=1)
    assert (first.text, first.dequeue_count) == ("one", 1)
    assert await storage.sweeps.receive() == []
    await asyncio.sleep(1.2)
    [second] = await storage.sweeps.receive(hidden=30)
    assert second.dequeue_count == 2
    # The first receiver was too slow: the message is the second one's now.
    await storage.sweeps.delete(first)
    assert await storage.sweeps.length() == 1
    await storage.sweeps.delete(second)
    await storage.sweeps.delete(second)
    assert await storage.sweeps.length() == 0


async def test_a_delayed_message_is_there_but_not_yet_seen(storage: Storage) -> None:
    await storage.changed_users.send("later", delay=0.4)
    assert await storage.changed_users.receive() == []
    assert await storage.changed_users.length() == 1
    await asyncio.sleep(1.2)
    assert [one.text for one in await storage.changed_users.receive()] == ["later"]


async def test_a_message_that_should_wait_longer_than_the_service_lets_it_waits_so_long(
    storage: Storage,
) -> None:
    await storage.changed_users.send("much later", delay=30 * 24 * 3600.0)
    assert await storage.changed_users.receive() == []
    assert await storage.changed_users.length() == 1


async def test_no_more_messages_are_taken_than_asked_for(storage: Storage) -> None:
    await asyncio.gather(*(storage.journal.send(str(number)) for number in range(5)))
    assert len(await storage.journal.receive(3)) == 3
    assert len(await storage.journal.receive(32)) == 2


async def test_a_message_never_expires(storage: Storage, storage_account: str) -> None:
    await storage.journal.send("0001")
    async with QueueClient.from_connection_string(storage_account, "journal") as raw:
        [message] = await raw.peek_messages()
        assert message.expires_on is not None
        assert message.inserted_on is not None
        assert (message.expires_on - message.inserted_on).days > 365
