"""Users looked at again because something else than they changed: few by messages, many by a reading of all.

Facts that are read otherwise (a SKU that lapsed, a report that is too old) leave a debt in the tenant's
record, in the very write that changed them (`owed`). It is paid here, and stands until that is done: a crash
in between pays twice, never not at all.

A reading of all users that was under way then may go on judging by the facts from before, users among them
that the ledger does not have yet. So the debt outlasts it: once it has ended, the ledger tells whom it judged
by which facts.
"""

import logging
from collections.abc import AsyncIterator

import msgspec

from shared.findings.owed import EVERYBODY
from shared.ledger.manifest import USERS_PER_SHARD
from shared.ledger.records import Debt, Posting, TenantRecord
from shared.watch.asking import ask
from shared.watch.messages import FACTS, LAST_LOOK
from shared.watch.parts import Watch
from shared.watch.users import sweep

log = logging.getLogger("watch.rejudge")

FEW = 2_000
FEW_PERCENT = 2
"""Beyond both, reading everybody costs less than asking for each: pages hold hundreds, a batch twenty."""

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
        if EVERYBODY in record.owed and record.facts and record.standing_policy != record.facts.policy:
            # Under a new policy the report and the scope groups come first, or all of it were done twice.
            return False
        debt = record.debt
        if debt and _outlived_by_sweep(record, debt):
            return await _pay_ahead(watch, record, debt)
        everybody = EVERYBODY in record.owed
        log.info("the facts changed for %s", "everybody" if everybody else f"{len(record.owed)} SKUs")
        if not everybody or (debt and debt.under_way):
            await look_at(watch, _owed_users(watch, record), FACTS, look=LAST_LOOK)
        elif not _began_since(record):
            await sweep.start_again(watch, FACTS)
        await _put(watch, record, msgspec.structs.replace(record, owed=(), debt=None))
    return True


async def _pay_ahead(watch: Watch, record: TenantRecord, debt: Debt) -> bool:
    """While a reading of all goes on: tell of those whom the ledger has, once and if they are few.

    The others it reaches itself, by the changed facts or not; that shows when it has ended.
    """
    if debt.sent or EVERYBODY in record.owed:
        return False
    few = await _few(watch, _owed_users(watch, record))
    await _send(watch, few or [], FACTS, look=LAST_LOOK)
    sent = msgspec.structs.replace(debt, sent=True)
    await _put(watch, record, msgspec.structs.replace(record, debt=sent))
    return bool(few)


async def look_at(watch: Watch, portions: AsyncIterator[tuple[str, ...]], why: str, *, look: int) -> None:
    """Have these users looked at from now on; if they are many, everybody instead."""
    few = await _few(watch, portions)
    if few is None:
        await sweep.start_again(watch, why)
    else:
        await _send(watch, few, why, look=look)


async def _few(watch: Watch, portions: AsyncIterator[tuple[str, ...]]) -> list[str] | None:
    """All of them; None if they are too many to be asked for one by one."""
    most = _most(watch, (await watch.ledger.read_tenant()).record)
    ids: list[str] = []
    async for portion in portions:
        ids += portion
        if len(ids) > most:
            return None
    return ids


async def _send(watch: Watch, ids: list[str], why: str, *, look: int) -> None:
    await ask(watch, watch.now(), users=ids, look=look, why=why)


async def _owed_users(watch: Watch, record: TenantRecord) -> AsyncIterator[tuple[str, ...]]:
    """Whom the ledger has that is owed a look and was not judged by the changed facts since."""
    before = record.debt.generation if record.debt else None
    if EVERYBODY in record.owed:
        users = watch.ledger.everybody(before=before)
    else:
        users = watch.ledger.holders(record.owed, before=before)
    async for _, ids in users:
        yield ids


def _outlived_by_sweep(record: TenantRecord, debt: Debt) -> bool:
    """Whether the reading of all users that was under way still is."""
    return bool(debt.under_way and record.sweep and not record.sweep.ended_at and not _began_since(record))


def _began_since(record: TenantRecord) -> bool:
    """Whether a reading of all users has begun since: it judges everybody by the changed facts."""
    return bool(record.sweep and record.debt and record.sweep.id != record.debt.sweep)


def _most(watch: Watch, record: TenantRecord) -> int:
    users = record.totals.users if record.totals else watch.manifest.shards * USERS_PER_SHARD
    return max(FEW, users * FEW_PERCENT // 100)


async def _put(watch: Watch, seen: TenantRecord, paid: TenantRecord) -> None:
    """Note what is owed from now on, unless more was added meanwhile: then all of it stands, to be paid."""

    def change(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
        if (record.owed, record.debt) != (seen.owed, seen.debt):
            return record, ()
        return msgspec.structs.replace(record, owed=paid.owed, debt=paid.debt), ()

    await watch.ledger.commit_tenant(change, watch.now())
