"""What is told on one route: each finding's situation looked up in the table, and cards made of it. Pure."""

from collections.abc import Iterable, Mapping
from datetime import timedelta

import msgspec

from shared.model import Moment
from shared.notify.deciding import digest as digests
from shared.notify.deciding import handover
from shared.notify.deciding.gathered import ended_exceptions, ending_exceptions, gathered
from shared.notify.deciding.run import Run, at_once, importance, moment_of, ready_at
from shared.notify.deciding.states import Held, Pending, Reason, Say, Silence, Situation, Told, row_of
from shared.notify.entries import Entry, Heard
from shared.notify.messages import BASELINE, DIGEST, REMINDER, SINGLE, SUMMARY, Item, Message

FLAPS = 2
"""So often may a finding have come back; from then on it is a line of the digest until it lasts."""

STAYS = timedelta(days=7)
"""What came and went and stays for so long is news again."""

REMINDERS_APART = timedelta(hours=24)
"""Reminders of one route come at most so often, so that those of a day share a card."""

_TOLD = Silence(Reason.TOLD)
_BASELINE = Silence(Reason.BASELINE)


def baseline(run: Run, route: str, entries: Mapping[str, Entry]) -> tuple[list[Message], dict[str, Silence]]:
    """Nothing before the first complete reading has ended; then one card. So it is on a route that is new."""
    ended = run.scene.baseline_ended_at
    if ended is None or route in run.waiting:
        return [], dict.fromkeys(entries, _BASELINE)
    new_route = any(one.baseline_told_at for one in run.table.routes.values())
    counted = [
        Item(moment=Moment.OPENED, entry=entry)
        for entry in entries.values()
        if entry.open
        and not entry.quiet.startswith(Reason.EXCEPTED)
        and (new_route or entry.baseline or entry.since <= ended)
    ]
    included = {item.entry.id for item in counted}
    message = Message(form=BASELINE, route=route, items=tuple(sorted(counted, key=importance)))
    return [message], {finding: _BASELINE for finding in entries if finding not in included}


def told_one_by_one(
    run: Run, route: str, entries: Mapping[str, Entry]
) -> tuple[list[Message], dict[str, Silence]]:
    """The messages of a route, and a reason for whatever is in none."""
    standing: dict[str, Silence] = {}
    ready: list[tuple[Item, Situation]] = []
    reminded: list[Item] = []
    ended = ended_exceptions(run, route, entries)
    covered = {item.entry.id for message in ended for item in message.items}
    for finding, entry in entries.items():
        if finding in covered:
            continue
        situation = _situation(run, route, entry)
        outcome = row_of(situation).outcome
        if isinstance(outcome, Reason):
            standing[finding] = _silence(outcome, entry)
        elif outcome is Say.REMIND:
            reminded.append(Item(moment=Moment.OPENED, entry=entry))
        else:
            ready.append((Item(moment=Moment(outcome), entry=entry), situation))
    messages = [*gathered(run, route, entries, standing), *ended, *ending_exceptions(run, route, entries)]
    messages += _composed(run, route, ready, standing)
    messages += _reminder(run, route, reminded, standing)
    if digests.is_due(run.table.route(route), run.telling, run.scene.now):
        about = digests.digest(run.table, route, entries, standing, run.telling, run.scene)
        messages.append(Message(form=DIGEST, route=route, about=about))
    return messages, standing


def _situation(run: Run, route: str, entry: Entry) -> Situation:
    held = run.held.get(entry.id, Held.NO)
    if held is Held.CHANGE and run.change and route in run.change.told:
        # The card is out; what was read too late for it goes its own way.
        held = Held.NO
    if not entry.open:
        told = Told.TOLD if entry.heard_of(route) else Told.NEVER
        return Situation(told=told, open=False, held=held)
    heard = entry.told.get(route)
    told = Told.NEVER if heard is None else Told.STALE if moment_of(entry, route) else Told.TOLD
    muted, excepted = entry.quiet.startswith(Reason.MUTED), entry.quiet.startswith(Reason.EXCEPTED)
    if entry.quiet.startswith(Reason.HELD_BY_LICENSING) and held is Held.NO:
        held = Held.LICENSING
    pending = Pending.NO
    if heard is not None and told is Told.TOLD:
        pending = Pending.DUE if _reminder_due(run, entry, heard) else Pending.NO
    elif heard is None and _flaps(entry, run):
        pending = Pending.FLAPPING
    elif ready_at(entry, run.telling) > run.scene.now:
        pending = Pending.CONFIRMING
    return Situation(told=told, muted=muted, excepted=excepted, held=held, pending=pending)


def _flaps(entry: Entry, run: Run) -> bool:
    """Whether it has come back so often that only lasting makes it news."""
    lasts = run.telling.confirm_after if at_once(entry) else STAYS
    return entry.reopened >= FLAPS and run.scene.now - entry.since < lasts


def _reminder_due(run: Run, entry: Entry, heard: Heard) -> bool:
    after = run.telling.remind_after
    return bool(after) and not entry.quiet and run.scene.now - heard.at - entry.paused >= after


def _silence(reason: Reason, entry: Entry) -> Silence:
    if reason in (Reason.MUTED, Reason.EXCEPTED):
        return Silence(reason, entry.quiet.partition(":")[2])
    return Silence(reason)


def _composed(
    run: Run, route: str, ready: Iterable[tuple[Item, Situation]], standing: dict[str, Silence]
) -> list[Message]:
    """What is ready: the tenant's worst at once, the rest once no more comes."""
    barred, delayed = handover.delayed(run.table, route, run.scene.now)
    worst: list[Item] = []
    grouped: list[tuple[Item, Situation]] = []
    for item, situation in ready:
        if barred or item.key in delayed:
            standing[item.entry.id] = _waits(item, situation, Pending.DELAYED)
        elif at_once(item.entry):
            worst.append(item)
        else:
            grouped.append((item, situation))
    times = [ready_at(item.entry, run.telling) for item, _ in grouped]
    now, telling = run.scene.now, run.telling
    if times and now - max(times) < telling.group_wait and now - min(times) < telling.group_wait_max:
        standing.update(
            (item.entry.id, _waits(item, situation, Pending.WAITING)) for item, situation in grouped
        )
        grouped = []
    return [*_cards(run, route, worst), *_cards(run, route, [item for item, _ in grouped])]


def _waits(item: Item, situation: Situation, pending: Pending) -> Silence:
    """Why what would be said now is not: by the same table."""
    outcome = row_of(msgspec.structs.replace(situation, pending=pending)).outcome
    return _silence(Reason(outcome), item.entry)


def _cards(run: Run, route: str, items: list[Item]) -> list[Message]:
    """Up to `single_cards` a card each; more: one card."""
    ordered = tuple(sorted(items, key=importance))
    if len(ordered) > run.telling.single_cards:
        return [Message(form=SUMMARY, route=route, items=ordered)]
    return [Message(form=SINGLE, route=route, items=(item,)) for item in ordered]


def _reminder(run: Run, route: str, items: list[Item], standing: dict[str, Silence]) -> list[Message]:
    last = run.table.route(route).reminded_at
    if not items or (last is not None and run.scene.now - last < REMINDERS_APART):
        standing.update((item.entry.id, _TOLD) for item in items)
        return []
    return [Message(form=REMINDER, route=route, items=tuple(sorted(items, key=importance)))]
