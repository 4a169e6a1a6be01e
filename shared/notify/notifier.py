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
from typing import Any

import msgspec

from shared.ledger.ledger import Ledger
from shared.ledger.manifest import TENANT, trail_path
from shared.ledger.records import TenantRecord
from shared.model import ndjson
from shared.notify import memory as memory_room
from shared.notify import surroundings, trail
from shared.notify.deciding import handover
from shared.notify.deciding.decide import Decision, decide
from shared.notify.deciding.scene import Scene
from shared.notify.delivering.routes import Route, route_of
from shared.notify.delivering.sending import Sender, Sent
from shared.notify.memory import Memory
from shared.notify.table import Handover, Table, apply
from shared.rules.loader import Rules
from shared.settings import Settings
from shared.settings.routes import RouteSettings
from shared.storage import Lease, Received, Storage
from shared.texts.catalogue import Catalogue, catalogue

LOCK = "telling"
LEASE_SECONDS = 60
HIDDEN_SECONDS = 120
READ_ALL_EVERY = timedelta(hours=1)
"""A lost queue message must not hide a line: so often every book is read, named or not."""

ROUNDS = 32
"""Queue messages are taken 32 at a time, at most so many times a run; the rest is for the next."""

_log = logging.getLogger("watch.telling")


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a run did. `busy`: another one is at work, so this did nothing.

    `blobs`: journal blobs applied. `cards` handed over and `failures` not. `standing`: how many findings are
    not told now, by reason. `handovers`: what waits for another attempt; `failing`: since more than 24 hours.
    `wants_reading`: everybody should be read again, to know whether a mass change is so.
    """

    busy: bool = False
    blobs: int = 0
    cards: int = 0
    failures: int = 0
    standing: Mapping[str, int] = {}
    handovers: tuple[Handover, ...] = ()
    failing: int = 0
    wants_reading: bool = False


class Well(msgspec.Struct, frozen=True, kw_only=True):
    """How telling is, for `health`: `problems` are sentences without names, `detail` JSON values."""

    problems: tuple[str, ...]
    detail: Mapping[str, Any]


class Notifier:
    """Tells people what the journal says, by way of `settings`. `open_route` and `sleep` are for tests."""

    def __init__(
        self,
        storage: Storage,
        ledger: Ledger,
        rules: Rules,
        settings: Settings,
        open_route: Callable[[RouteSettings], Route] = route_of,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._storage = storage
        self._ledger = ledger
        self._rules = rules
        self._settings = settings
        self._sender = Sender(ledger, rules, settings, open_route, sleep)
        self._telling = surroundings.patience(settings.telling)

    async def tell(self, now: datetime) -> Told:
        """One run. Raises `TableUnreadable`, `AgreedUnreadable`, and what ledger and storage raise.

        What the network or a receiver does is never raised.
        """
        if await self._ledger.manifest() is None:
            return Told()
        async with self._ledger.lock(LOCK, LEASE_SECONDS) as lease:
            if lease is None:
                return Told(busy=True)
            return await self._run(now, lease)

    async def table(self) -> Table:
        """The table as it stands, for `health` and `explain`; empty before the first run."""
        return (await self._recall()).table

    async def health(self, now: datetime, texts: Catalogue | None = None) -> Well:
        """What waits, why, and which hand-overs have failed, route by route. Reads only.

        `texts`: in whose words, else the watch's own. Raises what `tell` raises.
        """
        table = await self.table()
        record = (await self._ledger.read_tenant()).record
        decision = decide(table, self._rules.mutes, self._telling, await self._scene(table, record, now))
        waiting = [one for one in table.handovers if one.items]
        texts = texts or catalogue(self._settings.telling.language)
        problems = [
            texts.text(
                "health",
                "message_failed",
                route=one.route,
                n=one.attempts,
                since=f"{one.failed_at:%Y-%m-%d %H:%M} UTC",
                status=one.status,
                at=f"{one.not_before:%Y-%m-%d %H:%M} UTC",
            )
            for one in waiting
        ]
        failing = len(handover.failing(table, now))
        if failing:
            problems.insert(0, texts.text("health", "messages_failing", n=failing))
        detail = {
            "findings": len(table.entries),
            "standing": _counted(decision),
            "handovers": [
                {"route": one.route, "attempts": one.attempts, "failed_at": one.failed_at}
                | {"not_before": one.not_before, "status": one.status, "items": len(one.items)}
                for one in waiting
            ],
            "failing": failing,
            "routes": {
                one.rule.name: {
                    "last_handover_at": table.route(one.rule.name).handed_at,
                    "digest_at": table.route(one.rule.name).digest_at,
                    "baseline_told_at": table.route(one.rule.name).baseline_told_at,
                }
                for one in self._settings.routes
            },
            "held": [
                {"worse": one.worse, "users": one.mass.users, "since": one.since, "told": bool(one.told)}
                for one in table.brakes
            ],
            "all_read_at": table.all_read_at,
        }
        return Well(problems=tuple(problems), detail=detail)

    async def close(self) -> None:
        """Close the connections of the routes."""
        await self._sender.close()

    async def _run(self, now: datetime, lease: Lease) -> Told:
        memory = await self._recall()
        record = (await self._ledger.read_tenant()).record
        # Nothing is told before the first reading has ended, and then of all that the books say: until then
        # they are left as they are, or a large tenant's findings would be held beside its users.
        reads = record.baseline_ended_at is not None
        received = await self._receive() if reads else []
        table, blobs = await self._caught_up(memory.table, record, {one.text for one in received}, now)
        scene = await self._scene(table, record, now)
        decision = decide(table, self._rules.mutes, self._telling, scene)
        table, lines = trail.of_decision(decision.table, decision, now)
        sent = Sent(table)
        if decision.messages:
            # What it is about is remembered from here on, so that no later run would write it.
            await self._leave_trail(lines, now)
            offered = handover.offered(table, decision.messages, now)
            memory = await memory_room.commit(self._storage.ledger, memory, offered)
            sent = await self._sender.send(memory.table, decision.messages, record, now, lease)
        await self._leave_trail((*lines, *sent.lines), now)
        await memory_room.commit(self._storage.ledger, memory, sent.table)
        for one in received:
            await self._storage.journal.delete(one)
        if blobs or sent.cards or sent.failures:
            _log.info(
                "telling: %d journal blobs, %d cards handed over, %d not", blobs, sent.cards, sent.failures
            )
        return Told(
            blobs=blobs,
            cards=sent.cards,
            failures=sent.failures,
            standing=_counted(decision),
            handovers=tuple(one for one in sent.table.handovers if one.items),
            failing=len(handover.failing(sent.table, now)),
            wants_reading=decision.wants_reading,
        )

    async def _scene(self, table: Table, record: TenantRecord, now: datetime) -> Scene:
        return await surroundings.scene(self._storage, self._settings, self._rules, table, record, now)

    async def _leave_trail(self, lines: Iterable[trail.TrailLine], now: datetime) -> None:
        """Before the table: a crash in between leaves a line twice, none out. The last writing counts."""
        written = ndjson(lines)
        if written:
            await self._storage.evidence.put(trail_path(self._settings.tenant_id, now), written)

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

        The tenant's book is read each time and last: it holds the causes of what the others say. Until the
        first complete reading has ended it is the only one.
        """
        known = await self._ledger.books() if record.baseline_ended_at else ()
        last = table.all_read_at
        read_all = last is None or now - last >= READ_ALL_EVERY or _rests_on_all(table, record)
        if read_all and known:
            await self._ledger.drain()
            table = msgspec.structs.replace(table, all_read_at=now)
        blobs = 0
        for book in (*(one for one in known if one != TENANT and (read_all or one in named)), TENANT):
            cursor = table.cursors.get(book, 0)
            read = [blob async for blob in self._ledger.read_journal(book, cursor)]
            table = apply(table, book, read, now)
            blobs += len(read)
        return table, blobs


def _rests_on_all(table: Table, record: TenantRecord) -> bool:
    """Whether this run may decide something that a line not yet read would change: how things stand at first,
    whether a mass change is so, what came of a declared one."""
    baseline_due = record.baseline_ended_at is not None and not table.routes
    return baseline_due or table.declared is not None or any(one.asked_at for one in table.brakes)


def _counted(decision: Decision) -> Counter[str]:
    """How many findings are not told now, by reason: on each route for itself."""
    reasons = (str(one) for route in decision.standing.values() for one in route.values())
    return Counter(reasons)
