"""The second phase of a reading: what was put aside goes into the index, bucket by bucket (design §4.6).

Of each bucket first the messages about users who may be judged otherwise, not due before the index is stored,
then the index: a crash in between loses nobody. The evidence comes last, when every bucket is in.
"""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from shared.ledger.ledger import TenantChange
from shared.ledger.records import Posting, TenantRecord
from shared.model import Evidence, EvidenceStatus, TenantFacts
from shared.storage import Lease, Stale
from shared.watch.asking import ask
from shared.watch.fault_codes import EMPTY, PERMISSION
from shared.watch.messages import IDS_A_MESSAGE, LAST_LOOK, STANDING
from shared.watch.parts import Busy, Watch
from shared.watch.reach.registration_rows import Ages, aged, differing, standings
from shared.watch.reach.registration_state import AUDIT, REPORT, SCOPE, Reading, groups_of, still_ours
from shared.watch.standing import absent
from shared.watch.tenant import judge_tenant, with_evidence
from shared.watch.users import sweep
from shared.watch.users.spill import Spill

log = logging.getLogger("watch.registration")

_STORED_WITHIN = timedelta(seconds=30)
_EACH_WRITE = timedelta(seconds=0.1)
"""Longer than storage's own retries: a look before the index is stored would judge by the old one."""


class _Shard(msgspec.Struct, frozen=True):
    """A shard of the index that changes: its new rows as JSON, and the version that they replace."""

    name: str
    rows: bytes
    etag: str | None


def rejudges_everybody(watch: Watch, reading: Reading, facts: TenantFacts) -> bool:
    """Whether it judges users without a row otherwise: a piece is in force now that was not before."""
    oldest = reading.began_at - watch.settings.policy.report_max_age
    read_at = {piece: facts.evidence_of(piece).read_at for piece in (REPORT, SCOPE, AUDIT)}
    report = read_at[REPORT]
    returns = REPORT in reading.read and (report is None or report < oldest)
    return returns or any(piece in reading.read and read_at[piece] is None for piece in (SCOPE, AUDIT))


async def take_in(watch: Watch, reading: Reading, record: TenantRecord, lease: Lease) -> Reading:
    """Take the next bucket into the index. Raises `Busy` where another worker writes to it.

    Before the first sweep has begun nobody needs a message, and nobody does where a sweep follows.
    """
    facts = record.facts or TenantFacts(tenant_id=watch.settings.tenant_id)
    everybody = reading.everybody
    if everybody is None:
        everybody = rejudges_everybody(watch, reading, facts)
    nothing = absent(
        groups_read=SCOPE in reading.read or facts.evidence_of(SCOPE).read_at is not None,
        audit_read=AUDIT in reading.read or facts.evidence_of(AUDIT).read_at is not None,
    )
    spill = Spill(watch.storage, watch.manifest, "standing", reading.spill)
    epoch, read = watch.manifest.epoch, reading.read
    changed: list[str] = []
    shards: list[_Shard] = []
    ages = Ages(reading.began_at, reading.oldest_row_at, reading.row_days)
    async for name, sections in spill.shards(reading.bucket):
        held = await watch.standings.held(epoch, name)
        parts = [section.rows for section in sections]
        after = standings(held.rows, parts, read, nothing, reading.began_at)
        if REPORT in read:
            ages.add(after)
        if after != held.rows:
            changed += differing(held.rows, after)
            shards.append(_Shard(name, msgspec.json.encode(after), held.etag))
    still_ours(lease)
    if record.sweep is not None and not everybody:
        await _send(watch, changed, len(shards))
    await _write(watch, epoch, shards)
    log.info("bucket %d: %d shards of the index, %d users changed", reading.bucket, len(shards), len(changed))
    return msgspec.structs.replace(
        reading,
        bucket=reading.bucket + 1,
        everybody=everybody,
        oldest_row_at=ages.oldest,
        row_days=ages.days,
    )


async def forget(watch: Watch, reading: Reading, bucket: int) -> None:
    """Delete what was put aside for a bucket that is in the index."""
    await Spill(watch.storage, watch.manifest, "standing", reading.spill).drop(bucket)


