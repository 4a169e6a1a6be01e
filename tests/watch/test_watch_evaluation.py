"""Changed users: read, judged, committed; none lost, none read for nothing (design §4.2)."""

import asyncio

import msgspec
import pytest
from azure.core.exceptions import HttpResponseError

from sandbox.graph import skus
from sandbox.graph.faults import Fault
from sandbox.graph.operations import SetSku
from sandbox.storage_proxy import Match
from shared.graph.users import read_users
from shared.ledger.records import Posting, TenantRecord
from shared.model import Evidence, JudgedBy, State
from shared.watch.messages import Changed, read_changed, write_changed
from shared.watch.tenant import with_evidence
from shared.watch.users import evaluation
from shared.watch.users.evaluation import Incomplete, evaluate_users
from shared.watch.users.judging import Look
from tests.watch.conftest import Opener
from tests.watch.scene import Scene, Worker

pytestmark = pytest.mark.real

ONE_USER = "GET /users/{id}"


async def new_generation(watch: Worker) -> None:
    """Commit newer facts, as the registration job does."""

    def change(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
        assert record.facts is not None
        piece = {"registration": Evidence(read_at=watch.now(), tried_at=watch.now())}
        return msgspec.structs.replace(record, facts=with_evidence(record.facts, piece)), ()

    await watch.ledger.commit_tenant(change, watch.now())


async def test_a_changed_user_is_judged_committed_and_in_the_journal(known: Scene) -> None:
    user = known.world.cast["synced_with_ems"]
    assert (await known.watch.record(user)).verdict.state == State.COVERED
    await known.control.unassign(user, skus.EMS_E3)
    await known.look_at(user)
    record = await known.watch.record(user)
    assert record.verdict.state == State.WRITEBACK_UNCOVERED
    await known.control.assign(user, skus.EMS_E3)
    await known.look_at(user)
    told = [(line.transition, line.kind, line.state, line.baseline) for line in await known.watch.lines(user)]
    assert told == [
        ("opened", "coverage", "writeback-uncovered", False),
        ("resolved", "coverage", "writeback-uncovered", False),
    ]


async def test_a_record_younger_than_the_message_is_not_read_again(known: Scene) -> None:
    user, other = sorted(known.world.users)[:2]
    at = known.clock.now()
    await evaluate_users(known.watch, Changed(at=at, users=(user,), look=2))
    before, in_all = await known.calls(ONE_USER), await known.calls()
    await evaluate_users(known.watch, Changed(at=at, users=(user,), look=1))
    assert await known.calls() == in_all
    assert known.watch.changed() == []
    await evaluate_users(known.watch, Changed(at=at, users=(user, other), look=2))
    assert await known.calls(ONE_USER) == before + 1


async def test_a_change_after_the_clock_was_set_back_is_not_taken_for_known(known: Scene) -> None:
    user = known.world.cast["synced_with_ems"]
    known.clock.pass_by(minutes=10)
    await known.look_at(user)
    known.clock.pass_by(minutes=-10)
    await known.control.unassign(user, skus.EMS_E3)
    await known.look_at(user)
    assert (await known.watch.record(user)).verdict.state == State.WRITEBACK_UNCOVERED


async def test_every_user_is_looked_at_a_second_time_after_a_while(known: Scene) -> None:
    user = known.world.cast["admin"]
    await known.look_at(user, look=1)
    [(text, delay)] = known.watch.changed_users.sent
    second = read_changed(text)
    assert (second.users, second.look, delay) == ((user,), 2, 300.0)
    before = await known.calls(ONE_USER)
    known.clock.pass_by(minutes=6)
    await evaluate_users(known.watch, second)
    assert await known.calls(ONE_USER) == before + 1
    assert len(known.watch.changed_users.sent) == 1


async def test_a_throttled_user_goes_back_with_its_own_delay_and_is_not_lost(known: Scene) -> None:
    slow, slower, fine = sorted(known.world.users)[:3]
    for user, seconds in ((slow, "7.5"), (slower, "90")):
        fault = Fault(path=f"/users/{user}", where="item", status=429, retry_after=seconds)
        await known.control.fault(fault)
    message = Changed(at=known.clock.now(), users=(slow, slower, fine), look=2)
    before = await known.calls(ONE_USER)
    await evaluate_users(known.watch, message)
    back = {read_changed(text): delay for text, delay in known.watch.changed_users.sent}
    assert back == {
        Changed(at=message.at, users=(slow,), look=2): 7.5,
        Changed(at=message.at, users=(slower,), look=2): 90.0,
    }
    assert await known.storage.changed_users.length() == 2
    assert (await known.watch.record(fine)).observed_at > message.at
    assert (await known.watch.record(slow)).observed_at < message.at
    for again in back:
        await evaluate_users(known.watch, again)
    assert (await known.watch.record(slow)).observed_at > message.at
    assert await known.calls(ONE_USER) == before + 5


async def test_a_user_that_is_not_there_is_looked_at_once_more_and_then_left(known: Scene) -> None:
    user = known.world.cast["cloud_with_ems"]
    before = await known.watch.record(user)
    await known.control.delete_user(user)
    await known.look_at(user, look=1)
    [again] = known.watch.changed()
    assert (again.users, again.look) == ((user,), 2)
    known.clock.pass_by(minutes=6)
    await evaluate_users(known.watch, again)
    assert known.watch.changed() == []
    after = await known.watch.record(user)
    assert after.heard_at is not None
    assert msgspec.structs.replace(after, heard_at=before.heard_at) == before


async def test_what_failed_is_told_after_the_others_are_committed_and_alone_is_read_again(
    known: Scene,
) -> None:
    broken, *fine = sorted(known.world.users)[:4]
    await known.control.fault(Fault(path=f"/users/{broken}", where="item", status=503, code="ServiceBusy"))
    message = Changed(at=known.clock.now(), users=(broken, *fine), look=1)
    with pytest.raises(Incomplete, match=r"1 of 4 users could not be read: 1 x 503 ServiceBusy"):
        await evaluate_users(known.watch, message)
    records = await known.watch.ledger.user_records(message.users)
    assert {user for user, record in records.items() if record.observed_at > message.at} == set(fine)
    before = await known.calls(ONE_USER)
    await evaluate_users(known.watch, message)
    assert await known.calls(ONE_USER) == before + 1
    second_looks = [user for one in known.watch.changed() for user in one.users]
    assert sorted(second_looks) == sorted(message.users)


async def test_nobody_loses_the_second_look_where_the_first_could_not_be_committed(known: Scene) -> None:
    user = known.world.cast["admin"]
    known.proxy.answer(Match("PUT", r"^ledger/.*/users/"), 403)
    message = Changed(at=known.clock.now(), users=(user,), look=1)
    with pytest.raises(HttpResponseError):
        await evaluate_users(known.watch, message)
    assert [one.look for one in known.watch.changed()] == [2]


async def test_a_worse_verdict_reads_the_seats_before_it_says_what_to_do(known: Scene) -> None:
    user = known.world.cast["synced_with_ems"]
    known.clock.pass_by(minutes=2)
    await known.control.unassign(user, skus.EMS_E3)
    await known.control.set_free_seats(skus.EMS_E3, 77)
    before = (await known.watch.facts()).generation
    await known.look_at(user)
    assert (await known.watch.facts()).generation == before + 1
    [line] = await known.watch.lines(user)
    free = [one.values for one in line.remedy if one.values.get("sku") == skus.EMS_E3]
    assert [values["free"] for values in free] == [77]
    assert (await known.watch.record(user)).judged_by.generation == before + 1


async def test_a_verdict_that_is_no_worse_reads_no_facts(known: Scene) -> None:
    user = known.world.cast["synced_with_ems"]
    await known.control.unassign(user, skus.EMS_E3)
    await known.look_at(user)
    known.clock.pass_by(minutes=2)
    before = await known.calls("GET /subscribedSkus")
    await known.look_at(user, known.world.cast["admin"])
    assert await known.calls("GET /subscribedSkus") == before


async def test_a_sku_that_the_facts_do_not_know_reads_them_first(known: Scene) -> None:
    user = known.world.cast["cloud_with_ems"]
    known.clock.pass_by(minutes=2)
    bought = next(kind.sku_id for kind in skus.KINDS.values() if kind.sku_id not in known.world.skus)
    await known.control.do(SetSku(sku=bought, enabled=5))
    await known.control.assign(user, bought)
    await known.look_at(user)
    facts_now = await known.watch.facts()
    assert bought in facts_now.skus
    assert (await known.watch.record(user)).judged_by.generation == facts_now.generation


async def test_newer_facts_committed_meanwhile_are_judged_by(known: Scene) -> None:
    user = known.world.cast["synced_with_ems"]
    slow, quick = known.watch, await known.another().ready()
    at = known.clock.now()
    # The slow worker's write waits; meanwhile there are newer facts, and a verdict by them.
    held = known.proxy.hold(Match("PUT", r"^ledger/.*/users/", nth=1))
    first = asyncio.create_task(evaluate_users(slow, Changed(at=at, users=(user,), look=2)))
    await held.arrived()
    await new_generation(quick)
    newest = (await quick.facts()).generation
    elder = known.clock.now()
    look = Look((await read_users(quick.graph, [user])).users[user], at)
    await evaluation.judge_and_commit(quick, {user: look}, {})
    assert (await quick.record(user)).judged_by.generation == newest
    held.release()
    await first
    record = await slow.record(user)
    assert record.judged_by.generation == newest
    assert at < record.observed_at < elder


async def test_a_reading_that_newer_facts_overtake_every_time_is_tried_again_later(
    known: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = known.world.cast["admin"]
    old = await known.watch.ledger.read_tenant()
    quick = await known.another().ready()
    await new_generation(quick)
    await known.look_at(user, worker=quick)

    async def stale() -> object:
        return old

    monkeypatch.setattr(known.watch.ledger, "read_tenant", stale)
    with pytest.raises(Incomplete, match="overtaken by newer facts"):
        await known.look_at(user)


async def test_an_older_reading_judged_by_newer_facts_is_looked_at_again(known: Scene) -> None:
    user = known.world.cast["synced_with_ems"]
    older = Look((await read_users(known.watch.graph, [user])).users[user], known.clock.now())
    await known.look_at(user)
    newer = (await known.watch.record(user)).observed_at
    await new_generation(known.watch)
    await evaluation.judge_and_commit(known.watch, {user: older}, {})
    assert (await known.watch.record(user)).observed_at == newer
    [again] = known.watch.changed()
    assert (again.users, again.look) == ((user,), 2)
    await evaluate_users(known.watch, again)
    assert (await known.watch.record(user)).judged_by == JudgedBy(
        generation=(await known.watch.facts()).generation, policy=known.watch.policy_fingerprint
    )


async def test_an_account_that_is_enabled_again_is_known_since_when(known: Scene) -> None:
    user = known.world.cast["left"]
    assert (await known.watch.record(user)).disabled_seen
    await known.control.set_enabled(user, True)
    await known.look_at(user)
    record = await known.watch.record(user)
    assert record.enabled_since == record.observed_at
    assert not record.disabled_seen
    await known.look_at(user)
    assert (await known.watch.record(user)).enabled_since == record.enabled_since


async def test_an_account_enabled_again_is_given_time_to_be_in_the_report(open_scene: Opener) -> None:
    scene = await open_scene(SSPR_SCOPE="auto")
    await scene.begin()
    user = scene.world.cast["left"]
    await scene.control.set_enabled(user, True)
    await scene.look_at(user)
    assert (await scene.watch.record(user)).verdict.reach == "not-yet-reported"


async def test_a_failed_assignment_of_a_group_asks_for_that_group(known: Scene) -> None:
    user = known.world.cast["synced_with_ems"]
    await known.control.unassign(user, skus.EMS_E3)
    await known.control.set_free_seats(skus.ENTRA_P2, 0)
    group = await known.control.add_licensing_group("Premium", [skus.ENTRA_P2], [user])
    assert await known.control.settle()
    await known.look_at(user)
    asked = [one for one in known.watch.changed() if one.groups]
    assert [one.groups for one in asked] == [(group,)]
    await known.look_at_group(group)
    known.watch.changed()
    await known.look_at(user)
    assert [one for one in known.watch.changed() if one.groups] == []


async def test_a_thousand_changed_users_cost_fifty_batches_and_few_writes(open_scene: Opener) -> None:
    scene = await open_scene(2100)
    await scene.begin()
    watch = scene.watch
    assert watch.manifest.shards == 2
    changed = sorted(scene.world.users)[:1000]
    for user in changed[:50]:
        scene.world.update_user(user, account_enabled=False)
    requests, writes = await scene.requests(), scene.ledger_writes()
    for text in write_changed(scene.clock.now(), users=changed):
        await evaluate_users(watch, read_changed(text))
    assert await scene.requests() - requests <= 50 + 10
    assert scene.ledger_writes() - writes <= 2 * watch.manifest.shards + 10
    records = await watch.ledger.user_records(changed)
    assert sum(record.verdict.cause == "account-disabled" for record in records.values()) >= 50
