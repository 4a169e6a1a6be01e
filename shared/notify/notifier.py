"""One run of the notifier: read the journal, decide, hand over, remember (design §4.5).

One runs at a time, by a lease. The table is committed twice where there is something to send: before, with
the cursors and what people may now hear of, and after, with what came of it. A crash in between repeats a
card.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec

from shared.ledger import members
from shared.ledger.ledger import Ledger
from shared.ledger.manifest import TENANT, members_path
from shared.ledger.records import TenantRecord
from shared.model import SubjectType, TenantFacts
from shared.notify import handover
from shared.notify import memory as memory_room
from shared.notify.cards import Backdrop, card, users_named
from shared.notify.decide import Telling, decide, standing
from shared.notify.memory import Memory
from shared.notify.messages import Message
from shared.notify.names import Names, people
from shared.notify.routes import Delivered, Failed, WorkflowsRoute
from shared.notify.table import Handover, Table, apply
from shared.notify.wording import Wording
from shared.rules.loader import Rules
from shared.settings import Settings
from shared.storage import Lease, Received, Storage
from shared.texts.catalogue import catalogue

LOCK = "telling"
LEASE_SECONDS = 60
HIDDEN_SECONDS = 120
READ_ALL_EVERY = timedelta(hours=1)
"""A lost queue message must not hide a line: so often every book is read, named or not."""

ROUNDS = 32
"""Queue messages are taken 32 at a time, at most so many times a run; the rest is for the next."""

PAUSE = 0.3
"""Seconds between two cards: Workflows throttles more than four requests a second."""

_log = logging.getLogger(__name__)


class Route(Protocol):
    """Where messages are handed over."""

    async def post(self, payload: dict[str, Any], now: datetime) -> Delivered | Failed: ...
    async def close(self) -> None: ...


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a run did. `busy`: another one is at work, so this did nothing.

    `blobs`: journal blobs applied. `cards` handed over and `failures` not. `standing`: how many findings are
    not told now, by reason. `handovers`: what waits for another attempt; `failing`: since more than 24 hours.
    """

    busy: bool = False
    blobs: int = 0
    cards: int = 0
    failures: int = 0
    standing: Mapping[str, int] = {}
    handovers: tuple[Handover, ...] = ()
    failing: int = 0


class Well(msgspec.Struct, frozen=True, kw_only=True):
    """How telling is, for `health`: `problems` are sentences without names, `detail` JSON values."""

    problems: tuple[str, ...]
    detail: Mapping[str, Any]


