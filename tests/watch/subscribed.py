"""What tests of the subscriptions ask: which there are, whether they tell, what was read for them."""

from shared.model import OpenFinding
from shared.watch.subscription_memory import Kept, recall
from shared.watch.users import delta_state
from tests.watch.postbox import Postbox
from tests.watch.scene import Scene

ELSEWHERE = "http://127.0.0.1:9/api/graph/notifications"
LIST, POST, GET = "GET /subscriptions", "POST /subscriptions", "GET /subscriptions/{id}"


async def kept(scene: Scene) -> Kept:
    """What is remembered."""
    found = await recall(scene.watch)
    assert found is not None
    return found


async def ids(scene: Scene) -> dict[str, str]:
    """The recorded subscriptions by resource."""
    return {one.resource: one.id for one in (await kept(scene)).records}


async def there(scene: Scene, url: str = "") -> list[str]:
    """Resources of Graph's own subscriptions; those that send to this address, or all."""
    found = (await scene.control.state())["subscriptions"]
    return sorted(one["resource"] for one in found if one["notificationUrl"].startswith(url))


async def faults(scene: Scene) -> dict[str, str]:
    """The cards that stand about the watch itself: fault to cause."""
    tenant = await scene.watch.tenant()
    standing: dict[str, OpenFinding] = (
        dict(tenant.subjects["tenant"].open) if "tenant" in tenant.subjects else {}
    )
    found = [one.finding for one in standing.values() if one.finding.kind == "watch-unwell"]
    assert {one.about for one in found} == set(tenant.unwell)
    return {one.about: one.cause for one in found}


async def is_told_of(scene: Scene, postbox: Postbox, nth: int = 0) -> bool:
    """Whether a change of a user now is told and taken."""
    user = scene.world.user_order[nth]
    postbox.taken.clear()
    await scene.control.set_enabled(user, not scene.world.users[user].account_enabled)
    assert await scene.control.settle()
    return user in postbox.users


async def all_is_well(scene: Scene, postbox: Postbox) -> None:
    """Our two subscriptions are there and recorded, users are told of, nothing was refused, no card is up."""
    assert await there(scene, postbox.url) == ["groups", "users"]
    assert {one["id"] for one in (await scene.control.state())["subscriptions"]} >= set(
        (await ids(scene)).values()
    )
    assert await is_told_of(scene, postbox)
    assert postbox.refused() == {}
    assert await faults(scene) == {}
    assert (await kept(scene)).failed == ()


async def caught_up_by_delta(scene: Scene) -> bool:
    """Whether a delta round was ordered, and nobody's reading of all users."""
    found = await delta_state.recall(scene.watch)
    assert found
    record = (await scene.watch.tenant()).sweep
    assert record
    assert (record.again, bool(record.ended_at)) == ("", True)
    return found.soon
