"""Graph subscriptions on users and groups: created, recorded, looked at, renewed at half their life (design
§4.7).

What could not be had is remembered: what only a person can mend becomes a fault of the watch (`unwell`), and
without the permission for groups the watch goes on with the delta query on groups instead.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from shared.clocks import is_ahead
from shared.graph.subscription_plan import PERMISSIONS, Failed, Reason, Record, Wanted
from shared.graph.subscriptions import Settled, remove, settle
from shared.ledger.records import TenantRecord
from shared.settings import Settings
from shared.watch import unwell
from shared.watch.fault_codes import Code
from shared.watch.hearing import calls, catching_up
from shared.watch.messages import DELETE, LifecycleEvent, write_lifecycle
from shared.watch.parts import Busy, Watch
from shared.watch.subscription_memory import OPTIONAL, Held, Kept, Obeyed, Refused, recall, remember

log = logging.getLogger("watch.subscriptions")

RESOURCES = ("users", "groups")
CODES: Mapping[str, Code] = {"users": "subscription-users", "groups": "subscription-groups"}
"""How each resource's subscription is called among the faults of the watch."""

LIST_EVERY = timedelta(hours=24)
"""Graph's list shows strays; 40 calls in 20 seconds are all that an app has over all of its tenants."""
CREATE_AGAIN = timedelta(hours=24)
"""How often a creation is tried that Graph refused for lack of a permission the watch can do without."""
ANSWERED_WITHIN = timedelta(minutes=10)
"""No second renewal of a subscription before (Microsoft Graph: lifecycle notifications)."""
NEAR_ITS_END = timedelta(days=3)
"""A subscription that can't be renewed is a person's business from here on; before, it is tried again."""

LIST_AFTER_FORGED = timedelta(hours=1)
"""A forged call may be of a subscription of ours under a secret that is no longer known; or of anybody."""
REAUTHORIZE = "reauthorizationRequired"

_LOCK_SECONDS = 60
_AT_ONCE = (Reason.PERMISSION, Reason.QUOTA, Reason.IN_THE_WAY)


async def keep(watch: Watch) -> None:
    """Create what is missing, renew what is past half its life, delete what should not be there.

    One run at a time; what could not be done is remembered for `health`. Where notifications may have been
    lost meanwhile, what they would have told is read.
    """
    async with watch.ledger.lock("subscriptions", _LOCK_SECONDS) as held:
        if not held:
            return
        before = await recall(watch)
        if before and before.left:
            await _leave(watch, held=held, before=before)
        else:
            await _keep(watch, held=held, before=before)


async def obey(watch: Watch, order: str, at: datetime) -> None:
    """Create or delete our subscriptions, as a person ordered `at` a time; an older order than the last that
    was obeyed changes nothing, unless that one was given by a clock ahead of ours. After a deletion none is
    created until that is ordered.

    Raises `Busy` where another run is at work.
    """
    async with watch.ledger.lock("subscriptions", _LOCK_SECONDS) as held:
        if not held:
            raise Busy("the subscriptions are being looked after by another worker")
        before, now = await recall(watch), watch.now()
        last = before.obeyed.at if before and before.obeyed else None
        if last and (at == last or (at < last and not is_ahead(last, now))):
            return
        obeyed = Obeyed(order=order, at=at, done_at=now)
        log.info("subscriptions: %s ordered", order)
        if order == DELETE:
            await _leave(watch, held=held, before=before, obeyed=obeyed)
        else:
            await _keep(watch, held=held, before=before, listing=True, obeyed=obeyed)


async def answer(watch: Watch, events: Sequence[LifecycleEvent], at: datetime | None = None) -> None:
    """Lifecycle events that came `at`: renew what is to be reauthorised, create what is gone, read what was
    missed. Each is answered once: what was done after it came answers it.

    Graph documents only reauthorizationRequired for users and groups; the others are handled all the same.
    Raises `Busy` where another run is at work, which may not have seen what these tell.
    """
    at = at or watch.now()
    if not _unanswered(events, at, watch.now(), await recall(watch)):
        return
    async with watch.ledger.lock("subscriptions", _LOCK_SECONDS) as held:
        if not held:
            raise Busy("the subscriptions are being looked after by another worker")
        before = await recall(watch)
        events = await _put_off(watch, _unanswered(events, at, watch.now(), before), at, before)
        if not events:
            return
        asked = {event.subscription for event in events}
        await _keep(
            watch,
            held=held,
            before=before,
            urgent={event.subscription for event in events if event.event == REAUTHORIZE},
            missed=_missed(events, before),
            listing=bool(asked - {one.id for one in _records(before)}),
        )


def _unanswered(
    events: Sequence[LifecycleEvent], at: datetime, now: datetime, before: Kept | None
) -> tuple[LifecycleEvent, ...]:
    """Those of the events after whose coming nothing was done yet that answers them, as far as can be told
    `now`; none where there shall be no subscriptions."""
    if before and before.left:
        return ()
    done = before.caught_up if before else {}
    renewed = {
        one.id for one in _records(before) if one.renewed_at >= at and not is_ahead(one.renewed_at, now)
    }
    caught_up = {name for name, when in done.items() if when >= at and not is_ahead(when, now)}
    return tuple(
        event
        for event in events
        if not (
            event.subscription in renewed
            if event.event == REAUTHORIZE
            else _missed([event], before) <= caught_up
        )
    )


