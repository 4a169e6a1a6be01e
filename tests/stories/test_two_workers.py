"""Two host processes work on one shard at a time: no verdict is lost, none is older than what it replaces.

The first worker is stopped in the middle of its write, the second does its work, then the first goes on and
finds that it was overtaken.
"""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from sandbox.graph import skus
from sandbox.host.process import HostProcess
from sandbox.storage_proxy import Hold, Match
from shared.watch.messages import write_changed
from tests.stories.theatre import Theatre, theatre

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

LEDGER = r"^ledger/.*/users/"
# The stories send their own messages; a second look in the middle would be a third worker.
SETTINGS = {"SECOND_LOOK": "10m", "FACTS_AT_MOST_EVERY": "1h", "FACTS_EVERY": "1h"}


@dataclass
class Two:
    """The first worker holds its write and sleeps; the second works.

    `waiting`: messages that were on the queue before, second looks in ten minutes most of them.
    """

    play: Theatre
    waiting: int
    first: HostProcess
    second: HostProcess
    held: Hold

    async def go_on(self) -> None:
        """The first worker wakes up, and its write goes through to storage."""
        os.kill(self.first.pid, signal.SIGCONT)
        self.held.release()


async def look_at(play: Theatre, user: str) -> None:
    for text in write_changed(play.stage.graph.world.now(), users=[user], look=2):
        await play.storage.changed_users.send(text)


@asynccontextmanager
async def overtaken(storage_account: str, user_of: str, **settings: str) -> AsyncIterator[Two]:
    """The first worker has read and judged a user who lost EMS E3, and is stopped before its write."""
    async with theatre(storage_account, {**SETTINGS, **settings}) as play:
        await play.baseline()
        await play.stage.host.stop()
        waiting = await play.storage.changed_users.length()
        only = {"evaluate"}
        async with play.stage.another_host(only=only) as first:
            user = play.stage.world.cast[user_of]
            await play.stage.control.unassign(user, skus.EMS_E3)
            held = play.proxy.hold(Match("PUT", LEDGER, nth=1))
            await look_at(play, user)
            await held.arrived()
            os.kill(first.pid, signal.SIGSTOP)
            try:
                async with play.stage.another_host(only=only) as second:
                    yield Two(play, waiting, first, second, held)
            finally:
                os.kill(first.pid, signal.SIGCONT)


async def test_both_verdicts_are_in_the_ledger_and_each_transition_once(storage_account: str) -> None:
    async with overtaken(storage_account, "synced_with_ems") as two:
        play, world = two.play, two.play.stage.world
        one = world.cast["synced_with_ems"]
        [other] = (await play.stage.control.find_users(skus.M365_E3, synced=True, only=True, limit=1))[:1]
        await play.stage.control.set_enabled(other, False)
        await look_at(play, other)
        await play.until("the second worker's verdict", lambda: _state(play, other, "not-in-reach"))
        await two.go_on()
        # A slow machine may hand the second worker this one's message as well: its verdict is no sign.
        await play.until("the first worker was refused", lambda: _overtaken(play))
        await play.until("the first worker's verdict", lambda: _state(play, one, "writeback-uncovered"))
        assert (await play.record(other)).verdict.state == "not-in-reach"
        assert [line.transition for line in await play.lines(one)] == ["opened"]
        assert await play.lines(other) == []


async def test_an_older_reading_never_overwrites_a_newer_verdict(storage_account: str) -> None:
    async with overtaken(storage_account, "synced_with_ems") as two:
        play = two.play
        user = play.stage.world.cast["synced_with_ems"]
        await play.stage.control.assign(user, skus.EMS_E3)
        before = (await play.record(user)).observed_at
        await look_at(play, user)
        await play.until("the newer reading", lambda: _newer(play, user, before))
        newer = await play.record(user)
        await two.go_on()
        await play.until("the first worker was refused", lambda: _overtaken(play))
        await play.until("its message is done", lambda: _done(two))
        after = await play.record(user)
        assert after.verdict.state == "covered"
        # A slow machine may hand the second worker the first one's message as well: a look later still.
        assert after.observed_at >= newer.observed_at
        assert await play.lines(user) == []


async def test_older_tenant_facts_never_overwrite_a_verdict_by_newer_ones(storage_account: str) -> None:
    async with overtaken(storage_account, "synced_with_ems", REGISTRATION_EVERY="3s") as two:
        play = two.play
        user = play.stage.world.cast["synced_with_ems"]
        newer_facts = (await _generation(play)) + 1
        # Each reading of the registration report is a new generation of facts.
        async with play.stage.another_host(only={"registration", "sweep"}):
            await play.until("newer facts", lambda: _has_facts(play, newer_facts))
        await look_at(play, user)
        await play.until("a verdict by newer facts", lambda: _judged_by(play, user, newer_facts))
        newer = await play.record(user)
        await two.go_on()
        await play.until("the first worker was refused", lambda: _overtaken(play))
        await play.until("its message is done", lambda: _done(two))
        after = await play.record(user)
        assert after.judged_by.generation >= newer.judged_by.generation
        assert after.observed_at >= newer.observed_at
        assert [line.transition for line in await play.lines(user)] == ["opened"]


async def _state(play: Theatre, user: str, state: str) -> bool:
    return (await play.record(user)).verdict.state == state


async def _newer(play: Theatre, user: str, before: object) -> bool:
    return (await play.record(user)).observed_at != before


async def _overtaken(play: Theatre) -> bool:
    return bool(play.proxy.seen("PUT", LEDGER, 412))


async def _done(two: Two) -> bool:
    return await two.play.storage.changed_users.length() <= two.waiting


async def _generation(play: Theatre) -> int:
    facts = (await play.ledger.read_tenant()).record.facts
    return facts.generation if facts else 0


async def _has_facts(play: Theatre, least: int) -> bool:
    return await _generation(play) >= least


async def _judged_by(play: Theatre, user: str, least: int) -> bool:
    return (await play.record(user)).judged_by.generation >= least
