"""What readers learn late, over HTTP: changes of users, and what the filters on groups go by."""

from datetime import timedelta
from typing import Any

from sandbox.graph import operations as ops
from sandbox.graph import skus
from sandbox.graph.control import Control
from sandbox.waiting import until
from tests.sandbox.graph.calls import Calls

LICENSED = "/groups?$filter=assignedLicenses/$count%20ne%200&$select=id,assignedLicenses&$count=true"
ASSIGNS_EMS = f"/groups?$filter=assignedLicenses/any(x:x/skuId%20eq%20{skus.EMS_E3})&$select=id"
IN_ERROR = "/groups?$filter=hasMembersWithLicenseErrors%20eq%20true&$select=id"
LAG = 30.0


def _later(calls: Calls, seconds: float) -> None:
    """Let time pass in the tenant."""
    world = calls.graph.world
    clock = world.now
    world.now = lambda: clock() + timedelta(seconds=seconds)


async def _user(calls: Calls, user_id: str) -> dict[str, Any]:
    return dict((await calls.get(f"/users/{user_id}?$select=id,accountEnabled,assignedLicenses")).body)


async def _skus(calls: Calls, user_id: str) -> set[str]:
    return {held["skuId"] for held in (await _user(calls, user_id))["assignedLicenses"]}


async def _licensed(calls: Calls) -> dict[str, Any]:
    rows = (await calls.get(LICENSED, ConsistencyLevel="eventual")).body["value"]
    return {row["id"]: row["assignedLicenses"] for row in rows}


# --- users --------------------------------------------------------------------------------------------------


async def test_a_changed_user_is_read_as_before_for_a_moment_or_never(calls: Calls, control: Control) -> None:
    user_id = calls.graph.world.cast["cloud_with_ems"]
    await control.set_enabled(user_id, False)
    assert (await _user(calls, user_id))["accountEnabled"] is False
    await control.set_enabled(user_id, True)

    await control.set_rates(read_lag=LAG)
    await control.unassign(user_id, skus.EMS_E3)
    await control.set_enabled(user_id, False)
    disabled = "/users?$filter=accountEnabled%20eq%20false&$select=id&$top=999"
    item = {"id": "1", "method": "GET", "url": f"/users/{user_id}?$select=accountEnabled"}

    async def seen() -> list[bool]:
        """One reading, a page of all, a filter, a batch: whether the change shows there."""
        page = (await calls.get("/users?$select=id,accountEnabled&$top=999")).body["value"]
        batch = (await calls.send("POST", "/$batch", {"requests": [item]})).body["responses"]
        return [
            skus.EMS_E3 not in await _skus(calls, user_id),
            {row["id"]: row["accountEnabled"] for row in page}[user_id] is False,
            user_id in (await calls.get(disabled)).ids,
            batch[0]["body"]["accountEnabled"] is False,
        ]

    assert await seen() == [False] * 4
    assert (await control.user(user_id))["assignedLicenses"] == []
    _later(calls, LAG)
    assert await seen() == [True] * 4


async def test_a_deleted_user_is_still_read_for_a_moment(calls: Calls, control: Control) -> None:
    await control.set_rates(read_lag=LAG)
    softly, for_good = calls.graph.world.cast["admin"], calls.graph.world.cast["room"]
    await control.delete_user(softly)
    await control.delete_user(for_good, permanently=True)
    for user_id in (softly, for_good):
        assert (await _user(calls, user_id))["accountEnabled"] is True
    _later(calls, LAG)
    for user_id in (softly, for_good):
        assert (await calls.get(f"/users/{user_id}")).status == 404
    await control.do(ops.RestoreUser(id=softly))
    assert (await calls.get(f"/users/{softly}")).status == 404
    _later(calls, LAG)
    assert (await calls.get(f"/users/{softly}")).status == 200


async def test_each_of_several_changes_shows_in_its_own_time(calls: Calls, control: Control) -> None:
    await control.set_rates(read_lag=LAG)
    user_id = calls.graph.world.cast["cloud_with_ems"]
    await control.assign(user_id, skus.O365_E3)
    _later(calls, LAG / 2)
    await control.unassign(user_id, skus.EMS_E3)
    assert await _skus(calls, user_id) == {skus.EMS_E3}
    _later(calls, LAG / 2)
    assert await _skus(calls, user_id) == {skus.EMS_E3, skus.O365_E3}
    _later(calls, LAG / 2)
    assert await _skus(calls, user_id) == {skus.O365_E3}


# --- groups -------------------------------------------------------------------------------------------------


async def test_filters_on_licences_lag_behind_the_groups_themselves_or_not(
    calls: Calls, control: Control
) -> None:
    at_once = await control.add_licensing_group("At once", [skus.EMS_E3])
    assert at_once in await _licensed(calls)
    await control.set_rates(index_lag=LAG)
    later = await control.add_licensing_group("Later", [skus.EMS_E3])
    own = (await calls.get(f"/groups/{later}?$select=assignedLicenses")).body["assignedLicenses"]
    assert [held["skuId"] for held in own] == [skus.EMS_E3]
    assert later not in await _licensed(calls)
    assert later not in (await calls.get(ASSIGNS_EMS)).ids
    _later(calls, LAG)
    assert {at_once, later} <= (await _licensed(calls)).keys()
    assert {at_once, later} <= set((await calls.get(ASSIGNS_EMS)).ids)


async def test_a_group_that_assigns_nothing_any_more_is_still_found_for_a_while(
    calls: Calls, control: Control
) -> None:
    await control.set_rates(index_lag=LAG)
    group = calls.graph.world.cast["group_m365_e3"]
    await control.do(ops.SetGroupLicences(group=group, licences={}))
    assert (await _licensed(calls))[group] == []
    _later(calls, LAG)
    assert group not in await _licensed(calls)


async def test_the_filter_on_members_with_errors_lags_behind_the_errors(
    calls: Calls, control: Control
) -> None:
    await control.set_rates(index_lag=LAG)
    await control.set_free_seats(skus.EMS_E3, 0)
    user_id = calls.graph.world.cast["admin"]
    group = await control.add_licensing_group("Short", [skus.EMS_E3], [user_id])
    members = f"/groups/{group}/membersWithLicenseErrors?$select=id"

    async def failing() -> list[str]:
        return (await calls.get(members)).ids

    assert await until("the licence fails", failing, 5) == [user_id]
    assert group not in (await calls.get(IN_ERROR)).ids
    _later(calls, LAG)
    assert (await calls.get(IN_ERROR)).ids == [group]
    await control.delete_user(user_id)
    assert (await calls.get(members)).ids == []
    assert (await calls.get(IN_ERROR)).ids == [group]
    _later(calls, LAG)
    assert (await calls.get(IN_ERROR)).ids == []


async def test_settling_waits_for_what_readers_do_not_know_yet(calls: Calls, control: Control) -> None:
    await control.set_rates(index_lag=LAG, read_lag=LAG)
    await control.add_licensing_group("Later", [skus.EMS_E3])
    assert not await control.settle(0.2)
    _later(calls, LAG)
    assert await control.settle(5)
    await control.set_enabled(calls.graph.world.cast["admin"], False)
    assert not await control.settle(0.2)
    _later(calls, LAG)
    assert await control.settle(5)
