"""What health says, piece by piece: sentences that name a problem and its remedy, and how far each job is.

Pure: everything looked at is passed in, the words too (section `health`). Ids only, never names.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from shared.graph.errors import GraphError
from shared.graph.subscription_plan import Failed, failed
from shared.ledger.records import Sweep, TenantRecord
from shared.settings import Settings
from shared.texts.catalogue import Catalogue
from shared.watch.hearing.calls import Sums
from shared.watch.hearing.subscriptions import CODES, RESOURCES, secrets_of
from shared.watch.reach.registration import Progress
from shared.watch.reach.registration_state import REPORT
from shared.watch.subscription_memory import Kept
from shared.watch.users.delta_state import Delta, Gap
from shared.watch.wellbeing.overdue import SelfLook, Traces, never_read, refused, stamp, unheard

DELIVERED_WITHIN = timedelta(hours=4)
"""How long Graph tries to deliver a notification (Microsoft Graph: change notifications through webhooks)."""

LOST_SHOWN = timedelta(days=7)
"""So long is a subscription that was lost and made anew worth a note."""
NOT_LOOKED = timedelta(hours=2)
"""Where the watch did not look after itself for so long, whoever tells people stands still."""

Lines = list[str]


# --- what is wrong besides what `overdue` finds -------------------------------------------------------------


def graph_fault(fault: GraphError, texts: Catalogue) -> str:
    """What Graph answered, as the exception says it: kind, status, code and the request's id."""
    return _answer(failed("", fault), texts)


def _answer(one: Failed, texts: Catalogue) -> str:
    code = "answer" if one.status else "no_answer"
    said = texts.text("health", code, kind=one.kind, status=one.status, code=one.code).rstrip()
    return texts.text("health", "request", said=said, id=one.request_id) if one.request_id else said


def permission_problems(record: TenantRecord, settings: Settings, texts: Catalogue) -> Lines:
    """Evidence that could never be read for lack of a permission; its finding is `evidence-missing`."""
    return [
        lacking(name, permission, texts)
        for name, permission in refused(record, settings).items()
        if never_read(record, name)
    ]


def lacking(name: str, permission: str, texts: Catalogue) -> str:
    """What can't be read, and the permission that mends it."""
    return texts.text("health", "permission", name=name, permission=permission)


def self_watch_problems(last: SelfLook | None, now: datetime, texts: Catalogue) -> Lines:
    """The one timer whose death nobody can tell."""
    if last is None or now - last.at <= max(NOT_LOOKED, 2 * last.gap):
        return []
    return [texts.text("health", "stood", at=stamp(last.at))]


def other_notes(seen: Traces, poison: Mapping[str, int], texts: Catalogue) -> Lines:
    """What mends itself as a rule; where it does not, it is found overdue or noted as a fault."""
    notes, state = [], seen.delta
    if state is not None and not state.alive:
        since = stamp(state.lost_at) if state.lost_at else ""
        notes.append(texts.text("health", "chain_lost_since" if since else "chain_lost", at=since))
    silent, told = unheard(seen), "notifications-silent" in seen.record.unwell
    if state is not None and silent is not None and not told:
        notes.append(texts.text("health", "unheard", at=stamp(silent), n=state.unheard))
    notes += [texts.text("health", "poison", n=count, queue=name) for name, count in poison.items() if count]
    return notes


# --- how far each job is ------------------------------------------------------------------------------------


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
        "gap": _gap_shown(state.gap) if state.gap else None,
        "gaps": [_gap_shown(one) for one in state.gaps],
    }


def _gap_shown(gap: Gap) -> dict[str, Any]:
    """What is zero is left out: a time of 0 seconds would read as one that was measured."""
    built: dict[str, Any] = msgspec.to_builtins(gap)
    return {name: value for name, value in built.items() if value}


# --- subscriptions ------------------------------------------------------------------------------------------


def subscription_notes(
    kept: Kept | None,
    record: TenantRecord,
    now: datetime,
    texts: Catalogue,
    *,
    read: Collection[str] = (),
) -> Lines:
    """What is worth knowing of the subscriptions; what a person must mend is a fault, and said there.

    `read`: resources of which what may have been lost need not be told, as it was read since.
    """
    if kept is None:
        return []
    if kept.left:
        return [
            texts.text("health", "left", at=stamp(kept.left)),
            *(not_done(one, texts) for one in kept.failed),
        ]
    notes = [
        texts.text(
            "health",
            "forgone",
            name=name,
            permission=refusal.permission,
            since=stamp(refusal.since),
            at=stamp(refusal.tried_at),
        )
        for name, refusal in kept.refused.items()
        if kept.forgoes(name)
    ]
    notes += [
        texts.text("health", "no_subscription", name=name)
        for name in RESOURCES
        if not kept.alive(name, now) and CODES[name] not in record.unwell and not kept.forgoes(name)
    ]
    notes += [not_done(one, texts) for one in kept.failed]
    notes += [
        texts.text("health", "lost", name=name, at=stamp(at))
        for name, at in kept.caught_up.items()
        # What the first reading of all users began without, that has read.
        if name not in read
        and now - at <= LOST_SHOWN
        and record.baseline_ended_at
        and at > record.baseline_ended_at
    ]
    if kept.others:
        ids = ", ".join(kept.others[:5])
        notes.append(texts.text("health", "others", n=len(kept.others), ids=ids))
    return notes


def not_done(one: Failed, texts: Catalogue) -> str:
    """What could not be done about a subscription, or about Graph's list of them, in a sentence."""
    if one.kind:
        problem = _answer(one, texts)
    else:
        ids = ", ".join(one.ids)
        problem = texts.text("health", "in_the_way" if ids else "somebody_in_the_way", ids=ids)
    code = "subscriptions_list" if one.about == "list" else "subscription"
    return texts.text("health", code, about=one.about, problem=problem)


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


def previous_secret(
    settings: Settings, kept: Kept | None, sums: Sums | None, now: datetime, texts: Catalogue
) -> str:
    """Whether CLIENT_STATE_PREVIOUS is needed still; empty where it is not set."""
    if not settings.client_state_previous:
        return ""
    if kept is None or kept.listed_at is None:
        return texts.text("health", "secret", "unseen")
    generations = secrets_of(settings)
    older = [one.resource for one in kept.records if generations.get(one.fingerprint) != "current"]
    if older:
        return texts.text("health", "secret", "older", names=", ".join(older))
    last = sums.last("previous_secret") if sums else None
    marks = [one.created_at for one in kept.records if one.created_at]
    until = max([*marks, *([last] if last else [])], default=kept.listed_at) + DELIVERED_WITHIN
    if now < until:
        return texts.text("health", "secret", "under_way", until=stamp(until))
    if last is None:
        return texts.text("health", "secret", "unused")
    return texts.text("health", "secret", "over", at=stamp(last))


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
