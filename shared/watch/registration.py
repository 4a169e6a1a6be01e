"""The registration report, and the members of the scope and emergency groups: an index by ledger shard.

The report is read whole or not at all: a reading that fails half-way leaves the last complete one in force
and only its evidence says so (judgement.md §4, evidence ages before it is missing).
"""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from shared.graph.errors import GraphError
from shared.graph.evidence import after_attempt
from shared.graph.groups import transitive_member_ids
from shared.graph.registration import read_registration
from shared.ledger.records import Posting, TenantRecord
from shared.ledger.shards import shard_names, shard_of
from shared.model import Evidence, Registration, Standing
from shared.watch.messages import IDS_A_MESSAGE, write_changed
from shared.watch.parts import Busy, Watch
from shared.watch.standing import Rows
from shared.watch.tenant import judge_tenant, with_evidence

log = logging.getLogger("watch.registration")

_LOCK_SECONDS = 60
_STORED_WITHIN = timedelta(seconds=30)
_EACH_WRITE = timedelta(seconds=0.1)
"""Longer than storage's own retries: a look before the index is stored would judge by the old one."""


class _Read(msgspec.Struct, frozen=True):
    """What could be read: None where a piece failed or is not wanted, and the evidence of each piece."""

    evidence: dict[str, Evidence]
    report: dict[str, Registration] | None
    scope: frozenset[str] | None
    emergency: frozenset[str] | None


async def refresh_if_due(watch: Watch) -> bool:
    """Read the report if the last attempt is older than `REGISTRATION_EVERY`, or made under another policy.

    Says whether it tried.
    """
    record = (await watch.ledger.read_tenant()).record
    if record.facts is None:
        return False
    tried = record.facts.evidence_of("registration").tried_at
    same_policy = record.standing_policy == watch.policy_fingerprint
    if tried and same_policy and watch.now() - tried < watch.settings.registration_every:
        return False
    await refresh(watch)
    return True


async def refresh(watch: Watch) -> None:
    """Read report and groups, store the index, have users looked at again whose standing changed.

    One at a time; where another worker is at it, nothing happens.
    """
    async with watch.ledger.lock("registration", _LOCK_SECONDS) as held:
        if held:
            await _refresh(watch)


async def _refresh(watch: Watch) -> None:
    at = watch.now()
    known = await _known(watch)
    report: dict[str, Registration] | None = None
    problem: GraphError | None = None
    try:
        report = {row.id: row async for page in read_registration(watch.graph) for row in page}
    except GraphError as fault:
        problem = fault
    evidence = {"registration": _attempted("registration", known, problem, at)}
    await _take_in(watch, await _with_groups(watch, at, known, _Read(evidence, report, None, None)), at)


async def refresh_memberships(watch: Watch) -> None:
    """Read only the members of the scope and emergency groups again; the report stays as it is.

    Raises `Busy` where another worker is writing the index: the queue tries again.
    """
    async with watch.ledger.lock("registration", _LOCK_SECONDS) as held:
        if not held:
            raise Busy("another worker is reading the registration report or the scope groups")
        at = watch.now()
        nothing = _Read({}, None, None, None)
        await _take_in(watch, await _with_groups(watch, at, await _known(watch), nothing), at)


def membership_groups(watch: Watch) -> frozenset[str]:
    """The groups whose members decide who is in reach."""
    policy = watch.settings.policy
    scope = policy.scope_groups if policy.scope == "groups" else ()
    return frozenset(group for group in (*scope, policy.emergency_group) if group)


async def _known(watch: Watch) -> Mapping[str, Evidence]:
    facts = (await watch.ledger.read_tenant()).record.facts
    return facts.evidence if facts else {}


async def _with_groups(watch: Watch, at: datetime, known: Mapping[str, Evidence], read: _Read) -> _Read:
    policy = watch.settings.policy
    evidence = dict(read.evidence)
    scope, emergency = None, None
    if policy.scope == "groups":
        scope, problem = await _members(watch, policy.scope_groups)
        evidence["scope-groups"] = _attempted("scope-groups", known, problem, at)
    if policy.emergency_group:
        emergency, problem = await _members(watch, (policy.emergency_group,))
        evidence["emergency-group"] = _attempted("emergency-group", known, problem, at)
    return _Read(evidence, read.report, scope, emergency)


