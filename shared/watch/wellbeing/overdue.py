"""What the watch should have done by now and has not, or what no longer reaches it: found by looking. Pure.

A job that is dead can't note its own death. So another one looks at what all of them left behind
(`self_watch`), and health shows the very same.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from shared.findings.evidence import BEHIND
from shared.ledger.records import TenantRecord
from shared.model import EvidenceStatus
from shared.settings import Settings
from shared.watch.details import Detail, detail, noted, read
from shared.watch.fault_codes import NEWER, Code
from shared.watch.hearing.calls import Sums
from shared.watch.hearing.subscriptions import CODES, RESOURCES
from shared.watch.reach.registration_state import PIECES, REPORT, Reading, wanted
from shared.watch.subscription_memory import Kept
from shared.watch.users.delta_state import Delta

BEGUN_WITHIN = timedelta(minutes=30)
"""So long after the ledger began may what happens once at the start take to begin."""
STILL = timedelta(minutes=30)
"""So long may a job in steps go without one, and so long may news lie in the ledger unpublished."""
LATE = 3
"""How many intervals a job may be missing before the watch is unwell."""
SUBSCRIPTIONS_EVERY = timedelta(days=1)
"""Their timer has a schedule, no interval; more seldom than this nobody should have it."""
TIDIED_EVERY = timedelta(days=1)
"""How often what is old enough goes."""
SWEEP_LATE = timedelta(days=1)
"""Nobody should wait three weeks to hear that the weekly reading does not come."""
UNHEARD_ROUNDS = 3
UNHEARD_FOR = timedelta(hours=24)
"""From so many counts with somebody missed, over so long a time, all without anything heard, none arrives."""
PATIENCE = timedelta(hours=3)
"""After the whole app stood still each job is given its limit anew to make up for it, this at most."""

_OPTIONAL = "admin-policy"
"""Evidence that nothing is amiss without."""


class Stranded(msgspec.Struct, frozen=True):
    """A book whose outbox holds news that is not published: as it was first seen so, and when."""

    etag: str
    since: datetime


class SelfLook(msgspec.Struct, frozen=True, kw_only=True):
    """The last look of the watch at itself, at `at`, so long after the one before; `up_since`: see `up`.

    `outboxes`: books that had unpublished news, by name. `untried`: groups that something names and nobody
    had tried to read, by id, and since when.
    """

    at: datetime
    up_since: datetime
    gap: timedelta = timedelta(0)
    outboxes: Mapping[str, Stranded] = {}
    untried: Mapping[str, datetime] = {}


class Traces(msgspec.Struct, frozen=True, kw_only=True):
    """What all jobs left behind. `began_at`: the ledger's beginning; `errors_at`: the last look at licence
    errors; `tidied_at`: when the last housekeeping came to an end; each is None where there is nothing yet.
    `named`: the groups that exceptions and routes name, None where that can't be read just now. `newer`: the
    blobs of the ledger that a newer release has written."""

    began_at: datetime
    record: TenantRecord
    kept: Kept | None = None
    delta: Delta | None = None
    reading: Reading | None = None
    calls: Sums | None = None
    errors_at: datetime | None = None
    tidied_at: datetime | None = None
    last_look: SelfLook | None = None
    named: frozenset[str] | None = frozenset()
    newer: tuple[str, ...] = ()


def overdue(seen: Traces, settings: Settings, now: datetime) -> Mapping[str, str]:
    """Everything of `fault_codes.OVERDUE` that is wrong at `now`, with its `details` (ids only).

    A detail stays the same while nothing happens. What follows from a fault that is noted by who does the
    work is not found besides, unless it was found before that. What was found (`record.unwell`) is over only
    when the work is done again, not when there is merely less to be seen of it: "fixed" must be true.
    """
    found: dict[Code, str | None] = {
        "facts-overdue": _facts(seen, settings, now),
        "registration-overdue": _registration(seen, settings, now),
        "delta-overdue": _delta(seen, settings, now),
        "sweep-overdue": _sweep(seen, settings, now),
        "errors-overdue": _errors(seen, settings, now),
        "named-groups-overdue": _named_groups(seen, settings, now),
        "subscriptions-overdue": _subscriptions(seen, now),
        "subscription-missing": _missing(seen, now),
        "notifications-silent": _silent(seen, now),
        "readings-refused": _refused_now(seen.record, settings),
        "outbox-stranded": _stranded(seen, now),
        "housekeeping-overdue": _housekeeping(seen, now),
        NEWER: newer(seen.newer),
    }
    return {code: detail for code, detail in found.items() if detail is not None}


def newer(paths: Sequence[str]) -> str | None:
    """What is noted of blobs that a newer release has written; None for none."""
    if len(paths) > 1:
        return detail("newer-more", path=paths[0], n=len(paths) - 1)
    return detail("newer-one", path=paths[0]) if paths else None


def _intervals(every: timedelta) -> timedelta:
    """How long a job may be missing that is due so often.

    An interval may be shorter than that of the schedule by which all of them run: then none is late for it.
    """
    return max(LATE * every, STILL)


def _late(seen: Traces, last: datetime, limit: timedelta, now: datetime) -> bool:
    """Whether what was done `last` is late by now, and the app ran long enough to have done it again."""
    up = seen.last_look.up_since if seen.last_look else None
    return now - last > limit and (up is None or now - up >= min(limit, PATIENCE))


def _follows(seen: Traces, code: Code, cause: Code) -> bool:
    return cause in seen.record.unwell and code not in seen.record.unwell


def _reads(seen: Traces) -> Reading | None:
    """The reading of the report and the scope groups, if one is under way."""
    return seen.reading if seen.reading and seen.reading.ended_at is None else None


# --- readings -----------------------------------------------------------------------------------------------


def _facts(seen: Traces, settings: Settings, now: datetime) -> str | None:
    facts = seen.record.facts
    if facts is None or facts.observed_at is None:
        return detail("never-read") if _late(seen, seen.began_at, BEGUN_WITHIN, now) else None
    late = _late(seen, facts.observed_at, _intervals(settings.facts_every), now)
    return detail("last-read", at=stamp(facts.observed_at)) if late else None


def _registration(seen: Traces, settings: Settings, now: datetime) -> str | None:
    if _follows(seen, "registration-overdue", "registration"):
        return None
    if reading := _reads(seen):
        since = reading.stands_since or reading.due_at
        if _late(seen, since, STILL, now):
            return detail("stands-still", step=reading.step, at=stamp(since))
        if "registration-overdue" not in seen.record.unwell:
            return None
    evidence = seen.record.facts.evidence_of(REPORT) if seen.record.facts else None
    # Without P1 there is no report; that is told as missing evidence once the last is too old.
    if evidence is None or evidence.read_at is None or evidence.status is EvidenceStatus.NOT_PREMIUM:
        return None
    late = _late(seen, evidence.read_at, _intervals(settings.registration_every), now)
    return detail("last-read-whole", at=stamp(evidence.read_at)) if late else None


def _delta(seen: Traces, settings: Settings, now: datetime) -> str | None:
    state = seen.delta
    if state is None or state.last_round_at is None or _follows(seen, "delta-overdue", "delta"):
        return None
    if not _late(seen, state.last_round_at, _intervals(settings.delta_every), now):
        return None
    code = "last-asked" if state.alive else "last-asked-lost"
    why = f" ({state.fault})" if state.fault else ""
    return detail(code, at=stamp(state.last_round_at), why=why)


def _sweep(seen: Traces, settings: Settings, now: datetime) -> str | None:
    if _follows(seen, "sweep-overdue", "sweep"):
        return None
    sweep = seen.record.sweep
    if sweep is None:
        # It waits for the facts and the report, which are late themselves if they don't come.
        waits = seen.record.facts is not None and not _reads(seen)
        return detail("not-begun") if waits and _late(seen, seen.began_at, BEGUN_WITHIN, now) else None
    if sweep.ended_at is not None:
        late = _late(seen, sweep.started_at, settings.sweep_every + SWEEP_LATE, now)
        return detail("last-begun", at=stamp(sweep.started_at)) if late else None
    touched = sweep.touched_at or sweep.started_at
    since = max(touched, sweep.waits_until or touched)
    if not _late(seen, since, STILL, now):
        return None
    return detail("stands-still-in", step=sweep.step, phase=sweep.phase, at=stamp(since))


def _errors(seen: Traces, settings: Settings, now: datetime) -> str | None:
    sweep = seen.record.sweep
    if sweep is None or not _late(
        seen, seen.errors_at or sweep.started_at, _intervals(settings.delta_every), now
    ):
        return None
    return detail("last-looked-at", at=stamp(seen.errors_at)) if seen.errors_at else detail("never-looked-at")


def untried(record: TenantRecord, named: Iterable[str]) -> list[str]:
    """Those of the named groups that nobody has tried to read, in order; none while nothing can be read."""
    if record.facts is None:
        return []
    return sorted(group for group in named if _tried_at(record, group) is None)


def _tried_at(record: TenantRecord, group: str) -> datetime | None:
    return record.named[group].evidence.tried_at if group in record.named else None


def _named_groups(seen: Traces, settings: Settings, now: datetime) -> str | None:
    """A new one is read within minutes, all of them as often as the report. One that Graph puts off is not
    late, and while others are read whoever reads them is alive."""
    put_off = {key for key, one in seen.record.named.items() if one.put_off_until and one.put_off_until > now}
    due = (seen.named or frozenset()) - put_off
    times = {group: _tried_at(seen.record, group) for group in sorted(due)}
    oldest = min((at for at in times.values() if at), default=None)
    if oldest and _late(seen, oldest, _intervals(settings.registration_every), now):
        return detail("last-read", at=stamp(oldest))
    since = seen.last_look.untried if seen.last_look else {}
    newest = max((at for at in times.values() if at), default=None)
    soon = _intervals(settings.delta_every)
    if newest and not _late(seen, newest, soon, now):
        return None
    never = [
        group
        for group in untried(seen.record, due)
        if group in since and _late(seen, since[group], soon, now)
    ]
    if not never:
        return None
    shown = ", ".join(never[:5])
    more = len(never) - 5
    return (
        detail("groups-never-read-more", ids=shown, n=more)
        if more > 0
        else detail("groups-never-read", ids=shown)
    )


def refused(record: TenantRecord, settings: Settings) -> Mapping[str, str]:
    """The pieces of evidence that a permission is lacking for, with the permission; not what is optional or
    no longer wanted, nor what a noted fault is about."""
    told = {_OPTIONAL, *(one for code in record.unwell for one in BEHIND.get(code, ()))}
    told |= set(PIECES).difference(wanted(settings.policy))
    evidence = record.facts.evidence if record.facts else {}
    return {
        name: piece.permission
        for name, piece in sorted(evidence.items())
        if piece.permission and name not in told
    }


def never_read(record: TenantRecord, name: str) -> bool:
    """Whether there is no reading of this evidence at all: that is a finding of its own already."""
    return record.facts is None or record.facts.evidence_of(name).read_at is None


def _refused_now(record: TenantRecord, settings: Settings) -> str | None:
    gone = {
        name: Detail("needs", {"name": name, "permission": permission})
        for name, permission in refused(record, settings).items()
        if not never_read(record, name)
    }
    # A Graph that fails otherwise in between has not granted it.
    for known in read(record.unwell.get("readings-refused", "")):
        name = str(known.values.get("name", ""))
        wants = name not in PIECES or name in wanted(settings.policy)
        if record.facts and name and wants and record.facts.evidence_of(name).status is EvidenceStatus.FAILED:
            gone.setdefault(name, known)
    return noted([gone[name] for name in sorted(gone)]) or None


# --- notifications ------------------------------------------------------------------------------------------


def _subscriptions(seen: Traces, now: datetime) -> str | None:
    if seen.kept is None:
        return detail("never-looked") if _late(seen, seen.began_at, BEGUN_WITHIN, now) else None
    late = _late(seen, seen.kept.at, LATE * SUBSCRIPTIONS_EVERY, now)
    return detail("last-looked", at=stamp(seen.kept.at)) if late else None


def _missing(seen: Traces, now: datetime) -> str | None:
    """Subscriptions that ran out and that nobody has tried to have again; a trouble is noted by who tried."""
    kept, unwell = seen.kept, seen.record.unwell
    if kept is None:
        return None
    if kept.left:
        return unwell.get("subscription-missing")
    gone = []
    for name in RESOURCES:
        if kept.alive(name, now) or kept.forgoes(name):
            continue
        if "subscription-missing" not in unwell and (name in kept.troubles or CODES[name] in unwell):
            continue
        ends = [one.expires_at for one in kept.records if one.resource == name]
        if _late(seen, max(ends, default=kept.at), PATIENCE, now):
            ended = {"at": stamp(max(ends))} if ends else {}
            gone.append(Detail("gone-since" if ends else "gone", {"name": name, **ended}))
    if not gone and any(not kept.alive(name, now) and not kept.forgoes(name) for name in RESOURCES):
        return unwell.get("subscription-missing")
    return noted(gone) or None


def unheard(seen: Traces) -> datetime | None:
    """Since when users change without any notification of users; None where that is not so.

    Whoever changes by something that Graph notifies nobody of is missed too: so any authentic notification
    ends it, whatever it was about. What was missed before there was this subscription does not count.
    """
    state, kept = seen.delta, seen.kept
    if state is None or state.unheard_since is None or kept is None or kept.left:
        return None
    ours = [one for one in kept.records if one.resource == "users"]
    since = max([state.unheard_since, *(one.created_at for one in ours if one.created_at)])
    arrived = [seen.calls.subscriptions.get(one.id) for one in ours] if seen.calls else []
    return None if any(one and one.last >= since for one in arrived) else since


def _silent(seen: Traces, now: datetime) -> str | None:
    if seen.kept and seen.kept.left:
        return seen.record.unwell.get("notifications-silent")
    since = unheard(seen)
    if since is None or seen.delta is None or seen.kept is None:
        return None
    if known := seen.record.unwell.get("notifications-silent"):
        return known
    if seen.delta.unheard < UNHEARD_ROUNDS or not seen.kept.alive("users", now):
        return None
    return detail("unheard-since", at=stamp(since)) if _late(seen, since, UNHEARD_FOR, now) else None


# --- the ledger ---------------------------------------------------------------------------------------------


def _stranded(seen: Traces, now: datetime) -> str | None:
    outboxes = seen.last_look.outboxes if seen.last_look else {}
    names = [name for name, one in sorted(outboxes.items()) if _late(seen, one.since, STILL, now)]
    shown = ", ".join(names[:5])
    if len(names) > 5:
        return detail("books-more", names=shown, n=len(names) - 5)
    return shown or None


def _housekeeping(seen: Traces, now: datetime) -> str | None:
    if not _late(seen, seen.tidied_at or seen.began_at, LATE * TIDIED_EVERY, now):
        return None
    return detail("last-tidied", at=stamp(seen.tidied_at)) if seen.tidied_at else detail("never-tidied")


def stamp(at: datetime) -> str:
    """A time for a sentence."""
    return f"{at:%Y-%m-%d %H:%M} UTC"
