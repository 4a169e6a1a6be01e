"""Everything running: the tenant, storage behind its proxy, the receivers, and the app as Flex splits it."""

import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator, Collection
from pathlib import Path

from sandbox.azurite import Azurite
from sandbox.graph.world import World
from sandbox.host.commands import WORKER
from sandbox.host.process import HostProcess
from sandbox.stage import APP, Stage
from sandbox.webhook import WebhookSink
from shared.ledger.books import Books
from shared.ledger.manifest import TENANT, Paths
from shared.ledger.records import Shard, TenantRecord
from shared.ledger.shards import shard_names
from shared.settings import load
from shared.watch.parts import Watch
from tests.soak.clock import AppClock
from tests.soak.measuring import Sample, WorkerNames, look
from tests.soak.storage_front import StorageFront

LEASE_SECONDS = 15
"""So long a dead process hides its messages; in Azure ten minutes."""

POLICY = {
    "POLICY_EDITION": "2017-10-24",
    "CONTESTED": "",
    "DEVELOPER_SKUS": "count",
    "POPULATION": "enabled",
    "RESOURCE_ACCOUNTS": "skip",
    "PASSWORD_WRITEBACK": "on",
    "SYNCED_WITHOUT_WRITEBACK": "",
    "INTERNAL_GUESTS": "",
    "ADMINISTRATORS": "",
    "SSPR_SCOPE": "all",
    "EMERGENCY_GROUP": "",
}
"""The administrator's choices, as app settings; the judge of the oracle takes the same."""

SHORTER = {
    "CONFIRM_AFTER": "5s",
    "GROUP_WAIT": "3s",
    "GROUP_WAIT_MAX": "15s",
    "MASS_WINDOW": "30s",
    "SECOND_LOOK": "10s",
    "FACTS_AT_MOST_EVERY": "5s",
    "FACTS_EVERY": "1m",
    "DELTA_EVERY": "20s",
    "TELLING_SCHEDULE": "*/3 * * * * *",
    "RECONCILE_SCHEDULE": "*/5 * * * * *",
    "SUBSCRIPTIONS_SCHEDULE": "*/15 * * * * *",
    "AzureFunctionsJobHost__extensions__queues__visibilityTimeout": "00:00:05",
    "AzureFunctionsJobHost__extensions__queues__maxPollingInterval": "00:00:01",
}
"""Times that are shorter than an administrator would have them, so that the app goes many rounds."""


class SoakStage(Stage):
    """The stage with the app split into its processes, which are replaced when they die, and with its clock
    in our hands."""

    def another_host(self, *, port: int = 0, only: Collection[str] | None = None) -> HostProcess:
        """All processes of the app."""
        return HostProcess(
            self.app,
            self.environment,
            port=port,
            split=True,
            replace=True,
            lease=LEASE_SECONDS,
            log_path=self._log_path,
        )


class Troupe:
    """A running stage and what stands around it. `watch` looks at the same storage past the proxy."""

    def __init__(
        self,
        stage: SoakStage,
        azurite: Azurite,
        front: StorageFront,
        tickets: WebhookSink,
        clock: AppClock,
        watch: Watch,
        log_path: Path,
    ) -> None:
        self.stage = stage
        self.world = stage.world
        self.simulator = stage.graph.simulator
        self.azurite = azurite
        self.front = front
        self.tickets = tickets
        self.teams = stage.teams
        self.clock = clock
        self.watch = watch
        self.storage = watch.storage
        self.ledger = watch.ledger
        self._books = Books(watch.storage.ledger)
        self.log_path = log_path
        self.workers = WorkerNames(log_path, WORKER)

    async def tenant(self) -> TenantRecord:
        """The tenant's record as it lies there: looking through the ledger would publish what it holds."""
        manifest = await self.ledger.manifest()
        if manifest is None:
            return TenantRecord(name=TENANT)
        return (await self._books.read(Paths(manifest).book(TENANT), TenantRecord(name=TENANT))).record

    async def books(self) -> dict[str, TenantRecord | Shard]:
        """Every book as it lies there, by name."""
        manifest = await self.ledger.manifest()
        if manifest is None:
            return {}
        paths = Paths(manifest)
        found: dict[str, TenantRecord | Shard] = {TENANT: await self.tenant()}
        for name in shard_names(manifest.shards):
            found[name] = (await self._books.read(paths.book(name), Shard(name=name))).record
        return found

    def kill(self, process: str) -> None:
        """SIGKILL to a process of the app."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.workers.refresh()[process], signal.SIGKILL)

    def look(self, at: float) -> list[Sample]:
        """What each process uses now."""
        pids = {f"app: {name}": pid for name, pid in self.workers.refresh().items()}
        pids |= {
            "app: its supervisor": self.stage.host.pid,
            "Azurite": self.azurite.pid,
            "proxy before storage": self.front.pid,
            "simulator, receivers, driver": os.getpid(),
        }
        return [one for name, pid in pids.items() if (one := look(at, name, pid)) is not None]


@contextlib.asynccontextmanager
async def troupe(world: World, folder: Path) -> AsyncIterator[Troupe]:
    """Everything running for `world`; log and clock of the app in `folder`."""
    app = folder / "app"
    app.mkdir(parents=True)
    shutil.copy(APP / "host.json", app)
    (app / "function_app.py").symlink_to(Path(__file__).parent / "clocked_app.py")
    clock = AppClock(folder / "clock")
    log_path = folder / "host.log"
    async with contextlib.AsyncExitStack() as stack:
        azurite = await stack.enter_async_context(Azurite())
        front = await stack.enter_async_context(StorageFront(azurite.connection_string))
        tickets = await stack.enter_async_context(WebhookSink(clock=clock.now))
        settings = {**POLICY, **SHORTER, **tickets.environment, "SOAK_CLOCK": str(clock.path)}
        stage = await stack.enter_async_context(
            SoakStage(
                world,
                settings=settings,
                storage=front.connection_string,
                log_path=log_path,
                app=app,
            )
        )
        watch = Watch(load({**stage.environment, "WATCH_STORAGE": azurite.connection_string}))
        stack.push_async_callback(watch.storage.close)
        await watch.storage.ensure()
        yield Troupe(stage, azurite, front, tickets, clock, watch, log_path)
