"""The soak's judge finds lies that are planted into a ledger that was right before."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import msgspec

from shared.ledger.ledger import Ledger
from shared.ledger.manifest import TENANT, Paths
from shared.ledger.records import Shard
from shared.ledger.shards import decode, encode
from shared.model import State
from shared.storage import Storage
from tests.oracle.host import in_process
from tests.oracle.run import Play, small_pages
from tests.oracle.truth import Truth
from tests.soak.oracle import Judged, judged

SEED = 3


@dataclass
class Played:
    """A history that was played to its end, its ledger still there."""

    play: Play
    final: Truth

    @property
    def storage(self) -> Storage:
        return self.play.hand.storage

    async def judge(self) -> Judged:
        """With a ledger that remembers nothing of what lay there before."""
        hand = self.play.hand
        ledger = Ledger(self.storage, hand.settings.tenant_id, hand.rules)
        return await judged(ledger, self.play.running.simulator, self.final.at, final=self.final)

    async def shard_with_findings(self) -> Shard:
        """A shard with somebody in it whose finding is open."""
        manifest = await self.play.hand.ledger.manifest()
        assert manifest is not None
        async for listed in self.storage.ledger.names(Paths(manifest).users):
            stored = await self.storage.ledger.read(listed.name)
            assert stored is not None
            shard = decode(stored.data, Shard, listed.name)
            if any(record.open for record in shard.users.values()):
                return shard
        raise AssertionError("nobody has an open finding")

    async def put(self, shard: Shard) -> None:
        """Write it over what was there."""
        manifest = await self.play.hand.ledger.manifest()
        assert manifest is not None
        await self.storage.ledger.put(Paths(manifest).book(shard.name), encode(shard))


@asynccontextmanager
async def played() -> AsyncIterator[Played]:
    with in_process(), small_pages():
        async with AsyncExitStack() as stack:
            play = Play(SEED, stack, "")
            outcome = await play.whole()
            assert outcome.good, outcome.told()
            yield Played(play, await play.truth())


async def test_a_right_ledger_is_found_right_and_each_lie_that_is_planted_into_it_is_found() -> None:
    async with played() as one:
        found = await one.judge()
        assert (found.lost, found.holes) == ((), ())
        assert found.users > 50
        assert found.lines > found.findings > 0
        for lie in (lost_user, wrong_verdict, finding_unknown_to_the_journal, hole_in_the_journal):
            await lie(one)


async def lost_user(one: Played) -> None:
    shard = await one.shard_with_findings()
    lost = next(key for key, record in shard.users.items() if not record.open and not record.gone_at)
    rest = {key: record for key, record in shard.users.items() if key != lost}
    await one.put(msgspec.structs.replace(shard, users=rest))
    found = await one.judge()
    assert [told for told in found.lost if lost in told and "not there" in told], found
    await one.put(shard)


async def wrong_verdict(one: Played) -> None:
    shard = await one.shard_with_findings()
    wrong = next(key for key, record in shard.users.items() if not record.open and not record.gone_at)
    record = shard.users[wrong]
    verdict = msgspec.structs.replace(record.verdict, state=State.UNCOVERED)
    lie = msgspec.structs.replace(record, verdict=verdict)
    await one.put(msgspec.structs.replace(shard, users={**shard.users, wrong: lie}))
    found = await one.judge()
    assert [told for told in found.lost if wrong in told], found
    await one.put(shard)


async def finding_unknown_to_the_journal(one: Played) -> None:
    shard = await one.shard_with_findings()
    key = next(key for key, record in shard.users.items() if record.open)
    record = msgspec.structs.replace(shard.users[key], open={})
    await one.put(msgspec.structs.replace(shard, users={**shard.users, key: record}))
    found = await one.judge()
    assert [told for told in found.holes if key in told], found
    await one.put(shard)


async def hole_in_the_journal(one: Played) -> None:
    names = [listed.name async for listed in one.storage.alerts.names("")]
    second = next(name for name in names if f"/{TENANT}/" not in name and name.endswith("02.ndjson"))
    await one.storage.alerts.delete(second)
    found = await one.judge()
    assert [told for told in found.holes if "its journal ends before 2" in told], found
