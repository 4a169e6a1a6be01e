"""A release in place of a newer one: what that wrote is refused and left as it is, and all are told why."""

from collections.abc import Collection
from contextlib import AsyncExitStack

import pytest
from azure.storage.blob.aio import BlobServiceClient

from shared.ledger.journal import JournalLine
from shared.storage import NewerSchema, Storage, versions
from shared.watch import access, housekeeping, reports
from shared.watch.messages import SWEEP, ReadingStep
from shared.watch.users import poison, sweep
from shared.watch.users.delta_state import Delta
from shared.watch.wellbeing import health
from tests.upgrade.recorded import FIXTURE_NAMES, recorded, scene_of
from tests.upgrade.test_upgrade_story import everybody, open_findings
from tests.watch.cards import Cards
from tests.watch.scene import Scene, sweep_of
from tests.watch.timers import TIMERS

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

LEFT = recorded(FIXTURE_NAMES[-1])
"""What the last release that there is a fixture of has left."""

NEWER = "A newer release has written what this one can't read"
LATER = 99


async def relabel(account: str, kinds: Collection[str], number: int = 0) -> None:
    """Have all blobs of these kinds written by a release that knows that number; 0: by this one."""
    async with BlobServiceClient.from_connection_string(account) as service:
        for name in ("ledger", "evidence"):
            client = service.get_container_client(name)
            async for one in client.list_blobs(include=["metadata"]):
                kind = versions.what_is(name, one.name)
                if kind in kinds:
                    metadata = {**(one.metadata or {}), versions.LABEL: str(number or versions.KNOWN[kind])}
                    await client.get_blob_client(one.name).set_blob_metadata(metadata)


async def state(storage: Storage) -> dict[str, str]:
    """The ETag of every blob, locks aside."""
    containers = {"ledger": storage.ledger, "alerts": storage.alerts, "evidence": storage.evidence}
    return {
        f"{name}/{one.name}": one.etag
        for name, container in containers.items()
        async for one in container.names("")
        if versions.what_is(name, one.name) not in versions.EMPTY
    }


async def run_everything(scene: Scene) -> set[str]:
    """Every timer once, and housekeeping: those that came upon something newer. Other errors are errors."""
    met = set()
    for job in (*TIMERS, housekeeping.keep_house):
        try:
            await job(await scene.watch.ready())
        except NewerSchema:
            met.add(job.__module__.rpartition(".")[2])
    return met


async def test_where_all_is_newer_nothing_at_all_is_changed_and_whoever_asks_is_told_why(
    storage_account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with AsyncExitStack() as stack:
        scene = await scene_of(LEFT, storage_account, stack)
        for name, value in scene.running.environment.items():
            monkeypatch.setenv(name, value)
        # The manifest is written once, so that is as old as the ledger.
        await relabel(storage_account, versions.KNOWN.keys() - {"ledger/manifest"}, LATER)
        before = await state(scene.storage)
        cards = Cards(scene)
        for _ in range(2):
            scene.clock.pass_by(hours=30)
            met = await run_everything(scene)
            assert {"upkeep", "registration", "subscriptions", "sweep", "delta", "housekeeping"} <= met
            with pytest.raises(NewerSchema):
                await cards.notifier.tell(scene.clock.now())
            with pytest.raises(NewerSchema):
                await scene.look_at(LEFT.play["late"])
        assert await state(scene.storage) == before
        assert cards.teams.titles == []
        seen = await health.look(scene.watch)
        assert seen.status == "unwell"
        [problem] = seen.problems
        assert f"is of schema {LATER}, and this release knows 1" in problem
        assert "Deploy that release again (docs/runbook.md, Going back)" in problem
        monkeypatch.setattr(access, "access_of", lambda *_: access.Access.DETAIL)
        for ask in (reports.page, reports.csv, reports.json):
            said = await reports.answer(scene.watch, {}, {}, ask)
            assert said.status == 503
            assert f"is of schema {LATER}" in said.body.decode()


async def test_where_only_users_are_newer_a_card_says_so_none_tells_of_many_and_the_remedy_ends_it(
    storage_account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with AsyncExitStack() as stack:
        scene = await scene_of(LEFT, storage_account, stack)
        for name, value in scene.running.environment.items():
            monkeypatch.setenv(name, value)
        opened = open_findings(await everybody(await scene.watch.ready()))
        await scene.restarted()
        await relabel(storage_account, ["ledger/*/users"], LATER)
        before, cards = await state(scene.storage), Cards(scene)
        assert {"upkeep", "errors"} <= await run_everything(scene)
        with pytest.raises(NewerSchema):
            await take_sweep(scene)
        assert sorted(await cards.after(minutes=30)) == [NEWER, "Licences that fail have not been looked at"]
        after = await state(scene.storage)
        assert {name for name in before if "/users/" in name and before[name] != after[name]} == set()
        assert {line.subject.type for line in await lines_since(scene)} == {"tenant"}
        assert (await sweep_of(scene.watch)).ended_at is None, "by half a reading nobody is gone"
        await relabel(storage_account, ["ledger/*/users"])
        await scene.restarted()
        scene.clock.pass_by(minutes=20)
        assert await run_everything(scene) == set()
        await take_sweep(scene)
        scene.clock.pass_by(minutes=20)
        await run_everything(scene)
        titles = await cards.after(minutes=30)
        assert "Fixed: The watch can read all of its storage again" in titles
        assert open_findings(await everybody(scene.watch)) >= opened


async def take_sweep(scene: Scene) -> None:
    """The steps that are due of the reading that is under way, to its end."""
    while (due := await sweep_of(scene.watch)).ended_at is None:
        await sweep.take_step(scene.watch, ReadingStep(reading=SWEEP, id=due.id, step=due.step))


async def lines_since(scene: Scene) -> list[JournalLine]:
    """What the journal got since the release before was stopped."""
    return [
        line
        for book in await scene.watch.ledger.books()
        if book == "tenant"
        async for _, lines in scene.watch.ledger.read_journal(book)
        for line in lines
        if line.at > LEFT.made_at
    ]


async def test_messages_of_a_newer_release_stay_with_the_poison_and_are_told(
    storage_account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with AsyncExitStack() as stack:
        scene = await scene_of(LEFT, storage_account, stack)
        for name, value in scene.running.environment.items():
            monkeypatch.setenv(name, value)
        watch = await scene.watch.ready()
        text = '{"schema":2,"people":["a"]}'
        for name in poison.QUEUES:
            await watch.storage.poison(name).send(text)
        state = await poison.take_up(watch, Delta())
        assert state.poison == 0
        assert {name for name, one in state.aside.items() if one.unreadable} == set(poison.QUEUES)
        assert [await watch.storage.poison(name).length() for name in poison.QUEUES] == [1, 1, 1]
        assert "poison" in (await watch.tenant()).unwell
