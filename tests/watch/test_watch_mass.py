"""A mass change: everybody is read once more, however often people are told of something meanwhile."""

import pytest

from shared.watch import telling
from shared.watch.messages import SWEEP
from shared.watch.users import sweep
from tests.watch.cards import Cards
from tests.watch.scene import Scene

pytestmark = pytest.mark.real

HELD = "14 users got worse at once: held until it is sure"
CONFIRMED = "Confirmed: 14 users got worse at once"


async def held(scene: Scene) -> Cards:
    """Fourteen of sixty users have lost their licence, it has lasted, and people know that it is held."""
    cards = Cards(scene)
    scene.watch.notifier = cards.notifier
    await cards.after(minutes=1, runs=1)
    group = scene.world.cast["group_m365_e3"]
    members = (await scene.control.group(group))["members"][:14]
    await scene.control.remove_members(group, *members)
    assert await scene.control.settle()
    await scene.look_at(*members)
    await cards.after(minutes=2, runs=2)
    scene.clock.pass_by(minutes=16)
    await telling.tell(scene.watch)
    assert cards.teams.titles[-1] == HELD
    return cards


async def one_step(scene: Scene) -> str:
    """Take the step that is due, and tell people a minute later; of which reading it was, empty if none."""
    steps = scene.watch.take_steps(SWEEP)
    for step in steps:
        await sweep.take_step(scene.watch, step)
    scene.clock.pass_by(minutes=1)
    await telling.tell(scene.watch)
    return steps[0].id if steps else ""


async def test_one_reading_is_ordered_and_its_end_tells_all_of_it(known: Scene, small_steps: None) -> None:
    cards = await held(known)
    taken = []
    while reading := await one_step(known):
        taken.append(reading)
    assert len(taken) > 2
    assert len(set(taken)) == 1
    assert cards.teams.titles[-2:] == [HELD, CONFIRMED]


async def test_a_reading_that_follows_at_once_does_not_hide_the_one_that_has_ended(
    known: Scene, small_steps: None
) -> None:
    cards = await held(known)
    first = await one_step(known)
    await sweep.start_again(known.watch, "tests")
    while await one_step(known) == first:
        assert cards.teams.titles.count(HELD) == 1
    record = await known.watch.tenant()
    assert record.sweep
    assert (record.sweep.why, record.sweep.ended_at) == ("tests", None)
    assert cards.teams.titles[-1] == CONFIRMED
