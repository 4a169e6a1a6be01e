"""The registration report, the members of the scope and emergency groups, the audit log: read in steps.

A report of a million rows comes at five pages in ten seconds, so each queue message reads some pages, puts
their rows aside and asks for the next; then the index of standings is brought up to date bucket by bucket
(design §4.6). A step done twice does no harm and is followed by one next step.
"""

import logging
from datetime import datetime, timedelta

import msgspec

from shared.clocks import is_ahead
from shared.ledger.records import TenantRecord
from shared.model import EvidenceStatus, TenantFacts
from shared.storage import Lease
from shared.watch.messages import REGISTRATION, ReadingStep, write_step
from shared.watch.parts import Watch
from shared.watch.reach import registration_intake as intake
from shared.watch.reach import registration_state as state
from shared.watch.reach.registration_pages import read_on
from shared.watch.reach.registration_state import MEMBERSHIPS, PIECES, Reading
from shared.watch.users.spill import buckets

log = logging.getLogger("watch.registration")

STALLED_AFTER = timedelta(minutes=10)
FAILED_AGAIN_AFTER = timedelta(hours=1)
"""A piece that could not be read is tried again sooner: one request where it is still refused."""

_LOCK_SECONDS = 60


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a reading is. `phase`: the piece that is being read, `index`, or `ended`; `rows` by piece.

    `stalled`: its next step is overdue and the timer will ask for it again.
    """

    began_at: datetime
    phase: str
    rows: dict[str, int]
    bucket: int
    buckets: int
    stalled: bool
    ended_at: datetime | None = None


async def refresh_if_due(watch: Watch) -> bool:
    """Begin a reading of what is due, or wake one that stalled; says whether it did.

    A piece is due when its last attempt is older than `REGISTRATION_EVERY`, an hour if that failed; all of
    them where they were last read under another policy.
    """
    record = (await watch.ledger.read_tenant()).record
    if record.facts is None:
        return False
    reading = await state.present(watch)
    if reading is not None and reading.ended_at is None and not state.waits(watch, reading):
        if not _stalled(watch, reading):
            return False
        log.warning("the reading of the registration report stood still at step %d", reading.step)
        return await state.wake(watch, reading)
    return await state.begin(watch, record.facts, _due(watch, record, record.facts))


async def start(watch: Watch) -> bool:
    """Read everything again; says whether that has begun. If a reading runs, it is followed by one more."""
    facts = (await watch.ledger.read_tenant()).record.facts
    return facts is not None and await state.begin(watch, facts, PIECES)


async def refresh_memberships(watch: Watch, at: datetime) -> bool:
    """Read the members of the scope and emergency groups again, unless that began after `at`, when they
    changed, or is yet to begin; the report stays as it is. Says whether a reading was begun.

    The first word of a change is followed at once, those of a burst by one reading every `DELTA_EVERY`. If a
    reading runs that came to the members before `at`, it is followed by one of the members.
    """
    reading = await state.present(watch)
    if reading is not None and state.is_yet_to_read(watch, reading, MEMBERSHIPS, at):
        return False
    facts = (await watch.ledger.read_tenant()).record.facts
    if facts is None or state.were_read(watch, facts, MEMBERSHIPS, at):
        return False
    return await state.begin(watch, facts, MEMBERSHIPS)


def membership_groups(watch: Watch, facts: TenantFacts) -> frozenset[str]:
    """The groups whose members decide who is in reach, and the groups nested in them as last read."""
    groups = state.groups_of(watch.settings.policy)
    nested = (facts.watched.get(group, ()) for group in groups)
    return groups.union(*nested)


async def progress(watch: Watch) -> Progress | None:
    """How far the present reading is, or how the last ended; None before the first."""
    reading = await state.present(watch)
    if reading is None:
        return None
    source = reading.source
    return Progress(
        began_at=reading.began_at,
        phase="ended" if reading.ended_at else source.piece if source else "index",
        rows=dict(reading.rows),
        bucket=reading.bucket,
        buckets=buckets(watch.manifest.shards),
        stalled=_stalled(watch, reading),
        ended_at=reading.ended_at,
    )


async def take_step(watch: Watch, message: ReadingStep) -> None:
    """Take one step of the reading and ask for the next; a message out of sequence is dropped.

    Of two workers at one step the second comes back later and finds it taken. Raises `Busy`, and what storage
    raises; the queue tries the message again.
    """
    async with watch.ledger.lock("registration", _LOCK_SECONDS) as lease:
        if lease is None:
            text = write_step(REGISTRATION, message.id, message.step)
            await watch.storage.sweeps.send(text, delay=_LOCK_SECONDS)
            return
        reading = await state.present(watch)
        due = (reading.id, reading.step) if reading and reading.ended_at is None else None
        if reading is None or due != (message.id, message.step):
            log.info("step %d of a registration reading is not due any more", message.step)
            return
        following, delay = await _take(watch, reading, lease)
    if following is not None and following.ended_at is None:
        # Only now that the lock is free: whoever takes the next step would find it held, and wait.
        await state.ask_for(watch, following, delay)


async def _take(watch: Watch, reading: Reading, lease: Lease) -> tuple[Reading | None, float]:
    """Do the step; what follows it, None if another worker was faster, and after how many seconds."""
    record = (await watch.ledger.read_tenant()).record
    facts = record.facts or TenantFacts(tenant_id=watch.settings.tenant_id)
    delay = 0.0
    taken: int | None = None
    if reading.source is not None:
        after, delay = await read_on(watch, reading, facts, lease)
    elif reading.read and reading.bucket < buckets(watch.manifest.shards):
        taken = reading.bucket
        after = await intake.take_in(watch, reading, record, lease)
    else:
        after = await intake.finish(watch, reading)
    after = msgspec.structs.replace(after, due_at=watch.now() + timedelta(seconds=delay))
    log.info("registration step %d: %s rows so far, bucket %d", reading.step, dict(after.rows), after.bucket)
    following = await state.checkpoint(watch, reading, after, record.facts)
    if following is not None and following.id != reading.id:
        delay = state.wait_of(watch, following)
    if following is not None and taken is not None:
        await intake.forget(watch, reading, taken)
    return following, delay


def _due(watch: Watch, record: TenantRecord, facts: TenantFacts) -> tuple[str, ...]:
    """The pieces that are due: all together at their interval, by itself only one that failed."""
    if record.standing_policy != watch.policy_fingerprint:
        return PIECES
    now, every = watch.now(), watch.settings.registration_every
    late: list[str] = []
    for piece in state.wanted(watch.settings.policy):
        evidence = facts.evidence_of(piece)
        failed = evidence.status not in (EvidenceStatus.OK, EvidenceStatus.NEVER)
        tried_at = evidence.tried_at
        age = now - tried_at if tried_at and not is_ahead(tried_at, now) else None
        if age is None or age >= (min(every, FAILED_AGAIN_AFTER) if failed else every):
            if not failed:
                return PIECES
            late.append(piece)
    return tuple(late)


def _stalled(watch: Watch, reading: Reading) -> bool:
    now = watch.now()
    overdue = now - reading.due_at > STALLED_AFTER
    return reading.ended_at is None and (overdue or state.is_misdated(reading, now))
