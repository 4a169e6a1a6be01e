"""Graph subscriptions on users and groups: created, recorded, renewed at half their life (design §4.7)."""

import logging
from collections.abc import Sequence
from datetime import datetime

import msgspec

from shared.graph.errors import GraphError
from shared.graph.subscription_plan import Record, Wanted
from shared.graph.subscriptions import Settled, settle
from shared.watch import sweep
from shared.watch.messages import LifecycleEvent
from shared.watch.parts import Busy, Watch
from shared.watch.subscription_memory import Kept, recall, remember

log = logging.getLogger("watch.subscriptions")

RESOURCES = ("users", "groups")
_LOCK_SECONDS = 60


async def keep(watch: Watch, *, renew_now: bool = False) -> None:
    """Create what is missing, renew what is past half its life; `renew_now` renews all (one PATCH each).

    One run at a time; what could not be done is remembered for `health`. Where notifications may have been
    lost meanwhile, everybody is read again. Raises `Busy` if it is to renew now and another run is at work,
    which may not renew at all.
    """
    async with watch.ledger.lock("subscriptions", _LOCK_SECONDS) as held:
        if not held:
            if renew_now:
                raise Busy("the subscriptions are being looked after by another worker")
            return
        now = watch.now()
        before = await recall(watch)
        records = before.records if before else ()
        if renew_now:
            records = tuple(_due(record, now) for record in records)
        try:
            settled = await settle(watch.graph, records, wanted(watch), now)
        except GraphError as fault:
            settled = Settled(records=records, failed=[f"list: {fault}"])
        problems = (*settled.failed, *settled.reports)
        # Before they are remembered: a run that ends in between finds them unrecorded and starts over.
        if settled.lost:
            await sweep.start_again(watch)
        if not held:
            raise Busy("the lock was lost: another worker looks after the subscriptions by now")
        await remember(watch, Kept(at=now, records=settled.records, problems=problems))
    for done in settled.done:
        log.info("subscription %s", done)
    for problem in problems:
        log.error("subscription %s", problem)


def _due(record: Record, now: datetime) -> Record:
    """The record as if half of its life were just over; an expired one as it is."""
    if record.expires_at <= now:
        return record
    return msgspec.structs.replace(record, renewed_at=now - (record.expires_at - now))


async def answer(watch: Watch, events: Sequence[LifecycleEvent]) -> None:
    """Lifecycle events: renew now, create what is gone; where some were missed, read everybody again.

    Graph documents only reauthorizationRequired for users and groups; the others are handled all the same.
    """
    await keep(watch, renew_now=True)
    if any(event.event != "reauthorizationRequired" for event in events):
        await sweep.start_again(watch)


def wanted(watch: Watch) -> tuple[Wanted, ...]:
    """Users and groups, updated and deleted, with the lifecycle address from the start."""
    base = watch.settings.notification_base_url
    return tuple(
        Wanted(
            resource=resource,
            notification_url=f"{base}/api/graph/notifications",
            lifecycle_url=f"{base}/api/graph/lifecycle",
            client_state=watch.settings.client_state,
        )
        for resource in RESOURCES
    )
