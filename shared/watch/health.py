"""How the watch itself is: what is late, what was put aside, what could not be handed over."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from azure.core.exceptions import AzureError

from shared.graph.errors import GraphError
from shared.ledger.records import TenantRecord
from shared.ledger.shards import LedgerUnreadable
from shared.model import Evidence
from shared.notify.notifier import TableUnreadable
from shared.settings import Settings
from shared.watch.parts import Watch
from shared.watch.subscription_memory import Kept, recall
from shared.watch.subscriptions import RESOURCES

POISONED = ("changed-users", "sweeps")
"""Queues that trigger a function; the notifier takes the messages of `journal` itself."""

BEGUN_WITHIN = timedelta(minutes=30)
LATE = 3
"""How many intervals a reading may be missing before the watch is unwell."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen; `problems` are sentences for an administrator, ids only."""

    at: datetime
    status: str
    problems: tuple[str, ...]
    baseline_ended_at: datetime | None = None
    users: int = 0
    facts_generation: int = 0
    facts_read_at: datetime | None = None
    evidence: Mapping[str, Evidence] = {}
    queues: Mapping[str, int] = {}
    poison: Mapping[str, int] = {}
    subscriptions: Mapping[str, datetime] = {}
    telling: Mapping[str, Any] = {}

    def detail(self) -> dict[str, Any]:
        """As JSON values."""
        built: dict[str, Any] = msgspec.to_builtins(self)
        return built


async def look(watch: Watch) -> Health:
    """Look at ledger, queues, subscriptions, notifier. What can't be looked at is a problem, not an error."""
    try:
        await watch.ready()
        return await _look(watch)
    except GraphError as fault:
        problem = f"the tenant cannot be read: {fault}"
    except (LedgerUnreadable, TableUnreadable) as fault:
        problem = str(fault)
    except AzureError as fault:
        # Its text may hold addresses; its kind is enough here, the log has the rest.
        problem = f"storage cannot be reached: {type(fault).__name__}"
    return Health(at=watch.now(), status="unwell", problems=(problem,))


async def _look(watch: Watch) -> Health:
    now = watch.now()
    record = (await watch.ledger.read_tenant()).record
    storage = watch.storage
    queues = {
        "changed-users": await storage.changed_users.length(),
        "sweeps": await storage.sweeps.length(),
        "journal": await storage.journal.length(),
    }
    poison = {f"{name}-poison": await storage.poison(name).length() for name in POISONED}
    kept = await recall(watch)
    telling = await watch.notifier.health(now)
    problems = [
        *_reading_problems(record, watch.settings, now),
        *_beginning_problems(record, kept, now - watch.manifest.created_at),
        *(f"{count} message(s) in {name}: see docs/operate.md" for name, count in poison.items() if count),
        *_subscription_problems(kept, now),
        *telling.problems,
    ]
    facts = record.facts
    return Health(
        at=now,
        status="unwell" if problems else "ok" if record.baseline_ended_at else "starting",
        problems=tuple(problems),
        baseline_ended_at=record.baseline_ended_at,
        users=record.totals.users if record.totals else 0,
        facts_generation=facts.generation if facts else 0,
        facts_read_at=facts.observed_at if facts else None,
        evidence=facts.evidence if facts else {},
        queues=queues,
        poison=poison,
        subscriptions={one.resource: one.expires_at for one in kept.records} if kept else {},
        telling=telling.detail,
    )


def _reading_problems(record: TenantRecord, settings: Settings, now: datetime) -> list[str]:
    facts = record.facts
    if facts is None or facts.observed_at is None:
        return []
    problems = []
    if now - facts.observed_at > LATE * settings.facts_every:
        problems.append(f"tenant facts were last read at {facts.observed_at:%Y-%m-%d %H:%M} UTC")
    for name, piece in facts.evidence.items():
        if piece.permission and name != "admin-policy":  # That one is optional.
            problems.append(f"{name} cannot be read: the app lacks the Graph permission {piece.permission}")
    sweep = record.sweep
    if sweep and not sweep.ended_at and now - (sweep.touched_at or sweep.started_at) > timedelta(minutes=30):
        problems.append(f"the reading of all users stands still at step {sweep.step}")
    return problems


def _beginning_problems(record: TenantRecord, kept: Kept | None, age: timedelta) -> list[str]:
    """What should have happened once by now."""
    if age <= BEGUN_WITHIN:
        return []
    problems = []
    if record.facts is None:
        problems.append("the tenant's facts have never been read")
    elif record.baseline_ended_at is None and record.sweep is None:
        problems.append("the first reading of all users has not begun")
    if kept is None:
        problems.append("the Graph subscriptions have never been looked after")
    return problems


def _subscription_problems(kept: Kept | None, now: datetime) -> list[str]:
    if kept is None:
        return []
    alive = {one.resource for one in kept.records if one.expires_at > now}
    problems = [f"no Graph subscription on {name}" for name in RESOURCES if name not in alive]
    return [*problems, *(f"subscription {problem}" for problem in kept.problems)]
