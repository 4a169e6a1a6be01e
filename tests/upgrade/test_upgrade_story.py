"""A release is put in place of another one: it goes on from what that left in storage and on the queues."""

from collections.abc import Mapping
from contextlib import AsyncExitStack

import pytest

from shared.ledger.journal import replay
from shared.ledger.manifest import TENANT
from shared.ledger.records import UserRecord
from shared.ledger.shards import shard_names
from shared.notify.exceptions import agreed
from shared.report.trend import read_trend
from shared.storage import versions
from shared.watch.hearing import collecting
from shared.watch.licensing.groups import evaluate_groups
from shared.watch.messages import REGISTRATION, SWEEP, read_changed, read_step
from shared.watch.reach import registration
from shared.watch.users import sweep
from shared.watch.users.evaluation import evaluate_users
from tests.upgrade.recorded import FIXTURE_NAMES, recorded, scene_of
from tests.watch.cards import Cards
from tests.watch.scene import Scene, Worker, sweep_of
from tests.watch.timers import hours

CHANGED = "Changed: A user can reset a password without the licence for it"

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


async def everybody(watch: Worker) -> dict[str, UserRecord]:
    """All records, tombstones too."""
    found: dict[str, UserRecord] = {}
    for name in shard_names(watch.manifest.shards):
        found |= (await watch.ledger.read_shard(name)).record.users
    return found


async def take_queues(scene: Scene) -> int:
    """Work on every message that lies on the queues, as the host would; how many."""
    watch, taken = scene.watch, 0
    collector = collecting.Collector(gather=0.01)
    for queue in (watch.storage.heard, watch.storage.sweeps, watch.storage.changed_users):
        while messages := await queue.receive(32):
            for message in messages:
                if queue is watch.storage.sweeps:
                    step = read_step(message.text)
                    job = {SWEEP: sweep.take_step, REGISTRATION: registration.take_step}[step.reading]
                    await job(watch, step)
                else:
                    changed = read_changed(message.text)
                    if queue is watch.storage.heard:
                        await collector.take(watch, changed)
                    else:
                        await (evaluate_users if changed.users else evaluate_groups)(watch, changed)
                await queue.delete(message)
                taken += 1
    return taken


def open_findings(records: Mapping[str, UserRecord]) -> set[str]:
    """The ids of all that is open on users."""
    return {one.id for record in records.values() for one in record.open.values()}


async def labels(watch: Worker) -> dict[str, str]:
    """The schema that the blobs of each kind are labelled with; those of a kind are labelled alike."""
    found: dict[str, str] = {}
    for name in ("ledger", "evidence"):
        async for one in getattr(watch.storage, name).names(""):
            if versions.LABEL in one.metadata:
                found[versions.what_is(name, one.name)] = one.metadata[versions.LABEL]
    return found


@pytest.mark.parametrize("version", FIXTURE_NAMES)
async def test_what_an_earlier_release_left_is_taken_up_with_no_mass_card_and_no_finding_lost(
    storage_account: str, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    found = recorded(version)
    async with AsyncExitStack() as stack:
        scene = await scene_of(found, storage_account, stack)
        for name, value in scene.running.environment.items():
            monkeypatch.setenv(name, value)
        watch = await scene.watch.ready()
        before, begun = await everybody(watch), await sweep_of(watch)
        assert len(open_findings(before)) >= 8
        assert begun.phase == "reading", "a reading of all users was under way"
        assert before[found.play["deleted"]].gone_at
        cards = Cards(scene)
        told = {key: one.told for key, one in (await cards.notifier.table()).entries.items() if one.told}
        assert len(told) >= 8
        assert await cards.after(minutes=30) == []
        assert await take_queues(scene) >= len(found.messages)
        ended = await sweep_of(watch)
        assert (ended.id, ended.phase) == (begun.id, "ended"), "what was put aside is judged"
        assert await hours(scene, 2) == set()
        assert await cards.after(minutes=60) == [CHANGED], "of the one whose change nobody had looked at"
        after = await everybody(watch)
        assert open_findings(before) <= open_findings(after)
        table = await cards.notifier.table()
        assert told.keys() <= table.entries.keys()
        assert after[found.play["deleted"]].gone_at == before[found.play["deleted"]].gone_at
        written = await labels(watch)
        assert written.items() <= {key: str(number) for key, number in versions.KNOWN.items()}.items()
        assert {"ledger/*/users", "ledger/*/tenant", "ledger/*/telling", "ledger/*/delta"} <= written.keys()
        # An upgrade is no reason to forget who agreed what, or how things went.
        assert len(await agreed.recall(watch.storage.ledger, watch.settings.tenant_id)) == 2
        assert len(await read_trend(watch.storage.evidence, watch.settings.tenant_id)) >= 2
        assert await whole_journal(watch) >= len(found.blobs("alerts/*/journal"))


async def whole_journal(watch: Worker) -> int:
    """How many blobs the journal has; their numbers have no gap, and replayed they give what is open."""
    count = 0
    for book in await watch.ledger.books():
        lines = []
        numbers = []
        async for number, some in watch.ledger.read_journal(book):
            numbers.append(number)
            lines += some
        assert numbers == list(range(1, len(numbers) + 1)), book
        if book != TENANT:
            users = (await watch.ledger.read_shard(book)).record.users
            assert replay(lines).keys() == open_findings(users)
        count += len(numbers)
    return count
