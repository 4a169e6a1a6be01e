"""The delta query on users: whoever changed since the last round is looked at again (design §4.6).

Notifications get lost without a word, so what they did not tell is asked for. A round follows the pages from
one delta link to the next; each link is stored after the ids of its page are on their way, so a crash sends a
page's ids twice and never loses one. Rows are hints only: what a user is, is read from the user.
"""

import logging
from datetime import timedelta
from typing import Any

import msgspec

from shared import telemetry
from shared.clocks import is_since
from shared.graph.delta import DeltaPage, delta_page
from shared.graph.errors import Gone410, GraphError, LinkError
from shared.ledger.gap import HEARD_WITHIN
from shared.storage import Lease, Stale
from shared.watch import details, unwell
from shared.watch.asking import ask
from shared.watch.messages import DELTA, GONE
from shared.watch.parts import Watch
from shared.watch.users import delta_state, poison, sweep
from shared.watch.users.delta_state import Delta, Gap, HeldDelta

log = logging.getLogger("watch.delta")

PAGES_A_RUN = 500
"""A timer's run ends within its time; the next goes on from the last page."""
FAILURES_TOLD = 3
ANEW_AFTER = timedelta(hours=6)
"""Where Graph forgets every link, or gives none, everybody is read no more often than this because of it."""

_LOCK_SECONDS = 60
_FIRST_PAUSE = timedelta(minutes=1)


async def run_if_due(watch: Watch) -> bool:
    """Do a round if the last is older than `DELTA_EVERY`, one is under way or somebody asked; says whether.

    One at a time; where another worker is at it, nothing happens. Nothing before the first reading of all
    users has begun. A Graph that can't be asked is noted, and asked again after minutes that double up to
    `DELTA_EVERY`.
    """
    if (await watch.ledger.read_tenant()).record.sweep is None:
        return False
    if not _due(watch, (await delta_state.read(watch)).state):
        return False
    async with watch.ledger.lock("delta", _LOCK_SECONDS) as lease:
        if not lease:
            return False
        held = await delta_state.read(watch)
        if not _due(watch, held.state):
            return False
        try:
            state = await poison.take_up(watch, held.state)
            if state != held.state:
                held = await delta_state.write(watch, held, state)
            await _round(watch, held, lease)
        except Stale:
            # A reading of all users began the chain anew meanwhile; the next run goes on from there.
            log.info("the chain of delta links was begun anew by another worker")
    return True


async def run_soon(watch: Watch) -> bool:
    """Have the next run do a round, however young the last is; says no where the chain is lost."""
    for _ in range(5):
        held = await delta_state.read(watch)
        if not held.state.alive or held.state.soon:
            return held.state.alive
        try:
            await delta_state.write(watch, held, _with(held.state, soon=True))
        except Stale:
            continue
        return True
    # Whoever writes it all the time is in the midst of a round, which has changes of this moment.
    return True


def _due(watch: Watch, state: Delta) -> bool:
    every = watch.settings.delta_every
    if not state.alive:
        return True
    pause = min(every, _FIRST_PAUSE * 2 ** min(state.failures, 10))
    if state.failed_at and not watch.is_time(state.failed_at, pause):
        return False
    if state.soon or state.round_began_at or state.last_round_at is None:
        return True
    return watch.is_time(state.last_round_at, every)


# --- a round -----------------------------------------------------------------------------------------------


async def _round(watch: Watch, held: HeldDelta, lease: Lease) -> None:
    if held.state.link and not held.state.alive:
        # The last reading of all users asked for its link with the same words.
        last = (await watch.ledger.read_tenant()).record.sweep
        held = await _lose(watch, held, "what is tracked has changed", last.delta_link if last else "")
    if not held.state.alive:
        await _begin_anew(watch, held.state)
        return
    try:
        held = await _follow(watch, held, lease)
    except GraphError as fault:
        await _failed(watch, fault)
        return
    if not held.state.alive:
        await _begin_anew(watch, held.state)
    elif held.state.round_began_at is None:
        await _count(watch, held)
        await unwell.note(watch, {"delta": None})


async def _follow(watch: Watch, held: HeldDelta, lease: Lease) -> HeldDelta:
    """Page by page to the round's end, as far as this run goes; or to the loss of the chain."""
    state = held.state
    if state.round_began_at is None:
        state = _with(
            state,
            round_link=state.link,
            round_began_at=watch.now(),
            restarted=False,
            soon=False,
            pages=0,
            users=0,
            removed=0,
        )
    followed: set[str] = set()
    for _ in range(PAGES_A_RUN):
        if not lease:
            break
        followed.add(state.link)
        try:
            page = await delta_page(watch.graph, state.link)
        except Gone410 as fault:
            if state.link == state.round_link or state.restarted:
                return await _lose(watch, held, fault.brief)
            log.warning("a page of the delta query is forgotten: the round begins again: %s", fault)
            state = _with(state, link=state.round_link, restarted=True, pages=0, users=0, removed=0)
            followed.clear()
            held = await delta_state.write(watch, held, state)
            continue
        if page.next_link in followed:
            raise LinkError(code="circular-link")
        await _send(watch, state, page)
        state = _after(state, page)
        held = await delta_state.write(watch, held, state)
        if state.round_began_at is None:
            log.info("delta: %d users changed, %d removed, %d pages", state.users, state.removed, state.pages)
            break
    return held