def _missed(events: Sequence[LifecycleEvent], before: Kept | None) -> set[str]:
    """The resources of which these tell that notifications were lost; all of them for a subscription that is
    not recorded: it may be one that was made anew since."""
    resources = {one.id: one.resource for one in _records(before)}
    lost = [event.subscription for event in events if event.event != REAUTHORIZE]
    return {name for one in lost for name in ((resources[one],) if one in resources else RESOURCES)}


async def _put_off(
    watch: Watch, events: Sequence[LifecycleEvent], at: datetime, before: Kept | None
) -> tuple[LifecycleEvent, ...]:
    """Put back those that ask for a renewal too soon after the last; the others are to be answered now."""
    now = watch.now()
    recent = {
        one.id: one.renewed_at + ANSWERED_WITHIN - now
        for one in _records(before)
        if not is_ahead(one.renewed_at, now)
    }
    soon = [
        event
        for event in events
        if event.event == REAUTHORIZE and recent.get(event.subscription, timedelta(0)) > timedelta(0)
    ]
    if soon:
        delay = max(recent[event.subscription] for event in soon)
        await watch.storage.sweeps.send(write_lifecycle(soon, at), delay=delay.total_seconds())
    return tuple(event for event in events if event not in soon)


async def _keep(
    watch: Watch,
    *,
    held: object,
    before: Kept | None,
    urgent: Collection[str] = (),
    missed: Collection[str] = (),
    listing: bool = False,
    obeyed: Obeyed | None = None,
) -> None:
    now = watch.now()
    record = (await watch.ledger.read_tenant()).record
    refused = before.refused if before else {}
    asked = {*urgent, *(before.reauthorize if before else ())}
    settled = await settle(
        watch.graph,
        _records(before),
        wanted(watch.settings),
        now,
        listing=listing or _list_due(before, await calls.recall(watch), now),
        urgent={*asked, *(one.id for one in _records(before) if one.resource in refused)},
        waiting=_waiting(before, record, now),
    )
    # What was refused and is allowed again was not told meanwhile.
    allowed_again = {name for name in refused if _has(settled, name)} - set(settled.troubles)
    lost = settled.lost | allowed_again | {*missed}
    # Before they are remembered: a run that ends in between finds them unrecorded and starts over.
    if lost:
        await catching_up.order(watch, lost)
    if not held:
        raise Busy("the lock was lost: another worker looks after the subscriptions by now")
    kept = _kept(before, settled, record, now, caught_up=lost, asked=asked)
    kept = msgspec.structs.replace(kept, obeyed=obeyed or (before.obeyed if before else None))
    await remember(watch, kept)
    await unwell.note(watch, {code: _fault(name, kept, before, now) for name, code in CODES.items()})
    _log(settled.done, kept.failed)


async def _leave(watch: Watch, *, held: object, before: Kept | None, obeyed: Obeyed | None = None) -> None:
    """Delete all of ours, and what could not be deleted by the run before; strays are looked for as ever."""
    now = watch.now()
    listing = obeyed is not None or _list_due(before, await calls.recall(watch), now)
    settled = await remove(watch.graph, _records(before), wanted(watch.settings), now, listing=listing)
    if not held:
        raise Busy("the lock was lost: another worker looks after the subscriptions by now")
    read = settled.others is not None
    kept = Kept(
        at=now,
        records=settled.records,
        failed=tuple(settled.failed),
        listed_at=now if read else before.listed_at if before else None,
        others=settled.others or () if read else before.others if before else (),
        caught_up=before.caught_up if before else {},
        left=before.left if before and before.left else now,
        obeyed=obeyed or (before.obeyed if before else None),
    )
    await remember(watch, kept)
    # What stood in the way of having them is nobody's business any more.
    await unwell.note(watch, dict.fromkeys(CODES.values()))
    _log(settled.done, kept.failed)


def _log(done: Sequence[str], problems: Sequence[Failed]) -> None:
    for one in done:
        log.info("subscription %s", one)
    for problem in problems:
        log.error("subscription %s", problem)


def _list_due(before: Kept | None, sums: calls.Sums | None, now: datetime) -> bool:
    """Whether to look for strays: regularly, and after something came from a subscription nobody knows."""
    if before is None or before.listed_at is None or is_ahead(before.listed_at, now):
        return True
    if now - before.listed_at >= LIST_EVERY:
        return True
    unknown = sums.last(calls.UNKNOWN) if sums else None
    forged = sums.last("forged") if sums else None
    if unknown and unknown > before.listed_at:
        return True
    return bool(forged and forged > before.listed_at and now - before.listed_at >= LIST_AFTER_FORGED)


def _records(before: Kept | None) -> tuple[Record, ...]:
    return before.records if before else ()


def _has(settled: Settled, resource: str) -> bool:
    return any(record.resource == resource for record in settled.records)


