"""What to tell people now, and why the rest is not told: the notifier's pure decision (judgement.md §6).

A pipeline of named stages. Each takes the items that are still to be told and the scene, lets some through
and silences the others with a named reason:

    net -> baseline -> hinder (mute, hold) -> confirm -> handover -> at once | group -> compose

A later stage of the same shape finds its place here: exceptions beside mute and hold, the brake after
confirm, reminders among the items that `net` makes, routes in `compose`, the digest beside the baseline card.
"""

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from shared.model import JOB_AT_MOST, Moment, Severity, SubjectType
from shared.notify import handover
from shared.notify.entries import Entry
from shared.notify.messages import BASELINE, BASELINE_KEY, SINGLE, SUMMARY, Item, Message
from shared.notify.mute import Causes
from shared.notify.table import Table
from shared.rules.kinds import MuteRow

HOLD_AT_MOST = JOB_AT_MOST
"""A group-licensing job holds its members no longer than this (judgement.md §6)."""


class Telling(msgspec.Struct, frozen=True, kw_only=True):
    """How long a finding must last, how long a group is awaited, how many get a card each."""

    confirm_after: timedelta = timedelta(minutes=15)
    group_wait: timedelta = timedelta(seconds=60)
    group_wait_max: timedelta = timedelta(minutes=10)
    single_cards: int = 5


class Reason(enum.StrEnum):
    """Why a finding is not told now. There is no other way not to be told."""

    TOLD = "told"
    NETTED = "netted"
    BASELINE = "baseline"
    MUTED = "muted-by"
    HELD_BY_LICENSING = "held-by-licensing"
    CONFIRMING = "confirming"
    HANDOVER_DELAYED = "handover-delayed"
    WAITING_FOR_GROUP = "waiting-for-group"


class Silence(msgspec.Struct, frozen=True):
    """One finding's reason; `by` is the kind of the cause that mutes it."""

    reason: Reason
    by: str = ""

    def __str__(self) -> str:
        return f"{self.reason}:{self.by}" if self.by else str(self.reason)


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Messages to send now, in this order; the table as it stands before sending; a reason for all the rest.

    `standing`: by finding id. `netted` are no longer in the table: they opened and closed untold.
    """

    messages: tuple[Message, ...]
    table: Table
    standing: Mapping[str, Silence]
    netted: tuple[str, ...] = ()


class _Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What every stage may look at."""

    table: Table
    causes: Causes
    telling: Telling
    now: datetime
    baseline_ended_at: datetime | None
    holds: frozenset[str]
    quiet_route: bool
    delayed: frozenset[str]


class _Stage(msgspec.Struct, frozen=True):
    """What a stage lets through, and its reasons for the rest."""

    items: list[Item]
    silenced: dict[str, Silence]


def decide(
    table: Table,
    mutes: Sequence[MuteRow],
    telling: Telling,
    now: datetime,
    baseline_ended_at: datetime | None = None,
    holds: frozenset[str] = frozenset(),
) -> Decision:
    """Decide what is told now.

    `mutes`: the mute table. `baseline_ended_at`: when the first complete reading ended, None before it.
    `holds`: ids of users who are members of a group whose licensing job is running.
    Every finding of `table` ends up in one message, in `standing`, or in `netted`.
    """
    items, settled, netted = _net(table.entries.values())
    entries = {entry_id: entry for entry_id, entry in table.entries.items() if entry_id not in netted}
    table = handover.pruned(msgspec.structs.replace(table, entries=entries), (item.key for item in items))
    quiet_route, delayed = handover.delayed(table, now)
    scene = _Scene(
        table=table,
        causes=Causes(entries.values(), mutes),
        telling=telling,
        now=now,
        baseline_ended_at=baseline_ended_at,
        holds=holds,
        quiet_route=quiet_route,
        delayed=delayed,
    )
    if table.baseline_told_at is None:
        messages, silenced = _baseline(items, scene)
    else:
        table, items = _marked_quiet(items, scene)
        messages, silenced = _told_one_by_one(items, msgspec.structs.replace(scene, table=table))
    return Decision(
        messages=_with_delays(messages, table),
        table=table,
        standing={**settled, **silenced},
        netted=tuple(netted),
    )


