"""Messages that failed too often: taken up again as they were, and told where that does not help (§4.6)."""

import pytest

from sandbox.stage import TOPIC_URL
from shared.storage import Queue
from shared.watch import details
from shared.watch.hearing import calls, subscriptions
from shared.watch.messages import (
    GONE,
    HEARD,
    SWEEP,
    CallCounts,
    LifecycleEvent,
    Seen,
    read_changed,
    read_step,
    write_calls,
    write_changed,
    write_lifecycle,
    write_step,
)
from shared.watch.users import poison, sweep
from tests.watch.scene import Scene
from tests.watch.test_watch_delta import round_, state_of
from tests.watch.test_watch_sweep_faults import told

pytestmark = pytest.mark.real


async def test_what_failed_too_often_is_taken_up_again_as_it_was_and_counted(known: Scene) -> None:
    aside = known.storage.poison("changed-users")
    at = known.clock.now()
    gone, heard = sorted(known.world.users)[:2]
    texts = [
        *write_changed(at, users=[gone], why=GONE, look=2),
        *write_changed(at, users=[heard]),
    ]
    for text in (*texts, "not to be read"):
        await aside.send(text)
    asked = await round_(known)
    assert [(one.users, one.why, one.look) for one in asked] == [((gone,), GONE, 2), ((heard,), HEARD, 1)]
    assert await aside.length() == 1
    assert (await state_of(known.watch)).poison == 2
    assert await told(known.watch) == [("opened", "poison")]
    await round_(known)
    assert await told(known.watch) == [("opened", "poison")], "hidden for a moment is not gone"


@pytest.mark.parametrize("delivery", ["webhook", "eventgrid"])
async def test_an_event_that_was_put_aside_is_taken_up_again_whichever_way_notifications_come_by_now(
    known: Scene, delivery: str
) -> None:
    user = sorted(known.world.users)[0]
    [text] = write_changed(known.clock.now(), users=[user])
    await known.storage.poison("heard").send(text)
    await known.restarted(DELIVERY=delivery, EVENTGRID_URL=TOPIC_URL)
    asked = await round_(known)
    assert await known.storage.poison("heard").length() == 0
    collected = [message.text for message in await known.storage.heard.receive()]
    assert ([one.users for one in asked], collected) == (
        ([], [text]) if delivery == "eventgrid" else ([(user,)], [])
    )


async def test_what_is_put_aside_round_after_round_is_told_until_it_is_not(known: Scene) -> None:
    [text] = write_changed(known.clock.now(), users=[sorted(known.world.users)[0]])
    aside = known.storage.poison("changed-users")
    for before in range(5):
        assert await told(known.watch) == ([] if before < poison.ROUNDS_TOLD else [("opened", "poison")])
        await aside.send(text)
        [again] = await round_(known)
        before_it = read_changed(text)
        assert (again.users, again.since) == (before_it.users, before_it.at)
    assert "changed-users" in (await known.watch.tenant()).unwell["poison"]
    for _ in range(2):
        await round_(known)
        assert await told(known.watch) == [("opened", "poison")], "it may come back still"
    known.clock.pass_by(hours=1)
    await round_(known)
    assert await told(known.watch) == [("opened", "poison"), ("resolved", "poison")]


async def test_many_messages_of_one_short_trouble_are_no_row_of_rounds(known: Scene) -> None:
    state = await state_of(known.watch)
    for user in sorted(known.world.users)[:5]:
        [text] = write_changed(known.clock.now(), users=[user])
        await known.storage.poison("changed-users").send(text)
        state = await poison.take_up(known.watch, state)
        known.clock.pass_by(seconds=10)
    assert (state.poison, state.aside["changed-users"].rounds) == (5, 1)
    assert await told(known.watch) == []


async def test_graphs_word_and_counts_of_calls_that_failed_too_often_are_answered_after_all(
    known: Scene,
) -> None:
    at = known.clock.now()
    event = LifecycleEvent(subscription="0f3ab5c8-0000-4000-8000-000000000000", event="missed")
    texts = [
        write_lifecycle([event], at),
        write_calls(CallCounts(classes={"forged": Seen(3, at)})),
    ]
    for text in texts:
        await known.storage.poison("sweeps").send(text)
    await round_(known)
    steps = known.watch.steps()
    assert sorted(map(str, steps)) == sorted(str(read_step(text)) for text in texts)
    assert await known.storage.poison("sweeps").length() == 0
    [counted] = [step.calls for step in steps if step.calls]
    await calls.take(known.watch, counted)
    [heard] = [step for step in steps if step.lifecycle]
    await subscriptions.answer(known.watch, heard.lifecycle, heard.at)
    assert (await state_of(known.watch)).poison == 2


async def test_a_step_that_was_put_aside_is_dropped_and_the_reading_asks_for_it_itself(known: Scene) -> None:
    watch = known.watch
    await sweep.start_again(watch, "tests")
    [step] = watch.steps()
    await known.empty_queues()
    aside = watch.storage.poison("sweeps")
    await aside.send(write_step(SWEEP, step.id, step.step))
    await aside.send(write_step(SWEEP, "0" * 32, 7))
    await round_(known)
    assert watch.steps() == []
    assert await aside.length() == 0
    assert await sweep.start_if_due(watch)
    assert watch.steps() == [step]


async def test_several_queues_are_one_finding_that_names_each_until_all_are_empty(known: Scene) -> None:
    async def noted() -> str:
        return details.for_the_log((await known.watch.tenant()).unwell["poison"])

    queues = {name: known.storage.poison(name) for name in poison.QUEUES}
    for queue in queues.values():
        await queue.send("not to be read")
    await round_(known)
    assert await noted() == ", ".join(f"{name}-poison can't be read" for name in poison.QUEUES)
    # As a person does: looks, finds the cause, deletes the message.
    await forget(queues["sweeps"])
    await forget(queues["heard"])
    await round_(known)
    assert await noted() == "changed-users-poison can't be read"
    assert await told(known.watch) == [("opened", "poison")], "one card, whatever becomes of its parts"
    await forget(queues["changed-users"])
    await round_(known)
    assert await told(known.watch) == [("opened", "poison"), ("resolved", "poison")]


async def forget(queue: Queue) -> None:
    """Delete everything in it, hidden or not: a purge, as the portal's."""
    await queue._client.clear_messages()


async def test_a_step_that_can_not_be_read_stays_for_a_person_and_is_told_with_its_queue(
    known: Scene,
) -> None:
    await known.storage.poison("sweeps").send("not to be read")
    for _ in range(2):
        await round_(known)
        assert await told(known.watch) == [("opened", "poison")]
        noted = (await known.watch.tenant()).unwell["poison"]
        assert details.for_the_log(noted) == "sweeps-poison can't be read"
    assert await known.storage.poison("sweeps").length() == 1
    for message in await known.storage.poison("sweeps").receive(hidden=1):
        await known.storage.poison("sweeps").delete(message)
