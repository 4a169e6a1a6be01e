"""The whole sandbox for a benchmark: a large tenant, and the real app as a process that watches it."""

import asyncio
import contextlib
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from pathlib import Path

from benchmarks.process import ROOT, Failed
from sandbox.graph.rates import Rates
from sandbox.graph.world import World
from sandbox.host.process import HostProcess
from sandbox.stage import Stage
from shared.ledger.ledger import Ledger
from shared.ledger.records import TenantRecord
from shared.rules.loader import load_rules
from shared.storage import Storage, StorageSettings

RATES = Rates(
    throttling=False, report_takes_top=True, report_page_size=999, replication_delay=0.0, index_lag=0.0
)
"""Nobody waits for Graph: not for its budgets, not for its replicas."""

SETTINGS = {
    "PASSWORD_WRITEBACK": "on",
    "SSPR_SCOPE": "report",
    # The demo's timers come every second or two: that would be measured along with the sweep.
    "TELLING_SCHEDULE": "0 * * * * *",
    "RECONCILE_SCHEDULE": "*/15 * * * * *",
    "SUBSCRIPTIONS_SCHEDULE": "*/15 * * * * *",
    "DELTA_EVERY": "15m",
}
YEARLY = dict.fromkeys(("TELLING_SCHEDULE", "RECONCILE_SCHEDULE", "SUBSCRIPTIONS_SCHEDULE"), "0 0 3 1 1 *")
"""Timers that never come in a benchmark."""


class BenchStage(Stage):
    """The stage, its host running the app in a folder of our choice; `split`: as Flex Consumption does."""

    def __init__(
        self, world: World, app: Path, settings: Mapping[str, str], storage: str = "", *, split: bool = False
    ) -> None:
        super().__init__(world, settings=settings, storage=storage)
        self._app = app
        self._split = split

    def another_host(self, *, port: int = 0, only: Collection[str] | None = None) -> HostProcess:
        """As the stage's own."""
        return HostProcess(self._app, self.environment, port=port, only=only, split=self._split, lease=30)


class Playing:
    """A running stage and a look at its ledger."""

    def __init__(self, stage: BenchStage, ledger: Ledger) -> None:
        self.stage = stage
        self.ledger = ledger

    @property
    def pid(self) -> int:
        """The process of the app."""
        return self.stage.host.pid

    async def record(self) -> TenantRecord:
        """The tenant's record as committed; an empty one before the app has begun a ledger."""
        if await self.ledger.manifest() is None:
            return TenantRecord(name="tenant")
        return (await self.ledger.read_tenant()).record

    async def until(
        self, what: str, look: Callable[[], Awaitable[bool]], seconds: float, every: float = 0.1
    ) -> None:
        """Wait for something. Raises `Failed` with the host's last words if it never comes."""
        end = time.monotonic() + seconds
        while not await look():
            if time.monotonic() > end or self.stage.host.returncode is not None:
                words = self.stage.host.log_text()[-4000:]
                raise Failed(f"{what}: not within {seconds:.0f} s. The app's last words:\n{words}")
            await asyncio.sleep(every)


@contextlib.asynccontextmanager
async def playing(
    world: World, settings: Mapping[str, str] | None = None, storage: str = "", *, split: bool = False
) -> AsyncIterator[Playing]:
    """Everything running for `world`, on that storage account or an Azurite of its own.

    `split`: the app in processes as on Flex Consumption.
    """
    with tempfile.TemporaryDirectory(prefix="bench-app-") as folder:
        app = Path(folder)
        shutil.copy(ROOT / "host.json", app)
        (app / "function_app.py").symlink_to(ROOT / "benchmarks" / "unpaced.py")
        async with BenchStage(world, app, {**SETTINGS, **(settings or {})}, storage, split=split) as stage:
            account = Storage.connect(StorageSettings(connection_string=stage.storage))
            try:
                await account.ensure()
                yield Playing(stage, Ledger(account, world.organization.id, load_rules()))
            finally:
                await account.close()
