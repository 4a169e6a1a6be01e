"""What the watch's jobs left behind: readings, gaps, ages. What health says is said in its own words."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from admin.doctor.lights import Said
from admin.doctor.room import Room
from shared.ledger.manifest import manifest_path
from shared.ledger.shards import LedgerUnreadable
from shared.model import Evidence, EvidenceStatus
from shared.notify.exceptions import agreed
from shared.notify.exceptions.exemptions import WARNED_BEFORE
from shared.texts.catalogue import catalogue
from shared.watch import unwell
from shared.watch.fault_codes import OVERDUE, Overdue
from shared.watch.wellbeing import health_lines
from shared.watch.wellbeing.overdue import Traces, overdue, stamp

LOOKED_AT = timedelta(hours=1)
"""So long after it was ordered the look at each group has been taken, or lies among what was put aside."""
SLOW = 300
"""Seconds from a notification to the verdict, on average, from which something holds the queue up."""


async def ledger(room: Room) -> Sequence[Said]:
    """Whether this storage is that of the tenant's watch."""
    if not room.right:
        return [Said("no-settings")]
    try:
        room.has_ledger = await room.watch.found()
    except LedgerUnreadable as problem:
        return [Said("unreadable", {"path": problem.path})]
    if room.has_ledger:
        return [Said("ok", {"epoch": room.watch.manifest.epoch})]
    others = [
        one
        async for one in room.storage.ledger.folders()
        if await room.storage.ledger.read(manifest_path(one)) is not None
    ]
    tenant = room.settings.tenant_id
    if others:
        return [Said("others", {"tenant": tenant, "others": ", ".join(others[:3])})]
    return [Said("none", {"tenant": tenant})]


async def health(room: Room) -> Sequence[Said]:
    """Problems and notes as the page of health has them; what other checks say is left to them."""
    seen, settings, now = await room.seen(), room.settings, room.now
    texts = catalogue(room.language)
    noted = {code: detail for code, detail in seen.record.unwell.items() if code not in OVERDUE}
    problems = [
        *unwell.in_words({**noted, **overdue(seen, settings, now)}, texts),
        *health_lines.permission_problems(seen.record, settings, texts),
        *health_lines.self_watch_problems(seen.last_look, now, texts),
    ]
    of_subscriptions = health_lines.subscription_notes(
        seen.kept, seen.record, now, texts, read=_made_good(seen, now)
    )
    said = [Said("problem", {"said": one}) for one in problems]
    if seen.kept and seen.kept.left:
        # No hour mends what somebody ordered.
        by_order, *of_subscriptions = of_subscriptions
        said.append(Said("left", {"said": by_order}))
    notes = [*of_subscriptions, *health_lines.other_notes(seen, {}, texts)]
    said += [Said("note", {"said": one}) for one in notes]
    return said or [Said("ok")]


def _made_good(seen: Traces, now: datetime) -> frozenset[str]:
    """The resources of which all was read since notifications may have been lost.

    The health page goes on telling of the loss for days; a light is for what is still so. A round of delta
    knows of all users before it; groups are looked at one by one, and a look that fails is said as such.
    """
    lost = seen.kept.caught_up if seen.kept else {}
    rounds = seen.delta.last_round_at if seen.delta else None
    done = {
        "users": rounds is not None and "users" in lost and rounds > lost["users"],
        "groups": "groups" in lost and now - lost["groups"] > LOOKED_AT,
    }
    return frozenset(name for name, is_done in done.items() if is_done)


async def sweep(room: Room) -> Sequence[Said]:
    """The last reading of all users, and whether the first has ended: before that nobody is told anything."""
    if late := await _overdue(room, "sweep-overdue"):
        return late
    record = (await room.seen()).record
    under_way = record.sweep
    if under_way is None:
        return [Said("none")]
    percent = "?" if under_way.percent is None else str(under_way.percent)
    values: dict[str, str | int] = {"percent": percent}
    if record.baseline_ended_at is None:
        return [Said("first", values)]
    if under_way.ended_at is None:
        return [Said("running", values)]
    users = record.totals.users if record.totals else under_way.users
    return [Said("ok", {"at": stamp(under_way.ended_at), "n": users})]


