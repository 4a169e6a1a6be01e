"""The registration report: all of it or an error, at its own pace."""

import pytest

from shared.graph.errors import Forbidden, GraphError, LinkError, Unavailable
from shared.graph.groups import transitive_member_page
from shared.graph.registration import registration_page
from shared.model import Registration
from tests.graph.stub_graph import Bench, Reply, Seen, error, oid

PATH = "/reports/authenticationMethods/userRegistrationDetails"


async def pages(on: Bench) -> list[list[Registration]]:
    """The whole report, page by page."""
    page = await registration_page(on.session)
    found = [page.rows]
    while page.next_link:
        page = await registration_page(on.session, page.next_link)
        found.append(page.rows)
    return found


async def test_rows_are_read_page_by_page(at_bench: Bench) -> None:
    link = f"{at_bench.stub.base_url}{PATH}?$skiptoken=2"
    row = {
        "id": oid(1).upper(),
        "userPrincipalName": "someone@example.org",
        "isSsprEnabled": True,
        "isSsprRegistered": True,
        "isSsprCapable": True,
        "isAdmin": True,
        "lastUpdatedDateTime": "2026-11-22T00:00:00.1234567Z",
        "methodsRegistered": ["mobilePhone"],
    }
    at_bench.stub.replies = [
        Reply({"value": [row], "@odata.nextLink": link}),
        Reply({"value": [], "@odata.nextLink": link + "3"}),
        Reply({"value": [{"id": oid(2)}]}),
    ]
    first, empty, last = await pages(at_bench)
    assert (first[0].id, first[0].is_sspr_enabled, first[0].is_admin) == (oid(1), True, True)
    assert empty == []
    assert last == [Registration(id=oid(2))]
    assert at_bench.stub.targets()[0] == PATH + "?$top=999"
    assert {seen.headers["x-ms-throttle-priority"] for seen in at_bench.stub.seen} == {"low"}


async def test_where_a_page_size_is_refused_the_service_chooses_it(at_bench: Bench) -> None:
    at_bench.stub.replies = [error(400, "BadRequest"), Reply({"value": [{"id": oid(1)}]})]
    assert await pages(at_bench) == [[Registration(id=oid(1))]]
    assert at_bench.stub.targets()[1] == PATH


async def test_a_refusal_in_the_middle_does_not_start_the_report_again(at_bench: Bench) -> None:
    link = f"{at_bench.stub.base_url}{PATH}?$skiptoken=2"
    at_bench.stub.replies = [Reply({"value": [], "@odata.nextLink": link}), error(400, "BadRequest")]
    with pytest.raises(GraphError):
        await pages(at_bench)
    assert len(at_bench.stub.seen) == 2


async def test_no_more_than_five_requests_go_out_in_ten_seconds(at_bench: Bench) -> None:
    links = [f"{at_bench.stub.base_url}{PATH}?$skiptoken={number}" for number in range(11)]
    at_bench.stub.replies = [Reply({"value": [], "@odata.nextLink": link}) for link in links] + [
        Reply({"value": []})
    ]
    times: list[float] = []
    link: str | None = None
    while link or not times:
        link = (await registration_page(at_bench.session, link)).next_link
        times.append(at_bench.hours.elapsed)
    assert len(times) == 12
    assert times[4] == 0
    assert all(later - earlier >= 10 for earlier, later in zip(times, times[5:], strict=False))
    assert times[-1] == pytest.approx(20)


async def test_attempts_that_fail_keep_the_pace_as_well(at_bench: Bench) -> None:
    times: list[float] = []

    def answer(seen: Seen) -> Reply:
        times.append(at_bench.hours.elapsed)
        if len(times) % 5 == 0:
            return Reply({"value": []})
        return error(503, "ServiceUnavailable", retry_after="0.1")

    at_bench.stub.route = answer
    for _ in range(3):
        await pages(at_bench)
    assert len(times) == 15
    assert all(later - earlier >= 10 - 1e-6 for earlier, later in zip(times, times[5:], strict=False))


async def test_two_readings_share_the_pace(at_bench: Bench) -> None:
    at_bench.stub.replies = [Reply({"value": []})] * 6
    for _ in range(6):
        await pages(at_bench)
    assert at_bench.hours.elapsed == pytest.approx(10)


@pytest.mark.parametrize(
    ("code", "not_premium"),
    [("Authentication_RequestFromNonPremiumTenantOrB2CTenant", True), ("Authorization_RequestDenied", False)],
)
async def test_no_premium_is_told_from_no_permission(at_bench: Bench, code: str, not_premium: bool) -> None:
    at_bench.stub.replies = [error(403, code)]
    with pytest.raises(Forbidden) as caught:
        await pages(at_bench)
    assert caught.value.not_premium is not_premium


async def test_a_report_with_a_hole_is_an_error(at_bench: Bench) -> None:
    at_bench.stub.replies = [Reply({"value": [{"id": oid(1)}, {"id": oid(2), "isSsprEnabled": "yes"}]})]
    with pytest.raises(Unavailable):
        await pages(at_bench)


async def test_a_link_in_a_circle_is_not_followed(at_bench: Bench) -> None:
    link = f"{at_bench.stub.base_url}{PATH}?$skiptoken=2"
    at_bench.stub.replies = [Reply({"value": [], "@odata.nextLink": link})] * 2
    assert (await registration_page(at_bench.session)).next_link == link
    with pytest.raises(LinkError):
        await registration_page(at_bench.session, link)


async def test_members_of_the_scope_come_page_by_page_with_the_groups_among_them(at_bench: Bench) -> None:
    path = f"/groups/{oid(7)}/transitiveMembers"
    link = f"{at_bench.stub.base_url}{path}?$skiptoken=2"
    kinds = {"@odata.type": "#microsoft.graph.group"}, {"@odata.type": "#microsoft.graph.device"}
    first = [{"id": oid(1).upper()}, {"id": oid(2), **kinds[0]}, {"id": oid(3), **kinds[1]}]
    at_bench.stub.replies = [
        Reply({"value": first, "@odata.nextLink": link}),
        Reply({"value": [{"id": oid(4), "@odata.type": "#microsoft.graph.user"}]}),
        Reply({"value": [], "@odata.nextLink": link}),
        Reply({"value": [{"id": 5}]}),
    ]
    page = await transitive_member_page(at_bench.session, oid(7))
    assert (page.users, page.groups, page.next_link) == ([oid(1)], [oid(2)], link)
    page = await transitive_member_page(at_bench.session, oid(7), link)
    assert (page.users, page.groups, page.next_link) == ([oid(4)], [], None)
    assert at_bench.stub.targets()[0] == f"{path}?$select=id&$top=999"
    with pytest.raises(LinkError):
        await transitive_member_page(at_bench.session, oid(7), link)
    # Whoever could not be read would be taken out of reach.
    with pytest.raises(Unavailable):
        await transitive_member_page(at_bench.session, oid(7))
