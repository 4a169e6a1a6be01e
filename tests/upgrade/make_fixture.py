"""Writes down what a release stores: every blob and queue message of a small tenant after some eventful days.

Run in a worktree of that release, before the first change of what is stored goes into a later one:

    git worktree add ../released <commit> && cd ../released && ln -s <here>/sandbox/node_modules sandbox/
    PYTHONPATH=. python <here>/tests/upgrade/make_fixture.py <here>/tests/upgrade/fixtures/v<N>.json.gz

It uses only what the release itself has: the app's jobs on the scene of its own tests. The addresses of this
machine are replaced, the times are those of the making; `tests/upgrade/recorded.py` puts it into storage.
"""

import asyncio
import base64
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

from sandbox.azurite import Azurite
from sandbox.graph import skus
from sandbox.graph.tenant import generate
from sandbox.storage_proxy import StorageProxy
from sandbox.teams import TeamsSink
from shared.graph import users as graph_users
from shared.notify.exceptions import agreed
from shared.notify.exceptions.agreed import ReleaseOrder
from shared.notify.exceptions.proposals import Proposal
from shared.watch import housekeeping, messages, subscription_memory
from shared.watch.hearing import calls
from shared.watch.licensing import group_delta
from shared.watch.messages import REGISTRATION, SWEEP
from shared.watch.reach import registration
from shared.watch.subscription_memory import Kept, Refused
from shared.watch.users import delta, sweep, sweep_phases
from tests.watch.scene import QUICK, Clock, Scene, listening
from tests.watch.timers import hours

GRAPH, HERE, TEAMS = "http://graph.example", "http://app.example", "http://teams.example"
"""They stand for the addresses of the simulator, the app and the Teams sink."""

BREAKS = 3
"""So many users lose a licence after the baseline and are told of."""


async def made(release: str) -> dict[str, Any]:
    """Play, and stop in the middle of everything: what is in storage then."""
    async with AsyncExitStack() as stack:
        azurite = stack.enter_context(Azurite(spare_accounts=1))
        account = azurite.new_account()
        proxy = await stack.enter_async_context(StorageProxy(account))
        teams = await stack.enter_async_context(TeamsSink(posting_delay=0.0))
        clock = Clock()
        world = generate(60, rates=QUICK, clock=clock.now)
        cast = world.cast
        settings = {
            "TEAMS_WORKFLOW_URL": teams.url,
            "SSPR_SCOPE": f"groups:{cast['group_sspr']}",
            "POPULATION": "capable",
        }
        scene = await stack.enter_async_context(await listening(world, clock, proxy, settings))
        os.environ.update(scene.running.environment)
        play = await played(scene)
        addresses = {
            scene.running.url: GRAPH,
            scene.watch.settings.notification_base_url: HERE,
            teams.base: TEAMS,
        }
        stored = await storage_of(account, addresses)
        return {
            "release": release,
            "made_at": clock.now().isoformat(),
            "settings": {key: value for key, value in settings.items() if "URL" not in key},
            "cards": len(teams.cards),
            **play,
            **stored,
        }