def standing(
    table: Table,
    mutes: Sequence[MuteRow],
    telling: Telling,
    now: datetime,
    baseline_ended_at: datetime | None = None,
    holds: frozenset[str] = frozenset(),
) -> Mapping[str, Silence]:
    """Why each finding of the table is not being told at `now`; those that would be told are left out."""
    decision = decide(table, mutes, telling, now, baseline_ended_at, holds)
    return {**decision.standing, **dict.fromkeys(decision.netted, Silence(Reason.NETTED))}


def ready_at(entry: Entry, moment: Moment, telling: Telling) -> datetime:
    """From when on this is certain enough to be told.

    A resolution at once; a tenant finding of high severity at once; anything else once it has lasted
    `confirm_after` since it opened, since it changed, or since what muted or held it went away.
    """
    if entry.ended is not None:
        return entry.ended.at
    start = entry.since if moment is Moment.OPENED else entry.changed_at
    if entry.released_at is not None:
        start = max(start, entry.released_at)
    return start if _at_once(entry) else start + telling.confirm_after


def _at_once(entry: Entry) -> bool:
    return entry.open and entry.subject_type is SubjectType.TENANT and entry.severity is Severity.HIGH


# --- the stages ------------------------------------------------------------------------------------------


def _net(entries: Iterable[Entry]) -> tuple[list[Item], dict[str, Silence], dict[str, None]]:
    """What differs between findings and what people believe; what opened and closed untold cancels out."""
    items: list[Item] = []
    settled: dict[str, Silence] = {}
    netted: dict[str, None] = {}
    for entry in entries:
        known = entry.told or entry.doubt
        if not entry.open:
            if known is None:
                netted[entry.id] = None
            else:
                items.append(Item(moment=Moment.RESOLVED, entry=entry))
        elif entry.told is None:
            items.append(Item(moment=Moment.OPENED, entry=entry))
        elif entry.doubt is not None or entry.told.fingerprint != entry.fingerprint:
            items.append(Item(moment=Moment.CHANGED, entry=entry))
        else:
            settled[entry.id] = _TOLD
    return items, settled, netted


def _baseline(items: list[Item], scene: _Scene) -> tuple[list[Message], dict[str, Silence]]:
    """Nothing before the first complete reading has ended; then one card; the rest once it got through."""
    ended = scene.baseline_ended_at
    if ended is None:
        return [], {item.entry.id: _BASELINE for item in items}
    if scene.quiet_route or BASELINE_KEY in scene.delayed:
        return [], {item.entry.id: _DELAYED for item in items}
    counted = [
        item
        for item in items
        if item.moment is not Moment.RESOLVED and (item.entry.baseline or item.entry.since <= ended)
    ]
    message = Message(form=BASELINE, items=tuple(sorted(counted, key=_importance)))
    included = {item.entry.id for item in counted}
    return [message], {item.entry.id: _BASELINE for item in items if item.entry.id not in included}


def _told_one_by_one(items: list[Item], scene: _Scene) -> tuple[list[Message], dict[str, Silence]]:
    """The stages after the baseline."""
    silenced: dict[str, Silence] = {}
    for stage in (_hinder, _confirm, _handover):
        passed = stage(items, scene)
        items = passed.items
        silenced.update(passed.silenced)
    at_once = [item for item in items if _at_once(item.entry)]
    grouped = _group([item for item in items if not _at_once(item.entry)], scene)
    silenced.update(grouped.silenced)
    return [*_compose(at_once, scene), *_compose(grouped.items, scene)], silenced


def _marked_quiet(items: list[Item], scene: _Scene) -> tuple[Table, list[Item]]:
    """Note in the table what begins to be hindered and what is released, so that confirming starts anew."""
    entries = dict(scene.table.entries)
    marked: list[Item] = []
    waiting = {item.entry.id for item in items}
    for entry in scene.table.entries.values():
        if entry.quiet and entry.id not in waiting:
            entries[entry.id] = msgspec.structs.replace(entry, quiet="", released_at=scene.now)
    for item in items:
        entry = item.entry
        silence = _hindrance(item, scene)
        quiet = str(silence) if silence else ""
        if quiet != entry.quiet:
            released_at = entry.released_at if quiet else scene.now
            entry = msgspec.structs.replace(entry, quiet=quiet, released_at=released_at)
            entries[entry.id] = entry
        marked.append(Item(moment=item.moment, entry=entry))
    return msgspec.structs.replace(scene.table, entries=entries), marked


