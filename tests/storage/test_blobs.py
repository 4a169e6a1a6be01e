"""What callers of `shared.storage` rely on, against Azurite."""

import asyncio
import gzip
import logging
import subprocess
import sys

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.identity import aio
from azure.storage.blob.aio import BlobLeaseClient, BlobServiceClient

from shared.storage import NOT_MODIFIED, Listed, Stale, Storage, StorageSettings, Stored

pytestmark = pytest.mark.real


async def test_what_is_created_is_read_back_with_its_etag_and_metadata(storage: Storage) -> None:
    etag = await storage.ledger.create("a/b", b"text", {"outbox": "2"})
    assert etag is not None
    assert await storage.ledger.read("a/b") == Stored(b"text", etag, {"outbox": "2"})


async def test_creating_what_exists_changes_nothing_and_says_so(storage: Storage) -> None:
    await storage.ledger.create("a", b"first")
    assert await storage.ledger.create("a", b"second") is None
    assert (await _data(storage, "a")) == b"first"


async def test_a_blob_that_is_not_there_reads_as_none(storage: Storage) -> None:
    assert await storage.ledger.read("a") is None
    assert await storage.ledger.read_unless("a", '"0x1"') is None


async def test_reading_from_a_missing_container_is_an_error_and_not_a_missing_blob(
    storage_account: str,
) -> None:
    storage = Storage.connect(StorageSettings(connection_string=storage_account))
    with pytest.raises(ResourceNotFoundError):
        await storage.ledger.read("a")
    await storage.close()


async def test_replacing_a_version_that_is_not_the_present_one_is_stale_and_writes_nothing(
    storage: Storage,
) -> None:
    old = await storage.ledger.put("a", b"one")
    new = await storage.ledger.replace("a", b"two", old)
    with pytest.raises(Stale):
        await storage.ledger.replace("a", b"three", old)
    found = await storage.ledger.read("a")
    assert found is not None
    assert (found.data, found.etag) == (b"two", new)


async def test_a_conditional_read_tells_unchanged_from_changed(storage: Storage) -> None:
    old = await storage.ledger.put("a", b"one")
    assert await storage.ledger.read_unless("a", old) is NOT_MODIFIED
    new = await storage.ledger.put("a", b"two")
    assert await storage.ledger.read_unless("a", old) == Stored(b"two", new, {})


async def test_blobs_are_stored_packed_and_marked_so_for_everybody_else(
    storage: Storage, storage_account: str
) -> None:
    await storage.alerts.put("packed", b"x" * 1000)
    await storage.alerts.put("plain.ndjson", b"{}\n", gzip=False)
    async with BlobServiceClient.from_connection_string(storage_account) as service:
        packed = await service.get_blob_client("alerts", "packed").download_blob(decompress=False)
        assert gzip.decompress(await packed.readall()) == b"x" * 1000
        assert packed.properties.content_settings.content_encoding == "gzip"
        plain = await service.get_blob_client("alerts", "plain.ndjson").download_blob(decompress=False)
        assert await plain.readall() == b"{}\n"
        assert plain.properties.content_settings.content_type == "application/x-ndjson"
        assert not plain.properties.content_settings.content_encoding


async def test_a_packed_blob_that_comes_in_several_ranges_is_whole(storage: Storage) -> None:
    data = b"".join(index.to_bytes(4) for index in range(9_000_000))
    incompressible = gzip.compress(data, 1) * 3
    await storage.evidence.put("large", incompressible)
    found = await storage.evidence.read("large")
    assert found is not None
    assert found.data == incompressible


async def test_a_listing_gives_names_in_order_with_metadata_and_usable_etags(storage: Storage) -> None:
    etags = {name: await storage.ledger.put(name, b"", {"n": name[-1]}) for name in ("t/2", "t/1", "u/3")}
    listed = [one async for one in storage.ledger.names("t/")]
    assert listed == [Listed("t/1", etags["t/1"], {"n": "1"}), Listed("t/2", etags["t/2"], {"n": "2"})]


