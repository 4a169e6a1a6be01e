"""By Event Grid: subscriptions that name a topic; and from one way of delivery to the other and back."""

import pytest

from sandbox.graph.subscription_operations import AddSubscription, AuthorizePartner
from sandbox.stage import TOPIC_URL
from shared.watch.hearing import subscriptions
from tests.watch.conftest import Opener
from tests.watch.scene import Scene
from tests.watch.subscribed import caught_up_by_delta, faults, ids, kept, there

pytestmark = pytest.mark.real

BY_TOPIC = {"DELIVERY": "eventgrid", "EVENTGRID_URL": TOPIC_URL}
BY_CALL = {"DELIVERY": "webhook", "EVENTGRID_URL": ""}
"""As the templates set it: of the topic there was, the app then knows by its record alone."""


async def both_at(scene: Scene, url: str) -> bool:
    """Whether exactly our two are there, sending there, recorded, with nothing refused."""
    found = (await scene.control.state())["subscriptions"]
    recorded = set((await ids(scene)).values())
    assert (await kept(scene)).failed == ()
    assert await faults(scene) == {}
    return (
        sorted(one["resource"] for one in found) == ["groups", "users"]
        and all(one["notificationUrl"].startswith(url) for one in found)
        and {one["id"] for one in found} == recorded
    )


async def test_both_subscriptions_name_the_topic_and_are_looked_after_as_ever(open_scene: Opener) -> None:
    scene = await open_scene(**BY_TOPIC)
    await scene.begin()
    assert await both_at(scene, TOPIC_URL)
    for one in (await scene.control.state())["subscriptions"]:
        assert one["lifecycleNotificationUrl"] == TOPIC_URL
    before = await ids(scene)
    scene.clock.pass_by(days=14)
    await subscriptions.keep(scene.watch)
    assert await scene.calls("PATCH /subscriptions/{id}") == 2
    assert await ids(scene) == before
    [topic] = (await scene.control.state())["topics"]
    assert topic["name"] == "sspr-license-watch"


async def test_from_calls_to_events_and_back_both_are_made_anew_and_delta_tells_of_the_time_between(
    known: Scene,
) -> None:
    base = known.watch.settings.notification_base_url
    for settings, url in ((BY_TOPIC, TOPIC_URL), (BY_CALL, base), (BY_TOPIC, TOPIC_URL)):
        assert not await both_at(known, url)
        before = await ids(known)
        await known.restarted(**settings)
        await subscriptions.keep(known.watch)
        assert await both_at(known, url)
        assert not set(before.values()) & set((await ids(known)).values())
        assert await caught_up_by_delta(known)


async def test_one_from_before_the_change_is_ours_even_where_it_was_forgotten(known: Scene) -> None:
    await known.restarted(**BY_TOPIC)
    name = f"{known.watch.settings.tenant_id}/subscriptions"
    await known.storage.ledger.delete(name)
    await subscriptions.keep(known.watch)
    assert await both_at(known, TOPIC_URL)


async def test_a_topic_written_otherwise_is_the_same_topic(open_scene: Opener) -> None:
    scene = await open_scene(**BY_TOPIC)
    await scene.begin()
    stray = await scene.control.do(
        AddSubscription(
            notification_url=TOPIC_URL.replace("rg-watch", "RG-Watch"), change_type="updated", minutes=3000
        )
    )
    other = TOPIC_URL.replace("sspr-license-watch", "of-somebody-else")
    foreign = await scene.control.do(
        AddSubscription(notification_url=other, change_type="updated", minutes=3000)
    )
    scene.clock.pass_by(days=1)
    await subscriptions.keep(scene.watch)
    assert sorted(await there(scene)) == ["groups", "users", "users"]
    assert stray["id"] not in str((await scene.control.state())["subscriptions"])
    assert (await kept(scene)).others == (foreign["id"],)


async def test_a_topic_that_cannot_be_had_is_told_as_what_it_is_and_had_once_it_can(
    open_scene: Opener,
) -> None:
    scene = await open_scene(**BY_TOPIC)
    await scene.control.do(AuthorizePartner(authorized=False))
    await scene.begin()
    await subscriptions.keep(scene.watch)
    assert await faults(scene) == {"subscription-users": "topic", "subscription-groups": "topic"}
    await scene.control.do(AuthorizePartner())
    await subscriptions.keep(scene.watch)
    assert await both_at(scene, TOPIC_URL)
