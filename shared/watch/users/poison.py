"""Messages that failed too often: by now most work, so they are taken up again (design §4.6).

The host puts a message aside after five tries, and nobody else looks at it. What can't be read stays for a
person to look at. What comes back round after round is told too: something is wrong that time doesn't mend.
"""

import logging
from datetime import datetime, timedelta

import msgspec

from shared.clocks import is_ahead
from shared.watch import unwell
from shared.watch.details import Detail, noted
from shared.watch.messages import BadMessage, once_more, read_step
from shared.watch.parts import Watch
from shared.watch.users.delta_state import Delta, PutAside

log = logging.getLogger("watch.poison")

QUEUES = ("changed-users", "sweeps", "heard")
"""Those that trigger a function; the notifier takes the messages of `journal` itself."""
ROUNDS_TOLD = 3
"""From which round in a row on somebody should know that messages fail again and again."""
BACK_AFTER = timedelta(minutes=2)
"""Five tries, half a minute apart, take so long: what is put aside sooner is not the same again."""
IN_A_ROW = timedelta(minutes=30)
"""At least so long must nothing be put aside to end a row of rounds."""

_RECEIVED_A_RUN = 20


async def take_up(watch: Watch, state: Delta) -> Delta:
    """Take up what was put aside; returns the state with what came of it, which the caller stores.

    Messages still say who asked and when, but for events of Event Grid: those count as come when they come
    back. Only steps of readings are dropped, for a reading that stands still asks for its step itself. Noted
    as `poison`: messages that can't be read, and such as were put aside in three rounds in a row.
    """
    aside, taken, left = dict(state.aside), 0, 0
    told: list[Detail] = []
    for name in QUEUES:
        back, unreadable = await _empty(watch, name)
        # Those that were looked at a moment ago are hidden, not gone: an empty answer alone says nothing.
        length = await watch.storage.poison(name).length()
        found = _after(watch, aside.get(name, PutAside()), back, unreadable=unreadable, length=length)
        if found.unreadable:
            told.append(Detail("poison-unreadable", {"queue": f"{name}-poison"}))
        if found.rounds >= ROUNDS_TOLD:
            told.append(Detail("poison-again", {"queue": name}))
        if found == PutAside():
            aside.pop(name, None)
        else:
            aside[name] = found
        taken, left = taken + back, left + length
    if told:
        await unwell.note(watch, {"poison": noted(told)})
    elif not left:
        await unwell.note(watch, {"poison": None})
    if taken:
        log.warning("%d messages that failed too often are taken up again", taken)
    return msgspec.structs.replace(state, aside=aside, poison=state.poison + taken)


def _after(watch: Watch, before: PutAside, back: int, *, unreadable: bool, length: int) -> PutAside:
    now = watch.now()
    if before.taken_at and is_ahead(before.taken_at, now):
        # By a clock that was set back since: the row goes on from now.
        before = msgspec.structs.replace(before, taken_at=now)
    rounds, taken_at = _row(before, now, max(IN_A_ROW, 3 * watch.settings.delta_every), back)
    unreadable = unreadable or (before.unreadable and length > 0)
    return PutAside(rounds=rounds, taken_at=taken_at, unreadable=unreadable)


def _row(before: PutAside, now: datetime, longest: timedelta, back: int) -> tuple[int, datetime | None]:
    """How many rounds in a row there are now, and when the last was."""
    if before.taken_at is None or now - before.taken_at > longest:
        return (1, now) if back else (0, None)
    if back and now - before.taken_at >= BACK_AFTER:
        return before.rounds + 1, now
    return before.rounds, before.taken_at


async def _empty(watch: Watch, name: str) -> tuple[int, bool]:
    """Take up the messages of one queue's poison: how many, and whether there are some that can't be read."""
    poison, back, unreadable = watch.storage.poison(name), 0, False
    for _ in range(_RECEIVED_A_RUN):
        messages = await poison.receive()
        for message in messages:
            try:
                await _put_back(watch, name, message.text)
            except BadMessage:
                unreadable = True
                continue
            await poison.delete(message)
            back += 1
        if not messages:
            break
    return back, unreadable


async def _put_back(watch: Watch, name: str, text: str) -> None:
    if name == "sweeps":
        if not read_step(text).reading:
            await watch.storage.sweeps.send(text)
        return
    again = once_more(text, watch.now())
    if name == "heard" and watch.settings.delivery.is_event_grid:
        # What is joined counts as of its latest: who has waited long would make all others seem to.
        await watch.storage.heard.send(text)
    else:
        # Without Event Grid nobody takes from `heard`: what is left of events is asked for at once.
        await watch.storage.changed_users.send(again)
