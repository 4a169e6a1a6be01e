"""Members of groups nested in licensing groups: they get nothing of it (Entra, group-based licensing).

All members are put aside by ledger shard and compared there, so memory does not grow with the groups. Whoever
is in such a group only through another is marked in an index (`nesting.py`), and those who have none of its
products otherwise are counted on the group.
"""

import logging
import uuid
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from functools import partial

import msgspec

from shared.clocks import is_ahead
from shared.graph.errors import GraphError, NotFound
from shared.graph.groups import PARALLEL, MemberPage, member_pages, nested_group_ids
from shared.graph.parallel import few_at_a_time
from shared.ledger.records import Posting, TenantRecord
from shared.model import LicensingGroup, TenantFacts
from shared.storage import Lease
from shared.watch.asking import ask
from shared.watch.licensing import errors
from shared.watch.messages import LAST_LOOK, STANDING
from shared.watch.nesting import Rows
from shared.watch.parts import Watch
from shared.watch.tenant import judge_tenant
from shared.watch.users.spill import Section, Spill

log = logging.getLogger("watch.nested")

_LOCK_SECONDS = 60
_PAGES_A_PART = 20
_STORED_WITHIN = timedelta(seconds=30)
"""Longer than storage's own retries: a look before the index is stored would judge by the old one."""


class _Member(msgspec.Struct, frozen=True, array_like=True):
    """One user of a licensing group: `direct`, or through a group in it."""

    user_id: str
    group_id: str
    direct: bool


_members = msgspec.json.Decoder(list[_Member])


class _Group(msgspec.Struct, frozen=True):
    """A licensing group's nesting as read. `inside`: the groups in it, and those in them; None: not known."""

    inside: frozenset[str] | None


async def refresh_if_due(watch: Watch) -> bool:
    """Read the nested members if that was last tried longer than `FACTS_EVERY` ago; says whether it did.

    Also once everybody has been read for the first time: only then can be counted who has nothing.
    """
    record = (await watch.ledger.read_tenant()).record
    ended = record.baseline_ended_at
    due = (
        record.nested_at is None
        or watch.is_time(record.nested_at, watch.settings.facts_every)
        or (ended is not None and record.nested_at < ended and not is_ahead(ended, watch.now()))
    )
    return due and record.facts is not None and await refresh(watch)


async def refresh(watch: Watch) -> bool:
    """Read the groups in all licensing groups, and their members; users whose standing changed are looked at.

    A group that can't be read stays as it was. Says no where another worker is at it, or has taken over.
    """
    async with watch.ledger.lock("nested", _LOCK_SECONDS) as held:
        facts = (await watch.ledger.read_tenant()).record.facts
        if not held or facts is None:
            return False
        at = watch.now()
        spill = Spill(watch.storage, watch.manifest, "nested", uuid.uuid4().hex)
        await spill.drop_others()
        assigning = {key: group for key, group in facts.groups.items() if group.sku_ids}
        jobs = [partial(_put_aside, watch, spill, key) for key in sorted(assigning)]
        read = dict(zip(sorted(assigning), await few_at_a_time(PARALLEL, jobs), strict=True))
        unlicensed = await _take_in(watch, spill, assigning, read, held)
        # Another worker that took over has dropped what was put aside here: nothing of it is whole any more.
        if unlicensed is None or not held:
            return False
        await _commit(watch, read, unlicensed, at)
        return True


async def _put_aside(watch: Watch, spill: Spill, group_id: str) -> _Group:
    """Put the members of a group that has groups in it aside."""
    try:
        inner = await nested_group_ids(watch.graph, group_id)
        inside = set(inner)
        if inner:
            await _put_members(watch, spill, group_id, group_id, direct=True)
        for one in sorted(inner):
            inside |= await _put_members(watch, spill, group_id, one, direct=False)
    except NotFound:
        return _Group(frozenset())
    except GraphError as problem:
        log.warning("the groups in %s can't be read: %s", group_id, problem)
        return _Group(None)
    return _Group(frozenset(inside))


async def _put_members(watch: Watch, spill: Spill, group_id: str, of: str, *, direct: bool) -> set[str]:
    """Put the users of one group aside; of a nested one also those further inside. Returns groups seen there.

    A nested group that is gone has nobody.
    """
    inside: set[str] = set()
    pages: list[tuple[datetime, list[tuple[str, bytes]]]] = []
    part = 0
    try:
        async for page in member_pages(watch.graph, of, transitive=not direct):
            pages.append((page.asked_at, _rows(page, group_id, direct=direct)))
            inside.update(page.groups)
            if len(pages) == _PAGES_A_PART:
                await spill.write(f"{group_id}-{of}-{part:05d}", pages)
                pages, part = [], part + 1
    except NotFound:
        if direct:
            raise
    await spill.write(f"{group_id}-{of}-{part:05d}", pages)
    return inside


