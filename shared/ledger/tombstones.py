"""Users who are gone: what is kept of them, and for how long (design §4.6). Pure.

A tombstone refuses readings that began before the user was found gone, so that a slow one can't raise the
dead. It keeps names for cards that still speak of the user, and what it closed for the day the user returns.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from shared import findings
from shared.ledger import gap
from shared.ledger.records import Shard, UserRecord
from shared.model import ClosedFinding, Facts, JudgedBy, Part, State, Verdict

KEPT = timedelta(days=45)
"""Graph can restore a deleted user for 30 days; no reading takes the other 15."""

DELETED = "deleted"
"""Reason to be out of reach, and cause of a resolution: the user is not there any more."""

_VERDICT = Verdict(
    state=State.NOT_IN_REACH,
    rule="",
    cause=DELETED,
    reach=DELETED,
    reset=Part(answer="not-asked"),
    writeback=Part(answer="not-asked"),
)
_NOBODY = JudgedBy(generation=0, policy="")
"""No facts were asked, so none can be older."""


class Absence(Facts, frozen=True):
    """A user who is not there: 404, and delta or a complete sweep says so too.

    `observed_at`: our clock just before the request was sent. `since`: when the delta round before ended,
    if delta found it. `edition` and `evidence` as in `UserReading`: for the journal's lines.
    """

    user_id: str
    observed_at: datetime
    since: datetime | None = None
    edition: str = ""
    evidence: Mapping[str, str] = {}


def tombstone(
    absence: Absence, known: UserRecord | None, closed: Mapping[str, ClosedFinding], at: datetime
) -> UserRecord:
    """The record of a user who was found gone and whose findings are now `closed`. `at`: of the commit."""
    return UserRecord(
        id=absence.user_id,
        observed_at=absence.observed_at,
        judged_by=_NOBODY,
        verdict=_VERDICT,
        upn=known.upn if known else "",
        name=known.name if known else "",
        # Back from the dead is re-enabled: the registration report knows neither at once (judgement.md §3).
        disabled_seen=True,
        closed=closed,
        gone_at=at,
        heard_at=known.heard_at if known else None,
        # Of a user it never knew the watch had no verdict that could be wrong.
        missed=gap.missed(known.missed, known.heard_at, absence.since, at) if known else None,
    )


def remembered(known: UserRecord, at: datetime) -> Mapping[str, ClosedFinding]:
    """Findings that a user who returns at `at` continues: all that the deletion closed, however long ago.

    What was closed before, while the user was there, is remembered as ever.
    """
    return {
        key: one
        for key, one in known.closed.items()
        if one.closed_at == known.gone_at or at - one.closed_at <= findings.REOPEN_WITHIN
    }


def without_names(shard: Shard, user_id: str) -> Shard:
    """The shard with this user's tombstone nameless; the very shard where there is no name to take out."""
    known = shard.users.get(user_id)
    if known is None or known.gone_at is None or not (known.upn or known.name):
        return shard
    nameless = msgspec.structs.replace(known, upn="", name="")
    return msgspec.structs.replace(shard, users={**shard.users, user_id: nameless})


def without_old(users: dict[str, UserRecord], at: datetime) -> None:
    """Take out tombstones that have stood long enough."""
    for key in [key for key, one in users.items() if one.gone_at and at - one.gone_at > KEPT]:
        del users[key]
