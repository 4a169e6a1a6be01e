"""What to tell people now, and why the rest is not told: the notifier's pure decision (judgement.md §6).

First what concerns a finding whatever the route: what nobody ever heard of and is over goes; a cause mutes,
an exception covers, a running licensing job holds (`quiet.py`); many at once brake (`brake.py`); a declared
change gathers what comes of it (`declared.py`). Then, route by route, the situation of each finding is
looked up in the table of `states.py`, and what is to be said becomes messages.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from shared.model import Moment, Severity, SubjectType
from shared.notify import declared, handover
from shared.notify import digest as digests
from shared.notify.brake import Braked, brake, wants_reading
from shared.notify.entries import Entry, Heard, without_details
from shared.notify.messages import (
    BASELINE,
    DECLARED,
    DIGEST,
    ENDED,
    ENDING,
    HEARD_BY,
    HELD,
    RELEASED,
    REMINDER,
    RETURNED,
    SINGLE,
    SUMMARY,
    Change,
    Item,
    Message,
)
from shared.notify.quiet import Quiet, marked
from shared.notify.routing import routes_of
from shared.notify.scene import Scene, Telling, came_about
from shared.notify.states import Held, Pending, Reason, Say, Silence, Situation, Told, row_of
from shared.notify.table import Declared, ExemptionMemory, Table
from shared.rules.kinds import MuteRow

FLAPS = 2
"""So often may a finding have come back; from then on it is a line of the digest until it lasts."""

REMINDERS_APART = timedelta(hours=24)
"""Reminders of one route come at most so often, so that those of a day share a card."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Messages to send now, in this order; the table as it stands before sending; a reason for all the rest.

    `standing`: by route, then by finding id. `netted` are no longer in the table: they opened and closed
    untold. `discarded`: findings that count as told from now on, by an administrator's order.
    `wants_reading`: everybody should be read again, to know whether a mass change is so.
    """

    messages: tuple[Message, ...]
    table: Table
    standing: Mapping[str, Mapping[str, Silence]]
    netted: tuple[str, ...] = ()
    discarded: tuple[str, ...] = ()
    wants_reading: bool = False

    def why(self, finding: str) -> Silence | None:
        """Why a finding is not told now: of several routes' reasons the first; None if it is being told."""
        return next((reasons[finding] for reasons in self.standing.values() if finding in reasons), None)


class _Run(msgspec.Struct, frozen=True, kw_only=True):
    """What every stage may look at. `held`: finding id to what holds it back."""

    table: Table
    telling: Telling
    scene: Scene
    quiet: Quiet
    held: Mapping[str, Held]
    braked: Braked
    change: Declared | None
    change_due: bool


def decide(table: Table, mutes: Sequence[MuteRow], telling: Telling, scene: Scene) -> Decision:
    """Decide what is told now. `mutes`: the mute table.

    Every finding of the table ends up, on each of its routes, in one message or in `standing`; or in
    `netted` or `discarded`.
    """
    names = frozenset(rule.name for rule in scene.routes)
    netted = tuple(
        one.id
        for one in table.entries.values()
        if not one.open and names.isdisjoint(one.told) and names.isdisjoint(one.doubt)
    )
    entries = dict(table.entries)
    for finding in netted:
        del entries[finding]
    first = scene.baseline_ended_at is None or not table.routes
    change = None if first else declared.declared_since(table, scene)
    quiet = marked(entries, mutes, scene, table.exemptions.keys())
    table = msgspec.structs.replace(
        table, entries=quiet.entries, choices=scene.choices, read_as=scene.read_as, ran_at=scene.now
    )
    heard = frozenset(name for name, memory in table.routes.items() if memory.baseline_told_at)
    uncovered = {finding for findings in quiet.uncovered.values() for finding in findings}
    free = [
        item
        for one in quiet.entries.values()
        if not first and one.id not in uncovered and (item := _news(one, quiet, heard))
    ]
    change = declared.settled(change, telling, scene) if change else None
    coming = {item.entry.id for item in free if change and declared.holds(change, item)}
    braked = brake(table.brakes, (one for one in free if one.entry.id not in coming), telling, scene)
    table = _discarded(table, braked.discarded, scene)
    sides = (*braked.held, *braked.released)
    run = _Run(
        table=msgspec.structs.replace(
            table, brakes=(*(one.brake for one in sides), *braked.returned), declared=change
        ),
        telling=telling,
        scene=scene,
        quiet=quiet,
        held={
            **{finding: Held.BRAKE for side in sides for finding in side.items},
            **dict.fromkeys(coming, Held.CHANGE),
        },
        braked=braked,
        change=change,
        change_due=bool(
            change and declared.due(change, (one for one in free if one.entry.id in coming), telling, scene)
        ),
    )
    return _over_routes(run, netted)


