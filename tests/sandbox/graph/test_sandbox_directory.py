"""The tenant itself over HTTP: seats, subscriptions, organization, policy, registration report."""

from typing import Any, Literal

import pytest

from sandbox.graph import operations as ops
from sandbox.graph import service_operations as service
from sandbox.graph import skus
from sandbox.graph.control import Control
from tests.sandbox.graph.calls import Answer, Calls, Endpoint

type Status = Literal["Enabled", "Warning", "Suspended", "LockedOut", "Deleted"]
REPORT = "/reports/authenticationMethods/userRegistrationDetails"


async def _sku(calls: Calls, sku_id: str = skus.EMS_E3) -> dict[str, Any]:
    rows = (await calls.get("/subscribedSkus")).body["value"]
    return next(dict(row) for row in rows if row["skuId"] == sku_id)


async def test_consumed_seats_are_counted_from_the_users(calls: Calls, control: Control) -> None:
    before = (await _sku(calls))["consumedUnits"]
    user_id = calls.graph.world.cast["synced_with_ems"]
    await control.unassign(user_id, skus.EMS_E3)
    assert (await _sku(calls))["consumedUnits"] == before - 1
    await control.assign(user_id, skus.EMS_E3)
    await control.delete_user(user_id)
    assert (await _sku(calls))["consumedUnits"] == before - 1


async def test_a_sku_is_enabled_as_soon_as_one_unit_is(calls: Calls, control: Control) -> None:
    await control.do(ops.SetSku(sku=skus.EMS_E3, enabled=1, warning=90, suspended=3))
    row = await _sku(calls)
    assert row["capabilityStatus"] == "Enabled"
    assert row["prepaidUnits"] == {"enabled": 1, "warning": 90, "suspended": 3, "lockedOut": 0}
    statuses: tuple[Status, ...] = ("Warning", "Suspended", "LockedOut", "Deleted")
    for status in statuses:
        await control.do(ops.SetSku(sku=skus.EMS_E3, status=status))
        assert (await _sku(calls))["capabilityStatus"] == status
        await control.do(ops.SetSku(sku=skus.EMS_E3, enabled=94))


async def test_skus_take_only_select_and_ignore_search(calls: Calls) -> None:
    assert (await calls.get("/subscribedSkus?$filter=skuId%20eq%20'x'")).status == 400
    plain = await calls.get("/subscribedSkus")
    searched = await calls.get('/subscribedSkus?$search="EMS"')
    assert searched.body["value"] == plain.body["value"]
    lean = await calls.get("/subscribedSkus?$select=skuId,consumedUnits")
    assert lean.body["value"][0].keys() == {"skuId", "consumedUnits"}


async def test_subscriptions_tell_trials_and_their_next_date(calls: Calls) -> None:
    rows = (await calls.get("/directory/subscriptions")).body["value"]
    trials = {row["skuPartNumber"] for row in rows if row["isTrial"]}
    assert trials == {"TEAMS_EXPLORATORY", "PROJECTPROFESSIONAL"}
    assert all(row["nextLifecycleDateTime"].endswith("Z") for row in rows)
    behind = (await _sku(calls, skus.M365_E3))["subscriptionIds"]
    mine = [row for row in rows if row["skuId"] == skus.M365_E3]
    assert [row["id"] for row in mine] == behind
    assert len(mine) == 2


async def test_bought_seats_are_bought_by_a_subscription(calls: Calls, control: Control) -> None:
    await control.set_free_seats(skus.M365_E3, 50)
    row = await _sku(calls, skus.M365_E3)
    rows = (await calls.get("/directory/subscriptions")).body["value"]
    mine = [sold["totalLicenses"] for sold in rows if sold["skuId"] == skus.M365_E3]
    assert sum(mine) == row["prepaidUnits"]["enabled"] == row["consumedUnits"] + 50


async def test_the_organization_names_its_country_and_domains(calls: Calls) -> None:
    (row,) = (await calls.get("/organization")).body["value"]
    assert row["id"] == calls.graph.world.organization.id
    assert (row["countryLetterCode"], row["onPremisesSyncEnabled"]) == ("NL", True)
    assert [domain["name"] for domain in row["verifiedDomains"]] == list(
        calls.graph.world.organization.domains
    )


async def test_the_policy_says_whether_administrators_may_reset(calls: Calls, control: Control) -> None:
    assert (await calls.get("/policies/authorizationPolicy")).body["allowedToUseSSPR"] is True
    await control.do(ops.SetTenant(admins_may_reset=False))
    assert (await calls.get("/policies/authorizationPolicy")).body["allowedToUseSSPR"] is False


async def test_the_writeback_flag_is_never_available_app_only(calls: Calls) -> None:
    assert (await calls.get("/directory/onPremisesSynchronization")).status == 403


