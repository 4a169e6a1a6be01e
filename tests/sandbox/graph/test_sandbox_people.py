"""People who come, go, return, are renamed, or belong to another tenant, over HTTP."""

from typing import Any

import pytest

from sandbox.graph import operations as ops
from sandbox.graph import skus
from sandbox.graph.control import Control
from sandbox.graph.world import Refused
from tests.sandbox.graph.calls import Calls, Endpoint, token_of

SELECT = "id,userPrincipalName,userType,creationType,externalUserState,identities,onPremisesSyncEnabled"


async def _user(calls: Calls, user_id: str, names: str = SELECT) -> dict[str, Any]:
    return dict((await calls.get(f"/users/{user_id}?$select={names}")).body)


async def test_an_external_member_is_a_member_who_signs_in_elsewhere(calls: Calls, control: Control) -> None:
    one = await control.add_external_member("Partner Person", "partner.example")
    user = await _user(calls, one)
    assert (user["userType"], user["creationType"]) == ("Member", "Invitation")
    assert (user["externalUserState"], user["onPremisesSyncEnabled"]) == ("Accepted", True)
    assert [identity["issuer"] for identity in user["identities"]] == ["partner.example"]
    own: dict[str, str | None]
    own = {"signInType": "userPrincipalName", "issuer": "harbourline.example", "issuerAssignedId": "a@b"}
    both = ({"signInType": "federated", "issuer": "partner.example", "issuerAssignedId": None}, own)
    made = await control.do(ops.AddUser(display_name="Both", identities=both))
    assert [row["issuer"] for row in (await _user(calls, made["id"]))["identities"]] == [
        "partner.example",
        "harbourline.example",
    ]
    await control.do(ops.UpdateUser(id=one, user_type="Guest", external_user_state="PendingAcceptance"))
    user = await _user(calls, one)
    assert (user["userType"], user["externalUserState"]) == ("Guest", "PendingAcceptance")


async def test_a_renamed_user_keeps_the_id_and_is_told_as_updated(
    calls: Calls, control: Control, endpoint: Endpoint
) -> None:
    await calls.subscribe(endpoint.url)
    one = calls.graph.world.cast["cloud_with_ems"]
    before = (await _user(calls, one))["userPrincipalName"]
    await control.rename_user(one, "Married Name", "married.name@harbourline.example")
    assert await control.settle()
    assert endpoint.told == [one]
    user = await _user(calls, one, "id,displayName,userPrincipalName,assignedLicenses")
    assert (user["displayName"], user["userPrincipalName"]) == (
        "Married Name",
        "married.name@harbourline.example",
    )
    assert [row["skuId"] for row in user["assignedLicenses"]] == [skus.EMS_E3]
    assert (await calls.get(f"/users/{before}")).status == 404
    assert (await calls.get("/users/married.name@harbourline.example")).body["id"] == one


async def test_a_restored_user_has_what_it_had_and_only_a_deleted_one_is_restored(
    calls: Calls, control: Control
) -> None:
    one = calls.graph.world.cast["synced_with_ems"]
    before = await _user(calls, one, "id,assignedLicenses,licenseAssignmentStates")
    seats = calls.graph.world.free_seats(skus.EMS_E3)
    await control.delete_user(one)
    assert (await calls.get(f"/users/{one}")).status == 404
    assert calls.graph.world.free_seats(skus.EMS_E3) == seats + 1
    with pytest.raises(Refused):
        await control.delete_user(one)
    await control.restore_user(one)
    assert await _user(calls, one, "id,assignedLicenses,licenseAssignmentStates") == before
    assert calls.graph.world.free_seats(skus.EMS_E3) == seats
    with pytest.raises(Refused):
        await control.restore_user(one)


async def test_an_access_token_is_good_for_its_lifetime_only(calls: Calls) -> None:
    assert (await calls.get("/users", token=token_of(calls.graph, "User.Read.All"))).status == 200
    token = token_of(calls.graph, "User.Read.All", lifetime=0)
    refused = await calls.get("/users", token=token)
    assert (refused.status, refused.code) == (401, "InvalidAuthenticationToken")
    batch = {"requests": [{"id": "1", "method": "GET", "url": "/users"}]}
    assert (await calls.send("POST", "/$batch", batch, token=token)).status == 401
