"""`/users/delta` over HTTP: links, pages, what is tracked, what is replayed, how links end."""

from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import pytest

from sandbox.graph import operations as ops
from sandbox.graph import skus
from sandbox.graph.control import Control
from tests.sandbox.graph.calls import Answer, Calls

NAMES = "id,displayName,accountEnabled,usageLocation,onPremisesSyncEnabled,assignedLicenses,assignedPlans"
EVERY = f"/users/delta?$select={NAMES}"
LATEST = f"/users/delta?$deltatoken=latest&$select={NAMES}"


def later(calls: Calls, **length: float) -> None:
    """Let time pass in the tenant."""
    world = calls.graph.world
    clock = world.now
    world.now = lambda: clock() + timedelta(**length)


async def follow(calls: Calls, link: str, **headers: str) -> tuple[list[dict[str, Any]], str, list[Answer]]:
    """All rows of a round, the delta link at its end, and its pages; never both links on one."""
    rows, pages = [], []
    for _ in range(1000):
        page = await calls.get(link, **headers)
        assert page.status == 200, page.body
        pages.append(page)
        rows.extend(page.body["value"])
        assert ("@odata.nextLink" in page.body) != ("@odata.deltaLink" in page.body)
        if "@odata.deltaLink" in page.body:
            return rows, page.body["@odata.deltaLink"], pages
        link = page.body["@odata.nextLink"]
    raise AssertionError("the round has no end")


async def latest(calls: Calls, path: str = LATEST) -> str:
    return str((await calls.get(path)).body["@odata.deltaLink"])


def people(calls: Calls, count: int) -> list[str]:
    """Ids of enabled users of the tenant."""
    users = calls.graph.world.users
    return [user_id for user_id in sorted(users) if users[user_id].account_enabled][:count]


# --- links and pages ----------------------------------------------------------------------------------------


async def test_from_now_on_there_is_a_link_and_no_data(calls: Calls) -> None:
    for path in (LATEST, LATEST.replace("delta", "delta()", 1)):
        answer = await calls.get(path)
        assert answer.body["value"] == []
        assert "@odata.nextLink" not in answer.body
        rows, _, _ = await follow(calls, answer.body["@odata.deltaLink"])
        assert rows == []


async def test_without_a_token_everybody_is_listed_and_then_only_what_changed(
    calls: Calls, control: Control
) -> None:
    await control.set_rates(delta_page_size=70)
    rows, link, pages = await follow(calls, EVERY)
    assert [row["id"] for row in rows] == sorted(calls.graph.world.users)
    assert [len(page.body["value"]) for page in pages] == [70, 70, 70, 70, 20]
    one = calls.graph.world.cast["admin"]
    await control.set_enabled(one, False)
    rows, link, _ = await follow(calls, link)
    assert [(row["id"], row["accountEnabled"]) for row in rows] == [(one, False)]
    assert (await follow(calls, link))[0] == []


async def test_a_change_during_the_first_enumeration_comes_in_the_next_round(
    calls: Calls, control: Control
) -> None:
    await control.set_rates(delta_page_size=100)
    page = await calls.get(EVERY)
    seen = page.ids[0]
    await control.set_enabled(seen, False)
    new = await control.add_user("New Here")
    rows, link, _ = await follow(calls, page.body["@odata.nextLink"])
    ids = [row["id"] for row in (await follow(calls, link))[0]]
    assert ids == [seen, new]
    assert seen not in [row["id"] for row in rows]


async def test_delta_pages_can_be_empty_and_lead_on(calls: Calls, control: Control) -> None:
    still = calls.graph.world.now()
    calls.graph.world.now = lambda: still
    await control.set_rates(empty_page_rate=0.5, delta_page_size=20)
    rows, link, pages = await follow(calls, EVERY)
    assert [row["id"] for row in rows] == sorted(calls.graph.world.users)
    assert any(not page.body["value"] for page in pages)
    links = [page.body.get("@odata.nextLink") for page in pages]
    assert len(set(links)) == len(links)
    for user_id in people(calls, 50):
        await control.do(ops.UpdateUser(id=user_id, display_name="Anew"))
    rows, _, pages = await follow(calls, link)
    assert [row["id"] for row in rows] == people(calls, 50)


