"""Users over HTTP: pages, what is given and what isn't, deletion and replication."""

import asyncio
from typing import Any

from sandbox.graph import skus
from sandbox.graph.control import Control
from tests.sandbox.graph.calls import Calls, token_of


async def test_users_come_in_pages_of_100_with_opaque_links_that_must_be_followed_as_they_are(
    calls: Calls,
) -> None:
    first = await calls.get("/users?$select=id")
    assert len(first.body["value"]) == 100
    link = first.body["@odata.nextLink"]
    assert "$skiptoken=%2B%2F%2F%2B" in link
    seen = list(first.ids)
    while link:
        page = await calls.get(link)
        seen += page.ids
        link = page.body.get("@odata.nextLink")
    assert sorted(seen) == sorted(calls.graph.world.users)
    assert len(seen) == len(set(seen)) == 300


async def test_a_page_has_at_most_999_users(calls: Calls) -> None:
    assert len((await calls.get("/users?$top=999")).body["value"]) == 300
    for size in ("1000", "0", "-1", "many"):
        assert (await calls.get(f"/users?$top={size}")).status == 400


async def test_a_page_link_expires_and_a_forged_one_is_refused(calls: Calls, control: Control) -> None:
    link = (await calls.get("/users")).body["@odata.nextLink"]
    await control.set_rates(page_token_lifetime=0.05)
    await asyncio.sleep(0.1)
    expired = await calls.get(link)
    assert (expired.status, expired.code) == (400, "Directory_ExpiredPageToken")
    assert (await calls.get("/users?$skiptoken=abc")).status == 400


async def test_an_empty_page_can_have_a_next_link(calls: Calls, control: Control) -> None:
    await control.set_rates(empty_page_rate=0.6)
    link = f"{calls.graph.graph_url}/users?$select=id"
    sizes, seen = [], []
    while link:
        page = await calls.get(link)
        sizes.append(len(page.body["value"]))
        seen += page.ids
        link = page.body.get("@odata.nextLink", "")
    assert 0 in sizes
    assert len(set(seen)) == len(seen) == 300


async def test_only_default_properties_come_without_select(calls: Calls) -> None:
    row = (await calls.get("/users")).body["value"][0]
    assert {"id", "displayName", "userPrincipalName"} <= row.keys()
    unasked = {
        "accountEnabled",
        "assignedLicenses",
        "licenseAssignmentStates",
        "assignedPlans",
        "usageLocation",
    }
    assert not unasked & row.keys()


async def test_select_gives_exactly_what_it_names(calls: Calls) -> None:
    row = (await calls.get("/users?%24select=id,assignedLicenses,onPremisesSyncEnabled")).body["value"][0]
    assert row.keys() == {"id", "assignedLicenses", "onPremisesSyncEnabled"}
    refused = await calls.get("/users?$select=id,favouriteColour")
    assert refused.status == 400


async def test_synced_is_three_valued(calls: Calls) -> None:
    values = {row["onPremisesSyncEnabled"] for row in await _all(calls, "onPremisesSyncEnabled")}
    assert values == {True, None}


async def test_a_soft_deleted_user_is_404_and_in_no_list(calls: Calls, control: Control) -> None:
    user_id = calls.graph.world.cast["synced_with_ems"]
    assert (await calls.get(f"/users/{user_id}")).status == 200
    await control.delete_user(user_id)
    gone = await calls.get(f"/users/{user_id}")
    assert (gone.status, gone.code) == (404, "Request_ResourceNotFound")
    assert user_id not in [row["id"] for row in await _all(calls, "id")]


async def test_a_new_user_is_404_until_it_is_replicated(calls: Calls, control: Control) -> None:
    await control.set_rates(replication_delay=0.3)
    user_id = await control.add_user("New Person")
    assert (await calls.get(f"/users/{user_id}")).status == 404
    await asyncio.sleep(0.35)
    assert (await calls.get(f"/users/{user_id}")).status == 200


async def test_count_needs_the_consistency_level(calls: Calls) -> None:
    assert (await calls.get("/users/$count")).status == 400
    counted = await calls.get("/users/%24count", ConsistencyLevel="eventual")
    assert (counted.status, counted.body) == (200, "300")


async def test_who_has_not_accepted_an_invitation_has_an_identity_of_this_tenant_alone(calls: Calls) -> None:
    names = "userType,creationType,externalUserState,identities,userPrincipalName"
    for part, user_type in (("pending_guest", "Guest"), ("pending_member", "Member")):
        row = (await calls.get(f"/users/{calls.graph.world.cast[part]}?$select={names}")).body
        marks = (row["userType"], row["creationType"], row["externalUserState"])
        assert marks == (user_type, "Invitation", "PendingAcceptance")
        assert [one["issuer"] for one in row["identities"]] == [calls.graph.world.organization.domains[0]]
        assert "#EXT#" in row["userPrincipalName"]
    guest = (await calls.get(f"/users/{calls.graph.world.cast['guest']}?$select={names}")).body
    assert guest["externalUserState"] == "Accepted"
    assert [one["issuer"] for one in guest["identities"]] == ["supplier.example"]


async def test_a_plan_is_off_only_if_every_source_turns_it_off(calls: Calls, control: Control) -> None:
    user_id = calls.graph.world.cast["synced_with_ems"]
    off = skus.PLAN_IDS["AAD_PREMIUM"]
    calls.graph.world.set_licences(user_id, {skus.EMS_E3: [off]})
    assert await _disabled(calls, user_id, skus.EMS_E3) == [off]
    await control.add_licensing_group("EMS for all", [skus.EMS_E3], [user_id])
    assert await control.settle()
    assert await _disabled(calls, user_id, skus.EMS_E3) == []


async def test_no_error_is_spelled_in_three_ways(calls: Calls) -> None:
    rows = [s for row in await _all(calls, "licenseAssignmentStates") for s in row["licenseAssignmentStates"]]
    assert {row["error"] for row in rows if row["state"] == "Active"} == {None, "", "None"}
    again = [
        s for row in await _all(calls, "licenseAssignmentStates") for s in row["licenseAssignmentStates"]
    ]
    assert again == rows


async def test_licence_details_are_never_available_app_only(calls: Calls) -> None:
    every = token_of(calls.graph, "User.Read.All", "Directory.Read.All", "Organization.Read.All")
    user_id = calls.graph.world.cast["admin"]
    assert (await calls.get(f"/users/{user_id}/licenseDetails", token=every)).status == 403


async def test_unsupported_filters_are_refused_rather_than_ignored(calls: Calls) -> None:
    assert (await calls.get("/users?$filter=usageLocation%20eq%20'NL'")).status == 400
    enabled = await calls.get("/users?$filter=accountEnabled%20eq%20false&$select=id,accountEnabled")
    assert enabled.body["value"]
    assert not any(row["accountEnabled"] for row in enabled.body["value"])
    none = "/users?$filter=assignedLicenses/$count%20eq%200&$select=id"
    assert (await calls.get(none)).status == 400
    assert (await calls.get(f"{none}&$count=true", ConsistencyLevel="eventual")).body["@odata.count"] > 0


async def _all(calls: Calls, *names: str) -> list[dict[str, Any]]:
    return list((await calls.get(f"/users?$top=999&$select={','.join(names)}")).body["value"])


async def _disabled(calls: Calls, user_id: str, sku_id: str) -> list[str]:
    row = (await calls.get(f"/users/{user_id}?$select=assignedLicenses")).body
    return [
        str(i) for held in row["assignedLicenses"] if held["skuId"] == sku_id for i in held["disabledPlans"]
    ]