def _news(entry: Entry, quiet: Quiet, heard: frozenset[str]) -> Item | None:
    """What there is to say of it on any of its routes, if nothing but brake or change is in the way.

    `heard`: the routes on which the baseline was told.
    """
    if not entry.open:
        return Item(moment=Moment.RESOLVED, entry=entry)
    if entry.quiet or (entry.baseline and not entry.told):
        return None
    moments = [_moment(entry, route) for route in quiet.routes[entry.id] if route in heard]
    found = [moment for moment in moments if moment is not None]
    if not found:
        return None
    return Item(moment=Moment.OPENED if Moment.OPENED in found else Moment.CHANGED, entry=entry)


def _moment(entry: Entry, route: str) -> Moment | None:
    """What is new about an open finding on a route."""
    told = entry.told.get(route)
    if told is None:
        return Moment.OPENED
    differs = route in entry.doubt or told.fingerprint != entry.fingerprint
    return Moment.CHANGED if differs else None


def _discarded(table: Table, findings: Iterable[str], scene: Scene) -> Table:
    """These count as told, on every route."""
    entries = dict(table.entries)
    for finding in findings:
        entry = entries[finding]
        if not entry.open:
            del entries[finding]
            continue
        heard = Heard(state=entry.state, fingerprint=entry.fingerprint, at=scene.now)
        routes = routes_of(entry, scene.routes, scene.memberships)
        told = {**entry.told, **dict.fromkeys(routes, heard)}
        entries[finding] = without_details(msgspec.structs.replace(entry, told=told, doubt={}))
    return msgspec.structs.replace(table, entries=entries)


# --- route by route --------------------------------------------------------------------------------------


def _over_routes(run: _Run, netted: tuple[str, ...]) -> Decision:
    table = run.table
    messages: list[Message] = []
    standing: dict[str, dict[str, Silence]] = {}
    wanted_keys: set[tuple[str, str]] = set()
    live: set[tuple[str, str]] = set()
    by_route = _by_route(run)
    for rule in run.scene.routes:
        route = rule.name
        if table.route(route).baseline_told_at is None:
            wanted, reasons = _baseline(run, route, by_route[route])
        else:
            wanted, reasons = _told_one_by_one(run, route, by_route[route])
        wanted_keys.update((route, key) for message in wanted for key in message.keys)
        if table.handovers:
            live.update((route, key) for key in _waiting_keys(by_route[route], reasons))
        barred, delayed = handover.delayed(table, route, run.scene.now)
        for message in wanted:
            if barred or not delayed.isdisjoint(message.keys):
                if message.form in HEARD_BY:
                    reasons.update((item.entry.id, _DELAYED) for item in message.items)
            else:
                messages.append(message)
        standing[route] = reasons
    table = handover.pruned(table, live | wanted_keys)
    table = _settled_exceptions(_settled_change(table, run, messages, standing), run, wanted_keys)
    reading = run.scene.reading
    return Decision(
        messages=handover.with_delays(messages, table),
        table=table,
        standing=standing,
        netted=netted,
        discarded=run.braked.discarded,
        wants_reading=wants_reading(table.brakes, reading.started_at if reading else None),
    )


