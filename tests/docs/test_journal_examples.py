"""The consumers that docs/journal.md shows, run on a journal that the real ledger wrote."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from azure_functions_runtime.bindings.datumdef import Datum

from sandbox.host.runtime import IndexedApp
from shared.ledger.journal import JournalLine, replay
from shared.ledger.ledger import Ledger
from shared.rules.loader import load_rules
from shared.storage import Storage
from tests.ledger.readings import (
    CANNOT_WRITE_BACK,
    FAILED,
    TENANT_ID,
    UNCOVERED,
    absence,
    after,
    one_user,
    reading,
    user_id,
)

pytestmark = pytest.mark.real

DOCS = Path(__file__).resolve().parents[2] / "docs"
REPLAY = DOCS / "examples" / "replay_journal.py"
ON_BLOB = DOCS / "examples" / "on_journal_blob.py"
SHARD = "0000"
NOWHERE = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;BlobEndpoint=http://127.0.0.1:9/a"


async def lived(storage: Storage, day: float = 0) -> Ledger:
    """A ledger with a past, begun so many days later: opened, changed, resolved, reopened."""
    began = after(day * 86400)
    ledger = Ledger(storage, TENANT_ID, load_rules(), now=lambda: began)
    await ledger.manifest(one_user)
    for moment, found in enumerate([(UNCOVERED,), (CANNOT_WRITE_BACK, FAILED), (), (FAILED,)]):
        seen = day * 86400 + moment
        several = [reading(1, *found, seen=seen), reading(2, UNCOVERED, seen=seen, baseline=moment == 0)]
        await ledger.commit_users(SHARD, several, after(seen))
    await ledger.commit_users(SHARD, [], after(day * 86400 + 9), absences=[absence(2, seen=day * 86400 + 8)])
    await ledger.commit_users(SHARD, [reading(3, UNCOVERED, seen=day * 86400 + 9)], after(day * 86400 + 10))
    return ledger


async def written(ledger: Ledger) -> list[JournalLine]:
    return [
        line
        for book in await ledger.books()
        async for _, lines in ledger.read_journal(book)
        for line in lines
    ]


def replayed(storage_account: str) -> list[dict[str, object]]:
    """What the script prints, as people run it."""
    ended = run_replay(TENANT_ID, connection=storage_account)
    assert (ended.returncode, ended.stderr) == (0, "")
    return [json.loads(row) for row in ended.stdout.splitlines()]


def run_replay(*arguments: str, connection: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(REPLAY), *arguments],
        env={**os.environ, "WATCH_STORAGE": connection},
        capture_output=True,
        text=True,
        check=False,
    )


async def test_the_replay_on_the_page_gives_what_the_ledger_has_open(
    storage: Storage, storage_account: str
) -> None:
    ledger = await lived(storage)
    printed = {str(line["finding"]): line for line in replayed(storage_account)}
    users = (await ledger.read_shard(SHARD)).record.users
    held = {one.id: one for record in users.values() for one in record.open.values()}
    assert {key: line["fingerprint"] for key, line in printed.items()} == {
        key: one.fingerprint for key, one in held.items()
    }
    assert set(printed) == set(replay(await written(ledger)))
    assert {line["subject"]["id"] for line in printed.values()} == {user_id(1), user_id(3)}  # type: ignore[index]  # JSON
    assert [line["reopened"] for line in printed.values()] == [1, 0]


async def test_the_replay_reads_the_last_epoch_only(storage: Storage, storage_account: str) -> None:
    await lived(storage)
    first = {str(line["finding"]) for line in replayed(storage_account)}
    await storage.ledger.delete(f"{TENANT_ID}/manifest")
    await lived(storage, day=1)
    second = {str(line["finding"]) for line in replayed(storage_account)}
    assert len(first) == len(second) == 2
    assert not first & second


@pytest.mark.parametrize(
    ("arguments", "connection", "said"),
    [
        ([], NOWHERE, "Give the tenant id, "),
        ([TENANT_ID], "", "Give the tenant id, "),
        ([TENANT_ID], "AccountName=x;AccountKey=top-secret;nonsense", "No journal can be read (ValueError)."),
        ([TENANT_ID], NOWHERE, "No journal can be read (ServiceRequestError)."),
    ],
    ids=["no tenant", "no setting", "no connection string", "unreachable"],
)
def test_a_replay_that_has_nothing_to_read_says_so_in_one_line(
    arguments: list[str], connection: str, said: str
) -> None:
    ended = run_replay(*arguments, connection=connection)
    assert (ended.returncode, ended.stdout, len(ended.stderr.splitlines())) == (1, "", 1)
    assert ended.stderr.startswith(said)
    assert "WATCH_STORAGE" in ended.stderr
    assert "top-secret" not in ended.stderr


async def test_a_tenant_without_a_journal_is_said_too(storage: Storage, storage_account: str) -> None:
    for tenant in (TENANT_ID, "no-tenant"):
        ended = run_replay(tenant, connection=storage_account)
        assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1)
        assert ended.stderr.startswith("No journal can be read (")


def event(name: str, kind: str = "Microsoft.Storage.BlobCreated") -> Datum:
    """As Event Grid sends it; fields as Microsoft's page on Blob Storage as an Event Grid source has them."""
    told = {
        "topic": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/watch",
        "subject": f"/blobServices/default/containers/alerts/blobs/{name}",
        "eventType": kind,
        "eventTime": "2026-03-02T12:00:03.5841030Z",
        "id": "831e1650-001e-001b-66ab-eeb76e069631",
        "data": {
            "api": "PutBlob",
            "requestId": "831e1650-001e-001b-66ab-eeb76e000000",
            "eTag": "0x8D4BCC2E4835CD0",
            "contentType": "application/x-ndjson",
            "contentLength": 1,
            "blobType": "BlockBlob",
            "url": f"https://watch.blob.core.windows.net/alerts/{name}",
            "sequencer": "00000000000004420000000000028963",
        },
        "dataVersion": "",
        "metadataVersion": "1",
    }
    return Datum(json.dumps(told), "json")


