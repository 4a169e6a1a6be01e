"""Licensing groups, what fails on their members, and who is a member."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.graph.errors import Forbidden, LinkError, NotFound
from shared.graph.groups import (
    SAMPLE,
    Failing,
    errors_by_code,
    failing_group_ids,
    licensing_groups,
    member_errors,
    member_pages,
    nested_group_ids,
    read_failing,
    read_group,
)
from shared.graph.session import GraphSession
from shared.model import GroupError, LicenseAssignmentState, LicensingGroup
from tests.graph.stub_graph import AT, Bench, Reply, Seen, error, oid

E3 = "6fd2c87f-b296-42f0-b197-1e91e994b900"
EMS = "efccb6f7-5641-4e0e-bd10-b4976e1bf68e"
STAFF, PLAIN, GONE = oid(1, "b"), oid(2, "b"), oid(3, "b")


def group(group_id: str, *skus: str, **fields: Any) -> dict[str, Any]:
    licences = [{"skuId": sku, "disabledPlans": []} for sku in skus]
    return {"id": group_id, "displayName": "A group", "assignedLicenses": licences, **fields}


def failing(user_id: str, *states: dict[str, Any]) -> dict[str, Any]:
    return {"id": user_id, "licenseAssignmentStates": list(states)}


def source(
    sku: str, group_id: str | None, state: str = "Error", error: Any = "CountViolation"
) -> dict[str, Any]:
    return {"skuId": sku, "assignedByGroup": group_id, "state": state, "error": error, "disabledPlans": []}


def directory(
    groups: list[dict[str, Any]],
    with_errors: list[dict[str, Any]] | None = None,
    members: dict[str, Reply] | None = None,
    advanced: Reply | None = None,
) -> Any:
    """Route as a directory with these groups would answer."""

    def route(seen: Seen) -> Reply | None:
        path, _, query = seen.target.removeprefix("/v1.0").partition("?")
        if path.endswith("/membersWithLicenseErrors"):
            return (members or {}).get(path.split("/")[2], Reply({"value": []}))
        if path.startswith("/groups/"):
            named = [one for one in groups if one["id"] == path.split("/")[2]]
            return Reply(named[0]) if named else error(404, "Request_ResourceNotFound")
        if "hasMembersWithLicenseErrors%20eq%20true" in query:
            return Reply({"value": with_errors or []})
        if "$filter" in query:
            return advanced or Reply({"value": [one for one in groups if one["assignedLicenses"]]})
        return Reply({"value": groups})

    return route


async def test_groups_that_assign_are_asked_of_the_index(at_bench: Bench) -> None:
    at_bench.stub.route = directory([group(STAFF, EMS, E3.upper(), E3), group(PLAIN)])
    found = await licensing_groups(at_bench.session, AT)
    assert found == {
        STAFF: LicensingGroup(id=STAFF, display_name="A group", sku_ids=(E3, EMS), observed_at=AT)
    }
    first = at_bench.stub.seen[0]
    assert "$filter=assignedLicenses%2F%24count%20ne%200" in first.target
    assert "$count=true" in first.target
    assert first.headers["consistencylevel"] == "eventual"
    assert len(at_bench.stub.seen) == 2


async def test_where_the_query_is_refused_all_groups_are_read_and_sorted_here(at_bench: Bench) -> None:
    refused = error(400, "Request_UnsupportedQuery")
    at_bench.stub.route = directory([group(PLAIN), group(STAFF, E3)], advanced=refused)
    assert set(await licensing_groups(at_bench.session, AT)) == {STAFF}
    plain = at_bench.stub.seen[1]
    assert "$filter" not in plain.target
    assert "consistencylevel" not in plain.headers


async def test_an_index_that_lists_a_group_without_licences_is_not_believed(at_bench: Bench) -> None:
    at_bench.stub.route = directory([], advanced=Reply({"value": [group(PLAIN), group(STAFF, E3)]}))
    assert set(await licensing_groups(at_bench.session, AT)) == {STAFF}


async def test_the_next_page_is_asked_with_the_same_headers(at_bench: Bench) -> None:
    link = f"{at_bench.stub.base_url}/groups?$skiptoken=more"
    pages = {
        "more": Reply({"value": [group(STAFF, E3)]}),
        "ne%200": Reply({"value": [], "@odata.nextLink": link}),
        "eq%20true": Reply({"value": []}),
    }
    at_bench.stub.route = lambda seen: next(reply for word, reply in pages.items() if word in seen.target)
    assert set(await licensing_groups(at_bench.session, AT)) == {STAFF}
    assert at_bench.stub.seen[1].headers["consistencylevel"] == "eventual"


async def test_errors_are_counted_for_this_group_only(at_bench: Bench) -> None:
    members = [
        failing(oid(1), source(E3.upper(), STAFF.upper()), source(EMS, STAFF, "Active", None)),
        failing(oid(2), source(E3, STAFF), source(E3, PLAIN), source(E3, None)),
        failing(oid(3), source(EMS, STAFF, error="Others"), source(E3, STAFF, "ActiveWithError")),
        failing(oid(4), source(EMS, STAFF, error="Other")),
    ]
    at_bench.stub.route = directory(
        [group(STAFF, E3, EMS), group(PLAIN, E3)], [group(STAFF, E3, EMS)], {STAFF: Reply({"value": members})}
    )
    found = await licensing_groups(at_bench.session, AT)
    assert found[STAFF].errors == (
        GroupError(sku_id=E3, code="CountViolation", members=2, sample=(oid(1), oid(2))),
        GroupError(sku_id=EMS, code="Other", members=2, sample=(oid(3), oid(4))),
    )
    assert found[PLAIN].errors == ()
    asked = [target for target in at_bench.stub.targets() if "membersWithLicenseErrors" in target]
    assert asked == [f"/groups/{STAFF}/membersWithLicenseErrors?$select=id,licenseAssignmentStates"]


async def test_a_group_with_errors_that_assigns_nothing_any_more_is_kept(at_bench: Bench) -> None:
    members = {STAFF: Reply({"value": [failing(oid(1), source(E3, STAFF))]})}
    at_bench.stub.route = directory([group(STAFF)], [group(STAFF)], members)
    found = await licensing_groups(at_bench.session, AT)
    assert (found[STAFF].sku_ids, found[STAFF].errors[0].members) == ((), 1)


@pytest.mark.parametrize("index", [[], [STAFF]], ids=["not listed", "listed without errors"])
async def test_a_group_that_failed_is_asked_itself_while_the_index_does_not_say_so(
    at_bench: Bench, index: list[str]
) -> None:
    old = (GroupError(sku_id=E3, code="CountViolation", members=9),)
    before = {
        STAFF: LicensingGroup(id=STAFF, sku_ids=(E3,), errors=old),
        GONE: LicensingGroup(id=GONE, sku_ids=(E3,), errors=old),
        PLAIN: LicensingGroup(id=PLAIN, sku_ids=(E3,)),
    }
    listed = Reply({"value": [group(one, E3) for one in index]})
    members = {STAFF: Reply({"value": [failing(oid(1), source(E3, STAFF))]})}
    at_bench.stub.route = directory([group(STAFF, E3)], members=members, advanced=listed)
    found = await licensing_groups(at_bench.session, AT, before)
    assert {one: [error.members for error in read.errors] for one, read in found.items()} == {STAFF: [1]}
    at_bench.stub.route = directory([group(STAFF, E3)], advanced=listed)
    found = await licensing_groups(at_bench.session, AT, before)
    assert {one: read.errors for one, read in found.items()} == {STAFF: ()}


async def test_a_group_deleted_meanwhile_is_left_out(at_bench: Bench) -> None:
    members = {GONE: error(404, "Request_ResourceNotFound")}
    at_bench.stub.route = directory([group(STAFF, E3), group(GONE, E3)], [group(GONE, E3)], members)
    assert set(await licensing_groups(at_bench.session, AT)) == {STAFF}


@pytest.mark.parametrize("none", [None, "", "None", "none"])
def test_every_spelling_of_no_error_is_the_empty_code(none: str | None) -> None:
    state = LicenseAssignmentState(sku_id=E3, assigned_by_group=STAFF, state="Error", error=none)
    assert [found.code for found in errors_by_code(member_errors(STAFF, [(oid(1), (state,))]))] == [""]


def test_an_unknown_code_is_shown_as_it_is() -> None:
    state = LicenseAssignmentState(sku_id=E3, assigned_by_group=STAFF, state="Error", error="NewViolation")
    assert [found.code for found in errors_by_code(member_errors(STAFF, [(oid(1), (state,))]))] == [
        "NewViolation"
    ]


def test_all_failing_members_are_counted_and_twenty_are_named() -> None:
    state = LicenseAssignmentState(sku_id=E3, assigned_by_group=STAFF, state="Error", error="CountViolation")
    (found,) = errors_by_code(member_errors(STAFF, [(oid(number), (state,)) for number in range(25)]))
    assert (found.members, found.sample) == (25, tuple(oid(number) for number in range(20)))


STATES = st.builds(
    LicenseAssignmentState,
    sku_id=st.sampled_from([E3, EMS]),
    assigned_by_group=st.sampled_from([STAFF, PLAIN, None]),
    state=st.sampled_from(["Active", "ActiveWithError", "Error", "Disabled"]),
    error=st.sampled_from([None, "", "None", "CountViolation", "Other", "Others"]),
)


@given(
    members=st.lists(
        st.tuples(st.integers(0, 60).map(oid), st.lists(STATES, max_size=4).map(tuple)), max_size=80
    )
)
def test_counts_samples_and_members_agree_in_any_order(
    members: list[tuple[str, tuple[LicenseAssignmentState, ...]]],
) -> None:
    found = errors_by_code(member_errors(STAFF, members))
    assert found == errors_by_code(member_errors(STAFF, members[::-1]))
    for one in found:
        hit = {
            member
            for member, states in members
            for state in states
            if (state.sku_id, state.assigned_by_group, state.state) == (one.sku_id, STAFF, "Error")
            and {"Others": "Other", "None": "", None: ""}.get(state.error, state.error) == one.code
        }
        assert one.members == len(hit) > 0
        assert len(one.sample) == min(SAMPLE, len(hit))
        assert set(one.sample) <= hit


@pytest.mark.parametrize("form", ["text", "object"])
@pytest.mark.parametrize(
    ("state", "runs"),
    [("QueuedForProcessing", True), ("ProcessingInProgress", True), ("ProcessingComplete", False)],
)
async def test_a_running_job_is_seen_in_both_documented_forms(
    at_bench: Bench, form: str, state: str, runs: bool
) -> None:
    value = state if form == "text" else {"state": state}
    at_bench.stub.route = directory([group(STAFF, E3, licenseProcessingState=value)])
    found = await licensing_groups(at_bench.session, AT)
    assert found[STAFF].processing_since == (AT if runs else None)


async def test_a_job_runs_since_it_was_first_seen(at_bench: Bench) -> None:
    at_bench.stub.route = directory([group(STAFF, E3, licenseProcessingState="ProcessingInProgress")])
    first = await licensing_groups(at_bench.session, AT)
    later = AT + timedelta(hours=1)
    second = await licensing_groups(at_bench.session, later, first)
    assert (second[STAFF].processing_since, second[STAFF].observed_at) == (AT, later)
    one = await read_group(at_bench.session, STAFF, later, second[STAFF])
    assert one is not None
    assert one.processing_since == AT


async def test_one_group_is_read_with_its_errors(at_bench: Bench) -> None:
    members = {STAFF: Reply({"value": [failing(oid(1), source(E3, STAFF))]})}
    at_bench.stub.route = directory([group(STAFF, E3), group(PLAIN)], members=members)
    found = await read_group(at_bench.session, STAFF.upper(), AT)
    assert found is not None
    assert (found.id, found.sku_ids, found.errors[0].members) == (STAFF, (E3,), 1)
    assert await read_group(at_bench.session, PLAIN, AT) is None
    assert await read_group(at_bench.session, GONE, AT) is None


async def test_one_group_that_cannot_be_read_fails_the_whole_with_its_own_error(at_bench: Bench) -> None:
    groups = [group(oid(number, "b"), E3) for number in range(9)]
    members = {STAFF: error(403, "Authorization_RequestDenied")}
    at_bench.stub.route = directory(groups, groups, members)
    with pytest.raises(Forbidden):
        await licensing_groups(at_bench.session, AT)


async def users_in(session: GraphSession, group_id: str, *, transitive: bool = False) -> set[str]:
    """All users that the pages name."""
    pages = member_pages(session, group_id, transitive=transitive)
    return {user async for page in pages for user in page.users}


async def test_members_are_users_only_page_by_page(at_bench: Bench) -> None:
    link = f"{at_bench.stub.base_url}/groups/{STAFF}/transitiveMembers?$skiptoken=2"
    at_bench.stub.replies = [
        Reply(
            {
                "value": [
                    {"@odata.type": "#microsoft.graph.user", "id": oid(1).upper()},
                    {"@odata.type": "#microsoft.graph.group", "id": PLAIN},
                    {"@odata.type": "#microsoft.graph.device", "id": oid(7)},
                ],
                "@odata.nextLink": link,
            }
        ),
        Reply({"value": [], "@odata.nextLink": link + "3"}),
        Reply({"value": [{"id": oid(2)}]}),
    ]
    assert await users_in(at_bench.session, STAFF, transitive=True) == {oid(1), oid(2)}
    assert at_bench.stub.targets()[0] == f"/groups/{STAFF}/transitiveMembers?$select=id&$top=999"


async def test_direct_members_and_nested_groups_can_be_told_apart(at_bench: Bench) -> None:
    members = Reply(
        {
            "value": [
                {"@odata.type": "#microsoft.graph.user", "id": oid(1)},
                {"@odata.type": "#microsoft.graph.group", "id": PLAIN},
            ]
        }
    )
    at_bench.stub.replies = [members, members]
    assert await users_in(at_bench.session, STAFF) == {oid(1)}
    pages = [page async for page in member_pages(at_bench.session, STAFF, transitive=False)]
    assert [page.groups for page in pages] == [[PLAIN]]
    assert at_bench.stub.targets()[0] == f"/groups/{STAFF}/members?$select=id&$top=999"


async def test_links_in_a_circle_end(at_bench: Bench) -> None:
    link = f"{at_bench.stub.base_url}/groups/{STAFF}/members?$skiptoken=2"
    at_bench.stub.route = lambda seen: Reply({"value": [], "@odata.nextLink": link})
    with pytest.raises(LinkError):
        await users_in(at_bench.session, STAFF)
    assert len(at_bench.stub.seen) == 2


async def test_a_group_that_is_gone_or_no_guid_is_told(at_bench: Bench) -> None:
    at_bench.stub.replies = [error(404, "Request_ResourceNotFound")]
    with pytest.raises(NotFound):
        await users_in(at_bench.session, STAFF)
    with pytest.raises(ValueError, match="GUID"):
        await users_in(at_bench.session, "../users")
    assert len(at_bench.stub.seen) == 1


async def test_everybody_in_error_is_named_beyond_the_sample(at_bench: Bench) -> None:
    short = [oid(number) for number in range(SAMPLE + 5)]
    members = [failing(one, source(E3, STAFF)) for one in short] + [failing(oid(99), source(E3, PLAIN))]
    at_bench.stub.route = directory([group(STAFF, E3)], members={STAFF: Reply({"value": members})})
    found = await read_failing(at_bench.session, STAFF, AT)
    assert found.members == frozenset(short)
    assert found.group is not None
    assert (found.group.errors[0].members, len(found.group.errors[0].sample)) == (SAMPLE + 5, SAMPLE)
    at_bench.stub.route = directory([group(PLAIN)])
    assert await read_failing(at_bench.session, PLAIN, AT) == Failing(None)
    assert await read_failing(at_bench.session, GONE, AT) == Failing(None)


async def test_failing_groups_are_named_as_the_index_has_them(at_bench: Bench) -> None:
    at_bench.stub.route = directory([], [group(STAFF.upper()), group(PLAIN)])
    assert await failing_group_ids(at_bench.session) == {STAFF, PLAIN}


async def test_groups_in_a_group_are_asked_for_by_type(at_bench: Bench) -> None:
    at_bench.stub.route = lambda seen: Reply({"value": [{"id": PLAIN.upper()}]})
    assert await nested_group_ids(at_bench.session, STAFF) == {PLAIN}
    [asked] = at_bench.stub.seen
    assert asked.target.startswith(f"/v1.0/groups/{STAFF}/members/graph.group?")
    assert "$count=true" in asked.target
    assert asked.headers["consistencylevel"] == "eventual"


async def test_where_that_is_refused_they_are_taken_from_all_members(at_bench: Bench) -> None:
    members = [
        {"@odata.type": "#microsoft.graph.user", "id": oid(1)},
        {"@odata.type": "#microsoft.graph.group", "id": PLAIN},
    ]

    def route(seen: Seen) -> Reply:
        cast = "graph.group" in seen.target
        return error(400, "Request_UnsupportedQuery") if cast else Reply({"value": members})

    at_bench.stub.route = route
    assert await nested_group_ids(at_bench.session, STAFF) == {PLAIN}
    at_bench.stub.route = lambda seen: error(403, "Authorization_RequestDenied")
    with pytest.raises(Forbidden):
        await nested_group_ids(at_bench.session, STAFF)
