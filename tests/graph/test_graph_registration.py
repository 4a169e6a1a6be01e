"""The registration report: all of it or an error, at its own pace."""

import pytest

from shared.graph.errors import Forbidden, GraphError, Unavailable
from shared.graph.registration import read_registration
from shared.model import Registration
from tests.graph.stub_graph import Bench, Reply, error, oid

PATH = "/reports/authenticationMethods/userRegistrationDetails"


async def pages(on: Bench) -> list[list[Registration]]:
    return [page async for page in read_registration(on.session)]


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
    times = []
    async for _ in read_registration(at_bench.session):
        times.append(at_bench.hours.elapsed)
    assert len(times) == 12
    assert times[4] == 0
    assert all(later - earlier >= 10 for earlier, later in zip(times, times[5:], strict=False))
    assert times[-1] == pytest.approx(20)


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
