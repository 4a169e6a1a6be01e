"""The watch looks after itself: what its jobs left behind is looked at by the timer that tells people.

A job that is dead as a whole notes nothing. Only the death of the telling itself can be told by nobody;
health shows it, and so does the digest that does not come.
"""

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from shared.clocks import is_ahead
from shared.notify.exceptions.agreed import AgreedUnreadable
from shared.storage import NewerSchema, versions
from shared.watch import details, housekeeping, subscription_memory, unwell
from shared.watch.fault_codes import NEWER, OVERDUE
from shared.watch.hearing import calls
from shared.watch.licensing import errors
from shared.watch.parts import Watch
from shared.watch.reach import named_groups, registration_state
from shared.watch.users import delta_state
from shared.watch.wellbeing import gauges, overdue
from shared.watch.wellbeing.overdue import SelfLook, Stranded, Traces

log = logging.getLogger("watch.self")

LOOK_EVERY = timedelta(minutes=10)
LOOK_WITHIN = 20.0
"""Seconds that a look may take: those who wait to be told wait so long at most."""
STOOD = timedelta(minutes=30)
"""Where nobody looked for longer than this, and than twice as long as the last time, the app stood still."""

_NAMED = 50
"""So many books with unpublished news are remembered."""


async def look_if_due(watch: Watch) -> bool:
    """Every ten minutes note what is overdue and what is over; says whether it looked to the end.

    Never raises and never takes long: what it can't find out now, it finds out the next time.
    """
    try:
        async with asyncio.timeout(LOOK_WITHIN):
            return await _look_if_due(watch)
    except NewerSchema as fault:
        return await _note_newer(watch, fault)
    except Exception:
        # Whatever it was: people are told all the same. The next look is in ten minutes.
        log.exception("the watch can't look after itself")
        return False


async def _note_newer(watch: Watch, fault: NewerSchema) -> bool:
    """What can't be read hides whatever else is overdue: that alone is noted, where the record can be."""
    log.error("%s", fault)
    try:
        await unwell.note(watch, {NEWER: overdue.newer([fault.path])})
    except Exception as problem:
        # Then health says it, and every run that fails.
        log.error("that can't be noted: %s", problem)
    return False


async def _look_if_due(watch: Watch) -> bool:
    now = watch.now()
    last = await last_look(watch)
    if last is not None and not watch.is_time(last.at, LOOK_EVERY):
        return False
    look = _after(last, now)
    # Before anything can fail: a look that fails is not to be tried every minute.
    await _remember(watch, look)
    outboxes = await _outboxes(watch, look.outboxes, now)
    seen = await see(watch, look)
    untried = look.untried
    if seen.named is not None:
        untried = {
            one: min(look.untried.get(one, now), now) for one in overdue.untried(seen.record, seen.named)
        }
    if outboxes != look.outboxes or untried != look.untried:
        look = msgspec.structs.replace(look, outboxes=outboxes, untried=untried)
        await _remember(watch, look)
    found = overdue.overdue(msgspec.structs.replace(seen, last_look=look), watch.settings, now)
    for code, detail in found.items():
        log.warning("%s: %s", code, details.for_the_log(detail))
    await unwell.note(watch, {code: found.get(code) for code in OVERDUE})
    await gauges.measure(watch, seen)
    return True


def _after(last: SelfLook | None, now: datetime) -> SelfLook:
    """This look, given the last. An app that comes up again must not tell what it is about to make good."""
    if last is None:
        return SelfLook(at=now, up_since=now)
    if is_ahead(last.at, now):
        # By a clock that was set back since: what is overdue from now on is told as ever.
        return msgspec.structs.replace(last, at=now, up_since=min(last.up_since, now), gap=timedelta(0))
    gap = now - last.at
    # A telling timer that comes once an hour is no app that stands still once an hour.
    stood = gap > max(STOOD, 2 * last.gap)
    up_since = now if stood else last.up_since
    return msgspec.structs.replace(last, at=now, up_since=up_since, gap=gap)


async def see(watch: Watch, look: SelfLook | None) -> Traces:
    """Everything that `overdue` goes by.

    Raises what storage raises, `NewerSchema` and `LedgerUnreadable`.
    """
    return Traces(
        began_at=watch.manifest.created_at,
        record=(await watch.ledger.read_tenant()).record,
        kept=await subscription_memory.recall(watch),
        delta=await delta_state.recall(watch),
        reading=await registration_state.present(watch),
        calls=await calls.recall(watch),
        errors_at=await errors.tried_at(watch),
        tidied_at=(await housekeeping.recall(watch)).tidied_at,
        last_look=look,
        named=await _named(watch),
        newer=await _newer(watch),
    )


async def _named(watch: Watch) -> frozenset[str] | None:
    """The groups that are named. Exceptions that can't be read are the notifier's fault to tell: whatever
    else is late is still to be found."""
    try:
        return frozenset(await named_groups.named_groups(watch))
    except (AgreedUnreadable, NewerSchema) as fault:
        log.warning("which groups are named can't be read: %s", fault)
        return None


async def _newer(watch: Watch) -> tuple[str, ...]:
    """The blobs of the ledger that a newer release has written, found by listing."""
    tenant = f"{watch.settings.tenant_id}/"
    found = [
        versions.newer("ledger", one.name, one.metadata) async for one in watch.storage.ledger.names(tenant)
    ]
    return tuple(one.path for one in found if one)


async def last_look(watch: Watch) -> SelfLook | None:
    """The last look that was begun; None before the first."""
    stored = await watch.storage.ledger.read(_name(watch))
    return msgspec.json.decode(stored.data, type=SelfLook) if stored else None


async def _outboxes(watch: Watch, before: Mapping[str, Stranded], now: datetime) -> Mapping[str, Stranded]:
    """The books with unpublished news: those that were not written since keep their time."""
    found: dict[str, Stranded] = {}
    async for name, etag in watch.ledger.unpublished():
        known = before.get(name)
        since = min(known.since, now) if known and known.etag == etag else now
        found[name] = Stranded(etag, since)
        if len(found) == _NAMED:
            break
    return found


async def _remember(watch: Watch, look: SelfLook) -> None:
    await watch.storage.ledger.put(_name(watch), msgspec.json.encode(look))


def _name(watch: Watch) -> str:
    return f"{watch.settings.tenant_id}/{watch.manifest.epoch}/self-look"
