"""Timer triggers: six-field NCRONTAB in UTC, one run at a time, missed occurrences run once as past due.

As on Microsoft's page "Timer trigger for Azure Functions". The Azure host also holds a lease so that one
instance of many runs a timer; here whoever starts a second host says which functions it is for.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob.aio import BlobServiceClient
from croniter import CroniterError, croniter

from sandbox.host import triggers
from sandbox.host.errors import HostError
from sandbox.host.invoker import Invoker
from sandbox.host.runtime import Function, Retry

# Sleeping in short pieces follows the wall clock when the laptop was asleep or its clock was set.
LONGEST_SLEEP = 30.0
STATUS_CONTAINER = "azure-webjobs-hosts"
STORAGE_TROUBLE = (AzureError, OSError, TimeoutError)

log = logging.getLogger("sandbox.host")


class Schedule:
    """A six-field NCRONTAB expression: second, minute, hour, day, month, day of week."""

    def __init__(self, expression: str, what: str) -> None:
        """Raises HostError when it isn't one; `what` says whose it is."""
        self.expression = expression
        if len(expression.split()) != 6:
            raise HostError(
                f"{what} is {expression!r}, but a schedule has six fields, seconds first: 0 */5 * * * *"
            )
        try:
            self.after(datetime.now(UTC))
        except (CroniterError, ValueError) as error:
            raise HostError(f"{what} is {expression!r}, which isn't a schedule: {error}") from None

    def after(self, moment: datetime) -> datetime:
        """The first occurrence after a moment (UTC)."""
        following: datetime = croniter(
            self.expression, moment.astimezone(UTC), ret_type=datetime, second_at_beginning=True
        ).get_next(datetime)
        return following

    def is_frequent(self, moment: datetime) -> bool:
        """Whether it occurs more than once a minute; then the host keeps no status."""
        first = self.after(moment)
        return self.after(first) - first < timedelta(minutes=1)


@dataclass(frozen=True)
class Status:
    """When a timer last ran."""

    last: datetime


class Monitor:
    """Keeps a timer's status in the host's own storage, so that a restarted host sees what it missed."""

    def __init__(self, blobs: BlobServiceClient, host_id: str, function: str) -> None:
        name = f"timers/{host_id}/Host.Functions.{function}/status"
        self._container = blobs.get_container_client(STATUS_CONTAINER)
        self._blob = self._container.get_blob_client(name)

    async def read(self) -> Status | None:
        """The status; None if there is none or it can't be read."""
        try:
            stored = await (await self._blob.download_blob()).readall()
            return Status(datetime.fromisoformat(json.loads(stored)["Last"]))
        except ResourceNotFoundError:
            return None
        except (*STORAGE_TROUBLE, ValueError, KeyError) as error:
            log.warning("Status of timer %s can't be read: %s", self._blob.blob_name, type(error).__name__)
            return None

    async def write(self, last: datetime, following: datetime) -> None:
        """Note a run; trouble is logged only, for a timer runs without its status too."""
        data = json.dumps({"Last": last.isoformat(), "Next": following.isoformat()})
        try:
            try:
                await self._blob.upload_blob(data, overwrite=True)
            except ResourceNotFoundError:
                await self._create()
                await self._blob.upload_blob(data, overwrite=True)
        except STORAGE_TROUBLE as error:
            log.warning("Status of timer %s can't be kept: %s", self._blob.blob_name, type(error).__name__)

    async def _create(self) -> None:
        try:
            await self._container.create_container()
        except ResourceExistsError:
            log.debug("container %s was there already", STATUS_CONTAINER)


class Timer:
    """Runs one timer function on its schedule."""

    def __init__(
        self,
        function: Function,
        schedule: Schedule,
        invoker: Invoker,
        monitor: Monitor | None,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.function = function
        self._schedule = schedule
        self._invoker = invoker
        self._monitor = monitor
        self._clock = clock
        self._sleep = sleep
        self._one_at_a_time = asyncio.Lock()
        self._running: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> frozenset[asyncio.Task[None]]:
        """The run under way, and those that wait for it."""
        return frozenset(self._running)

    async def keep(self) -> None:
        """Run the function on schedule until cancelled; a run under way goes on after that."""
        following = await self._begin()
        while True:
            while (left := (following - self._clock()).total_seconds()) > 0:
                await self._sleep(min(left, LONGEST_SLEEP))
            started = self._clock()
            await self.run("Timer fired at " + started.isoformat(timespec="seconds"), past_due=False)
            following = self._schedule.after(started)
            if following < self._clock():
                # What fell due during the run is made up for by one run, however much it was.
                started = self._clock()
                await self.run("Timer is past due", past_due=True)
                following = self._schedule.after(max(started, following))

    async def run(self, reason: str, *, past_due: bool) -> None:
        """Run the function now, after a run that is under way; safe to cancel: the run goes on."""
        task = asyncio.create_task(self._run(reason, past_due), name=self.function.name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        await asyncio.shield(task)

    async def _begin(self) -> datetime:
        """Runs at start where asked for or missed; gives the first regular occurrence."""
        status = await self._monitor.read() if self._monitor else None
        now = self._clock()
        if self.function.trigger.get("runOnStartup"):
            await self.run("RunOnStartup", past_due=False)
        elif status is not None and self._schedule.after(status.last) < now:
            await self.run("Timer is past due", past_due=True)
        elif status is None and self._monitor is not None:
            await self._monitor.write(now, self._schedule.after(now))
        return self._schedule.after(now)

    async def _run(self, reason: str, past_due: bool) -> None:
        async with self._one_at_a_time:
            started = self._clock()
            following = self._schedule.after(started)
            datum = triggers.timer_datum(past_due, started, following)
            for attempt in range(1 + _retries(self.function.retry)):
                if attempt:
                    await self._sleep(_delay(self.function.retry, attempt))
                outcome = await self._invoker.invoke(self.function, reason, datum, {})
                if outcome.ok:
                    break
            if self._monitor is not None:
                await self._monitor.write(started, following)


def _retries(retry: Retry | None) -> int:
    if retry is None:
        return 0
    return 1_000_000 if retry.count < 0 else retry.count  # -1 means without end


def _delay(retry: Retry | None, attempt: int) -> float:
    if retry is None:
        return 0.0
    if retry.strategy == "fixed_delay":
        return retry.delay
    return min(retry.shortest * 2.0 ** (attempt - 1), retry.longest)
