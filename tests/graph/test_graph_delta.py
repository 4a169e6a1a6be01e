"""Delta pages: every id that a row names comes out, and only Graph's own links are followed."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.graph.delta import (
    GROUP_DELTA_SELECT,
    USER_DELTA_SELECT,
    delta_page,
    groups_latest,
    latest_delta_link,
)
from shared.graph.errors import Gone410, LinkError, Unavailable
from shared.model import USER_SELECT
from tests.graph.stub_graph import AT, Bench, Reply, error, oid


def next_link(at: Bench) -> str:
    return f"{at.stub.base_url}/users/delta?$skiptoken=n"


def delta_link(at: Bench) -> str:
    return f"{at.stub.base_url}/users/delta?$deltatoken=d"


def page(at: Bench, *rows: Any, more: bool = False) -> Reply:
    link = {"@odata.nextLink": next_link(at)} if more else {"@odata.deltaLink": delta_link(at)}
    return Reply({"value": list(rows), **link})


@pytest.mark.parametrize(
    ("ask", "path", "select"),
    [
        (latest_delta_link, "/v1.0/users/delta", USER_DELTA_SELECT),
        (groups_latest, "/v1.0/groups/delta", GROUP_DELTA_SELECT),
    ],
)
async def test_the_link_from_now_on_is_asked_for_with_what_is_tracked(
    at_bench: Bench, ask: Any, path: str, select: tuple[str, ...]
) -> None:
    at_bench.stub.replies = [page(at_bench)]
    assert await ask(at_bench.session) == delta_link(at_bench)
    [seen] = at_bench.stub.seen
    assert urlsplit(seen.target).path == path
    assert parse_qs(urlsplit(seen.target).query) == {
        "$deltatoken": ["latest"],
        "$select": [",".join(select)],
    }


def test_what_never_surfaces_is_not_asked_to_be_tracked() -> None:
    assert set(USER_SELECT) - set(USER_DELTA_SELECT) == {"licenseAssignmentStates"}


async def test_a_start_that_comes_in_pages_is_followed_to_its_delta_link(at_bench: Bench) -> None:
    at_bench.stub.replies = [page(at_bench, more=True), page(at_bench)]
    assert await latest_delta_link(at_bench.session) == delta_link(at_bench)
    assert len(at_bench.stub.seen) == 2


async def test_rows_are_sorted_into_changed_and_removed_with_the_reason(at_bench: Bench) -> None:
    at_bench.stub.replies = [
        page(
            at_bench,
            {"id": oid(1).upper(), "displayName": "X"},
            {"id": oid(2), "@removed": {"reason": "changed"}},
            {"id": oid(3), "@removed": {"reason": "deleted"}},
            {"id": oid(1), "@removed": {"reason": "changed"}},
            {"id": oid(3), "@removed": {"reason": "changed"}},
            {"id": oid(4), "@removed": None},
            {"id": oid(5), "@removed": {}},
            {"id": oid(6), "@removed": "odd"},
            {"id": oid(1)},
        )
    ]
    read = await delta_page(at_bench.session, delta_link(at_bench))
    assert read.changed == [oid(1), oid(4)]
    assert read.removed == {
        oid(1): "changed",
        oid(2): "changed",
        oid(3): "deleted",
        oid(5): "",
        oid(6): "",
    }
    assert (read.next_link, read.delta_link, read.asked_at) == (None, delta_link(at_bench), AT)


async def test_an_empty_page_leads_to_the_next(at_bench: Bench) -> None:
    at_bench.stub.replies = [page(at_bench, more=True)]
    read = await delta_page(at_bench.session, delta_link(at_bench))
    assert (read.changed, read.next_link, read.delta_link) == ([], next_link(at_bench), None)


async def test_a_row_without_a_usable_id_is_logged_and_harms_nobody(
    at_bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    odd = [{}, {"id": None}, {"id": 7}, {"id": "../me"}, None, "text", {"@removed": {"reason": "deleted"}}]
    at_bench.stub.replies = [page(at_bench, *odd, {"id": oid(1)})]
    read = await delta_page(at_bench.session, delta_link(at_bench))
    assert (read.changed, read.removed) == ([oid(1)], {})
    assert f"{len(odd)} rows of a delta page have no id" in caplog.text
    assert "../me" not in caplog.text


async def test_a_page_with_both_links_leads_to_the_next_page(at_bench: Bench) -> None:
    at_bench.stub.replies = [
        Reply(
            {
                "value": [],
                "@odata.nextLink": next_link(at_bench),
                "@odata.deltaLink": delta_link(at_bench),
            }
        )
    ]
    read = await delta_page(at_bench.session, delta_link(at_bench))
    assert (read.next_link, read.delta_link) == (next_link(at_bench), None)


async def test_a_page_that_leads_nowhere_is_no_page(at_bench: Bench) -> None:
    at_bench.stub.replies = [Reply({"value": [{"id": oid(1)}]})]
    with pytest.raises(Unavailable, match="page-without-link"):
        await delta_page(at_bench.session, delta_link(at_bench))


@pytest.mark.parametrize("name", ["@odata.nextLink", "@odata.deltaLink"])
async def test_a_link_that_leads_away_from_graph_is_not_even_handed_out(at_bench: Bench, name: str) -> None:
    at_bench.stub.replies = [Reply({"value": [], name: "https://graph.example.org/v1.0/users/delta?x=1"})] * 2
    with pytest.raises(LinkError):
        await delta_page(at_bench.session, delta_link(at_bench))
    with pytest.raises(LinkError):
        await latest_delta_link(at_bench.session)
    with pytest.raises(LinkError):
        await delta_page(at_bench.session, "https://graph.example.org/v1.0/users/delta?x=1")
    assert len(at_bench.stub.seen) == 2


async def test_a_circle_of_pages_is_refused_but_an_unchanged_delta_link_is_not(at_bench: Bench) -> None:
    at_bench.stub.replies = [page(at_bench, more=True)]
    with pytest.raises(LinkError, match="circular-link"):
        await delta_page(at_bench.session, next_link(at_bench))
    at_bench.stub.replies = [page(at_bench)]
    assert (await delta_page(at_bench.session, delta_link(at_bench))).delta_link == delta_link(at_bench)


@pytest.mark.parametrize(
    "refusal",
    [
        error(410, "resyncRequired"),
        error(400, "syncStateNotFound"),
        error(400, "Directory_ExpiredPageToken"),
        error(404, "SyncStateNotFound"),
    ],
)
async def test_a_link_that_graph_has_forgotten_is_told_apart_from_every_other_fault(
    at_bench: Bench, refusal: Reply
) -> None:
    at_bench.stub.replies = [refusal]
    with pytest.raises(Gone410):
        await delta_page(at_bench.session, delta_link(at_bench))


async def test_a_group_that_comes_in_slices_of_its_members_is_one_that_changed(at_bench: Bench) -> None:
    member = {"@odata.type": "#microsoft.graph.user"}
    at_bench.stub.replies = [
        page(
            at_bench,
            {"id": oid(1, "b"), "members@delta": [{**member, "id": oid(1)}, {"id": oid(2).upper()}]},
            {"id": oid(2, "b")},
            {
                "id": oid(1, "b"),
                "members@delta": [
                    {"id": oid(3), "@removed": {"reason": "deleted"}},
                    {"id": oid(4)},
                    {"id": 7},
                ],
            },
            {"id": oid(3, "b"), "@removed": {"reason": "deleted"}},
            {"id": oid(4, "b"), "members@delta": None},
        )
    ]
    read = await delta_page(at_bench.session, delta_link(at_bench))
    assert read.changed == [oid(1, "b"), oid(2, "b"), oid(4, "b")]
    assert read.removed == {oid(3, "b"): "deleted"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(rows=st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["", "changed", "deleted"]))))
async def test_no_row_is_lost_whatever_the_order(at_bench: Bench, rows: list[tuple[int, str]]) -> None:
    wire = [
        {"id": oid(number), **({"@removed": {"reason": reason}} if reason else {})} for number, reason in rows
    ]
    at_bench.stub.replies = [page(at_bench, *wire), page(at_bench, *wire[::-1])]
    there = await delta_page(at_bench.session, delta_link(at_bench))
    back = await delta_page(at_bench.session, delta_link(at_bench))
    assert set(there.changed) == {oid(number) for number, reason in rows if not reason}
    assert set(there.removed) == {oid(number) for number, reason in rows if reason}
    assert (set(there.changed), there.removed) == (set(back.changed), back.removed)


async def test_delta_can_wait_where_the_tenants_budget_runs_short(at_bench: Bench) -> None:
    at_bench.stub.replies = [page(at_bench, more=True), page(at_bench)]
    await latest_delta_link(at_bench.session)
    assert [seen.headers["x-ms-throttle-priority"] for seen in at_bench.stub.seen] == ["low", "low"]
