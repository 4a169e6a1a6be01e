"""Large tenants: a crowd that is a rule is told from objects by nobody, before and after it is changed."""

import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import aiohttp
import msgspec
import pytest

from sandbox.graph import skus, users
from sandbox.graph.crowd import Crowd, Make
from sandbox.graph.crowd_views import CrowdUsers
from sandbox.graph.rates import Rates
from sandbox.graph.records import User
from sandbox.graph.server import serve
from sandbox.graph.tenant import CROWD_FROM, generate
from sandbox.graph.world import Refused, World
from shared.model import USER_SELECT
from tests.sandbox.graph.calls import Calls

SIZE = CROWD_FROM
RATES = Rates(
    notification_latency=(0.0, 0.0),
    licensing_delay=(0.0, 0.0),
    replication_delay=0.0,
    index_lag=0.0,
    throttling=False,
    report_takes_top=True,
    report_page_size=999,
)
REPORT = "/reports/authenticationMethods/userRegistrationDetails"
NAMES = tuple(name for name in users.PROPERTIES if name != "assignedPlans")


def _crowd(world: World) -> CrowdUsers:
    assert isinstance(world.users, CrowdUsers)
    return world.users


@pytest.fixture
def world() -> World:
    """A large tenant, half of it in the scope group."""
    return generate(SIZE, scope_share=0.5, rates=RATES)


@pytest.fixture
async def calls(world: World) -> AsyncIterator[Calls]:
    """Calls of the application in that tenant."""
    async with await serve(world) as running, aiohttp.ClientSession() as session:
        yield Calls(running, session)


