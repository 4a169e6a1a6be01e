"""The gap (design §4.6): who changed and no notification told of it, and how long it took where one did.

Counted are changes of the *judged facts of the user object* (`mark`), found by a delta reading. A verdict
that moves because the tenant's facts, the registration report, the settings or the time did is none: Graph
has no notification for these. Nor is a change of name, which no rule reads. Pure.
"""

import functools
import hashlib
import math
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from shared.holdings import error_code
from shared.ledger.records import Heard, Missed, Shard, UserRecord
from shared.model import AssignedLicense, Facts, LicenseAssignmentState, User

HEARD_WITHIN = timedelta(minutes=30)
"""So late may a notification come after delta has found the change itself, and still have told of it."""

SAMPLE = 20
"""How many ids a tally names."""

_HEARD_MOVES = timedelta(seconds=1)
"""A notification that changes nothing else is written down only if it is so much later than the last."""

_MARKS_REMEMBERED = 4_000


class Tally(Facts, frozen=True):
    """What was taken out of the ledger once: `missed` and `heard` are numbers of changes.

    `sample`: ids of up to 20 users nobody told of. `longest_seconds`: the longest that any of these changes
    can have waited for its verdict. `seconds` and `longest`: from notification to verdict, in all and at
    most.
    """

    missed: int = 0
    sample: tuple[str, ...] = ()
    longest_seconds: float = 0.0
    heard: int = 0
    seconds: float = 0.0
    longest: float = 0.0


# --- what counts as a change -------------------------------------------------------------------------------


def mark(user: User) -> str:
    """Twelve hex digits over everything of the user object that a rule reads; never names, order or dates."""
    return _mark(
        user.account_enabled,
        user.user_type,
        user.creation_type,
        user.external_user_state,
        tuple([one.issuer for one in user.identities]),
        bool(user.usage_location),
        user.synced,
        user.assigned_licenses,
        user.license_assignment_states,
    )


@functools.lru_cache(_MARKS_REMEMBERED)
def _mark(
    enabled: bool | None,
    user_type: str | None,
    creation_type: str | None,
    external_user_state: str | None,
    issuers: tuple[str | None, ...],
    located: bool,
    synced: bool,
    licences: tuple[AssignedLicense, ...],
    states: tuple[LicenseAssignmentState, ...],
) -> str:
    parts = (
        enabled,
        user_type,
        creation_type,
        external_user_state,
        sorted({one for one in issuers if one}),
        located,
        synced,
        sorted((one.sku_id, sorted(one.disabled_plans)) for one in licences),
        sorted(
            (
                one.sku_id,
                one.assigned_by_group or "",
                sorted(one.disabled_plans),
                one.state,
                error_code(one.error),
            )
            for one in states
        ),
    )
    return hashlib.blake2b(msgspec.json.encode(parts), digest_size=6).hexdigest()


def changed(known: UserRecord | None, user: User, judged_on: str) -> bool:
    """Whether judged facts of the user object are others than the record's: also of a new or restored user.

    `judged_on`: the user's mark.
    """
    if known is None or known.gone_at is not None:
        return True
    if known.judged_on:
        return known.judged_on != judged_on
    # An old record: what it kept of the facts must do.
    skus = tuple(sorted(held.sku_id for held in user.assigned_licenses))
    facts = (skus, user.synced, bool(user.usage_location), user.account_enabled is not True)
    return facts != (known.skus, known.synced, known.location, known.disabled_seen)


# --- heard or not ------------------------------------------------------------------------------------------


def later(one: datetime | None, other: datetime | None) -> datetime | None:
    """The later of two times, either of which may be missing."""
    if one is None or other is None:
        return one or other
    return max(one, other)


def missed(
    before: Missed | None, heard_at: datetime | None, since: datetime | None, at: datetime
) -> Missed | None:
    """What to remember after a commit at `at`; `since` is None unless delta found a change with it.

    Of several changes that nobody told of the first is kept: the user counts once, and no later than due.
    """
    if before is None and since is not None and (heard_at is None or heard_at < since):
        before = Missed(since=since, found_at=at)
    if before is not None and heard_at is not None and _in_time(before, heard_at):
        return None
    return before


def _in_time(change: Missed, heard_at: datetime) -> bool:
    return change.since <= heard_at <= change.found_at + HEARD_WITHIN


def hear(record: UserRecord, at: datetime) -> UserRecord:
    """The record once it is known that a notification came at `at`, for which it was not read anew.

    The very record if that is not worth a write. It is if it clears what was missed. Otherwise it only guards
    against counting a later finding of delta as missed, where the reading that answered an earlier
    notification was served by a replica that lagged: for that a second more or less makes no difference, and
    the copies of a notification that Graph sends several times cost nothing.
    """
    left = missed(record.missed, at, None, at)
    if left is record.missed and record.heard_at and at - record.heard_at < _HEARD_MOVES:
        return record
    return msgspec.structs.replace(record, heard_at=later(record.heard_at, at), missed=left)


def with_heard(heard: Heard | None, seconds: list[float]) -> Heard | None:
    """The sums with these waits from notification to verdict."""
    if not seconds:
        return heard
    before = heard or Heard()
    return Heard(
        users=before.users + len(seconds),
        seconds=before.seconds + sum(seconds),
        longest=max(before.longest, *seconds),
    )


# --- counting ----------------------------------------------------------------------------------------------


def label(shard: Shard) -> int:
    """For `is_due`: Unix seconds when the first missed change was found; 1: waits to count; 0: nothing."""
    if shard.heard:
        return 1
    found = [one.missed.found_at for one in shard.users.values() if one.missed]
    return math.ceil(min(found).timestamp()) if found else 0


def is_due(labels: Mapping[str, str], at: datetime, within: timedelta) -> bool:
    """Whether `take_out` finds something in a shard with these labels; an old shard without has nothing."""
    found = int(labels.get("tally", "0"))
    return found > 0 and found < (at - within).timestamp()


def take_out(shard: Shard, at: datetime, within: timedelta = HEARD_WITHIN) -> tuple[Shard, Tally]:
    """The shard without the sums of what was heard, and without what was missed for more than `within`.

    The very shard if there is nothing to take.
    """
    found = {
        record.id: record.missed
        for record in shard.users.values()
        if record.missed and at - record.missed.found_at > within
    }
    if not found and not shard.heard:
        return shard, Tally()
    users = {
        key: msgspec.structs.replace(record, missed=None) if key in found else record
        for key, record in shard.users.items()
    }
    heard = shard.heard or Heard()
    tally = Tally(
        missed=len(found),
        sample=tuple(sorted(found)[:SAMPLE]),
        longest_seconds=max((_wait(one) for one in found.values()), default=0.0),
        heard=heard.users,
        seconds=heard.seconds,
        longest=heard.longest,
    )
    return msgspec.structs.replace(shard, users=users, heard=None), tally


def _wait(change: Missed) -> float:
    return (change.found_at - change.since).total_seconds()


def add(one: Tally, other: Tally) -> Tally:
    """Both tallies together."""
    return Tally(
        missed=one.missed + other.missed,
        sample=tuple(sorted({*one.sample, *other.sample})[:SAMPLE]),
        longest_seconds=max(one.longest_seconds, other.longest_seconds),
        heard=one.heard + other.heard,
        seconds=one.seconds + other.seconds,
        longest=max(one.longest, other.longest),
    )
