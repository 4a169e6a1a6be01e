"""The app's HTTP routes alone on a ledger that is there: whatever moves in its storage, a call moved it.

No timer and no queue function runs, so before and after can be held against each other blob by blob.
"""

import base64
import re
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from sandbox.host.process import HostProcess
from sandbox.stage import APP
from shared.storage import Storage, StorageSettings
from shared.watch.messages import read_step
from tests.report.ledgers import TENANT_ID, Made, fill, made
from tests.settings.good_settings import GOOD

HTTP = (
    "graph_notifications",
    "graph_lifecycle",
    "health",
    "report",
    *(f"report_{name}" for name in ("csv", "json", "rows", "user")),
)
"""The functions that answer over HTTP."""

LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (DEBUG|INFO|WARNING|ERROR|CRITICAL) +[\w.-]+: ")
"""How each line of the sandbox host's log begins."""

SPOKEN = re.compile(r"http://127\.0\.0\.1:\d+")
"""The one line that is not logged but said: where the host listens."""


@dataclass
class Door:
    """A host with nothing but its HTTP routes, the account behind it, and its log."""

    host: HostProcess
    storage: Storage
    account: str
    key: str
    secret: str
    ledger: Made

    @property
    def url(self) -> str:
        """The address with its prefix."""
        return f"{self.host.url}/api"

    async def blobs(self) -> dict[str, str]:
        """Each blob of the three containers, with its etag: another etag is another writing."""
        containers = {
            "ledger": self.storage.ledger,
            "alerts": self.storage.alerts,
            "evidence": self.storage.evidence,
        }
        return {
            f"{name}/{one.name}": one.etag
            for name, container in containers.items()
            async for one in container.names("")
        }

    async def queued(self) -> list[str]:
        """The texts on `changed-users`; the messages stay."""
        return await self._texts("changed-users")

    async def counted(self) -> Counter[str]:
        """What stands on `sweeps`, by class; anything but counters fails."""
        seen: Counter[str] = Counter()
        for text in await self._texts("sweeps"):
            calls = read_step(text).calls
            assert calls is not None, text
            seen.update({name: one.n for name, one in calls.classes.items()})
        return seen

    async def _texts(self, queue: str) -> list[str]:
        from azure.storage.queue.aio import QueueClient

        async with QueueClient.from_connection_string(self.account, queue) as client:
            found = await client.peek_messages(32)
        return [base64.b64decode(str(one.content)).decode() for one in found]

    def odd_lines(self) -> list[str]:
        """Lines of the host's log that it did not begin itself, and those that tell of an error."""
        lines = self.host.log_text().splitlines()
        return [
            line
            for line in lines
            if not SPOKEN.fullmatch(line)
            and (not (begun := LINE.match(line)) or begun[1] in ("ERROR", "CRITICAL"))
        ]


@asynccontextmanager
async def door(account: str, log: Path, users: int = 60) -> AsyncIterator[Door]:
    """Open one on an empty storage account. `users` 0: nothing has been read yet."""
    storage = Storage.connect(StorageSettings(connection_string=account))
    key, secret = secrets.token_urlsafe(24), secrets.token_urlsafe(36)
    ledger = made(max(users, 1), per_shard=30)
    try:
        await storage.ensure()
        if users:
            await fill(storage, ledger)
        environment = {
            **GOOD,
            "TENANT_ID": TENANT_ID,
            "WATCH_STORAGE": account,
            "AzureWebJobsStorage": account,
            "NOTIFICATION_BASE_URL": "http://127.0.0.1:7171",
            # Nobody listens there: what asked Graph would fail, and be seen in the log.
            "GRAPH_BASE_URL": "http://127.0.0.1:9/v1.0",
            "CLIENT_STATE": secret,
            "LOCAL_KEY": key,
            "PASSWORD_WRITEBACK": "on",
            "SSPR_SCOPE": "all",
        }
        async with HostProcess(APP, environment, only=HTTP, log_path=log) as host:
            yield Door(host, storage, account, key, secret, ledger)
    finally:
        await storage.close()


def item(secret: str, user: str, **changes: object) -> dict[str, object]:
    """A notification of that user's change as Graph sends it, with changes; `...` leaves a field out."""
    whole = {
        "changeType": "updated",
        "clientState": secret,
        "resource": f"Users/{user}",
        "resourceData": {"@odata.type": "#Microsoft.Graph.User", "@odata.id": f"Users/{user}", "id": user},
        "subscriptionId": "33333333-3333-4333-8333-333333333333",
        "subscriptionExpirationDateTime": "2026-12-20T00:00:00+00:00",
        "tenantId": TENANT_ID,
    }
    return {name: value for name, value in {**whole, **changes}.items() if value is not ...}


def call(*items: object) -> bytes:
    """A body with these notifications."""
    return msgspec.json.encode({"value": items})
