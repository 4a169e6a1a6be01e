"""A small tenant with the whole app watching it, its storage seen through a proxy."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from sandbox.graph.tenant import generate
from sandbox.graph.world import World
from sandbox.stage import QUICK_RATES, STORY, Stage
from sandbox.storage_proxy import StorageProxy
from sandbox.teams import Posted
from sandbox.waiting import until
from shared.ledger.journal import JournalLine
from shared.ledger.ledger import Ledger
from shared.ledger.records import UserRecord
from shared.rules.loader import load_rules
from shared.storage import Storage, StorageSettings
from tests.journal_contract import breaches

DELIVERED = {"DELIVERY": os.environ.get("WATCH_DELIVERY") or "webhook"}
"""Which way Graph's notifications come in all stories of this session."""


@dataclass
class Theatre:
    """The stage, the proxy before its storage, and a look at ledger and journal past the proxy."""

    stage: Stage
    proxy: StorageProxy
    storage: Storage
    ledger: Ledger
    on_card: list[Callable[[Posted], None]]

    async def baseline(self) -> None:
        """Wait until the first reading has been told."""
        await self.stage.teams.wait_for(1, 60)

    async def record(self, user_id: str) -> UserRecord:
        """The user's record in the ledger."""
        return (await self.ledger.user_records([user_id]))[user_id]

    async def lines(self, subject_id: str, since: datetime | None = None) -> list[JournalLine]:
        """The journal's lines about a subject; every book's numbers must be without a gap."""
        found: list[JournalLine] = []
        for book in await self.ledger.books():
            numbers = []
            async for number, lines in self.ledger.read_journal(book):
                numbers.append(number)
                found += [line for line in lines if line.subject.id == subject_id]
            assert numbers == list(range(1, len(numbers) + 1)), book
        return [line for line in found if since is None or line.at >= since]

    async def told(self, *texts: str) -> int:
        """How many cards hold all these texts."""
        shown = [str(posted.card) for posted in self.stage.teams.cards]
        return sum(all(text in card for text in texts) for card in shown)

    async def until(self, what: str, look: Callable[[], Awaitable[object]], seconds: float = 150.0) -> None:
        """Wait for something to become true; a killed process may leave a lease that runs for a minute."""
        await until(what, look, seconds)


@asynccontextmanager
async def theatre(
    storage_account: str, settings: Mapping[str, str] | None = None, *, world: World | None = None
) -> AsyncIterator[Theatre]:
    """Open one on an empty storage account; `world` instead of a tenant of 60 users."""
    async with StorageProxy(storage_account) as proxy:
        world = world or generate(60, rates=QUICK_RATES)
        on_card: list[Callable[[Posted], None]] = []

        def show(posted: Posted) -> None:
            for call in on_card:
                call(posted)

        async with Stage(
            world,
            storage=proxy.connection_string,
            settings={**STORY, **(settings or {})},
            offered=DELIVERED,
            on_card=show,
        ) as stage:
            storage = Storage.connect(StorageSettings(connection_string=storage_account))
            try:
                ledger = Ledger(storage, world.organization.id, load_rules())
                yield Theatre(stage, proxy, storage, ledger, on_card)
                await _keeps_the_contract(storage)
            finally:
                await storage.close()


async def _keeps_the_contract(storage: Storage) -> None:
    """The host is a process of its own, so its lines are held against the schema as they lie there."""
    looked_at = 0
    async for listed in storage.alerts.names(""):
        stored = await storage.alerts.read(listed.name)
        assert stored
        assert breaches(stored.data) == [], listed.name
        looked_at += 1
    assert looked_at
