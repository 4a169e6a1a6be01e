"""The reading of all users, one queue message after the other (design §4.6).

It ends the baseline: until every user was read once, nobody is told anything. Where it stands is in the
tenant record. First every page is put aside, then bucket after bucket is judged and committed, and whoever
was not seen is asked for by itself. A message out of sequence is dropped; one whose work was done but whose
worker ended before it asked for the next only asks for that.
"""

import logging
import uuid
from datetime import datetime, timedelta
from typing import Any

import msgspec

from shared.clocks import is_ahead
from shared.graph.delta import latest_delta_link
from shared.graph.errors import Gone410, GraphError, Throttled, Unauthorized, Unavailable
from shared.graph.users import count_users
from shared.ledger.records import Posting, Sweep, TenantRecord
from shared.watch import details, housekeeping, snapshots, unwell
from shared.watch.asking import ask
from shared.watch.messages import GONE, SWEEP, ReadingStep, write_step
from shared.watch.parts import Watch
from shared.watch.subscription_memory import recall
from shared.watch.tenant import judge_tenant
from shared.watch.users import delta_state
from shared.watch.users.sweep_phases import judge_bucket, put_aside, spill_of

log = logging.getLogger("watch.sweep")

STALLED_AFTER = timedelta(minutes=10)
UNASKED_AFTER = timedelta(minutes=1)
"""So long is a worker given to ask for the step that it made due."""
FAILURES_TOLD = 3
"""From which failure in a row of one step on somebody should know. Each is several attempts of its own."""
PUT_OFF_TOLD = timedelta(hours=2)
"""So long may Graph put one step off before somebody should know."""


async def start_if_due(watch: Watch) -> bool:
    """Start a reading of all users if one is due, or wake one that stalled; says whether it did.

    Due are: the first, one under a changed policy, one that was ordered, one every `SWEEP_EVERY`. The first
    waits until the tenant's facts, the registration report and the subscriptions were tried: whoever changes
    during it is then heard of. A changed policy judges everybody anew, once facts and report were read under
    it. Raises `GraphError` where the delta link can't be had.
    """
    record = (await watch.ledger.read_tenant()).record
    sweep, policy, now = record.sweep, watch.policy_fingerprint, watch.now()
    if record.facts is None or not record.facts.policy == record.standing_policy == policy:
        return False
    if sweep is None:
        return await recall(watch) is not None and await _start(watch, None, "first")
    if sweep.policy != policy:
        return await _start(watch, sweep, "policy")
    if sweep.ended_at is None:
        return await _wake(watch, sweep)
    if sweep.again:
        return await _start(watch, sweep, sweep.again)
    if now - sweep.started_at >= watch.settings.sweep_every or is_ahead(sweep.started_at, now):
        return await _start(watch, sweep, "due")
    return False


