"""Reading users: each id ends in exactly one place, and no page is lost."""

import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.graph.errors import Forbidden, Gone410, LinkError, Unavailable
from shared.graph.users import count_users, read_users, user_pages, users_of
from shared.model import USER_SELECT, User
from tests.graph.stub_graph import AT, Bench, Reply, Seen, bench, error, oid

SKU = "efccb6f7-5641-4e0e-bd10-b4976e1bf68e"


def wire_user(user_id: str, **fields: Any) -> dict[str, Any]:
    return {"id": user_id, "userPrincipalName": "someone@example.org", "accountEnabled": True, **fields}


def ids_of(seen: Seen) -> dict[str, str]:
    """Item number to user id of a batch."""
    found = {}
    for item in seen.json["requests"]:
        match = re.fullmatch(r"/users/([^?]+)\?\$select=(.+)", item["url"])
        assert match is not None
        assert match[2] == ",".join(USER_SELECT)
        assert item["method"] == "GET"
        found[item["id"]] = unquote(match[1])
    return found


def batch(answers: dict[str, dict[str, Any]]) -> Any:
    """Route a batch: what to say of each user id; in reverse order, as Graph promises none."""

    def route(seen: Seen) -> Reply:
        items = [{"id": number, **answers[user_id]} for number, user_id in ids_of(seen).items()]
        return Reply({"responses": items[::-1]})

    return route


def found(user_id: str, **fields: Any) -> dict[str, Any]:
    return {"status": 200, "headers": {}, "body": wire_user(user_id, **fields)}


async def test_users_are_read_in_batches_of_twenty_and_matched_by_item(at_bench: Bench) -> None:
    ids = [oid(number) for number in range(45)]
    at_bench.stub.route = batch({user_id: found(user_id) for user_id in ids})
    readings = await read_users(at_bench.session, ids)
    assert set(readings.users) == set(ids)
    assert all(user.id == user_id for user_id, user in readings.users.items())
    assert sorted(len(ids_of(seen)) for seen in at_bench.stub.seen) == [5, 20, 20]
    assert {seen.target for seen in at_bench.stub.seen} == {"/v1.0/$batch"}
    assert {seen.headers["content-type"] for seen in at_bench.stub.seen} == {"application/json"}
    assert set(readings.observed_at.values()) == {AT}


async def test_an_id_given_twice_or_in_capitals_is_read_once(at_bench: Bench) -> None:
    at_bench.stub.route = batch({oid(1): found(oid(1).upper())})
    readings = await read_users(at_bench.session, [oid(1), oid(1).upper()])
    assert readings.users[oid(1)].id == oid(1)
    assert len(ids_of(at_bench.stub.seen[0])) == 1


async def test_nobody_to_read_asks_nothing(at_bench: Bench) -> None:
    assert (await read_users(at_bench.session, [])).users == {}
    assert at_bench.stub.seen == []


async def test_every_status_ends_in_its_own_place(at_bench: Bench) -> None:
    at_bench.stub.route = batch(
        {
            oid(0): found(oid(0)),
            oid(1): {"status": 404, "body": {"error": {"code": "Request_ResourceNotFound"}}},
            oid(2): {"status": 429, "headers": {"Retry-After": "2.128"}, "body": {}},
            oid(3): {"status": 429, "headers": {"retry-after": "300"}, "body": {}},
            oid(4): {"status": 429, "body": {}},
            oid(5): {"status": 503, "body": {"error": {"code": "ServiceUnavailable"}}},
            oid(6): {"status": 403, "body": {"error": {"code": "Authorization_RequestDenied"}}},
            oid(7): {"status": 200, "body": {"id": oid(7), "accountEnabled": "yes"}},
            oid(8): {"status": 200, "body": wire_user(oid(9))},
            oid(9): {"status": 200},
            oid(10): {"status": "200", "body": wire_user(oid(10))},
        }
    )
    readings = await read_users(at_bench.session, [oid(number) for number in range(11)])
    assert set(readings.users) == {oid(0)}
    assert readings.missing == {oid(1)}
    assert readings.throttled == {oid(2): 2.128, oid(3): 300.0, oid(4): 5.0}
    assert readings.failed == {oid(number) for number in (5, 6, 7, 8, 9, 10)}
    assert readings.codes == {
        "503 ServiceUnavailable": 1,
        "403 Authorization_RequestDenied": 1,
        "200 unreadable-answer": 3,
        "0 no-answer": 1,
    }
    assert set(readings.observed_at) == {oid(0), oid(1)}
    assert at_bench.hours.slept == []


