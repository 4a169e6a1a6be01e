"""Group licensing over HTTP: later, all or nothing, with seats, and nobody is told of errors."""

from typing import Any

import pytest

from sandbox.graph import operations as ops
from sandbox.graph import skus
from sandbox.graph.control import Control
from sandbox.graph.world import Refused
from tests.sandbox.graph.calls import Calls, Endpoint

STATES = "id,assignedLicenses,licenseAssignmentStates,usageLocation"


async def _short(control: Control, free: int = 0, members: int = 1, *more: str) -> tuple[str, list[str]]:
    """A licensing group with EMS E3 and so many free seats, with new members; processed."""
    await control.set_free_seats(skus.EMS_E3, free)
    people = [await control.add_user(f"Person {n}") for n in range(members)]
    group = await control.add_licensing_group("EMS by group", [skus.EMS_E3, *more], people)
    assert await control.settle()
    return group, people


async def _user(calls: Calls, user_id: str) -> dict[str, Any]:
    return dict((await calls.get(f"/users/{user_id}?$select={STATES}")).body)


async def test_group_licences_come_later_in_stages(calls: Calls, control: Control) -> None:
    await control.set_rates(licensing_delay=(0.2, 0.2))
    user_id = await control.add_user("Waiting")
    group = await control.add_licensing_group("Slow", [skus.EMS_E3], [user_id])
    path = f"/groups/{group}?$select=licenseProcessingState"
    assert (await calls.get(path)).body["licenseProcessingState"] == {"state": "QueuedForProcessing"}
    assert (await _user(calls, user_id))["assignedLicenses"] == []
    seen = set()
    while not await control.settle(0.02):
        seen.add((await calls.get(path)).body["licenseProcessingState"]["state"])
    assert "ProcessingInProgress" in seen
    assert (await calls.get(path)).body["licenseProcessingState"] == {"state": "ProcessingComplete"}
    user = await _user(calls, user_id)
    assert user["assignedLicenses"] == [{"skuId": skus.EMS_E3, "disabledPlans": []}]
    assert user["licenseAssignmentStates"][0]["assignedByGroup"] == group


async def test_without_a_seat_the_error_is_on_the_user_and_the_licence_is_not(
    calls: Calls, control: Control
) -> None:
    group, (user_id,) = await _short(control)
    user = await _user(calls, user_id)
    assert user["assignedLicenses"] == []
    (state,) = user["licenseAssignmentStates"]
    assert (state["skuId"], state["assignedByGroup"]) == (skus.EMS_E3, group)
    assert (state["state"], state["error"]) == ("Error", "CountViolation")


async def test_seats_go_to_some_members_and_the_rest_fail(calls: Calls, control: Control) -> None:
    group, people = await _short(control, 2, 5)
    held = [user_id for user_id in people if (await _user(calls, user_id))["assignedLicenses"]]
    assert len(held) == 2
    failing = await calls.get(f"/groups/{group}/membersWithLicenseErrors?$select=id,licenseAssignmentStates")
    assert sorted(failing.ids) == sorted(set(people) - set(held))


async def test_a_group_fails_as_a_whole_when_one_sku_fails(calls: Calls, control: Control) -> None:
    group, (user_id,) = await _short(control, 0, 1, skus.VISIO)
    states = {row["skuId"]: row for row in (await _user(calls, user_id))["licenseAssignmentStates"]}
    assert {row["state"] for row in states.values()} == {"Error"}
    assert states[skus.VISIO]["error"] == "CountViolation"
    await control.set_rates(sibling_error="Other")
    await control.do(ops.ReprocessGroup(group=group))
    assert await control.settle()
    states = {row["skuId"]: row for row in (await _user(calls, user_id))["licenseAssignmentStates"]}
    assert (states[skus.EMS_E3]["error"], states[skus.VISIO]["error"]) == ("CountViolation", "Other")


async def test_free_seats_change_nothing_until_the_group_is_reprocessed(
    calls: Calls, control: Control
) -> None:
    group, (user_id,) = await _short(control)
    await control.set_free_seats(skus.EMS_E3, 5)
    assert await control.settle()
    assert (await _user(calls, user_id))["assignedLicenses"] == []
    await control.do(ops.ReprocessGroup(group=group))
    assert await control.settle()
    user = await _user(calls, user_id)
    assert [row["skuId"] for row in user["assignedLicenses"]] == [skus.EMS_E3]
    assert (await calls.get(f"/groups/{group}/membersWithLicenseErrors")).body["value"] == []


async def test_leaving_the_group_takes_the_licence_away_later_and_frees_the_seat(
    calls: Calls, control: Control
) -> None:
    group, (user_id,) = await _short(control, 1)
    await control.remove_members(group, user_id)
    assert await control.settle()
    assert (await _user(calls, user_id))["licenseAssignmentStates"] == []
    assert calls.graph.world.free_seats(skus.EMS_E3) == 1


