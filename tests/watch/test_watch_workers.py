"""Two workers at one job: what is older never overwrites what is newer, and nobody is forgotten."""

from datetime import timedelta

import pytest

from shared.ledger.records import TenantRecord
from shared.model import TenantFacts, Totals
from shared.watch.messages import read_step
from shared.watch.reach import registration
from shared.watch.tenant import with_totals
from shared.watch.tenant_facts import facts
from tests.watch.scene import Scene, run_reading
from tests.watch.test_watch_health import NOW


def test_an_older_sum_over_users_never_replaces_a_newer_one() -> None:
    record = TenantRecord(name="tenant", baseline_ended_at=NOW, totals=Totals(users=2), counted_at=NOW)
    assert with_totals(record, Totals(users=1), NOW - timedelta(seconds=1), NOW) is record
    newer = with_totals(record, Totals(users=3), NOW + timedelta(seconds=1), NOW)
    assert (newer.totals, newer.counted_at) == (Totals(users=3), NOW + timedelta(seconds=1))


def test_sums_mean_nothing_before_every_user_was_read_once() -> None:
    record = TenantRecord(name="tenant")
    assert with_totals(record, Totals(users=3), NOW, NOW) is record


@pytest.mark.real
async def test_a_reader_that_was_overtaken_leaves_the_newer_facts_alone(known: Scene) -> None:
    watch = known.watch
    old = await watch.facts()
    known.clock.pass_by(hours=2)
    newer = await facts.refresh(watch)
    assert old.observed_at
    stale = TenantFacts(tenant_id=old.tenant_id, observed_at=old.observed_at)
    left = await facts._commit(watch, stale, Totals(), old.observed_at, old.observed_at)
    assert left == newer
    assert await watch.facts() == newer


@pytest.mark.real
async def test_the_report_is_read_by_one_worker_at_a_time_and_the_other_comes_back(known: Scene) -> None:
    watch = known.watch
    assert await registration.start(watch)
    [step] = watch.steps()
    calls = await known.requests()
    async with watch.ledger.lock("registration", 60):
        await registration.take_step(watch, step)
    assert await known.requests() == calls
    [(text, delay)] = watch.sweeps.sent
    assert (read_step(text), delay) == (step, 60)
    assert await run_reading(watch) == 3
    assert await known.requests() > calls