async def finish(watch: Watch, reading: Reading) -> Reading:
    """Commit the evidence of every piece, and have those looked at whom the index as a whole judges anew.

    Who was not in the report yet may be in a report now that should know him: no row of his has changed.
    """
    at = watch.now()
    record = await watch.ledger.commit_tenant(_committing(watch, reading, at), at)
    if record.sweep is None or record.facts is None:
        return msgspec.structs.replace(reading, ended_at=at)
    if reading.everybody:
        # Where the policy has changed meanwhile, everybody is read again as soon as all was read under it.
        if record.sweep.policy == record.facts.policy == reading.policy:
            await sweep.start_again(watch, "registration")
    else:
        # Also where the report can't be read: the time they are given may be over by the last one.
        async for _, waiting in watch.ledger.waiting_for_report():
            await ask(watch, watch.now(), users=waiting, look=LAST_LOOK, why=STANDING)
    return msgspec.structs.replace(reading, ended_at=at)


async def _send(watch: Watch, changed: list[str], shards: int) -> None:
    within = _STORED_WITHIN + _EACH_WRITE * (shards + len(changed) // IDS_A_MESSAGE)
    due, delay = watch.now() + within, within.total_seconds()
    await ask(watch, due, users=changed, look=LAST_LOOK, why=STANDING, delay=delay)


async def _write(watch: Watch, epoch: str, shards: list[_Shard]) -> None:
    try:
        for shard in shards:
            await watch.standings.write(epoch, shard.name, shard.rows, shard.etag)
    except Stale as fault:
        # Ours, if its answer was lost, is found in place when the message comes again.
        raise Busy(str(fault)) from None


def _committing(watch: Watch, reading: Reading, at: datetime) -> TenantChange:
    def change(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
        if record.facts is None or _is_in(reading, record.facts):
            return record, ()
        evidence = {piece: _aged(piece, one, reading) for piece, one in reading.outcomes.items()}
        facts = with_evidence(record.facts, evidence)
        facts = msgspec.structs.replace(facts, watched=_watched(watch, reading, facts))
        # Members alone don't stand for the report: a sweep waits for both under a new policy.
        policy = reading.policy if REPORT in reading.outcomes else record.standing_policy
        changed = msgspec.structs.replace(
            record, facts=facts, standing_policy=policy, unwell=_with_fault(record, reading)
        )
        return judge_tenant(changed, watch.rules, watch.settings.policy, at)

    return change


def _with_fault(record: TenantRecord, reading: Reading) -> Mapping[str, str]:
    """The faults, with that of the report while an earlier reading of it is kept in force for another.

    In the same write as the evidence, as that of an empty list of SKUs. A refusal and an empty report are
    told at once; what else fails, which may pass, when it has failed twice in a row, and no other fault is
    told by then. A tenant without P1 or P2 has no report: that is no fault of the watch's, and neither told
    nor taken for mended here.
    """
    report = reading.outcomes.get(REPORT)
    if report is None or record.facts is None:
        return record.unwell
    left = {code: detail for code, detail in record.unwell.items() if code != REPORT}
    if report.status is EvidenceStatus.OK:
        return left
    if report.read_at is None or report.status is EvidenceStatus.NOT_PREMIUM:
        return record.unwell
    if report.status is EvidenceStatus.FORBIDDEN:
        return {**left, REPORT: f"{PERMISSION}: {report.permission}"}
    if report.problem == EMPTY:
        return {**left, REPORT: EMPTY}
    if record.facts.evidence_of(REPORT).status is EvidenceStatus.OK or REPORT in record.unwell:
        return record.unwell
    return {**left, REPORT: report.problem or "failed"}


def _is_in(reading: Reading, facts: TenantFacts) -> bool:
    """Whether the evidence of this reading was committed by an earlier try."""
    return all(facts.evidence_of(piece).tried_at == one.tried_at for piece, one in reading.outcomes.items())


def _watched(watch: Watch, reading: Reading, facts: TenantFacts) -> dict[str, tuple[str, ...]]:
    """Each group of the policy with the groups nested in it, as last read whole."""
    groups = groups_of(watch.settings.policy)
    read = {source.group for source in reading.sources if source.piece in reading.read}
    newer = {group: nested for group, nested in reading.nested.items() if group in read}
    return {group: ids for group, ids in {**facts.watched, **newer}.items() if group in groups}


def _aged(piece: str, evidence: Evidence, reading: Reading) -> Evidence:
    """The evidence with the age of the rows behind it."""
    if piece != REPORT or piece not in reading.read:
        return evidence
    return aged(evidence, reading.oldest_row_at, reading.row_days)
