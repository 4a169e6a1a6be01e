"""Tenant facts: read on a timer and on demand, one at a time, each committed reading a new generation."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from shared.clocks import is_ahead, is_since
from shared.findings.evidence import BEHIND
from shared.graph.tenant import EMPTY, read_tenant
from shared.ledger.records import Posting, TenantRecord
from shared.model import Evidence, EvidenceStatus, TenantFacts, Totals
from shared.watch.fault_codes import PERMISSION, Code
from shared.watch.parts import Watch
from shared.watch.tenant import judge_tenant, merge, with_totals

log = logging.getLogger("watch.facts")

_OURS: tuple[Code, ...] = ("skus", "groups")
"""The faults that this reading notes."""

_EMPTY = "empty"
"""The list of SKUs is, though it was not before."""

_LOCK_SECONDS = 60
_WAIT_SECONDS = 10.0


async def present(watch: Watch) -> TenantFacts:
    """The facts of the last committed reading; reads them first if there are none."""
    record = (await watch.ledger.read_tenant()).record
    return record.facts if record.facts else await refresh(watch)


async def refresh_if_due(watch: Watch) -> bool:
    """Read the facts if the last reading is older than `FACTS_EVERY` or made under another policy.

    Says whether it read.
    """
    facts = (await watch.ledger.read_tenant()).record.facts
    if facts and _younger_than(watch.settings.facts_every, watch, facts):
        return False
    await refresh(watch)
    return True


async def refresh(watch: Watch) -> TenantFacts:
    """Read the tenant once, however many ask at a time, at most once in `FACTS_AT_MOST_EVERY`.

    Returns the newest committed facts: read here, or by whoever is reading now. Raises `GraphError`
    where nothing could be read at all, and `TimeoutError` if another worker reads for longer than its lock.
    """
    async with watch.ledger.lock("facts", _LOCK_SECONDS) as held:
        if not held:
            return await _wait_for_the_reader(watch)
        if known := await _young(watch):
            return known
        known = (await watch.ledger.read_tenant()).record.facts
        at = watch.now()
        read = await read_tenant(watch.graph, known, at)
        counted_at = watch.now()
        return await _commit(watch, read, await watch.ledger.totals(), counted_at, at)


async def count_again(watch: Watch) -> None:
    """Sum up the users anew and bring the tenant's findings up to that; nothing is read from Graph."""
    at = watch.now()
    totals = await watch.ledger.totals()
    now = watch.now()

    def change(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
        counted = with_totals(record, totals, at, now)
        if counted is record:
            return record, ()
        return judge_tenant(counted, watch.rules, watch.settings.policy, at)

    await watch.ledger.commit_tenant(change, at)


async def _young(watch: Watch) -> TenantFacts | None:
    """The committed facts, if it is too early to read them again."""
    facts = (await watch.ledger.read_tenant()).record.facts
    return facts if facts and _younger_than(watch.settings.facts_at_most_every, watch, facts) else None


def _younger_than(age: timedelta, watch: Watch, facts: TenantFacts) -> bool:
    """Whether the facts are young, and were judged under this process's policy."""
    if facts.observed_at is None or facts.policy != watch.policy_fingerprint:
        return False
    now = watch.now()
    return now - facts.observed_at < age and not is_ahead(facts.observed_at, now)


async def _wait_for_the_reader(watch: Watch) -> TenantFacts:
    before = (await watch.ledger.read_tenant()).record.facts
    deadline = _WAIT_SECONDS if before else float(_LOCK_SECONDS)
    waited = 0.0
    while waited < deadline:
        await asyncio.sleep(0.2)
        waited += 0.2
        now = (await watch.ledger.read_tenant()).record.facts
        if now and (before is None or now.generation > before.generation):
            return now
        # Whoever holds the lock may only have found, as we do, that somebody else has just read.
        if young := await _young(watch):
            return young
    if before is None:
        raise TimeoutError("another worker has been reading the tenant facts for too long")
    return before


def _with_faults(unwell: Mapping[str, str], known: TenantFacts, facts: TenantFacts) -> Mapping[str, str]:
    """The faults, with those of the facts: what was read before stays in force, so nothing else tells them.

    In the same write as the facts: no moment in which they are held and nobody is told why.
    """
    left = {code: detail for code, detail in unwell.items() if code not in _OURS}
    for code in _OURS:
        before, now = ({one: of.evidence_of(one) for one in BEHIND[code]} for of in (known, facts))
        if detail := _fault(unwell.get(code, ""), before, now):
            left[code] = detail
    return left


def _fault(noted: str, before: Mapping[str, Evidence], now: Mapping[str, Evidence]) -> str:
    """What is wrong with these pieces, empty for nothing; `noted` stays until what it tells of is read again.

    A refusal counts from the second in a row: after a permission was changed, workers hold tokens with and
    without it for a while. One of what was never read is told by its missing evidence, and so is a fault that
    may pass.
    """
    if any(one.problem == EMPTY for one in now.values()):
        return _EMPTY
    refused = [name for name, one in now.items() if one.status is EvidenceStatus.FORBIDDEN and one.read_at]
    told = noted.startswith(PERMISSION)
    if refused and (told or any(before[one].status is EvidenceStatus.FORBIDDEN for one in refused)):
        return f"{PERMISSION}: {', '.join(refused)}"
    lacking = [name for name, one in now.items() if one.status is not EvidenceStatus.OK]
    return noted if noted and ("skus" in lacking if noted == _EMPTY else lacking) else ""


async def _commit(
    watch: Watch, read: TenantFacts, totals: Totals, counted_at: datetime, at: datetime
) -> TenantFacts:
    now = watch.now()

    def change(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
        known = record.facts
        if known and is_since(known.observed_at, at, now):
            # Whoever lost the lock while reading must not put older facts under a newer generation.
            return record, ()
        facts = merge(known, read, watch.policy_fingerprint, now)
        unwell = _with_faults(record.unwell, known or facts, facts)
        noted = msgspec.structs.replace(record, facts=facts, unwell=unwell)
        changed = with_totals(noted, totals, counted_at, now)
        return judge_tenant(changed, watch.rules, watch.settings.policy, at)

    facts = (await watch.ledger.commit_tenant(change, at)).facts or read
    log.info("tenant facts, generation %d", facts.generation)
    return facts
