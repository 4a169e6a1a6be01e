"""Counts what the watch does on the sandbox, for the cost model: `python -m tools.cost.measure`.

A tenant of 2,000 users, one shard as on Azure. Counted are storage requests and telemetry rows of changes, of
timers that find nothing to do, and of one reading of all users; and how large the ledger is.
"""

import asyncio
import gzip
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.azurite import Azurite
from sandbox.graph import skus
from sandbox.graph.tenant import generate
from sandbox.stage import QUICK_RATES, STORY, Stage
from sandbox.storage_proxy import Passed, StorageProxy
from sandbox.waiting import until
from shared.storage import Storage, StorageSettings

MEASURED = Path(__file__).with_name("measured.toml")
USERS = 2000
CHANGES = 10
IDLE_SECONDS = 20.0
SLOW = {
    "DELTA_EVERY": "15m",
    "SECOND_LOOK": "2s",
    "TELLING_SCHEDULE": "*/2 * * * * *",
    "RECONCILE_SCHEDULE": "*/4 * * * * *",
    # The host's own polling is counted apart; here it would hide what the watch does.
    "AzureFunctionsJobHost__extensions__queues__maxPollingInterval": "00:01:00",
}
KINDS = ("blob_writes", "blob_reads", "blob_others", "queue_requests")
_RAN = re.compile(r"Executed 'Functions\.(\w+)' \(Succeeded")


@dataclass(frozen=True)
class Span:
    """What happened in a stretch of time: storage requests by kind, and runs of functions."""

    requests: Counter[str]
    runs: Counter[str]


def kind_of(request: Passed) -> str:
    """How Azure bills it: writes and lists; reads; other blob requests; queue requests."""
    if request.service == "Queue":
        return "queue_requests"
    listing = request.method == "GET" and "comp=list" in request.target
    if "comp=lease" in request.target or request.method in ("HEAD", "DELETE"):
        return "blob_others"
    return "blob_writes" if request.method == "PUT" or listing else "blob_reads"


def counted(passed: Sequence[Passed]) -> Counter[str]:
    """Requests by kind."""
    return Counter(kind_of(one) for one in passed)


class Meter:
    """Takes the difference since it was last read."""

    def __init__(self, stage: Stage, proxy: StorageProxy) -> None:
        self._stage = stage
        self._proxy = proxy
        self._seen, self._words = 0, 0

    def read(self) -> Span:
        """What happened since the last reading."""
        passed, words = self._proxy.passed[self._seen :], self._stage.host.log_text()[self._words :]
        self._seen, self._words = self._seen + len(passed), self._words + len(words)
        return Span(counted(passed), Counter(_RAN.findall(words)))


async def measure() -> dict[str, float]:
    """Play it and count."""
    with Azurite(spare_accounts=1) as azurite:
        account = azurite.new_account()
        async with StorageProxy(account) as proxy:
            world = generate(USERS, rates=QUICK_RATES)
            settings = {**STORY, **SLOW}
            async with Stage(world, storage=proxy.connection_string, settings=settings) as stage:
                meter = Meter(stage, proxy)
                await stage.teams.wait_for(1, 120)
                first = meter.read()
                await asyncio.sleep(6)
                meter.read()
                await asyncio.sleep(IDLE_SECONDS)
                idle = meter.read()
                await _change(stage)
                changed = meter.read()
            bytes_a_user = await _ledger_bytes(account) / USERS
    ticks = max(1, idle.runs["tell"])
    idle_runs = sum(idle.runs.values())
    figures: dict[str, float] = {"ledger_bytes_a_user": round(bytes_a_user)}
    for kind in KINDS:
        figures[f"timer_{kind}"] = round(idle.requests[kind] / max(1, idle_runs), 2)
        # What the timers did meanwhile is not the changes' doing.
        meanwhile = idle.requests[kind] / ticks * changed.runs["tell"]
        figures[f"change_{kind}"] = round(max(0.0, changed.requests[kind] - meanwhile) / CHANGES, 2)
        figures[f"reading_{kind}"] = first.requests[kind]
    figures["change_evaluations"] = changed.runs["evaluate"] / CHANGES
    return figures


async def _change(stage: Stage) -> None:
    """Ten accounts are disabled, one after the other; each is looked at twice."""
    users = (await stage.control.find_users(skus.EMS_E3))[:CHANGES]
    if len(users) < CHANGES:
        raise LookupError(f"the tenant has {len(users)} users to change, not {CHANGES}")
    before = stage.host.log_text().count("Executed 'Functions.evaluate' (Succeeded")
    for user in users:
        await stage.control.set_enabled(user, False)
        await asyncio.sleep(1.0)

    async def looked() -> bool:
        done = stage.host.log_text().count("Executed 'Functions.evaluate' (Succeeded") - before
        return done >= 2 * CHANGES

    await until("every user is looked at twice", looked, 60)


async def _ledger_bytes(account: str) -> int:
    storage = Storage.connect(StorageSettings(connection_string=account))
    try:
        sizes = [
            len(gzip.compress(stored.data))
            async for listed in storage.ledger.names("")
            if "/users/" in listed.name and (stored := await storage.ledger.read(listed.name))
        ]
    finally:
        await storage.close()
    return sum(sizes)


def main() -> int:
    """Measure and write `measured.toml`."""
    figures = asyncio.run(measure())
    lines = [f"{name} = {value}" for name, value in sorted(figures.items())]
    head = "# Counted on the sandbox by `python -m tools.cost.measure`; see there what each figure is.\n"
    MEASURED.write_text(head + "\n".join(lines) + "\n")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
