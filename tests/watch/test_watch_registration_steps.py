"""The reading of the registration report in steps: one chain, whatever is delivered twice or dies between."""

from datetime import timedelta

import pytest
from azure.core.exceptions import HttpResponseError

from sandbox.graph.faults import Fault
from sandbox.graph.operations import UpdateUser
from sandbox.graph.service_operations import RefreshReport
from sandbox.storage_proxy import Match
from shared.graph.retry import Pace
from shared.model import EvidenceStatus
from shared.watch.messages import REGISTRATION, Changed, ReadingStep
from shared.watch.reach import registration, registration_pages, registration_state
from shared.watch.tenant_facts import facts
from tests.watch.conftest import Opener
from tests.watch.scene import Scene, Worker, read_report, run_reading, standing_rows

pytestmark = pytest.mark.real

REPORT = "GET /reports/authenticationMethods/userRegistrationDetails"
PATH = REPORT.removeprefix("GET ")
STATE = "^evidence/.*/reading/registration"
SPILL = "^evidence/.*/spill/standing/"


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page a step."""
    monkeypatch.setattr(registration_pages, "PAGES_A_STEP", 1)


@pytest.fixture
async def paged(scene: Scene, small_steps: None) -> Scene:
    """A tenant after its baseline whose report has three pages; nothing here goes by the pace of reports."""
    await scene.begin(report=True)
    await scene.control.set_rates(report_page_size=20, report_takes_top=False, throttling=False)
    hurry(scene.watch)
    await scene.empty_queues()
    return scene


def hurry(watch: Worker) -> None:
    """Let the worker ask for pages of the report as fast as it likes."""
    watch.graph.reports = Pace(1000, 1.0, lambda: 0.0, never)


async def never(seconds: float) -> None:
    raise AssertionError("nobody waits here")


async def begun(watch: Worker) -> ReadingStep:
    """The first step of a reading that has begun."""
    assert await registration.start(watch)
    [step] = watch.take_steps(REGISTRATION)
    return step


async def changed_row(scene: Scene) -> str:
    """A user whose row in the report differs from the index now."""
    user = scene.world.cast["synced_with_ems"]
    await scene.control.do(UpdateUser(id=user, is_admin=True))
    await scene.control.do(RefreshReport())
    return user


async def test_each_step_reads_some_pages_and_asks_for_one_next(paged: Scene) -> None:
    watch = paged.watch
    user = await changed_row(paged)
    step = await begun(watch)
    numbers, phases = [step.step], []
    calls = await paged.calls(REPORT)
    while True:
        progress = await registration.progress(watch)
        assert progress is not None
        phases.append(progress.phase)
        await registration.take_step(watch, step)
        steps = watch.take_steps(REGISTRATION)
        if not steps:
            break
        [step] = steps
        numbers.append(step.step)
    assert numbers == list(range(1, len(numbers) + 1))
    # The page size is refused once; then three pages, the index, the evidence.
    assert phases == ["registration", "registration", "registration", "index", "index"]
    assert await paged.calls(REPORT) == calls + 4
    assert (await registration.progress(watch)).phase == "ended"  # type: ignore[union-attr]  # it was there
    assert [one.users for one in watch.changed()] == [(user,)]
    enabled = {one.id for one in paged.world.users.values() if one.account_enabled}
    assert set(await standing_rows(watch)) == enabled
    assert [one async for one in watch.storage.evidence.names(f"{watch.settings.tenant_id}/")]
    left = [
        one.name
        async for one in watch.storage.evidence.names(f"{watch.settings.tenant_id}/")
        if "/spill/" in one.name
    ]
    assert left == []


async def test_a_slow_graph_makes_steps_shorter_and_not_endless(
    paged: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registration_pages, "PAGES_A_STEP", 20)
    step = await begun(paged.watch)
    await registration.take_step(paged.watch, step)
    assert await run_reading(paged.watch) == 2
    monkeypatch.setattr(registration_pages, "STEP_AT_MOST", timedelta(0))
    step = await begun(paged.watch)
    await registration.take_step(paged.watch, step)
    assert await run_reading(paged.watch) == 4


async def test_a_step_that_is_delivered_twice_changes_nothing_and_starts_no_second_chain(
    paged: Scene,
) -> None:
    watch = paged.watch
    user = await changed_row(paged)
    step = await begun(watch)
    told: list[Changed] = []
    while True:
        await registration.take_step(watch, step)
        following, told = watch.take_steps(REGISTRATION), told + watch.changed()
        before = await registration_state.present(watch), await standing_rows(watch), await paged.requests()
        await registration.take_step(watch, step)
        assert watch.take_steps(REGISTRATION) == []
        assert watch.changed() == []
        assert (
            await registration_state.present(watch),
            await standing_rows(watch),
            await paged.requests(),
        ) == before
        if not following:
            break
        [step] = following
    assert [one.users for one in told] == [(user,)]


async def test_a_step_of_another_reading_is_dropped(paged: Scene) -> None:
    watch = paged.watch
    step = await begun(watch)
    requests = await paged.requests()
    await registration.take_step(watch, ReadingStep(reading=REGISTRATION, id="0" * 32, step=step.step))
    await registration.take_step(watch, ReadingStep(reading=REGISTRATION, id=step.id, step=step.step + 1))
    assert await paged.requests() == requests
    assert watch.take_steps(REGISTRATION) == []


@pytest.mark.parametrize("place", [STATE, SPILL])
async def test_a_step_that_dies_before_it_is_kept_is_done_again_by_the_same_message(
    paged: Scene, place: str
) -> None:
    watch = paged.watch
    user = await changed_row(paged)
    step = await begun(watch)
    await registration.take_step(watch, step)
    [second] = watch.take_steps(REGISTRATION)
    paged.proxy.answer(Match("PUT", place), 403)
    with pytest.raises(HttpResponseError):
        await registration.take_step(watch, second)
    assert watch.take_steps(REGISTRATION) == []
    await registration.take_step(watch, second)
    await run_reading(watch)
    assert [one.users for one in watch.changed()] == [(user,)]
    row = (await standing_rows(watch))[user].registration
    assert row is not None
    assert row.is_admin


async def test_a_step_whose_answer_was_lost_knows_its_own_write_again(paged: Scene) -> None:
    watch = paged.watch
    step = await begun(watch)
    paged.proxy.drop_answer(Match("PUT", STATE))
    await registration.take_step(watch, step)
    [following] = watch.take_steps(REGISTRATION)
    assert following.step == step.step + 1


async def test_a_reading_that_nobody_asked_to_go_on_is_woken_once_by_the_timer(paged: Scene) -> None:
    watch = paged.watch
    step = await begun(watch)
    paged.proxy.answer(Match("POST", "^sweeps/messages"), 403)
    with pytest.raises(HttpResponseError):
        await registration.take_step(watch, step)
    await registration.take_step(watch, step)
    assert watch.take_steps(REGISTRATION) == []
    paged.clock.pass_by(minutes=9)
    assert not await registration.refresh_if_due(watch)
    paged.clock.pass_by(minutes=2)
    progress = await registration.progress(watch)
    assert progress is not None
    assert progress.stalled
    assert await registration.refresh_if_due(watch)
    assert not await registration.refresh_if_due(watch)
    assert await run_reading(watch) == 4
    assert (await registration.progress(watch)).phase == "ended"  # type: ignore[union-attr]  # it was there


async def test_a_forgotten_page_restarts_the_reading_once_and_discards_what_came_before(
    paged: Scene,
) -> None:
    watch = paged.watch
    step = await begun(watch)
    await registration.take_step(watch, step)
    # Somebody of the first page leaves the report before it is read again.
    gone = min(await standing_rows(watch))
    await paged.control.set_enabled(gone, False)
    await paged.control.do(RefreshReport())
    await paged.control.fault(Fault(path=PATH, status=410, code="Directory_ExpiredPageToken"))
    await run_reading(watch)
    assert (await watch.facts()).evidence_of("registration").status == EvidenceStatus.OK
    assert gone not in await standing_rows(watch)


async def test_a_page_that_is_forgotten_again_fails_the_report(paged: Scene) -> None:
    watch = paged.watch
    before = await standing_rows(watch)
    piece = (await watch.facts()).evidence_of("registration")
    await changed_row(paged)
    step = await begun(watch)
    await registration.take_step(watch, step)
    gone = Fault(path=PATH, status=410, code="Directory_ExpiredPageToken", count=2)
    await paged.control.fault(gone)
    await run_reading(watch)
    after = (await watch.facts()).evidence_of("registration")
    assert (after.status, after.read_at) == (EvidenceStatus.FAILED, piece.read_at)
    assert await standing_rows(watch) == before
    assert watch.changed() == []


async def test_a_report_that_turns_403_halfway_leaves_index_and_verdicts_and_says_so(paged: Scene) -> None:
    watch = paged.watch
    before = await standing_rows(watch)
    piece = (await watch.facts()).evidence_of("registration")
    user = await changed_row(paged)
    step = await begun(watch)
    await registration.take_step(watch, step)
    await paged.control.fault(Fault(path=PATH, status=403, code="Authorization_RequestDenied"))
    await run_reading(watch)
    after = (await watch.facts()).evidence_of("registration")
    assert (after.status, after.read_at) == (EvidenceStatus.FORBIDDEN, piece.read_at)
    assert after.permission == "AuditLog.Read.All"
    assert after.tried_at != piece.tried_at
    assert await standing_rows(watch) == before
    assert watch.changed() == []
    await paged.look_at(user)
    assert (await watch.record(user)).verdict.reach == "everyone"


@pytest.mark.parametrize(("failures", "status"), [(2, EvidenceStatus.OK), (3, EvidenceStatus.FAILED)])
async def test_a_page_without_an_answer_is_asked_for_three_times_a_minute_apart(
    paged: Scene, failures: int, status: EvidenceStatus
) -> None:
    watch = paged.watch
    step = await begun(watch)
    await registration.take_step(watch, step)
    # Each time the session asks twice by itself.
    await paged.control.fault(Fault(path=PATH, status=503, count=2 * failures))
    delays = [delay for _, delay in watch.sweeps.sent]
    while steps := watch.take_steps(REGISTRATION):
        [step] = steps
        await registration.take_step(watch, step)
        delays += [delay for _, delay in watch.sweeps.sent]
    assert delays.count(60.0) == 2
    assert (await watch.facts()).evidence_of("registration").status == status


async def test_a_page_that_graph_puts_off_is_asked_for_when_it_said(paged: Scene) -> None:
    watch = paged.watch
    step = await begun(watch)
    await registration.take_step(watch, step)
    [second] = watch.take_steps(REGISTRATION)
    await paged.control.fault(Fault(path=PATH, status=429, code="TooManyRequests", retry_after="900"))
    await registration.take_step(watch, second)
    [(_, delay)] = watch.sweeps.sent
    assert delay == 900
    # So long it is no reading that stands still.
    paged.clock.pass_by(minutes=20)
    assert not await registration.refresh_if_due(watch)
    [third] = watch.take_steps(REGISTRATION)
    later = await paged.another().ready()
    hurry(later)
    await registration.take_step(later, third)
    await run_reading(later)
    assert (await watch.facts()).evidence_of("registration").status == EvidenceStatus.OK


async def test_a_reading_that_was_put_off_for_a_day_ends_as_failed(paged: Scene) -> None:
    watch = paged.watch
    step = await begun(watch)
    await registration.take_step(watch, step)
    paged.clock.pass_by(hours=25)
    await paged.control.fault(Fault(path=PATH, status=429, code="TooManyRequests", retry_after="900"))
    await run_reading(watch)
    assert (await watch.facts()).evidence_of("registration").status == EvidenceStatus.FAILED


async def test_orders_during_a_reading_are_followed_by_one_more_reading(paged: Scene) -> None:
    watch = paged.watch
    step = await begun(watch)
    for _ in range(3):
        assert not await registration.start(watch)
    assert watch.take_steps(REGISTRATION) == []
    calls = await paged.calls(REPORT)
    await registration.take_step(watch, step)
    await run_reading(watch)
    assert await paged.calls(REPORT) == calls + 2 * 4
    assert (await registration.progress(watch)).phase == "ended"  # type: ignore[union-attr]  # it was there


async def test_what_an_abandoned_reading_put_aside_is_deleted_by_the_next(paged: Scene) -> None:
    watch = paged.watch
    step = await begun(watch)
    await registration.take_step(watch, step)
    await watch.storage.evidence.delete(registration_state._name(watch))
    watch.steps()
    await read_report(watch)
    prefix = f"{watch.settings.tenant_id}/{watch.manifest.epoch}/spill/"
    assert [one.name async for one in watch.storage.evidence.names(prefix)] == []


async def test_a_few_shards_of_the_index_are_remembered_and_never_all(scene: Scene) -> None:
    watch = await scene.ready()
    epoch = watch.manifest.epoch
    for number in range(20):
        await watch.standings.write(epoch, f"{number:04x}", b"{}", None)
        assert await watch.standings.read(epoch, f"{number:04x}") == {}
    assert len(watch.standings._cache) == 8


async def test_readings_under_way_survive_a_changed_policy_and_are_followed_by_one_under_it(
    open_scene: Opener,
) -> None:
    scene = await open_scene()
    await scene.begin(report=True)
    step = await begun(scene.watch)
    old = scene.watch.policy_fingerprint
    watch = await scene.restarted(PASSWORD_WRITEBACK="off")
    await facts.refresh(watch)
    assert not await registration.refresh_if_due(watch)
    await registration.take_step(watch, step)
    await run_reading(watch)
    assert (await watch.tenant()).standing_policy == old
    assert await registration.refresh_if_due(watch)
    await run_reading(watch)
    assert (await watch.tenant()).standing_policy == watch.policy_fingerprint
