"""The members of groups that exceptions and routes name: whom an exception covers, where a finding is told.

Each group is read by itself, with the groups in it, and kept as one packed list (`manifest.watched_path`): it
judges nobody, so it needs no place in the index of standings, and one group that can't be read keeps its last
list and hinders no other. A new one is read at the next turn of the timer, one that changed soon after, and
all of them as often as the registration report.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from shared.clocks import is_ahead, is_surely_since
from shared.graph.errors import Gone410, GraphError, Throttled
from shared.graph.evidence import after_attempt
from shared.graph.groups import member_pages
from shared.ledger.ledger import TenantChange
from shared.ledger.manifest import watched_path
from shared.ledger.members import Packing, count
from shared.ledger.records import NamedGroup, Posting, TenantRecord
from shared.model import Evidence, EvidenceStatus, SubjectType
from shared.notify.exceptions import agreed
from shared.storage import Lease
from shared.watch.parts import Watch
from shared.watch.tenant import judge_tenant

log = logging.getLogger("watch.named_groups")

EVIDENCE = "named-groups"
STILL_NAMED = timedelta(days=7)
"""So long after its end an exception still names its group: that it ended is told of those in it."""
FAILED_AGAIN_AFTER = timedelta(hours=1)

_LOCK_SECONDS = 60
_AT_MOST = timedelta(minutes=2)
"""After that no other group is begun: the host ends an invocation after ten minutes. The next goes on."""


async def named_groups(watch: Watch) -> Mapping[str, tuple[str, ...]]:
    """The ids of all groups whose members decide what is told, and where; each with what names it:
    `exception:<id>` and `route:<name>`.

    Raises `AgreedUnreadable`: then nothing is known of what is named, and nothing may be forgotten.
    """
    now = watch.now()
    agreements = await agreed.recall(watch.storage.ledger, watch.settings.tenant_id)
    known = (await watch.ledger.read_tenant()).record.named
    found: dict[str, list[str]] = {}
    for one in agreements:
        still = STILL_NAMED if _was_read(known, one.subject_id) else timedelta(0)
        if one.subject_type == SubjectType.GROUP and now - one.end <= still:
            found.setdefault(one.subject_id, []).append(f"exception:{one.id}")
    for route in watch.settings.routes:
        for group_id in route.rule.groups:
            found.setdefault(group_id, []).append(f"route:{route.rule.name}")
    return {group_id: tuple(sorted(names)) for group_id, names in found.items()}


def _was_read(known: Mapping[str, NamedGroup], group_id: str) -> bool:
    """A group that could never be read, of a mistyped id, say, has nobody to whom the end could be told."""
    group = known.get(group_id)
    return group is not None and group.evidence.read_at is not None


async def refresh_if_due(watch: Watch) -> bool:
    """Read the groups that are due and forget those that nobody names any more; says whether it did.

    One at a time over all workers. Raises `AgreedUnreadable` and what storage raises; what Graph refuses is
    noted as evidence and tried again.
    """
    wanted = await named_groups(watch)
    record = (await watch.ledger.read_tenant()).record
    if record.facts is None or not (_due(watch, record, wanted) or record.named.keys() - wanted.keys()):
        return False
    async with watch.ledger.lock(EVIDENCE, _LOCK_SECONDS) as held:
        if not held:
            return False
        record = (await watch.ledger.read_tenant()).record
        await _forget(watch, frozenset(record.named.keys() - wanted.keys()))
        began = watch.now()
        for group_id in _due(watch, record, wanted):
            if not held or watch.now() - began >= _AT_MOST:
                break
            await _read(watch, group_id, wanted[group_id], held)
    return True


async def index(watch: Watch) -> frozenset[str]:
    """The named groups and those in them, as last read: a change of any other is nothing to this job."""
    named = (await watch.ledger.read_tenant()).record.named
    return frozenset(named).union(*(one.nested for one in named.values()))


async def note_changed(watch: Watch, group_ids: Iterable[str], at: datetime) -> None:
    """Have the named groups read again that one of these is, or is in, unless that began after `at`.

    The timer reads them, at most every `DELTA_EVERY`: each of many who are put into a group makes a word of
    its own, and only the first is written down.
    """
    told, now = frozenset(group_ids), watch.now()

    def outdated(record: TenantRecord) -> list[str]:
        return [
            key
            for key, one in record.named.items()
            if not told.isdisjoint((key, *one.nested)) and _is_news(one, at, now)
        ]

    def change(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
        keys = outdated(record)
        if not keys:
            return record, ()
        marked = {key: _marked(record.named[key], at, now) for key in keys}
        return msgspec.structs.replace(record, named={**record.named, **marked}), ()

    if outdated((await watch.ledger.read_tenant()).record):
        await watch.ledger.commit_tenant(change, now)


def _is_news(one: NamedGroup, at: datetime, now: datetime) -> bool:
    """Whether no reading began since `at`, and none is sure to begin because of an earlier word."""
    if one.begun_at is None or is_surely_since(one.begun_at, at, now):
        return False
    return one.changed_at is None or one.changed_at < one.begun_at


def _marked(one: NamedGroup, at: datetime, now: datetime) -> NamedGroup:
    """The group with that change noted: never before a reading that is dated a little later than now."""
    begun = one.begun_at
    changed_at = max(at, begun) if begun and not is_ahead(begun, now) else at
    return msgspec.structs.replace(one, changed_at=changed_at)


def _has_changed(one: NamedGroup) -> bool:
    """Whether it changed since its last reading began."""
    tried = one.evidence.tried_at
    return one.changed_at is not None and (tried is None or tried <= one.changed_at)


def _due(watch: Watch, record: TenantRecord, wanted: Iterable[str]) -> list[str]:
    """Which to read now, those first that were never tried, then by the age of the last attempt."""
    tried = {key: record.named.get(key, NamedGroup()) for key in wanted}
    due = [key for key, one in tried.items() if _is_due(watch, one)]
    return sorted(due, key=lambda key: (str(tried[key].evidence.tried_at or ""), key))


def _is_due(watch: Watch, one: NamedGroup) -> bool:
    now, tried = watch.now(), one.evidence.tried_at
    misdated = one.begun_at is not None and is_ahead(one.begun_at, now)
    if one.put_off_until is not None and now < one.put_off_until and not misdated:
        return False
    if tried is None or one.put_off_until is not None:
        return True
    every = watch.settings.registration_every
    if one.evidence.status is not EvidenceStatus.OK:
        every = min(every, FAILED_AGAIN_AFTER)
    elif _has_changed(one):
        every = min(every, watch.settings.delta_every)
    return watch.is_time(tried, every)


async def _read(watch: Watch, group_id: str, named_by: tuple[str, ...], held: Lease) -> None:
    """Read one group whole, keep its list, note how that went.

    That it begins is noted first: a word that comes meanwhile is then seen to ask for another reading.
    """
    at = watch.now()
    known = (await watch.ledger.read_tenant()).record.named.get(group_id, NamedGroup())
    before = msgspec.structs.replace(known, begun_at=at, put_off_until=None, named_by=named_by)
    await watch.ledger.commit_tenant(_with(watch, group_id, before, at), at)
    try:
        packed, nested = await _members(watch, group_id)
    except Throttled as problem:
        until = watch.now() + timedelta(seconds=problem.retry_after)
        log.info("group %s is put off until %s", group_id, until)
        put_off = msgspec.structs.replace(before, put_off_until=until)
        await watch.ledger.commit_tenant(_with(watch, group_id, put_off, at), at)
        return
    except GraphError as problem:
        log.warning("the members of group %s could not be read: %s", group_id, problem)
        noted = after_attempt(EVIDENCE, before.evidence, problem, at)
        failed = msgspec.structs.replace(before, evidence=noted)
        await watch.ledger.commit_tenant(_with(watch, group_id, failed, at), at)
        return
    if not held:
        # Another worker has taken over, and its list may be newer than this one.
        return
    path = watched_path(watch.settings.tenant_id, group_id)
    # Ids are random: packing them would save nothing.
    await watch.storage.evidence.put(path, packed, gzip=False)
    read = NamedGroup(
        begun_at=at,
        evidence=after_attempt(EVIDENCE, before.evidence, None, at),
        nested=tuple(sorted(nested)),
        users=count(packed),
        named_by=named_by,
    )
    await watch.ledger.commit_tenant(_with(watch, group_id, read, at), at)


async def _members(watch: Watch, group_id: str) -> tuple[bytes, set[str]]:
    try:
        return await _from_the_beginning(watch, group_id)
    except Gone410:
        # Graph has forgotten a page half-way.
        return await _from_the_beginning(watch, group_id)


async def _from_the_beginning(watch: Watch, group_id: str) -> tuple[bytes, set[str]]:
    ids, nested = Packing(), set[str]()
    async for page in member_pages(watch.graph, group_id, transitive=True):
        ids.add(page.users)
        nested.update(page.groups)
    return ids.packed(), nested


async def _forget(watch: Watch, group_ids: frozenset[str]) -> None:
    """Keep nothing of these groups any more: first the lists, so that a crash leaves the way to them."""
    if not group_ids:
        return
    for group_id in sorted(group_ids):
        await watch.storage.evidence.delete(watched_path(watch.settings.tenant_id, group_id))
    at = watch.now()

    def change(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
        left = {key: one for key, one in record.named.items() if key not in group_ids}
        return _judged(watch, record, left, at)

    await watch.ledger.commit_tenant(change, at)


def _with(watch: Watch, group_id: str, one: NamedGroup, at: datetime) -> TenantChange:
    def change(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
        known = record.named.get(group_id)
        # A word that came while it was read must not be forgotten.
        newest = msgspec.structs.replace(one, changed_at=known.changed_at) if known else one
        return _judged(watch, record, {**record.named, group_id: newest}, at)

    return change


def _judged(
    watch: Watch, record: TenantRecord, named: Mapping[str, NamedGroup], at: datetime
) -> tuple[TenantRecord, tuple[Posting, ...]]:
    """The record with these groups, and with what is known of them all as one piece of evidence.

    No new generation of the facts: no verdict rests on it.
    """
    if record.facts is None:
        return record, ()
    others = {name: piece for name, piece in record.facts.evidence.items() if name != EVIDENCE}
    tried = {key: one for key, one in sorted(named.items()) if one.evidence.tried_at}
    together = _together(tried, at - watch.settings.policy.report_max_age)
    evidence = {**others, EVIDENCE: together} if together else others
    facts = msgspec.structs.replace(record.facts, evidence=evidence)
    changed = msgspec.structs.replace(record, facts=facts, named=named)
    return judge_tenant(changed, watch.rules, watch.settings.policy, at)


def _together(tried: Mapping[str, NamedGroup], in_force_since: datetime) -> Evidence | None:
    """One piece of evidence for all: as old as the oldest list, as bad as the worst attempt.

    Unread are only those without a list in force: one that failed today and was read yesterday is no typing
    error.
    """
    if not tried:
        return None
    pieces = [one.evidence for one in tried.values()]
    times = [one.read_at for one in pieces]
    worst = next((one for one in pieces if one.status is not EvidenceStatus.OK), pieces[0])
    return msgspec.structs.replace(
        worst,
        read_at=None if None in times else min(time for time in times if time),
        tried_at=max((one.tried_at for one in pieces if one.tried_at), default=None),
        unread={key: one.named_by for key, one in tried.items() if _missing(one.evidence, in_force_since)},
    )


def _missing(evidence: Evidence, in_force_since: datetime) -> bool:
    if evidence.status is EvidenceStatus.OK:
        return False
    return evidence.read_at is None or evidence.read_at < in_force_since
