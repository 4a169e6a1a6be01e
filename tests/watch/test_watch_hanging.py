"""Users who hang on a finding of the tenant: it opens with them, so that it is told and not they."""

import pytest

from sandbox.graph import skus
from shared.notify.deciding.decide import decide
from shared.notify.deciding.routing import DEFAULT
from shared.notify.deciding.scene import Scene as Surroundings
from shared.notify.deciding.scene import Telling
from shared.notify.deciding.states import Reason
from shared.notify.table import RouteMemory, Table, apply
from shared.watch.tenant_facts import facts
from tests.watch.conftest import Opener
from tests.watch.scene import Scene, Worker

pytestmark = pytest.mark.real

SETTING = "PASSWORD_WRITEBACK"
BOOK = r"^ledger/.*/tenant$"


@pytest.fixture
async def cloud_only(open_scene: Opener) -> Scene:
    """A tenant without one synchronised user, whose owner did not say whether writeback is on."""
    scene = await open_scene(**{SETTING: "unknown"})
    for user in scene.world.users:
        scene.world.update_user(user, synced=False)
    return scene


async def synchronised(scene: Scene) -> str:
    """A new synchronised user with Office 365 alone: whether that will do hangs on the setting."""
    user = await scene.control.add_user("First", synced=True)
    await scene.control.set_free_seats(skus.O365_E3, 10)
    await scene.control.assign(user, skus.O365_E3)
    return user


async def asked(watch: Worker) -> list[tuple[str, object]]:
    """What the journal says of the setting."""
    return [
        (line.transition, line.facts["users"])
        for line in await watch.lines(watch.settings.tenant_id)
        if (line.kind, line.subject.about) == ("setting-needed", SETTING)
    ]


async def test_the_first_user_who_hangs_on_a_setting_opens_its_finding_with_the_count_and_is_muted(
    cloud_only: Scene,
) -> None:
    scene, watch = cloud_only, cloud_only.watch
    await scene.begin()
    assert await asked(watch) == []
    user = await synchronised(scene)
    await scene.look_at(user)
    assert (await watch.record(user)).verdict.cause == "writeback-unknown"
    assert await asked(watch) == [("opened", 1)]
    [own] = [line for line in await watch.lines(user) if line.kind == "coverage"]
    told = RouteMemory(baseline_told_at=(await watch.tenant()).baseline_ended_at)
    table = Table(routes={DEFAULT: told})
    for book in await watch.ledger.books():
        table = apply(table, book, [one async for one in watch.ledger.read_journal(book)], watch.now())
    scene.clock.pass_by(hours=1)
    ended = (await watch.tenant()).baseline_ended_at
    seen = Surroundings(now=scene.clock.now(), baseline_ended_at=ended)
    silence = decide(table, watch.rules.mutes, Telling(), seen).why(own.finding)
    assert silence is not None
    assert (silence.reason, silence.by) == (Reason.MUTED, "setting-needed")


async def test_the_next_user_who_hangs_on_it_is_counted_with_the_next_reading_of_facts(
    cloud_only: Scene,
) -> None:
    scene, watch = cloud_only, cloud_only.watch
    await scene.begin()
    await scene.look_at(await synchronised(scene))
    user = await synchronised(scene)
    writes = len(scene.proxy.seen("PUT", BOOK))
    await scene.look_at(user)
    assert len(scene.proxy.seen("PUT", BOOK)) == writes
    scene.clock.pass_by(minutes=2)
    await facts.refresh(watch)
    totals = (await watch.tenant()).totals
    assert totals is not None
    assert totals.hanging[f"setting-needed|{SETTING}"] == 2


async def test_nobody_is_counted_before_everybody_was_read(cloud_only: Scene) -> None:
    scene, watch = cloud_only, await cloud_only.ready()
    user = await synchronised(scene)
    await scene.look_at(user)
    assert (await watch.record(user)).verdict.cause == "writeback-unknown"
    assert (await watch.tenant()).totals is None
    assert await asked(watch) == []
