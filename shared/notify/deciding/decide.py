"""What to tell people now, and why the rest is not told: the notifier's pure decision (judgement.md §6).

First what a wrong clock left is set right (`set_back.py`), and what concerns a finding whatever the route is
seen to: what nobody ever heard of and is over goes; a cause mutes, an exception covers, a running licensing
job holds (`quiet.py`); many at once brake (`brake.py`); a declared change gathers what comes of it
(`declared.py`). Then, route by route, the situation of each finding is looked up in the table of `states.py`,
and what is to be said becomes messages.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from shared.model import Moment
from shared.notify.deciding import declared, handover
from shared.notify.deciding.brake import brake, wants_reading
from shared.notify.deciding.gathered import settled_change, settled_exceptions
from shared.notify.deciding.one_route import baseline, told_one_by_one
from shared.notify.deciding.quiet import Quiet, marked
from shared.notify.deciding.run import Run, moment_of
from shared.notify.deciding.scene import Scene, Telling
from shared.notify.deciding.set_back import set_back
from shared.notify.deciding.states import Held, Reason, Silence
from shared.notify.entries import Entry, Heard, told_anew, without_details
from shared.notify.messages import HEARD_BY, Item, Message
from shared.notify.table import Declared, Table
from shared.rules.kinds import MuteRow

_DELAYED = Silence(Reason.HANDOVER_DELAYED)
_NOT_WAITING = frozenset({Reason.TOLD, Reason.NETTED, Reason.MUTED, Reason.EXCEPTED})


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


def decide(table: Table, mutes: Sequence[MuteRow], telling: Telling, scene: Scene) -> Decision:
    """Decide what is told now. `mutes`: the mute table.

    Every finding of the table ends up, on each of its routes, in one message or in `standing`; or in
    `netted` or `discarded`.
    """
    table = set_back(table, scene.now)
    netted = _netted(table, scene)
    entries = {finding: one for finding, one in table.entries.items() if finding not in netted}
    first = scene.baseline_ended_at is None or not table.routes
    change = None if first else declared.declared_since(table, scene)
    awaited = _awaited(table, scene)
    waiting = _waiting(table, awaited, scene)
    quiet = marked(entries, mutes, scene, table.exemptions.keys(), waiting)
    table = msgspec.structs.replace(
        table,
        entries=quiet.entries,
        choices=scene.choices,
        read_as=scene.read_as,
        awaited=awaited,
        ran_at=scene.now,
    )
    free = [] if first else _free(table, quiet)
    change, coming, change_due = _of_the_change(change, free, telling, scene)
    quieted = [one for one in quiet.entries.values() if one.open and one.quiet and not one.told]
    uncoming = (one for one in free if one.entry.id not in coming)
    braked = brake(table.brakes, uncoming, telling, scene, quieted if table.brakes else ())
    table = _discarded(table, braked.discarded, quiet, scene)
    sides = (*braked.held, *braked.released)
    run = Run(
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
        change_due=change_due,
        waiting=waiting,
    )
    return _over_routes(run, tuple(netted))


def _netted(table: Table, scene: Scene) -> dict[str, None]:
    """Findings that are over, and that nobody on any route has heard of or may have; in the table's order."""
    names = frozenset(rule.name for rule in scene.routes)
    return {
        one.id: None
        for one in table.entries.values()
        if not one.open and names.isdisjoint(one.told) and names.isdisjoint(one.doubt)
    }


def _awaited(table: Table, scene: Scene) -> Mapping[str, datetime]:
    """Since when each untried group of the routes keeps somebody waiting: not before there is news at all."""
    if scene.baseline_ended_at is None:
        return {}
    return {group: table.awaited.get(group, scene.now) for group in sorted(scene.untried)}


def _waiting(table: Table, awaited: Mapping[str, datetime], scene: Scene) -> frozenset[str]:
    """The routes that have not begun because it is not known whom they take: of one of their groups nobody
    has tried to read the members. Whoever should read them may be dead, so they wait for a while only."""
    unknown = {group for group, since in awaited.items() if scene.now - since < scene.await_at_most}
    return frozenset(
        rule.name
        for rule in scene.routes
        if table.route(rule.name).baseline_told_at is None and not unknown.isdisjoint(rule.groups)
    )


