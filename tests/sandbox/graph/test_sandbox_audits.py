"""`/auditLogs/directoryAudits` over HTTP: who used self-service, and what it takes to read that."""

from datetime import timedelta
from urllib.parse import quote

import pytest

from sandbox.graph import operations as ops
from sandbox.graph.control import Control
from sandbox.graph.throttle import Throttle
from sandbox.graph.world import Refused
from tests.sandbox.graph.calls import Calls, token_of

LOG = "/auditLogs/directoryAudits"
ROLES = ("AuditLog.Read.All", "Directory.Read.All")


def _token(calls: Calls) -> str:
    return token_of(calls.graph, *ROLES)


def _filtered(text: str) -> str:
    return f"{LOG}?$filter={quote(text)}"


async def test_a_use_of_self_service_is_one_line_of_the_documented_shape(
    calls: Calls, control: Control
) -> None:
    one = calls.graph.world.cast["admin"]
    activities = (
        "Reset password (self-service)",
        "Unlock user account (self-service)",
        "Change password (self-service)",
    )
    for activity in activities:
        await control.self_service_reset(one, activity=activity, result="failure", ago=3600)
    rows = (await calls.get(LOG, token=_token(calls))).body["value"]
    assert [row["activityDisplayName"] for row in rows] == list(reversed(activities))
    row = rows[0]
    assert row["loggedByService"] == "Self-service Password Management"
    assert (row["category"], row["result"]) == ("UserManagement", "failure")
    assert row["initiatedBy"]["user"]["id"] == one
    assert [(target["type"], target["id"]) for target in row["targetResources"]] == [("User", one)]
    hour_ago = calls.graph.world.now() - timedelta(hours=1)
    assert row["activityDateTime"][:15] == hour_ago.isoformat()[:15]
    with pytest.raises(Refused):
        await control.self_service_reset("nobody")


async def test_the_log_is_filtered_by_service_and_time(calls: Calls, control: Control) -> None:
    one, other = calls.graph.world.cast["admin"], calls.graph.world.cast["left"]
    await control.self_service_reset(one, ago=7200)
    await control.self_service_reset(other, result="timeout")
    limit = (calls.graph.world.now() - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    service = "loggedByService eq 'Self-service Password Management'"

    async def found(text: str) -> list[str]:
        answer = await calls.get(_filtered(text), token=_token(calls))
        return [row["targetResources"][0]["id"] for row in answer.body["value"]]

    assert await found(f"{service} and activityDateTime ge {limit}") == [other]
    calls.graph.simulator.throttle = Throttle()  # the log allows five calls
    assert await found(f"{service} and activityDateTime lt {limit}") == [one]
    assert await found("loggedByService eq 'Core Directory'") == []
    assert await found("activityDisplayName eq 'Reset password (self-service)' and result eq 'success'") == [
        one
    ]
    refused = ("activityDateTime ge yesterday", "activityDateTime ge 2026-01-01T00:00:00", "initiatedBy ne 1")
    for text in refused:
        calls.graph.simulator.throttle = Throttle()  # the log allows five calls
        assert (await calls.get(_filtered(text), token=_token(calls))).status == 400


async def test_the_log_comes_in_pages_the_newest_first(calls: Calls, control: Control) -> None:
    await control.set_rates(audit_page_size=3)
    people = sorted(calls.graph.world.users)[:5]
    for user_id in people:
        await control.self_service_reset(user_id)
    page = await calls.get(LOG, token=_token(calls))
    # What is logged meanwhile comes before, so it moves nothing.
    await control.self_service_reset(people[0])
    rest = await calls.get(page.body["@odata.nextLink"], token=_token(calls))
    rows = page.body["value"] + rest.body["value"]
    assert [row["targetResources"][0]["id"] for row in rows] == people[::-1]
    assert "@odata.nextLink" not in rest.body


@pytest.mark.parametrize("needed", [True, False])
async def test_the_log_needs_the_directory_role_besides_or_not(
    calls: Calls, control: Control, needed: bool
) -> None:
    await control.set_rates(audits_need_directory_role=needed)
    alone = await calls.get(LOG, token=token_of(calls.graph, "AuditLog.Read.All"))
    assert alone.status == (403 if needed else 200)
    assert (await calls.get(LOG, token=token_of(calls.graph, "Directory.Read.All"))).status == 403
    assert (await calls.get(LOG, token=_token(calls))).status == 200


async def test_the_log_shares_the_bucket_of_the_reports(calls: Calls) -> None:
    for _ in range(5):
        assert (await calls.get("/reports/authenticationMethods/userRegistrationDetails")).status == 200
    assert (await calls.get(LOG, token=_token(calls))).status == 429


async def test_a_change_of_scope_is_logged_and_nothing_before_the_log_is_collected(
    calls: Calls, control: Control
) -> None:
    await control.set_rates(audits_collected=False)
    await control.do(ops.SetScope(scope="none"))
    assert (await calls.get(LOG, token=_token(calls))).body["value"] == []
    await control.set_rates(audits_collected=True)
    await control.do(ops.SetScope(scope="all"))
    (row,) = (await calls.get(LOG, token=_token(calls))).body["value"]
    assert row["activityDisplayName"] == "Self-service password reset policy changes"
    (change,) = row["targetResources"][0]["modifiedProperties"]
    assert (change["oldValue"], change["newValue"]) == ("none", "all")
