"""The paged reading of all users, one queue message after the other (design §4.6, in its first form).

It ends the baseline: until every user was read once, nobody is told anything. Where it stands is in the
tenant record; a message out of sequence is dropped, and one that was worked on but not deleted only asks for
the next.
"""

import logging
import uuid
from datetime import datetime, timedelta

import msgspec

from shared.graph.errors import Gone410
from shared.graph.ids import as_guid
from shared.graph.users import user_pages
from shared.ledger.records import Posting, Sweep, TenantRecord
from shared.watch.evaluation import Look, judge_and_commit
from shared.watch.messages import SweepStep, write_changed, write_sweep
from shared.watch.parts import Watch
from shared.watch.subscription_memory import recall
from shared.watch.tenant import judge_tenant

log = logging.getLogger("watch.sweep")

PAGES_A_STEP = 20
STALLED_AFTER = timedelta(minutes=10)


async def start_if_due(watch: Watch) -> bool:
    """Start the first reading of all users, wake one that stalled; says whether it did.

    The first waits until the tenant's facts, the registration report and the subscriptions were tried:
    whoever changes during it is then heard of. A changed policy judges everybody anew, once facts and report
    were read under it.
    """
    record = (await watch.ledger.read_tenant()).record
    now = watch.now()
    policy = watch.policy_fingerprint
    if record.facts is None or not record.facts.policy == record.standing_policy == policy:
        return False
    if record.sweep is None and await recall(watch) is None:
        return False
    if record.sweep is None or record.sweep.policy != policy:
        await _start(watch, now)
        return True
    if record.sweep.ended_at is None and now - (record.sweep.touched_at or now) > STALLED_AFTER:
        await watch.storage.sweeps.send(write_sweep(record.sweep.id, record.sweep.step))
        return True
    return False


async def start_again(watch: Watch) -> None:
    """Read everybody again, because notifications may have been lost; nothing before the first time."""
    if (await watch.ledger.read_tenant()).record.sweep is not None:
        await _start(watch, watch.now())


async def _start(watch: Watch, now: datetime) -> None:
    policy = watch.policy_fingerprint
    sweep = Sweep(id=uuid.uuid4().hex, started_at=now, touched_at=now, policy=policy)

    def change(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
        return msgspec.structs.replace(record, sweep=sweep), ()

    await watch.ledger.commit_tenant(change, now)
    await watch.storage.sweeps.send(write_sweep(sweep.id, sweep.step))


async def take_step(watch: Watch, message: SweepStep) -> None:
    """Read up to 20 pages, judge and commit them, and ask for the next step. Raises `GraphError`."""
    sweep = (await watch.ledger.read_tenant()).record.sweep
    if sweep is None or sweep.id != message.sweep or sweep.ended_at:
        return
    if sweep.step == message.step + 1:
        await watch.storage.sweeps.send(write_sweep(sweep.id, sweep.step))
        return
    if sweep.step != message.step:
        return
    try:
        looks, pages, link = await _pages(watch, sweep.link)
    except Gone410:
        log.warning("Graph has forgotten the page: the reading starts again")
        await _start(watch, watch.now())
        return
    records = await watch.ledger.user_records(looks)
    await judge_and_commit(watch, looks, records, worse_refreshes=False)
    await _checkpoint(watch, sweep, users=len(looks), pages=pages, link=link)


async def _pages(watch: Watch, link: str) -> tuple[dict[str, Look], int, str]:
    """Users of up to 20 pages, how many pages, and the link that follows. A row that can't be read is sent to
    be read by itself."""
    looks: dict[str, Look] = {}
    pages = 0
    following: str | None = link or None
    while pages < PAGES_A_STEP:
        page = await user_pages(watch.graph, following)
        looks.update((user.id, Look(user, page.observed_at)) for user in page.users)
        named = [one for one in map(as_guid, page.unreadable) if one]
        if len(named) < len(page.unreadable):
            log.error("%d rows of a page have no id", len(page.unreadable) - len(named))
        for text in write_changed(watch.now(), users=named):
            await watch.storage.changed_users.send(text)
        pages += 1
        following = page.next_link
        if not following:
            break
    return looks, pages, following or ""


async def _checkpoint(watch: Watch, sweep: Sweep, *, users: int, pages: int, link: str) -> None:
    """Advance the sweep; its end is the end of the baseline, with the first sums over users.

    If another worker took this very step meanwhile, the next one has been asked for already.
    """
    now = watch.now()
    totals = await watch.ledger.totals() if not link else None
    ours = False

    def change(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
        nonlocal ours
        ours = record.sweep is not None and (record.sweep.id, record.sweep.step) == (sweep.id, sweep.step)
        if record.sweep is None or not ours:
            return record, ()
        advanced = msgspec.structs.replace(
            record.sweep,
            step=sweep.step + 1,
            link=link,
            pages=sweep.pages + pages,
            users=sweep.users + users,
            touched_at=now,
            ended_at=None if link else now,
        )
        changed = msgspec.structs.replace(record, sweep=advanced)
        if link:
            return changed, ()
        judged, posted = judge_tenant(
            msgspec.structs.replace(changed, totals=totals), watch.rules, watch.settings.policy, now
        )
        ended = record.baseline_ended_at or now
        return msgspec.structs.replace(judged, baseline_ended_at=ended), posted

    await watch.ledger.commit_tenant(change, now)
    log.info("sweep step %d: %d users in %d pages", sweep.step, users, pages)
    if link and ours:
        await watch.storage.sweeps.send(write_sweep(sweep.id, sweep.step + 1))
