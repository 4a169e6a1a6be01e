"""The registration report and the groups of the scope: whole or not at all (judgement.md §3, §4)."""

import asyncio

import pytest
from azure.core.exceptions import HttpResponseError

from sandbox.graph import skus
from sandbox.graph.faults import Fault
from sandbox.graph.operations import SetSku, SetTenant, UpdateUser
from sandbox.graph.service_operations import RefreshReport
from sandbox.storage_proxy import Match
from shared.ledger.shards import shard_names, shard_of
from shared.model import EvidenceStatus
from shared.watch import messages
from shared.watch.hearing import subscriptions
from shared.watch.messages import read_changed
from shared.watch.reach import registration, registration_intake
from shared.watch.tenant_facts import facts
from shared.watch.users import sweep
from shared.watch.users.evaluation import evaluate_users
from tests.watch.conftest import Opener
from tests.watch.scene import Scene, Worker, read_report, run_reading, standing_rows

pytestmark = pytest.mark.real

REPORT = "GET /reports/authenticationMethods/userRegistrationDetails"
INDEX = "^evidence/[^/]+/[^/]+/standing/"


async def read(scene: Scene) -> Worker:
    """Facts and the report, read for the first time."""
    watch = await scene.watch.ready()
    await facts.refresh(watch)
    await read_report(watch)
    return watch


async def test_the_index_is_written_by_shard(open_scene: Opener) -> None:
    scene = await open_scene(2100)
    watch = await read(scene)
    assert watch.manifest.shards == 2
    enabled = {user.id for user in scene.world.users.values() if user.account_enabled}
    for name in shard_names(2):
        held = await watch.standings.read(watch.manifest.epoch, name)
        assert set(held) == {user for user in enabled if shard_of(user, 2) == name}
    admin = (await standing_rows(watch))[scene.world.cast["admin"]].registration
    assert admin is not None
    assert admin.is_admin
    assert (await watch.facts()).evidence_of("registration").status == EvidenceStatus.OK
    assert (await watch.facts()).generation == 2


async def read_if_due(watch: Worker) -> bool:
    """What the timer and the queue do."""
    begun = await registration.refresh_if_due(watch)
    await run_reading(watch)
    return begun


async def test_the_report_is_read_daily_and_only_where_there_are_facts(scene: Scene) -> None:
    watch = await scene.watch.ready()
    assert not await read_if_due(watch)
    await facts.refresh(watch)
    assert await read_if_due(watch)
    scene.clock.pass_by(hours=23, minutes=59)
    assert not await read_if_due(watch)
    scene.clock.pass_by(minutes=2)
    assert await read_if_due(watch)
    assert await scene.calls(REPORT) == 2


@pytest.mark.parametrize("code", ["Authentication_RequestFromNonPremiumTenantOrB2CTenant", "Denied"])
async def test_a_report_that_is_refused_is_asked_for_every_hour_by_one_request(
    open_scene: Opener, code: str
) -> None:
    scene = await open_scene()
    department = next(iter(scene.world.groups[scene.world.cast["group_sspr"]].nested))
    watch = await scene.another(SSPR_SCOPE=f"groups:{department}").ready()
    await facts.refresh(watch)
    path = REPORT.removeprefix("GET ")
    await scene.control.fault(Fault(path=path, status=403, code=code, count=2))
    assert await read_if_due(watch)
    scene.clock.pass_by(minutes=59)
    assert not await read_if_due(watch)
    requests = await scene.requests()
    scene.clock.pass_by(minutes=2)
    assert await read_if_due(watch)
    assert await scene.requests() == requests + 1
    scene.clock.pass_by(minutes=61)
    assert await read_if_due(watch)
    assert (await watch.facts()).evidence_of("registration").status == EvidenceStatus.OK
    scene.clock.pass_by(minutes=61)
    assert not await read_if_due(watch)


