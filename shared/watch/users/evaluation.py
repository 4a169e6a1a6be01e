"""Changed users: read them as they are now, judge, commit (design §4.2).

A queue message only says "look again", and who says so; what is read now decides. Every user is looked at
twice: at once, and after `SECOND_LOOK`, since replication and group licensing come later than the change.
Messages that wait at the same time are worked on together (`joining`).
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from shared import telemetry
from shared.clocks import DIFFER, is_ahead
from shared.following import about
from shared.graph.users import Readings, read_users
from shared.ledger.commits import FATES, CommitOutcome, UserReading
from shared.ledger.records import SubjectRecord, TenantRecord, UserRecord
from shared.ledger.shards import shard_of
from shared.ledger.tombstones import Absence
from shared.model import BROKEN, Because, Judged, TenantFacts, User
from shared.watch.asking import ask
from shared.watch.messages import AGAIN, GONE, HEARD, LAST_LOOK, Changed
from shared.watch.parts import Watch
from shared.watch.tenant import TENANT, evidence_times
from shared.watch.tenant_facts import facts as facts_room
from shared.watch.users.judging import Look, readings_of, unknown_sku

log = logging.getLogger("watch.evaluation")

_TIMES_JUDGED = 4
"""How often one message judges again because newer facts were committed meanwhile."""

_SOON_AFTER = timedelta(seconds=2)
"""Second looks that would come so close together are asked for in one message, as of the earliest."""


class Incomplete(Exception):
    """These `users` could not be read or judged; the rest is committed. The queue tries again."""

    def __init__(self, users: Iterable[str], reason: str) -> None:
        self.users = frozenset(users)
        super().__init__(reason)


async def evaluate_users(watch: Watch, *messages: Changed) -> None:
    """Look at the users of a message, or of several that say `why` and `look` alike.

    Raises `Incomplete` if Graph could not be asked about some of them, and `ValueError` for messages that are
    not alike. Who is not there is gone for good only where the messages say that delta, or a complete reading
    of all users, says so too: a 404 by itself may be replication.
    """
    named = _by_user(messages)
    records = await watch.ledger.user_records(named)
    now = watch.now()
    news = {key: [one for one in each if _is_due(records.get(key), one, now)] for key, each in named.items()}
    due = [key for key, each in news.items() if each]
    asked = {key: _merged(news[key] or each) for key, each in named.items()}
    answers = await read_users(watch.graph, due)
    told = asked.keys() - due | answers.missing
    heard = _heard_besides(named, asked, told, answers.users)
    looks = {key: _look(user, answers.observed_at[key], asked[key]) for key, user in answers.users.items()}
    # First: if this ends in between, those committed are not due at the next try and would lose their second.
    await _look_again(watch, asked, looks, answers)
    gone = any(one.why == GONE for one in messages)
    absences = await _absences(watch, asked, answers) if gone else ()
    failed: Incomplete | None = None
    if answers.failed:
        reasons = ", ".join(f"{count} x {name}" for name, count in sorted(answers.codes.items()))
        text = f"{len(answers.failed)} of {len(due)} users could not be read: {reasons}"
        failed = Incomplete(answers.failed, text)
    if looks or absences or heard:
        try:
            await judge_and_commit(watch, looks, records, absences=absences, heard=heard)
        except Incomplete as overtaken:
            raise Incomplete(overtaken.users | answers.failed, str(overtaken)) from failed
    if failed:
        raise failed


def _by_user(messages: Sequence[Changed]) -> dict[str, list[Changed]]:
    """The messages that name each user."""
    if len({(one.why, one.look) for one in messages}) > 1:
        raise ValueError("messages that are looked at together must ask for the same look")
    named: dict[str, list[Changed]] = {}
    for message in messages:
        for user_id in message.users:
            named.setdefault(user_id, []).append(message)
    return named


def _merged(messages: Sequence[Changed]) -> Changed:
    """What messages ask together of a user whom all of them name: the latest look, as of the earliest time
    that delta gives or that a notification came at. From that one on the user waits for a verdict."""
    first = messages[0]
    if len(messages) == 1:
        return first
    times = [at for one in messages if (at := _since(one))]
    return msgspec.structs.replace(
        first, at=max(one.at for one in messages), since=min(times) if times else None
    )


def _heard_besides(
    named: Mapping[str, Sequence[Changed]],
    asked: Mapping[str, Changed],
    told: Iterable[str],
    read: Iterable[str],
) -> dict[str, datetime]:
    """When the last notification came of those who are told of and not read, and of those for whom another
    came after the one that their reading answers."""
    last = {key: _last_heard(named[key]) for key in sorted({*told, *read})}
    unread = frozenset(told)
    return {key: at for key, at in last.items() if at and (key in unread or at != _heard_at(asked[key]))}


def _last_heard(messages: Iterable[Changed]) -> datetime | None:
    times = [one.at if one.look == 1 else one.since for one in messages if one.why == HEARD]
    return max((at for at in times if at), default=None)


def _look(user: User, observed_at: datetime, changed: Changed) -> Look:
    heard_at = _heard_at(changed)
    return Look(user, observed_at, heard_at, changed.since if heard_at is None else None)


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
    """When the notification came that this message, or the one before it, answers; of several the first."""
    if changed.why != HEARD:
        return None
    return changed.since or (changed.at if changed.look == 1 else None)


def _since(changed: Changed) -> datetime | None:
    return _heard_at(changed) if changed.why == HEARD else changed.since


async def _absences(watch: Watch, asked: Mapping[str, Changed], answers: Readings) -> tuple[Absence, ...]:
    facts = await facts_room.present(watch)
    return tuple(
        Absence(
            user_id=user_id,
            observed_at=answers.observed_at[user_id],
            since=asked[user_id].since,
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
        tenant, facts = await _tenant(watch)
        judged = await _judge(watch, left, records, tenant, facts)
        worse = any(_worse(reading.judged, records.get(one)) for one, reading in judged.items())
        if not refreshed and (worse or unknown_sku(left.values(), facts)):
            refreshed = True
            newer = await facts_room.refresh(watch)
            tenant, _ = await _tenant(watch)
            if newer.generation > facts.generation:
                facts = newer
                judged = await _judge(watch, left, records, tenant, facts)
        outcomes = await _commit(watch, judged, absences, heard or {})
        absences, heard = (), None
        await ask_about_groups(watch, judged.values(), facts)
        await _count_if_new(watch, judged, tenant)
        left = {one: left[one] for outcome in outcomes for one in outcome.refused}
        if not left:
            return
    raise Incomplete(left, f"{len(left)} users were overtaken by newer facts {_TIMES_JUDGED} times")


async def _tenant(watch: Watch) -> tuple[TenantRecord, TenantFacts]:
    """The tenant's record, read once for all that is asked of it, and its facts."""
    record = (await watch.ledger.read_tenant()).record
    return record, record.facts or await facts_room.refresh(watch)