def _by_route(run: _Run) -> dict[str, dict[str, Entry]]:
    """The findings of each route: those it takes, and those its people have heard of."""
    found: dict[str, dict[str, Entry]] = {rule.name: {} for rule in run.scene.routes}
    for finding, entry in run.table.entries.items():
        for route in run.quiet.routes[finding]:
            found[route][finding] = entry
    return found


def _waiting_keys(entries: Mapping[str, Entry], reasons: Mapping[str, Silence]) -> Iterable[str]:
    """Keys of what is still to be said, so that its failed hand-over is not forgotten."""
    for finding, silence in reasons.items():
        if silence.reason in (Reason.TOLD, Reason.NETTED):
            continue
        entry = entries[finding]
        for moment in (Moment.OPENED, Moment.CHANGED) if entry.open else (Moment.RESOLVED,):
            yield Item(moment=moment, entry=entry).key


def _baseline(
    run: _Run, route: str, entries: Mapping[str, Entry]
) -> tuple[list[Message], dict[str, Silence]]:
    """Nothing before the first complete reading has ended; then one card. So it is on a route that is new."""
    ended = run.scene.baseline_ended_at
    if ended is None:
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
    message = Message(form=BASELINE, route=route, items=tuple(sorted(counted, key=_importance)))
    return [message], {finding: _BASELINE for finding in entries if finding not in included}


def _told_one_by_one(
    run: _Run, route: str, entries: Mapping[str, Entry]
) -> tuple[list[Message], dict[str, Silence]]:
    """The messages of a route, and a reason for whatever is in none."""
    standing: dict[str, Silence] = {}
    ready: list[tuple[Item, Situation]] = []
    reminded: list[Item] = []
    ended = _ended_exceptions(run, route, entries)
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
    messages = [*_gathered(run, route, entries, standing), *ended, *_ending_exceptions(run, route, entries)]
    messages += _composed(run, route, ready, standing)
    messages += _reminder(run, route, reminded, standing)
    if digests.is_due(run.table.route(route), run.telling, run.scene.now):
        about = digests.digest(run.table, route, entries, standing, run.telling, run.scene)
        messages.append(Message(form=DIGEST, route=route, about=about))
    return messages, standing


def _situation(run: _Run, route: str, entry: Entry) -> Situation:
    held = run.held.get(entry.id, Held.NO)
    if not entry.open:
        told = Told.TOLD if entry.heard_of(route) else Told.NEVER
        return Situation(told=told, open=False, held=held)
    heard = entry.told.get(route)
    told = Told.NEVER if heard is None else Told.STALE if _moment(entry, route) else Told.TOLD
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


def ready_at(entry: Entry, telling: Telling) -> datetime:
    """From when on this is certain enough to be told.

    A resolution at once; a tenant finding of high severity at once; anything else once it has lasted
    `confirm_after` since it opened, since it changed, or since what muted or held it went away.
    """
    if entry.ended is not None:
        return entry.ended.at
    start = entry.changed_at if entry.told else entry.since
    if entry.released_at is not None:
        start = max(start, entry.released_at)
    return start if _at_once(entry) else start + telling.confirm_after


def _at_once(entry: Entry) -> bool:
    return entry.open and entry.subject_type is SubjectType.TENANT and entry.severity is Severity.HIGH


def _flaps(entry: Entry, run: _Run) -> bool:
    """Whether it has come back so often that only lasting makes it news."""
    lasts = run.telling.confirm_after if _at_once(entry) else run.telling.remind_after
    return entry.reopened >= FLAPS and run.scene.now - entry.since < lasts


def _reminder_due(run: _Run, entry: Entry, heard: Heard) -> bool:
    after = run.telling.remind_after
    return bool(after) and not entry.quiet and run.scene.now - heard.at - entry.paused >= after


def _silence(reason: Reason, entry: Entry) -> Silence:
    if reason in (Reason.MUTED, Reason.EXCEPTED):
        return Silence(reason, entry.quiet.partition(":")[2])
    return Silence(reason)


# --- messages --------------------------------------------------------------------------------------------


