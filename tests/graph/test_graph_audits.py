"""The audit log: who reset a password or unlocked an account by self-service, and nobody else."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.graph.audits import Use, UsePage, use_page
from shared.graph.errors import Forbidden, LinkError, Unavailable
from shared.graph.registration import registration_page
from tests.graph.stub_graph import AT, Bench, Reply, error, oid

PATH = "/auditLogs/directoryAudits"
RESET, UNLOCK = "Reset password (self-service)", "Unlock user account (self-service)"


def entry(activity: str = RESET, user: str = oid(1), **properties: Any) -> dict[str, Any]:
    """A row of the log as Graph writes it."""
    row = {
        "id": "SSPR_1",
        "category": "UserManagement",
        "activityDisplayName": activity,
        "activityDateTime": "2026-11-20T08:00:00.1234567Z",
        "loggedByService": "Self-service Password Management",
        "result": "success",
        "initiatedBy": {"user": {"id": oid(9), "userPrincipalName": "someone@example.org"}},
        "targetResources": [{"id": user, "type": "User", "displayName": None}],
    }
    return row | properties


async def read(on: Bench, *rows: dict[str, Any]) -> list[str]:
    """The users on one page with these rows."""
    on.stub.replies = [Reply({"value": list(rows)})]
    return [use.user_id for use in (await use_page(on.session, AT)).uses]


async def test_resets_and_unlockings_that_succeeded_count_for_whom_they_were_done(at_bench: Bench) -> None:
    at_bench.stub.replies = [Reply({"value": [entry(user=oid(1).upper()), entry(UNLOCK, oid(2))]})]
    page = await use_page(at_bench.session, AT)
    at = datetime(2026, 11, 20, 8, 0, 0, 123457, tzinfo=UTC)
    assert [use.user_id for use in page.uses] == [oid(1), oid(2)]
    assert abs(page.uses[0].at - at) < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    "row",
    [
        entry("Change password (self-service)"),
        entry("Reset password (by admin)"),
        entry("User registered for self-service password reset"),
        entry("Self-service password reset flow activity progress"),
        entry(result="failure"),
        entry(result=None),
        entry(activityDateTime=None),
        entry(targetResources=[]),
        entry(targetResources=None),
        entry(targetResources=[{"id": oid(1), "type": "Device"}]),
        entry(targetResources=[{"id": None, "type": "User"}]),
    ],
)
async def test_nothing_else_is_a_use(at_bench: Bench, row: dict[str, Any]) -> None:
    assert await read(at_bench, row, entry(user=oid(2))) == [oid(2)]


async def test_the_log_is_asked_for_since_a_time_and_only_for_the_service(at_bench: Bench) -> None:
    at_bench.stub.replies = [Reply({"value": []})]
    since = datetime(2026, 11, 1, 12, 30, 5, 999, tzinfo=UTC)
    await use_page(at_bench.session, since)
    [target] = at_bench.stub.targets()
    assert target == (
        f"{PATH}?$filter=loggedByService%20eq%20%27Self-service%20Password%20Management%27"
        "%20and%20activityDateTime%20ge%202026-11-01T12%3A30%3A05Z"
    )


async def test_an_empty_page_leads_to_the_next_and_a_circle_is_not_followed(at_bench: Bench) -> None:
    link = f"{at_bench.stub.base_url}{PATH}?$skiptoken=2"
    at_bench.stub.replies = [
        Reply({"value": [], "@odata.nextLink": link}),
        Reply({"value": [entry()], "@odata.nextLink": None}),
        Reply({"value": [], "@odata.nextLink": link}),
    ]
    first = await use_page(at_bench.session, AT)
    assert (first.uses, first.next_link) == ([], link)
    last = await use_page(at_bench.session, AT, link)
    assert isinstance(last, UsePage)
    assert [type(use) for use in last.uses] == [Use]
    assert last.next_link is None
    with pytest.raises(LinkError):
        await use_page(at_bench.session, AT, link)


async def test_a_row_that_cannot_be_read_may_be_the_only_trace_of_a_use(at_bench: Bench) -> None:
    at_bench.stub.replies = [Reply({"value": [entry(), entry(activityDateTime="yesterday")]})]
    with pytest.raises(Unavailable):
        await use_page(at_bench.session, AT)


async def test_a_refusal_is_an_error(at_bench: Bench) -> None:
    at_bench.stub.replies = [error(403, "Authorization_RequestDenied")]
    with pytest.raises(Forbidden):
        await use_page(at_bench.session, AT)


async def test_the_log_and_the_report_share_five_requests_in_ten_seconds(at_bench: Bench) -> None:
    at_bench.stub.replies = [Reply({"value": []})] * 6
    for _ in range(3):
        await registration_page(at_bench.session)
        await use_page(at_bench.session, AT)
    assert at_bench.hours.elapsed == pytest.approx(10)
