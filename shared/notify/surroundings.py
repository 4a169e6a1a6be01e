"""Reads what the decision looks at beside its table: tenant record, exceptions, orders, members of groups."""

from datetime import datetime, timedelta

import msgspec

from shared.ledger import members
from shared.ledger.manifest import members_path
from shared.ledger.memberships import memberships
from shared.ledger.records import TenantRecord
from shared.model import SubjectType, TenantFacts
from shared.notify.deciding.routing import RouteRule
from shared.notify.deciding.scene import RULES, Reading, Release, Scene, Telling
from shared.notify.exceptions import agreed
from shared.notify.exceptions.exemptions import Exemption
from shared.notify.table import Table
from shared.rules.loader import Rules
from shared.rules.policy import Policy
from shared.settings import Settings, TellingSettings
from shared.storage import Storage

AWAITED_INTERVALS = 3
"""So many times `DELTA_EVERY` a new route waits for its groups: who reads them shares delta's timer."""


def patience(settings: TellingSettings) -> Telling:
    """The part of the settings that the decision reads."""
    return Telling(
        confirm_after=settings.confirm_after,
        group_wait=settings.group_wait,
        group_wait_max=settings.group_wait_max,
        mass_window=settings.mass_window,
        remind_after=settings.remind_after,
        digest_every=settings.digest_every,
        digest_at=settings.digest_at,
    )


def choices(policy: Policy, rules_digest: str) -> dict[str, str]:
    """The policy's fields as an administrator writes them, and the digest of the rules: so that a change of
    one can be named."""
    values = {name: _as_text(value) for name, value in msgspec.structs.asdict(policy).items()}
    return {**values, RULES: rules_digest}


def _as_text(value: object) -> str:
    if isinstance(value, timedelta):
        hours, rest = divmod(value, timedelta(hours=1))
        return (
            f"{value.total_seconds():g}s" if rest else f"{hours // 24}d" if hours % 24 == 0 else f"{hours}h"
        )
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


async def scene(
    storage: Storage, settings: Settings, rules: Rules, table: Table, record: TenantRecord, now: datetime
) -> Scene:
    """What is so now.

    Raises `AgreedUnreadable` and what storage raises: without its exceptions the watch tells nothing.
    """
    tenant_id, sweep = settings.tenant_id, record.sweep
    exemptions = await agreed.recall(storage.ledger, tenant_id)
    order = await agreed.recall_release(storage.ledger, tenant_id)
    routes = tuple(one.rule for one in settings.routes)
    named = _named(exemptions).union(*(one.groups for one in routes))
    fingerprint = settings.policy.fingerprint(rules.digest)
    users = {one.subject_id for one in table.entries.values() if one.subject_type is SubjectType.USER}
    complete = sweep.complete if sweep else None
    return Scene(
        now=now,
        baseline_ended_at=record.baseline_ended_at,
        holds=await _holds(storage, tenant_id, record.facts, users, now),
        routes=routes,
        exemptions=exemptions,
        memberships=await memberships(storage, tenant_id, named, users) if named else {},
        untried=_untried(routes, record),
        await_at_most=AWAITED_INTERVALS * settings.delta_every,
        users=record.totals.users if record.totals else None,
        reading=Reading(started_at=complete[0], ended_at=complete[1]) if complete else None,
        reading_began=sweep.started_at if sweep else None,
        release=Release(at=order.at, by=order.by, discard=order.discard) if order else None,
        choices=choices(settings.policy, rules.digest),
        read_as=record.read_as,
        settled=bool(sweep and sweep.ended_at and sweep.policy == fingerprint and not record.owed),
    )


def _untried(routes: tuple[RouteRule, ...], record: TenantRecord) -> frozenset[str]:
    tried = {group for group, named in record.named.items() if named.evidence.tried_at}
    return frozenset(group for route in routes for group in route.groups if group not in tried)


def _named(exemptions: tuple[Exemption, ...]) -> frozenset[str]:
    return frozenset(one.subject_id for one in exemptions if one.subject_type == SubjectType.GROUP)


async def _holds(
    storage: Storage, tenant_id: str, facts: TenantFacts | None, users: set[str], now: datetime
) -> frozenset[str]:
    """Of these users the members of groups whose licensing job runs."""
    held: set[str] = set()
    for group in facts.groups.values() if facts else ():
        if not group.job_runs(now):
            continue
        stored = await storage.evidence.read(members_path(tenant_id, group.id))
        if stored is not None:
            held.update(one for one in members.users(stored.data) if one in users)
    return frozenset(held)