def _hindrance(item: Item, scene: _Scene) -> Silence | None:
    """A resolution of what was told is never hindered: whoever heard that it broke hears that it ended."""
    if item.moment is Moment.RESOLVED:
        return None
    cause = scene.causes.of(item.entry)
    if cause:
        return Silence(Reason.MUTED, cause)
    entry = item.entry
    started = entry.since if item.moment is Moment.OPENED else entry.changed_at
    held = entry.subject_type is SubjectType.USER and entry.subject_id in scene.holds
    return _HELD if held and scene.now - started < HOLD_AT_MOST else None


def _hinder(items: list[Item], scene: _Scene) -> _Stage:
    """Mute what an open cause explains; hold the members of groups whose licensing job is running."""
    return _sorted(items, lambda item: _hindrance(item, scene))


def _confirm(items: list[Item], scene: _Scene) -> _Stage:
    """What has not lasted long enough may still go away by itself."""
    telling, now = scene.telling, scene.now
    return _sorted(
        items, lambda item: _CONFIRMING if ready_at(item.entry, item.moment, telling) > now else None
    )


def _handover(items: list[Item], scene: _Scene) -> _Stage:
    """What failed to be handed over waits for its own delay, or the whole route for the receiver's."""
    return _sorted(items, lambda item: _DELAYED if scene.quiet_route or item.key in scene.delayed else None)


def _group(items: list[Item], scene: _Scene) -> _Stage:
    """Wait `group_wait` after the last to become ready, at most `group_wait_max` after the first."""
    times = [ready_at(item.entry, item.moment, scene.telling) for item in items]
    if not times:
        return _Stage([], {})
    calm = scene.now - max(times) >= scene.telling.group_wait
    if calm or scene.now - min(times) >= scene.telling.group_wait_max:
        return _Stage(items, {})
    return _Stage([], {item.entry.id: _WAITING for item in items})


def _compose(items: list[Item], scene: _Scene) -> list[Message]:
    """Up to `single_cards` a card each; more: one card."""
    ordered = tuple(sorted(items, key=_importance))
    if len(ordered) > scene.telling.single_cards:
        return [Message(form=SUMMARY, items=ordered)]
    return [Message(form=SINGLE, items=(item,)) for item in ordered]


def _with_delays(messages: Sequence[Message], table: Table) -> tuple[Message, ...]:
    """Let the cards say that earlier hand-overs failed."""
    return tuple(
        msgspec.structs.replace(message, late_since=handover.late_since(table, message, first=number == 0))
        for number, message in enumerate(messages)
    )


def _importance(item: Item) -> tuple[int, int, int, datetime, str, str]:
    """What broke before what ended, the tenant before groups before users, high before low, then by age."""
    entry = item.entry
    return (
        int(item.moment is Moment.RESOLVED),
        _SUBJECTS.index(entry.subject_type),
        _SEVERITIES.index(entry.severity),
        entry.since,
        entry.subject_id,
        entry.id,
    )


def _sorted(items: list[Item], why: Callable[[Item], Silence | None]) -> _Stage:
    passed: list[Item] = []
    silenced: dict[str, Silence] = {}
    for item in items:
        silence = why(item)
        if silence is None:
            passed.append(item)
        else:
            silenced[item.entry.id] = silence
    return _Stage(passed, silenced)


_SUBJECTS = (SubjectType.TENANT, SubjectType.GROUP, SubjectType.USER)
_SEVERITIES = (Severity.HIGH, Severity.MEDIUM, Severity.LOW)
_TOLD = Silence(Reason.TOLD)
_BASELINE = Silence(Reason.BASELINE)
_HELD = Silence(Reason.HELD_BY_LICENSING)
_CONFIRMING = Silence(Reason.CONFIRMING)
_DELAYED = Silence(Reason.HANDOVER_DELAYED)
_WAITING = Silence(Reason.WAITING_FOR_GROUP)
