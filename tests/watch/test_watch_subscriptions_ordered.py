"""Subscriptions as a person orders: all of ours deleted, none made again until that is ordered."""

from datetime import timedelta

import pytest

from sandbox.graph.faults import Fault
from shared.watch import parts, unwell
from shared.watch.hearing import subscriptions
from shared.watch.licensing import group_delta
from shared.watch.messages import CREATE, DELETE, LifecycleEvent
from shared.watch.subscription_memory import recall
from shared.watch.users import delta
from shared.watch.wellbeing.overdue import overdue
from shared.watch.wellbeing.self_watch import last_look, see
from tests.watch.postbox import Postbox
from tests.watch.scene import Scene
from tests.watch.subscribed import LIST, POST, all_is_well, caught_up_by_delta, faults, ids, kept, there

pytestmark = pytest.mark.real

DELETION = "DELETE /subscriptions/{id}"


async def ordered(scene: Scene, order: str) -> None:
    """The order, given now."""
    scene.clock.pass_by(seconds=1)
    await subscriptions.obey(scene.watch, order, scene.clock.now())


async def test_all_of_ours_are_deleted_those_too_that_are_not_recorded(
    heard: Scene, postbox: Postbox
) -> None:
    assert await there(heard, postbox.url) == ["groups", "users"]
    await heard.storage.ledger.delete(f"{heard.watch.settings.tenant_id}/subscriptions")
    await ordered(heard, DELETE)
    assert await there(heard, postbox.url) == []
    memory = await kept(heard)
    assert (memory.records, memory.failed) == ((), ())
    assert memory.left


async def test_none_is_made_again_by_any_timer_or_word_of_graph_until_it_is_ordered(
    heard: Scene, postbox: Postbox
) -> None:
    [users] = [one for name, one in (await ids(heard)).items() if name == "users"]
    await ordered(heard, DELETE)
    created = await heard.calls(POST)
    for _ in range(3):
        heard.clock.pass_by(days=1)
        await subscriptions.keep(heard.watch)
        removed = LifecycleEvent(subscription=users, event="subscriptionRemoved")
        await subscriptions.answer(heard.watch, [removed], heard.clock.now())
    assert await heard.calls(POST) == created
    assert await there(heard) == []
    await ordered(heard, CREATE)
    assert (await kept(heard)).left is None
    await heard.empty_queues()
    await all_is_well(heard, postbox)
    assert await caught_up_by_delta(heard)


async def test_while_there_are_none_that_is_no_fault_and_health_says_why(heard: Scene) -> None:
    await ordered(heard, DELETE)
    for _ in range(4):
        heard.clock.pass_by(days=1)
        await subscriptions.keep(heard.watch)
        await delta.run_if_due(heard.watch)
        seen = await see(heard.watch, await last_look(heard.watch))
        about = {"subscription-missing", "subscriptions-overdue", "notifications-silent"}
        assert not about & set(overdue(seen, heard.watch.settings, heard.clock.now()))
    assert await faults(heard) == {}


async def test_what_stood_in_their_way_is_no_fault_any_more_once_there_shall_be_none(heard: Scene) -> None:
    await unwell.note(heard.watch, {"subscription-users": "permission:", "delta": "x"})
    await ordered(heard, DELETE)
    assert set(await faults(heard)) == {"delta"}


async def test_meanwhile_delta_tells_of_groups_too(heard: Scene) -> None:
    assert not await group_delta.needed(heard.watch)
    await ordered(heard, DELETE)
    heard.clock.pass_by(minutes=16)
    assert await group_delta.look(heard.watch)
    await ordered(heard, CREATE)
    assert not await group_delta.needed(heard.watch)


async def test_one_that_graph_would_not_delete_stays_recorded_and_the_next_run_deletes_it(
    heard: Scene, postbox: Postbox
) -> None:
    await heard.control.fault(Fault(path="/subscriptions/*", method="DELETE", status=403, code="Denied"))
    await ordered(heard, DELETE)
    memory = await kept(heard)
    assert len(memory.records) == len(memory.failed) == 1
    assert len(await there(heard, postbox.url)) == 1
    await subscriptions.keep(heard.watch)
    assert await there(heard, postbox.url) == []
    assert ((await kept(heard)).records, (await kept(heard)).failed) == ((), ())


async def test_an_order_is_followed_once_and_an_older_one_not_at_all(heard: Scene) -> None:
    early = heard.clock.now()
    await ordered(heard, DELETE)
    deleted = await heard.calls(DELETION)
    obeyed = (await kept(heard)).obeyed
    assert obeyed
    for order, at in ((DELETE, obeyed.at), (CREATE, early)):
        await subscriptions.obey(heard.watch, order, at)
    assert await heard.calls(DELETION) == deleted
    assert (await kept(heard)).obeyed == obeyed
    heard.clock.pass_by(hours=1)
    await subscriptions.keep(heard.watch)
    assert (await kept(heard)).obeyed == obeyed


async def test_what_was_obeyed_is_remembered_by_the_runs_that_follow(heard: Scene) -> None:
    await ordered(heard, CREATE)
    obeyed = (await kept(heard)).obeyed
    assert obeyed
    assert (obeyed.order, obeyed.at <= obeyed.done_at) == (CREATE, True)
    heard.clock.pass_by(days=14)
    await subscriptions.keep(heard.watch)
    assert (await kept(heard)).obeyed == obeyed


async def test_an_order_to_create_where_all_is_well_makes_nothing_anew(heard: Scene) -> None:
    before, created = await ids(heard), await heard.calls(POST)
    await ordered(heard, CREATE)
    assert (await ids(heard), await heard.calls(POST)) == (before, created)


async def test_the_list_is_not_read_by_every_run_while_there_are_none(heard: Scene) -> None:
    await ordered(heard, DELETE)
    read = await heard.calls(LIST)
    for _ in range(3):
        heard.clock.pass_by(minutes=15)
        await subscriptions.keep(heard.watch)
    assert await heard.calls(LIST) == read
    heard.clock.pass_by(days=1)
    await subscriptions.keep(heard.watch)
    assert await heard.calls(LIST) == read + 1


async def test_an_order_waits_while_another_worker_looks_after_them(heard: Scene) -> None:
    async with heard.watch.ledger.lock("subscriptions", 60):
        with pytest.raises(parts.Busy):
            await subscriptions.obey(heard.watch, DELETE, heard.clock.now() + timedelta(seconds=1))
    assert (await kept(heard)).left is None


async def test_an_order_before_the_first_run_is_followed(scene: Scene) -> None:
    watch = await scene.watch.ready()
    assert await recall(watch) is None
    await ordered(scene, DELETE)
    await subscriptions.keep(watch)
    assert await there(scene) == []
