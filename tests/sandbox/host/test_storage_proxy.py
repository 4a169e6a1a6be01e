"""The storage proxy: untouched passing, and each thing that a rule can do to a request."""

import asyncio
import gzip
import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from azure.core import MatchConditions
from azure.core.exceptions import AzureError, HttpResponseError, ResourceModifiedError
from azure.storage.blob import ContentSettings
from azure.storage.blob.aio import BlobServiceClient, ContainerClient
from azure.storage.queue.aio import QueueServiceClient

from sandbox.storage_proxy import Match, StorageProxy

pytestmark = pytest.mark.real


@pytest_asyncio.fixture
async def container(proxy: StorageProxy) -> AsyncIterator[ContainerClient]:
    """A container reached through the proxy by a client that never repeats a request."""
    async with BlobServiceClient.from_connection_string(proxy.connection_string, retry_total=0) as service:
        yield await service.create_container("ledger")


async def direct(storage_account: str, blob: str) -> bytes | None:
    """What really lies in storage."""
    async with BlobServiceClient.from_connection_string(storage_account) as service:
        client = service.get_blob_client("ledger", blob)
        return await (await client.download_blob()).readall() if await client.exists() else None


async def test_signed_requests_pass_untouched_in_both_directions(
    proxy: StorageProxy, container: ContainerClient
) -> None:
    data = bytes(range(256)) * 5000
    blob = container.get_blob_client("t/1/users/00 ü+%")
    await blob.upload_blob(data, metadata={"outbox": "2"})
    properties = await blob.get_blob_properties()
    assert (properties.size, properties.metadata) == (len(data), {"outbox": "2"})
    assert await (await blob.download_blob()).readall() == data
    assert [b.name async for b in container.list_blobs(name_starts_with="t/", include=["metadata"])] == [
        "t/1/users/00 ü+%"
    ]
    async with QueueServiceClient.from_connection_string(proxy.connection_string) as service:
        queue = await service.create_queue("journal")
        await queue.send_message("hello")
        assert [m.content async for m in queue.receive_messages()] == ["hello"]
    assert [(p.method, p.status) for p in proxy.seen("PUT", "^ledger/t/1/users/00 ü")] == [("PUT", 201)]
    assert [(p.service, p.status) for p in proxy.seen("POST", "^journal/messages")] == [("Queue", 201)]


async def test_a_compressed_blob_comes_through_as_it_is_stored(container: ContainerClient) -> None:
    stored = gzip.compress(b"x" * 1000)
    blob = container.get_blob_client("packed")
    await blob.upload_blob(stored, content_settings=ContentSettings(content_encoding="gzip"))
    assert await (await blob.download_blob(decompress=False)).readall() == stored


async def test_a_dropped_answer_means_that_the_write_is_in_though_the_caller_sees_an_error(
    proxy: StorageProxy, container: ContainerClient, storage_account: str
) -> None:
    rule = proxy.drop_answer(Match("PUT", "^ledger/a$", nth=None))
    with pytest.raises(AzureError):
        await container.upload_blob("a", b"written")
    assert await direct(storage_account, "a") == b"written"
    first = proxy.seen("PUT", "^ledger/a$")[0]
    assert (first.status, first.rule) == (201, "drop_answer")
    assert rule.hits == rule.matched == len(proxy.seen("PUT", "^ledger/a$"))


async def test_nth_counts_matching_requests(proxy: StorageProxy, container: ContainerClient) -> None:
    rule = proxy.answer(Match("PUT", "^ledger/n", nth=2), 503)
    await container.upload_blob("n1", b"")
    with pytest.raises(HttpResponseError) as caught:
        await container.upload_blob("n2", b"")
    assert caught.value.status_code == 503
    await container.upload_blob("n3", b"")
    assert (rule.matched, rule.hits) == (3, 1)


async def test_an_answer_in_azurites_stead_keeps_the_request_from_it(
    proxy: StorageProxy, container: ContainerClient, storage_account: str
) -> None:
    proxy.answer(
        Match("PUT", "^ledger/b$", header=("x-ms-blob-type", "BlockBlob"), nth=None),
        500,
        {"Retry-After": "1"},
    )
    for _ in range(2):
        with pytest.raises(HttpResponseError):
            await container.upload_blob("b", b"x", overwrite=True)
    assert await direct(storage_account, "b") is None
    assert [p.status for p in proxy.seen("PUT", "^ledger/b$")] == [None, None]


@pytest.mark.parametrize(("after", "left"), [(True, b"x"), (False, None)])
async def test_a_process_is_killed_before_or_after_its_request(
    proxy: StorageProxy, container: ContainerClient, storage_account: str, after: bool, left: bytes | None
) -> None:
    victim = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(60)")
    rule = proxy.kill(Match("PUT", "^ledger/k$", nth=None), victim.pid, after=after)
    with pytest.raises(AzureError):
        await container.upload_blob("k", b"x")
    assert rule.acted.is_set()
    async with asyncio.timeout(10):
        assert await victim.wait() == -9
    assert await direct(storage_account, "k") == left


async def test_a_callback_may_be_the_victim(proxy: StorageProxy, container: ContainerClient) -> None:
    called: list[str] = []

    async def victim() -> None:
        called.append("called")

    proxy.kill(Match(path="^ledger/c$", nth=None), victim)
    with pytest.raises(AzureError):
        await container.upload_blob("c", b"x")
    assert called


async def overwrite(container: ContainerClient, blob: str, data: bytes, etag: str | None = None) -> None:
    if etag is None:
        await container.upload_blob(blob, data, overwrite=True)
    else:
        condition = MatchConditions.IfNotModified
        await container.upload_blob(blob, data, overwrite=True, etag=etag, match_condition=condition)


async def test_holding_one_writer_lets_another_overtake_so_that_the_first_sees_a_412(
    proxy: StorageProxy, container: ContainerClient, storage_account: str
) -> None:
    await overwrite(container, "shard", b"0")
    etag = str((await container.get_blob_client("shard").get_blob_properties()).etag)
    held = proxy.hold(Match("PUT", "^ledger/shard$", header=("If-Match", ".")))
    slow = asyncio.create_task(overwrite(container, "shard", b"slow", etag))
    await held.arrived()
    await overwrite(container, "shard", b"fast", etag)
    held.release()
    with pytest.raises(ResourceModifiedError):
        await slow
    assert await direct(storage_account, "shard") == b"fast"
    assert len(proxy.seen("PUT", "^ledger/shard$", 412)) == 1


async def test_holding_the_answer_means_that_the_write_is_in_meanwhile(
    proxy: StorageProxy, container: ContainerClient, storage_account: str
) -> None:
    held = proxy.hold(Match("PUT", "^ledger/d$"), before=False)
    writing = asyncio.create_task(overwrite(container, "d", b"x"))
    await held.arrived()
    assert await direct(storage_account, "d") == b"x"
    assert not writing.done()
    held.release()
    await writing


async def test_forgotten_rules_act_no_more(proxy: StorageProxy, container: ContainerClient) -> None:
    proxy.answer(Match(nth=None), 500)
    proxy.forget_rules()
    await container.upload_blob("e", b"x")
