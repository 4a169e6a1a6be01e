"""What a reading of the report changes for users: who is looked at again, and when everybody is."""

from datetime import timedelta

import pytest

from sandbox.graph.faults import Fault
from sandbox.graph.operations import SetTenant, UpdateUser
from sandbox.graph.service_operations import RefreshReport
from shared.model import EvidenceStatus
from shared.watch.hearing import subscriptions
from shared.watch.messages import IDS_A_MESSAGE, STANDING
from shared.watch.reach import registration
from shared.watch.tenant_facts import facts
from shared.watch.users import sweep
from shared.watch.users.evaluation import evaluate_users
from tests.watch.conftest import Opener
from tests.watch.scene import Scene, Worker, read_report, run_reading

pytestmark = pytest.mark.real

PATH = "/reports/authenticationMethods/userRegistrationDetails"
NOT_PREMIUM = "Authentication_RequestFromNonPremiumTenantOrB2CTenant"


async def told(watch: Worker) -> list[str]:
    """Whom it wants looked at because of what was read, in order."""
    messages = watch.changed()
    assert {one.why for one in messages} <= {STANDING}
    return sorted(user for one in messages for user in one.users)


async def grant(scene: Scene, *roles: str) -> None:
    """Give the app these permissions besides its own; a token that it has does not know."""
    await scene.control.do(SetTenant(roles=tuple({*scene.world.roles, *roles})))


async def baseline(scene: Scene) -> Worker:
    """The first reading of all users after a real attempt at the report."""
    watch = await scene.watch.ready()
    await facts.refresh(watch)
    await read_report(watch)
    await subscriptions.keep(watch)
    assert await sweep.start_if_due(watch)
    await scene.run_sweep()
    await scene.empty_queues()
    return watch


async def test_two_thousand_users_enabled_in_the_report_are_judged_within_one_run_of_it(
    open_scene: Opener,
) -> None:
    scene = await open_scene(2600, SSPR_SCOPE="report")
    scene.world.set_scope("none")
    await scene.control.do(RefreshReport())
    await scene.begin(report=True)
    watch = scene.watch
    scene.world.set_scope("all")
    await scene.control.do(RefreshReport())
    await read_report(watch)
    messages = watch.changed()
    changed = [user for one in messages for user in one.users]
    assert len(changed) == len(set(changed)) > 2000
    assert {len(one.users) for one in messages[:-1]} == {IDS_A_MESSAGE}
    scene.clock.pass_by(minutes=5)
    for one in messages:
        await evaluate_users(watch, one)
    records = await watch.ledger.user_records(changed)
    reach = [record.verdict.reach for record in records.values()]
    assert reach.count("sspr-not-enabled") == 0
    assert reach.count("report") > 2000


async def test_a_tenant_without_premium_assumes_everybody_and_judges_all_anew_when_it_has_the_report(
    open_scene: Opener,
) -> None:
    scene = await open_scene(SSPR_SCOPE="auto")
    scene.world.set_scope("none")
    await scene.control.do(RefreshReport())
    await scene.control.fault(Fault(path=PATH, status=403, code=NOT_PREMIUM))
    watch = await baseline(scene)
    user = scene.world.cast["synced_with_ems"]
    newcomer = await scene.control.add_user("Not in the report")
    await scene.look_at(newcomer)
    assert (await watch.record(user)).verdict.reach == "assumed"
    assert (await watch.record(newcomer)).verdict.reach == "assumed"
    piece = (await watch.facts()).evidence_of("registration")
    assert (piece.status, piece.permission, piece.read_at) == (EvidenceStatus.NOT_PREMIUM, "", None)
    steps = [
        step.step
        for one in (await watch.tenant()).subjects["tenant"].open.values()
        for step in one.finding.remedy
        if one.finding.about == "registration"
    ]
    assert "grant-permission" not in steps
    watch.changed()
    scene.clock.pass_by(minutes=61)
    assert await registration.refresh_if_due(watch)
    await run_reading(watch)
    # A user without a row is judged otherwise as well: no message could name everybody.
    assert watch.changed() == []
    assert await scene.run_sweep()
    assert (await watch.record(user)).verdict.reach == "sspr-not-enabled"
    assert (await watch.record(newcomer)).verdict.reach == "not-yet-reported"


async def test_a_report_that_comes_back_into_force_has_everybody_read_again(open_scene: Opener) -> None:
    scene = await open_scene(SSPR_SCOPE="auto")
    watch = await baseline(scene)
    user = scene.world.cast["synced_with_ems"]
    scene.clock.pass_by(days=15)
    await scene.look_at(user)
    assert (await watch.record(user)).verdict.reach == "assumed"
    watch.changed()
    await read_report(watch)
    assert watch.changed() == []
    assert await scene.run_sweep()
    assert (await watch.record(user)).verdict.reach == "report"
    # And a reading of a report in force orders nothing.
    await read_report(watch)
    assert await scene.run_sweep() == 0


async def test_whoever_waits_for_the_report_is_looked_at_with_each_reading_of_it(open_scene: Opener) -> None:
    scene = await open_scene(SSPR_SCOPE="report")
    watch = await baseline(scene)
    newcomer = await scene.control.add_user("Newcomer")
    await scene.look_at(newcomer)
    assert (await watch.record(newcomer)).verdict.reach == "not-yet-reported"
    watch.changed()
    # The report is not made anew by itself here: it never hears of that user.
    scene.clock.pass_by(hours=49)
    await read_report(watch)
    messages = watch.changed()
    assert [one.users for one in messages] == [(newcomer,)]
    await evaluate_users(watch, messages[0])
    verdict = (await watch.record(newcomer)).verdict
    assert (verdict.state, verdict.reach) == ("undetermined", "unknown")
    await read_report(watch)
    assert watch.changed() == []
    await scene.control.do(RefreshReport())
    await read_report(watch)
    assert await told(watch) == [newcomer]
    await scene.look_at(newcomer)
    assert (await watch.record(newcomer)).verdict.reach == "report"


