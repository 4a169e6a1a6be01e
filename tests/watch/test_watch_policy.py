"""A changed policy: facts and report are read at once, then everybody is judged anew, and that once."""

import pytest

from shared.watch.hearing import subscriptions
from shared.watch.licensing.groups import evaluate_groups
from shared.watch.messages import Changed
from shared.watch.reach import registration
from shared.watch.tenant_facts import facts
from shared.watch.users import sweep
from tests.watch.scene import Scene, Worker, read_report, run_reading

pytestmark = pytest.mark.real

REPORT = "GET /reports/authenticationMethods/userRegistrationDetails"
CHANGES = [{"PASSWORD_WRITEBACK": "off"}, {"POLICY_EDITION": "2025-03-04"}]


async def reconcile(watch: Worker) -> list[bool]:
    """The timers of facts, report and sweep, one after the other: which of them did something."""
    read_facts, read_rows = await facts.refresh_if_due(watch), await registration.refresh_if_due(watch)
    await run_reading(watch)
    return [read_facts, read_rows, await sweep.start_if_due(watch)]


@pytest.mark.parametrize("change", CHANGES, ids=str)
async def test_a_changed_policy_reads_facts_and_report_at_once_and_everybody_again_and_not_twice(
    known: Scene, change: dict[str, str]
) -> None:
    before, old = known.watch.policy_fingerprint, await known.watch.ledger.user_records(known.world.users)
    assert await reconcile(known.watch) == [False, False, False]
    watch = await known.restarted(**change)
    assert watch.policy_fingerprint != before
    calls = await known.calls("GET /subscribedSkus"), await known.calls(REPORT)
    assert await reconcile(watch) == [True, True, True]
    assert (await known.calls("GET /subscribedSkus"), await known.calls(REPORT)) == (
        calls[0] + 1,
        calls[1] + 1,
    )
    assert await reconcile(watch) == [False, False, False]
    assert await known.run_sweep() == 2, "its pages, then its only bucket"
    assert await reconcile(watch) == [False, False, False]
    records = await watch.ledger.user_records(known.world.users)
    assert len(records) == 60
    assert {record.judged_by.policy for record in records.values()} == {watch.policy_fingerprint}
    changed = [user for user in records if records[user].verdict.state != old[user].verdict.state]
    assert changed


async def test_everybody_waits_until_facts_and_report_were_read_under_the_changed_policy(
    known: Scene,
) -> None:
    watch = await known.restarted(PASSWORD_WRITEBACK="off")
    await read_report(watch)
    assert not await sweep.start_if_due(watch), "the facts were read under the other policy"
    await facts.refresh(watch)
    assert await sweep.start_if_due(watch)
    watch = await known.restarted(PASSWORD_WRITEBACK="unknown")
    await facts.refresh(watch)
    assert not await sweep.start_if_due(watch), "the report was read under the other policy"
    await read_report(watch)
    assert await sweep.start_if_due(watch)


async def test_the_first_reading_waits_for_facts_and_report_under_the_present_policy(scene: Scene) -> None:
    watch = await scene.ready()
    await subscriptions.keep(watch)
    watch = await scene.restarted(PASSWORD_WRITEBACK="off")
    assert not await sweep.start_if_due(watch)
    await facts.refresh(watch)
    assert not await sweep.start_if_due(watch)
    assert await registration.refresh_if_due(watch)
    await run_reading(watch)
    assert await sweep.start_if_due(watch)


async def test_members_read_by_themselves_do_not_stand_for_the_report(known: Scene) -> None:
    group = known.world.cast["group_emergency"]
    watch = await known.restarted(EMERGENCY_GROUP=group)
    await facts.refresh(watch)
    await evaluate_groups(watch, Changed(at=watch.now(), groups=(group,), look=2))
    await run_reading(watch)
    assert (await watch.facts()).evidence_of("emergency-group").read_at
    assert not await sweep.start_if_due(watch)
    assert await registration.refresh_if_due(watch)
    await run_reading(watch)
    assert await sweep.start_if_due(watch)