async def test_a_delta_link_must_be_followed_as_it_is_and_can_be_followed_again(
    calls: Calls, control: Control
) -> None:
    link = await latest(calls)
    await control.set_enabled(people(calls, 1)[0], False)
    first, _, _ = await follow(calls, link)
    again, _, _ = await follow(calls, link)
    assert first == again != []
    assert (await calls.get(unquote(link))).status == 400
    assert (await calls.get(link.replace("/users/", "/groups/"))).status == 400
    assert (await calls.get(link[:-5])).status == 400


@pytest.mark.parametrize("option", ["$top=10", "$orderby=id", "$expand=manager", "$search=x"])
async def test_delta_takes_neither_size_nor_order_nor_search(calls: Calls, option: str) -> None:
    assert (await calls.get(f"{EVERY}&{option}")).status == 400
    assert (await calls.get(f"/groups/delta?{option}")).status == 400
    sized = await calls.get(EVERY, Prefer="odata.maxpagesize=5")
    assert len(sized.body["value"]) == 200


async def test_delta_can_be_filtered_for_fifty_ids_and_nothing_else(calls: Calls, control: Control) -> None:
    two = people(calls, 51)

    def asked(ids: list[str], token: str = "") -> str:
        return f"{EVERY}{token}&$filter=" + "%20or%20".join(f"id%20eq%20'{one}'" for one in ids)

    rows, _, _ = await follow(calls, asked(two[:2]))
    assert [row["id"] for row in rows] == two[:2]
    link = await latest(calls, asked(two[:50], "&$deltatoken=latest"))
    await control.set_enabled(two[3], False)
    await control.set_enabled(two[50], False)
    rows, _, _ = await follow(calls, link)
    assert [row["id"] for row in rows] == [two[3]]
    assert (await calls.get(asked(two))).status == 400
    assert (await calls.get(f"{EVERY}&$filter=accountEnabled%20eq%20true")).status == 400
    assert (await calls.get(f"{EVERY}&$filter=id%20eq%20'{two[0]}'%20and%20id%20eq%20'x'")).status == 400


# --- what is tracked ----------------------------------------------------------------------------------------


async def test_only_a_change_of_a_selected_property_surfaces_a_user(calls: Calls, control: Control) -> None:
    lean = await latest(calls, "/users/delta?$deltatoken=latest&$select=id,displayName")
    wide = await latest(calls)
    one, other = people(calls, 2)
    await control.set_enabled(one, False)
    await control.do(ops.UpdateUser(id=other, display_name="Another Name"))
    await control.do(ops.UpdateUser(id=one, methods=("mobilePhone",), is_admin=True))
    rows, _, _ = await follow(calls, lean)
    assert rows == [{"id": other, "displayName": "Another Name"}]
    rows, _, _ = await follow(calls, wide)
    assert [row["id"] for row in rows] == [one, other]


async def test_the_selection_is_that_of_the_first_call(calls: Calls, control: Control) -> None:
    await control.set_rates(delta_page_size=5)
    page = await calls.get("/users/delta?$select=id,displayName")
    assert {tuple(row) for row in page.body["value"]} == {("id", "displayName")}
    onward = page.body["@odata.nextLink"]
    assert (await calls.get(f"{onward}&$select=id")).status == 400
    assert {tuple(row) for row in (await calls.get(onward)).body["value"]} == {("id", "displayName")}
    plain = await calls.get("/users/delta")
    assert {"userPrincipalName", "displayName"} <= plain.body["value"][0].keys()
    assert "assignedLicenses" not in plain.body["value"][0]
    assert (await calls.get("/users/delta?$select=shoeSize")).status == 400


async def test_licence_states_can_be_selected_but_an_error_alone_never_surfaces(
    calls: Calls, control: Control
) -> None:
    names = "id,assignedLicenses,assignedPlans,licenseAssignmentStates"
    link = await latest(calls, f"/users/delta?$deltatoken=latest&$select={names}")
    one = calls.graph.world.cast["cloud_with_ems"]
    await control.set_free_seats(skus.VISIO, 0)
    await control.add_licensing_group("Short", [skus.VISIO], [one])
    assert await control.settle()
    states = (await control.user(one))["licenseAssignmentStates"]
    assert "CountViolation" in [state["error"] for state in states]
    rows, link, _ = await follow(calls, link)
    assert rows == []
    await control.assign(one, skus.O365_E3)
    (row,), _, _ = await follow(calls, link)
    assert "CountViolation" in [state["error"] for state in row["licenseAssignmentStates"]]


