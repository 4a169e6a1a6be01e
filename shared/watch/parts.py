"""The parts that every job works with, built once a process and only when first used."""

import contextlib
import functools
from datetime import datetime, timedelta
from typing import Self

from azure.core.exceptions import ResourceNotFoundError

from shared import settings as settings_room
from shared.clocks import StorageClock, is_ahead
from shared.graph.session import GraphSession
from shared.graph.users import count_users
from shared.judgement import Judge
from shared.ledger.ledger import Ledger
from shared.ledger.records import Manifest
from shared.model import TenantFacts
from shared.notify.notifier import Notifier
from shared.report.gathering import Gatherer
from shared.rules.loader import Rules, load_rules
from shared.settings import Settings
from shared.storage import Storage
from shared.watch import heap
from shared.watch.standing import Standings


class Busy(Exception):
    """Another worker is at this just now. The queue tries the message again."""


class Watch:
    """Settings, rules, storage, Graph, ledger and notifier of one tenant."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._time = StorageClock()
        self._manifest: Manifest | None = None
        self._ensured = False
        self._judge: tuple[tuple[int, str], Judge] | None = None
        self.counted: dict[tuple[str, str], datetime] = {}
        """When users were last counted because of a cause (kind, about) that had no finding of its own."""
        self.policy_fingerprint = settings.policy.fingerprint(self.rules.digest)

    @functools.cached_property
    def rules(self) -> Rules:
        return load_rules()

    @functools.cached_property
    def storage(self) -> Storage:
        return Storage.connect(self.settings.storage, clock=self._time)

    @functools.cached_property
    def graph(self) -> GraphSession:
        return GraphSession(self.settings.graph, now=self.now)

    @functools.cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.storage, self.settings.tenant_id, self.rules, self.now)

    @functools.cached_property
    def standings(self) -> Standings:
        return Standings(self.storage, self.settings.tenant_id)

    @functools.cached_property
    def notifier(self) -> Notifier:
        return Notifier(self.storage, self.ledger, self.rules, self.settings)

    @functools.cached_property
    def gatherer(self) -> Gatherer:
        return Gatherer(self.storage, self.settings.tenant_id, self.rules, self.settings.policy)

    @property
    def manifest(self) -> Manifest:
        """The ledger's manifest. Only after `ready`."""
        if self._manifest is None:
            raise RuntimeError("the watch is used before it is ready")
        return self._manifest

    def judge(self, facts: TenantFacts) -> Judge:
        """The judge by these facts; the same for all who ask by the same generation and policy.

        What it has worked out for one user serves the next, and making it costs as much as judging hundreds.
        """
        key = (facts.generation, facts.policy)
        if self._judge is None or self._judge[0] != key:
            self._judge = key, Judge(self.rules, self.settings.policy, facts)
        return self._judge[1]

    async def ready(self) -> Self:
        """Make sure of containers, queues and the ledger, once a process; the first ever counts the users.

        Raises `GraphError` or what storage raises; the next trigger tries again.
        """
        # Whoever only looked before (`found`) has made nothing.
        if not self._ensured:
            await self.storage.ensure()
            self._manifest = await self.ledger.manifest(lambda: count_users(self.graph))
            self._ensured = True
        return self

    async def found(self) -> bool:
        """As `ready` for whoever only looks: nothing is made. Says whether there is a ledger."""
        with contextlib.suppress(ResourceNotFoundError):
            # That is the container's: there is not even that.
            self._manifest = await self.ledger.manifest()
        return self._manifest is not None

    def rest(self) -> None:
        """A part of a long job is over: let go of what was kept decoded for it, and of free memory."""
        self.ledger.forget()
        self.standings.forget()
        heap.trim()

    def is_time(self, last: datetime, every: timedelta) -> bool:
        """Whether `every` has passed since `last`, or nearly: a timer that comes a moment early must not wait
        for its next turn. It is, too, where `last` lies ahead of now: nobody knows how long ago that was."""
        now = self.now()
        return now - last >= 0.9 * every or is_ahead(last, now)

    def now(self) -> datetime:
        """The time, in UTC: the one clock of the jobs."""
        return self._time.now()


@functools.cache
def current() -> Watch:
    """The watch of this process. Raises `SettingsError`."""
    heap.give_back()
    return Watch(settings_room.current())


async def ready() -> Watch:
    """The watch of this process, made ready."""
    return await current().ready()
