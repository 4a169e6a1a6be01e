"""What becomes of a message once it is sent: told, in doubt, or failed and due again later. Pure.

Delays: what the receiver asks for (`Retry-After`, at most a day), else a minute, doubling to an hour; after
24 hours it goes on hourly and counts as failing (design §4.5).
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from datetime import datetime, timedelta
from functools import partial

import msgspec

from shared.model import Moment
from shared.notify.entries import Entry, Heard, told_anew, without_details
from shared.notify.exceptions.exemptions import Exemption
from shared.notify.messages import (
    BASELINE,
    DECLARED,
    DIGEST,
    ENDING,
    HEARD_BY,
    HELD,
    RELEASED,
    REMINDER,
    RETURNED,
    Item,
    Mass,
    Message,
)
from shared.notify.table import Brake, ExemptionMemory, Handover, Table, with_route

FIRST_DELAY = timedelta(minutes=1)
LONGEST_DELAY = timedelta(hours=1)
LONGEST_ASKED = timedelta(hours=24)
FAILING_AFTER = timedelta(hours=24)


def offered(table: Table, messages: Iterable[Message], at: datetime) -> Table:
    """To be committed before sending: what these messages say may reach people even if we never learn so."""
    entries = dict(table.entries)
    alike: _Alike = {}
    for message in messages:
        if message.form == HELD:
            table = _with_hold(table, message, partial(_doubted, route=message.route, at=at))
        for item in message.items if message.form in HEARD_BY else ():
            entry = entries.get(item.entry.id)
            if entry and message.route not in entry.doubt and not _known(item, message.route):
                doubt = _heard_too(entry.doubt, message.route, _heard(item, at, message), alike)
                entries[entry.id] = msgspec.structs.replace(entry, doubt=doubt)
    return msgspec.structs.replace(table, entries=entries)


def delivered(table: Table, message: Message, at: datetime) -> Table:
    """Handed over: its items count as told on its route; what is over and told everywhere is forgotten."""
    if message.form in HEARD_BY:
        table = _told(table, message, at)
    table = _marked(_noted(table, message, at), message, at)
    handovers = _without(table.handovers, message.route, set(message.keys))
    if message.late_since is not None:
        handovers = tuple(
            msgspec.structs.replace(one, mentioned=True) if one.route == message.route else one
            for one in handovers
        )
    return msgspec.structs.replace(table, handovers=tuple(h for h in handovers if h.items or not h.mentioned))


_Alike = dict[tuple[str, Heard], Mapping[str, Heard]]


def _heard_too(known: Mapping[str, Heard], route: str, heard: Heard, alike: _Alike) -> Mapping[str, Heard]:
    """What was heard before, and this on that route; what nobody heard of before shares it with its like: a
    first card counts tens of thousands."""
    return {**known, route: heard} if known else alike.setdefault((route, heard), {route: heard})


def _told(table: Table, message: Message, at: datetime) -> Table:
    entries = dict(table.entries)
    alike: _Alike = {}
    for item in message.items:
        entry = entries.get(item.entry.id)
        if entry is None:
            continue
        doubt = _all_but(entry.doubt, message.route)
        if item.moment is Moment.RESOLVED:
            left = _all_but(entry.told, message.route)
            entries[entry.id] = msgspec.structs.replace(entry, told=left, doubt=doubt)
            if not left and not doubt:
                del entries[entry.id]
            continue
        told = _heard_too(entry.told, message.route, _heard(item, at, message), alike)
        entries[entry.id] = without_details(told_anew(entry, told, doubt, at))
    return msgspec.structs.replace(table, entries=entries)


def _noted(table: Table, message: Message, at: datetime) -> Table:
    """What the route's own memory keeps of a message: when, and counts for the next digest."""
    memory = msgspec.structs.replace(table.route(message.route), handed_at=at)
    if message.form == BASELINE:
        memory = msgspec.structs.replace(memory, baseline_told_at=at)
    elif message.form == REMINDER:
        memory = msgspec.structs.replace(memory, reminded_at=at)
    elif message.form == DIGEST:
        memory = msgspec.structs.replace(memory, digest_at=at, opened={}, resolved={})
    elif message.form in HEARD_BY:
        opened = _counted(item for item in message.items if item.moment is Moment.OPENED)
        resolved = _counted(item for item in message.items if item.moment is Moment.RESOLVED)
        memory = msgspec.structs.replace(
            memory, opened=_sum(memory.opened, opened), resolved=_sum(memory.resolved, resolved)
        )
    return with_route(table, message.route, memory)


def _marked(table: Table, message: Message, at: datetime) -> Table:
    """What brakes, declared changes and exceptions keep of a message about them."""
    if message.form == HELD:
        return _with_hold(table, message, partial(_hold_told, route=message.route, at=at))
    if message.form in (RELEASED, RETURNED):
        return _with_hold(table, message, partial(_hold_untold, route=message.route))
    if message.form == DECLARED and table.declared is not None:
        told = {**table.declared.told, message.route: at}
        return msgspec.structs.replace(table, declared=msgspec.structs.replace(table.declared, told=told))
    for one in message.exceptions:
        table = _exemption_told(table, one, message.form, message.route, at)
    return table


def _exemption_told(table: Table, about: Exemption, form: str, route: str, at: datetime) -> Table:
    known = table.exemptions.get(about.id, ExemptionMemory())
    if form == ENDING:
        known = msgspec.structs.replace(known, warned={**known.warned, route: at})
    else:
        known = msgspec.structs.replace(known, ended={**known.ended, route: at})
    return msgspec.structs.replace(table, exemptions={**table.exemptions, about.id: known})


