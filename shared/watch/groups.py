"""Changed groups: those that assign licences are read again, with members and licence errors (design §4.1).

Group licensing works in the background: members get their licences, or their errors, some time after the
group changed. So a group is looked at again until its job has ended, for at most four hours.
"""

from datetime import datetime

import msgspec

from shared.graph.errors import Throttled
from shared.graph.groups import member_ids, read_group
from shared.ledger.manifest import members_path
from shared.ledger.records import Posting, TenantRecord
from shared.model import LicensingGroup
from shared.watch import facts as facts_room
from shared.watch import registration
from shared.watch.messages import Changed, write_changed
from shared.watch.parts import Watch
from shared.watch.tenant import judge_tenant, still_processing

_LOOKS = 2


async def evaluate_groups(watch: Watch, changed: Changed) -> None:
    """Look at the groups of a message; dropped are those that neither assign nor assigned licences.

    For a scope group or the emergency group the members are read again.

    One that Graph wants asked about later goes back on the queue with its delay. Raises other `GraphError`s.
    """
    facts = await facts_room.present(watch)
    if set(changed.groups) & registration.membership_groups(watch):
        await registration.refresh_memberships(watch)
    for group_id in changed.groups:
        try:
            await _evaluate(watch, changed, group_id, facts.groups.get(group_id))
        except Throttled as problem:
            for text in write_changed(changed.at, groups=[group_id], look=changed.look):
                await watch.storage.changed_users.send(text, delay=problem.retry_after)


async def _evaluate(watch: Watch, changed: Changed, group_id: str, known: LicensingGroup | None) -> None:
    at = watch.now()
    group = await read_group(watch.graph, group_id, at, known)
    if group is None and known is None:
        return
    if group and group.errors and group.errors != (known.errors if known else ()):
        # Who is short of what is a question of seats: they are read anew before anyone is told. That reading
        # takes groups from the directory's index, which may be behind: so this one is read once more.
        await facts_room.refresh(watch)
        at = watch.now()
        group = await read_group(watch.graph, group_id, at, known)
    await _commit(watch, group_id, group, at)
    if group is not None:
        await _send_members(watch, group, await member_ids(watch.graph, group_id), at)
        await _look_again(watch, changed, group)


async def _commit(watch: Watch, group_id: str, group: LicensingGroup | None, at: datetime) -> None:
    """Put the group as read into the facts, or take out one that no longer assigns anything."""

    def change(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
        if record.facts is None:
            return record, ()
        known = record.facts.groups.get(group_id)
        if known and known.observed_at and known.observed_at > at:
            return record, ()
        groups = {key: one for key, one in record.facts.groups.items() if key != group_id}
        if group:
            groups[group_id] = still_processing(known, group)
        facts = msgspec.structs.replace(record.facts, groups=groups)
        changed = msgspec.structs.replace(record, facts=facts)
        return judge_tenant(changed, watch.rules, watch.settings.policy, at)

    await watch.ledger.commit_tenant(change, at)


async def _send_members(watch: Watch, group: LicensingGroup, members: frozenset[str], at: datetime) -> None:
    """Look at members who came or went, and at those whose licence fails; remember the list for next time."""
    name = members_path(watch.settings.tenant_id, group.id)
    stored = await watch.storage.evidence.read(name)
    before = frozenset(msgspec.json.decode(stored.data, type=list[str])) if stored else None
    failing = {user_id for error in group.errors for user_id in error.sample}
    came_or_went = members ^ before if before is not None else frozenset[str]()
    for text in write_changed(at, users=sorted(failing | came_or_went)):
        await watch.storage.changed_users.send(text)
    # Only now: after a crash in between the difference must still be there.
    if before != members:
        await watch.storage.evidence.put(name, msgspec.json.encode(sorted(members)))


async def _look_again(watch: Watch, changed: Changed, group: LicensingGroup) -> None:
    """A second look, and further ones while the licensing job runs."""
    running = group.job_runs(watch.now())
    if not running and changed.look >= _LOOKS:
        return
    after = watch.settings.second_look
    look = changed.look if running else changed.look + 1
    for text in write_changed(watch.now() + after, groups=[group.id], look=look):
        await watch.storage.changed_users.send(text, delay=after.total_seconds())