async def _take_in(watch: Watch, read: _Read, at: datetime) -> None:
    """Store the index and the evidence; whoever may be judged otherwise is looked at a little later.

    The messages go first and are not due before the index is stored: a crash in between loses nobody.
    """
    shards = await _shards(watch, read)
    changed: list[str] = []
    if (await watch.ledger.read_tenant()).record.sweep:
        changed = sorted(one for before, after in shards.values() for one in _differing(before, after))
    within = _STORED_WITHIN + _EACH_WRITE * (len(shards) + len(changed) // IDS_A_MESSAGE)
    for text in write_changed(watch.now() + within, users=changed, look=2):
        await watch.storage.changed_users.send(text, delay=within.total_seconds())
    for name, (before, after) in shards.items():
        if after != before:
            await watch.standings.write(watch.manifest.epoch, name, after)
    await _commit(watch, read.evidence, at)


async def _members(watch: Watch, groups: tuple[str, ...]) -> tuple[frozenset[str] | None, GraphError | None]:
    """Members of all these groups, nested ones included; None, and why, if one could not be read."""
    members: set[str] = set()
    try:
        for group_id in groups:
            members.update(await transitive_member_ids(watch.graph, group_id))
    except GraphError as fault:
        return None, fault
    return frozenset(members), None


def _attempted(
    name: str, known: Mapping[str, Evidence], problem: GraphError | None, at: datetime
) -> Evidence:
    if problem:
        log.warning("%s could not be read: %s", name, problem)
    return after_attempt(name, known.get(name, Evidence()), problem, at)


async def _shards(watch: Watch, read: _Read) -> dict[str, tuple[Rows, Rows]]:
    """The rows of every shard of the index, as stored and as they are to be."""
    manifest = watch.manifest
    by_shard: dict[str, list[str]] = {name: [] for name in shard_names(manifest.shards)}
    for user_id in {*(read.report or {}), *(read.scope or ()), *(read.emergency or ())}:
        by_shard[shard_of(user_id, manifest.shards)].append(user_id)
    shards = {}
    for name, ids in by_shard.items():
        before = await watch.standings.read(manifest.epoch, name)
        shards[name] = (before, _rows(before, ids, read))
    return shards


def _rows(before: Mapping[str, Standing], ids: list[str], read: _Read) -> dict[str, Standing]:
    """The new rows of a shard; what could not be read stays as it was."""
    groups_read = read.evidence.get("scope-groups", Evidence()).read_at is not None
    absent = Standing(in_scope_group=False if groups_read else None)
    rows: dict[str, Standing] = {}
    for user_id in {*ids, *before}:
        old = before.get(user_id, absent)
        row = Standing(
            registration=old.registration if read.report is None else read.report.get(user_id),
            in_scope_group=old.in_scope_group if read.scope is None else user_id in read.scope,
            emergency=old.emergency if read.emergency is None else user_id in read.emergency,
        )
        if row.registration or row.in_scope_group or row.emergency:
            rows[user_id] = row
    return rows


def _differing(before: Mapping[str, Standing], after: Mapping[str, Standing]) -> list[str]:
    """Users whom the change can judge otherwise; registration dates alone change no verdict."""
    return [one for one in {*before, *after} if _judged(before.get(one)) != _judged(after.get(one))]


def _judged(standing: Standing | None) -> tuple[object, ...]:
    if standing is None:
        return (None, False, False)
    row = standing.registration
    flags = (row.is_sspr_enabled, row.is_sspr_registered, row.is_sspr_capable, row.is_admin) if row else None
    return (flags, bool(standing.in_scope_group), standing.emergency)


async def _commit(watch: Watch, evidence: dict[str, Evidence], at: datetime) -> None:
    def change(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
        if record.facts is None:
            return record, ()
        policy = watch.policy_fingerprint if "registration" in evidence else record.standing_policy
        facts = with_evidence(record.facts, evidence)
        changed = msgspec.structs.replace(record, facts=facts, standing_policy=policy)
        return judge_tenant(changed, watch.rules, watch.settings.policy, at)

    await watch.ledger.commit_tenant(change, at)
