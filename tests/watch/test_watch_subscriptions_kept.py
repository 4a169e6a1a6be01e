"""Whatever happens to the subscriptions, within two timer runs all is well and no notification was falsely
refused (design §4.7). What a person must do is in `test_watch_subscriptions_told`."""

import pytest

from sandbox.graph.faults import Fault
from sandbox.graph.service_operations import DropSubscription
from sandbox.graph.subscription_operations import AddSubscription, ExpireSubscription, PauseSubscription
from shared.watch.hearing import subscriptions
from shared.watch.users import delta
from shared.watch.wellbeing import health
from tests.watch.conftest import Opener
from tests.watch.postbox import Postbox
from tests.watch.scene import Scene
from tests.watch.subscribed import (
    GET,
    LIST,
    all_is_well,
    caught_up_by_delta,
    ids,
    is_told_of,
    kept,
    there,
)

pytestmark = pytest.mark.real


# --- deleted, expired ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["deleted", "expired"])
async def test_deleted_or_expired_behind_its_back_they_are_back_after_one_run(
    heard: Scene, postbox: Postbox, how: str
) -> None:
    before = await ids(heard)
    for one in before.values():
        await heard.control.do(DropSubscription(id=one) if how == "deleted" else ExpireSubscription(id=one))
    assert not await is_told_of(heard, postbox, 1)
    lost = heard.world.user_order[1]
    await subscriptions.keep(heard.watch)
    assert not set((await ids(heard)).values()) & set(before.values())
    await all_is_well(heard, postbox)
    # What happened meanwhile is found by the next delta round, however young the last one is.
    assert await caught_up_by_delta(heard)
    assert await delta.run_if_due(heard.watch)
    assert lost in {user for message in heard.watch.changed() for user in message.users}


async def test_after_groups_went_untold_every_group_that_matters_is_looked_at(heard: Scene) -> None:
    licensing = set((await heard.watch.facts()).groups)
    assert licensing
    await heard.control.do(DropSubscription(id=(await ids(heard))["groups"]))
    await subscriptions.keep(heard.watch)
    assert licensing <= {one for message in heard.watch.changed() for one in message.groups}
    assert not await caught_up_by_delta(heard)


# --- duplicated ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resource", "change_type"), [("/users", "updated,deleted"), ("users", "deleted,updated")]
)
async def test_a_second_one_beside_it_is_deleted_and_nobody_is_read_for_it(
    heard: Scene, postbox: Postbox, resource: str, change_type: str
) -> None:
    before = await ids(heard)
    double = AddSubscription(
        notification_url=f"{postbox.url}/api/graph/notifications",
        resource=resource,
        change_type=change_type,
        client_state=heard.watch.settings.client_state,
    )
    await heard.control.do(double)
    assert await is_told_of(heard, postbox)
    assert (postbox.counts["accepted"], postbox.refused()) == (2, {})
    heard.clock.pass_by(minutes=1)
    await postbox.tell_counts(heard, heard.clock.now())
    await subscriptions.keep(heard.watch)
    assert await ids(heard) == before
    await all_is_well(heard, postbox)
    assert not await caught_up_by_delta(heard)


async def test_a_second_one_that_keeps_silent_is_found_within_a_day(heard: Scene, postbox: Postbox) -> None:
    await heard.control.do(
        AddSubscription(
            notification_url=f"{postbox.url}/api/graph/notifications",
            resource="/users",
            client_state="a secret of long ago",
            minutes=3 * 24 * 60,
        )
    )
    await subscriptions.keep(heard.watch)
    assert len(await there(heard)) == 3
    heard.clock.pass_by(hours=24)
    await subscriptions.keep(heard.watch)
    await all_is_well(heard, postbox)


# --- created before its id is known -------------------------------------------------------------------------


async def test_what_a_subscription_tells_before_its_id_is_known_is_taken(
    open_scene: Opener, postbox: Postbox
) -> None:
    scene = await open_scene(NOTIFICATION_BASE_URL=postbox.url)
    postbox.serve(scene)
    await scene.control.set_rates(notify_before_created=True)
    await scene.watch.ready()
    await subscriptions.keep(scene.watch)
    assert postbox.counts["accepted"] == 2
    assert postbox.refused() == {}
    assert postbox.users
    assert postbox.groups


