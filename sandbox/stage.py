"""The whole sandbox on one laptop: Azurite, the simulated tenant, the Teams sink and the real app.

Used by `python -m sandbox up` and `demo`, and by the tests that run the app as a process.
"""

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from sandbox import packaged
from sandbox.azurite import Azurite
from sandbox.graph.control import Control
from sandbox.graph.rates import Rates
from sandbox.graph.server import serve
from sandbox.graph.world import World
from sandbox.host.errors import HostError
from sandbox.host.event_grid import KEY_PATH
from sandbox.host.process import HostProcess
from sandbox.teams import Posted, TeamsSink
from shared.settings import load
from shared.settings.delivery import EVENT_GRID, WEBHOOK
from shared.topic import read_topic

APP = Path(__file__).resolve().parent.parent

QUICK = {
    "CONFIRM_AFTER": "2s",
    "GROUP_WAIT": "1s",
    "GROUP_WAIT_MAX": "5s",
    "SECOND_LOOK": "3s",
    "FACTS_AT_MOST_EVERY": "1s",
    "DELTA_EVERY": "5s",
    "TELLING_SCHEDULE": "* * * * * *",
    "RECONCILE_SCHEDULE": "*/2 * * * * *",
    "SUBSCRIPTIONS_SCHEDULE": "*/5 * * * * *",
    # The Functions host reads settings of this form over host.json.
    "AzureFunctionsJobHost__extensions__queues__visibilityTimeout": "00:00:01",
    "AzureFunctionsJobHost__extensions__queues__maxPollingInterval": "00:00:00.200",
}
"""Settings that turn minutes into seconds; the defaults are for a tenant, not for a demo."""


STORY = {
    "PASSWORD_WRITEBACK": "on",
    # In the report a new user shows up hours later; here everybody counts from the first second.
    "SSPR_SCOPE": "all",
}
"""Settings of the tenant that the demo tells of."""

QUICK_RETRIES = (1.0, 1.0, 2.0, 5.0)
"""Event Grid waits 10 seconds before it tries a second time, and up to 12 hours later."""

QUICK_RATES = Rates(report_page_size=999, event_retries=QUICK_RETRIES)
"""How large a page of the registration report is, nobody documents; by 100 rows it takes 20 seconds."""

LIVELY_RATES = Rates(report_page_size=999, token_lifetime=330, event_retries=QUICK_RETRIES)
"""A token keeps a permission that is taken away; the app asks for another token 5 minutes before its end."""

BASE_PORT = 7170
"""The first of six ports in a row, unless others are asked for."""


TOPIC_URL = (
    "EventGrid:?azuresubscriptionid=2f5f1c7e-8f0e-4b0c-9d57-0a6f4c1d2b3e&resourcegroup=rg-watch"
    "&partnertopic=sspr-license-watch&location=westeurope"
)
"""The partner topic of the sandbox."""


class PortTaken(Exception):
    """A port that the sandbox wants is in use; the message says which and what to do."""


@dataclass(frozen=True)
class Ports:
    """Where everything listens; 0 lets the system choose."""

    host: int = 0
    graph: int = 0
    teams: int = 0
    blob: int = 0
    queue: int = 0
    table: int = 0

    @classmethod
    def starting_at(cls, base: int) -> Self:
        """Six ports in a row. Raises `PortTaken` naming every one that is in use."""
        names = ("host", "graph", "teams", "blob", "queue", "table")
        wanted = {name: base + offset for offset, name in enumerate(names)}
        taken = [f"{port} ({name})" for name, port in wanted.items() if in_use(port)]
        if taken:
            raise PortTaken(
                f"Taken on this machine: port {', '.join(taken)}. Is another sandbox running? "
                f"Stop it, or choose other ports: make demo PORTS={base + 100}, or --ports {base + 100}"
            )
        return cls(**wanted)