def _free(table: Table, quiet: Quiet) -> list[Item]:
    """What there is to say that nothing but brake or change may hold."""
    heard = frozenset(name for name, memory in table.routes.items() if memory.baseline_told_at)
    uncovered = {finding for findings in quiet.uncovered.values() for finding in findings}
    return [
        item
        for one in quiet.entries.values()
        if one.id not in uncovered and (item := _news(one, quiet, heard))
    ]


def _of_the_change(
    change: Declared | None, free: Sequence[Item], telling: Telling, scene: Scene
) -> tuple[Declared | None, frozenset[str], bool]:
    """The change as it stands now, the findings that come of it, and whether they are told in this run."""
    if change is None:
        return None, frozenset(), False
    change = declared.settled(change, scene)
    coming = [one for one in free if declared.holds(change, one)]
    due = declared.due(change, coming, telling, scene)
    if due and change.due_at is None:
        change = msgspec.structs.replace(change, due_at=scene.now)
    return change, frozenset(one.entry.id for one in coming), due


def _news(entry: Entry, quiet: Quiet, heard: frozenset[str]) -> Item | None:
    """What there is to say of it on any of its routes, if nothing but brake or change is in the way.

    `heard`: the routes on which the baseline was told.
    """
    if not entry.open:
        return Item(moment=Moment.RESOLVED, entry=entry)
    if entry.quiet or (entry.baseline and not entry.told):
        return None
    moments = [moment_of(entry, route) for route in quiet.routes[entry.id] if route in heard]
    found = [moment for moment in moments if moment is not None]
    if not found:
        return None
    return Item(moment=Moment.OPENED if Moment.OPENED in found else Moment.CHANGED, entry=entry)


def _discarded(table: Table, findings: Iterable[str], quiet: Quiet, scene: Scene) -> Table:
    """These count as told, on every route."""
    entries = dict(table.entries)
    for finding in findings:
        entry = entries[finding]
        if not entry.open:
            del entries[finding]
            continue
        heard = Heard(state=entry.state, fingerprint=entry.fingerprint, at=scene.now)
        told = {**entry.told, **dict.fromkeys(quiet.routes[finding], heard)}
        entries[finding] = without_details(told_anew(entry, told, {}, scene.now))
    return msgspec.structs.replace(table, entries=entries)


def _over_routes(run: Run, netted: tuple[str, ...]) -> Decision:
    table = run.table
    messages: list[Message] = []
    standing: dict[str, dict[str, Silence]] = {}
    wanted_keys: set[tuple[str, str]] = set()
    live: set[tuple[str, str]] = set()
    by_route = _by_route(run)
    for rule in run.scene.routes:
        route = rule.name
        if table.route(route).baseline_told_at is None:
            wanted, reasons = baseline(run, route, by_route[route])
        else:
            wanted, reasons = told_one_by_one(run, route, by_route[route])
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
    table = handover.pruned(table, live | wanted_keys, {rule.name for rule in run.scene.routes})
    table = settled_exceptions(settled_change(table, run, messages, standing), run, wanted_keys)
    return Decision(
        messages=handover.with_delays(messages, table),
        table=table,
        standing=standing,
        netted=netted,
        discarded=run.braked.discarded,
        wants_reading=wants_reading(table.brakes, run.scene.reading_began),
    )


def _by_route(run: Run) -> dict[str, dict[str, Entry]]:
    """The findings of each route: those it takes, and those its people have heard of."""
    found: dict[str, dict[str, Entry]] = {rule.name: {} for rule in run.scene.routes}
    for finding, entry in run.table.entries.items():
        for route in run.quiet.routes[finding]:
            found[route][finding] = entry
    return found


def _waiting_keys(entries: Mapping[str, Entry], reasons: Mapping[str, Silence]) -> Iterable[str]:
    """Keys of what is still to be said, so that its failed hand-over is not forgotten.

    What a cause or an exception hides is said anew if ever, and may be hidden for months.
    """
    for finding, silence in reasons.items():
        if silence.reason in _NOT_WAITING:
            continue
        entry = entries[finding]
        for moment in (Moment.OPENED, Moment.CHANGED) if entry.open else (Moment.RESOLVED,):
            yield Item(moment=moment, entry=entry).key
