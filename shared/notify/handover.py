"""What becomes of a message once it is sent: told, in doubt, or failed and due again later. Pure.

Delays: what the receiver asks for (`Retry-After`, at most a day), else a minute, doubling to an hour; after
24 hours it goes on hourly and counts as failing (design §4.5).
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from shared.model import Moment
from shared.notify.entries import Entry, Heard, without_details
from shared.notify.messages import BASELINE, BASELINE_KEY, Item, Message
from shared.notify.table import Handover, Table

FIRST_DELAY = timedelta(minutes=1)
LONGEST_DELAY = timedelta(hours=1)
LONGEST_ASKED = timedelta(hours=24)
FAILING_AFTER = timedelta(hours=24)


def offered(table: Table, messages: Iterable[Message], at: datetime) -> Table:
    """To be committed before sending: what these messages say may reach people even if we never learn so."""
    entries = dict(table.entries)
    for message in messages:
        for item in message.items:
            entry = entries.get(item.entry.id)
            if entry and entry.doubt is None:
                entries[entry.id] = msgspec.structs.replace(entry, doubt=_told(item, at, message))
    return msgspec.structs.replace(table, entries=entries)


def delivered(table: Table, message: Message, at: datetime) -> Table:
    """Handed over: its items count as told, what is resolved and told leaves the table."""
    entries = dict(table.entries)
    for item in message.items:
        entry = entries.get(item.entry.id)
        if entry is None:
            continue
        if item.moment is Moment.RESOLVED:
            del entries[entry.id]
        else:
            told = msgspec.structs.replace(entry, told=_told(item, at, message), doubt=None)
            entries[entry.id] = without_details(told)
    handovers = _without(table.handovers, set(message.keys))
    if message.late_since is not None:
        handovers = tuple(msgspec.structs.replace(handover, mentioned=True) for handover in handovers)
    baseline_told_at = at if message.form == BASELINE else table.baseline_told_at
    return msgspec.structs.replace(
        table,
        entries=entries,
        handovers=tuple(h for h in handovers if h.items or not h.mentioned),
        baseline_told_at=baseline_told_at,
    )


def failed(
    table: Table,
    message: Message,
    at: datetime,
    retry_after: timedelta | None = None,
    *,
    status: str = "",
    certain: bool = True,
    offered_at: datetime | None = None,
) -> Table:
    """Not handed over: due again after its own delay.

    `certain`: it surely did not arrive, so the doubt that `offered` noted at `offered_at` is taken back.
    A receiver that asks for quiet (`retry_after`) asks it for the whole route.
    """
    keys = set(message.keys)
    before = [handover for handover in table.handovers if keys.intersection(handover.items)]
    attempts = 1 + max((handover.attempts for handover in before), default=0)
    delay = min(FIRST_DELAY * 2 ** min(attempts - 1, 10), LONGEST_DELAY)
    if retry_after is not None:
        delay = min(max(retry_after, timedelta(0)), LONGEST_ASKED)
    new = Handover(
        items=message.keys,
        failed_at=min((at, *(handover.failed_at for handover in before))),
        attempts=attempts,
        not_before=at + delay,
        status=status,
        whole_route=retry_after is not None,
        mentioned=bool(before) and all(handover.mentioned for handover in before),
    )
    if certain and offered_at is not None:
        table = withdrawn(table, (message,), offered_at)
    rest = tuple(
        handover for handover in _without(table.handovers, keys) if handover.items or handover not in before
    )
    return msgspec.structs.replace(table, handovers=(*rest, new))


def withdrawn(table: Table, messages: Iterable[Message], offered_at: datetime) -> Table:
    """These messages surely reached nobody: take back the doubt that `offered` noted then, no older one."""
    entries = dict(table.entries)
    for message in messages:
        for item in message.items:
            entry = entries.get(item.entry.id)
            if entry and entry.doubt and entry.doubt.at == offered_at:
                entries[entry.id] = msgspec.structs.replace(entry, doubt=None)
    return msgspec.structs.replace(table, entries=entries)


def pruned(table: Table, live: Iterable[str]) -> Table:
    """Forget failed hand-overs of what is no longer to be said; one that no card has mentioned yet stays."""
    gone = {key for handover in table.handovers for key in handover.items}.difference(live, (BASELINE_KEY,))
    if table.baseline_told_at is not None:
        gone.add(BASELINE_KEY)
    kept = tuple(h for h in _without(table.handovers, gone) if h.items or not h.mentioned)
    return table if kept == table.handovers else msgspec.structs.replace(table, handovers=kept)


def delayed(table: Table, now: datetime) -> tuple[bool, frozenset[str]]:
    """Whether the whole route must stay quiet now, and the keys that are not due yet."""
    waiting = [handover for handover in table.handovers if handover.not_before > now]
    return (
        any(handover.whole_route for handover in waiting),
        frozenset(key for handover in waiting for key in handover.items),
    )


def late_since(table: Table, message: Message, *, first: bool) -> datetime | None:
    """Since when hand-overs have failed that this card should mention: its own, and if it is the `first`
    card of this run those that no card has mentioned yet."""
    keys = set(message.keys)
    times = [
        h.failed_at for h in table.handovers if keys.intersection(h.items) or (first and not h.mentioned)
    ]
    return min(times, default=None)


def failing(table: Table, now: datetime) -> tuple[Handover, ...]:
    """Hand-overs that have not succeeded for 24 hours; for `health`."""
    return tuple(h for h in table.handovers if h.items and now - h.failed_at >= FAILING_AFTER)


def _told(item: Item, at: datetime, message: Message) -> Heard:
    entry: Entry = item.entry
    return Heard(state=entry.state, fingerprint=entry.fingerprint, at=at, baseline=message.form == BASELINE)


def _without(handovers: Iterable[Handover], keys: set[str]) -> tuple[Handover, ...]:
    return tuple(
        msgspec.structs.replace(h, items=tuple(key for key in h.items if key not in keys))
        if keys.intersection(h.items)
        else h
        for h in handovers
    )
