"""A reading of 50,000 users, killed at twenty moments: it completes, and nothing is lost or doubled.

Twelve kills while pages are read, eight while shards are committed, each at another progress. Where a page
lies is seen in the link that Graph is asked to follow, where a shard lies in its name.
"""

import base64
import bisect
import json
import os
import signal
from collections import Counter

import pytest

from sandbox.graph.simulator import Incoming, Simulator
from sandbox.graph.tenant import generate
from sandbox.stage import QUICK_RATES
from sandbox.storage_proxy import Match
from shared.ledger.records import Sweep
from shared.model import Moment
from tests.stories.theatre import Theatre, theatre

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

USERS = 50_000
PAGE_MOMENTS = (0.01, 0.10, 0.21, 0.33, 0.42, 0.50, 0.60, 0.72, 0.81, 0.86, 0.91, 0.97)
"""Shares of the tenant that have been asked for when the process is killed."""
SHARD_MOMENTS = ("0000", "0004", "0009", "000e", "0010", "0015", "001a", "001f")
"""Of 32 shards, those whose write the process does not survive; every other one reaches storage."""
PATIENT = {"AzureFunctionsJobHost__extensions__queues__maxDequeueCount": "50"}
"""A message that five processes died of is put aside as poison, and taken up ten minutes later."""


class Executioner:
    """Kills the host when Graph is asked for a page beyond a share of the tenant."""

    def __init__(self, simulator: Simulator, order: list[str]) -> None:
        self._count = simulator.count
        self._order = order
        self._victim: int | None = None
        self._share = 2.0
        self.died_at: list[float] = []
        simulator.count = self._counted  # type: ignore[method-assign]  # it sees every call first

    def arm(self, victim: int, share: float) -> None:
        self._victim, self._share = victim, share

    def _counted(self, incoming: Incoming, *, within: Incoming | None = None) -> None:
        self._count(incoming, within=within)
        if self._victim is None or incoming.path != "/users":
            return
        share = self._asked_for(incoming.query.get("$skiptoken"))
        if share >= self._share:
            os.kill(self._victim, signal.SIGKILL)
            self.died_at.append(share)
            self._victim = None

    def _asked_for(self, token: str | None) -> float:
        if token is None:
            return 0.0
        state = json.loads(base64.b64decode(token)[3:])
        return bisect.bisect_right(self._order, state["a"]) / len(self._order)


async def test_a_sweep_that_is_killed_twenty_times_completes_with_nothing_lost_or_doubled(
    storage_account: str,
) -> None:
    world = generate(USERS, rates=QUICK_RATES)
    # Without its permission the report is given up at once; by five pages in ten seconds it takes minutes.
    world.roles = world.roles - {"AuditLog.Read.All"}
    async with theatre(storage_account, PATIENT, world=world) as play:
        executioner = Executioner(play.stage.graph.simulator, list(world.user_order))
        for share in PAGE_MOMENTS:
            executioner.arm(play.stage.host.pid, share)
            await killed(play)
        died_at = executioner.died_at
        assert [share for share, wanted in zip(died_at, PAGE_MOMENTS, strict=True) if share < wanted] == []
        assert len(set(died_at)) == len(PAGE_MOMENTS)
        for number, shard in enumerate(SHARD_MOMENTS):
            rule = play.proxy.kill(
                Match("PUT", rf"^ledger/.*/users/{shard}$", nth=1),
                play.stage.host.pid,
                after=number % 2 == 0,
            )
            await killed(play)
            assert rule.hits == 1
        await play.until("the first reading has ended", lambda: ended(play), 240)
        await nothing_is_lost_or_doubled(play, set(world.user_order))


async def killed(play: Theatre) -> None:
    """Wait for the death, and start another process."""
    await play.stage.host.ended()
    await play.stage.restart_host()


async def ended(play: Theatre) -> Sweep | None:
    record = (await play.ledger.read_tenant()).record
    return record.sweep if record.baseline_ended_at else None


async def nothing_is_lost_or_doubled(play: Theatre, users: set[str]) -> None:
    open_in_ledger: dict[str, str] = {}
    found: set[str] = set()
    async for record in play.ledger.records():
        assert record.gone_at is None
        found.add(record.id)
        open_in_ledger |= {one.id: record.id for one in record.open.values()}
    assert found == users
    told: Counter[str] = Counter()
    open_in_journal: dict[str, str] = {}
    for book in await play.ledger.books():
        numbers = []
        async for number, lines in play.ledger.read_journal(book):
            numbers.append(number)
            for line in lines:
                told[line.id] += 1
                if line.subject.type != "user":
                    continue
                if line.transition is Moment.RESOLVED:
                    del open_in_journal[line.finding]
                else:
                    open_in_journal[line.finding] = line.subject.id
        assert numbers == list(range(1, len(numbers) + 1)), book
    assert [key for key, times in told.items() if times > 1] == []
    assert open_in_journal == open_in_ledger
    assert len(open_in_ledger) > 500