async def _rows(calls: Calls, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    link = path
    while link:
        page = (await calls.get(link)).body
        found += page["value"]
        link = page.get("@odata.nextLink", "")
    return found


def _of_each_make(crowd: Crowd) -> Iterable[int]:
    seen: Counter[Make] = Counter()
    for index in range(crowd.size):
        seen[crowd.make(index)] += 1
        if seen[crowd.make(index)] <= 3:
            yield index


def test_a_row_of_the_crowd_is_the_user_rendered_as_an_object(world: World) -> None:
    crowd = _crowd(world).crowd
    for names in (USER_SELECT, NAMES, ("id",), ("displayName",), ()):
        render = partial(_rendered, world, names)
        row = crowd.rows(names, render)
        for index in _of_each_make(crowd):
            assert row(index) == msgspec.json.encode(render(crowd.user(index)))


def _rendered(world: World, names: tuple[str, ...], user: User) -> dict[str, Any]:
    return users.render(world, user, names)


def test_ids_are_guids_of_version_4_that_grow_with_the_number_and_lead_back_to_it(world: World) -> None:
    crowd = _crowd(world).crowd
    ids = [crowd.id_of(index) for index in range(crowd.size)]
    assert ids == sorted(set(ids))
    for index in range(0, crowd.size, 97):
        assert crowd.index_of(ids[index]) == index
        parsed = uuid.UUID(ids[index])
        assert (parsed.version, parsed.variant, str(parsed)) == (4, uuid.RFC_4122, ids[index])
        assert crowd.index_of(ids[index][:-1] + ("0" if ids[index][-1] != "0" else "1")) is None
        assert crowd.index_of(ids[index].upper()) in (None, index)
    assert all(crowd.index_of(named) is None for named in _crowd(world).objects)
    for odd in ("", "x" * 36, f"-{ids[1][1:]}", f"+{ids[1][1:]}", f" {ids[1][1:]}"):
        assert crowd.index_of(odd) is None


def test_the_same_seed_gives_the_same_crowd_and_another_seed_another() -> None:
    now = datetime(2026, 5, 4, tzinfo=UTC)
    one, same, other = (generate(SIZE, seed, clock=lambda: now) for seed in (7, 7, 8))
    for index in (0, 1, 999, 19_000):
        assert _crowd(one).crowd.user(index) == _crowd(same).crowd.user(index)
        assert _crowd(one).crowd.id_of(index) != _crowd(other).crowd.id_of(index)
    assert (one.cast, one.organization.id) == (same.cast, same.organization.id)


def test_the_mix_of_a_crowd_is_that_of_named_users() -> None:
    large, small = generate(60_000), generate(10_000)

    def shares(world: World) -> dict[str, float]:
        counted: Counter[str] = Counter()
        for user in world.users.values():
            counted["synced"] += bool(user.synced)
            counted["disabled"] += not user.account_enabled
            counted["external"] += user.creation_type is not None
            counted["external member"] += user.creation_type is not None and user.user_type == "Member"
            counted["admin"] += user.is_admin
            counted["nowhere"] += user.usage_location is None
            counted["registered"] += bool(user.methods)
            counted.update(f"holds {sku_id}" for sku_id in world.assigned(user))
        return {name: count / len(world.users) for name, count in counted.items()}

    ours, theirs = shares(large), shares(small)
    for name in ours.keys() | theirs.keys():
        assert abs(ours.get(name, 0) - theirs.get(name, 0)) < 0.012, name


def test_exactly_the_share_asked_for_is_in_the_scope_group_whatever_the_size() -> None:
    for size in (1000, SIZE, 50_001):
        world = generate(size, scope_share=0.5)
        assert world.scope == world.cast["group_sspr"]
        members, nested = world.transitive_members(world.scope)
        assert abs(len(members) - size / 2) <= 1
        assert len(nested) == 5
        assert not world.groups[world.scope].members
        assert all(len(world.groups[one].members) > size / 11 for one in nested)
    assert generate(1000).scope == "all"
    with pytest.raises(ValueError, match="between 0 and 1"):
        generate(1000, scope_share=1.5)


async def test_pages_hold_everybody_once_in_order_as_each_is_read_alone(calls: Calls, world: World) -> None:
    select = ",".join(USER_SELECT)
    rows = await _rows(calls, f"/users?$top=999&$select={select}")
    ids = [row["id"] for row in rows]
    assert len(ids) == SIZE
    assert ids == sorted(set(ids)) == list(world.users) == list(world.user_order)
    some = rows[:: SIZE // 19][:20]
    wanted = [
        {"id": str(n), "method": "GET", "url": f"/users/{row['id']}?$select={select}"}
        for n, row in enumerate(some)
    ]
    batch = await calls.send("POST", "/$batch", {"requests": wanted})
    read = {int(answer["id"]): answer["body"] for answer in batch.body["responses"]}
    for number, row in enumerate(some):
        assert {name: value for name, value in read[number].items() if name[0] != "@"} == row
    assert len(_crowd(world).objects) == 1000, "reading made objects of the crowd"


async def test_a_selection_that_no_stencil_serves_gives_the_same_rows(calls: Calls) -> None:
    fast = (await calls.get("/users?$top=999&$select=id,assignedLicenses")).body["value"]
    slow = (await calls.get("/users?$top=999&$select=id,assignedLicenses,assignedPlans")).body["value"]
    assert fast == [{name: row[name] for name in ("id", "assignedLicenses")} for row in slow]
    assert any(row["assignedPlans"] for row in slow)


async def test_counts_and_consumption_agree_with_the_pages(calls: Calls, world: World) -> None:
    counted = await calls.get("/users/$count", ConsistencyLevel="eventual")
    paged = await calls.get("/users?$count=true&$select=id", ConsistencyLevel="eventual")
    assert int(counted.body) == paged.body["@odata.count"] == SIZE
    held: Counter[str] = Counter()
    for row in await _rows(calls, "/users?$top=999&$select=assignedLicenses"):
        held.update(one["skuId"] for one in row["assignedLicenses"])
    sold = (await calls.get("/subscribedSkus")).body["value"]
    assert {row["skuId"]: row["consumedUnits"] for row in sold} == held
    assert all(row["prepaidUnits"]["enabled"] > row["consumedUnits"] for row in sold)


async def test_members_come_in_pages_direct_and_transitive(calls: Calls, world: World) -> None:
    scope = world.groups[world.scope]
    rows = await _rows(calls, f"/groups/{scope.id}/transitiveMembers?$top=999&$select=id")
    kinds = Counter(row["@odata.type"] for row in rows)
    assert kinds == {"#microsoft.graph.user": SIZE // 2, "#microsoft.graph.group": 5}
    found = [row["id"] for row in rows]
    assert found == sorted(set(found))
    direct = []
    for department in sorted(scope.nested):
        part = await _rows(calls, f"/groups/{department}/members?$top=999&$select=id")
        assert {row["id"] for row in part} == set(world.groups[department].members)
        direct += part
    assert {row["id"] for row in direct} == {row["id"] for row in rows if row["@odata.type"].endswith("user")}
    assert {row["id"] for row in await _rows(calls, f"/groups/{scope.id}/members")} == scope.nested


async def test_licences_of_the_crowd_lead_to_its_groups(calls: Calls, world: World) -> None:
    group = world.cast["group_m365_e3"]
    members = {row["id"] for row in await _rows(calls, f"/groups/{group}/members?$top=999&$select=id")}
    rows = await _rows(calls, "/users?$top=999&$select=id,licenseAssignmentStates")
    given = {
        row["id"]
        for row in rows
        if any(state["assignedByGroup"] == group for state in row["licenseAssignmentStates"])
    }
    assert members == given
    errors = {state["error"] for row in rows for state in row["licenseAssignmentStates"]}
    assert errors == {None, "", "None"}


async def test_who_is_changed_shows_the_change_and_nobody_else_does(calls: Calls, world: World) -> None:
    select = ",".join(("userPrincipalName", *USER_SELECT))
    path = f"/users?$top=999&$select={select}"
    before = {row["id"]: row for row in await _rows(calls, path)}
    crowd = _crowd(world).crowd
    both = (skus.O365_E3, skus.EMS_E3)
    licensed = next(i for i in range(crowd.size) if crowd.make(i).direct == both)
    renamed, deleted, purged, restored = (crowd.id_of(licensed + n) for n in (1, 2, 3, 4))
    loser = crowd.id_of(licensed)
    free = world.free_seats(skus.EMS_E3)
    world.set_licences(loser, remove=[skus.EMS_E3])
    world.update_user(renamed, display_name="Somebody Else")
    for gone in (deleted, purged, restored):
        world.soft_delete(gone)
    world.restore(restored)
    world.purge(purged)
    new = world.add_user("New Person", usage_location="NL").id
    after = {row["id"]: row for row in await _rows(calls, path)}
    assert list(after) == sorted(after)
    changed = {one for one in before | after if before.get(one) != after.get(one)}
    assert changed == {loser, renamed, deleted, purged, new}
    assert [held["skuId"] for held in after[loser]["assignedLicenses"]] == [skus.O365_E3]
    assert after[renamed]["displayName"] == "Somebody Else"
    assert not {deleted, purged} & after.keys()
    lost = {skus.EMS_E3} & set(world.assigned(crowd.user(crowd.index_of(deleted) or 0)))
    assert world.free_seats(skus.EMS_E3) >= free + 1 + len(lost)
    assert len(world.users) == SIZE
    assert (await calls.get(f"/users/{deleted}")).status == 404
    assert (await calls.get("/users/$count", ConsistencyLevel="eventual")).body == str(SIZE - 1)
    with pytest.raises(Refused):
        world.user(purged)
    held: Counter[str] = Counter()
    for row in after.values():
        held.update(one["skuId"] for one in row["assignedLicenses"])
    assert {sku_id: world.consumed(sku_id) for sku_id in world.skus} == held


async def test_somebody_of_the_crowd_comes_to_a_group_and_leaves_one(calls: Calls, world: World) -> None:
    crowd = _crowd(world).crowd
    group = world.groups[world.cast["group_m365_e3"]]
    leaver = next(user_id for user_id in group.members if crowd.index_of(user_id) is not None)
    assert world.users[leaver].groups >= {group.id}
    joiner = next(
        crowd.id_of(i) for i in range(crowd.size) if crowd.make(i).direct and crowd.make(i).is_person
    )
    before = world.consumed(skus.M365_E3)
    size = len(group.members)
    world.remove_from_group(group.id, [leaver])
    world.add_to_group(group.id, [joiner])
    assert await calls.graph.simulator.settle(5)
    rows = await _rows(calls, f"/groups/{group.id}/members?$top=999&$select=id")
    ids = {row["id"] for row in rows}
    assert (joiner in ids, leaver in ids, len(ids)) == (True, False, size)
    assert skus.M365_E3 in world.assigned(world.users[joiner])
    assert skus.M365_E3 not in world.assigned(world.users[leaver])
    assert world.consumed(skus.M365_E3) == before


async def test_a_failing_licence_of_the_crowd_is_listed(calls: Calls, world: World) -> None:
    crowd = _crowd(world).crowd
    group = next(group for group in world.groups.values() if skus.M365_E5 in group.licences)
    joiner = next(crowd.id_of(i) for i in range(crowd.size) if crowd.make(i).kind == "admin")
    world.licensing.forced[(group.id, joiner)] = "MutuallyExclusiveViolation"
    world.add_to_group(group.id, [joiner])
    assert await calls.graph.simulator.settle(5)
    rows = await _rows(calls, f"/groups/{group.id}/membersWithLicenseErrors?$select=id")
    assert [row["id"] for row in rows] == [joiner]
    listed = await calls.get("/groups?$filter=hasMembersWithLicenseErrors%20eq%20true")
    assert listed.ids == [group.id]


async def test_the_report_has_all_enabled_accounts_and_says_who_is_in_the_scope_group(
    calls: Calls, world: World
) -> None:
    rows = {row["id"]: row for row in await _rows(calls, f"{REPORT}?$top=999")}
    enabled = {user.id for user in world.users.values() if user.account_enabled}
    assert rows.keys() == enabled == set(world.report.rows)
    members = set(world.transitive_members(world.scope)[0])
    for user in world.users.values():
        if user.id not in enabled:
            continue
        row = rows[user.id]
        may = user.is_admin or (user.id in members and user.external_user_state is None)
        assert (row["isSsprEnabled"], row["isSsprRegistered"]) == (may, bool(user.methods))
        assert (row["userPrincipalName"], row["isAdmin"]) == (user.upn, user.is_admin)
    one = _crowd(world).crowd.id_of(5)
    assert rows[one] == world.report.rows[one]


async def test_the_report_stays_as_it_was_until_it_is_made_anew(calls: Calls, world: World) -> None:
    crowd = _crowd(world).crowd
    index = next(i for i in range(crowd.size) if crowd.make(i).methods == () and crowd.make(i).is_person)
    user_id, gone = crowd.id_of(index), crowd.id_of(index + 1)
    row = dict(world.report.rows[user_id])
    world.update_user(user_id, methods=("mobilePhone",), upn="renamed@harbourline.example")
    world.purge(gone)
    world.set_scope("none")
    for path in (f"{REPORT}/{user_id}", f"{REPORT}/{gone}"):
        assert (await calls.get(path)).status == (200 if gone in world.report.rows else 404)
    stale = {one["id"]: one for one in await _rows(calls, f"{REPORT}?$top=999")}
    assert stale[user_id] == row
    world.report.refresh()
    fresh = {one["id"]: one for one in await _rows(calls, f"{REPORT}?$top=999")}
    assert fresh[user_id]["isSsprRegistered"]
    assert fresh[user_id]["userPrincipalName"] == "renamed@harbourline.example"
    assert gone not in fresh
    assert not any(one["isSsprEnabled"] for one in fresh.values() if not one["isAdmin"])
    filtered = await _rows(calls, f"{REPORT}?$top=999&$filter=isSsprEnabled%20eq%20true")
    assert filtered
    assert all(one["isAdmin"] for one in filtered)


async def test_a_user_of_the_crowd_is_found_by_upn_until_it_is_renamed(calls: Calls, world: World) -> None:
    crowd = _crowd(world).crowd
    for index in _of_each_make(crowd):
        user = crowd.user(index)
        assert crowd.index_of_upn(user.upn.lower()) == index
    user = crowd.user(17)
    assert (await calls.get(f"/users/{user.upn.replace('#', '%23')}")).body["id"] == user.id
    world.update_user(user.id, upn="another@harbourline.example")
    assert (await calls.get(f"/users/{user.upn.replace('#', '%23')}")).status == 404
    assert (await calls.get("/users/another@harbourline.example")).body["id"] == user.id


def test_a_million_users_are_ready_within_seconds() -> None:
    begun = time.process_time()
    world = generate(1_000_000, scope_share=0.5)
    assert time.process_time() - begun < 10
    assert len(world.users) == len(world.user_order) == 1_000_000
    assert len(world.transitive_members(world.scope)[0]) == 500_000
    assert 960_000 < len(world.report.rows) < 990_000
    assert len(_crowd(world).objects) == 1000