async def played(scene: Scene) -> dict[str, Any]:
    """Some days of the tenant: a baseline, breaks that are told, an exception, an order, two readings that
    are under way. What was done to the tenant, so that a later one can be made like it."""
    await scene.begin(report=True)
    watch, clock = scene.watch, scene.clock
    await tell(scene)
    synced = [
        one.id
        for one in scene.world.users.values()
        if one.account_enabled and one.synced and skus.EMS_E3 in one.direct
    ]
    broken = sorted(synced)[:BREAKS]
    for user in broken:
        await scene.control.unassign(user, skus.EMS_E3)
        await scene.look_at(user)
    deleted = sorted(synced)[BREAKS]
    await scene.control.delete_user(deleted)
    group = next(one for one in scene.world.groups.values() if one.licences and one.members)
    failing = min(group.members - {*broken, deleted})
    await scene.control.remove_members(group.id, failing)
    await scene.control.settle()
    await scene.control.force_error(group.id, failing, "CountViolation")
    await scene.control.add_members(group.id, failing)
    inner = min(one.id for one in scene.world.groups.values() if not one.licences and one.members)
    await scene.control.add_members(group.id, inner)
    await scene.control.settle()
    await scene.look_at_group(group.id)
    for _ in range(4):
        clock.pass_by(minutes=20)
        await tell(scene)
    now = clock.now()
    named = Proposal(
        owner="Ada",
        reason="Agreed while the project lasts",
        until=now + timedelta(days=90),
        subject_type="group",
        subject_id=scene.world.cast["group_sspr"],
        kind="assignment-error",
    )
    person = Proposal(
        owner="Ada",
        reason="Leaves",
        until=now + timedelta(days=60),
        subject_type="user",
        subject_id=broken[0],
    )
    container, tenant = watch.storage.ledger, watch.settings.tenant_id
    await agreed.add(container, tenant, [named, person], watch.rules.kinds, now)
    await agreed.order_release(container, tenant, ReleaseOrder(at=now, by="Ada"))
    failed = await hours(scene, 30)
    assert not failed, failed
    for _ in range(3):
        clock.pass_by(minutes=20)
        await tell(scene)
    await housekeeping.keep_house(watch)
    await count_calls(scene)
    await follow_groups(scene)
    # From here on everything is left as it is when a process dies: a message each is on its queue.
    sweep_phases.PAGES_A_STEP, graph_users.PAGE = 1, 20
    await sweep.start_again(watch)
    for step in watch.take_steps(SWEEP):
        await sweep.take_step(watch, step)
    assert await registration.start(watch)
    for step in watch.take_steps(REGISTRATION):
        await registration.take_step(watch, step)
    late = sorted(synced)[BREAKS + 1]
    await scene.control.unassign(late, skus.EMS_E3)
    await delta.run_soon(watch)
    at = clock.now()
    for text in messages.write_changed(at, users=[late], groups=[group.id]):
        await watch.storage.changed_users.send(text)
    for text in messages.write_changed(at, users=[late]):
        await watch.storage.heard.send(text)
    await watch.storage.journal.send("tenant")
    open_now = {
        user: sorted(record.open)
        for user in (*broken, late, failing)
        if (record := await watch.record(user)) is not None
    }
    return {
        "play": {
            "unassigned": [*broken, late],
            "sku": skus.EMS_E3,
            "deleted": deleted,
            "failing": [group.id, failing, "CountViolation"],
            "nested": [group.id, inner],
            "late": late,
        },
        "open": open_now,
    }


async def tell(scene: Scene) -> None:
    """One run of the notifier, at the scene's time."""
    await scene.watch.notifier.tell(scene.clock.now())


async def count_calls(scene: Scene) -> None:
    """What a process counted of Graph's calls."""
    tally = calls.Tally()
    kept = scene.clock.now()
    tally.add({"authentic": 3, "forged": 1}, {}, kept)
    text = tally.due(kept)
    counts = messages.read_step(text).calls if text else None
    if counts:
        await calls.take(scene.watch, counts)


async def follow_groups(scene: Scene) -> None:
    """The chain of changed groups, as the watch has it where notifications of groups are refused."""
    watch, now = scene.watch, scene.clock.now()
    kept = await subscription_memory.recall(watch)
    assert kept
    refusal = Refused(permission="Group.Read.All", since=now, tried_at=now)
    await subscription_memory.remember(watch, Kept(at=now, refused={"groups": refusal}))
    assert await group_delta.look(watch)
    await subscription_memory.remember(watch, kept)


async def storage_of(account: str, addresses: Mapping[str, str]) -> dict[str, Any]:
    """Every blob and message: packed ones as text, with metadata; what is no text as base64."""
    blobs, queued = [], []

    def neutral(text: str) -> str:
        for address, stands_for in addresses.items():
            text = text.replace(address, stands_for)
        return text

    async with BlobServiceClient.from_connection_string(account) as service:
        async for container in service.list_containers():
            client = service.get_container_client(container.name)
            async for listed in client.list_blobs(include=["metadata"]):
                answer = await client.get_blob_client(listed.name).download_blob(decompress=False)
                data = await answer.readall()
                packed = answer.properties.content_settings.content_encoding == "gzip"
                blob: dict[str, Any] = {
                    "container": container.name,
                    "name": listed.name,
                    "metadata": dict(listed.metadata or {}),
                }
                if packed:
                    blob["packed"] = neutral(gzip.decompress(data).decode())
                elif listed.name.endswith(".ndjson"):
                    blob["text"] = neutral(data.decode())
                else:
                    blob["base64"] = base64.b64encode(data).decode()
                blobs.append(blob)
    async with QueueServiceClient.from_connection_string(account) as queue_service:
        async for queue in queue_service.list_queues():
            waiting = queue_service.get_queue_client(queue.name).receive_messages(messages_per_page=32)
            queued += [
                {"queue": queue.name, "text": neutral(base64.b64decode(one.content).decode())}
                async for one in waiting
            ]
    return {"blobs": blobs, "messages": queued}


def main(out: Path) -> None:
    """Write the fixture of the release whose worktree this runs in."""
    asked = ["git", "rev-parse", "--short", "HEAD"]
    release = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    document = asyncio.run(made(release))
    text = json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True)
    out.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{out.name}: {len(document['blobs'])} blobs, {len(document['messages'])} messages")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
