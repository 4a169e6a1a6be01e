"""What a release left in storage, as `make_fixture.py` wrote it down: put into an account, with a tenant like
the one that it watched."""

import base64
import functools
import gzip
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from azure.storage.blob import ContentSettings
from azure.storage.blob.aio import BlobServiceClient

from sandbox.graph.tenant import generate
from sandbox.storage_proxy import StorageProxy
from shared.storage import Storage, StorageSettings, versions
from tests.watch.scene import QUICK, Clock, Scene, listening

FIXTURES = Path(__file__).parent / "fixtures"
GRAPH, HERE, TEAMS = "http://graph.example", "http://app.example", "http://teams.example"
"""What stands for the addresses of the simulator, the app and the Teams sink (`make_fixture.py`)."""

_YEARS = 30 * 365 * 24 * 3600


class Recorded:
    """One fixture. `what` names each blob's kind as `versions` does; `data` is unpacked."""

    def __init__(self, path: Path) -> None:
        self.document: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
        self.release: str = self.document["release"]
        self.made_at = datetime.fromisoformat(self.document["made_at"])
        self.play: dict[str, Any] = self.document["play"]
        self.settings: dict[str, str] = self.document["settings"]
        self.messages: list[dict[str, str]] = self.document["messages"]

    def blobs(self, what: str = "") -> list[dict[str, Any]]:
        """The blobs of that kind, or all."""
        return [one for one in self.document["blobs"] if not what or kind_of(one) == what]

    @property
    def kinds(self) -> set[str]:
        """Every kind of blob that there is, locks aside."""
        return {kind_of(one) for one in self.blobs()} - versions.EMPTY

    @property
    def began_at(self) -> datetime:
        """When the release began its ledger."""
        [manifest] = self.blobs("ledger/manifest")
        return datetime.fromisoformat(json.loads(manifest["packed"])["created_at"])

    @property
    def text(self) -> str:
        """All that is text in it."""
        return json.dumps(self.document)


def kind_of(blob: Mapping[str, Any]) -> str:
    """What a blob of a fixture is."""
    return versions.what_is(blob["container"], blob["name"])


def data_of(blob: Mapping[str, Any], addresses: Mapping[str, str] | None = None) -> bytes:
    """A blob's data, unpacked; `addresses` take the place of what stands for them."""
    if "base64" in blob:
        return base64.b64decode(blob["base64"])
    text = str(blob.get("packed", blob.get("text")))
    for stands_for, address in (addresses or {}).items():
        text = text.replace(stands_for, address)
    return text.encode()


@functools.cache
def recorded(version: str) -> Recorded:
    """The fixture of that name."""
    return Recorded(FIXTURES / f"{version}.json.gz")


FIXTURE_NAMES = sorted(path.name.removesuffix(".json.gz") for path in FIXTURES.glob("*.json.gz"))


async def put(found: Recorded, account: str, addresses: Mapping[str, str]) -> None:
    """Put it into an empty storage account: blobs exactly as they lay there, with no label of today's."""
    storage = Storage.connect(StorageSettings(connection_string=account))
    await storage.ensure()
    async with BlobServiceClient.from_connection_string(account) as service:
        for blob in found.blobs():
            data = data_of(blob, addresses)
            packed = "packed" in blob
            await service.get_blob_client(blob["container"], blob["name"]).upload_blob(
                gzip.compress(data) if packed else data,
                metadata=blob["metadata"],
                content_settings=ContentSettings(content_encoding="gzip" if packed else None),
            )
    for message in found.messages:
        text = message["text"]
        for stands_for, address in addresses.items():
            text = text.replace(stands_for, address)
        await storage.queue(message["queue"]).send(text)
    await storage.close()


async def scene_of(found: Recorded, account: str, stack: AsyncExitStack, **settings: str) -> Scene:
    """Today's watch on what the release left behind, at the moment when it was left, and the tenant as it
    was then. Graph has forgotten its links and subscriptions."""
    clock = Clock()
    clock.pass_by(seconds=(found.began_at - clock.now()).total_seconds())
    # The identity client goes by the real clock, and this is of long ago.
    rates = msgspec.structs.replace(QUICK, token_lifetime=_YEARS)
    world = generate(60, rates=rates, clock=clock.now)
    proxy = await stack.enter_async_context(StorageProxy(account))
    scene = await stack.enter_async_context(
        await listening(world, clock, proxy, {**found.settings, **settings})
    )
    await _as_it_was(scene, found.play)
    clock.pass_by(seconds=(found.made_at - clock.now() + timedelta(seconds=5)).total_seconds())
    here = scene.watch.settings
    await put(found, account, {GRAPH: scene.running.url, HERE: here.notification_base_url})
    return scene


async def _as_it_was(scene: Scene, play: Mapping[str, Any]) -> None:
    control = scene.control
    strangers = {*play["unassigned"], play["deleted"]} - {*scene.world.users}
    assert not strangers, "the sandbox makes another tenant of the same seed than when this was written"
    for user in play["unassigned"]:
        await control.unassign(user, play["sku"])
    await control.delete_user(play["deleted"])
    group, failing, code = play["failing"]
    await control.remove_members(group, failing)
    await control.settle()
    await control.force_error(group, failing, code)
    await control.add_members(group, failing)
    await control.add_members(*play["nested"])
    await control.settle()
