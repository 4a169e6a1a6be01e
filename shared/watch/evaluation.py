"""Changed users: read them as they are now, judge, commit (design §4.2).

A queue message only says "look again"; what is read now decides. Every user is looked at twice: at once, and
after `SECOND_LOOK`, since replication and group licensing come later than the notification.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from shared import findings
from shared.graph.users import read_users
from shared.judgement import Judge
from shared.ledger.commits import CommitOutcome, UserReading
from shared.ledger.records import SubjectRecord, UserRecord
from shared.ledger.shards import shard_of
from shared.model import BROKEN, Because, Judged, JudgedBy, Standing, TenantFacts, User
from shared.watch import facts as facts_room
from shared.watch.messages import Changed, write_changed
from shared.watch.parts import Watch
from shared.watch.tenant import TENANT, evidence_times

log = logging.getLogger("watch.evaluation")

_LOOKS = 2
_TIMES_JUDGED = 4
"""How often one message judges again because newer facts were committed meanwhile."""


class Incomplete(Exception):
    """Some users of a message could not be read; the rest is committed. The queue tries the message again."""


class Look(msgspec.Struct, frozen=True):
    """One user as read: `observed_at` is our clock just before the request was sent."""

    user: User
    observed_at: datetime


async def evaluate_users(watch: Watch, changed: Changed) -> None:
    """Look at the users of a message. Raises `Incomplete` if Graph could not be asked about some of them."""
    records = await watch.ledger.user_records(changed.users)
    due = [one for one in changed.users if not _read_since(records.get(one), changed.at)]
    if not due:
        return
    answers = await read_users(watch.graph, due)
    looks = {key: Look(user, answers.observed_at[key]) for key, user in answers.users.items()}
    # First: if this ends in between, those committed are not due at the next try and would lose their second.
    await _look_again(watch, changed, looks, answers.missing, answers.throttled)
    await judge_and_commit(watch, looks, records)
    if answers.failed:
        reasons = ", ".join(f"{count} x {name}" for name, count in sorted(answers.codes.items()))
        raise Incomplete(f"{len(answers.failed)} of {len(due)} users could not be read: {reasons}")


def _read_since(record: UserRecord | None, at: datetime) -> bool:
    return record is not None and record.observed_at > at


async def judge_and_commit(
    watch: Watch,
    looks: Mapping[str, Look],
    records: Mapping[str, UserRecord],
    *,
    worse_refreshes: bool = True,
) -> None:
    """Judge what was read and commit it, shard by shard; what newer facts overtook is judged again.

    An unknown SKU first refreshes the tenant facts, and so does a worse verdict if `worse_refreshes`. Raises
    `Incomplete` if newer facts overtook it every time.
    """
    left = dict(looks)
    refreshed = False
    for _ in range(_TIMES_JUDGED):
        if not left:
            return
        facts = await facts_room.present(watch)
        judged = await _judge(watch, left, records, facts)
        unknown = any(_unknown_sku(look.user, facts) for look in left.values())
        worse = any(_worse(reading.judged, records.get(one)) for one, reading in judged.items())
        if not refreshed and (unknown or (worse_refreshes and worse)):
            refreshed = True
            newer = await facts_room.refresh(watch)
            if newer.generation > facts.generation:
                facts = newer
                judged = await _judge(watch, left, records, facts)
        outcomes = await _commit(watch, judged)
        await _ask_about_groups(watch, judged, facts)
        await _count_if_new(watch, judged)
        # Judged by newer facts than the record, from an older reading: only a new reading can tell.
        await _send(watch, [one for outcome in outcomes for one in outcome.outdated])
        left = {one: left[one] for outcome in outcomes for one in outcome.refused}
    if left:
        raise Incomplete(f"{len(left)} users were overtaken by newer facts {_TIMES_JUDGED} times")


async def _judge(
    watch: Watch, looks: Mapping[str, Look], records: Mapping[str, UserRecord], facts: TenantFacts
) -> dict[str, UserReading]:
    policy = watch.settings.policy
    judge = Judge(watch.rules, policy, facts)
    standings = await watch.standings.of(watch.manifest, looks, facts)
    baseline = (await watch.ledger.read_tenant()).record.baseline_ended_at is None
    evidence = evidence_times(facts)
    by = JudgedBy(generation=facts.generation, policy=facts.policy)
    readings: dict[str, UserReading] = {}
    for user_id, look in looks.items():
        standing = _with_memory(standings[user_id], records.get(user_id), look)
        judged = judge.judged(look.user, standing, look.observed_at)
        found = findings.of_user(look.user, judged, standing, facts, watch.rules, policy, look.observed_at)
        readings[user_id] = UserReading(
            user=look.user,
            judged=judged,
            standing=standing,
            observed_at=look.observed_at,
            judged_by=by,
            findings=found,
            baseline=baseline,
            edition=policy.edition,
            evidence=evidence,
        )
    return readings


def _with_memory(standing: Standing, record: UserRecord | None, look: Look) -> Standing:
    """Graph does not say since when an account is enabled; the ledger saw it disabled (judgement.md §3)."""
    if record is None or look.user.account_enabled is not True:
        return standing
    since = look.observed_at if record.disabled_seen else record.enabled_since
    return msgspec.structs.replace(standing, enabled_since=since) if since else standing


def _worse(judged: Judged, record: UserRecord | None) -> bool:
    state = judged.verdict.state
    return state in BROKEN and (record is None or record.verdict.state != state)


def _unknown_sku(user: User, facts: TenantFacts) -> bool:
    return any(held.sku_id not in facts.skus for held in user.assigned_licenses)


async def _commit(watch: Watch, readings: Mapping[str, UserReading]) -> list[CommitOutcome]:
    by_shard: dict[str, list[UserReading]] = {}
    for user_id, reading in readings.items():
        by_shard.setdefault(shard_of(user_id, watch.manifest.shards), []).append(reading)
    at = watch.now()
    return [await watch.ledger.commit_users(name, part, at) for name, part in sorted(by_shard.items())]


async def _ask_about_groups(watch: Watch, readings: Mapping[str, UserReading], facts: TenantFacts) -> None:
    """A user's licence failed in a group whose own finding does not say so yet: look at that group."""
    asked = {
        because.subject
        for reading in readings.values()
        for finding in reading.findings
        for because in finding.because
        if because.kind == "licence-errors" and not _known_to_fail(facts, because)
    }
    for text in write_changed(watch.now(), groups=sorted(asked)):
        await watch.storage.changed_users.send(text)