async def test_microsofts_runtime_hands_the_example_each_blob_and_it_queues_what_matters(
    storage: Storage, tmp_path: Path
) -> None:
    lines = await written(await lived(storage))
    shutil.copy(ON_BLOB, tmp_path / "function_app.py")
    messages: list[dict[str, object]] = []
    async with IndexedApp(tmp_path) as app:
        [function] = app.functions
        bindings = {str(one["name"]): one for one in function.bindings}
        assert function.trigger["type"] == "eventGridTrigger"
        assert (bindings["blob"]["type"], bindings["blob"]["path"]) == ("blob", "{data.url}")
        # The latest first, and one twice: Event Grid promises neither order nor once.
        names = [listed.name async for listed in storage.alerts.names(TENANT_ID)]
        for name in [*reversed(names), names[0]]:
            stored = await storage.alerts.read(name)
            assert stored
            outcome = await app.invoke(function, event(name), {}, read={"blob": Datum(stored.data, "bytes")})
            assert outcome.ok, outcome.error
            messages += [json.loads(text) for text in outcome.outputs.get("tickets", [])]
        stored = await storage.alerts.read(names[0])
        assert stored
        other = event(names[0], "Microsoft.Storage.BlobTierChanged")
        outcome = await app.invoke(function, other, {}, read={"blob": Datum(stored.data, "bytes")})
        assert (outcome.ok, outcome.outputs.get("tickets", [])) == (True, [])
    wanted = [line.id for line in lines if line.severity == "high" and not line.baseline]
    assert 0 < len(wanted) < len(lines)
    assert {str(one["id"]) for one in messages} == set(wanted)
    assert len(messages) > len(wanted)
    # What a receiver does that keeps to the docstring: of each finding only the greatest place counts.
    latest: dict[str, dict[str, object]] = {}
    for message in messages:
        known = latest.get(str(message["finding"]))
        if known is None or known["place"] < message["place"]:  # type: ignore[operator]  # JSON
            latest[str(message["finding"])] = message
    open_now = {key for key, message in latest.items() if message["transition"] != "resolved"}
    assert open_now == {key for key, line in replay(lines).items() if not line.baseline}