def _waiting(before: Kept | None, record: TenantRecord, now: datetime) -> frozenset[str]:
    """Resources that nothing is created for now: refused not long ago, and nothing looks different since."""
    last = before.refused.get(OPTIONAL) if before and before.forgoes(OPTIONAL) else None
    if last is None or now - last.tried_at >= CREATE_AGAIN or is_ahead(last.tried_at, now):
        return frozenset()
    granted = last.evidence != "ok" and _evidence(record, OPTIONAL) == "ok"
    return frozenset() if granted else frozenset({OPTIONAL})


def _evidence(record: TenantRecord, name: str) -> str:
    return str(record.facts.evidence_of(name).status) if record.facts else ""


def _kept(
    before: Kept | None,
    settled: Settled,
    record: TenantRecord,
    now: datetime,
    *,
    caught_up: Collection[str],
    asked: Collection[str],
) -> Kept:
    """What to remember of a run that caught up with these resources and was asked to renew these ids."""
    refused: dict[str, Refused] = {}
    troubles: dict[str, Held] = {}
    for name, trouble in settled.troubles.items():
        known = before.troubles.get(name) if before else None
        troubles[name] = Held(reason=trouble.reason, since=known.since if known else now, ids=trouble.ids)
        if trouble.reason is Reason.PERMISSION:
            refused[name] = _refusal(name, before, record, now)
    for name, refusal in (before.refused if before else {}).items():
        if name not in troubles and not _has(settled, name):
            # It was not tried again.
            troubles[name] = Held(reason=Reason.PERMISSION, since=refusal.since)
        if name in troubles:
            refused.setdefault(name, refusal)
    read = settled.others is not None
    return Kept(
        at=now,
        records=settled.records,
        failed=tuple(one for one in settled.failed if not _expected(one, settled)),
        listed_at=now if read else before.listed_at if before else None,
        refused=refused,
        troubles=troubles,
        others=settled.others or () if read else before.others if before else (),
        caught_up={**(before.caught_up if before else {}), **dict.fromkeys(sorted(caught_up), now)},
        # One that was made anew has another id: nothing is left to be renewed of it. What this run renewed
        # it did now; the clock of an earlier one may have been ahead.
        reauthorize=tuple(one.id for one in settled.records if one.id in asked and one.renewed_at != now),
    )


def _refusal(name: str, before: Kept | None, record: TenantRecord, now: datetime) -> Refused:
    known = before.refused.get(name) if before else None
    return Refused(
        permission=PERMISSIONS[name],
        since=known.since if known else now,
        tried_at=now,
        evidence=_evidence(record, name),
    )


def _expected(one: Failed, settled: Settled) -> bool:
    """A refusal that the watch can do without: health says so in words of its own, not as a problem."""
    trouble = settled.troubles.get(OPTIONAL)
    return bool(trouble and trouble.reason is Reason.PERMISSION and one.about == OPTIONAL)


def _fault(resource: str, kept: Kept, before: Kept | None, now: datetime) -> str | None:
    """What a person must mend, beginning with the reason; None where the watch can do it or do without.

    What may mend itself (an address that did not answer, an outage) counts from the second run on, and an
    outage only where there is no subscription to live on meanwhile.
    """
    trouble = kept.troubles.get(resource)
    if trouble is None or kept.forgoes(resource):
        return None
    again = before is not None and resource in before.troubles
    named = trouble.ids or trouble.reason is not Reason.IN_THE_WAY
    if not again and not (trouble.reason in _AT_ONCE and named):
        return None
    if trouble.reason is Reason.FAILED and _lives_on(resource, kept, now):
        return None
    ids = f" {', '.join(trouble.ids)}" if trouble.ids else ""
    return f"{trouble.reason.value}:{ids}"


def _lives_on(resource: str, kept: Kept, now: datetime) -> bool:
    return any(one.resource == resource and one.expires_at > now + NEAR_ITS_END for one in kept.records)


def wanted(settings: Settings, client_state: str = "") -> tuple[Wanted, ...]:
    """Users and groups, updated and deleted, with the lifecycle address from the start; under the current
    secret, or under another one that is given.

    With Event Grid both addresses are the one topic, and what sends to this app's own address is from before;
    and the other way round.
    """
    base, delivery = settings.notification_base_url, settings.delivery
    called = f"{base}/api/graph/notifications"
    changes, lifecycle, formerly = called, f"{base}/api/graph/lifecycle", delivery.url
    if delivery.is_event_grid:
        changes, lifecycle, formerly = delivery.url, delivery.url, called
    return tuple(
        Wanted(
            resource=resource,
            notification_url=changes,
            lifecycle_url=lifecycle,
            client_state=client_state or settings.client_state,
            formerly=(formerly,) if formerly else (),
        )
        for resource in RESOURCES
    )


def secrets_of(settings: Settings) -> dict[str, str]:
    """The fingerprints that our subscriptions can have, each with its secret: current or previous."""
    found: dict[str, str] = {}
    for name, secret in (("previous", settings.client_state_previous), ("current", settings.client_state)):
        if secret:
            found |= {want.fingerprint: name for want in wanted(settings, secret)}
    return found