def _composed(
    run: _Run, route: str, ready: Iterable[tuple[Item, Situation]], standing: dict[str, Silence]
) -> list[Message]:
    """What is ready: the tenant's worst at once, the rest once no more comes."""
    barred, delayed = handover.delayed(run.table, route, run.scene.now)
    at_once: list[Item] = []
    grouped: list[tuple[Item, Situation]] = []
    for item, situation in ready:
        if barred or item.key in delayed:
            standing[item.entry.id] = _waits(item, situation, Pending.DELAYED)
        elif _at_once(item.entry):
            at_once.append(item)
        else:
            grouped.append((item, situation))
    times = [ready_at(item.entry, run.telling) for item, _ in grouped]
    now, telling = run.scene.now, run.telling
    if times and now - max(times) < telling.group_wait and now - min(times) < telling.group_wait_max:
        standing.update(
            (item.entry.id, _waits(item, situation, Pending.WAITING)) for item, situation in grouped
        )
        grouped = []
    return [*_cards(run, route, at_once), *_cards(run, route, [item for item, _ in grouped])]


def _waits(item: Item, situation: Situation, pending: Pending) -> Silence:
    """Why what would be said now is not: by the same table."""
    outcome = row_of(msgspec.structs.replace(situation, pending=pending)).outcome
    return _silence(Reason(outcome), item.entry)


def _cards(run: _Run, route: str, items: list[Item]) -> list[Message]:
    """Up to `single_cards` a card each; more: one card."""
    ordered = tuple(sorted(items, key=_importance))
    if len(ordered) > run.telling.single_cards:
        return [Message(form=SUMMARY, route=route, items=ordered)]
    return [Message(form=SINGLE, route=route, items=(item,)) for item in ordered]


def _reminder(run: _Run, route: str, items: list[Item], standing: dict[str, Silence]) -> list[Message]:
    last = run.table.route(route).reminded_at
    if not items or (last is not None and run.scene.now - last < REMINDERS_APART):
        standing.update((item.entry.id, _TOLD) for item in items)
        return []
    return [Message(form=REMINDER, route=route, items=tuple(sorted(items, key=_importance)))]


def _gathered(
    run: _Run, route: str, entries: Mapping[str, Entry], standing: dict[str, Silence]
) -> list[Message]:
    """The cards about many at once: held, let go, gone back, brought about by a declared change."""
    messages: list[Message] = []
    for side in run.braked.held:
        ours = entries.keys() & side.items.keys()
        if side.brake.asked_at and ours and route not in side.brake.told:
            messages.append(Message(form=HELD, route=route, about=side.brake.mass))
    for side in run.braked.released:
        items = _said_on(route, (entries[one] for one in side.items if one in entries))
        if items:
            messages.append(Message(form=RELEASED, route=route, items=items, about=side.brake.mass))
            _unsilence(standing, items)
    messages += [
        Message(form=RETURNED, route=route, about=one.mass)
        for one in run.braked.returned
        if route in one.heard_on
    ]
    change = run.change
    if change and run.change_due and route not in change.told:
        came = (entries[one] for one, held in run.held.items() if held is Held.CHANGE and one in entries)
        items = _said_on(route, (entry for entry in came if entry.id in standing))
        if items or change.settings:
            messages.append(Message(form=DECLARED, route=route, items=items, about=_change(change, items)))
            _unsilence(standing, items)
    return messages


def _said_on(route: str, entries: Iterable[Entry]) -> tuple[Item, ...]:
    """What there is to say of these on the route, most important first."""
    items: list[Item] = []
    for entry in entries:
        if not entry.open:
            if entry.heard_of(route):
                items.append(Item(moment=Moment.RESOLVED, entry=entry))
        elif not entry.quiet and (moment := _moment(entry, route)):
            items.append(Item(moment=moment, entry=entry))
    return tuple(sorted(items, key=_importance))


def _unsilence(standing: dict[str, Silence], items: Iterable[Item]) -> None:
    for item in items:
        standing.pop(item.entry.id, None)


