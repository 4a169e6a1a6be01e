"""Rows of the registration report, of the groups and of the audit log, as they are put aside between reading
them and taking them into the index: small, each with the mark of its piece. Pure."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from shared.model import Evidence, Registration, Standing
from shared.watch.reach.registration_state import AUDIT, EMERGENCY, REPORT, SCOPE

USED_WITHIN = timedelta(days=365)
"""Whoever reset a password longer ago does not count as somebody who does (judgement.md §3, population)."""

_OLDEST_DAY = timedelta(days=800)
"""Rows older than that are counted with that day, so that the state stays small."""


class Reported(msgspec.Struct, frozen=True, gc=False, array_like=True, tag="report"):
    """A row of the report."""

    id: str
    enabled: bool
    registered: bool
    capable: bool
    admin: bool
    updated_at: datetime | None

    @property
    def registration(self) -> Registration:
        """The row as the index keeps it."""
        return Registration(
            id=self.id,
            is_sspr_enabled=self.enabled,
            is_sspr_registered=self.registered,
            is_sspr_capable=self.capable,
            is_admin=self.admin,
            last_updated_date_time=self.updated_at,
        )


class InScope(msgspec.Struct, frozen=True, gc=False, array_like=True, tag="scope"):
    """A member of a scope group."""

    id: str


class ForEmergency(msgspec.Struct, frozen=True, gc=False, array_like=True, tag="emergency"):
    """A member of the emergency group."""

    id: str


class Used(msgspec.Struct, frozen=True, gc=False, array_like=True, tag="used"):
    """A reset or an unlocking in the audit log."""

    id: str
    at: datetime


Row = Reported | InScope | ForEmergency | Used
_rows = msgspec.json.Decoder(list[Row])
_encoder = msgspec.json.Encoder()


def put_aside(rows: Iterable[Row]) -> list[tuple[str, bytes]]:
    """Each row with the user's id, as `Spill` takes them."""
    return [(row.id, _encoder.encode(row)) for row in rows]


def reported(row: Registration) -> Reported:
    """A row of the report as read; a time without offset is UTC."""
    updated = row.last_updated_date_time
    if updated is not None and updated.tzinfo is None:
        updated = updated.replace(tzinfo=UTC)
    return Reported(
        row.id, row.is_sspr_enabled, row.is_sspr_registered, row.is_sspr_capable, row.is_admin, updated
    )


def standings(
    before: Mapping[str, Standing],
    parts: Iterable[bytes],
    read: frozenset[str],
    nothing: Standing,
    at: datetime,
) -> dict[str, Standing]:
    """The new rows of a shard, by what was put aside (JSON arrays) and the rows so far.

    `read`: the pieces that were read whole; of any other what was so far stays so. `nothing`: what no row
    means. `at`: when the reading began. Users of whom nothing is known but absence get no row.
    """
    report: dict[str, Registration] = {}
    scope: set[str] = set()
    emergency: set[str] = set()
    used: dict[str, datetime] = {}
    for part in parts:
        for row in _rows.decode(part):
            if isinstance(row, Reported):
                report[row.id] = row.registration
            elif isinstance(row, InScope):
                scope.add(row.id)
            elif isinstance(row, ForEmergency):
                emergency.add(row.id)
            else:
                used[row.id] = max(used.get(row.id, row.at), row.at)
    found: set[str] = set(before)
    for piece, ids in ((REPORT, report), (SCOPE, scope), (EMERGENCY, emergency), (AUDIT, used)):
        if piece in read:
            found.update(ids)
    rows: dict[str, Standing] = {}
    for user_id in sorted(found):
        old = before.get(user_id, nothing)
        used_at = _later(old.used_at, used.get(user_id)) if AUDIT in read else old.used_at
        new = msgspec.structs.replace(
            old,
            registration=report.get(user_id) if REPORT in read else old.registration,
            in_scope_group=user_id in scope if SCOPE in read else old.in_scope_group,
            emergency=user_id in emergency if EMERGENCY in read else old.emergency,
            used=_recent(used_at, at) if AUDIT in read else old.used,
            used_at=used_at,
        )
        if new.registration or new.in_scope_group or new.emergency or new.used:
            rows[user_id] = new
    return rows


def differing(before: Mapping[str, Standing], after: Mapping[str, Standing]) -> list[str]:
    """Users whom the change can judge otherwise, in order; dates alone change no verdict."""
    return sorted(one for one in {*before, *after} if _judged(before.get(one)) != _judged(after.get(one)))


def _judged(standing: Standing | None) -> tuple[object, ...]:
    if standing is None:
        return (None, False, False, False)
    row = standing.registration
    flags = (row.is_sspr_enabled, row.is_sspr_registered, row.is_sspr_capable, row.is_admin) if row else None
    return (flags, bool(standing.in_scope_group), standing.emergency, bool(standing.used))


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    times = [time for time in (one, other) if time is not None]
    return max(times) if times else None


def _recent(used_at: datetime | None, at: datetime) -> bool:
    return used_at is not None and at - used_at <= USED_WITHIN


class Ages:
    """How old the rows of the report are: the oldest, and how many of each day."""

    def __init__(
        self, began_at: datetime, oldest: datetime | None = None, days: Mapping[str, int] | None = None
    ) -> None:
        self.oldest = oldest
        self.days = dict(days or {})
        self._first_day = began_at - _OLDEST_DAY

    def add(self, rows: Mapping[str, Standing]) -> None:
        """Count the rows of a shard."""
        for row in rows.values():
            if row.registration:
                self.count(row.registration)

    def count(self, row: Registration) -> None:
        """Count one row of the report; its time has an offset."""
        at = row.last_updated_date_time
        if at is None:
            return
        if self.oldest is None or at < self.oldest:
            self.oldest = at
        day = max(at, self._first_day).date().isoformat()
        self.days[day] = self.days.get(day, 0) + 1


def aged(evidence: Evidence, oldest: datetime | None, days: Mapping[str, int]) -> Evidence:
    """The evidence of the report with the age of its rows."""
    median = _median(days)
    if oldest and median:
        # Rows are counted by day: on the first of them the day began before its first row.
        median = max(oldest, median)
    return msgspec.structs.replace(evidence, oldest_row_at=oldest, median_row_at=median)


def _median(days: Mapping[str, int]) -> datetime | None:
    """The day in the middle of these, by count, at midnight UTC."""
    left = (sum(days.values()) + 1) // 2
    for day, count in sorted(days.items()):
        left -= count
        if left <= 0:
            return datetime.fromisoformat(day).replace(tzinfo=UTC)
    return None
