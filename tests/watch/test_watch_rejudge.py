"""Changed facts are a debt to users: few are paid by messages, many by a reading of all (design §4.6)."""

import msgspec
import pytest
from azure.core.exceptions import HttpResponseError

from sandbox.graph import skus
from sandbox.graph.operations import DropSku, SetSku
from sandbox.storage_proxy import Match
from shared.findings.owed import EVERYBODY
from shared.ledger.records import Debt, Posting, TenantRecord
from shared.model import EvidenceStatus, State
from shared.watch import upkeep
from shared.watch.messages import FACTS
from shared.watch.tenant import TENANT
from shared.watch.tenant_facts import facts
from shared.watch.users import rejudge, sweep
from shared.watch.users.evaluation import evaluate_users
from tests.watch.cards import Cards
from tests.watch.conftest import Opener
from tests.watch.scene import Scene, read_report, run_reading

pytestmark = pytest.mark.real


async def lapses(scene: Scene, sku: str = skus.M365_E5, status: str = "Suspended") -> None:
    """The subscription ends, and the tenant is read again."""
    await scene.control.do(SetSku(sku=sku, status=status))  # type: ignore[arg-type]  # one of its words
    scene.clock.pass_by(minutes=2)
    await facts.refresh(scene.watch)


async def holders(scene: Scene, sku: str = skus.M365_E5) -> set[str]:
    return {one for _, ids in [part async for part in scene.watch.ledger.holders([sku])] for one in ids}


async def judged(scene: Scene) -> None:
    """Pay what is owed, and work on what that puts on the queues, to the end."""
    await rejudge.pay(scene.watch)
    await scene.run_sweep()
    while messages := scene.watch.changed():
        for message in messages:
            if message.users:
                await evaluate_users(scene.watch, message)


async def test_holders_of_a_sku_that_lapses_are_judged_by_the_new_facts(known: Scene) -> None:
    wanted = await holders(known)
    assert 0 < len(wanted) < 60
    await lapses(known)
    assert (await known.watch.tenant()).owed == (skus.M365_E5,)
    assert await rejudge.pay(known.watch)
    messages = known.watch.changed()
    assert {user for one in messages for user in one.users} == wanted
    assert {(one.why, one.look) for one in messages} == {(FACTS, 2)}
    assert (await known.watch.tenant()).owed == ()
    for message in messages:
        await evaluate_users(known.watch, message)
    generation = (await known.watch.facts()).generation
    records = await known.watch.ledger.user_records(wanted)
    assert {record.judged_by.generation for record in records.values()} == {generation}
    assert not any(skus.M365_E5 in record.verdict.counted for record in records.values() if record.open)


async def test_what_only_counts_owes_nobody(known: Scene) -> None:
    await known.control.do(SetSku(sku=skus.M365_E5, enabled=400))
    known.clock.pass_by(minutes=2)
    await facts.refresh(known.watch)
    assert (await known.watch.tenant()).owed == ()
    assert not await rejudge.pay(known.watch)
    assert known.watch.changed() == []


async def test_before_the_first_reading_of_all_users_nobody_is_owed(scene: Scene) -> None:
    await scene.ready()
    await lapses(scene)
    assert (await scene.watch.tenant()).owed == ()


async def test_a_debt_stands_until_the_messages_are_sent(known: Scene) -> None:
    wanted = await holders(known)
    await lapses(known)
    known.proxy.answer(Match("POST", r"^changed-users/messages"), 403)
    with pytest.raises(HttpResponseError):
        await rejudge.pay(known.watch)
    assert (await known.watch.tenant()).owed == (skus.M365_E5,)
    assert await rejudge.pay(known.watch)
    assert {user for one in known.watch.changed() for user in one.users} == wanted