async def _judge(
    watch: Watch,
    looks: Mapping[str, Look],
    records: Mapping[str, UserRecord],
    tenant: TenantRecord,
    facts: TenantFacts,
) -> dict[str, UserReading]:
    standings = await watch.standings.of(watch.manifest, looks, facts)
    baseline = tenant.baseline_ended_at is None
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
    outcomes: list[CommitOutcome] = []
    try:
        for name in sorted({*read, *absent, *told}):
            # As of now each: hundreds of shards take a while, and what others read meanwhile is not ahead.
            at = watch.now()
            outcome = await watch.ledger.commit_users(
                name, read.get(name, ()), at, absences=absent.get(name, ()), heard=told.get(name, {})
            )
            # At once: if the next shard can't be written, this one is not written again.
            _measure(outcome)
            outcomes.append(outcome)
    finally:
        # Likewise: at the next try such a record may pass for one that was read since the message.
        await look_once_more(watch, outcomes)
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


async def look_once_more(watch: Watch, outcomes: Sequence[CommitOutcome]) -> None:
    """Judged by newer facts than the record, from an older reading: only a new reading can tell. Where the
    record is dated later than now, only one that is made when that time is past."""
    now = watch.now()
    outdated = [one for outcome in outcomes for one in outcome.outdated]
    await ask(watch, now, users=outdated, look=LAST_LOOK, why=AGAIN)
    later, delay = now + DIFFER, DIFFER.total_seconds()
    for why, users in (
        (AGAIN, [one for outcome in outcomes for one in outcome.undated]),
        (GONE, [one for outcome in outcomes for one in outcome.unburied]),
    ):
        await ask(watch, later, users=users, look=LAST_LOOK, why=why, delay=delay)


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