async def _send(watch: Watch, state: Delta, page: DeltaPage) -> None:
    """Have the page's users looked at. Whoever is said to be both there and removed may be gone."""
    changed = [one for one in page.changed if one not in page.removed]
    since = state.last_round_at
    await ask(watch, page.asked_at, users=changed, why=DELTA, since=since)
    await ask(watch, page.asked_at, users=list(page.removed), why=GONE, since=since)


def _after(state: Delta, page: DeltaPage) -> Delta:
    state = _with(
        state,
        link=page.next_link or page.delta_link or "",
        pages=state.pages + 1,
        users=state.users + len(page.changed),
        removed=state.removed + len(page.removed),
        failures=0,
        failed_at=None,
        fault="",
    )
    if page.delta_link is None:
        return state
    return _with(
        state,
        round_link="",
        round_began_at=None,
        restarted=False,
        last_round_at=page.asked_at,
        rounds=state.rounds + 1,
        losses=0,
    )


async def _count(watch: Watch, held: HeldDelta) -> None:
    """Count what the rounds before have found that no notification told of: the gap (design §4.6)."""
    now = watch.now()
    # Twice the time between rounds, at most: where rounds are seconds apart nobody waits half an hour.
    within = min(HEARD_WITHIN, 2 * watch.settings.delta_every)
    tally = await watch.ledger.tally(now, within)
    gap = Gap(
        # A clock that was ahead may have noted when the last count was.
        since=min(held.state.counted_at or held.state.last_round_at or now, now),
        until=now,
        users=tally.missed,
        sample=tally.sample,
        longest_seconds=tally.longest_seconds,
        heard=tally.heard,
        mean_seconds=tally.seconds / tally.heard if tally.heard else 0.0,
        slowest_seconds=tally.longest,
    )
    await _keep(watch, held, gap)
    for heard, users in (("yes", gap.heard), ("no", gap.users)):
        if users:
            telemetry.GAP.note(users, heard=heard)
    if gap.users or gap.heard:
        log.info(
            "gap: %d users changed without a notification, known at most %.0f s later; "
            "of %d told, known %.0f s later on average, %.0f s at most",
            gap.users,
            gap.longest_seconds,
            gap.heard,
            gap.mean_seconds,
            gap.slowest_seconds,
        )


async def _keep(watch: Watch, held: HeldDelta, gap: Gap) -> None:
    """Remember the count, whoever else writes the state just now: it is in the ledger no more.

    Raises `Stale` where somebody writes it again and again.
    """
    for last in (False, False, False, False, True):
        try:
            await delta_state.write(watch, held, delta_state.counted(held.state, gap))
        except Stale:
            if last:
                raise
            held = await delta_state.read(watch)
        else:
            return


# --- what goes wrong ---------------------------------------------------------------------------------------


async def _failed(watch: Watch, fault: GraphError) -> None:
    """Remember that Graph could not be asked; the round stands where it stood."""
    log.warning("the delta query fails: %s", fault)
    held = await delta_state.read(watch)
    state = _with(held.state, failures=held.state.failures + 1, failed_at=watch.now(), fault=fault.brief)
    await delta_state.write(watch, held, state)
    if state.failures >= FAILURES_TOLD:
        await unwell.note_failure(watch, "delta", fault)


async def _lose(watch: Watch, held: HeldDelta, why: str, dead: str = "") -> HeldDelta:
    """The chain is lost: what it would have told is found only by reading everybody."""
    log.warning("the chain of delta links is lost: %s", why)
    state = held.state
    lost = _with(
        state,
        link="",
        dead=dead or state.round_link or state.link,
        round_link="",
        round_began_at=None,
        restarted=False,
        lost_at=watch.now(),
        losses=state.losses + 1,
        fault=why,
    )
    return await delta_state.write(watch, held, lost)


async def _begin_anew(watch: Watch, state: Delta) -> None:
    """Go on from where a reading of all users began, if that link is younger; else read everybody again.

    What changed before that link was asked for, that reading has seen or will see.
    """
    last = (await watch.ledger.read_tenant()).record.sweep
    if last is None:
        return
    younger = state.last_round_at is None or last.started_at > state.last_round_at
    if last.delta_link and last.delta_link != state.dead and younger:
        if await delta_state.begin(watch, last.delta_link, last.started_at):
            log.info("delta goes on from the beginning of the last reading of all users")
        return
    if state.losses > 1 or not last.delta_link:
        await unwell.note(watch, {"delta": state.fault or details.detail("no-link")})
    now = watch.now()
    fresh = is_since(state.lost_at, last.started_at, now) and state.losses <= 1
    if fresh or now - last.started_at >= ANEW_AFTER:
        await sweep.start_again(watch, "delta")


def _with(state: Delta, **changes: Any) -> Delta:
    return msgspec.structs.replace(state, **changes)