async def test_a_debt_that_grows_while_it_is_paid_is_paid_again(
    known: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lapses(known)
    original = rejudge.look_at

    async def while_more_lapses(*given: object, **named: object) -> None:
        await original(*given, **named)  # type: ignore[arg-type]  # passed on as they came
        await lapses(known, status="Enabled")

    monkeypatch.setattr(rejudge, "look_at", while_more_lapses)
    await rejudge.pay(known.watch)
    assert (await known.watch.tenant()).owed == (skus.M365_E5,)
    monkeypatch.setattr(rejudge, "look_at", original)
    await rejudge.pay(known.watch)
    assert (await known.watch.tenant()).owed == ()


async def test_of_two_workers_one_pays(known: Scene) -> None:
    await lapses(known)
    other = await known.another().ready()
    async with known.watch.ledger.lock("owed", 60) as held:
        assert held
        assert not await rejudge.pay(other)
    assert other.changed() == []
    assert await rejudge.pay(other)


async def test_many_holders_are_read_with_everybody(known: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejudge, "FEW", len(await holders(known)) - 1)
    await lapses(known)
    assert await rejudge.pay(known.watch)
    assert known.watch.changed() == []
    record = await known.watch.tenant()
    assert record.sweep is not None
    assert (record.sweep.why, record.sweep.ended_at, record.owed) == (FACTS, None, ())


async def owes_everybody(scene: Scene) -> None:
    def change(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
        assert record.sweep is not None
        debt = Debt(at=scene.clock.now(), sweep=record.sweep.id)
        return msgspec.structs.replace(record, owed=(EVERYBODY,), debt=debt), ()

    await scene.watch.ledger.commit_tenant(change, scene.clock.now())


async def test_what_everybody_hangs_on_has_everybody_read_once(known: Scene) -> None:
    before = (await known.watch.tenant()).sweep
    await owes_everybody(known)
    assert await rejudge.pay(known.watch)
    first = (await known.watch.tenant()).sweep
    assert before is not None
    assert first is not None
    assert first.id != before.id
    assert not await rejudge.pay(known.watch)
    await known.run_sweep()
    await owes_everybody(known)
    assert await rejudge.pay(known.watch)
    again = (await known.watch.tenant()).sweep
    assert again is not None
    assert again.id != first.id


async def test_a_reading_of_all_that_began_since_is_not_asked_for_twice(known: Scene) -> None:
    await owes_everybody(known)
    await sweep.start_again(known.watch)
    first = (await known.watch.tenant()).sweep
    assert first is not None
    assert first.ended_at is None
    assert await rejudge.pay(known.watch)
    record = await known.watch.tenant()
    assert (record.sweep, record.owed, record.debt) == (first, (), None)


# --- one card --------------------------------------------------------------------------------------------


async def test_when_the_only_p1_lapses_and_the_report_turns_403_one_card_names_it_for_as_long_as_that_lasts(
    open_scene: Opener,
) -> None:
    scene = await open_scene(SSPR_SCOPE="auto", REGISTRATION_EVERY="1h")
    for sku in list(scene.world.skus.values()):
        if sku.sku_id != skus.M365_E5 and any(plan.id in skus.PREMIUM_PLANS for plan in sku.plans):
            await scene.control.do(DropSku(sku=sku.sku_id))
    await scene.begin(report=True)
    cards = Cards(scene)
    await cards.after(hours=2)
    covered = [one async for one in scene.watch.ledger.records() if one.verdict.state is State.COVERED]
    lost = {one.id for one in covered if one.verdict.counted == (skus.M365_E5,)}
    assert lost
    await lapses(scene)
    await read_report(scene.watch)
    registration = (await scene.watch.facts()).evidence_of("registration")
    assert registration.status is EvidenceStatus.NOT_PREMIUM
    await judged(scene)
    records = await scene.watch.ledger.user_records(lost)
    assert {record.verdict.state for record in records.values()} <= {
        State.UNCOVERED,
        State.WRITEBACK_UNCOVERED,
    }
    titles = await cards.after(hours=6)
    assert titles == ["A subscription is suspended"]
    assert "Microsoft 365 E5" in cards.text
    # The last complete reading of the report stays in force for fourteen days, then it says nothing any more.
    for _ in range(16):
        assert await cards.after(days=1) == []
        await facts.refresh(scene.watch)
        await judged(scene)
    open_now = {one.finding.kind for one in (await scene.watch.tenant()).subjects[TENANT].open.values()}
    assert {"subscription-lapsing", "evidence-missing"} <= open_now
    await scene.control.do(SetSku(sku=skus.M365_E5, status="Enabled"))
    scene.clock.pass_by(hours=2)
    await upkeep.keep_up(scene.watch)
    await run_reading(scene.watch)
    await judged(scene)
    assert await cards.after(hours=6) == ["Fixed: A subscription no longer lapses"]
