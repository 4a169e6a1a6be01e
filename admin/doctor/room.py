"""What the checks work with: settings as far as they are right, storage, Graph, what the jobs left behind."""

import asyncio
import functools
from collections.abc import Mapping
from datetime import datetime

import msgspec
from azure.core.credentials_async import AsyncTokenCredential

from shared.graph.principals import Claims
from shared.graph.retry import Patience
from shared.graph.session import GraphSession
from shared.settings import Settings, StorageAccess
from shared.storage import Storage
from shared.watch.parts import Watch
from shared.watch.wellbeing import self_watch
from shared.watch.wellbeing.overdue import Traces

PATIENCE = Patience(attempts=2, attempt_timeout=8.0, longest_wait=4.0, first_backoff=0.3, longest_backoff=1.0)
"""A doctor waits less than a job: whoever sits there tries again."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What whoever runs the doctor asked for. `cards`: routes that a test card goes to, by name."""

    as_me: bool = False
    cards: frozenset[str] = frozenset()


class Visitor(Watch):
    """The watch as the doctor sees it: with connections of the doctor's own, and nothing is ever made."""

    def __init__(self, settings: Settings, storage: Storage, graph: GraphSession | None) -> None:
        super().__init__(settings)
        self.storage = storage
        if graph is not None:
            self.graph = graph


class Room:
    """Filled as the first checks go: `storage` once it answers, `claims` once Graph gave a token.

    `values`: the settings as they stand, unchecked; `settings` and `access` are None where they are wrong.
    `unseen`: secrets that are set and whose values are not seen here; what stands in for them proves nothing.
    """

    def __init__(
        self,
        values: Mapping[str, str],
        faults: tuple[str, ...],
        settings: Settings | None,
        access: StorageAccess | None,
        asked: Asked,
        now: datetime,
        language: str,
        unseen: frozenset[str] = frozenset(),
    ) -> None:
        self.values, self.faults, self.asked, self.now = values, faults, asked, now
        self.language, self.unseen = language, unseen
        self._settings, self.access = settings, access
        self._storage: Storage | None = None
        self._seen: Traces | None = None
        self._once = asyncio.Lock()
        self.claims = Claims()
        self.session: GraphSession | None = None
        self.credentials: list[AsyncTokenCredential] = []
        self.has_ledger = False

    @property
    def settings(self) -> Settings:
        """The settings. Only for checks that need them."""
        if self._settings is None:
            raise RuntimeError("a check that needs settings ran without")
        return self._settings

    @property
    def right(self) -> bool:
        """Whether the settings are right."""
        return self._settings is not None

    @property
    def storage(self) -> Storage:
        """The storage. Only for checks that need it."""
        if self._storage is None:
            raise RuntimeError("a check that needs storage ran without")
        return self._storage

    @storage.setter
    def storage(self, storage: Storage) -> None:
        self._storage = storage

    @property
    def graph(self) -> GraphSession:
        """Graph. Only for checks that need it."""
        if self.session is None:
            raise RuntimeError("a check that needs Graph ran without")
        return self.session

    @functools.cached_property
    def watch(self) -> Visitor:
        """The watch to look at."""
        return Visitor(self.settings, self.storage, self.session)

    async def seen(self) -> Traces:
        """What all jobs left behind, read once for all checks."""
        async with self._once:
            if self._seen is None:
                self._seen = await self_watch.see(self.watch, await self_watch.last_look(self.watch))
            return self._seen

    async def close(self) -> None:
        """Close every connection."""
        if "watch" in self.__dict__ and "notifier" in self.watch.__dict__:
            await self.watch.notifier.close()
        if self.session is not None:
            await self.session.aclose()
        if self._storage is not None:
            await self._storage.close()
        for credential in self.credentials:
            await credential.close()
