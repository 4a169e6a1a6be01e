"""The facts of a tenant, read piece by piece: a piece that fails keeps what was known of it and says so.

Microsoft Graph API reference: subscribedSku, companySubscription, organization, group, authorizationPolicy.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from shared.graph.errors import GraphError, Throttled, Unavailable, WrongTenant
from shared.graph.evidence import after_attempt
from shared.graph.groups import licensing_groups
from shared.graph.pages import Wire, all_rows, read_object
from shared.graph.session import GraphSession, Query, asking
from shared.model import CommerceSubscription, Evidence, Sku, TenantFacts


class _Units(Wire):
    enabled: int = 0
    warning: int = 0
    suspended: int = 0
    locked_out: int = 0


class _Plan(Wire):
    service_plan_id: str


class _Sku(Wire):
    sku_id: str
    sku_part_number: str | None = None
    applies_to: str | None = None
    capability_status: str | None = None
    consumed_units: int = 0
    prepaid_units: _Units | None = None
    service_plans: list[_Plan] | None = None


class _Commerce(Wire):
    id: str
    sku_id: str | None = None
    status: str | None = None
    is_trial: bool | None = None
    total_licenses: int | None = None
    next_lifecycle_date_time: datetime | None = None


class _Domain(Wire):
    name: str | None = None
    is_initial: bool | None = None


class _Organization(Wire):
    id: str
    display_name: str | None = None
    country_letter_code: str | None = None
    on_premises_sync_enabled: bool | None = None
    verified_domains: list[_Domain] | None = None


class Whose(msgspec.Struct, frozen=True):
    """Whose tenant Graph answers for. `domain`: the initial one (`….onmicrosoft.com`), empty if not told."""

    tenant_id: str
    name: str
    domain: str
    domains: tuple[str, ...]


class _AuthorizationPolicy(Wire):
    allowed_to_use_sspr: bool | None = msgspec.field(name="allowedToUseSSPR", default=None)


EMPTY = "empty-list"
"""Why SKUs count as not read: the list was empty although the tenant had some. A tenant does not lose them
all at once, and rows of what ended stay listed for months, so the list is wrong."""


async def read_tenant(
    session: GraphSession, previous: TenantFacts | None, at: datetime, *, waits: bool = False
) -> TenantFacts:
    """The tenant as it is now, on top of what was known.

    Pieces: skus, subscriptions, organization, groups, admin-policy; each is read on its own, and its
    `Evidence` says how that ended. What other readers keep (registration, scope groups, generation, policy)
    is carried over. Raises `WrongTenant` if Graph answers for another tenant than the settings name, and, for
    a caller who `waits` and then reads anew, `Throttled` where a piece is to be asked for later.
    """
    known = previous or TenantFacts(tenant_id=session.settings.tenant_id)
    skus, subscriptions, organization, groups, admin_policy = await asyncio.gather(
        _attempt(_skus(session, known=bool(known.skus))),
        _attempt(_subscriptions(session)),
        _attempt(_organization(session)),
        _attempt(licensing_groups(session, at, known.groups)),
        _attempt(_admin_sspr_allowed(session)),
    )
    if isinstance(organization, WrongTenant):
        raise organization
    outcomes = (
        ("skus", skus),
        ("subscriptions", subscriptions),
        ("organization", organization),
        ("groups", groups),
        ("admin-policy", admin_policy),
    )
    evidence: dict[str, Evidence] = dict(known.evidence)
    for name, outcome in outcomes:
        if waits and isinstance(outcome, Throttled):
            raise outcome
        problem = outcome if isinstance(outcome, GraphError) else None
        evidence[name] = after_attempt(name, known.evidence_of(name), problem, at)
    facts = msgspec.structs.replace(
        known,
        observed_at=at,
        evidence=evidence,
        skus=_with_subscriptions(
            known.skus if isinstance(skus, GraphError) else skus,
            _subscriptions_of(known.skus) if isinstance(subscriptions, GraphError) else subscriptions,
        ),
    )
    if not isinstance(groups, GraphError):
        facts = msgspec.structs.replace(facts, groups=groups)
    if not isinstance(admin_policy, GraphError):
        facts = msgspec.structs.replace(facts, admin_sspr_allowed=admin_policy)
    if not isinstance(organization, GraphError):
        facts = _with_organization(facts, organization)
    return facts


async def _attempt[T](reading: Awaitable[T]) -> T | GraphError:
    """The outcome of one piece; a refusal of Graph is an outcome too."""
    try:
        return await reading
    except GraphError as problem:
        return problem


async def _skus(session: GraphSession, *, known: bool) -> dict[str, Sku]:
    """The SKUs by id. `known`: there were some before, so that none now is no answer (`EMPTY`)."""
    builder: Any = session.client.subscribed_skus
    rows = await all_rows(session, builder.to_get_request_information(asking()), _Sku)
    if known and not rows:
        raise Unavailable(200, code=EMPTY)
    skus: dict[str, Sku] = {}
    for row in rows:
        units = row.prepaid_units or _Units()
        sku_id = row.sku_id.lower()
        skus[sku_id] = Sku(
            sku_id=sku_id,
            part_number=row.sku_part_number or "",
            applies_to=row.applies_to or "User",
            status=row.capability_status or "Enabled",
            enabled=units.enabled,
            warning=units.warning,
            suspended=units.suspended,
            locked_out=units.locked_out,
            consumed=row.consumed_units,
            plans=tuple(sorted({plan.service_plan_id.lower() for plan in row.service_plans or ()})),
        )
    return skus


async def _subscriptions(session: GraphSession) -> dict[str, tuple[CommerceSubscription, ...]]:
    """What was bought, by SKU id."""
    builder: Any = session.client.directory.subscriptions
    rows = await all_rows(session, builder.to_get_request_information(asking()), _Commerce)
    by_sku: defaultdict[str, list[CommerceSubscription]] = defaultdict(list)
    for row in rows:
        if row.sku_id is None:
            continue
        by_sku[row.sku_id.lower()].append(
            CommerceSubscription(
                id=row.id,
                status=row.status or "",
                is_trial=row.is_trial,
                total=row.total_licenses or 0,
                next_lifecycle_at=row.next_lifecycle_date_time,
            )
        )
    return {sku_id: tuple(sorted(rows, key=lambda row: row.id)) for sku_id, rows in by_sku.items()}


async def whose(session: GraphSession) -> Whose:
    """Whose tenant this is, where only Graph knows. Raises `GraphError`."""
    found = await _whoever(session)
    domains = [one for one in found.verified_domains or () if one.name]
    initial = next((one.name for one in domains if one.is_initial), None)
    return Whose(
        tenant_id=found.id.lower(),
        name=found.display_name or "",
        domain=(initial or "").lower(),
        domains=tuple(sorted((one.name or "").lower() for one in domains)),
    )


async def _organization(session: GraphSession) -> _Organization:
    found = await _whoever(session)
    if found.id.lower() != session.settings.tenant_id.lower():
        raise WrongTenant(200, code="other-tenant")
    return found


async def _whoever(session: GraphSession) -> _Organization:
    builder: Any = session.client.organization
    select = ["id", "displayName", "countryLetterCode", "onPremisesSyncEnabled", "verifiedDomains"]
    rows = await all_rows(
        session, builder.to_get_request_information(asking(Query(select=select))), _Organization
    )
    if not rows:
        raise Unavailable(200, code="no-organization")
    return rows[0]


async def _admin_sspr_allowed(session: GraphSession) -> bool | None:
    """Whether administrators may use SSPR; it says nothing about other users (authorizationPolicy)."""
    builder: Any = session.client.policies.authorization_policy
    answer = await session.send(builder.to_get_request_information(asking()))
    return read_object(answer, _AuthorizationPolicy).allowed_to_use_sspr


def _subscriptions_of(skus: Mapping[str, Sku]) -> dict[str, tuple[CommerceSubscription, ...]]:
    return {sku_id: sku.subscriptions for sku_id, sku in skus.items()}


def _with_subscriptions(
    skus: Mapping[str, Sku], subscriptions: Mapping[str, tuple[CommerceSubscription, ...]]
) -> dict[str, Sku]:
    return {
        sku_id: msgspec.structs.replace(sku, subscriptions=subscriptions.get(sku_id, ()))
        for sku_id, sku in skus.items()
    }


def _with_organization(facts: TenantFacts, organization: _Organization) -> TenantFacts:
    domains = (domain.name for domain in organization.verified_domains or ())
    return msgspec.structs.replace(
        facts,
        country=organization.country_letter_code,
        display_name=organization.display_name or "",
        on_premises_sync=organization.on_premises_sync_enabled,
        domains=tuple(sorted({name.lower() for name in domains if name})),
    )