def _change(change: Declared, items: Sequence[Item]) -> Change:
    count = {moment: sum(1 for item in items if item.moment is moment) for moment in Moment}
    return Change(
        at=change.at,
        settings=change.settings,
        skus=change.skus,
        opened=count[Moment.OPENED],
        changed=count[Moment.CHANGED],
        resolved=count[Moment.RESOLVED],
    )


def _settled_change(
    table: Table, run: _Run, messages: Sequence[Message], standing: Mapping[str, Mapping[str, Silence]]
) -> Table:
    """Forget a change that is due and of which no route has anything to hear any more."""
    change = run.change
    if change is None or not run.change_due:
        return table
    waits = any(message.form == DECLARED for message in messages) or any(
        silence.reason is Reason.HANDOVER_DELAYED and finding in run.held
        for reasons in standing.values()
        for finding, silence in reasons.items()
    )
    told_all = all(
        rule.name in change.told for rule in run.scene.routes if table.route(rule.name).baseline_told_at
    )
    return table if waits or (change.settings and not told_all) else _without_change(table)


def _without_change(table: Table) -> Table:
    return msgspec.structs.replace(table, declared=None)


# --- exceptions ------------------------------------------------------------------------------------------


def _ending_exceptions(run: _Run, route: str, entries: Mapping[str, Entry]) -> list[Message]:
    """Those that end soon and cover something, told of once."""
    messages = []
    for one in run.quiet.ending:
        if route in run.table.exemptions.get(one.id, _UNTOLD).warned:
            continue
        covered = [entry for entry in entries.values() if entry.quiet == f"{Reason.EXCEPTED}:{one.id}"]
        if covered:
            items = tuple(sorted((Item(moment=Moment.OPENED, entry=e) for e in covered), key=_importance))
            messages.append(Message(form=ENDING, route=route, items=items, about=one))
    return messages


def _ended_exceptions(run: _Run, route: str, entries: Mapping[str, Entry]) -> list[Message]:
    """Those that have ended while something they covered still stands: told once, with what it is."""
    messages = []
    for one in run.quiet.ended:
        if route in run.table.exemptions[one.id].ended:
            continue
        covered = [
            entries[finding]
            for finding in run.quiet.uncovered.get(one.id, ())
            if finding in entries and not entries[finding].quiet and finding not in run.held
        ]
        if covered:
            items = tuple(sorted((Item(moment=Moment.OPENED, entry=e) for e in covered), key=_importance))
            messages.append(Message(form=ENDED, route=route, items=items, about=one))
    return messages


def _settled_exceptions(table: Table, run: _Run, wanted: set[tuple[str, str]]) -> Table:
    """Remember the exceptions in force; forget those whose end leaves nothing to be said anywhere."""
    kept: dict[str, ExemptionMemory] = {
        one.id: table.exemptions.get(one.id, _UNTOLD)
        for one in run.scene.exemptions
        if one.holds(run.scene.now)
    }
    for one in run.quiet.ended:
        if any((rule.name, f"{ENDED}:{one.id}") in wanted for rule in run.scene.routes):
            kept[one.id] = table.exemptions[one.id]
    return msgspec.structs.replace(table, exemptions=kept)


def _importance(item: Item) -> tuple[int, int, int, datetime, str, str]:
    """What broke before what ended, the tenant before groups before users, high before low, then by age."""
    entry = item.entry
    return (
        int(item.moment is Moment.RESOLVED),
        _SUBJECTS.index(entry.subject_type),
        _SEVERITIES.index(entry.severity),
        came_about(entry) if item.moment is Moment.RESOLVED else entry.since,
        entry.subject_id,
        entry.id,
    )


_SUBJECTS = (SubjectType.TENANT, SubjectType.GROUP, SubjectType.USER)
_SEVERITIES = (Severity.HIGH, Severity.MEDIUM, Severity.LOW)
_UNTOLD = ExemptionMemory()
_TOLD = Silence(Reason.TOLD)
_BASELINE = Silence(Reason.BASELINE)
_DELAYED = Silence(Reason.HANDOVER_DELAYED)