@pytest.mark.parametrize("tracked", [True, False])
async def test_a_sku_that_changes_state_surfaces_its_holders_or_nobody(
    calls: Calls, control: Control, tracked: bool
) -> None:
    await control.set_rates(plan_status_in_delta=tracked)
    link = await latest(calls)
    holders = sorted(calls.graph.world.holders[skus.BUSINESS_PREMIUM])
    await control.do(ops.SetSku(sku=skus.BUSINESS_PREMIUM, status="Suspended"))
    rows, link, _ = await follow(calls, link)
    assert [row["id"] for row in rows] == (holders if tracked else [])
    await control.do(ops.DropSku(sku=skus.BUSINESS_PREMIUM))
    rows, _, _ = await follow(calls, link)
    assert {plan["capabilityStatus"] for row in rows for plan in row["assignedPlans"]} <= {
        "Deleted",
        "Enabled",
    }
    assert [row["id"] for row in rows] == (holders if tracked else [])


async def test_what_was_never_set_is_absent_and_what_was_unset_is_null(
    calls: Calls, control: Control
) -> None:
    one_id = await control.add_user("No Place", location=None)
    other_id = await control.add_user("Lost Place", location=None)
    await control.do(ops.UpdateUser(id=other_id, usage_location="NL"))
    await control.do(ops.UpdateUser(id=other_id, usage_location=None))
    rows = {row["id"]: row for row in (await follow(calls, EVERY))[0]}
    assert "usageLocation" not in rows[one_id]
    assert rows[other_id]["usageLocation"] is None
    assert "onPremisesSyncEnabled" not in rows[other_id]
    assert rows[calls.graph.world.cast["synced_with_ems"]]["onPremisesSyncEnabled"] is True


async def test_a_minimal_answer_has_only_what_changed(calls: Calls, control: Control) -> None:
    link = await latest(calls)
    one = people(calls, 1)[0]
    await control.set_enabled(one, False)
    new = await control.add_user("New Here")
    rows, _, _ = await follow(calls, link, Prefer="return=minimal")
    assert rows[0] == {"id": one, "accountEnabled": False}
    assert rows[1]["id"] == new
    assert "displayName" in rows[1]
    whole, _, _ = await follow(calls, link)
    assert "displayName" in whole[0]


# --- users who go and come ----------------------------------------------------------------------------------


async def test_a_deleted_user_is_removed_in_two_ways_and_a_restored_one_is_new(
    calls: Calls, control: Control
) -> None:
    link = await latest(calls)
    softly, for_good = people(calls, 2)
    await control.delete_user(softly)
    await control.delete_user(for_good, permanently=True)
    rows, link, _ = await follow(calls, link, Prefer="return=minimal")
    assert rows == [
        {"id": softly, "@removed": {"reason": "changed"}},
        {"id": for_good, "@removed": {"reason": "deleted"}},
    ]
    await control.do(ops.RestoreUser(id=softly))
    (row,), link, _ = await follow(calls, link, Prefer="return=minimal")
    assert row["id"] == softly
    assert {"displayName", "accountEnabled", "assignedLicenses"} <= row.keys()
    await control.delete_user(softly)
    await control.delete_user(softly, permanently=True)
    rows, _, _ = await follow(calls, link)
    assert rows == [{"id": softly, "@removed": {"reason": "deleted"}}]


@pytest.mark.parametrize("shown", [True, False])
async def test_the_first_enumeration_shows_removed_users_or_leaves_them_out(
    calls: Calls, control: Control, shown: bool
) -> None:
    await control.set_rates(delta_initial_removed=shown)
    one = people(calls, 1)[0]
    await control.delete_user(one)
    rows = [row for row in (await follow(calls, EVERY))[0] if row["id"] == one]
    assert rows == ([{"id": one, "@removed": {"reason": "changed"}}] if shown else [])


