"""What is known of the tenant itself: SKUs, commercial subscriptions, organization, policies, the report."""

import uuid
from typing import Any

from sandbox.graph import odata
from sandbox.graph.records import Commerce, Sku
from sandbox.graph.registration import COLUMNS
from sandbox.graph.wire import GraphAnswer, GraphFault, GraphRequest, iso, not_found, unsupported
from sandbox.graph.world import World


def _project(request: GraphRequest, rows: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    if not rows or "$select" not in request.query:
        return rows
    names = odata.selected(request, rows[0], (), kind)
    return [{name: row[name] for name in names} for row in rows]


def _sku(world: World, sku: Sku) -> dict[str, Any]:
    return {
        "accountId": world.organization.id,
        "accountName": world.organization.display_name,
        "appliesTo": sku.applies_to,
        "capabilityStatus": sku.status,
        "consumedUnits": world.consumed(sku.sku_id),
        "id": f"{world.organization.id}_{sku.sku_id}",
        "skuId": sku.sku_id,
        "skuPartNumber": sku.part_number,
        "subscriptionIds": [row.id for row in sku.subscriptions],
        "prepaidUnits": {
            "enabled": sku.enabled,
            "suspended": sku.suspended,
            "warning": sku.warning,
            "lockedOut": sku.locked_out,
        },
        "servicePlans": [
            {
                "servicePlanId": plan.id,
                "servicePlanName": plan.name,
                "provisioningStatus": "Success" if sku.usable else "Disabled",
                "appliesTo": plan.applies_to,
            }
            for plan in sku.plans
        ],
    }


def list_skus(request: GraphRequest, world: World) -> GraphAnswer:
    """`GET /subscribedSkus`: no paging, no filter; `$search` is silently ignored (graph.md §7.2)."""
    odata.refuse(request, "$filter", "$top", "$orderby", "$expand")
    rows = _project(request, [_sku(world, sku) for sku in world.skus.values()], "subscribedSku")
    return GraphAnswer(200, {"@odata.context": f"{request.base}/$metadata#subscribedSkus", "value": rows})


def _commerce(world: World, sku: Sku, row: Commerce) -> dict[str, Any]:
    return {
        "id": row.id,
        "commerceSubscriptionId": str(uuid.uuid5(uuid.UUID(row.id), "commerce")),
        "createdDateTime": iso(row.created_at),
        "isTrial": row.is_trial,
        "nextLifecycleDateTime": iso(row.next_lifecycle_at),
        "ownerId": None,
        "ownerTenantId": world.organization.id,
        "ownerType": "User",
        "skuId": sku.sku_id,
        "skuPartNumber": sku.part_number,
        "status": row.status,
        "totalLicenses": row.total,
        "serviceStatus": [],
    }


def list_subscriptions(request: GraphRequest, world: World) -> GraphAnswer:
    """`GET /directory/subscriptions` (graph.md §7.2)."""
    every = [_commerce(world, sku, row) for sku in world.skus.values() for row in sku.subscriptions]
    rows = _project(request, every, "companySubscription")
    return GraphAnswer(
        200, {"@odata.context": f"{request.base}/$metadata#directory/subscriptions", "value": rows}
    )


def list_organization(request: GraphRequest, world: World) -> GraphAnswer:
    """`GET /organization`: one row; `onPremisesSyncEnabled` is three-valued (graph.md §8)."""
    own = world.organization
    row = {
        "id": own.id,
        "displayName": own.display_name,
        "countryLetterCode": own.country,
        "createdDateTime": iso(own.created_at),
        "onPremisesSyncEnabled": own.on_premises_sync,
        "onPremisesLastSyncDateTime": iso(own.last_sync_at),
        "tenantType": "AAD",
        "verifiedDomains": [
            {
                "name": name,
                "isDefault": index == 0,
                "isInitial": name.endswith(".onmicrosoft.com"),
                "type": "Managed",
                "capabilities": "Email, OfficeCommunicationsOnline",
            }
            for index, name in enumerate(own.domains)
        ],
        "assignedPlans": [],
    }
    value = _project(request, [row], "organization")
    return GraphAnswer(200, {"@odata.context": f"{request.base}/$metadata#organization", "value": value})


def authorization_policy(request: GraphRequest, world: World) -> GraphAnswer:
    """`GET /policies/authorizationPolicy`: `allowedToUseSSPR` is the administrators' switch (graph.md §8)."""
    row = {
        "id": "authorizationPolicy",
        "displayName": "Authorization Policy",
        "allowedToUseSSPR": world.admins_may_reset,
        "allowInvitesFrom": "adminsAndGuestInviters",
        "blockMsolPowerShell": False,
    }
    context = f"{request.base}/$metadata#policies/authorizationPolicy/$entity"
    return GraphAnswer(200, {"@odata.context": context, **_project(request, [row], "authorizationPolicy")[0]})


def synchronization(request: GraphRequest, world: World) -> GraphAnswer:
    """`GET /directory/onPremisesSynchronization`: delegated only, so no role ever gets here (graph.md §8)."""
    raise not_found(request.path)


def _premium(world: World) -> None:
    if not world.premium():
        raise GraphFault(
            403,
            "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
            "Neither tenant is B2C or tenant doesn't have premium license",
        )


def list_registrations(request: GraphRequest, world: World) -> GraphAnswer:
    """The registration report as of its last refresh; the tenant needs P1 or P2 (graph.md §8)."""
    _premium(world)
    odata.refuse(request, "$expand", "$search")
    if not world.rates.report_takes_top:
        odata.refuse(request, "$top")
    if not world.rates.report_takes_select:
        odata.refuse(request, "$select")
    if "$orderby" in request.query:
        # Refused aloud, so that nobody takes any order for the one that was asked for.
        raise GraphFault(501, "notImplemented", "$orderby of the report is not simulated.")
    names = odata.selected(request, dict.fromkeys(COLUMNS), COLUMNS, "userRegistrationDetails")
    text = request.query.get("$filter")
    pair = odata.equals(text) if text is not None else None
    if text is not None and (pair is None or not pair[0].startswith("is")):
        raise unsupported("Unsupported or invalid query filter clause specified.")

    only = None if pair is None else (pair[0], odata.boolean(pair[1]))
    pages = world.report.listing(names, only)
    body = odata.page_of(request, world, pages, world.rates.report_page_size)
    context = f"{request.base}/$metadata#reports/authenticationMethods/userRegistrationDetails"
    return GraphAnswer(200, {"@odata.context": context, **body})


def get_registration(request: GraphRequest, world: World) -> GraphAnswer:
    """One row of the report; no query options (graph.md §8)."""
    _premium(world)
    odata.refuse(request, "$select", "$filter", "$expand")
    row = world.report.rows.get(request.params["id"])
    if row is None:
        raise not_found(request.params["id"])
    context = f"{request.base}/$metadata#reports/authenticationMethods/userRegistrationDetails/$entity"
    return GraphAnswer(200, {"@odata.context": context, **row})