def in_use(port: int) -> bool:
    """Whether something listens on this loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False


class Stage:
    """Everything running: `async with Stage(world) as stage`.

    `settings` go over the app's environment; `offered` go under it, so that none takes the place of what the
    sandbox sets. `storage` is the connection string of a storage account to use instead of an Azurite of its
    own. `on_card` is called with each card that shows in the channel. `app` is the folder of the app: this
    repository, a package (`make package`), or what the environment names as WATCH_APP, relative to here.
    Raises `SettingsError`, and what Azurite, the servers or the host raise when they can't start; whatever
    had started is stopped. Raises HostError at the end if a package took a module from elsewhere.
    """

    def __init__(
        self,
        world: World,
        *,
        ports: Ports | None = None,
        settings: Mapping[str, str] | None = None,
        offered: Mapping[str, str] | None = None,
        storage: str = "",
        storage_folder: Path | None = None,
        log_path: Path | None = None,
        on_card: Callable[[Posted], None] | None = None,
        app: Path | None = None,
    ) -> None:
        self.world = world
        self.app = app or APP / os.environ.get("WATCH_APP", "")
        self._ports = ports or Ports()
        self._settings = dict(settings or {})
        self._offered = dict(offered or {})
        self._log_path = log_path
        self.teams = TeamsSink(self._ports.teams, posting_delay=0.0, on_card=on_card)
        self.storage = storage
        self._storage_folder = storage_folder
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            if not self.storage:
                azurite = await stack.enter_async_context(self._azurite())
                self.storage = azurite.connection_string
            self.graph = await stack.enter_async_context(await serve(self.world, port=self._ports.graph))
            await stack.enter_async_context(self.teams)
            self.control = await stack.enter_async_context(Control(self.graph.url))
            self.host_port = self._ports.host or free_port()
            self.environment = self._app_settings()
            load(self.environment)
            self.host = self.another_host(port=self.host_port)
            await self.host.start()
            stack.push_async_callback(self._stop_host)
            if self.by_event_grid:
                administrator = asyncio.create_task(self._open_topic())
                stack.push_async_callback(_ended, administrator)
            self._stack = stack.pop_all()
        return self

    def another_host(self, *, port: int = 0, only: Collection[str] | None = None) -> HostProcess:
        """A host of the same app and settings, not started yet; a dead one hides messages for 2 s."""
        return HostProcess(self.app, self.environment, port=port, only=only, lease=2, log_path=self._log_path)

    async def restart_host(self, settings: Mapping[str, str] | None = None) -> None:
        """Start a new host where the old one was; the old one has ended, or is ended now.

        `settings` go over the app's environment from now on.
        """
        await self.host.stop()
        self.environment |= settings or {}
        self.host = self.another_host(port=self.host_port)
        await self.host.start()

    @property
    def by_event_grid(self) -> bool:
        """Whether Graph's notifications come by Event Grid."""
        return self.environment["DELIVERY"].lower() == EVENT_GRID

    async def events_url(self, function: str = "graph_events") -> str:
        """Where Event Grid sends what is for this function, with the host's key for it."""
        async with (
            aiohttp.ClientSession(trust_env=False) as session,
            session.get(f"{self.host.url}{KEY_PATH}") as answer,
        ):
            key = (await answer.json())["value"]
        return f"{self.host.url}/runtime/webhooks/eventgrid?functionName={function}&code={key}"

    async def _open_topic(self) -> None:
        """What somebody with rights in Azure does once Graph has created the topic: activate it, and have its
        events sent to the app."""
        topic = read_topic(self.environment["EVENTGRID_URL"]).name
        url = await self.events_url()
        while True:
            for found in (await self.control.state())["topics"]:
                if found["name"] == topic and not found["routes"]:
                    await self.control.open_topic(topic, url)
            await asyncio.sleep(0.2)

    async def _stop_host(self) -> None:
        if await self.host.stop() == packaged.STRANGERS:
            raise HostError(self.host.log_text().splitlines()[-1])

    def _azurite(self) -> Azurite:
        ports = self._ports
        return Azurite(
            self._storage_folder, blob_port=ports.blob, queue_port=ports.queue, table_port=ports.table
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def _app_settings(self) -> dict[str, str]:
        """The app's environment: all it needs to believe that this is Azure."""
        return {
            **self._offered,
            **self.graph.environment,
            "WATCH_STORAGE": self.storage,
            "AzureWebJobsStorage": self.storage,
            "NOTIFICATION_BASE_URL": f"http://127.0.0.1:{self.host_port}",
            "CLIENT_STATE": secrets.token_urlsafe(48),
            "TEAMS_WORKFLOW_URL": self.teams.url,
            "LOCAL_KEY": secrets.token_urlsafe(24),
            "DELIVERY": self._offered.get("DELIVERY", WEBHOOK),
            "EVENTGRID_URL": TOPIC_URL,
            **QUICK,
            **self._settings,
        }


async def _ended(task: "asyncio.Task[None]") -> None:
    """Stop what runs beside; what it failed with is raised."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def free_port() -> int:
    """A loopback port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