async def _overdue(room: Room, code: Overdue) -> Sequence[Said]:
    """That this job is late, in health's words: its own check must not be green where health's is red."""
    late = overdue(await room.seen(), room.settings, room.now).get(code)
    if late is None:
        return []
    return [Said("late", {"said": one}) for one in unwell.in_words({code: late}, catalogue(room.language))]


async def delta(room: Room) -> Sequence[Said]:
    """The last round that asked who changed."""
    if late := await _overdue(room, "delta-overdue"):
        return late
    state = (await room.seen()).delta
    if state is None or state.last_round_at is None:
        return [Said("none")]
    if not state.alive:
        return [Said("lost", {"at": stamp(state.lost_at or state.last_round_at)})]
    return [Said("ok", {"at": stamp(state.last_round_at)})]


async def gap(room: Room) -> Sequence[Said]:
    """What notifications missed in the last count, and how soon a verdict follows one."""
    state = (await room.seen()).delta
    if state is None or state.gap is None:
        return [Said("none")]
    last = state.gap
    if last.users:
        return [Said("missed", {"n": last.users, "minutes": round(last.longest_seconds / 60)})]
    if not last.heard:
        return [Said("quiet")]
    values = {"n": last.heard, "mean": round(last.mean_seconds), "slowest": round(last.slowest_seconds)}
    return [Said("slow" if last.mean_seconds > SLOW else "ok", values)]


async def evidence(room: Room) -> Sequence[Said]:
    """Each piece that is read of the tenant: how old, and how the last attempt ended."""
    facts = (await room.seen()).record.facts
    if facts is None or not facts.evidence:
        return [Said("none")]
    said = []
    ages = []
    for name, piece in sorted(facts.evidence.items()):
        if one := _piece(name, piece, room):
            said.append(one)
        elif piece.read_at:
            ages.append(room.now - piece.read_at)
    if said or not ages:
        return said or [Said("none")]
    hours = round(max(ages).total_seconds() / 3600, 1)
    return [Said("ok", {"n": len(ages), "hours": f"{hours:g}"})]


def _piece(name: str, piece: Evidence, room: Room) -> Said | None:
    """What is wrong with a piece; None where nothing is, or nobody wants it."""
    if piece.status is EvidenceStatus.NEVER:
        return None
    at = stamp(piece.read_at) if piece.read_at else "-"
    if piece.status is EvidenceStatus.FORBIDDEN:
        return Said("forbidden", {"name": name, "permission": piece.permission})
    if piece.read_at and room.now - piece.read_at > room.settings.policy.report_max_age:
        return Said("expired", {"name": name, "at": at})
    if piece.status is EvidenceStatus.FAILED:
        return Said("failed", {"name": name, "at": at, "problem": piece.problem or "-"})
    return None


async def exceptions(room: Room) -> Sequence[Said]:
    """Those that end within the week that people are warned before."""
    tenant = room.settings.tenant_id
    found = [one for one in await agreed.recall(room.storage.ledger, tenant) if one.holds(room.now)]
    texts = catalogue(room.language)
    said = []
    for one in found:
        left = one.end - room.now
        if left <= WARNED_BEFORE:
            values = {"id": one.id, "day": texts.day(one.end.date())}
            said.append(Said("ending-today" if left < timedelta(days=1) else "ending", values))
    return said or [Said("ok", {"n": len(found)})]


async def previous_secret(room: Room) -> Sequence[Said]:
    """Whether CLIENT_STATE_PREVIOUS is needed still."""
    if room.settings.client_state_previous and {"CLIENT_STATE", "CLIENT_STATE_PREVIOUS"} & room.unseen:
        return [Said("unseen")]
    seen = await room.seen()
    texts = catalogue(room.language)
    said = health_lines.previous_secret(room.settings, seen.kept, seen.calls, room.now, texts)
    return [Said("said", {"said": said})] if said else [Said("ok")]
