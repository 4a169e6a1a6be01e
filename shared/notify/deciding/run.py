"""One run of the decision: what every stage of it may look at, and what they all ask of a finding. Pure."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from shared.model import Moment, Severity, SubjectType
from shared.notify.deciding.brake import Braked
from shared.notify.deciding.quiet import Quiet
from shared.notify.deciding.scene import Scene, Telling, came_about
from shared.notify.deciding.states import Held
from shared.notify.entries import Entry
from shared.notify.messages import Item
from shared.notify.table import Declared, Table

_SUBJECTS = (SubjectType.TENANT, SubjectType.GROUP, SubjectType.USER)
_SEVERITIES = (Severity.HIGH, Severity.MEDIUM, Severity.LOW)


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What every stage may look at. `held`: finding id to what holds it back. `waiting`: routes that have
    not begun, since it is not known yet whom they take."""

    table: Table
    telling: Telling
    scene: Scene
    quiet: Quiet
    held: Mapping[str, Held]
    braked: Braked
    change: Declared | None
    change_due: bool
    waiting: frozenset[str] = frozenset()


def moment_of(entry: Entry, route: str) -> Moment | None:
    """What is new about an open finding on a route."""
    told = entry.told.get(route)
    if told is None:
        return Moment.OPENED
    differs = route in entry.doubt or told.fingerprint != entry.fingerprint
    return Moment.CHANGED if differs else None


def importance(item: Item) -> tuple[int, int, int, datetime, str, str]:
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


def at_once(entry: Entry) -> bool:
    return entry.open and entry.subject_type is SubjectType.TENANT and entry.severity is Severity.HIGH


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
    return start if at_once(entry) else start + telling.confirm_after
