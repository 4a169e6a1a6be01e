"""The watch looks after itself: whatever is overdue is one finding, and over when the work is done again."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from functions import telling
from sandbox.graph import skus
from sandbox.storage_proxy import Match
from shared.ledger.manifest import exceptions_path
from shared.ledger.shards import shard_of
from shared.notify.notifier import Told
from shared.watch import details, housekeeping, parts, upkeep
from shared.watch.hearing import calls, subscriptions
from shared.watch.licensing import errors
from shared.watch.licensing.groups import evaluate_groups
from shared.watch.messages import CallCounts, Seen
from shared.watch.parts import Watch
from shared.watch.reach import named_groups, registration
from shared.watch.users import delta, sweep
from shared.watch.users.evaluation import evaluate_users
from shared.watch.wellbeing import self_watch
from tests.telemetry.sdk import collected
from tests.watch.scene import Scene, run_reading, sweep_of
from tests.watch.subscribed import faults, ids
from tests.watch.test_watch_named_groups import excepted
from tests.watch.test_watch_sweep_faults import told

real = pytest.mark.real
Job = Callable[[Watch], Awaitable[Any]]

JOBS: dict[str, Job] = {
    "facts": upkeep.keep_up,
    "registration": registration.refresh_if_due,
    "sweep": sweep.start_if_due,
    "delta": delta.run_if_due,
    "errors": errors.look_if_due,
    "named-groups": named_groups.refresh_if_due,
    "subscriptions": subscriptions.keep,
    "housekeeping": housekeeping.keep_house,
}


async def work(scene: Scene, *dead: str) -> None:
    """Let every job run whose timer is not dead, and all steps and messages that follow."""
    for name, job in JOBS.items():
        if name not in dead:
            await job(scene.watch)
    await run_reading(scene.watch)
    await scene.run_sweep()
    # At once, whatever its delay: how much time passes is for the story to say.
    while messages := scene.watch.changed():
        for changed in messages:
            await (evaluate_users if changed.users else evaluate_groups)(scene.watch, changed)


async def live(scene: Scene, length: timedelta, *dead: str, step: float = 10.0) -> None:
    """Let time pass, with a turn of all jobs and a look of the watch at itself every so many minutes."""
    until = scene.clock.now() + length
    while scene.clock.now() < until:
        scene.clock.pass_by(minutes=step)
        await work(scene, *dead)
        await self_watch.look_if_due(scene.watch)


@pytest.fixture
async def lived(known: Scene) -> Scene:
    """A watch that has worked and looked after itself for an hour."""
    await live(known, timedelta(hours=1))
    assert await told(known.watch) == []
    return known


# --- a dead timer -------------------------------------------------------------------------------------------


@real
@pytest.mark.parametrize(
    ("dead", "quiet", "late"), [("delta", 20, 60), ("errors", 20, 60), ("facts", 110, 200)]
)
async def test_a_dead_timer_is_one_finding_and_when_it_is_back_that_is_resolved(
    lived: Scene, dead: str, quiet: int, late: int
) -> None:
    code = f"{dead}-overdue"
    await live(lived, timedelta(minutes=quiet), dead)
    assert await told(lived.watch) == [], "three intervals are not over"
    await live(lived, timedelta(minutes=late - quiet), dead)
    assert await told(lived.watch) == [("opened", code)]
    assert await faults(lived) == {code: code}
    await lived.restarted()
    await live(lived, timedelta(minutes=50), dead)
    assert await told(lived.watch) == [("opened", code)], "neither twice nor anew after a restart"
    await live(lived, timedelta(minutes=20))
    assert await told(lived.watch) == [("opened", code), ("resolved", code)]
    assert (await lived.watch.tenant()).unwell == {}


@real
async def test_a_dead_timer_is_found_also_while_the_exceptions_cannot_be_read(lived: Scene) -> None:
    path = exceptions_path(lived.watch.settings.tenant_id)
    await lived.watch.storage.ledger.put(path, b"{")
    await live(lived, timedelta(minutes=60), "delta", "named-groups")
    assert "delta-overdue" in (await lived.watch.tenant()).unwell


@real
async def test_groups_that_an_exception_names_and_nobody_reads_are_told_until_they_are_read(
    lived: Scene,
) -> None:
    await excepted(lived, lived.world.cast["group_sspr"])
    await live(lived, timedelta(minutes=50), "named-groups")
    assert await told(lived.watch) == [], "it is known for 40 minutes"
    await live(lived, timedelta(minutes=20), "named-groups")
    assert await told(lived.watch) == [("opened", "named-groups-overdue")]
    await live(lived, timedelta(minutes=20))
    assert await told(lived.watch) == [
        ("opened", "named-groups-overdue"),
        ("resolved", "named-groups-overdue"),
    ]
    assert (await lived.watch.tenant()).unwell == {}


@real
async def test_a_watch_that_comes_back_after_hours_makes_good_what_it_owes_and_tells_nothing(
    lived: Scene,
) -> None:
    lived.clock.pass_by(hours=6)
    assert await self_watch.look_if_due(lived.watch), "the teller's timer is the first to come"
    await live(lived, timedelta(hours=1))
    assert await told(lived.watch) == []
    lived.clock.pass_by(hours=6)
    await live(lived, timedelta(minutes=30), "delta")
    assert await told(lived.watch) == []
    await live(lived, timedelta(minutes=30), "delta")
    assert await told(lived.watch) == [("opened", "delta-overdue")], "but what stays dead is told"


@real
async def test_a_quiet_tenant_is_told_nothing_for_thirty_days(lived: Scene) -> None:
    await live(lived, timedelta(days=30), step=24 * 60)
    assert await told(lived.watch) == []
    assert (await sweep_of(lived.watch)).why == "due"


@real
async def test_where_no_step_of_the_sweep_is_taken_that_is_told(lived: Scene) -> None:
    await sweep.start_again(lived.watch, "tests")
    steps = lived.watch.steps()
    for _ in range(5):
        lived.clock.pass_by(minutes=10)
        for name, job in JOBS.items():
            if name != "registration":
                await job(lived.watch)
        lived.watch.steps()  # Nobody takes them.
        await self_watch.look_if_due(lived.watch)
    assert await told(lived.watch) == [("opened", "sweep-overdue")]
    detail = (await lived.watch.tenant()).unwell["sweep-overdue"]
    assert details.for_the_log(detail).startswith("stands still at step 1 (reading) since ")
    for step in steps:
        await sweep.take_step(lived.watch, step)
    await live(lived, timedelta(minutes=10))
    assert (await told(lived.watch))[1:] == [("resolved", "sweep-overdue")]


@real
async def test_where_no_step_of_the_report_is_taken_that_is_told(lived: Scene) -> None:
    assert await registration.start(lived.watch)
    for _ in range(6):
        lived.clock.pass_by(minutes=10)
        for job in JOBS.values():
            await job(lived.watch)
        await self_watch.look_if_due(lived.watch)
    assert await told(lived.watch) == [("opened", "registration-overdue")]
    await live(lived, timedelta(minutes=10))
    assert (await told(lived.watch))[1:] == [("resolved", "registration-overdue")]


# --- nothing arrives ----------------------------------------------------------------------------------------


@real
async def test_where_every_notification_is_lost_that_is_told_after_a_day_until_one_arrives(
    lived: Scene,
) -> None:
    changed = iter(lived.world.user_order)
    for hours in range(28):
        if hours % 4 == 0:
            user = next(changed)
            await lived.control.set_enabled(user, not lived.world.users[user].account_enabled)
            assert await lived.control.settle()
        await live(lived, timedelta(hours=1), step=30)
        if hours < 22:
            assert await told(lived.watch) == []
    assert await told(lived.watch) == [("opened", "notifications-silent")]
    noted = (await lived.watch.tenant()).unwell["notifications-silent"]
    assert details.for_the_log(noted).startswith("nothing heard since ")
    await lived.restarted()
    came = Seen(1, lived.clock.now())
    await calls.take(lived.watch, CallCounts(subscriptions={(await ids(lived))["users"]: came}))
    await live(lived, timedelta(minutes=30), step=30)
    assert (await told(lived.watch))[1:] == [("resolved", "notifications-silent")]


# --- what else it can find ----------------------------------------------------------------------------------


@real
async def test_news_that_can_not_be_published_are_told_and_over_when_they_are_published(lived: Scene) -> None:
    user = lived.world.cast["synced_with_ems"]
    book = shard_of(user, lived.watch.manifest.shards)
    rule = lived.proxy.answer(Match(method="PUT", path=f"^alerts/.*/{book}/", nth=None), 403)
    await lived.control.unassign(user, skus.EMS_E3)
    with pytest.raises(HttpResponseError):
        await lived.look_at(user)
    assert rule.hits
    for turn in range(6):
        assert turn > 3 or await told(lived.watch) == []
        lived.clock.pass_by(minutes=10)
        with contextlib.suppress(HttpResponseError):
            await work(lived)
        await self_watch.look_if_due(lived.watch)
    assert ("opened", "outbox-stranded") in await told(lived.watch)
    assert (await lived.watch.tenant()).unwell["outbox-stranded"] == book
    lived.proxy.forget_rules()
    assert await lived.watch.ledger.drain() == (book,)
    await live(lived, timedelta(minutes=10))
    assert ("resolved", "outbox-stranded") in await told(lived.watch)


# --- looking never keeps telling back -----------------------------------------------------------------------


@real
async def test_it_looks_every_ten_minutes_and_a_look_that_finds_nothing_new_writes_no_book(
    lived: Scene,
) -> None:
    assert not await self_watch.look_if_due(lived.watch)
    lived.clock.pass_by(minutes=5)
    assert not await self_watch.look_if_due(await lived.another().ready())
    lived.clock.pass_by(minutes=5)
    writes = lived.ledger_writes()
    assert await self_watch.look_if_due(lived.watch)
    assert lived.ledger_writes() == writes


@real
async def test_a_look_that_fails_is_logged_and_tried_again_ten_minutes_later(
    lived: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    rule = lived.proxy.answer(Match(method="GET", path=r"^ledger/.*/subscriptions", nth=1), 403)
    lived.clock.pass_by(minutes=10)
    assert not await self_watch.look_if_due(lived.watch)
    assert rule.hits == 1
    assert "can't look after itself" in caplog.text
    lived.clock.pass_by(minutes=1)
    assert not await self_watch.look_if_due(lived.watch)
    lived.clock.pass_by(minutes=9)
    assert await self_watch.look_if_due(lived.watch)


@real
async def test_a_queue_that_can_not_be_measured_keeps_nothing_from_being_found(
    lived: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    rule = lived.proxy.answer(Match(path="^changed-users-poison", service="Queue", nth=None), 403)
    with collected() as noted:
        await live(lived, timedelta(minutes=60), "delta")
        seen = noted.points()
    assert rule.hits
    assert "the queues can't be measured" in caplog.text
    assert "delta-overdue" in (await lived.watch.tenant()).unwell
    ages = {point.attributes["reading"]: point.value for point in seen["watch.last_reconcile"]}
    assert ages.keys() == {"delta", "facts", "sweep"}
    assert ages["delta"] >= 60 * 60
    assert {point.attributes["queue"] for point in seen["watch.queue_length"]} == {
        "changed-users",
        "sweeps",
        "journal",
    }
    assert "watch.poison" not in seen


class Teller:
    """A watch of which only the notifier works; whatever a look asks for fails, or never answers."""

    def __init__(self, *, hangs: bool) -> None:
        self.told: list[datetime] = []
        self.hangs = hangs
        self.notifier = self

    def now(self) -> datetime:
        return datetime.fromisoformat("2026-11-22T12:00:00Z")

    async def tell(self, now: datetime) -> Told:
        self.told.append(now)
        return Told()

    @property
    def settings(self) -> Any:
        raise RuntimeError("nothing works")

    @property
    def storage(self) -> Any:
        raise RuntimeError("nothing works")


@pytest.mark.parametrize("hangs", [False, True])
async def test_people_are_told_whatever_becomes_of_the_look(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, hangs: bool
) -> None:
    teller = Teller(hangs=hangs)

    async def ready() -> Teller:
        return teller

    async def never(_: Watch) -> None:
        await asyncio.sleep(3600)

    monkeypatch.setattr(parts, "ready", ready)
    if hangs:
        monkeypatch.setattr(self_watch, "LOOK_WITHIN", 0.05)
        monkeypatch.setattr(self_watch, "last_look", never)
    await telling.tell.build().get_user_function()(None)
    assert teller.told == [teller.now()]
    assert "can't look after itself" in caplog.text
