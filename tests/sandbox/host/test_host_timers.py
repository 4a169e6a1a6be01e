"""Timers: schedule, one at a time, what was missed, what runs at start."""

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from azure.storage.blob.aio import BlobServiceClient

from sandbox.host.errors import HostError
from sandbox.host.invoker import Invoker
from sandbox.host.live import LiveHost
from sandbox.host.runtime import Function, Outcome, Retry
from sandbox.host.timers import Monitor, Schedule, Status, Timer
from tests.sandbox.host.support import PARCELS, Queues

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "following"),
    [
        ("0 */5 * * * *", NOON + timedelta(minutes=5)),
        ("30 * * * * *", NOON + timedelta(seconds=30)),
        ("0 0 3 * * *", NOON + timedelta(hours=15)),
        ("0 30 9 * * 1-5", NOON + timedelta(hours=21, minutes=30)),
        ("0 0 0 1 1 *", datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_six_fields_are_read_with_seconds_first_in_utc(expression: str, following: datetime) -> None:
    assert Schedule(expression, "schedule").after(NOON) == following


@pytest.mark.parametrize("expression", ["*/5 * * * *", "0 61 * * * *", "00:05:00", "every minute", ""])
def test_what_is_not_a_schedule_is_refused_naming_it(expression: str) -> None:
    with pytest.raises(HostError, match="schedule of tick"):
        Schedule(expression, "schedule of tick")


class Clock:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        await asyncio.sleep(0)


class Runs:
    """Stands in for the invoker: notes when a function ran and lets each run take a while."""

    def __init__(self, clock: Clock, *, takes: float = 0.0, failures: int = 0, enough: int = 3) -> None:
        self._clock = clock
        self._takes = takes
        self._failures = failures
        self._enough = enough
        self.at: list[tuple[float, bool]] = []
        self.done = asyncio.Event()

    async def invoke(self, function: Function, reason: str, datum: Any, metadata: Any) -> Outcome:
        past_due = '"IsPastDue": true' in datum.value
        self.at.append(((self._clock.now - NOON).total_seconds(), past_due))
        self._clock.now += timedelta(seconds=self._takes)
        self._failures -= 1
        if len(self.at) >= self._enough:
            self.done.set()
            await asyncio.Event().wait()
        return Outcome(ok=self._failures < 0)


class Kept:
    """Stands in for the status blob."""

    def __init__(self, last: datetime | None) -> None:
        self.status = Status(last) if last else None

    async def read(self) -> Status | None:
        return self.status

    async def write(self, last: datetime, following: datetime) -> None:
        self.status = Status(last)


async def runs_of(
    runs: Runs,
    clock: Clock,
    *,
    trigger: dict[str, Any] | None = None,
    kept: Kept | None = None,
    retry: Retry | None = None,
) -> list[tuple[float, bool]]:
    """When a timer of every minute ran (seconds after noon) and whether it was told that it is past due."""
    binding = {"type": "timerTrigger", "name": "timer", "direction": "IN"} | (trigger or {})
    timer = Timer(
        cast(Function, SimpleNamespace(name="tick", trigger=binding, retry=retry)),
        Schedule("0 * * * * *", "schedule"),
        cast(Invoker, runs),
        cast("Monitor | None", kept),
        clock=clock,
        sleep=clock.sleep,
    )
    keeping = asyncio.create_task(timer.keep())
    async with asyncio.timeout(5):
        await runs.done.wait()
    keeping.cancel()
    for task in timer.running:
        task.cancel()
    return runs.at


async def test_runs_at_each_occurrence_and_not_at_start() -> None:
    clock = Clock()
    assert await runs_of(Runs(clock), clock) == [(60, False), (120, False), (180, False)]


async def test_runs_at_start_where_asked_for() -> None:
    clock = Clock()
    found = await runs_of(Runs(clock), clock, trigger={"runOnStartup": True})
    assert found == [(0, False), (60, False), (120, False)]


async def test_occurrences_missed_during_a_long_run_are_made_up_for_by_one_run_past_due() -> None:
    clock = Clock()
    found = await runs_of(Runs(clock, takes=150, enough=4), clock)
    # 12:01 took until 12:03:30; 12:02 and 12:03 became one run past due; then the next occurrence, on time.
    assert found == [(60, False), (210, True), (360, False), (510, True)]


async def test_what_was_missed_while_no_host_ran_is_made_up_for_at_start() -> None:
    clock = Clock()
    kept = Kept(NOON - timedelta(hours=3))
    assert await runs_of(Runs(clock), clock, kept=kept) == [(0, True), (60, False), (120, False)]
    assert kept.status == Status(NOON + timedelta(seconds=60))


async def test_a_first_start_runs_nothing_and_notes_when_it_was() -> None:
    clock = Clock()
    kept = Kept(None)
    assert (await runs_of(Runs(clock, enough=1), clock, kept=kept)) == [(60, False)]
    assert kept.status == Status(NOON)


async def test_a_failed_run_is_repeated_as_its_retry_policy_says() -> None:
    clock = Clock()
    runs = Runs(clock, failures=2, enough=4)
    found = await runs_of(runs, clock, retry=Retry("fixed_delay", 2, delay=5))
    assert [at for at, _ in found] == [60, 65, 70, 120]


@pytest.mark.real
async def test_a_schedule_from_a_setting_fires_and_its_status_outlives_the_host(
    settings: dict[str, str], queues: Queues
) -> None:
    async with LiveHost(PARCELS, 0, {"count", "open_up"}, environ=settings | {"COUNT_AT": "* * * * * *"}):
        assert set(await queues.wait_for("counted", lambda texts: len(texts) >= 2)) == {"on time"}
        assert await queues.texts("opened") == ["open"]


@pytest.mark.real
async def test_a_schedule_whose_setting_is_missing_stops_the_start_naming_it(
    settings: dict[str, str],
) -> None:
    del settings["COUNT_AT"]
    with pytest.raises(
        HostError, match="schedule of count is %COUNT_AT%, but the app setting COUNT_AT isn't set"
    ):
        async with LiveHost(PARCELS, 0, environ=settings):
            pass


@pytest.mark.real
async def test_the_status_blob_is_read_back_and_absent_before(storage_account: str) -> None:
    async with BlobServiceClient.from_connection_string(storage_account) as blobs:
        monitor = Monitor(blobs, "host", "tick")
        assert await monitor.read() is None
        await monitor.write(NOON, NOON + timedelta(minutes=1))
        assert await monitor.read() == Status(NOON)


@pytest.mark.real
async def test_a_function_that_is_switched_off_is_not_served_so_its_settings_do_not_matter(
    settings: dict[str, str],
) -> None:
    del settings["COUNT_AT"]
    async with LiveHost(PARCELS, 0, environ=settings | {"AzureWebJobs.count.Disabled": "true"}) as host:
        assert host.url


@pytest.mark.real
async def test_an_unknown_function_to_serve_is_refused(settings: dict[str, str]) -> None:
    with pytest.raises(HostError, match="no function 'nix'"):
        async with LiveHost(PARCELS, 0, {"nix"}, environ=settings):
            pass