async def test_a_report_that_fails_half_way_leaves_the_last_complete_one_in_force(scene: Scene) -> None:
    watch = await read(scene)
    before, piece = await standing_rows(watch), (await watch.facts()).evidence_of("registration")
    scene.clock.pass_by(hours=1)
    scene.world.set_scope("none")
    await scene.control.do(RefreshReport())
    # Without a page size the report has several pages; the link to the second leads astray.
    await scene.control.set_rates(report_page_size=20, report_takes_top=False)
    path = REPORT.removeprefix("GET ")
    await scene.control.fault(Fault(path=path, kind="delay", seconds=0))
    await scene.control.fault(Fault(path=path, kind="foreign-link"))
    calls = await scene.calls(REPORT)
    await read_report(watch)
    assert await scene.calls(REPORT) == calls + 2
    assert await standing_rows(watch) == before
    after = (await watch.facts()).evidence_of("registration")
    assert (after.status, after.read_at) == (EvidenceStatus.FAILED, piece.read_at)
    assert after.tried_at is not None
    assert piece.tried_at is not None
    assert after.tried_at > piece.tried_at


async def test_a_missing_permission_and_a_tenant_without_premium_are_told_apart(scene: Scene) -> None:
    roles = scene.world.roles
    await scene.control.do(SetTenant(roles=tuple(roles - {"AuditLog.Read.All"})))
    watch = await read(scene)
    piece = (await watch.facts()).evidence_of("registration")
    assert (piece.status, piece.permission) == (EvidenceStatus.FORBIDDEN, "AuditLog.Read.All")
    assert piece.read_at is None
    await scene.control.do(SetTenant(roles=tuple(roles)))
    for sku in scene.world.skus.values():
        if any(plan.id in skus.PREMIUM_PLANS for plan in sku.plans):
            await scene.control.do(SetSku(sku=sku.sku_id, status="Suspended"))
    granted = await scene.another().ready()
    await read_report(granted)
    piece = (await granted.facts()).evidence_of("registration")
    assert (piece.status, piece.permission) == (EvidenceStatus.NOT_PREMIUM, "")


async def test_users_whose_row_changed_are_looked_at_after_the_baseline_and_nobody_before(
    open_scene: Opener,
) -> None:
    scene = await open_scene(SSPR_SCOPE="report")
    watch = await read(scene)
    assert watch.changed() == []
    await subscriptions.keep(watch)
    assert await sweep.start_if_due(watch)
    await scene.run_sweep()
    watch.changed()
    # A new reading of the same report changes dates only.
    await scene.control.do(RefreshReport())
    await read_report(watch)
    assert watch.changed() == []
    promoted, registered = scene.world.cast["synced_with_ems"], scene.world.cast["cloud_with_ems"]
    await scene.control.do(UpdateUser(id=promoted, is_admin=True))
    await scene.control.do(UpdateUser(id=registered, methods=()))
    await scene.control.do(RefreshReport())
    await read_report(watch)
    told = {user for one in watch.changed() for user in one.users}
    assert promoted in told
    assert told <= {promoted, registered}
    scene.world.set_scope("none")
    await scene.control.do(RefreshReport())
    await read_report(watch)
    [message] = watch.changed()
    assert len(message.users) > 40
    assert promoted not in message.users
    await scene.look_at(*message.users)
    reached = await watch.record(registered)
    assert reached.verdict.reach == "sspr-not-enabled"


async def promoted_user(scene: Scene) -> str:
    """A user whose row in the report differs from the index now; the report is due."""
    user = scene.world.cast["synced_with_ems"]
    scene.clock.pass_by(hours=25)
    await scene.control.do(UpdateUser(id=user, is_admin=True))
    await scene.control.do(RefreshReport())
    return user


async def test_messages_about_changed_users_go_before_the_index_and_are_not_due_before_it_is_stored(
    open_scene: Opener,
) -> None:
    scene = await open_scene(SSPR_SCOPE="report")
    await scene.begin(report=True)
    watch, user = scene.watch, await promoted_user(scene)
    held = scene.proxy.hold(Match("PUT", INDEX))
    reading = asyncio.create_task(read_report(watch))
    await held.arrived()
    [(text, _)] = watch.changed_users.sent
    assert read_changed(text).users == (user,)
    assert await scene.storage.changed_users.length() == 1
    assert await scene.storage.changed_users.receive(32) == []
    await scene.look_at(user)
    assert (await watch.record(user)).verdict.reach == "report"
    held.release()
    await reading
    # A look in between, by the old index, does not stand for the one that was asked for.
    await evaluate_users(watch, read_changed(text))
    assert (await watch.record(user)).verdict.reach == "administrator"


