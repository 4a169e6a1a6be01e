"""A shell with an account of the watch's storage, and a ledger in it."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from shared.ledger.ledger import Ledger
from shared.ledger.records import Manifest
from shared.ledger.shards import shard_of
from shared.notify import memory
from shared.notify.exceptions import agreed
from shared.notify.exceptions.agreed import ReleaseOrder
from shared.notify.exceptions.exemptions import Exemption
from shared.notify.table import Brake, Table
from shared.rules.loader import load_rules
from shared.storage import Storage, StorageSettings
from tests.ledger.readings import TENANT_ID, after, reading, user_id

ROOT = Path(__file__).resolve().parents[2]

PEOPLE = {1: "Ada Lovelace", 2: "Grace Hopper", 3: "Mary Shelley", 4: "Mary Somerville", 5: "Alan Turing"}
"""Names by the number of the user; each signs in as first name at contoso.example."""


class Answer(msgspec.Struct, frozen=True):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


class Shell:
    """Commands against one storage account, each in a process of its own."""

    def __init__(self, connection: str) -> None:
        self.connection = connection
        self.environ = {"TENANT_ID": TENANT_ID, "WATCH_STORAGE": connection}

    def run(self, *arguments: str, stdin: bytes = b"", cwd: Path = ROOT, **environ: str) -> Answer:
        """Run `python -m admin` with these arguments."""
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        done = subprocess.run(
            [sys.executable, "-m", "admin", *arguments],
            input=stdin,
            capture_output=True,
            cwd=cwd,
            env={**inherited, "PYTHONPATH": str(ROOT), **self.environ, **environ},
            check=False,
            timeout=120,
        )
        return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())

    def agree(self, *arguments: str) -> str:
        """Agree an exception that differs from a good one in these options; its id."""
        given = ["--until", "90d", "--owner", "Grace", "--reason", "Agreed", *arguments]
        answer = self.run("exception", "add", *given)
        assert answer.code == 0, answer.err
        return answer.out.split()[2].rstrip(":")

    def listed(self, *arguments: str) -> list[dict[str, Any]]:
        """What `exception list --json` says."""
        answer = self.run("exception", "list", "--json", *arguments)
        assert answer.code == 0, answer.err
        found: list[dict[str, Any]] = json.loads(answer.out)["exceptions"]
        return found

    def with_storage[T](self, work: Callable[[Storage], Awaitable[T]]) -> T:
        """Do something with the account itself."""

        async def connected() -> T:
            storage = Storage.connect(StorageSettings(connection_string=self.connection))
            try:
                return await work(storage)
            finally:
                await storage.close()

        return asyncio.run(connected())

    def stored(self) -> tuple[Exemption, ...]:
        """The exceptions as the notifier recalls them."""
        return self.with_storage(lambda storage: agreed.recall(storage.ledger, TENANT_ID))

    def order(self) -> ReleaseOrder | None:
        """The release order as the notifier recalls it."""
        return self.with_storage(lambda storage: agreed.recall_release(storage.ledger, TENANT_ID))

    async def manifest(self, storage: Storage) -> Manifest:
        """That of the ledger that `begin` made."""
        found = await Ledger(storage, TENANT_ID, load_rules()).manifest()
        assert found is not None
        return found


async def begin(storage: Storage, people: dict[int, str]) -> None:
    """A ledger of several shards that knows these people."""
    await storage.ensure()
    ledger = Ledger(storage, TENANT_ID, load_rules(), now=lambda: after(0))

    async def many() -> int:
        return 5_000

    manifest = await ledger.manifest(many)
    by_shard: dict[str, list[int]] = {}
    for number in people:
        by_shard.setdefault(shard_of(user_id(number), manifest.shards), []).append(number)
    for shard, numbers in by_shard.items():
        readings = [reading(number, name=people[number]) for number in numbers]
        await ledger.commit_users(shard, readings, after(10))


def remembered(shell: Shell, *brakes: Brake) -> None:
    """What the notifier's last run left held."""

    async def write(storage: Storage) -> None:
        found = await memory.recall(storage.ledger, await shell.manifest(storage))
        await memory.commit(storage.ledger, found, Table(brakes=brakes))

    shell.with_storage(write)