async def test_an_item_that_graph_left_out_is_failed(at_bench: Bench) -> None:
    at_bench.stub.replies = [Reply({"responses": [{"id": "1", **found(oid(1))}]})]
    readings = await read_users(at_bench.session, [oid(0), oid(1)])
    assert (set(readings.users), readings.failed) == ({oid(1)}, {oid(0)})


async def test_a_424_of_the_whole_batch_is_read_item_by_item(at_bench: Bench) -> None:
    items = [{"id": "0", **found(oid(0))}, {"id": "1", "status": 429, "headers": {"Retry-After": "7"}}]
    at_bench.stub.replies = [Reply({"responses": items}, status=424)]
    readings = await read_users(at_bench.session, [oid(0), oid(1)])
    assert (set(readings.users), readings.throttled) == ({oid(0)}, {oid(1): 7.0})


async def test_a_wholly_throttled_batch_makes_the_next_call_wait(at_bench: Bench) -> None:
    at_bench.stub.route = batch({oid(0): {"status": 429, "headers": {"Retry-After": "9.5"}}})
    await read_users(at_bench.session, [oid(0)])
    assert at_bench.hours.elapsed == 0
    await read_users(at_bench.session, [oid(0)])
    assert at_bench.hours.elapsed >= 9.5


async def test_one_throttled_item_among_others_makes_nobody_else_wait(at_bench: Bench) -> None:
    at_bench.stub.route = batch(
        {oid(0): found(oid(0)), oid(1): {"status": 429, "headers": {"Retry-After": "9"}}}
    )
    for _ in range(2):
        await read_users(at_bench.session, [oid(0), oid(1)])
    assert at_bench.hours.slept == []


@pytest.mark.parametrize(
    "broken",
    [
        Reply(b"<html>502</html>", status=502, content_type="text/html"),
        Reply(fault="reset"),
        Reply({"responses": []}, fault="truncated"),
    ],
    ids=["html-502", "reset", "truncated"],
)
async def test_a_batch_is_repeated_for_it_only_reads(at_bench: Bench, broken: Reply) -> None:
    at_bench.stub.replies = [broken, Reply({"responses": [{"id": "0", **found(oid(0))}]})]
    assert set((await read_users(at_bench.session, [oid(0)])).users) == {oid(0)}


async def test_a_batch_that_keeps_failing_fails_its_users_only(at_bench: Bench) -> None:
    ids = [oid(number) for number in range(21)]
    good = batch({user_id: found(user_id) for user_id in ids})
    at_bench.stub.route = lambda seen: error(500, "Oops") if oid(0) in ids_of(seen).values() else good(seen)
    readings = await read_users(at_bench.session, ids)
    assert set(readings.users) == {oid(20)}
    assert readings.failed == set(ids[:20])


async def test_a_batch_that_is_throttled_for_long_gives_its_users_back(at_bench: Bench) -> None:
    at_bench.stub.replies = [error(429, "TooManyRequests", Retry_After="120.5")]
    readings = await read_users(at_bench.session, [oid(0), oid(1)])
    assert readings.throttled == {oid(0): 120.5, oid(1): 120.5}
    assert at_bench.hours.slept == []


async def test_a_refused_batch_is_told_to_the_caller(at_bench: Bench) -> None:
    at_bench.stub.replies = [error(403, "Authorization_RequestDenied")]
    with pytest.raises(Forbidden):
        await read_users(at_bench.session, [oid(0)])


@pytest.mark.parametrize(
    "trick",
    [
        "../groups",
        "me",
        "",
        f"{oid(1)}/memberOf",
        f"{oid(1)}?$expand=manager",
        f" {oid(1)}",
        f"{oid(1)}\n",
        "%2e%2e",
    ],
)
async def test_an_id_that_is_no_guid_is_refused_before_anything_is_sent(at_bench: Bench, trick: str) -> None:
    with pytest.raises(ValueError, match="GUID") as caught:
        await read_users(at_bench.session, [oid(1), trick])
    assert trick == "" or trick not in str(caught.value)
    assert at_bench.stub.seen == []


