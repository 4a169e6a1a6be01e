"""Cards about many findings with one reason: a hold, its end, a declared change, an exception. Pure."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from shared.model import Moment
from shared.notify.deciding.run import Run, importance, moment_of
from shared.notify.deciding.states import Held, Reason, Silence
from shared.notify.entries import Entry
from shared.notify.exceptions.exemptions import Exemption
from shared.notify.messages import (
    DECLARED,
    ENDED,
    ENDING,
    HELD,
    RELEASED,
    RETURNED,
    Change,
    Item,
    ManyExemptions,
    Message,
)
from shared.notify.table import Declared, ExemptionMemory, Table

_UNTOLD = ExemptionMemory()


def gathered(
    run: Run, route: str, entries: Mapping[str, Entry], standing: dict[str, Silence]
) -> list[Message]:
    """The cards about many at once: held, let go, gone back, brought about by a declared change."""
    messages: list[Message] = []
    for side in run.braked.held:
        if not side.brake.asked_at or route in side.brake.told:
            continue
        # A route that is new may know of all of it already, by its first card.
        if _said_on(route, (entries[one] for one in side.items if one in entries)):
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
        elif not entry.quiet and (moment := moment_of(entry, route)):
            items.append(Item(moment=moment, entry=entry))
    return tuple(sorted(items, key=importance))


def _unsilence(standing: dict[str, Silence], items: Iterable[Item]) -> None:
    for item in items:
        standing.pop(item.entry.id, None)


def _change(change: Declared, items: Sequence[Item]) -> Change:
    count = {moment: sum(1 for item in items if item.moment is moment) for moment in Moment}
    return Change(
        at=change.noticed_at,
        settings=change.settings,
        skus=change.skus,
        opened=count[Moment.OPENED],
        changed=count[Moment.CHANGED],
        resolved=count[Moment.RESOLVED],
    )


def settled_change(
    table: Table, run: Run, messages: Sequence[Message], standing: Mapping[str, Mapping[str, Silence]]
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


def ending_exceptions(run: Run, route: str, entries: Mapping[str, Entry]) -> list[Message]:
    """Those that end soon and cover something, told of once."""
    unwarned = [
        one for one in run.quiet.ending if route not in run.table.exemptions.get(one.id, _UNTOLD).warned
    ]
    by_exception: dict[str, list[Entry]] = {f"{Reason.EXCEPTED}:{one.id}": [] for one in unwarned}
    for entry in entries.values() if unwarned else ():
        if entry.quiet in by_exception:
            by_exception[entry.quiet].append(entry)
    return _of_exceptions(
        run, route, ENDING, [(one, by_exception[f"{Reason.EXCEPTED}:{one.id}"]) for one in unwarned]
    )


def ended_exceptions(run: Run, route: str, entries: Mapping[str, Entry]) -> list[Message]:
    """Those that have ended while something they covered still stands: told once, with what it is."""
    over: list[tuple[Exemption, list[Entry]]] = []
    for one in run.quiet.ended:
        if route in run.table.exemptions[one.id].ended:
            continue
        covered = [
            entries[finding]
            for finding in run.quiet.uncovered.get(one.id, ())
            if finding in entries and not entries[finding].quiet and finding not in run.held
        ]
        over.append((one, covered))
    return _of_exceptions(run, route, ENDED, over)


def _of_exceptions(
    run: Run, route: str, form: str, covering: Iterable[tuple[Exemption, list[Entry]]]
) -> list[Message]:
    """A card for each that covers something; of more than are told one by one, as many agreed together end
    together, one card."""
    found = [(one, covered) for one, covered in covering if covered]
    if len(found) > run.telling.single_cards:
        ordered = sorted((one for one, _ in found), key=lambda one: (one.end, one.id))
        items = _still_open(entry for _, covered in found for entry in covered)
        return [Message(form=form, route=route, items=items, about=ManyExemptions(tuple(ordered)))]
    return [Message(form=form, route=route, items=_still_open(covered), about=one) for one, covered in found]


def _still_open(entries: Iterable[Entry]) -> tuple[Item, ...]:
    return tuple(sorted((Item(moment=Moment.OPENED, entry=one) for one in entries), key=importance))


def settled_exceptions(table: Table, run: Run, wanted: set[tuple[str, str]]) -> Table:
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
