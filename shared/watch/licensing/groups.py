"""Changed groups: only those that matter are read, with members and licence errors (design §4.1).

Group licensing works in the background: members get their licences, or their errors, some time after the
group changed. So a group is looked at twice, and again until its job has ended, for at most four hours.
"""

import logging
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import datetime

import msgspec

from shared.clocks import is_ahead, is_surely_since
from shared.graph.errors import NotFound, Throttled
from shared.graph.groups import read_group
from shared.ledger.members import came_or_went, either
from shared.ledger.records import Posting, TenantRecord
from shared.model import LicensingGroup
from shared.watch.asking import ask
from shared.watch.licensing import members as member_lists
from shared.watch.licensing import nested
from shared.watch.licensing.members import Members, portions
from shared.watch.messages import (
    AGAIN,
    DELTA,
    HEARD,
    IDS_A_MESSAGE,
    LAST_LOOK,
    STANDING,
    Changed,
)
from shared.watch.parts import Watch
from shared.watch.reach import named_groups, registration
from shared.watch.tenant import judge_tenant, with_group
from shared.watch.tenant_facts import facts as facts_room
from shared.watch.users import rejudge

log = logging.getLogger("watch.groups")

_LOCK_SECONDS = 60
_BUSY_SECONDS = 15.0
"""How long a message waits while another worker reads its group; mostly it then needs no reading any more."""


async def that_matter(watch: Watch) -> frozenset[str]:
    """The groups on which a verdict, a finding or its telling can hang: licensing, scope, emergency, those
    that exceptions and routes name, and those in all of them."""
    facts = await facts_room.present(watch)
    named = await named_groups.index(watch)
    inside = (one for group in facts.groups.values() for one in group.nested)
    return frozenset((*facts.groups, *inside, *registration.membership_groups(watch, facts), *named))


async def ask_about_new_and_former(watch: Watch) -> None:
    """After a reading of the tenant: look at groups that assign and were never read, or did and don't."""
    facts = await facts_room.present(watch)
    new = {key for key, group in facts.groups.items() if group.sku_ids and group.members_at is None}
    former = await member_lists.kept(watch) - facts.groups.keys()
    await ask(watch, watch.now(), groups=sorted(new | former), why=AGAIN)


async def evaluate_groups(watch: Watch, changed: Changed) -> None:
    """Look at the groups of a message; of those that anybody may tell of, what does not matter is dropped.

    A group that was read after the message was written is not read again for it, but still looked at a
    second time. For a scope group or the emergency group the members are read again, if not since; for one
    that an exception or a route names that is left to the timer. One that Graph wants asked about later, or
    that another worker reads, goes back on the queue with its delay. Raises other `GraphError`s.
    """
    facts = await facts_room.present(watch)
    if set(changed.groups) & registration.membership_groups(watch, facts):
        await registration.refresh_memberships(watch, changed.at)
    await named_groups.note_changed(watch, changed.groups, changed.at)
    for group_id in changed.groups:
        if group_id not in facts.groups and changed.why in (HEARD, DELTA):
            # Of a group that assigns nothing, as far as is known, nothing of its own is read.
            continue
        try:
            await _evaluate(watch, changed, group_id)
        except Throttled as problem:
            await _send(watch, changed, (group_id,), problem.retry_after)
    await _refresh_nested(watch, changed)


async def _evaluate(watch: Watch, changed: Changed, group_id: str) -> None:
    known = (await facts_room.present(watch)).groups.get(group_id)
    if known is not None and is_surely_since(known.members_at, changed.at, watch.now()):
        await _look_again(watch, changed, known, was_read=False)
        return
    async with watch.ledger.lock(f"groups/{group_id}", _LOCK_SECONDS) as held:
        if not held:
            await _send(watch, changed, (group_id,), _BUSY_SECONDS)
            return
        group = await _read(watch, group_id, known)
    if group is not None:
        await _look_again(watch, changed, group, was_read=True)


async def _read(watch: Watch, group_id: str, known: LicensingGroup | None) -> LicensingGroup | None:
    """Read the group with its members and bring facts and users up to it; None if it assigns nothing."""
    at = watch.now()
    group = await read_group(watch.graph, group_id, at, known)
    if group and group.errors and group.errors != (known.errors if known else ()):
        # Who is short of what is a question of seats: they are read anew before anyone is told. That reading
        # takes groups from the directory's index, which may be behind: so this one is read once more.
        await facts_room.refresh(watch)
        at = watch.now()
        group = await read_group(watch.graph, group_id, at, known)
    if group is None and known is None and await member_lists.recall(watch, group_id) is None:
        return None
    kept = await _commit(watch, group_id, group, at)
    try:
        if group is None:
            await _let_go(watch, group_id)
            return None
        members = await member_lists.read(watch, group_id, group.sku_ids)
    except NotFound:
        # Deleted since we asked: the next word of it finds nothing, and its members get their look.
        return kept
    await _compare(watch, kept or group, members)
    return await _commit_members(watch, group_id, members, at)


