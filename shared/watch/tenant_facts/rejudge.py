"""Users looked at again because something else than they changed: few by messages, many by a reading of all.

Facts that are read otherwise (a SKU that lapsed, a report that is too old) leave a debt in the tenant's
record, in the very write that changed them (`owed`). It is paid here, and stands until that is done: a crash
in between pays twice, never not at all.
"""

import logging
from collections.abc import AsyncIterator

import msgspec

from shared.ledger.manifest import USERS_PER_SHARD
from shared.ledger.records import Posting, TenantRecord
from shared.watch.messages import FACTS, write_changed
from shared.watch.parts import Watch
from shared.watch.tenant_facts.owed import EVERYBODY
from shared.watch.users import sweep

log = logging.getLogger("watch.rejudge")

FEW = 2_000
FEW_PERCENT = 2
"""Beyond both, reading everybody costs less than asking for each: pages hold hundreds, a batch twenty."""

ONCE = 2
"""The number of a look that no other follows: nothing of the user itself is late."""

_LOCK_SECONDS = 60


async def pay(watch: Watch) -> bool:
    """Have everybody looked at whom a change of the facts may judge otherwise; says whether that was anybody.

    One at a time; where another worker is at it, nothing happens.
    """
    if not (await watch.ledger.read_tenant()).record.owed:
        return False
    async with watch.ledger.lock("owed", _LOCK_SECONDS) as held:
        record = (await watch.ledger.read_tenant()).record
        if not held or not record.owed:
            return False
        skus = [one for one in record.owed if one != EVERYBODY]
        log.info("the facts changed for %s", "everybody" if EVERYBODY in record.owed else f"{len(skus)} SKUs")
        if EVERYBODY not in record.owed:
            holders = (ids async for _, ids in watch.ledger.holders(skus))
            await look_at(watch, holders, FACTS, look=ONCE)
        elif not _began_since(record):
            await sweep.start_again(watch, FACTS)
        await _clear(watch, record)
    return True


async def look_at(watch: Watch, portions: AsyncIterator[tuple[str, ...]], why: str, *, look: int) -> None:
    """Have these users looked at from now on; if they are many, everybody instead."""
    most = _most(watch, (await watch.ledger.read_tenant()).record)
    ids: list[str] = []
    async for portion in portions:
        ids += portion
        if len(ids) > most:
            await sweep.start_again(watch, why)
            return
    for text in write_changed(watch.now(), users=ids, look=look, why=why):
        await watch.storage.changed_users.send(text)


def _began_since(record: TenantRecord) -> bool:
    """Whether a reading of all users has begun since: it judges by the changed facts."""
    return bool(record.sweep and record.owed_at and record.sweep.started_at >= record.owed_at)


def _most(watch: Watch, record: TenantRecord) -> int:
    users = record.totals.users if record.totals else watch.manifest.shards * USERS_PER_SHARD
    return max(FEW, users * FEW_PERCENT // 100)


async def _clear(watch: Watch, paid: TenantRecord) -> None:
    """Strike out what was owed, unless more was added meanwhile: then all of it stands and is paid again."""

    def change(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
        if record.owed_at != paid.owed_at:
            return record, ()
        return msgspec.structs.replace(record, owed=()), ()

    await watch.ledger.commit_tenant(change, watch.now())
