"""Changed users: read them as they are now, judge, commit (design §4.2).

A queue message only says "look again", and who says so; what is read now decides. Every user is looked at
twice: at once, and after `SECOND_LOOK`, since replication and group licensing come later than the change.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from shared import telemetry
from shared.following import about
from shared.graph.users import Readings, read_users
from shared.ledger.commits import FATES, CommitOutcome, UserReading
from shared.ledger.records import SubjectRecord, UserRecord
from shared.ledger.shards import shard_of
from shared.ledger.tombstones import Absence
from shared.model import BROKEN, Because, Judged, TenantFacts
from shared.watch.asking import ask
from shared.watch.messages import AGAIN, GONE, HEARD, LAST_LOOK, Changed
from shared.watch.parts import Watch
from shared.watch.tenant import TENANT, evidence_times
from shared.watch.tenant_facts import facts as facts_room
from shared.watch.users.judging import Look, readings_of, unknown_sku

log = logging.getLogger("watch.evaluation")

_TIMES_JUDGED = 4
"""How often one message judges again because newer facts were committed meanwhile."""


class Incomplete(Exception):
    """Some users of a message could not be read; the rest is committed. The queue tries the message again."""


async def evaluate_users(watch: Watch, changed: Changed) -> None:
    """Look at the users of a message. Raises `Incomplete` if Graph could not be asked about some of them.

    Who is not there is gone for good only where the message says that delta, or a complete reading of all
    users, says so too: a 404 by itself may be replication.
    """
    records = await watch.ledger.user_records(changed.users)
    now = watch.now()
    due = [one for one in changed.users if _is_due(records.get(one), changed, now)]
    heard_at = _heard_at(changed)
    answers = await read_users(watch.graph, due)
    told = {*changed.users}.difference(due) | answers.missing
    heard = dict.fromkeys(sorted(told), heard_at) if heard_at else {}
    looks = {
        key: Look(user, answers.observed_at[key], heard_at, changed.since if heard_at is None else None)
        for key, user in answers.users.items()
    }
    # First: if this ends in between, those committed are not due at the next try and would lose their second.
    await _look_again(watch, changed, looks, answers)
    absences = await _absences(watch, changed, answers) if changed.why == GONE else ()
    if looks or absences or heard:
        await judge_and_commit(watch, looks, records, absences=absences, heard=heard)
    if answers.failed:
        reasons = ", ".join(f"{count} x {name}" for name, count in sorted(answers.codes.items()))
        raise Incomplete(f"{len(answers.failed)} of {len(due)} users could not be read: {reasons}")


def _is_due(record: UserRecord | None, changed: Changed, now: datetime) -> bool:
    """Whether the user must be read: not if that was done after the message was written.

    A record from later than now says nothing about that: its clock has been set back since. Where somebody
    is said to be gone only a tombstone will do: a reading that found the user may have come from a replica
    that lagged, and delta says it only once.
    """
    if record is None or record.observed_at <= changed.at or record.observed_at > now:
        return True
    return changed.why == GONE and record.gone_at is None


def _heard_at(changed: Changed) -> datetime | None:
    """When the notification came that this message, or the one before it, answers."""
    if changed.why != HEARD:
        return None
    return changed.at if changed.look == 1 else changed.since


async def _absences(watch: Watch, changed: Changed, answers: Readings) -> tuple[Absence, ...]:
    facts = await facts_room.present(watch)
    return tuple(
        Absence(
            user_id=user_id,
            observed_at=answers.observed_at[user_id],
            since=changed.since,
            edition=watch.settings.policy.edition,
            evidence=evidence_times(facts),
        )
        for user_id in sorted(answers.missing)
    )


async def judge_and_commit(
    watch: Watch,
    looks: Mapping[str, Look],
    records: Mapping[str, UserRecord],
    *,
    absences: Sequence[Absence] = (),
    heard: Mapping[str, datetime] | None = None,
) -> None:
    """Judge what was read and commit it, shard by shard; what newer facts overtook is judged again.

    An unknown SKU or a worse verdict first refreshes the tenant facts. `absences`: who is gone. `heard`: who
    was told of and needed no reading. Raises `Incomplete` if newer facts overtake the readings every time.
    """
    left = dict(looks)
    refreshed = False
    for _ in range(_TIMES_JUDGED):
        facts = await facts_room.present(watch)
        judged = await _judge(watch, left, records, facts)
        worse = any(_worse(reading.judged, records.get(one)) for one, reading in judged.items())
        if not refreshed and (worse or unknown_sku(left.values(), facts)):
            refreshed = True
            newer = await facts_room.refresh(watch)
            if newer.generation > facts.generation:
                facts = newer
                judged = await _judge(watch, left, records, facts)
        outcomes = await _commit(watch, judged, absences, heard or {})
        absences, heard = (), None
        await ask_about_groups(watch, judged.values(), facts)
        await _count_if_new(watch, judged)
        await look_once_more(watch, outcomes)
        left = {one: left[one] for outcome in outcomes for one in outcome.refused}
        if not left:
            return
    raise Incomplete(f"{len(left)} users were overtaken by newer facts {_TIMES_JUDGED} times")


async def _judge(
    watch: Watch, looks: Mapping[str, Look], records: Mapping[str, UserRecord], facts: TenantFacts
) -> dict[str, UserReading]:
    standings = await watch.standings.of(watch.manifest, looks, facts)
    baseline = (await watch.ledger.read_tenant()).record.baseline_ended_at is None
    readings = readings_of(watch, facts, looks.values(), standings, records, baseline=baseline)
    return {reading.user.id: reading for reading in readings}


def _worse(judged: Judged, record: UserRecord | None) -> bool:
    state = judged.verdict.state
    return state in BROKEN and (record is None or record.verdict.state != state)


async def _commit(
    watch: Watch,
    readings: Mapping[str, UserReading],
    absences: Iterable[Absence],
    heard: Mapping[str, datetime],
) -> list[CommitOutcome]:
    shards = watch.manifest.shards
    read: dict[str, list[UserReading]] = {}
    absent: dict[str, list[Absence]] = {}
    told: dict[str, dict[str, datetime]] = {}
    for user_id, reading in readings.items():
        read.setdefault(shard_of(user_id, shards), []).append(reading)
    for absence in absences:
        absent.setdefault(shard_of(absence.user_id, shards), []).append(absence)
    for user_id, at in heard.items():
        told.setdefault(shard_of(user_id, shards), {})[user_id] = at
    now = watch.now()
    outcomes = []
    for name in sorted({*read, *absent, *told}):
        outcome = await watch.ledger.commit_users(
            name, read.get(name, ()), now, absences=absent.get(name, ()), heard=told.get(name, {})
        )
        # At once: if the next shard can't be written, this one is not written again.
        _measure(outcome)
        outcomes.append(outcome)
    return outcomes


def _measure(outcome: CommitOutcome) -> None:
    """Say what became of the readings, and how long who was told of had waited."""
    for fate in FATES:
        if users := getattr(outcome, fate):
            telemetry.EVALUATIONS.note(len(users), outcome=fate)
    for seconds in outcome.waits:
        telemetry.VERDICT_LATENCY.note(seconds)
    if outcome.waits:
        log.info(
            "%d users who were told of are judged",
            len(outcome.waits),
            extra=about(book=outcome.book, wait=max(outcome.waits)),
        )


async def look_once_more(watch: Watch, outcomes: Iterable[CommitOutcome]) -> None:
    """Judged by newer facts than the record, from an older reading: only a new reading can tell."""
    outdated = [one for outcome in outcomes for one in outcome.outdated]
    await ask(watch, watch.now(), users=outdated, look=LAST_LOOK, why=AGAIN)


async def ask_about_groups(
    watch: Watch, readings: Iterable[UserReading], facts: TenantFacts, already: set[str] | None = None
) -> None:
    """A user's licence failed in a group whose own finding does not say so yet: look at that group.

    `already` holds groups that were asked for and need not be again; it is added to.
    """
    failing = {
        because.subject
        for reading in readings
        for finding in reading.findings
        for because in finding.because
        if because.kind == "licence-errors" and not _known_to_fail(facts, because)
    }
    await ask(watch, watch.now(), groups=sorted(failing - (already or set())), why=AGAIN)
    if already is not None:
        already |= failing


def _known_to_fail(facts: TenantFacts, because: Because) -> bool:
    group = facts.groups.get(because.subject)
    return group is not None and any(error.sku_id == because.about for error in group.errors)


async def _count_if_new(watch: Watch, readings: Mapping[str, UserReading]) -> None:
    """A user hangs on a finding of the tenant that is not open yet: count, so that it is told and not he.

    A cause that opened none when it was counted is not counted for every message that names it.
    """
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
    now, again = watch.now(), watch.settings.facts_at_most_every
    due = {one for one in wanted - known if one not in watch.counted or now - watch.counted[one] >= again}
    if due:
        await facts_room.count_again(watch)
        watch.counted.update(dict.fromkeys(due, now))


async def _look_again(watch: Watch, changed: Changed, looks: Mapping[str, Look], answers: Readings) -> None:
    """Second looks, and whom Graph asked to come back for; asked for by whom it was before.

    A user that is not there twice, and of whom nobody says that it is gone, is left to delta and to the next
    reading of all users, which decide (design §4.2).
    """
    missing = sorted(answers.missing)
    if changed.look < LAST_LOOK:
        after = watch.settings.second_look
        since = changed.at if changed.why == HEARD else changed.since
        await ask(
            watch,
            watch.now() + after,
            users=[*looks, *missing],
            look=changed.look + 1,
            why=changed.why,
            since=since,
            delay=after.total_seconds(),
        )
    elif missing and changed.why != GONE:
        log.info("%d users are not there at the second look", len(missing))
    for delay in sorted(set(answers.throttled.values())):
        late = sorted(user_id for user_id, seconds in answers.throttled.items() if seconds == delay)
        await ask(
            watch,
            changed.at,
            users=late,
            look=changed.look,
            why=changed.why,
            since=changed.since,
            delay=delay,
        )