async def test_null_collections_and_long_fractions_are_read(at_bench: Bench) -> None:
    fields = {
        "assignedLicenses": [{"skuId": SKU, "disabledPlans": None}],
        "licenseAssignmentStates": None,
        "identities": None,
        "createdDateTime": "2020-01-02T03:04:05.1234567Z",
        "onPremisesSyncEnabled": None,
    }
    at_bench.stub.route = batch({oid(0): found(oid(0), **fields)})
    user = (await read_users(at_bench.session, [oid(0)])).users[oid(0)]
    assert user.assigned_licenses[0].sku_id == SKU
    assert (user.license_assignment_states, user.identities, user.synced) == ((), (), False)
    assert user.created_date_time is not None
    assert user.created_date_time.year == 2020


async def test_a_null_state_of_an_assignment_is_never_read_as_active(at_bench: Bench) -> None:
    states = [{"skuId": SKU, "state": None}]
    at_bench.stub.route = batch({oid(0): found(oid(0), licenseAssignmentStates=states)})
    assert (await read_users(at_bench.session, [oid(0)])).failed == {oid(0)}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
ITEM = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["0", "1", "2", "7"]) | JSON,
        "status": st.sampled_from([200, 403, 404, 429, 500]) | JSON,
        "headers": st.fixed_dictionaries({}, optional={"Retry-After": JSON}) | JSON,
        "body": st.builds(wire_user, st.sampled_from([oid(0), oid(1)])) | JSON,
    },
)


@settings(max_examples=120)
@given(items=st.lists(ITEM, max_size=4))
async def test_whatever_a_batch_says_each_id_ends_in_exactly_one_place(items: list[dict[str, Any]]) -> None:
    ids = {oid(0), oid(1), oid(2)}
    async with bench() as on:
        on.stub.replies = [Reply({"responses": items})]
        readings = await read_users(on.session, sorted(ids))
    places = [set(readings.users), readings.missing, set(readings.throttled), readings.failed]
    assert set().union(*places) == ids
    assert sum(map(len, places)) == len(ids)


# --- all users, page by page --------------------------------------------------------------------------------


async def test_the_first_page_asks_for_the_one_select(at_bench: Bench) -> None:
    at_bench.stub.replies = [Reply({"value": [wire_user(oid(0))]})]
    page = await user_pages(at_bench.session)
    assert at_bench.stub.targets() == [f"/users?$select={','.join(USER_SELECT)}&$top=999"]
    [(user_id, row)] = page.rows
    assert (user_id, json.loads(bytes(row))) == (oid(0), wire_user(oid(0)))
    assert (page.next_link, page.asked_at, page.unnamed) == (None, AT, 0)


async def test_an_empty_page_with_a_next_link_goes_on(at_bench: Bench) -> None:
    link = f"{at_bench.stub.base_url}/users?$skiptoken=x%2Fy"
    at_bench.stub.replies = [
        Reply({"value": [], "@odata.nextLink": link}),
        Reply({"value": [wire_user(oid(0))]}),
    ]
    first = await user_pages(at_bench.session)
    assert (first.rows, first.next_link) == ([], link)
    second = await user_pages(at_bench.session, first.next_link)
    assert [user_id for user_id, _ in second.rows] == [oid(0)]
    assert at_bench.stub.targets()[1] == "/users?$skiptoken=x%2Fy"


async def test_reading_everybody_can_wait_and_reading_one_cannot(at_bench: Bench) -> None:
    link = f"{at_bench.stub.base_url}/users?$skiptoken=x"
    at_bench.stub.replies = [Reply({"value": []}), Reply({"value": []}), Reply({"responses": []})]
    await user_pages(at_bench.session)
    await user_pages(at_bench.session, link)
    await read_users(at_bench.session, [oid(0)])
    priorities = [seen.headers.get("x-ms-throttle-priority") for seen in at_bench.stub.seen]
    assert priorities == ["low", "low", None]