async def test_deleting_twice_is_deleting_once(storage: Storage) -> None:
    await storage.ledger.put("a", b"")
    await storage.ledger.delete("a")
    await storage.ledger.delete("a")
    assert await storage.ledger.read("a") is None


async def test_ensuring_twice_at_once_is_ensuring_once(storage: Storage) -> None:
    await asyncio.gather(storage.ensure(), storage.ensure())


async def test_a_lease_excludes_others_until_its_context_ends(storage: Storage) -> None:
    async with storage.ledger.lease("locks/facts", 15) as mine:
        assert mine
        async with storage.ledger.lease("locks/facts", 15) as theirs:
            assert theirs is None
        async with storage.ledger.lease("locks/other", 15) as other:
            assert other
    async with storage.ledger.lease("locks/facts", 15) as again:
        assert again


async def test_a_lease_is_given_back_where_the_work_fails(storage: Storage) -> None:
    with pytest.raises(ZeroDivisionError):
        async with storage.ledger.lease("locks/facts", 15):
            raise ZeroDivisionError
    async with storage.ledger.lease("locks/facts", 15) as again:
        assert again


async def test_a_lease_outlives_its_first_term_and_says_when_it_is_lost(
    storage: Storage, storage_account: str
) -> None:
    async with (
        BlobServiceClient.from_connection_string(storage_account) as service,
        storage.ledger.lease("locks/facts", 15) as lease,
    ):
        await asyncio.sleep(16)
        assert lease
        async with storage.ledger.lease("locks/facts", 15) as theirs:
            assert theirs is None
        blob = service.get_blob_client("ledger", "locks/facts")
        await BlobLeaseClient(blob).break_lease(0)
        # Renewed at a third of the term: by then it has been refused.
        await asyncio.sleep(5.5)
        assert not lease


@pytest.mark.parametrize("seconds", [14, 61])
async def test_a_term_that_the_service_does_not_grant_is_refused_before_it_is_asked(
    storage: Storage, seconds: int
) -> None:
    with pytest.raises(ValueError, match="15 to 60"):
        async with storage.ledger.lease("a", seconds):
            pass


def test_importing_storage_and_ledger_loads_nothing_of_azure() -> None:
    code = (
        "import sys, shared.storage, shared.ledger.ledger;"
        "print([name for name in sys.modules if name.split('.')[0] in ('azure', 'aiohttp', 'msal')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_connecting_keeps_the_clients_quiet_but_leaves_a_level_set_on_purpose(
    storage_account: str,
) -> None:
    logger = logging.getLogger("azure.core.pipeline.policies.http_logging_policy")
    before = logger.level
    try:
        for level, wanted in ((logging.NOTSET, logging.WARNING), (logging.DEBUG, logging.DEBUG)):
            logger.setLevel(level)
            await Storage.connect(StorageSettings(connection_string=storage_account)).close()
            assert logger.level == wanted
    finally:
        logger.setLevel(before)


async def test_an_identity_is_asked_by_client_id_for_the_two_service_addresses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[dict[str, str]] = []

    class Credential:
        def __init__(self, **options: str) -> None:
            asked.append(options)

        async def get_token(self, *scopes: str) -> None:
            raise AssertionError("connecting sends nothing")

        async def close(self) -> None:
            asked.append({"closed": "yes"})

    monkeypatch.setattr(aio, "ManagedIdentityCredential", Credential)
    uris = {"blob_uri": "https://a.blob.core.windows.net", "queue_uri": "https://a.queue.core.windows.net"}
    await Storage.connect(StorageSettings(client_id="an-id", **uris)).close()
    await Storage.connect(StorageSettings(**uris)).close()
    assert asked == [{"client_id": "an-id"}, {"closed": "yes"}, {}, {"closed": "yes"}]


async def _data(storage: Storage, name: str) -> bytes:
    found = await storage.ledger.read(name)
    assert found is not None
    return found.data