def _rows(page: MemberPage, group_id: str, *, direct: bool) -> list[tuple[str, bytes]]:
    return [(one, msgspec.json.encode(_Member(one, group_id, direct))) for one in page.users]


async def _take_in(
    watch: Watch,
    spill: Spill,
    assigning: Mapping[str, LicensingGroup],
    read: Mapping[str, _Group],
    held: Lease,
) -> dict[str, int] | None:
    """Bring the index up to what was put aside; how many nested members have nothing, by group.

    None where the lease was lost on the way.
    """
    count = dict.fromkeys(assigning, 0)
    indexed = await watch.standings.nesting.shards(watch.manifest.epoch)
    if not indexed and not any(one.inside for one in read.values()):
        return count
    failing = await errors.recall(watch)
    asked_for = (await watch.ledger.read_tenant()).record.sweep is not None
    unread = frozenset(key for key, one in read.items() if one.inside is None)
    for bucket in range(spill.buckets):
        async for shard, sections in spill.shards(bucket):
            if not sections and shard not in indexed:
                continue
            before = await watch.standings.nesting.read(watch.manifest.epoch, shard)
            after = _nested(sections, before, unread)
            changed = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
            if not held:
                return None
            if asked_for:
                await _send(watch, changed)
            if changed:
                await watch.standings.nesting.write(watch.manifest.epoch, shard, after)
            async for group_id in _without(watch, shard, after, assigning, failing):
                count[group_id] += 1
        await spill.drop(bucket)
    return count


def _nested(sections: list[Section], before: Rows, unread: frozenset[str]) -> Rows:
    """The rows of a shard: who is in a group through another and not itself. Unread groups stay as before."""
    direct: set[tuple[str, str]] = set()
    through: dict[str, set[str]] = {}
    for section in sections:
        for one in _members.decode(section.rows):
            if one.group_id in unread:
                continue
            if one.direct:
                direct.add((one.user_id, one.group_id))
            else:
                through.setdefault(one.user_id, set()).add(one.group_id)
    for user_id, groups in before.items():
        through.setdefault(user_id, set()).update(unread.intersection(groups))
    rows = {
        user_id: tuple(sorted(group for group in groups if (user_id, group) not in direct))
        for user_id, groups in through.items()
    }
    return {user_id: groups for user_id, groups in rows.items() if groups}


async def _send(watch: Watch, users: list[str]) -> None:
    """Before the index is stored, and not due until it is: a crash in between loses nobody."""
    due, delay = watch.now() + _STORED_WITHIN, _STORED_WITHIN.total_seconds()
    await ask(watch, due, users=users, look=LAST_LOOK, why=STANDING, delay=delay)


async def _without(
    watch: Watch,
    shard: str,
    rows: Rows,
    assigning: Mapping[str, LicensingGroup],
    failing: errors.Lists,
) -> AsyncIterator[str]:
    """The group's id, once for each nested member who has none of its products by the ledger.

    One on whom the group's licence fails was a member itself until just now, and is told of otherwise.
    """
    if not rows:
        return
    users = (await watch.ledger.read_shard(shard)).record.users
    for user_id, groups in rows.items():
        record = users.get(user_id)
        if record is None or record.gone_at:
            continue
        for group_id in groups:
            group = assigning.get(group_id)
            fails = user_id in failing.get(group_id, ())
            if group and not fails and set(group.sku_ids).isdisjoint(record.skus):
                yield group_id


async def _commit(
    watch: Watch, read: Mapping[str, _Group], unlicensed: Mapping[str, int], at: datetime
) -> None:
    def change(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
        if record.facts is None:
            return record, ()
        facts = _with_nested(record.facts, read, unlicensed)
        changed = msgspec.structs.replace(record, facts=facts, nested_at=at)
        return judge_tenant(changed, watch.rules, watch.settings.policy, at)

    await watch.ledger.commit_tenant(change, at)


def _with_nested(
    facts: TenantFacts, read: Mapping[str, _Group], unlicensed: Mapping[str, int]
) -> TenantFacts:
    groups = dict(facts.groups)
    for key, one in read.items():
        if key not in groups:
            continue
        inside = groups[key].nested if one.inside is None else tuple(sorted(one.inside))
        groups[key] = msgspec.structs.replace(
            groups[key], nested=inside, nested_unlicensed=unlicensed.get(key, 0)
        )
    return msgspec.structs.replace(facts, groups=groups)
