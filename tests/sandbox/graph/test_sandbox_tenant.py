"""The generator: the same tenant from the same seed, of any size, with the mix that the demo needs."""

import socket
import time

import pytest

from sandbox.graph import skus
from sandbox.graph.records import User
from sandbox.graph.server import serve
from sandbox.graph.tenant import SEGMENTS, generate
from sandbox.graph.world import World

P1 = skus.PLAN_IDS["AAD_PREMIUM"]


def _image(world: World) -> list[tuple[object, ...]]:
    return [
        (u.id, u.upn, u.account_enabled, u.synced, u.methods, sorted(world.assigned(u)))
        for u in world.users.values()
    ]


def test_the_same_seed_gives_the_same_tenant_and_another_seed_another() -> None:
    one, same, other = generate(200, 7), generate(200, 7), generate(200, 8)
    assert _image(one) == _image(same)
    assert (one.organization.id, one.app_id, one.cast) == (same.organization.id, same.app_id, same.cast)
    assert not one.users.keys() & other.users.keys()


def test_new_objects_never_take_the_id_of_old_ones() -> None:
    world = generate(500)
    before = len(world.users) + len(world.groups)
    for number in range(200):
        world.add_user(f"New {number}")
        world.add_group(f"New {number}")
    assert len(world.users.keys() | world.groups.keys()) == before + 400


@pytest.mark.parametrize("size", [40, 137, 1000])
def test_the_size_is_kept_and_everybody_in_the_cast_fits_the_part(size: int) -> None:
    world = generate(size)
    assert len(world.users) == size
    synced = world.users[world.cast["synced_with_ems"]]
    assert synced.synced is True
    assert synced.account_enabled
    assert {skus.O365_E3, skus.EMS_E3} <= synced.direct.keys()
    assert not any(group.licences for i in synced.groups if (group := world.groups[i]))
    cloud = world.users[world.cast["cloud_with_ems"]]
    assert cloud.synced is None
    assert set(world.assigned(cloud)) == {skus.EMS_E3}
    assert world.users[world.cast["admin"]].is_admin
    assert world.users[world.cast["guest"]].external_user_state == "Accepted"
    for part, user_type in (("pending_guest", "Guest"), ("pending_member", "Member")):
        pending = world.users[world.cast[part]]
        assert (pending.user_type, pending.external_user_state) == (user_type, "PendingAcceptance")
    assert not world.users[world.cast["left"]].account_enabled
    assert world.users[world.cast["sync_account"]].upn.startswith("Sync_")
    assert world.cast["emergency"] in world.groups[world.cast["group_emergency"]].members
    assert (
        world.users[world.cast["synced_with_ems"]].id in world.transitive_members(world.cast["group_sspr"])[0]
    )


def test_too_small_a_tenant_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 40"):
        generate(39)


def test_every_sku_has_a_seat_for_each_holder_and_some_free() -> None:
    world = generate(1000)
    for sku_id in world.skus:
        assert world.free_seats(sku_id) >= 5
    assert world.consumed(skus.M365_E3) > 500


def test_a_thousand_users_have_thirty_to_fifty_with_something_wrong() -> None:
    """Counted without the watch: enabled people of this tenant whom no P1, paid cloud plan or role serves."""
    world = generate(1000)
    cloud = {skus.O365_E3, skus.EMS_E3}

    def wrong(user: User) -> bool:
        if (
            not user.account_enabled
            or user.external_user_state
            or user.is_admin
            or user.upn.startswith("Sync_")
        ):
            return False
        held = world.assigned(user)
        if held.keys() & {skus.TEAMS_ROOMS_PRO, skus.PHONE_RESOURCE}:
            return False
        plans = {
            plan.id for sku_id, off in held.items() for plan in skus.BY_ID[sku_id].plans if plan.id not in off
        }
        return P1 not in plans and (bool(user.synced) or not held.keys() & cloud)

    assert 30 <= sum(wrong(user) for user in world.users.values()) <= 50


def test_the_shares_leave_something_over() -> None:
    assert sum(segment.share for segment in SEGMENTS) <= 1


def test_it_is_fast_enough_for_large_tenants() -> None:
    begun = time.process_time()
    generate(10_000)
    assert time.process_time() - begun < 5


async def test_a_taken_port_is_an_os_error_and_nothing_is_left_running() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="address already in use"):
            await serve(generate(40), port=taken.getsockname()[1])
