"""Sign-in, tenant and permissions made green, amber and red by what the simulator grants."""

import pytest

from admin.doctor.lights import Light
from sandbox.graph import service_operations as service
from sandbox.graph.faults import Fault
from sandbox.graph.principals import assignment_id, principal_of
from tests.doctor.patients import ask, ask_of
from tests.settings.good_settings import GOOD
from tests.watch.scene import Scene

pytestmark = pytest.mark.real


@pytest.mark.parametrize(
    ("taken", "settings", "code", "light"),
    [
        ("User.Read.All", {}, "users", Light.RED),
        ("Organization.Read.All", {}, "organization", Light.RED),
        ("Group.Read.All", {}, "groups", Light.RED),
        ("AuditLog.Read.All", {"SSPR_SCOPE": "auto"}, "registration", Light.AMBER),
        ("AuditLog.Read.All", {"SSPR_SCOPE": "all"}, "administrators", Light.AMBER),
        ("AuditLog.Read.All", {"SSPR_SCOPE": "report"}, "registration-needed", Light.RED),
        ("Policy.Read.All", {}, "policy", Light.AMBER),
    ],
)
async def test_a_missing_permission_says_what_is_lost(
    begun: Scene, taken: str, settings: dict[str, str], code: str, light: Light
) -> None:
    begun.world.roles -= {taken}
    found = await ask_of(begun, "permissions", **settings)
    assert (found.codes("permissions"), found.lights("permissions")) == ([code], {light})
    assert taken in found.lines[-1].said


@pytest.mark.parametrize(
    ("instead", "codes"),
    [("LicenseAssignment.Read.All", ["ends"]), ("Directory.Read.All", ["ok"])],
)
async def test_a_permission_that_another_stands_in_for_is_not_said_to_cost_every_verdict(
    begun: Scene, instead: str, codes: list[str]
) -> None:
    begun.world.roles = begun.world.roles - {"Organization.Read.All"} | {instead}
    found = await ask_of(begun, "permissions")
    assert (found.codes("permissions"), Light.RED in found.lights("permissions")) == (codes, False)


async def test_the_tenant_is_known_by_the_token_where_graph_does_not_show_it(begun: Scene) -> None:
    begun.world.roles -= {"Organization.Read.All"}
    found = await ask_of(begun, "tenant")
    assert (found.codes("tenant"), found.lights("tenant")) == (["by-token"], {Light.GREEN})


async def test_changes_of_groups_come_late_with_the_smaller_permission(begun: Scene) -> None:
    begun.world.roles = begun.world.roles - {"Group.Read.All"} | {"GroupMember.Read.All"}
    assert (await ask_of(begun, "permissions")).codes("permissions") == ["groups-by-delta"]


async def test_the_audit_log_is_wanted_only_where_it_is_used(begun: Scene) -> None:
    assert (await ask_of(begun, "permissions", POPULATION="used")).codes("permissions") == ["audit-log"]
    begun.world.roles |= {"Directory.Read.All"}
    found = await ask_of(begun, "permissions", "too-broad", POPULATION="used")
    assert found.lights("permissions") | found.lights("too-broad") == {Light.GREEN}
    assert (await ask_of(begun, "too-broad")).codes("too-broad") == ["unneeded"]


async def test_a_permission_to_write_is_too_broad_and_the_command_takes_away_that_very_grant(
    begun: Scene,
) -> None:
    begun.world.roles |= {"User.ReadWrite.All"}
    unknown = await ask_of(begun, "too-broad")
    assert unknown.codes("too-broad") == ["writes"]
    assert "--method GET" in unknown.lines[-1].remedy
    begun.world.roles |= {"Application.Read.All", "Sites.Read.All"}
    found = await ask_of(begun, "too-broad")
    assert found.codes("too-broad") == ["unneeded", "writes"]
    world = begun.world
    grant = assignment_id(world, "User.ReadWrite.All")
    path = f"/servicePrincipals/{principal_of(world, world.app_id)}/appRoleAssignments/{grant}"
    assert (
        f'az rest --method DELETE --url "{begun._settings["GRAPH_BASE_URL"]}{path}"' in found.lines[-1].remedy
    )


async def test_graph_of_another_tenant_is_red(begun: Scene) -> None:
    assert (await ask_of(begun, "tenant")).codes("tenant") == ["ok"]
    assert (await ask_of(begun, "tenant", TENANT_ID=GOOD["TENANT_ID"])).codes("tenant") == ["other"]


async def test_without_a_managed_identity_graph_is_not_asked_and_it_is_said_how(
    begun: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDENTITY_HEADER", "wrong")
    refused = await ask_of(begun, "tenant")
    assert refused.codes("sign-in") in (["refused"], ["no-identity"])
    assert refused.codes("tenant") == ["needs-graph"]
    monkeypatch.setenv("PATH", "")
    person = await ask({**begun._settings}, "tenant", as_me=True)
    assert person.codes("sign-in") == ["signed-out"]
    assert "az login" in person.lines[0].remedy


async def test_a_graph_that_fails_is_a_red_line_and_no_traceback(begun: Scene) -> None:
    for _ in range(4):
        await begun.control.do(service.PutFault(fault=Fault(path="/organization", status=500, code="oops")))
    found = await ask_of(begun, "tenant", "permissions")
    assert (found.codes("tenant"), found.lights("tenant")) == (["graph"], {Light.RED})
    assert found.codes("permissions") == ["ok"]