async def _count_if_new(watch: Watch, readings: Mapping[str, UserReading], tenant: TenantRecord) -> None:
    """A user hangs on a finding of the tenant that was not open when he was judged: count, so that it is told
    and not he.

    A cause that opened none when it was counted is not counted for every message that names it.
    """
    if tenant.baseline_ended_at is None:
        return
    open_now = tenant.subjects.get(TENANT, SubjectRecord()).open.values()
    known = {(one.finding.kind, one.finding.about) for one in open_now}
    wanted = {
        (because.kind, because.about)
        for reading in readings.values()
        for because in reading.judged.verdict.because
        if not because.subject
    }
    now, again = watch.now(), watch.settings.facts_at_most_every
    counted = {one: at for one, at in watch.counted.items() if not is_ahead(at, now)}
    due = {one for one in wanted - known if one not in counted or now - counted[one] >= again}
    if due:
        await facts_room.count_again(watch)
        watch.counted.update(dict.fromkeys(due, now))


async def _look_again(
    watch: Watch, asked: Mapping[str, Changed], looks: Mapping[str, Look], answers: Readings
) -> None:
    """Second looks, and whom Graph asked to come back for; asked for by whom it was before.

    A user that is not there twice, and of whom nobody says that it is gone, is left to delta and to the next
    reading of all users, which decide (design §4.2).
    """
    second = [key for key in (*looks, *sorted(answers.missing)) if asked[key].look < LAST_LOOK]
    now, after = watch.now(), watch.settings.second_look
    for since, users in _soon_after(second, asked):
        first = asked[users[0]]
        await ask(
            watch,
            now + after,
            users=users,
            look=first.look + 1,
            why=first.why,
            since=since,
            delay=after.total_seconds(),
        )
    lost = [key for key in answers.missing if asked[key].look >= LAST_LOOK and asked[key].why != GONE]
    if lost:
        log.info("%d users are not there at the second look", len(lost))
    await _come_back(watch, asked, answers.throttled)


def _soon_after(
    users: Iterable[str], asked: Mapping[str, Changed]
) -> list[tuple[datetime | None, list[str]]]:
    """Users whose second look belongs to about the same time, each time with the earliest of them."""
    times = {key: _since(asked[key]) for key in users}
    found: list[tuple[datetime | None, list[str]]] = []
    for key in sorted(times, key=lambda one: (times[one] is not None, times[one])):
        since = times[key]
        if found and _close(found[-1][0], since):
            found[-1][1].append(key)
        else:
            found.append((since, [key]))
    return found


def _close(begun: datetime | None, since: datetime | None) -> bool:
    if begun is None or since is None:
        return begun is since
    return since - begun <= _SOON_AFTER


async def _come_back(watch: Watch, asked: Mapping[str, Changed], throttled: Mapping[str, float]) -> None:
    """Ask again for those whom Graph put off, as they were asked for."""
    late: dict[tuple[float, datetime, datetime | None], list[str]] = {}
    for key, seconds in sorted(throttled.items()):
        late.setdefault((seconds, asked[key].at, _since(asked[key])), []).append(key)
    for (seconds, at, since), users in late.items():
        first = asked[users[0]]
        await ask(watch, at, users=users, look=first.look, why=first.why, since=since, delay=seconds)
