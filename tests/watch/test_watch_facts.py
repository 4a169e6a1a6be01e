"""Tenant facts: read once however many ask, not too often, again when due (design §4.2, §4.6)."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from sandbox.graph import skus
from sandbox.graph.faults import Fault
from sandbox.graph.operations import SetSku
from sandbox.graph.service_operations import ClearFaults
from sandbox.graph.simulator import Simulator
from shared.graph import tenant as graph_tenant
from shared.graph.errors import WrongTenant
from shared.graph.pages import all_rows
from shared.graph.session import GraphSession
from shared.graph.tenant import read_tenant
from shared.ledger.records import Posting, TenantRecord
from shared.model import Evidence, EvidenceStatus, LicensingGroup
from shared.watch import upkeep
from shared.watch.messages import AGAIN, FACTS
from shared.watch.tenant import with_evidence
from shared.watch.tenant_facts import facts
from shared.watch.users import rejudge
from tests.watch.cards import Cards
from tests.watch.scene import Scene

pytestmark = pytest.mark.real

SKUS = "GET /subscribedSkus"


async def test_the_tenant_is_read_once_however_many_ask_at_the_same_time(scene: Scene) -> None:
    one, two = await scene.watch.ready(), await scene.another().ready()
    await scene.control.fault(Fault(path="/subscribedSkus", kind="delay", seconds=0.5))
    read = await asyncio.gather(*(facts.refresh(watch) for watch in (one, two, one, two)))
    assert await scene.calls(SKUS) == 1
    assert [each.generation for each in read] == [1, 1, 1, 1]


async def test_those_who_wait_for_a_reader_get_newer_facts_too(scene: Scene) -> None:
    one, two = await scene.watch.ready(), await scene.another().ready()
    await facts.refresh(one)
    scene.clock.pass_by(minutes=2)
    await scene.control.fault(Fault(path="/subscribedSkus", kind="delay", seconds=0.5))
    read = await asyncio.gather(*(facts.refresh(watch) for watch in (one, two)))
    assert await scene.calls(SKUS) == 2
    assert [each.generation for each in read] == [2, 2]


async def test_nobody_waits_for_a_worker_that_finds_the_facts_young(scene: Scene) -> None:
    watch = await scene.watch.ready()
    await facts.refresh(watch)
    async with watch.ledger.lock("facts", 60) as held:
        assert held
        async with asyncio.timeout(3):
            assert (await facts.refresh(watch)).generation == 1


async def test_who_waited_too_long_goes_on_with_the_facts_there_are(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts, "_WAIT_SECONDS", 0.3)
    monkeypatch.setattr(facts, "_LOCK_SECONDS", 15)
    watch = await scene.watch.ready()
    await facts.refresh(watch)
    scene.clock.pass_by(minutes=2)
    async with watch.ledger.lock("facts", 15):
        assert (await facts.refresh(watch)).generation == 1
    assert (await facts.refresh(watch)).generation == 2


async def test_facts_are_read_at_most_once_a_minute(scene: Scene) -> None:
    watch = await scene.watch.ready()
    assert (await facts.present(watch)).generation == 1
    scene.clock.pass_by(seconds=50)
    assert (await facts.refresh(watch)).generation == 1
    scene.clock.pass_by(seconds=11)
    assert (await facts.refresh(watch)).generation == 2
    assert await scene.calls(SKUS) == 2


async def test_facts_are_read_again_when_an_hour_is_over_and_not_before(scene: Scene) -> None:
    watch = await scene.watch.ready()
    assert await facts.refresh_if_due(watch)
    scene.clock.pass_by(minutes=59)
    assert not await facts.refresh_if_due(watch)
    scene.clock.pass_by(minutes=2)
    assert await facts.refresh_if_due(watch)
    assert [(await watch.facts()).generation, await scene.calls(SKUS)] == [2, 2]


async def test_facts_are_read_at_once_when_the_policy_changed(scene: Scene) -> None:
    await facts.refresh(await scene.watch.ready())
    other = await scene.another(PASSWORD_WRITEBACK="off").ready()
    assert await facts.refresh_if_due(other)
    assert (await other.facts()).generation == 2
    assert (await other.facts()).policy == other.policy_fingerprint != scene.watch.policy_fingerprint


async def test_evidence_read_by_the_registration_job_survives_a_reading_of_facts(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = await scene.watch.ready()
    await facts.refresh(watch)
    scene.clock.pass_by(minutes=2)
    read = Evidence(status=EvidenceStatus.OK, read_at=watch.now(), tried_at=watch.now())
    original = read_tenant

    async def with_registration_meanwhile(*given: object) -> object:
        found = await original(*given)  # type: ignore[arg-type]  # passed on as they came

        def change(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
            assert record.facts is not None
            return msgspec.structs.replace(
                record, facts=with_evidence(record.facts, {"registration": read})
            ), ()

        await watch.ledger.commit_tenant(change, watch.now())
        return found

    monkeypatch.setattr(facts, "read_tenant", with_registration_meanwhile)
    now = await facts.refresh(watch)
    assert now.generation == 3
    assert now.evidence_of("registration") == read
    assert now.evidence_of("skus").status == EvidenceStatus.OK


async def test_a_group_keeps_the_time_since_when_its_job_runs(scene: Scene) -> None:
    watch = await scene.watch.ready()
    await scene.control.set_rates(licensing_delay=(3600, 3600))
    user = scene.world.cast["synced_with_ems"]
    group = await scene.control.add_licensing_group("Slow", [skus.M365_E5], [user])
    first = (await facts.refresh(watch)).groups[group].processing_since
    assert first is not None
    scene.clock.pass_by(minutes=30)
    again = (await facts.refresh(watch)).groups[group]
    assert again.processing_since == first
    assert again.observed_at is not None
    assert again.observed_at > first
    scene.clock.pass_by(hours=1)
    scene.world.licensing.run(scene.clock.now())
    scene.clock.pass_by(hours=1)
    scene.world.licensing.run(scene.clock.now())
    assert (await facts.refresh(watch)).groups[group].processing_since is None


async def test_sums_over_users_follow_every_reading_once_the_baseline_has_ended(known: Scene) -> None:
    before = (await known.watch.tenant()).totals
    assert before is not None
    await known.control.unassign(known.world.cast["synced_with_ems"], skus.EMS_E3)
    await known.look_at(known.world.cast["synced_with_ems"])
    known.clock.pass_by(minutes=2)
    await facts.refresh(known.watch)
    after = (await known.watch.tenant()).totals
    assert after is not None
    assert after.users == before.users == 60
    assert after.states["writeback-uncovered"] == before.states["writeback-uncovered"] + 1


async def test_a_subscription_that_ends_opens_a_finding_of_the_tenant_and_closes_it(known: Scene) -> None:
    tenant = known.watch.settings.tenant_id
    before = {line.id for line in await known.watch.lines(tenant)}
    for status in ("Suspended", "Enabled"):
        await known.control.do(SetSku(sku=skus.M365_E3, status=status))
        known.clock.pass_by(minutes=2)
        await facts.refresh(known.watch)
    news = [line for line in await known.watch.lines(tenant) if line.id not in before]
    about = [line for line in news if line.subject.about == skus.M365_E3]
    assert [line.transition for line in about][:1] == ["opened"]
    assert [line.transition for line in about][-1:] == ["resolved"]
    assert {line.cause for line in about if line.transition == "resolved"} == {"fixed"}


async def test_a_group_looked_at_during_a_reading_is_not_overwritten_by_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = await scene.watch.ready()
    await facts.refresh(watch)
    scene.clock.pass_by(minutes=2)
    fresh = LicensingGroup(
        id="0a0a0a0a-0000-4000-8000-000000000001",
        sku_ids=(skus.M365_E5,),
        observed_at=watch.now() + timedelta(seconds=1),
    )
    original = read_tenant

    async def with_group_meanwhile(*given: object) -> object:
        found = await original(*given)  # type: ignore[arg-type]  # passed on as they came

        def change(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
            assert record.facts is not None
            groups = {**record.facts.groups, fresh.id: fresh}
            changed = msgspec.structs.replace(record.facts, groups=groups)
            return msgspec.structs.replace(record, facts=changed), ()

        await watch.ledger.commit_tenant(change, watch.now())
        return found

    monkeypatch.setattr(facts, "read_tenant", with_group_meanwhile)
    assert (await facts.refresh(watch)).groups[fresh.id] == fresh
    monkeypatch.setattr(facts, "read_tenant", original)
    scene.clock.pass_by(minutes=2)
    assert fresh.id not in (await facts.refresh(watch)).groups


async def test_where_everything_fails_the_last_facts_stay_in_force(known: Scene) -> None:
    before = await known.watch.facts()
    known.clock.pass_by(minutes=2)
    simulator: Simulator = known.running.simulator
    simulator.faults.put(Fault(method="GET", status=503, count=100))
    after = await facts.refresh(known.watch)
    simulator.faults.clear()
    assert (after.skus, after.groups, after.country) == (before.skus, before.groups, before.country)
    assert after.evidence_of("skus").status == EvidenceStatus.FAILED
    assert after.evidence_of("skus").read_at == before.evidence_of("skus").read_at
    assert after.evidence_of("skus").tried_at == after.observed_at


def with_an_empty_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on Graph's list of SKUs has no row, without any error."""
    original = all_rows

    async def without_skus(session: GraphSession, first: Any, kind: Any) -> Any:
        rows = await original(session, first, kind)
        return [] if kind is graph_tenant._Sku else rows

    monkeypatch.setattr(graph_tenant, "all_rows", without_skus)


