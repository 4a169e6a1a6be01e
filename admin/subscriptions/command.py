"""Shows the Graph subscriptions as the watch remembers them, and asks the app to create or delete them.

The app does it, not this shell: Graph shows an application's subscriptions to that application alone. The
order is a message on the queue `sweeps`; what came of it stands in storage.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from admin.connection import Desk, run
from admin.endings import DONE, FOUND, TROUBLE, told
from admin.tenants import expect
from admin.words import say, texts
from shared.model import EvidenceStatus
from shared.watch import subscription_memory
from shared.watch.hearing.subscriptions import RESOURCES
from shared.watch.messages import write_order
from shared.watch.subscription_memory import OPTIONAL, Kept
from shared.watch.wellbeing.health_lines import not_done
from shared.watch.wellbeing.overdue import stamp

LOOK_EVERY = 1.0
"""Seconds between two looks at what came of an order."""


def show(settings: Path | None) -> int:
    """Say which there are; exit code 3 where one is missing that there should be."""
    ended = DONE

    async def work(desk: Desk) -> None:
        nonlocal ended
        await expect(desk, may_begin=True)
        ended = _shown(await _remembered(desk), _now())

    return run(work, settings) or ended


def order(what: str, wait: int, settings: Path | None, now: Callable[[], datetime] | None = None) -> int:
    """Ask the app to `create` or `delete` them, wait for it, and say what came of it.

    Exit code 3 where Graph refused something, 1 where the app did nothing within `wait` seconds.
    """
    ended = DONE

    async def work(desk: Desk) -> None:
        nonlocal ended
        ended = await _order(desk, what, wait, now or _now)

    return run(work, settings) or ended


async def _order(desk: Desk, what: str, wait: int, now: Callable[[], datetime]) -> int:
    await expect(desk, may_begin=True)
    before = await _remembered(desk)
    at = now()
    if before and before.obeyed:
        # The clock of this machine may be behind that of whoever ordered last: the later order counts.
        at = max(at, before.obeyed.at + timedelta(milliseconds=1))
    await desk.storage.sweeps.send(write_order(what, at))
    print(say("subscriptions", "asked", what, n=wait), flush=True)
    until = asyncio.get_running_loop().time() + wait
    while not _obeyed(kept := await _remembered(desk), at):
        if asyncio.get_running_loop().time() >= until:
            return told(TROUBLE, say("subscriptions", "late", n=wait))
        await asyncio.sleep(LOOK_EVERY)
    ended = _shown(kept, now())
    if ended == DONE:
        print(_done(kept, what))
    return ended


def _done(kept: Kept | None, what: str) -> str:
    """That it is done; where the watch does without one of them, that too."""
    if kept and kept.forgoes(OPTIONAL):
        permission = kept.refused[OPTIONAL].permission
        return say("subscriptions", "done", "without", name=OPTIONAL, permission=permission)
    return say("subscriptions", "done", what)


def _blind(kept: Kept, name: str) -> bool:
    """Whether what would be read in the place of notifications was refused as well, when last tried."""
    return kept.refused[name].evidence == EvidenceStatus.FORBIDDEN


def _obeyed(kept: Kept | None, at: datetime) -> bool:
    return bool(kept and kept.obeyed and kept.obeyed.at >= at)


def _shown(kept: Kept | None, now: datetime) -> int:
    """Say how it stands with each resource and what Graph refused; the exit code."""
    if kept is None:
        print(say("subscriptions", "unknown"))
        return FOUND
    if kept.left:
        print(say("subscriptions", "left", at=stamp(kept.left)))
        for one in kept.records:
            print(say("subscriptions", "undeleted", name=one.resource, id=one.id, at=stamp(one.expires_at)))
    missing = False
    for name in () if kept.left else RESOURCES:
        if kept.forgoes(name):
            # One that was made before the permission was taken away may still be recorded; it brings nothing.
            permission, blind = kept.refused[name].permission, _blind(kept, name)
            word = "forgone-blind" if blind else "forgone"
            print(say("subscriptions", word, name=name, permission=permission))
            missing = missing or blind
            continue
        alive = [one for one in kept.records if one.resource == name and one.expires_at > now]
        for one in alive:
            values = {"id": one.id, "renewed": stamp(one.renewed_at), "at": stamp(one.expires_at)}
            print(say("subscriptions", "alive", name=name, **values))
        if not alive:
            missing = True
            print(say("subscriptions", "none", name=name))
    for problem in kept.failed:
        print(not_done(problem, texts()))
    return FOUND if missing or kept.failed or (kept.left and kept.records) else DONE


async def _remembered(desk: Desk) -> Kept | None:
    return await subscription_memory.read(desk.storage.ledger, desk.tenant_id)


def _now() -> datetime:
    return datetime.now(UTC)
