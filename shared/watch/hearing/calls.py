"""What Graph's calls were like: counted where they arrive, told once a minute, summed up for health.

A process that answers Graph has no storage (it must answer within 3 seconds, from cold too): it counts in
memory and puts what it counted on the queue `sweeps`, at most one message a minute, with a call that it
answers anyway. What a process counted after its last message is lost with it. Nothing heavy is loaded here.
"""

import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from shared import telemetry
from shared.watch.messages import CallCounts, Seen, write_calls

if TYPE_CHECKING:
    from shared.watch.parts import Watch

TOLD_EVERY = timedelta(minutes=1)
CLASSES = ("forged", "foreign", "malformed", "previous_secret")
"""The classes of items (`notifications.COUNTS`) that are told."""
REFUSED = "refused"
"""Calls that could not be used as a whole: no JSON, too large."""
UNKNOWN = "unknown_subscription"
"""Authentic items of a subscription that is not recorded; known only where the records can be read."""

_ACCEPTED = "accepted"
_REJECTS = ("forged", "foreign", "malformed", REFUSED)

_NAMED = 50
"""Subscriptions told of by id; we have two."""
_TRIES = 20


class Tally:
    """What one process counted and has not told yet. For several threads: calls are answered in a pool."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._classes: dict[str, Seen] = {}
        self._subscriptions: dict[str, Seen] = {}
        self._told_at: datetime | None = None

    def add(self, classes: Mapping[str, int], subscriptions: Mapping[str, int], at: datetime) -> None:
        """Count what came in one call."""
        if n := classes.get(_ACCEPTED):
            telemetry.NOTIFICATIONS.note(n)
        for name in _REJECTS:
            if n := classes.get(name):
                telemetry.REJECTS.note(n, reason=name)
        with self._lock:
            for name, n in classes.items():
                if n and name in (*CLASSES, REFUSED):
                    self._classes[name] = _more(self._classes.get(name), n, at)
            for named, n in subscriptions.items():
                # Only who has the secret gets here; still, memory and message stay small.
                key = named if named in self._subscriptions or len(self._subscriptions) < _NAMED else ""
                self._subscriptions[key] = _more(self._subscriptions.get(key), n, at)

    def due(self, at: datetime) -> str | None:
        """The message to send now, if there is something to tell and the last one was a minute ago."""
        with self._lock:
            if not (self._classes or self._subscriptions):
                return None
            # A clock that was ahead and is set back since tells nothing of when that was.
            if self._told_at is not None and abs(at - self._told_at) < TOLD_EVERY:
                return None
            text = write_calls(CallCounts(classes=self._classes, subscriptions=self._subscriptions))
            self._classes, self._subscriptions, self._told_at = {}, {}, at
            return text


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """All counts since `since`. `counts`: the classes, with `refused` and `unknown_subscription`;
    `subscriptions`: authentic items by the id of the recorded subscription that they named."""

    since: datetime
    counts: Mapping[str, Seen] = {}
    subscriptions: Mapping[str, Seen] = {}

    def last(self, name: str) -> datetime | None:
        """When this was seen for the last time; None: never."""
        seen = self.counts.get(name)
        return seen.last if seen else None


async def take(watch: "Watch", told: CallCounts) -> None:
    """Add what a process counted to the sums.

    A message that is delivered twice counts twice: the sums are to be looked at, nothing rests on them.
    """
    import asyncio

    from shared.storage import Stale
    from shared.watch import subscription_memory

    kept = await subscription_memory.recall(watch)
    recorded = frozenset(record.id for record in kept.records) if kept else frozenset[str]()
    container, name = watch.storage.ledger, _name(watch)
    for tried in range(_TRIES):
        stored = await container.read(name)
        before = msgspec.json.decode(stored.data, type=Sums) if stored else Sums(since=watch.now())
        data = msgspec.json.encode(_added(before, told, recorded))
        try:
            if stored is None and await container.create(name, data) is None:
                continue
            if stored is not None:
                await container.replace(name, data, stored.etag)
            return
        except Stale:
            # Several processes tell at the same time.
            await asyncio.sleep(0.05 * (tried + 1))
    raise TimeoutError("the counts of calls could not be added up: too many others do the same")


async def recall(watch: "Watch") -> Sums | None:
    """The sums so far; None while nothing was told."""
    stored = await watch.storage.ledger.read(_name(watch))
    return msgspec.json.decode(stored.data, type=Sums) if stored else None


def _added(sums: Sums, told: CallCounts, recorded: frozenset[str]) -> Sums:
    counts, by_id = (
        dict(sums.counts),
        {key: seen for key, seen in sums.subscriptions.items() if key in recorded},
    )
    for name, seen in told.classes.items():
        counts[name] = _more(counts.get(name), seen.n, seen.last)
    for named, seen in told.subscriptions.items():
        if named in recorded:
            by_id[named] = _more(by_id.get(named), seen.n, seen.last)
        else:
            counts[UNKNOWN] = _more(counts.get(UNKNOWN), seen.n, seen.last)
    return msgspec.structs.replace(sums, counts=counts, subscriptions=by_id)


def _more(before: Seen | None, n: int, at: datetime) -> Seen:
    return Seen(before.n + n, max(before.last, at)) if before else Seen(n, at)


def _name(watch: "Watch") -> str:
    return f"{watch.settings.tenant_id}/calls"
