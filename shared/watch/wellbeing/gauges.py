"""What is measured when the watch looks after itself: queues, what was put aside, how old each reading is."""

import logging
from datetime import datetime

from azure.core.exceptions import AzureError

from shared import telemetry
from shared.watch.parts import Watch
from shared.watch.users import poison
from shared.watch.wellbeing.overdue import Traces

log = logging.getLogger("watch.gauges")


async def measure(watch: Watch, seen: Traces) -> None:
    """Note ages and queues; nothing is asked for where nobody takes metrics.

    If a queue can't be asked it is left out with those after it, and a record says so: what is measured never
    keeps from what is told.
    """
    if not telemetry.loaded():
        return
    now = watch.now()
    for reading, last in _readings(seen).items():
        telemetry.LAST_RECONCILE.note(_seconds(now, last or seen.began_at), reading=reading)
    try:
        await _queues(watch, now)
    except AzureError as problem:
        log.warning("the queues can't be measured: %s", type(problem).__name__)


async def _queues(watch: Watch, now: datetime) -> None:
    storage = watch.storage
    queues = {"changed-users": storage.changed_users, "sweeps": storage.sweeps, "journal": storage.journal}
    if watch.settings.delivery.is_event_grid:
        queues["heard"] = storage.heard
    for name, queue in queues.items():
        oldest = await queue.oldest()
        telemetry.QUEUE_LENGTH.note(await queue.length(), queue=name)
        telemetry.QUEUE_AGE.note(_seconds(now, oldest) if oldest else 0.0, queue=name)
    for name in poison.QUEUES:
        # The queue `heard` is used where Event Grid delivers; it is there in any case.
        telemetry.POISON.note(await storage.poison(name).length(), queue=f"{name}-poison")


def _readings(seen: Traces) -> dict[str, datetime | None]:
    """When each reading last came to its end; None: never yet."""
    facts, sweep = seen.record.facts, seen.record.sweep
    complete = sweep.complete if sweep else None
    return {
        "delta": seen.delta.last_round_at if seen.delta else None,
        "facts": facts.observed_at if facts else None,
        "sweep": complete[1] if complete else None,
    }


def _seconds(now: datetime, then: datetime) -> float:
    return max(0.0, (now - then).total_seconds())
