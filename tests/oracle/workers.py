"""The workers of a history: the real watch, by the story's clock and with queues in the host's memory."""

import sys
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from types import TracebackType
from typing import Any, Self, cast

from azure.core.credentials import AccessToken

from sandbox.graph.identity import issue
from sandbox.graph.simulator import Simulator
from sandbox.graph.world import World
from shared.graph.retry import Patience
from shared.graph.session import GraphSession
from shared.settings import Settings
from shared.storage import Storage
from shared.watch.parts import Watch
from tests.oracle.host import Host, Outgoing, StoryClock
from tests.oracle.memory_storage import MemoryAccount, MemoryStorage
from tests.oracle.wire import straight_to

# httpcore looks for it at every lock it makes, all over the path, where it is not installed.
cast("dict[str, object]", sys.modules).setdefault("sniffio", None)


@dataclass(slots=True)
class Place:
    """What the workers of one history share. `account` None: the storage account of their settings.

    `simulator`: asked without sockets; None: over HTTP. `attempt_timeout`: real seconds that a worker waits.
    """

    clock: StoryClock
    host: Host
    world: World
    account: MemoryAccount | None
    simulator: Simulator | None = None
    attempt_timeout: float = 1.0


class Steady(Patience, frozen=True):
    """Backs off by the same lengths each time that a history is played."""

    def backoff(self, attempt: int, chance: float) -> float:
        return super().backoff(attempt, 0.5)


class Credential:
    """Tokens of the simulated tenant, always with the roles of this moment."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        """A token that lasts for the whole history."""
        token, expires = issue(self._world, "https://graph.microsoft.com", self._world.now())
        return AccessToken(token, int(expires.timestamp()))

    async def close(self) -> None:
        """Nothing is open."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        return None


class Hand(Watch):
    """One worker."""

    def __init__(self, settings: Settings, place: Place) -> None:
        super().__init__(settings)
        self._place = place

    @cached_property
    def storage(self) -> Storage:
        place = self._place
        storage = MemoryStorage(place.account) if place.account else Storage.connect(self.settings.storage)
        storage.changed_users = Outgoing(place.host, "changed-users")
        storage.sweeps = Outgoing(place.host, "sweeps")
        return storage

    @cached_property
    def graph(self) -> GraphSession:
        place, clock = self._place, self._place.clock
        with straight_to(place.simulator) if place.simulator else nullcontext():
            return GraphSession(
                self.settings.graph,
                clock.monotonic,
                clock.sleep,
                Credential(place.world),
                now=clock.now,
                patience=Steady(attempts=3, attempt_timeout=place.attempt_timeout),
            )

    def now(self) -> datetime:
        return self._place.clock.now()

    async def close(self) -> None:
        """Close its connections."""
        await self.graph.aclose()
        await self.storage.close()
