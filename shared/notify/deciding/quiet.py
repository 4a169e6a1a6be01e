"""What hinders the telling of a finding whatever the route: its cause, an exception, a licensing job. Pure.

Each run notes in the table what begins to be hindered and what is let go: confirming starts anew there, and
the clock of the reminders stands still meanwhile.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from shared.model import JOB_AT_MOST, SubjectType
from shared.notify.deciding.mute import Causes
from shared.notify.deciding.routing import DEFAULT, routes_of
from shared.notify.deciding.scene import Scene
from shared.notify.deciding.states import Reason, Silence
from shared.notify.entries import Entry
from shared.notify.exceptions.exemptions import WARNED_BEFORE, Exemption, Exemptions
from shared.rules.kinds import MuteRow

HOLD_AT_MOST = JOB_AT_MOST
"""A group-licensing job holds its members no longer than this (judgement.md §6)."""


class Quiet(msgspec.Struct, frozen=True, kw_only=True):
    """The findings with what hinders them noted.

    `routes`: finding id to the names of the routes it is told on. `ending`: exceptions in force that end
    soon. `ended`: exceptions that have ended; `uncovered`: their ids to the open findings they covered.
    """

    entries: Mapping[str, Entry]
    routes: Mapping[str, tuple[str, ...]]
    ending: tuple[Exemption, ...] = ()
    ended: tuple[Exemption, ...] = ()
    uncovered: Mapping[str, tuple[str, ...]] = {}


def marked(
    entries: Mapping[str, Entry],
    mutes: Sequence[MuteRow],
    scene: Scene,
    agreed: Collection[str],
    waiting: Collection[str] = (),
) -> Quiet:
    """Note what hinders each open finding now, and since when. `agreed`: the exceptions that were in force
    at the last run; only their end is news. `waiting`: routes that take nothing yet."""
    now = scene.now
    causes = Causes(entries.values(), mutes)
    in_force = [one for one in scene.exemptions if one.holds(now)]
    over = [one for one in scene.exemptions if one.id in agreed and not one.holds(now)]
    covering = Exemptions(in_force, scene.memberships)
    found: dict[str, Entry] = {}
    for finding, entry in entries.items():
        hindrance = _hindrance(entry, causes, covering, scene) if entry.open else ""
        found[finding] = entry if hindrance == entry.quiet else _noted(entry, hindrance, now)
    return Quiet(
        entries=found,
        routes={finding: _routes(entry, scene, waiting) for finding, entry in found.items()},
        ending=tuple(one for one in in_force if _ends_soon(one, now)),
        ended=tuple(over),
        uncovered=_uncovered(found.values(), over, scene) if over else {},
    )


def _hindrance(entry: Entry, causes: Causes, covering: Exemptions, scene: Scene) -> str:
    """A cause comes before an exception: what it explains is nobody's exception."""
    cause = causes.of(entry)
    if cause:
        return str(Silence(Reason.MUTED, cause))
    exemption = covering.of(entry) if covering else None
    if exemption is not None:
        return str(Silence(Reason.EXCEPTED, exemption.id))
    started = entry.changed_at if entry.told else entry.since
    held = entry.subject_type is SubjectType.USER and entry.subject_id in scene.holds
    return str(Silence(Reason.HELD_BY_LICENSING)) if held and scene.now - started < HOLD_AT_MOST else ""


def _noted(entry: Entry, hindrance: str, now: datetime) -> Entry:
    """Begin, end, or change what hinders it."""
    if not hindrance:
        paused = entry.paused + (now - (entry.quiet_since or now))
        return msgspec.structs.replace(entry, quiet="", quiet_since=None, released_at=now, paused=paused)
    return msgspec.structs.replace(entry, quiet=hindrance, quiet_since=entry.quiet_since or now)


def _routes(entry: Entry, scene: Scene, waiting: Collection[str]) -> tuple[str, ...]:
    """Where it is told: on the routes that take it, and where people have heard of it.

    A route that waits takes nothing: meanwhile nobody would hear of it.
    """
    if len(scene.routes) == 1:
        return (DEFAULT,) if scene.routes[0].name == DEFAULT else (scene.routes[0].name,)
    begun = [one for one in scene.routes if one.name not in waiting] if waiting else scene.routes
    taking = routes_of(entry, begun, scene.memberships)
    known = [one.name for one in scene.routes if entry.heard_of(one.name) and one.name not in taking]
    return (*taking, *known)


def _ends_soon(one: Exemption, now: datetime) -> bool:
    """One that is agreed for no longer than the warning's time is not warned of."""
    return one.end - now <= WARNED_BEFORE < one.end - one.created_at


def _uncovered(
    entries: Iterable[Entry], over: Sequence[Exemption], scene: Scene
) -> dict[str, tuple[str, ...]]:
    """What each ended exception covered and still stands; of several the one that ended last tells of it."""
    covered = Exemptions(over, scene.memberships)
    found: dict[str, list[str]] = {}
    for entry in entries:
        one = covered.of(entry) if entry.open else None
        if one is not None and entry.since < one.end:
            found.setdefault(one.id, []).append(entry.id)
    return {finding: tuple(ids) for finding, ids in found.items()}
