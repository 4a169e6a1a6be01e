"""Groups over HTTP: licensing filters, what is returned only on request, members below members."""

from sandbox.graph import operations as ops
from sandbox.graph import skus
from sandbox.graph.control import Control
from tests.sandbox.graph.calls import Answer, Calls, token_of

LICENSED = "/groups?$filter=assignedLicenses/$count%20ne%200&$select=id,assignedLicenses"
IN_ERROR = "/groups?$filter=hasMembersWithLicenseErrors%20eq%20true&$select=id,displayName"


async def test_groups_with_licences_are_an_advanced_query(calls: Calls) -> None:
    assert (await calls.get(LICENSED)).status == 400
    assert (await calls.get(LICENSED, ConsistencyLevel="eventual")).status == 400
    assert (await calls.get(f"{LICENSED}&$count=true")).status == 400
    answer = await calls.get(f"{LICENSED}&$count=true", ConsistencyLevel="eventual")
    assert answer.body["@odata.count"] == 3
    assert calls.graph.world.cast["group_m365_e3"] in answer.ids


async def test_licence_fields_of_a_group_come_only_on_select(calls: Calls) -> None:
    group = calls.graph.world.cast["group_m365_e3"]
    plain = (await calls.get(f"/groups/{group}")).body
    assert not {"assignedLicenses", "licenseProcessingState"} & plain.keys()
    asked = (await calls.get(f"/groups/{group}?$select=id,assignedLicenses,licenseProcessingState")).body
    assert asked["assignedLicenses"] == [{"skuId": skus.M365_E3, "disabledPlans": []}]
    assert asked["licenseProcessingState"] == {"state": "ProcessingComplete"}


async def test_members_with_errors_can_be_filtered_for_but_are_never_returned(
    calls: Calls, control: Control
) -> None:
    assert (await calls.get(IN_ERROR)).body["value"] == []
    await control.set_free_seats(skus.EMS_E3, 0)
    user_id = await control.add_user("Unlucky")
    group = await control.add_licensing_group("Short", [skus.EMS_E3], [user_id])
    assert await control.settle()
    assert (await calls.get(IN_ERROR)).body["value"] == [{"id": group, "displayName": "Short"}]
    asked = await calls.get(f"/groups/{group}?$select=id,hasMembersWithLicenseErrors")
    assert "hasMembersWithLicenseErrors" not in asked.body


async def test_members_are_direct_and_mixed_and_transitive_ones_go_through_cycles(
    calls: Calls, control: Control
) -> None:
    one, two = await control.add_user("One"), await control.add_user("Two")
    inner = (await control.do(ops.AddGroup(display_name="Inner", members=(two,))))["id"]
    outer = (await control.do(ops.AddGroup(display_name="Outer", members=(one, inner))))["id"]
    await control.add_members(inner, outer)
    direct = (await calls.get(f"/groups/{outer}/members?$select=id")).body["value"]
    assert {row["id"]: row["@odata.type"] for row in direct} == {
        one: "#microsoft.graph.user",
        inner: "#microsoft.graph.group",
    }
    cast = await _cast(calls, f"/groups/{outer}/members/microsoft.graph.user")
    assert cast.body["value"] == [{"id": one}]
    below = await _cast(calls, f"/groups/{outer}/transitiveMembers/graph.user")
    assert (await _cast(calls, f"/groups/{outer}/members/graph.group")).ids == [inner]
    assert sorted(below.ids) == sorted([one, two])
    assert (await calls.get(f"/groups/{outer}/members/user")).status == 400


async def test_nested_groups_are_cast_too_direct_or_all_below(calls: Calls, control: Control) -> None:
    inmost = await control.add_licensing_group("Inmost", [], [calls.graph.world.cast["admin"]])
    inner = await control.add_licensing_group("Inner", [], [inmost])
    outer = await control.add_licensing_group("Outer", [], [inner])
    for name in ("microsoft.graph.group", "graph.group"):
        assert (await _cast(calls, f"/groups/{outer}/members/{name}")).ids == [inner]
        below = await _cast(calls, f"/groups/{outer}/transitiveMembers/{name}")
        assert sorted(below.ids) == sorted([inner, inmost])
        assert below.body["@odata.count"] == 2
        assert (await calls.get(f"/groups/{outer}/transitiveMembers/{name}")).status == 400
    people = await _cast(calls, f"/groups/{outer}/transitiveMembers/microsoft.graph.user")
    assert people.ids == [calls.graph.world.cast["admin"]]


async def test_a_cast_of_members_is_an_advanced_query(calls: Calls) -> None:
    path = f"/groups/{calls.graph.world.cast['group_m365_e3']}/members/graph.user?$select=id"
    assert (await calls.get(path)).status == 400
    assert (await calls.get(path, ConsistencyLevel="eventual")).status == 400
    assert (await calls.get(f"{path}&$count=true", ConsistencyLevel="eventual")).status == 200


async def _cast(calls: Calls, path: str) -> Answer:
    return await calls.get(f"{path}?$select=id&$count=true", ConsistencyLevel="eventual")


async def test_without_a_permission_on_users_members_are_only_ids(calls: Calls) -> None:
    group = calls.graph.world.cast["group_m365_e3"]
    token = token_of(calls.graph, "GroupMember.Read.All")
    path = f"/groups/{group}/members?$select=id,displayName"
    row = (await calls.get(path, token=token)).body["value"][0]
    assert row["id"]
    assert row["displayName"] is None
    assert (await calls.get(path)).body["value"][0]["displayName"]


async def test_a_soft_deleted_member_is_not_shown_and_comes_back_on_restore(
    calls: Calls, control: Control
) -> None:
    user_id = await control.add_user("Comes back")
    group = (await control.do(ops.AddGroup(display_name="Small", members=(user_id,))))["id"]
    await control.delete_user(user_id)
    assert (await calls.get(f"/groups/{group}/members")).body["value"] == []
    await control.do(ops.RestoreUser(id=user_id))
    assert (await calls.get(f"/groups/{group}/members")).ids == [user_id]


async def test_members_come_in_pages(calls: Calls) -> None:
    group = calls.graph.world.cast["group_m365_e3"]
    link = f"{calls.graph.graph_url}/groups/{group}/members?$select=id&$top=60"
    seen: list[str] = []
    while link:
        page = await calls.get(link)
        seen += page.ids
        link = page.body.get("@odata.nextLink", "")
    assert sorted(seen) == sorted(calls.graph.world.groups[group].members)


async def test_an_unknown_group_is_404(calls: Calls) -> None:
    for path in ("", "/members", "/transitiveMembers", "/membersWithLicenseErrors"):
        answer = await calls.get(f"/groups/00000000-0000-0000-0000-000000000001{path}")
        assert (answer.status, answer.code) == (404, "Request_ResourceNotFound")