async def test_nested_members_get_nothing(calls: Calls, control: Control) -> None:
    inner_user = await control.add_user("Inner")
    inner = (await control.do(ops.AddGroup(display_name="Inner", members=(inner_user,))))["id"]
    outer = await control.add_licensing_group("Outer", [skus.EMS_E3], [inner])
    assert await control.settle()
    assert (await _user(calls, inner_user))["licenseAssignmentStates"] == []
    below = await calls.get(f"/groups/{outer}/transitiveMembers?$select=id")
    assert sorted(below.ids) == sorted([inner, inner_user])


async def test_one_seat_serves_a_user_with_two_sources(control: Control, calls: Calls) -> None:
    user_id = calls.graph.world.cast["synced_with_ems"]
    await control.set_free_seats(skus.EMS_E3, 0)
    await control.add_licensing_group("EMS too", [skus.EMS_E3], [user_id])
    assert await control.settle()
    rows = (await _user(calls, user_id))["licenseAssignmentStates"]
    assert [row["state"] for row in rows if row["skuId"] == skus.EMS_E3] == ["Active", "Active"]
    assert calls.graph.world.free_seats(skus.EMS_E3) == 0


async def test_a_blank_location_falls_back_to_the_directory_by_group_and_is_refused_directly(
    calls: Calls, control: Control
) -> None:
    user_id = await control.add_user("Nowhere", location=None)
    with pytest.raises(Refused, match="usage location"):
        await control.assign(user_id, skus.EMS_E3)
    await control.add_licensing_group("EMS", [skus.EMS_E3], [user_id])
    assert await control.settle()
    user = await _user(calls, user_id)
    assert user["licenseAssignmentStates"][0]["state"] == "Active"
    assert user["usageLocation"] is None


@pytest.mark.parametrize(("location", "country"), [("KP", "NL"), (None, None)])
async def test_a_prohibited_or_missing_location_is_an_error_on_the_user(
    calls: Calls, control: Control, location: str | None, country: str | None
) -> None:
    await control.do(ops.SetTenant(country=country))
    user_id = await control.add_user("Far Away", location=location)
    await control.add_licensing_group("EMS", [skus.EMS_E3], [user_id])
    assert await control.settle()
    (state,) = (await _user(calls, user_id))["licenseAssignmentStates"]
    assert (state["state"], state["error"]) == ("Error", "ProhibitedInUsageLocationViolation")


@pytest.mark.parametrize(
    "code",
    [
        "CountViolation",
        "MutuallyExclusiveViolation",
        "DependencyViolation",
        "ProhibitedInUsageLocationViolation",
        "UniquenessViolation",
        "Other",
        "Others",
        "Brandnew",
    ],
)
async def test_any_other_error_can_be_had_on_demand(calls: Calls, control: Control, code: str) -> None:
    user_id = await control.add_user("Unlucky")
    group = await control.add_licensing_group("EMS", [skus.EMS_E3])
    await control.do(ops.ForceError(group=group, user=user_id, code=code))
    await control.add_members(group, user_id)
    assert await control.settle()
    (state,) = (await _user(calls, user_id))["licenseAssignmentStates"]
    assert (state["state"], state["error"]) == ("Error", code)


async def test_an_error_can_stand_on_a_user_who_has_the_licence(calls: Calls, control: Control) -> None:
    group, (early,) = await _short(control, 5)
    late = await control.add_user("Late")
    await control.force_error(group, early, "DependencyViolation", assigned=True)
    await control.do(ops.ForceError(group=group, user=late, code="DependencyViolation", assigned=True))
    assert await control.settle()
    await control.add_members(group, late)
    assert await control.settle()
    for user_id in (early, late):
        user = await _user(calls, user_id)
        assert [row["skuId"] for row in user["assignedLicenses"]] == [skus.EMS_E3]
        (state,) = user["licenseAssignmentStates"]
        assert (state["state"], state["error"]) == ("ActiveWithError", "DependencyViolation")
    failing = await calls.get(f"/groups/{group}/membersWithLicenseErrors?$select=id")
    assert sorted(failing.ids) == sorted([early, late])
    await control.force_error(group, early, "")
    assert await control.settle()
    (state,) = (await _user(calls, early))["licenseAssignmentStates"]
    assert (state["state"], state["error"] or "None") == ("Active", "None")


async def test_an_error_is_told_to_nobody(calls: Calls, control: Control, endpoint: Endpoint) -> None:
    assert (await calls.subscribe(endpoint.url)).status == 201
    _, (user_id,) = await _short(control)
    assert endpoint.told == [user_id]  # its creation, and nothing of the error
    failed = (await _user(calls, user_id))["licenseAssignmentStates"][0]
    assert failed["state"] == "Error"


async def test_direct_assignment_without_a_seat_is_refused(calls: Calls, control: Control) -> None:
    await control.set_free_seats(skus.EMS_E3, 0)
    user_id = await control.add_user("Late")
    with pytest.raises(Refused, match="available"):
        await control.assign(user_id, skus.EMS_E3)
    assert (await _user(calls, user_id))["assignedLicenses"] == []