async def _count_if_new(watch: Watch, readings: Mapping[str, UserReading]) -> None:
    """A user hangs on a finding of the tenant that is not open yet: count, so that it is told and not he."""
    record = (await watch.ledger.read_tenant()).record
    if record.baseline_ended_at is None:
        return
    open_now = record.subjects.get(TENANT, SubjectRecord()).open.values()
    known = {(one.finding.kind, one.finding.about) for one in open_now}
    wanted = {
        (because.kind, because.about)
        for reading in readings.values()
        for because in reading.judged.verdict.because
        if not because.subject
    }
    if wanted - known:
        await facts_room.count_again(watch)


def _known_to_fail(facts: TenantFacts, because: Because) -> bool:
    group = facts.groups.get(because.subject)
    return group is not None and any(error.sku_id == because.about for error in group.errors)


async def _look_again(
    watch: Watch,
    changed: Changed,
    looks: Mapping[str, Look],
    missing: Iterable[str],
    throttled: Mapping[str, float],
) -> None:
    """Second looks, and whom Graph asked to come back for.

    A user that is not there twice is left to the next reading of all users, which decides (design §4.2).
    """
    gone = sorted(missing)
    if changed.look < _LOOKS:
        after = watch.settings.second_look
        for text in write_changed(watch.now() + after, users=[*looks, *gone], look=changed.look + 1):
            await watch.storage.changed_users.send(text, delay=after.total_seconds())
    elif gone:
        log.info("%d users are not there at the second look", len(gone))
    for delay in sorted(set(throttled.values())):
        late = sorted(user_id for user_id, seconds in throttled.items() if seconds == delay)
        for text in write_changed(changed.at, users=late, look=changed.look):
            await watch.storage.changed_users.send(text, delay=delay)


async def _send(watch: Watch, users: Sequence[str]) -> None:
    for text in write_changed(watch.now(), users=users, look=_LOOKS):
        await watch.storage.changed_users.send(text)