async def start_again(watch: Watch, why: str = "ordered") -> None:
    """Have everybody read again, because changes may have been lost; nothing before the first time.

    A reading that is under way is not disturbed: when it has ended, another one follows, however many were
    ordered meanwhile. Where Graph can't be asked now, the order stands and the timer takes it up.
    """

    def change(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
        if record.sweep is None or record.sweep.again:
            return record, ()
        return msgspec.structs.replace(record, sweep=_with(record.sweep, again=why)), ()

    sweep = (await watch.ledger.commit_tenant(change, watch.now())).sweep
    if sweep is not None and sweep.ended_at:
        await _start_ordered(watch, sweep)


async def _start_ordered(watch: Watch, sweep: Sweep) -> None:
    try:
        await _start(watch, sweep, sweep.again)
    except GraphError as fault:
        log.warning("everybody is to be read again (%s), but not yet: %s", sweep.again, fault)


async def _start(watch: Watch, seen: Sweep | None, why: str, restarts: int = 0) -> bool:
    """Begin a reading in place of the one that was seen; says no if another worker did so first."""
    now = watch.now()
    link = await _delta_link(watch)
    expected = await _expected(watch)
    began, ended = (seen.complete if seen else None) or (None, None)
    sweep = Sweep(
        id=uuid.uuid4().hex,
        started_at=now,
        touched_at=now,
        policy=watch.policy_fingerprint,
        why=why,
        asked=0,
        delta_link=link,
        expected=expected,
        restarts=restarts,
        began_before=began,
        ended_before=ended,
    )
    ours = False

    def change(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
        nonlocal ours
        ours = (record.sweep.id if record.sweep else "") == (seen.id if seen else "")
        return (msgspec.structs.replace(record, sweep=sweep) if ours else record), ()

    await watch.ledger.commit_tenant(change, now)
    if not ours:
        return False
    log.info("reading all users (%s), about %d", why, expected)
    await delta_state.begin(watch, link, now)
    await _ask(watch, sweep, _pause(restarts))
    return True


def _pause(restarts: int) -> float:
    """Seconds before a reading that began anew so often: none the first time, then a minute, doubling to an
    hour."""
    return min(3600.0, 60.0 * 2 ** min(restarts - 2, 10)) if restarts > 1 else 0.0


async def _delta_link(watch: Watch) -> str:
    """Where delta can go on from if its chain is lost; empty where Graph has no delta for this tenant."""
    try:
        return await latest_delta_link(watch.graph)
    except (Unavailable, Throttled, Unauthorized):
        # It may well answer later, and a reading without this link would only have to be done again.
        raise
    except GraphError as fault:
        log.warning("Graph gives no delta link: %s", fault)
        return ""


async def _expected(watch: Watch) -> int:
    totals = (await watch.ledger.read_tenant()).record.totals
    if totals:
        return totals.users
    try:
        return await count_users(watch.graph)
    except GraphError:
        # Only the percentage that is shown rests on it.
        return 0


async def _ask(watch: Watch, sweep: Sweep, delay: float = 0.0) -> None:
    """Ask for the step that is due, and remember that: no copy of a message begins a second chain."""
    await watch.storage.sweeps.send(write_step(SWEEP, sweep.id, sweep.step), delay=delay)
    waits: dict[str, Any] = {}
    if delay:
        waits = _until(watch, delay)
    await _note(watch, sweep, asked=sweep.step, **waits)


def _until(watch: Watch, delay: float) -> dict[str, datetime]:
    until = watch.now() + timedelta(seconds=delay)
    return {"woken_at": until, "waits_until": until}


async def _put_off(watch: Watch, sweep: Sweep, later: Throttled) -> None:
    """Take the step again when Graph wants it, and not before: a reading that waits is not woken."""
    now = watch.now()
    waiting = await _note(watch, sweep, **_until(watch, later.retry_after))
    if waiting is None:
        # Another worker did the step, and asked for the next.
        return
    if now - (sweep.touched_at or sweep.started_at) >= PUT_OFF_TOLD:
        await unwell.note(watch, {"sweep": details.detail("at-step", step=sweep.step, fault=later.brief)})
    await watch.storage.sweeps.send(write_step(SWEEP, sweep.id, sweep.step), delay=later.retry_after)


async def _wake(watch: Watch, sweep: Sweep) -> bool:
    now = watch.now()
    if _is_misdated(sweep, now):
        # Whether it stands still is told from now on.
        await _note(watch, sweep, touched_at=now, woken_at=None, waits_until=None)
        return False
    touched = sweep.touched_at or sweep.started_at
    stands = now - max(touched, sweep.woken_at or touched)
    if stands <= (STALLED_AFTER if sweep.asked >= sweep.step else UNASKED_AFTER):
        return False
    await watch.storage.sweeps.send(write_step(SWEEP, sweep.id, sweep.step))
    await _note(watch, sweep, asked=sweep.step, woken_at=now)
    return True


def _is_misdated(sweep: Sweep, now: datetime) -> bool:
    """Whether a clock that was ahead noted when it went on, or was woken; a wait that Graph asked for may end
    in the future."""
    past = [sweep.touched_at or sweep.started_at]
    if sweep.woken_at and sweep.woken_at != sweep.waits_until:
        past.append(sweep.woken_at)
    return any(is_ahead(one, now) for one in past)


async def take_step(watch: Watch, message: ReadingStep) -> None:
    """Do one step, and ask for the next. Raises `GraphError`, `Incomplete` or what storage raises: the same
    message may be taken again."""
    sweep = (await watch.ledger.read_tenant()).record.sweep
    if sweep is None or sweep.id != message.id or sweep.ended_at:
        return
    if sweep.step == message.step + 1 and sweep.asked < sweep.step:
        await _ask(watch, sweep)
    if sweep.step != message.step:
        return
    try:
        await (_read if sweep.bucket is None else _judge)(watch, sweep)
    except Throttled as later:
        await _put_off(watch, sweep, later)
    except GraphError as fault:
        if isinstance(fault, Gone410) and sweep.bucket is None:
            await _restart(watch, sweep, fault)
            return
        await _failed(watch, sweep, fault)
        raise


async def _read(watch: Watch, sweep: Sweep) -> None:
    spill = spill_of(watch, sweep)
    if sweep.step == 1:
        await spill.drop_others()
    read = await put_aside(watch, sweep, spill)
    bucket = None if read.link else 0
    if bucket == 0:
        watch.rest()
    reached = await _reach(
        watch,
        sweep,
        link=read.link,
        pages=sweep.pages + read.pages,
        users=sweep.users + read.users,
        unnamed=sweep.unnamed + read.unnamed,
        bucket=bucket,
        buckets=spill.buckets,
    )
    if reached:
        await _ask(watch, reached, read.delay)


async def _judge(watch: Watch, sweep: Sweep) -> None:
    spill, bucket = spill_of(watch, sweep), sweep.bucket or 0
    unseen = await judge_bucket(watch, sweep, spill)
    # Before the step counts as done: sent twice, it does no harm.
    await ask(watch, watch.now(), users=unseen, why=GONE)
    if unseen:
        log.info("%d users were not seen: they are asked for one by one", len(unseen))
    missing = sweep.unseen + len(unseen)
    if bucket + 1 < spill.buckets:
        reached = await _reach(watch, sweep, bucket=bucket + 1, unseen=missing)
        if reached:
            await _ask(watch, reached)
    else:
        # Before the end is written: after it nobody would take this step again.
        await snapshots.complete(watch, sweep)
        reached = await _end(watch, sweep, missing)
    await spill.drop(bucket)
    if reached and reached.ended_at and reached.again:
        await _start_ordered(watch, reached)
    if reached and reached.ended_at:
        # The notifier comes next, with all that was found.
        watch.rest()
        await housekeeping.note_point(watch, (await watch.ledger.read_tenant()).record)


async def _reach(watch: Watch, sweep: Sweep, **changes: Any) -> Sweep | None:
    """Advance to the next step; None if another worker did, who then asks for it too."""
    now = watch.now()
    advanced = await _note(watch, sweep, step=sweep.step + 1, touched_at=now, failures=0, fault="", **changes)
    if advanced:
        _say(advanced)
        # Pages that are forgotten again and again are read well each time, up to that one.
        if advanced.bucket is not None or advanced.restarts < FAILURES_TOLD:
            await _well_again(watch)
    return advanced


async def _end(watch: Watch, sweep: Sweep, unseen: int) -> Sweep | None:
    """The last step is done: the first time that is the end of the baseline, with the first sums of users."""
    counted_at = watch.now()
    totals = await watch.ledger.totals()
    now = watch.now()
    ended: Sweep | None = None

    def change(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
        nonlocal ended
        ended = None
        if record.sweep is None or (record.sweep.id, record.sweep.step) != (sweep.id, sweep.step):
            return record, ()
        ended = _with(
            record.sweep,
            step=sweep.step + 1,
            bucket=sweep.buckets,
            unseen=unseen,
            touched_at=now,
            ended_at=now,
            failures=0,
            fault="",
        )
        changed = msgspec.structs.replace(record, sweep=ended, totals=totals, counted_at=counted_at)
        judged, posted = judge_tenant(changed, watch.rules, watch.settings.policy, now)
        baseline = record.baseline_ended_at or now
        return msgspec.structs.replace(judged, baseline_ended_at=baseline), posted

    await watch.ledger.commit_tenant(change, now)
    if ended:
        _say(ended)
        await _well_again(watch)
    return ended


async def _restart(watch: Watch, sweep: Sweep, fault: GraphError) -> None:
    """Graph has forgotten the page: what was put aside is not whole, so everybody is read from the start."""
    log.warning("the reading of all users starts again at step %d: %s", sweep.step, fault)
    if (
        await _start(watch, sweep, sweep.why, restarts=sweep.restarts + 1)
        and sweep.restarts + 1 >= FAILURES_TOLD
    ):
        await unwell.note_failure(watch, "sweep", fault, sweep.step)


async def _failed(watch: Watch, sweep: Sweep, fault: GraphError) -> None:
    """Remember that the step failed; nothing is judged of a reading that isn't whole."""
    noted = await _note(watch, sweep, failures=sweep.failures + 1, fault=fault.brief)
    if noted and noted.failures >= FAILURES_TOLD:
        await unwell.note_failure(watch, "sweep", fault, sweep.step)


async def _well_again(watch: Watch) -> None:
    record = (await watch.ledger.read_tenant()).record
    if "sweep" in record.unwell:
        await unwell.note(watch, {"sweep": None})


async def _note(watch: Watch, sweep: Sweep, **changes: Any) -> Sweep | None:
    """Change where the sweep stands; None, and nothing is changed, if it is at another step by now."""
    noted: Sweep | None = None

    def change(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
        nonlocal noted
        noted = None
        if record.sweep is None or (record.sweep.id, record.sweep.step) != (sweep.id, sweep.step):
            return record, ()
        noted = _with(record.sweep, **changes)
        return msgspec.structs.replace(record, sweep=noted), ()

    await watch.ledger.commit_tenant(change, watch.now())
    return noted


def _with(sweep: Sweep, **changes: Any) -> Sweep:
    return msgspec.structs.replace(sweep, **changes)


def _say(sweep: Sweep) -> None:
    percent = "" if sweep.percent is None else f", {sweep.percent} %"
    log.info(
        "sweep: %s%s; step %d, %d users on %d pages, %d not seen",
        sweep.phase,
        percent,
        sweep.step,
        sweep.users,
        sweep.pages,
        sweep.unseen,
    )
