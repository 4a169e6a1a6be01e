"""What health says, piece by piece: sentences that name a problem and its remedy, and how far each job is.

Pure: everything looked at is passed in. Ids only, never names.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from shared.findings.evidence import BEHIND
from shared.ledger.records import Sweep, TenantRecord
from shared.settings import Settings
from shared.watch.hearing.calls import Sums
from shared.watch.hearing.subscription_memory import Kept
from shared.watch.hearing.subscriptions import CODES, RESOURCES, secrets_of
from shared.watch.reach.registration import Progress
from shared.watch.reach.registration_state import REPORT, Reading
from shared.watch.users.delta_state import Delta

BEGUN_WITHIN = timedelta(minutes=30)
STILL = timedelta(minutes=30)
"""So long may a job in steps go without one."""
LATE = 3
"""How many intervals a reading may be missing before the watch is unwell."""
DELIVERED_WITHIN = timedelta(hours=4)
"""How long Graph tries to deliver a notification (Microsoft Graph: change notifications through webhooks)."""

_OPTIONAL = "admin-policy"
"""Evidence that nothing is amiss without."""

Lines = list[str]


# --- readings -----------------------------------------------------------------------------------------------


def reading_problems(record: TenantRecord, settings: Settings, now: datetime) -> Lines:
    """The tenant's facts: late, or refused for lack of a permission where no noted fault says so."""
    facts = record.facts
    if facts is None or facts.observed_at is None:
        return []
    problems = []
    if now - facts.observed_at > LATE * settings.facts_every:
        problems.append(
            f"tenant facts were last read at {stamp(facts.observed_at)}: "
            "look in the log of the function tenant_facts for what Graph answers"
        )
    told = {_OPTIONAL, *(one for code in record.unwell for one in BEHIND.get(code, ()))}
    for name, piece in facts.evidence.items():
        if piece.permission and name not in told:
            problems.append(
                f"{name} cannot be read: the app lacks the Graph permission {piece.permission}, grant it"
            )
    report = facts.evidence_of(REPORT).read_at
    if report and now - report > LATE * settings.registration_every:
        problems.append(
            f"the registration report was last read whole at {stamp(report)}: "
            "look in the log of the function registration for what Graph answers"
        )
    return problems


def sweep_problems(sweep: Sweep | None, now: datetime) -> Lines:
    """The reading of all users, if it stands still."""
    if sweep is None or sweep.ended_at or now - (sweep.touched_at or sweep.started_at) <= STILL:
        return []
    return [
        f"the reading of all users stands still at step {sweep.step} ({sweep.phase}): "
        "look in the log of the function sweep"
    ]


def registration_problems(reading: Reading | None, now: datetime) -> Lines:
    """The reading of the registration report and the scope groups, if it stands still."""
    if reading is None or reading.ended_at or now - reading.due_at <= STILL:
        return []
    return [
        f"the reading of the registration report stands still at step {reading.step}: "
        "look in the log of the function sweep"
    ]


def delta_problems(state: Delta | None, settings: Settings, now: datetime) -> Lines:
    """The delta query on users: late, failing, or without a link until everybody was read."""
    if state is None:
        return []
    if not state.alive:
        since = f" since {stamp(state.lost_at)}" if state.lost_at else ""
        return [f"the chain of delta links is lost{since}: the reading of all users under way begins another"]
    last = state.last_round_at
    if last is None or now - last <= LATE * settings.delta_every:
        return []
    why = f" ({state.fault})" if state.fault else ""
    return [f"changed users were last asked for at {stamp(last)}{why}: look in the log of the function delta"]


def beginning_problems(record: TenantRecord, kept: Kept | None, age: timedelta) -> Lines:
    """What should have happened once by now."""
    if age <= BEGUN_WITHIN:
        return []
    problems = []
    if record.facts is None:
        problems.append(
            "the tenant's facts have never been read: look in the log of the function tenant_facts"
        )
    elif record.baseline_ended_at is None and record.sweep is None:
        problems.append(
            "the first reading of all users has not begun: it waits for facts, registration and subscriptions"
        )
    if kept is None:
        problems.append(
            "the Graph subscriptions have never been looked after: look in the log of their function"
        )
    return problems


def poison_problems(poison: Mapping[str, int]) -> Lines:
    """Messages that were put aside."""
    return [f"{count} message(s) in {name}: see docs/operate.md" for name, count in poison.items() if count]


def sweep_shown(sweep: Sweep | None) -> dict[str, Any]:
    """Where the reading of all users stands; `percent` is of the present phase, None where not known."""
    if sweep is None:
        return {}
    return {
        "phase": sweep.phase,
        "percent": sweep.percent,
        "users": sweep.users,
        "pages": sweep.pages,
        "step": sweep.step,
        "bucket": sweep.bucket,
        "buckets": sweep.buckets,
        "why": sweep.why,
        "started_at": sweep.started_at,
        "touched_at": sweep.touched_at,
        "ended_at": sweep.ended_at,
        "fault": sweep.fault,
    }