class Notifier:
    """Tells people what the journal says, by way of `settings`. `route` and `sleep` are for tests."""

    def __init__(
        self,
        storage: Storage,
        ledger: Ledger,
        rules: Rules,
        settings: Settings,
        route: Route | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._storage = storage
        self._ledger = ledger
        self._rules = rules
        self._settings = settings
        self._route = route or WorkflowsRoute(settings.teams_workflow_url)
        self._sleep = sleep
        telling = settings.telling
        self._telling = Telling(
            confirm_after=telling.confirm_after,
            group_wait=telling.group_wait,
            group_wait_max=telling.group_wait_max,
        )

    async def tell(self, now: datetime) -> Told:
        """One run. Raises `TableUnreadable`, and what ledger and storage raise; hand-overs never raise."""
        if await self._ledger.manifest() is None:
            return Told()
        async with self._ledger.lock(LOCK, LEASE_SECONDS) as lease:
            if lease is None:
                return Told(busy=True)
            return await self._run(now, lease)

    async def table(self) -> Table:
        """The table as it stands, for `health` and `explain`; empty before the first run."""
        return (await self._recall()).table

    async def health(self, now: datetime) -> Well:
        """What waits, why, and which hand-overs have failed. Reads only."""
        table = await self.table()
        record = (await self._ledger.read_tenant()).record
        holds = await self._holds(table, record.facts, now)
        reasons = standing(table, self._rules.mutes, self._telling, now, record.baseline_ended_at, holds)
        waiting = [one for one in table.handovers if one.items]
        problems = [
            f"a message to Teams has failed {one.attempts} time(s) since {one.failed_at:%Y-%m-%d %H:%M} UTC "
            f"({one.status}); the next attempt is at {one.not_before:%Y-%m-%d %H:%M} UTC"
            for one in waiting
        ]
        failing = len(handover.failing(table, now))
        if failing:
            problems.insert(0, f"{failing} message(s) to Teams have failed for more than 24 hours")
        detail = {
            "findings": len(table.entries),
            "standing": Counter(str(silence) for silence in reasons.values()),
            "handovers": [
                {"attempts": one.attempts, "failed_at": one.failed_at, "not_before": one.not_before}
                | {"status": one.status, "items": len(one.items)}
                for one in waiting
            ],
            "failing": failing,
            "baseline_told_at": table.baseline_told_at,
            "all_read_at": table.all_read_at,
        }
        return Well(problems=tuple(problems), detail=detail)

    async def close(self) -> None:
        """Close the connections of the route."""
        await self._route.close()

    async def _run(self, now: datetime, lease: Lease) -> Told:
        memory = await self._recall()
        record = (await self._ledger.read_tenant()).record
        received = await self._receive()
        table, blobs = await self._caught_up(memory.table, record, {one.text for one in received}, now)
        holds = await self._holds(table, record.facts, now)
        decision = decide(table, self._rules.mutes, self._telling, now, record.baseline_ended_at, holds)
        table, messages = decision.table, decision.messages
        cards = failures = 0
        if messages:
            offered = handover.offered(table, messages, now)
            memory = await memory_room.commit(self._storage.ledger, memory, offered)
            wording, backdrop = await self._words(record, messages)
            table, cards, failures = await self._send(memory.table, messages, wording, backdrop, now, lease)
        await memory_room.commit(self._storage.ledger, memory, table)
        for one in received:
            await self._storage.journal.delete(one)
        told = Told(
            blobs=blobs,
            cards=cards,
            failures=failures,
            standing=Counter(str(silence) for silence in decision.standing.values()),
            handovers=tuple(one for one in table.handovers if one.items),
            failing=len(handover.failing(table, now)),
        )
        _log.info("telling: %d journal blobs, %d cards handed over, %d not", blobs, cards, failures)
        return told

    async def _recall(self) -> Memory:
        return await memory_room.recall(self._storage.ledger, await self._ledger.manifest())

    # --- reading -----------------------------------------------------------------------------------------

    async def _receive(self) -> list[Received]:
        received: list[Received] = []
        for _ in range(ROUNDS):
            batch = await self._storage.journal.receive(32, hidden=HIDDEN_SECONDS)
            if not batch:
                break
            received.extend(batch)
        return received

    async def _caught_up(
        self, table: Table, record: TenantRecord, named: set[str], now: datetime
    ) -> tuple[Table, int]:
        """The table with the news of the named books; of all at first, hourly, and for the baseline card.

        The tenant's book is read each time and last: it holds the causes of what the others say.
        """
        known = await self._ledger.books()
        last = table.all_read_at
        baseline_due = record.baseline_ended_at is not None and table.baseline_told_at is None
        read_all = baseline_due or last is None or now - last >= READ_ALL_EVERY
        if read_all:
            await self._ledger.drain()
            table = msgspec.structs.replace(table, all_read_at=now)
        blobs = 0
        for book in (*(one for one in known if one != TENANT and (read_all or one in named)), TENANT):
            cursor = table.cursors.get(book, 0)
            read = [blob async for blob in self._ledger.read_journal(book, cursor)]
            table = apply(table, book, read)
            blobs += len(read)
        return table, blobs

    async def _holds(self, table: Table, facts: TenantFacts | None, now: datetime) -> frozenset[str]:
        """Of the users of whom there is something to tell, the members of groups whose licensing job runs."""
        ours = {one.subject_id for one in table.entries.values() if one.subject_type is SubjectType.USER}
        held: set[str] = set()
        for group in facts.groups.values() if facts else ():
            if not group.job_runs(now):
                continue
            stored = await self._storage.evidence.read(members_path(self._settings.tenant_id, group.id))
            if stored is not None:
                held.update(one for one in members.users(stored.data) if one in ours)
        return frozenset(held)

    async def _words(self, record: TenantRecord, messages: Iterable[Message]) -> tuple[Wording, Backdrop]:
        """Names for what the cards show, and what stands beside the findings."""
        facts = record.facts or TenantFacts(tenant_id=self._settings.tenant_id)
        texts = catalogue(self._settings.telling.language)
        names = Names(
            texts=texts,
            style=self._settings.telling.names,
            users=await people(self._ledger, (one for message in messages for one in users_named(message))),
            groups={group.id: group.display_name for group in facts.groups.values()},
            product=lambda sku: self._rules.skus.name(
                sku, facts.skus[sku].part_number if sku in facts.skus else ""
            ),
            tenant=facts.display_name,
        )
        totals, sweep = record.totals, record.sweep
        backdrop = Backdrop(
            edition=self._settings.policy.edition,
            differing=totals.differing if totals else None,
            users=totals.users if totals else sweep.users if sweep else None,
        )
        return Wording(texts, names, self._rules), backdrop

    # --- sending -----------------------------------------------------------------------------------------

    async def _send(
        self,
        table: Table,
        messages: tuple[Message, ...],
        wording: Wording,
        backdrop: Backdrop,
        now: datetime,
        lease: Lease,
    ) -> tuple[Table, int, int]:
        """Hand the messages over in order; after a failure that would befall the next too, keep the rest."""
        cards = failures = 0
        for number, message in enumerate(messages):
            if number:
                await self._sleep(PAUSE)
            if not lease:
                return handover.withdrawn(table, messages[number:], now), cards, failures
            result = await self._hand_over(message, wording, backdrop, now)
            if isinstance(result, Delivered):
                table = handover.delivered(table, message, now)
                cards += 1
                continue
            failures += 1
            _log.warning("telling: a card of %d findings failed: %s", len(message.items), result.status)
            table = handover.failed(
                table,
                message,
                now,
                result.retry_after,
                status=result.status,
                certain=result.certain,
                offered_at=now,
            )
            if result.route:
                return handover.withdrawn(table, messages[number + 1 :], now), cards, failures
        return table, cards, failures

    async def _hand_over(
        self, message: Message, wording: Wording, backdrop: Backdrop, now: datetime
    ) -> Delivered | Failed:
        """Post the message's card. One that can't be worded fails by itself and keeps no other back."""
        try:
            payload = card(message, wording, backdrop)
        except (LookupError, TypeError, ValueError) as fault:
            _log.error("telling: a card can't be worded: %s", type(fault).__name__)
            return Failed(status="unwordable", route=False)
        return await self._route.post(payload, now)
