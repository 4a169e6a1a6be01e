"""Service principals and what they are granted, over HTTP."""

from sandbox.graph import operations as ops
from sandbox.graph.control import Control
from sandbox.graph.principals import GRAPH_APP
from tests.sandbox.graph.calls import Calls, token_of


async def test_a_service_principal_is_found_by_its_application(calls: Calls, control: Control) -> None:
    await control.do(ops.SetTenant(grant=("Application.Read.All",)))
    app = calls.graph.world.app_id
    found = await calls.get(f"/servicePrincipals(appId='{app}')?$select=id,appId")
    assert found.status == 200
    assert (set(found.body), found.body["appId"]) == ({"id", "appId"}, app)
    other = app[::-1] if app != app[::-1] else "x"
    assert (await calls.get(f"/servicePrincipals(appId='{other}')")).status == 404
    assert (await calls.get("/servicePrincipals/nobody/appRoleAssignments")).status == 404


async def test_who_may_not_read_applications_is_refused(calls: Calls) -> None:
    path = f"/servicePrincipals(appId='{calls.graph.world.app_id}')"
    assert (await calls.get(path)).status == 403
    for role in ("Application.Read.All", "Directory.Read.All"):
        assert (await calls.get(path, token=token_of(calls.graph, role))).status == 200


async def test_what_is_granted_is_listed_by_ids_that_graphs_own_principal_names(
    calls: Calls, control: Control
) -> None:
    await control.do(ops.SetTenant(grant=("Directory.Read.All", "Mail.Send")))
    own = (await calls.get(f"/servicePrincipals(appId='{calls.graph.world.app_id}')")).body
    graph = (await calls.get(f"/servicePrincipals(appId='{GRAPH_APP}')")).body
    names = {role["id"]: role["value"] for role in graph["appRoles"]}
    rows = (await calls.get(f"/servicePrincipals/{own['id']}/appRoleAssignments")).body["value"]
    assert {names[row["appRoleId"]] for row in rows} == calls.graph.world.roles
    assert {row["resourceId"] for row in rows} == {graph["id"]}
    assert len({row["id"] for row in rows}) == len(rows)