def registration_shown(progress: Progress | None, record: TenantRecord, now: datetime) -> dict[str, Any]:
    """Where the reading of report and groups stands, and how old what is in force is."""
    shown: dict[str, Any] = msgspec.to_builtins(progress) if progress else {}
    if record.facts is not None:
        evidence = record.facts.evidence_of(REPORT)
        age = now - evidence.read_at if evidence.read_at else None
        shown |= {
            "report_read_at": evidence.read_at,
            "report_age_hours": round(age.total_seconds() / 3600, 1) if age else None,
            "oldest_row_at": evidence.oldest_row_at,
            "median_row_at": evidence.median_row_at,
        }
    return shown


def delta_shown(state: Delta | None) -> dict[str, Any]:
    """The last round of the delta query, and what it found that nobody had told (the gap, design §4.6)."""
    if state is None:
        return {}
    return {
        "alive": state.alive,
        "last_round_at": state.last_round_at,
        "round_began_at": state.round_began_at,
        "rounds": state.rounds,
        "pages": state.pages,
        "users": state.users,
        "removed": state.removed,
        "losses": state.losses,
        "lost_at": state.lost_at,
        "fault": state.fault,
        "poison_taken_up": state.poison,
        "gap": msgspec.to_builtins(state.gap) if state.gap else None,
        "gaps": msgspec.to_builtins(state.gaps),
    }


# --- subscriptions ------------------------------------------------------------------------------------------


def subscription_problems(kept: Kept | None, unwell: Mapping[str, str], now: datetime) -> Lines:
    """Notifications that don't come; what is noted as a fault of the watch is said there."""
    if kept is None:
        return []
    silent = [
        name
        for name in RESOURCES
        if not kept.alive(name, now) and CODES[name] not in unwell and not kept.forgoes(name)
    ]
    return [
        *(
            f"no Graph subscription on {name}: it is tried again with the next run of their function"
            for name in silent
        ),
        *(f"subscription {problem}" for problem in kept.problems),
    ]


def subscription_notes(kept: Kept | None) -> Lines:
    """What is worth knowing of the subscriptions and no problem."""
    if kept is None:
        return []
    notes = [
        f"no notifications of {name} without the Graph permission {refusal.permission} (refused since "
        f"{stamp(refusal.since)}, last tried {stamp(refusal.tried_at)}): changes are asked for by delta "
        "instead; grant it to hear of them within seconds"
        for name, refusal in kept.refused.items()
        if kept.forgoes(name)
    ]
    if kept.others:
        notes.append(
            f"{len(kept.others)} subscription(s) of this app send to another address and are left alone: "
            + ", ".join(kept.others[:5])
        )
    return notes


def subscriptions_shown(kept: Kept | None, settings: Settings) -> dict[str, Any]:
    """Each recorded subscription, with the generation of the secret that it was created under."""
    if kept is None:
        return {}
    return {
        one.resource: {
            "id": one.id,
            "created_at": one.created_at,
            "renewed_at": one.renewed_at,
            "expires_at": one.expires_at,
            "secret": secrets_of(settings).get(one.fingerprint, "unknown"),
        }
        for one in kept.records
    }


def previous_secret(settings: Settings, kept: Kept | None, sums: Sums | None, now: datetime) -> str:
    """Whether CLIENT_STATE_PREVIOUS is needed still; empty where it is not set."""
    if not settings.client_state_previous:
        return ""
    if kept is None or kept.listed_at is None:
        return "Keep CLIENT_STATE_PREVIOUS: the subscriptions have not been looked at yet."
    generations = secrets_of(settings)
    older = [one.resource for one in kept.records if generations.get(one.fingerprint) != "current"]
    if older:
        return f"Keep CLIENT_STATE_PREVIOUS: not under CLIENT_STATE yet: {', '.join(older)}."
    last = sums.last("previous_secret") if sums else None
    marks = [one.created_at for one in kept.records if one.created_at]
    until = max([*marks, *([last] if last else [])], default=kept.listed_at) + DELIVERED_WITHIN
    if now < until:
        return (
            f"Keep CLIENT_STATE_PREVIOUS until {stamp(until)}: Graph tries for up to 4 hours to deliver, "
            "and a notification under the previous secret may be under way."
        )
    came = (
        f"the last notification under it came at {stamp(last)}" if last else "no notification came under it"
    )
    return f"CLIENT_STATE_PREVIOUS can be removed: no subscription is under it, {came}."


def calls_shown(sums: Sums | None) -> dict[str, Any]:
    """What was counted of Graph's calls, and when each was seen last."""
    if sums is None:
        return {}
    return {
        "since": sums.since,
        **{name: {"n": seen.n, "last": seen.last} for name, seen in sorted(sums.counts.items())},
        "subscriptions": {
            key: {"n": seen.n, "last": seen.last} for key, seen in sorted(sums.subscriptions.items())
        },
    }


def stamp(at: datetime) -> str:
    """A time for a sentence."""
    return f"{at:%Y-%m-%d %H:%M} UTC"