@pytest.mark.parametrize(
    "lost", [Match("PUT", INDEX), Match("POST", "^changed-users/messages")], ids=["index", "message"]
)
async def test_nobody_is_lost_where_index_or_messages_could_not_be_written(
    open_scene: Opener, lost: Match
) -> None:
    scene = await open_scene(SSPR_SCOPE="report")
    await scene.begin(report=True)
    watch, user = scene.watch, await promoted_user(scene)
    before = await standing_rows(watch)
    scene.proxy.answer(lost, 403)
    assert await registration.start(watch)
    [reading] = watch.take_steps(messages.REGISTRATION)
    await registration.take_step(watch, reading)
    [taking_in] = watch.take_steps(messages.REGISTRATION)
    with pytest.raises(HttpResponseError):
        await registration.take_step(watch, taking_in)
    assert await standing_rows(watch) == before
    watch.changed()
    # The queue delivers the message again.
    await registration.take_step(watch, taking_in)
    [message] = watch.changed()
    assert message.users == (user,)
    await evaluate_users(watch, message)
    assert (await watch.record(user)).verdict.reach == "administrator"


async def test_the_more_messages_go_before_the_index_the_later_they_are_due(
    open_scene: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = await open_scene(SSPR_SCOPE="report")
    await scene.begin(report=True)
    for room in (messages, registration_intake):
        monkeypatch.setattr(room, "IDS_A_MESSAGE", 2)
    scene.world.set_scope("none")
    await scene.control.do(RefreshReport())
    await read_report(scene.watch)
    delays = [delay for _, delay in scene.watch.changed_users.sent]
    assert len(delays) > 20
    assert min(delays) >= 3 + len(delays) * 0.1


async def test_nested_members_of_the_scope_group_are_in_scope_and_the_emergency_group_is_out(
    open_scene: Opener,
) -> None:
    scene = await open_scene()
    cast = scene.world.cast
    watch = scene.another(SSPR_SCOPE=f"groups:{cast['group_sspr']}", EMERGENCY_GROUP=cast["group_emergency"])
    await watch.ready()
    await facts.refresh(watch)
    await read_report(watch)
    inside, _ = scene.world.transitive_members(cast["group_sspr"])
    assert not scene.world.groups[cast["group_sspr"]].members
    held = await standing_rows(watch)
    assert {user for user, row in held.items() if row.in_scope_group} == inside
    assert {user for user, row in held.items() if row.emergency} == {cast["emergency"]}
    evidence = (await watch.facts()).evidence
    assert {evidence[name].status for name in ("scope-groups", "emergency-group")} == {EvidenceStatus.OK}
    outsider = await scene.control.add_user("Outsider")
    users = [cast["synced_with_ems"], outsider, cast["emergency"]]
    await scene.look_at(*users, worker=watch)
    reach = [(await watch.record(user)).verdict.reach for user in users]
    assert reach == ["scope-group", "outside-scope-group", "emergency"]


async def test_a_scope_group_that_cannot_be_read_leaves_the_last_members_in_force(open_scene: Opener) -> None:
    scene = await open_scene()
    department = next(iter(scene.world.groups[scene.world.cast["group_sspr"]].nested))
    watch = await scene.another(SSPR_SCOPE=f"groups:{department}").ready()
    await facts.refresh(watch)
    await read_report(watch)
    members = set(scene.world.groups[department].members)
    member, newcomer = min(members), await scene.control.add_user("Newcomer")
    await scene.control.remove_members(department, member)
    await scene.control.do(RefreshReport())
    path = f"/groups/{department}/transitiveMembers"
    await scene.control.fault(Fault(path=path, status=400, code="BadRequest"))
    await read_report(watch)
    held = await standing_rows(watch)
    assert {user for user, row in held.items() if row.in_scope_group} == members
    assert held[newcomer].in_scope_group is False
    assert (await watch.facts()).evidence_of("scope-groups").status == EvidenceStatus.FAILED
    await read_report(watch)
    assert {user for user, row in (await standing_rows(watch)).items() if row.in_scope_group} == members - {
        member
    }


async def test_an_unchanged_index_is_not_read_whole_again(known: Scene) -> None:
    await read_report(known.watch)
    user = known.world.cast["admin"]
    await known.look_at(user)
    whole = len(known.proxy.seen("GET", INDEX, 206)) + len(known.proxy.seen("GET", INDEX, 200))
    await known.look_at(user)
    seen = known.proxy.seen("GET", INDEX)
    assert seen[-1].status == 304
    assert len([one for one in seen if one.status in (200, 206)]) == whole