async def _commit(
    watch: Watch, group_id: str, group: LicensingGroup | None, at: datetime
) -> LicensingGroup | None:
    """Put the group as read into the facts, or take out one that no longer assigns anything."""
    now = watch.now()

    def change(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
        if record.facts is None:
            return record, ()
        facts = with_group(record.facts, group_id, group, at, now)
        if facts is record.facts:
            return record, ()
        changed = msgspec.structs.replace(record, facts=facts)
        return judge_tenant(changed, watch.rules, watch.settings.policy, at)

    facts = (await watch.ledger.commit_tenant(change, at)).facts
    return facts.groups.get(group_id) if facts else None


async def _commit_members(
    watch: Watch, group_id: str, members: Members, at: datetime
) -> LicensingGroup | None:
    """Remember when the list was read. Groups in it are noted at once; their members are read apart."""

    def change(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
        known = record.facts.groups.get(group_id) if record.facts else None
        if record.facts is None or known is None:
            return record, ()
        inside = tuple(sorted({*known.nested, *members.groups}))
        group = msgspec.structs.replace(known, members_at=at, nested=inside)
        facts = msgspec.structs.replace(record.facts, groups={**record.facts.groups, group_id: group})
        return msgspec.structs.replace(record, facts=facts), ()

    facts = (await watch.ledger.commit_tenant(change, at)).facts
    return facts.groups.get(group_id) if facts else None


async def _compare(watch: Watch, group: LicensingGroup, members: Members) -> None:
    """Look at members who came or went, at all of them where the group began to assign or assigns otherwise,
    and at those whose licence fails; remember the list for next time."""
    before = await member_lists.recall(watch, group.id)
    ended = (await watch.ledger.read_tenant()).record.baseline_ended_at
    if before is None:
        # Of a group that assigned all along, nobody came: the list is only read for the first time. Where a
        # clock that was ahead noted the baseline's end, nobody knows which groups these are.
        begins = ended is not None and group.since is not None
        if ended and group.since and not is_ahead(ended, watch.now()):
            begins = group.since > ended
        differing = members.users() if begins else iter(())
    elif before.skus != members.skus:
        differing = either(before.ids, members.ids)
    else:
        differing = came_or_went(before.ids, members.ids)
    failing = {user_id for error in group.errors for user_id in error.sample}
    await _look_at_members(watch, (one for one in differing if one not in failing))
    await ask(watch, watch.now(), users=sorted(failing), why=STANDING)
    # Only now: after a crash in between the difference must still be there.
    if before is None or (before.ids, before.skus) != (members.ids, members.skus):
        await member_lists.keep(watch, group.id, members)


async def _let_go(watch: Watch, group_id: str) -> None:
    """The group assigns nothing any more: look at everybody who was in it."""
    before = await member_lists.recall(watch, group_id)
    if before is None:
        return
    if (await watch.ledger.read_tenant()).record.baseline_ended_at:
        await _look_at_members(watch, before.users())
    await member_lists.forget(watch, group_id)


async def _look_at_members(watch: Watch, users: Iterator[str]) -> None:
    await rejudge.look_at(watch, _portions(users), STANDING, look=1)


async def _portions(users: Iterator[str]) -> AsyncIterator[tuple[str, ...]]:
    for portion in portions(users, IDS_A_MESSAGE):
        yield portion


async def _look_again(watch: Watch, changed: Changed, group: LicensingGroup, *, was_read: bool) -> None:
    """A second look, and further ones while the licensing job runs.

    Those of a burst have one time, so that one of them reads the group; that one goes on while the job runs.
    """
    now = watch.now()
    running = was_read and group.job_runs(now)
    if not running and changed.look >= LAST_LOOK:
        return
    read_at = group.members_at if group.members_at and not is_ahead(group.members_at, now) else now
    due = max(now, read_at + watch.settings.second_look)
    look = changed.look if running else changed.look + 1
    again = msgspec.structs.replace(changed, at=due, look=look)
    await _send(watch, again, (group.id,), max(0.0, (due - now).total_seconds()))


async def _refresh_nested(watch: Watch, changed: Changed) -> None:
    """Read the nested members again if one of these groups has groups in it, or is one of those."""
    record = (await watch.ledger.read_tenant()).record
    if record.facts is None or is_surely_since(record.nested_at, changed.at, watch.now()):
        return
    groups = record.facts.groups
    inside = {one for group in groups.values() for one in group.nested}
    touched = tuple(one for one in changed.groups if one in inside or (one in groups and groups[one].nested))
    if touched and not await nested.refresh(watch):
        await _send(watch, changed, touched, _BUSY_SECONDS)


async def _send(watch: Watch, changed: Changed, groups: Iterable[str], delay: float) -> None:
    await ask(
        watch,
        changed.at,
        groups=tuple(groups),
        look=changed.look,
        why=changed.why,
        since=changed.since,
        delay=delay,
    )