async def _rows(calls: Calls, query: str = "") -> list[str]:
    return (await calls.get(f"{REPORT}{query}")).ids


async def test_the_report_omits_disabled_users_and_is_as_old_as_its_refresh(
    calls: Calls, control: Control
) -> None:
    await control.set_rates(throttling=False, report_page_size=999)
    disabled = {user.id for user in calls.graph.world.users.values() if not user.account_enabled}
    assert disabled
    assert not disabled & set(await _rows(calls))
    fresh = await control.add_user("Not yet reported")
    leaving = calls.graph.world.cast["admin"]
    await control.set_enabled(leaving, False)
    rows = await _rows(calls)
    assert fresh not in rows
    assert leaving in rows
    await control.do(service.RefreshReport())
    rows = await _rows(calls)
    assert fresh in rows
    assert leaving not in rows


async def test_the_report_follows_the_scope_after_a_refresh_and_nesting_counts(
    calls: Calls, control: Control
) -> None:
    await control.set_rates(throttling=False, report_page_size=999)
    world = calls.graph.world
    member, outsider = world.cast["synced_with_ems"], world.cast["room"]
    await control.do(ops.SetScope(scope=world.cast["group_sspr"]))
    assert outsider in await _rows(calls, "?$filter=isSsprEnabled%20eq%20true")
    await control.do(service.RefreshReport())
    enabled = await _rows(calls, "?$filter=isSsprEnabled%20eq%20true")
    assert member in enabled
    assert outsider not in enabled
    assert world.cast["guest"] not in enabled
    one = (await calls.get(f"{REPORT}/{world.cast['admin']}")).body
    assert (one["isAdmin"], one["isSsprEnabled"]) == (True, True)
    assert one["isSsprCapable"] is (one["isSsprRegistered"] and one["isSsprEnabled"])


async def test_the_report_takes_a_page_size_or_refuses_it(calls: Calls, control: Control) -> None:
    assert len((await calls.get(REPORT)).body["value"]) == 100
    assert (await calls.get(f"{REPORT}?$top=150")).status == 400
    await control.set_rates(report_takes_top=True, report_page_size=70)
    assert len((await calls.get(f"{REPORT}?$top=150")).body["value"]) == 150
    assert len((await calls.get(REPORT)).body["value"]) == 70


async def test_the_report_takes_select_or_refuses_it(calls: Calls, control: Control) -> None:
    await control.set_rates(throttling=False)
    assert (await calls.get(f"{REPORT}?$select=id,isAdmin")).status == 400
    assert (await calls.get(f"{REPORT}?$expand=user")).status == 400
    await control.set_rates(report_takes_select=True)
    rows = (await calls.get(f"{REPORT}?$select=id,isAdmin")).body["value"]
    assert rows[0].keys() == {"id", "isAdmin"}
    assert (await calls.get(f"{REPORT}?$orderby=id")).status == 501


async def test_one_row_takes_no_query_options(calls: Calls) -> None:
    row = calls.graph.world.cast["admin"]
    assert (await calls.get(f"{REPORT}/{row}?$select=id")).status == 400
    assert (await calls.get(f"{REPORT}/{calls.graph.world.cast['left']}")).status == 404


async def test_a_tenant_without_premium_is_told_apart_from_a_missing_permission(
    calls: Calls, control: Control
) -> None:
    await control.do(ops.SetTenant(roles=("User.Read.All",)))
    denied: Answer = await calls.get(REPORT)
    assert (denied.status, denied.code) == (403, "Authorization_RequestDenied")
    await control.do(ops.SetTenant(roles=("AuditLog.Read.All",)))
    assert (await calls.get(REPORT)).status == 200
    for sku in calls.graph.world.skus.values():
        if any(plan.id in skus.PREMIUM_PLANS for plan in sku.plans):
            await control.do(ops.SetSku(sku=sku.sku_id, status="Suspended"))
    refused = await calls.get(REPORT)
    assert refused.status == 403
    assert refused.code == "Authentication_RequestFromNonPremiumTenantOrB2CTenant"


@pytest.mark.parametrize("status", ["Warning", "Suspended"])
async def test_nobody_is_told_of_a_lapsing_sku_but_the_users_plans_show_it(
    calls: Calls, control: Control, endpoint: Endpoint, status: Status
) -> None:
    assert (await calls.subscribe(endpoint.url)).status == 201
    await control.do(ops.SetSku(sku=skus.EMS_E3, status=status))
    assert await control.settle()
    assert endpoint.items == []
    user_id = calls.graph.world.cast["cloud_with_ems"]
    plans = (await calls.get(f"/users/{user_id}?$select=assignedPlans")).body["assignedPlans"]
    assert {plan["capabilityStatus"] for plan in plans} == {status}
