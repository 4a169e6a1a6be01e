"""Licence errors: whoever a group's licences fail on is looked at, each time (design §4.6).

They come and go without a word from Graph: no notification, no delta row tells of licenseAssignmentStates. So
members of groups that fail now are looked at, and of those that failed last time, and everybody with an open
finding about a failed assignment.
"""

import logging
from collections.abc import Mapping
from datetime import datetime
from functools import partial

import msgspec

from shared.graph.errors import GraphError
from shared.graph.groups import PARALLEL, Failing, failing_group_ids, read_failing
from shared.graph.parallel import few_at_a_time
from shared.ledger.records import Posting, TenantRecord
from shared.model import LicensingGroup, TenantFacts
from shared.watch.asking import ask
from shared.watch.messages import ERRORS, LAST_LOOK
from shared.watch.parts import Watch
from shared.watch.tenant import judge_tenant, with_group
from shared.watch.tenant_facts import facts as facts_room

log = logging.getLogger("watch.errors")

_LOCK_SECONDS = 60

Lists = Mapping[str, frozenset[str]]
"""Group id to the ids of the members on whom something of it fails."""


class _Found(msgspec.Struct, frozen=True):
    """Groups as read from `at` on; what could not be read is left out."""

    at: datetime
    groups: Mapping[str, Failing]


class _Tried(msgspec.Struct, frozen=True):
    """When the last look began that came to an end."""

    at: datetime


async def look_if_due(watch: Watch) -> bool:
    """`look` every `DELTA_EVERY`, whatever becomes of the delta query; says whether it did.

    One at a time; nothing before the first reading of all users has begun. Where Graph can't be asked, that
    is logged and the next look comes in its time; a look that a worker's end cut short is done again at once.
    """
    if (await watch.ledger.read_tenant()).record.sweep is None or not await _due(watch):
        return False
    async with watch.ledger.lock("errors", _LOCK_SECONDS) as held:
        if not held or not await _due(watch):
            return False
        at = watch.now()
        try:
            await look(watch)
        except GraphError as fault:
            log.warning("licence errors can't be looked at: %s", fault)
        await watch.storage.ledger.put(_tried_name(watch), msgspec.json.encode(_Tried(at)))
        return True


async def tried_at(watch: Watch) -> datetime | None:
    """When the last look began that came to an end, well or badly; None before the first."""
    stored = await watch.storage.ledger.read(_tried_name(watch))
    return msgspec.json.decode(stored.data, type=_Tried).at if stored else None


async def _due(watch: Watch) -> bool:
    last = await tried_at(watch)
    return last is None or watch.is_time(last, watch.settings.delta_every)


async def look(watch: Watch) -> None:
    """Look at everybody on whom a licence of a group fails or failed, and bring the groups up to that.

    What Graph refuses to tell stays as it was last time. The list is kept only after the messages are sent:
    a crash in between sends them twice.
    """
    facts = await facts_room.present(watch)
    before = await recall(watch)
    found = await _read(watch, facts, before)
    if any(_news(facts.groups.get(key), one.group) for key, one in found.groups.items()):
        # Who is short of what is a question of seats: they are read anew before anyone is told. That reading
        # takes groups from the directory's index, which may be behind: so these are read once more.
        facts = await facts_room.refresh(watch)
        found = await _read(watch, facts, before)
    await _commit(watch, found)
    after = _lists(before, found)
    users = {one for listed in (before, after) for ids in listed.values() for one in ids}
    users.update([user_id async for user_id in watch.ledger.failing_users()])
    await ask(watch, watch.now(), users=sorted(users), look=LAST_LOOK, why=ERRORS)
    if after != before:
        data = msgspec.json.encode({key: sorted(ids) for key, ids in after.items()}, order="sorted")
        await watch.storage.evidence.put(_name(watch), data)


async def recall(watch: Watch) -> Lists:
    """The lists of last time."""
    stored = await watch.storage.evidence.read(_name(watch))
    return msgspec.json.decode(stored.data, type=dict[str, frozenset[str]]) if stored else {}


async def _read(watch: Watch, facts: TenantFacts, before: Lists) -> _Found:
    """The groups that fail, and those that did: the index may be behind, so they are asked themselves."""
    at = watch.now()
    asked = {key for key, group in facts.groups.items() if group.errors} | before.keys()
    try:
        asked |= await failing_group_ids(watch.graph)
    except GraphError as problem:
        log.warning("which groups fail can't be read: %s", problem)
    jobs = [partial(_failing, watch, key, at, facts.groups.get(key)) for key in sorted(asked)]
    read = await few_at_a_time(PARALLEL, jobs)
    return _Found(at, {key: one for key, one in zip(sorted(asked), read, strict=True) if one})


async def _failing(watch: Watch, group_id: str, at: datetime, known: LicensingGroup | None) -> Failing | None:
    try:
        return await read_failing(watch.graph, group_id, at, known)
    except GraphError as problem:
        log.warning("group %s can't be read: %s", group_id, problem)
        return None


def _news(known: LicensingGroup | None, read: LicensingGroup | None) -> bool:
    return read is not None and read.errors != () and read.errors != (known.errors if known else ())


def _lists(before: Lists, found: _Found) -> Lists:
    read = {key: one.members for key, one in found.groups.items() if one.members}
    return {**{key: ids for key, ids in before.items() if key not in found.groups}, **read}


async def _commit(watch: Watch, found: _Found) -> None:
    """Put the groups as read into the facts, but for those of which a later reading is there."""
    now = watch.now()

    def change(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
        if record.facts is None:
            return record, ()
        facts = record.facts
        for key, one in found.groups.items():
            facts = with_group(facts, key, one.group, found.at, now)
        if facts is record.facts:
            return record, ()
        changed = msgspec.structs.replace(record, facts=facts)
        return judge_tenant(changed, watch.rules, watch.settings.policy, found.at)

    if found.groups:
        await watch.ledger.commit_tenant(change, found.at)


def _name(watch: Watch) -> str:
    return f"{watch.settings.tenant_id}/errors"


def _tried_name(watch: Watch) -> str:
    return f"{watch.settings.tenant_id}/{watch.manifest.epoch}/errors"