def _with_hold(table: Table, message: Message, change: Callable[[Brake], Brake]) -> Table:
    """The table with the brake that the message is about changed."""
    worse = isinstance(message.about, Mass) and message.about.worse
    brakes = tuple(change(one) if one.worse == worse else one for one in table.brakes)
    return msgspec.structs.replace(table, brakes=brakes)


def _doubted(brake: Brake, route: str, at: datetime) -> Brake:
    return msgspec.structs.replace(brake, doubt={route: at, **brake.doubt})


def _hold_told(brake: Brake, route: str, at: datetime) -> Brake:
    return msgspec.structs.replace(brake, told={**brake.told, route: at}, doubt=_all_but(brake.doubt, route))


def _hold_untold(brake: Brake, route: str) -> Brake:
    return msgspec.structs.replace(
        brake, told=_all_but(brake.told, route), doubt=_all_but(brake.doubt, route)
    )


def _no_doubt_since(brake: Brake, route: str, at: datetime) -> Brake:
    if brake.doubt.get(route) != at:
        return brake
    return msgspec.structs.replace(brake, doubt=_all_but(brake.doubt, route))


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
    before = [one for one in table.handovers if one.route == message.route and keys.intersection(one.items)]
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
        route=message.route,
        whole_route=retry_after is not None,
        mentioned=bool(before) and all(handover.mentioned for handover in before),
    )
    if certain and offered_at is not None:
        table = withdrawn(table, (message,), offered_at)
    rest = tuple(
        one for one in _without(table.handovers, message.route, keys) if one.items or one not in before
    )
    return msgspec.structs.replace(table, handovers=(*rest, new))


def withdrawn(table: Table, messages: Iterable[Message], offered_at: datetime) -> Table:
    """These messages surely reached nobody: take back the doubt that `offered` noted then, no older one."""
    entries = dict(table.entries)
    for message in messages:
        if message.form == HELD:
            table = _with_hold(table, message, partial(_no_doubt_since, route=message.route, at=offered_at))
        for item in message.items:
            entry = entries.get(item.entry.id)
            doubt = entry.doubt.get(message.route) if entry else None
            if entry and doubt and doubt.at == offered_at:
                left = _all_but(entry.doubt, message.route)
                entries[entry.id] = msgspec.structs.replace(entry, doubt=left)
    return msgspec.structs.replace(table, entries=entries)


def pruned(table: Table, live: Set[tuple[str, str]], routes: Collection[str]) -> Table:
    """Forget failed hand-overs of what is no longer to be said; of those that no card has mentioned yet the
    first of each route stays.

    `live`: route and key of whatever is still to be said. `routes`: the names of those that there are.
    """
    if not table.handovers:
        return table
    kept = []
    unsaid: dict[str, Handover] = {}
    for one in table.handovers:
        items = tuple(key for key in one.items if (one.route, key) in live)
        if items:
            kept.append(one if items == one.items else msgspec.structs.replace(one, items=items))
        elif not one.mentioned and one.route in routes:
            first = unsaid.setdefault(one.route, one)
            unsaid[one.route] = min(first, one, key=lambda one: one.failed_at)
    kept += [msgspec.structs.replace(one, items=()) if one.items else one for one in unsaid.values()]
    return table if tuple(kept) == table.handovers else msgspec.structs.replace(table, handovers=tuple(kept))


def delayed(table: Table, route: str, now: datetime) -> tuple[bool, frozenset[str]]:
    """Whether the whole route must stay quiet now, and the keys that are not due yet on it."""
    waiting = [one for one in table.handovers if one.route == route and one.not_before > now]
    return (
        any(handover.whole_route for handover in waiting),
        frozenset(key for handover in waiting for key in handover.items),
    )


def with_delays(messages: Sequence[Message], table: Table) -> tuple[Message, ...]:
    """Let the cards say that earlier hand-overs on their route failed.

    A card says it of its own; the first of a route also of those that no card has mentioned yet.
    """
    seen: set[str] = set()
    told = []
    for message in messages:
        keys, first = set(message.keys), message.route not in seen
        seen.add(message.route)
        times = [
            one.failed_at
            for one in table.handovers
            if one.route == message.route and (keys.intersection(one.items) or (first and not one.mentioned))
        ]
        told.append(msgspec.structs.replace(message, late_since=min(times, default=None)))
    return tuple(told)


def failing(table: Table, now: datetime) -> tuple[Handover, ...]:
    """Hand-overs that have not succeeded for 24 hours; for `health`."""
    return tuple(h for h in table.handovers if h.items and now - h.failed_at >= FAILING_AFTER)


def _known(item: Item, route: str) -> bool:
    """Whether people know it as it is said: a reminder that may be lost leaves no doubt what they believe."""
    told = item.entry.told.get(route)
    return (
        item.moment is not Moment.RESOLVED and told is not None and told.fingerprint == item.entry.fingerprint
    )


def _heard(item: Item, at: datetime, message: Message) -> Heard:
    entry: Entry = item.entry
    return Heard(state=entry.state, fingerprint=entry.fingerprint, at=at, baseline=message.form == BASELINE)


def _all_but[T](by_route: Mapping[str, T], route: str) -> dict[str, T]:
    return {name: value for name, value in by_route.items() if name != route}


def _counted(items: Iterable[Item]) -> Counter[str]:
    return Counter(f"{item.entry.kind}: {item.entry.state}" for item in items)


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in {**one, **other}}


def _without(handovers: Iterable[Handover], route: str, keys: set[str]) -> tuple[Handover, ...]:
    return tuple(
        msgspec.structs.replace(one, items=tuple(key for key in one.items if key not in keys))
        if one.route == route and keys.intersection(one.items)
        else one
        for one in handovers
    )
