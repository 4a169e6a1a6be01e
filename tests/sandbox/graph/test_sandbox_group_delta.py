"""`/groups/delta` over HTTP: groups with the members that came and went, in slices."""

from typing import Any

import pytest

from sandbox.graph import operations as ops
from sandbox.graph import skus
from sandbox.graph.control import Control
from sandbox.graph.world import Refused
from tests.sandbox.graph.calls import Calls, token_of
from tests.sandbox.graph.test_sandbox_delta import follow, latest, people

EVERY = "/groups/delta?$select=id,displayName,assignedLicenses,members"
LATEST = EVERY + "&$deltatoken=latest"


def members(rows: list[dict[str, Any]], group: str) -> dict[str, str]:
    """Member id to `here` or the reason of its removal, over all slices of a group."""
    return {
        entry["id"]: entry.get("@removed", {}).get("reason", "here")
        for row in rows
        if row["id"] == group
        for entry in row.get("members@delta", ())
    }


async def test_every_group_comes_with_its_members_in_slices_over_pages(
    calls: Calls, control: Control
) -> None:
    await control.set_rates(delta_page_size=2, delta_members_per_row=30)
    rows, _, pages = await follow(calls, EVERY)
    world = calls.graph.world
    assert {row["id"] for row in rows} == world.groups.keys()
    for group in world.groups.values():
        assert members(rows, group.id).keys() == group.members | group.nested
    large = world.cast["group_m365_e3"]
    slices = [row["members@delta"] for row in rows if row["id"] == large]
    assert len(slices) == -(-len(world.groups[large].members) // 30) > 1
    assert sum(large in page.ids for page in pages) > 1
    (everyone,) = [row for row in rows if row["id"] == world.cast["group_sspr"]]
    assert {entry["@odata.type"] for entry in everyone["members@delta"]} == {"#microsoft.graph.group"}
    empty = await control.add_licensing_group("Nobody", [])
    rows, _, _ = await follow(calls, EVERY)
    assert [row for row in rows if row["id"] == empty] == [
        {"id": empty, "displayName": "Nobody", "assignedLicenses": []}
    ]


async def test_members_who_came_and_went_are_told_of_the_group(calls: Calls, control: Control) -> None:
    link = await latest(calls, LATEST)
    group = calls.graph.world.cast["group_emergency"]
    one, other, third = people(calls, 3)
    inner = await control.add_licensing_group("Inner", [])
    await control.add_members(group, one, other, inner)
    await control.remove_members(group, other, calls.graph.world.cast["emergency"])
    rows, link, _ = await follow(calls, link)
    assert members(rows, group) == {
        one: "here",
        inner: "here",
        other: "deleted",
        calls.graph.world.cast["emergency"]: "deleted",
    }
    await control.add_members(group, third)
    rows, _, _ = await follow(calls, link, Prefer="return=minimal")
    assert [row.keys() for row in rows] == [{"id", "members@delta"}]
    assert members(rows, group) == {third: "here"}


async def test_members_are_tracked_by_default_and_not_if_not_selected(calls: Calls, control: Control) -> None:
    plain = await latest(calls, "/groups/delta?$deltatoken=latest")
    lean = await latest(calls, "/groups/delta?$deltatoken=latest&$select=id,assignedLicenses")
    group, one = calls.graph.world.cast["group_emergency"], people(calls, 1)[0]
    await control.add_members(group, one)
    rows, _, _ = await follow(calls, plain)
    assert members(rows, group) == {one: "here"}
    rows, lean, _ = await follow(calls, lean)
    assert rows == []
    await control.do(ops.SetGroupLicences(group=group, licences={skus.EMS_E3: ()}))
    (row,), _, _ = await follow(calls, lean)
    assert row == {"id": group, "assignedLicenses": [{"skuId": skus.EMS_E3, "disabledPlans": []}]}


@pytest.mark.parametrize("told", [True, False])
async def test_a_soft_deleted_member_stays_and_a_purged_one_is_removed_or_never_told(
    calls: Calls, control: Control, told: bool
) -> None:
    await control.set_rates(purged_members_in_delta=told)
    group, one = calls.graph.world.cast["group_emergency"], people(calls, 1)[0]
    await control.add_members(group, one)
    link = await latest(calls, LATEST)
    await control.delete_user(one)
    assert (await follow(calls, link))[0] == []
    assert members((await follow(calls, EVERY))[0], group)[one] == "here"
    await control.delete_user(one, permanently=True)
    rows, _, _ = await follow(calls, link)
    assert members(rows, group) == ({one: "deleted"} if told else {})


async def test_a_deleted_group_is_removed_and_one_that_assigns_licences_is_not_deleted(
    calls: Calls, control: Control
) -> None:
    link = await latest(calls, LATEST)
    licensing, plain = calls.graph.world.cast["group_m365_e3"], calls.graph.world.cast["group_sspr"]
    with pytest.raises(Refused, match="active licenses"):
        await control.do(ops.DeleteGroup(group=licensing))
    outer = await control.add_licensing_group("Outer", [], [plain])
    await control.do(ops.DeleteGroup(group=plain))
    rows, _, _ = await follow(calls, link)
    assert {"id": plain, "@removed": {"reason": "deleted"}} in rows
    assert members(rows, outer) == {plain: "deleted"}
    assert (await calls.get(f"/groups/{plain}")).status == 404


async def test_replays_tell_old_members_again(calls: Calls, control: Control) -> None:
    link = await latest(calls, LATEST)
    group, one = calls.graph.world.cast["group_emergency"], people(calls, 1)[0]
    await control.add_members(group, one)
    await control.remove_members(group, one)
    await control.set_rates(delta_replay_rate=1.0, delta_shuffle=True)
    rows, _, _ = await follow(calls, link)
    said = [members([row], group)[one] for row in rows]
    assert sorted(said) == ["deleted", "deleted", "here"]


async def test_the_links_of_groups_end_like_those_of_users(calls: Calls, control: Control) -> None:
    link = await latest(calls, LATEST)
    await control.forget_delta(kind="groups")
    refused = await calls.get(link)
    assert refused.status == 410
    assert refused.headers["Location"].endswith("/groups/delta?$deltatoken=")
    assert (await calls.get("/users/delta?$deltatoken=latest")).status == 200


async def test_changed_groups_need_a_role_on_members_only(calls: Calls) -> None:
    for role, status in (("GroupMember.Read.All", 200), ("Group.Read.All", 200), ("User.Read.All", 403)):
        assert (await calls.get(LATEST, token=token_of(calls.graph, role))).status == status