async def test_a_row_without_a_usable_id_is_counted_and_the_others_are_kept(at_bench: Bench) -> None:
    odd = [{"id": 5}, "odd", {}, None, {"id": "../me"}]
    at_bench.stub.replies = [Reply({"value": [wire_user(oid(0).upper()), *odd, {"id": oid(1)}]})]
    page = await user_pages(at_bench.session)
    assert ([user_id for user_id, _ in page.rows], page.unnamed) == ([oid(0), oid(1)], len(odd))


def test_rows_are_read_at_once_or_one_by_one_with_the_same_result() -> None:
    rows = [wire_user(oid(number).upper()) for number in range(3)]
    plain, none = users_of(json.dumps(rows).encode())
    assert ([user.id for user in plain], none) == ([oid(0), oid(1), oid(2)], ())
    odd = [{"id": oid(7), "accountEnabled": "maybe"}, 5, wire_user(oid(8), assignedLicenses=None)]
    users, unreadable = users_of(json.dumps([*rows, *odd]).encode())
    assert users[:3] == plain
    assert ([user.id for user in users[3:]], users[3].assigned_licenses) == ([oid(8)], ())
    assert unreadable == (oid(7), "")


@pytest.mark.parametrize(
    "answer",
    [
        Reply({}),
        Reply({"@odata.nextLink": "x"}),
        Reply({"value": None}),
        Reply([]),
        Reply(b"", status=200),
        Reply(b"<html></html>", content_type="text/html"),
        Reply(b'{"value": [', content_type="application/json"),
        Reply(b"[" * 100_000),
    ],
    ids=["no-value", "link-only", "null", "list", "empty", "html", "cut", "deep"],
)
async def test_an_answer_without_value_is_an_error_and_not_the_end(at_bench: Bench, answer: Reply) -> None:
    at_bench.stub.replies = [answer]
    with pytest.raises(Unavailable):
        await user_pages(at_bench.session)


async def test_a_link_to_elsewhere_or_in_a_circle_is_refused(at_bench: Bench) -> None:
    with pytest.raises(LinkError):
        await user_pages(at_bench.session, "https://evil.example/v1.0/users")
    link = f"{at_bench.stub.base_url}/users?$skiptoken=x"
    at_bench.stub.replies = [Reply({"value": [], "@odata.nextLink": link})]
    with pytest.raises(LinkError):
        await user_pages(at_bench.session, link)


async def test_a_forgotten_page_token_says_start_again(at_bench: Bench) -> None:
    at_bench.stub.replies = [error(400, "Directory_ExpiredPageToken")]
    with pytest.raises(Gone410):
        await user_pages(at_bench.session, f"{at_bench.stub.base_url}/users?$skiptoken=x")


async def test_the_time_of_a_page_is_that_of_the_attempt_that_read_it(at_bench: Bench) -> None:
    at_bench.stub.replies = [error(429, "TooManyRequests", Retry_After="10"), Reply({"value": []})]
    assert (await user_pages(at_bench.session)).asked_at >= AT + timedelta(seconds=10)


@pytest.mark.parametrize("text", [b"1234", b"\xef\xbb\xbf1234", b" 1234\r\n"])
async def test_users_are_counted_by_the_index(at_bench: Bench, text: bytes) -> None:
    at_bench.stub.replies = [Reply(text, content_type="text/plain")]
    assert await count_users(at_bench.session) == 1234
    seen = at_bench.stub.seen[0]
    assert (seen.target, seen.headers["consistencylevel"]) == ("/v1.0/users/$count", "eventual")


@pytest.mark.parametrize("text", [b"", b"many", b"-1", "٣".encode(), b"{}"])
async def test_a_count_that_is_no_number_is_an_error(at_bench: Bench, text: bytes) -> None:
    at_bench.stub.replies = [Reply(text, content_type="text/plain")]
    with pytest.raises(Unavailable):
        await count_users(at_bench.session)


def test_the_decoder_takes_every_field_of_the_select() -> None:
    wire = msgspec.structs.fields(User)
    assert {field.encode_name for field in wire} == set(USER_SELECT)
    assert json.loads(msgspec.json.encode(User(id=oid(0))))["id"] == oid(0)