async def test_what_readers_do_not_see_yet_comes_with_a_later_round(calls: Calls, control: Control) -> None:
    await control.set_rates(delta_lag=30.0, replication_delay=60.0)
    link = await latest(calls)
    one = people(calls, 1)[0]
    await control.set_enabled(one, False)
    new = await control.add_user("New Here")
    rows, link, _ = await follow(calls, link)
    assert rows == []
    assert new not in [row["id"] for row in (await follow(calls, EVERY))[0]]
    later(calls, seconds=31)
    rows, link, _ = await follow(calls, link)
    assert [row["id"] for row in rows] == [one]
    later(calls, seconds=30)
    rows, _, _ = await follow(calls, link)
    assert [row["id"] for row in rows] == [new]


# --- replays ------------------------------------------------------------------------------------------------


async def test_replays_tell_old_states_too_and_again_what_was_told_before(
    calls: Calls, control: Control
) -> None:
    link = await latest(calls)
    one, other = people(calls, 2)
    await control.delete_user(other)
    await control.do(ops.RestoreUser(id=other))
    _, link, _ = await follow(calls, link)
    await control.set_enabled(one, False)
    await control.set_enabled(one, True)
    await control.set_rates(delta_replay_rate=1.0)
    rows, link, _ = await follow(calls, link)
    assert sorted(str(row.get("accountEnabled")) for row in rows if row["id"] == one) == [
        "False",
        "True",
        "True",
    ]
    assert [row.get("@removed") for row in rows if row["id"] == other].count({"reason": "changed"}) == 1
    await control.set_rates(delta_replay_rate=0.0)
    await control.delete_user(other, permanently=True)
    _, link, _ = await follow(calls, link)
    await control.set_rates(delta_replay_rate=1.0)
    rows, link, _ = await follow(calls, link)
    reasons = [row["@removed"]["reason"] for row in rows if row["id"] == other and "@removed" in row]
    assert sorted(reasons) == ["changed", "deleted"]
    await control.set_rates(delta_replay_rate=0.0)
    assert (await follow(calls, link))[0] == []


async def test_rows_come_in_order_or_shuffled_and_a_round_stays_the_same_over_its_pages(
    calls: Calls, control: Control
) -> None:
    link = await latest(calls)
    changed = people(calls, 30)
    for user_id in changed:
        await control.do(ops.UpdateUser(id=user_id, display_name="Anew"))
    assert [row["id"] for row in (await follow(calls, link))[0]] == changed
    await control.set_rates(delta_shuffle=True, delta_page_size=4)
    ids = [row["id"] for row in (await follow(calls, link))[0]]
    assert ids != changed
    assert sorted(ids) == changed
    await control.set_rates(delta_replay_rate=0.3)
    rows, _, _ = await follow(calls, link)
    ids = [row["id"] for row in rows]
    assert ids != sorted(ids)
    assert set(ids) == set(changed)
    assert len(ids) > len(changed)


# --- how links end ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 404, 410])
async def test_a_delta_link_lives_for_seven_days(calls: Calls, control: Control, status: int) -> None:
    await control.set_rates(delta_expired_status=status)
    link = await latest(calls)
    later(calls, days=6, hours=23)
    _, onward, _ = await follow(calls, link)
    later(calls, hours=2)
    refused = await calls.get(link)
    assert (refused.status, refused.code) == (status, "syncStateNotFound")
    assert "Location" not in refused.headers
    await follow(calls, onward)
    await control.forget_delta("expired")
    assert (await calls.get(onward)).code == "syncStateNotFound"


async def test_a_reset_is_410_and_its_location_starts_anew(calls: Calls, control: Control) -> None:
    link = await latest(calls)
    await control.forget_delta()
    refused = await calls.get(link)
    assert (refused.status, refused.code) == (410, "resyncRequired")
    assert refused.headers["Location"].endswith("/users/delta?$deltatoken=")
    rows, onward, _ = await follow(calls, refused.headers["Location"])
    assert len(rows) == len(calls.graph.world.users)
    assert (await calls.get(onward)).status == 200


async def test_a_page_link_of_delta_expires_too(calls: Calls, control: Control) -> None:
    await control.set_rates(delta_page_size=100)
    onward = (await calls.get(EVERY)).body["@odata.nextLink"]
    later(calls, hours=2)
    refused = await calls.get(onward)
    assert (refused.status, refused.code) == (400, "Directory_ExpiredPageToken")
