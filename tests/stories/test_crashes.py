"""The host process is killed at every step between verdict and card: nothing is lost, a card may come twice.

Each story: a synced user loses the licence for writeback, the process dies at one point, a new one starts.
"""

import pytest

from sandbox.graph import skus
from sandbox.storage_proxy import Match, Rule
from sandbox.teams import Posted
from tests.stories.theatre import Theatre, theatre

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

LEDGER = r"^ledger/.*/users/"
# Where the process dies: the request that it was making, whether Azurite took that, which one of its kind.
POINTS = {
    "ledger written, answer lost": (Match("PUT", LEDGER, nth=1), True),
    "after ledger, before journal": (Match("PUT", r"^alerts/", nth=1), False),
    "after journal, before enqueue": (Match("POST", r"^journal/messages", nth=1), False),
    "after enqueue, before clear": (Match("PUT", LEDGER, nth=2), False),
}


async def broken_and_killed(play: Theatre, arm: Rule) -> str:
    """Take the licence away, wait until the process is dead, start another; gives the user's id."""
    user = play.stage.world.cast["synced_with_ems"]
    await play.stage.control.unassign(user, skus.EMS_E3)
    await play.stage.host.ended()
    assert arm.hits == 1
    await play.stage.restart_host()
    return user


async def expect_told_and_written_once(play: Theatre, user: str) -> None:
    await play.until("the card", lambda: play.told("S7"))
    await play.until("the outboxes are clear", lambda: _drained(play))
    lines = await play.lines(user)
    assert [(line.transition, line.state) for line in lines] == [("opened", "writeback-uncovered")]
    assert (await play.record(user)).verdict.state == "writeback-uncovered"


async def _drained(play: Theatre) -> bool:
    for book in await play.ledger.books():
        held = await (play.ledger.read_tenant() if book == "tenant" else play.ledger.read_shard(book))
        if held.record.outbox:
            return False
    return True


@pytest.mark.parametrize("point", POINTS)
async def test_a_transition_survives_the_process_and_is_in_the_journal_once(
    storage_account: str, point: str
) -> None:
    async with theatre(storage_account) as play:
        await play.baseline()
        match, after = POINTS[point]
        rule = play.proxy.kill(match, play.stage.host.pid, after=after)
        user = await broken_and_killed(play, rule)
        await expect_told_and_written_once(play, user)
        assert await play.told("S7") >= 1


async def test_a_card_that_was_sent_but_not_remembered_is_sent_again_and_never_lost(
    storage_account: str,
) -> None:
    armed: list[Rule] = []

    async with theatre(storage_account) as play:
        await play.baseline()

        def on_card(posted: Posted) -> None:
            if not armed:
                match = Match("PUT", r"^ledger/.*/telling", nth=1)
                armed.append(play.proxy.kill(match, play.stage.host.pid, after=False))

        play.on_card.append(on_card)
        user = play.stage.world.cast["synced_with_ems"]
        await play.stage.control.unassign(user, skus.EMS_E3)
        await play.stage.host.ended()
        assert await play.told("S7") == 1
        await play.stage.restart_host()
        await play.until("the card again", lambda: _twice(play), 120)
        assert len(await play.lines(user)) == 1


async def _twice(play: Theatre) -> bool:
    return await play.told("S7") >= 2