async def test_a_disabled_user_leaves_the_report_and_waits_for_it_when_enabled_again(
    open_scene: Opener,
) -> None:
    scene = await open_scene(SSPR_SCOPE="report")
    watch = await baseline(scene)
    user = scene.world.cast["synced_with_ems"]
    await scene.control.set_enabled(user, False)
    await scene.control.do(RefreshReport())
    await scene.look_at(user)
    watch.changed()
    await read_report(watch)
    assert await told(watch) == [user]
    await scene.control.set_enabled(user, True)
    await scene.look_at(user)
    assert (await watch.record(user)).verdict.reach == "not-yet-reported"


async def test_an_administrator_is_in_reach_whatever_the_scope_and_only_as_long(open_scene: Opener) -> None:
    scene = await open_scene(SSPR_SCOPE="report")
    scene.world.set_scope("none")
    await scene.control.do(RefreshReport())
    watch = await baseline(scene)
    user, reach = scene.world.cast["synced_with_ems"], []
    for admin in (True, False):
        await scene.control.do(UpdateUser(id=user, is_admin=admin))
        await scene.control.do(RefreshReport())
        await read_report(watch)
        assert await told(watch) == [user]
        await scene.look_at(user)
        reach.append((await watch.record(user)).verdict.reach)
    assert reach == ["administrator", "sspr-not-enabled"]


async def test_the_evidence_says_how_old_the_rows_of_the_report_are(open_scene: Opener) -> None:
    scene = await open_scene()
    watch = await baseline(scene)
    refreshed = scene.world.report.refreshed_at
    assert refreshed is not None
    scene.clock.pass_by(days=3)
    await read_report(watch)
    piece = (await watch.facts()).evidence_of("registration")
    assert piece.oldest_row_at is not None
    assert piece.median_row_at is not None
    assert abs(piece.oldest_row_at - refreshed) < timedelta(seconds=1)
    assert piece.median_row_at.date() == refreshed.date()
    await scene.control.fault(Fault(path=PATH, status=403, code="Authorization_RequestDenied"))
    await read_report(watch)
    failed = (await watch.facts()).evidence_of("registration")
    assert failed.status == EvidenceStatus.FORBIDDEN
    assert (failed.oldest_row_at, failed.read_at) == (piece.oldest_row_at, piece.read_at)


async def test_use_of_the_reset_decides_the_population_and_is_remembered(open_scene: Opener) -> None:
    scene = await open_scene(POPULATION="used")
    await grant(scene, "Directory.Read.All")
    cast = scene.world.cast
    user, other, old = cast["synced_with_ems"], cast["cloud_with_ems"], cast["admin"]
    await scene.control.self_service_reset(user, ago=86400.0)
    await scene.control.self_service_reset(old, ago=366 * 86400.0)
    await scene.control.self_service_reset(other, activity="Change password (self-service)")
    watch = await baseline(scene)
    assert (await watch.facts()).evidence_of("audit").status == EvidenceStatus.OK
    assert (await watch.record(user)).verdict.reach == "everyone"
    assert (await watch.record(other)).verdict.reach == "not-used"
    assert (await watch.record(old)).verdict.reach == "not-used"
    await scene.control.self_service_reset(other)
    await read_report(watch)
    assert await told(watch) == [other]
    await scene.look_at(other)
    assert (await watch.record(other)).verdict.reach == "everyone"
    # A year without another reset. By the real clock these are more pages than ten seconds allow one process.
    await scene.control.set_rates(throttling=False)
    watch = await scene.restarted()
    scene.clock.pass_by(days=365)
    await read_report(watch)
    await scene.run_sweep()
    assert {(await watch.record(one)).verdict.reach for one in (user, other)} == {"not-used"}


async def test_without_the_audit_log_use_is_unknown_and_the_missing_permission_is_named(
    open_scene: Opener,
) -> None:
    scene = await open_scene(POPULATION="used")
    roles = scene.world.roles
    await scene.control.do(SetTenant(roles=tuple(roles - {"AuditLog.Read.All"})))
    watch = await baseline(scene)
    user = scene.world.cast["synced_with_ems"]
    piece = (await watch.facts()).evidence_of("audit")
    assert (piece.status, piece.permission) == (EvidenceStatus.FORBIDDEN, "AuditLog.Read.All")
    assert (await watch.record(user)).verdict.reach == "unknown"
    await grant(scene, *roles)
    watch = await scene.restarted()
    await read_report(watch)
    piece = (await watch.facts()).evidence_of("audit")
    assert (piece.status, piece.permission) == (EvidenceStatus.FORBIDDEN, "Directory.Read.All")
    await scene.run_sweep()
    assert (await watch.record(user)).verdict.reach == "unknown"
    await grant(scene, "Directory.Read.All")
    watch = await scene.restarted()
    scene.clock.pass_by(minutes=61)
    assert await registration.refresh_if_due(watch)
    await run_reading(watch)
    await scene.run_sweep()
    assert (await watch.record(user)).verdict.reach == "not-used"