async def test_one_whose_creation_was_answered_by_nobody_tells_all_the_same_and_is_replaced(
    open_scene: Opener, postbox: Postbox
) -> None:
    scene = await open_scene(NOTIFICATION_BASE_URL=postbox.url)
    postbox.serve(scene)
    await scene.watch.ready()
    await scene.control.fault(Fault(path="/subscriptions", method="POST", kind="truncate", count=2))
    await subscriptions.keep(scene.watch)
    assert (await kept(scene)).records == ()
    assert await there(scene) == ["groups", "users"]
    assert await is_told_of(scene, postbox)
    await subscriptions.keep(scene.watch)
    await all_is_well(scene, postbox)


# --- secret rotated -----------------------------------------------------------------------------------------

NEXT = "another-secret-of-these-tests-0123456789"


async def test_a_rotated_secret_refuses_nothing_and_health_says_when_the_old_one_can_go(
    heard: Scene, postbox: Postbox
) -> None:
    old = heard.watch.settings.client_state
    watch = await heard.restarted(CLIENT_STATE=NEXT, CLIENT_STATE_PREVIOUS=old)
    postbox.serve(heard)
    seen = await health.look(watch)
    assert {one["secret"] for one in seen.subscriptions.values()} == {"previous"}
    assert seen.previous_secret.startswith("Keep CLIENT_STATE_PREVIOUS: not under CLIENT_STATE yet: ")
    assert await is_told_of(heard, postbox, 1)
    assert (postbox.counts["previous_secret"], postbox.refused()) == (1, {})
    await postbox.tell_counts(heard, heard.clock.now())
    # One is on its way under the old secret while the subscription is replaced.
    await heard.control.set_rates(notification_latency=(1.0, 1.0))
    await heard.control.set_enabled(heard.world.user_order[2], enabled=False)
    await subscriptions.keep(watch)
    assert await heard.control.settle()
    assert heard.world.user_order[2] in postbox.users
    assert (postbox.counts["previous_secret"], postbox.refused()) == (1, {})
    await heard.control.set_rates(notification_latency=(0.0, 0.0))
    await all_is_well(heard, postbox)
    assert postbox.counts["previous_secret"] == 0
    assert await caught_up_by_delta(heard)
    seen = await health.look(watch)
    assert {one["secret"] for one in seen.subscriptions.values()} == {"current"}
    assert seen.previous_secret.startswith("Keep CLIENT_STATE_PREVIOUS until ")
    heard.clock.pass_by(hours=4, minutes=1)
    advice = (await health.look(watch)).previous_secret
    assert advice.startswith("CLIENT_STATE_PREVIOUS can be removed: no subscription is under it, the last ")


async def test_both_secrets_show_in_nothing_that_is_stored_or_said(heard: Scene, postbox: Postbox) -> None:
    old = heard.watch.settings.client_state
    watch = await heard.restarted(CLIENT_STATE=NEXT, CLIENT_STATE_PREVIOUS=old)
    await subscriptions.keep(watch)
    stored = await heard.storage.ledger.read(f"{watch.settings.tenant_id}/subscriptions")
    assert stored
    said = stored.data.decode() + str((await health.look(watch)).detail())
    assert old not in said
    assert NEXT not in said


# --- lifecycle events ---------------------------------------------------------------------------------------


async def test_one_patch_answers_a_paused_subscription_and_what_was_held_back_comes(
    heard: Scene, postbox: Postbox
) -> None:
    heard.clock.pass_by(minutes=11)
    await heard.control.do(PauseSubscription(id=(await ids(heard))["users"]))
    assert await heard.control.settle()
    assert not await is_told_of(heard, postbox, 1)
    assert await postbox.answer_lifecycle(heard) == 1
    assert await heard.calls("PATCH /subscriptions/{id}") == 1
    assert await heard.control.settle()
    assert heard.world.user_order[1] in postbox.users
    await all_is_well(heard, postbox)


# --- what it costs ------------------------------------------------------------------------------------------


async def test_a_quiet_day_reads_graphs_list_once_and_looks_at_each_subscription_by_its_id(
    heard: Scene,
) -> None:
    before, looked = await heard.calls(LIST), await heard.calls(GET)
    for _ in range(24):
        heard.clock.pass_by(hours=1)
        await subscriptions.keep(heard.watch)
    assert await heard.calls(LIST) == before + 1
    assert await heard.calls(GET) == looked + 48