async def test_an_empty_list_of_skus_opens_and_resolves_nothing_and_one_card_says_what_is_held(
    known: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, tenant = known.watch, known.watch.settings.tenant_id
    cards = Cards(known)
    await cards.after(hours=1)
    before, told = await watch.facts(), {line.id for line in await watch.lines(tenant)}
    with_an_empty_list(monkeypatch)
    for _ in range(3):
        known.clock.pass_by(hours=1)
        after = await facts.refresh(watch)
        assert after.skus == before.skus
        assert after.evidence_of("skus").status is EvidenceStatus.FAILED
        assert after.evidence_of("skus").read_at == before.evidence_of("skus").read_at
        assert not await rejudge.pay(watch)
    news = [line for line in await watch.lines(tenant) if line.id not in told]
    assert [(line.transition, line.kind, line.subject.about) for line in news] == [
        ("opened", "watch-unwell", "skus")
    ]
    assert watch.changed() == []
    assert len(await cards.after(hours=1)) == 1
    person = known.world.cast["synced_with_ems"]
    verdict = (await watch.record(person)).verdict
    await known.look_at(person)
    assert (await watch.record(person)).verdict == verdict
    # Evidence ages; then it is missing, and that is told too.
    known.clock.pass_by(days=15)
    await facts.refresh(watch)
    missing = [line for line in await watch.lines(tenant) if line.kind == "evidence-missing"]
    assert [(line.subject.about, line.state) for line in missing if line.transition == "opened"] == [
        ("skus", "failed")
    ]


async def test_the_fault_of_an_empty_list_stays_while_it_is_not_read_whole_and_ends_when_it_is(
    known: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        with_an_empty_list(patched)
        known.clock.pass_by(minutes=2)
        await facts.refresh(known.watch)
    assert (await known.watch.tenant()).unwell == {"skus": "empty"}
    await known.control.fault(Fault(path="/subscribedSkus", status=503, count=9))
    known.clock.pass_by(minutes=2)
    await facts.refresh(known.watch)
    assert (await known.watch.tenant()).unwell == {"skus": "empty"}
    await known.control.do(ClearFaults())
    known.clock.pass_by(minutes=2)
    await facts.refresh(known.watch)
    assert (await known.watch.tenant()).unwell == {}


async def test_the_timer_asks_about_groups_after_a_reading_pays_what_is_owed_and_reads_nested_members(
    known: Scene,
) -> None:
    known.clock.pass_by(hours=2)
    await known.control.do(SetSku(sku=skus.M365_E5, status="Suspended"))
    await upkeep.keep_up(known.watch)
    record = await known.watch.tenant()
    messages = known.watch.changed()
    assert {one.why for one in messages if one.groups} == {AGAIN}
    assert {one.why for one in messages if one.users} == {FACTS}
    assert (record.owed, record.nested_at is not None) == ((), True)
    await upkeep.keep_up(known.watch)
    assert known.watch.changed() == []


async def test_what_is_owed_is_paid_although_the_tenant_cannot_be_read(
    known: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await known.control.do(SetSku(sku=skus.M365_E5, status="Suspended"))
    known.clock.pass_by(hours=2)
    await facts.refresh(known.watch)
    assert (await known.watch.tenant()).owed
    known.clock.pass_by(hours=2)

    async def of_another_tenant(*_: object) -> None:
        raise WrongTenant(200, code="other-tenant")

    monkeypatch.setattr(facts, "read_tenant", of_another_tenant)
    with pytest.raises(WrongTenant):
        await upkeep.keep_up(known.watch)
    assert (await known.watch.tenant()).owed == ()
