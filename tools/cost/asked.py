"""Counts what each job of the watch asks of Graph and storage, for `load.py`: `python -m tools.cost.asked`.

Every job runs once, in this process, on simulated tenants of two sizes; what it asks beyond the smaller one
is what a page of 999 users more costs. Resource units are those that the simulator charges
(`sandbox/graph/permissions.py`).
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from sandbox.azurite import Azurite
from sandbox.graph.rates import Rates
from sandbox.graph.server import Running, serve
from sandbox.graph.tenant import generate
from sandbox.notified import notified
from sandbox.storage_proxy import StorageProxy
from shared.settings import load
from shared.watch.hearing import subscriptions
from shared.watch.licensing import errors, nested
from shared.watch.messages import REGISTRATION, SWEEP, Changed, read_step
from shared.watch.parts import Watch
from shared.watch.reach import registration
from shared.watch.tenant_facts import facts
from shared.watch.users import delta, evaluation, sweep

ASKED = Path(__file__).with_name("asked.toml")
PAGE = 999
SIZES = (2 * PAGE, 6 * PAGE)
CHANGED = 20

_RATES = Rates(
    throttling=False, report_takes_top=True, report_page_size=PAGE, replication_delay=0.0, index_lag=0.0
)
SETTINGS = {
    "CLIENT_STATE": "the-secret-of-a-measurement-0123456789",
    "TEAMS_WORKFLOW_URL": "http://127.0.0.1:9/workflow",
    "TELLING_SCHEDULE": "0 * * * * *",
    "RECONCILE_SCHEDULE": "0 */5 * * * *",
    "SUBSCRIPTIONS_SCHEDULE": "30 */15 * * * *",
    "PASSWORD_WRITEBACK": "on",
}

_RECORD = r"^ledger/[^?]*/tenant($|\?)"

Job = Callable[[], Awaitable[object]]


class Asked(msgspec.Struct, frozen=True):
    """What a job asked of Graph: HTTP requests (a batch is one), resource units of the directory, requests
    under the limit of the reports; and of storage: all requests, and those for the tenant's record alone."""

    requests: float = 0.0
    units: float = 0.0
    reports: float = 0.0
    storage: float = 0.0
    record: float = 0.0

    def plus(self, other: "Asked", times: float = 1.0) -> "Asked":
        """Together with so many times the other."""
        return Asked(*(getattr(self, name) + times * getattr(other, name) for name in self.__struct_fields__))


async def measure() -> dict[str, dict[str, Asked]]:
    """By job: `once`, what it asks whatever the tenant's size; `page`, for each 999 users besides.

    Raises `Skipped` where a job found nothing to do.
    """
    small, large = [await all_jobs(size) for size in SIZES]
    pages = [size // PAGE for size in SIZES]
    found: dict[str, dict[str, Asked]] = {}
    for job in small:
        page = Asked().plus(large[job].plus(small[job], -1), 1 / (pages[1] - pages[0]))
        found[job] = {"once": small[job].plus(page, -pages[0]), "page": page}
    return found


class Skipped(Exception):
    """A job that was to be counted did nothing; the message names it."""


def _due(job: str, done: bool) -> None:
    if not done:
        raise Skipped(job)


async def all_jobs(users: int) -> dict[str, Asked]:
    """What each job asks in a tenant of so many users. Raises `Skipped`."""
    async with _opened(users) as (watch, running, proxy):
        return await _played(watch, running, proxy)


async def _played(watch: Watch, running: Running, proxy: StorageProxy) -> dict[str, Asked]:
    found: dict[str, Asked] = {}
    world = running.world

    async def count(name: str, job: Job) -> None:
        before = _spent(running, proxy)
        await job()
        found[name] = _spent(running, proxy).plus(before, -1)

    async def report() -> None:
        _due("report", await registration.start(watch))
        await _steps(watch, REGISTRATION)

    async def everybody() -> None:
        _due("sweep", await sweep.start_if_due(watch))
        await _steps(watch, SWEEP)

    async def round_of_delta() -> None:
        _due("delta", await delta.run_soon(watch) and await delta.run_if_due(watch))

    await count("facts", lambda: facts.refresh(watch))
    await count("report", report)
    await subscriptions.keep(watch)
    await count("sweep", everybody)
    await count("nested", lambda: nested.refresh(watch))
    await count("subscriptions", lambda: subscriptions.keep(watch))
    await count("errors", lambda: errors.look(watch))
    await round_of_delta()
    await count("delta", round_of_delta)
    users = [user.id for user in world.users.values() if user.account_enabled][:CHANGED]
    for user_id in users:
        world.update_user(user_id, account_enabled=False)
    await count("delta_changed", round_of_delta)
    await count(
        "look", lambda: evaluation.evaluate_users(watch, Changed(at=watch.now(), users=(users[0],), look=2))
    )
    return found


async def _steps(watch: Watch, reading: str) -> None:
    """Take the steps of a reading as the queue would bring them, until none is left."""
    take = {SWEEP: sweep.take_step, REGISTRATION: registration.take_step}[reading]
    while received := await watch.storage.sweeps.receive(32):
        for one in received:
            await watch.storage.sweeps.delete(one)
            step = read_step(one.text)
            if step.reading == reading:
                await take(watch, step)


def _spent(running: Running, proxy: StorageProxy) -> Asked:
    simulator = running.simulator
    return Asked(
        requests=sum(simulator.requests.values()),
        units=simulator.units["identity"],
        reports=simulator.units["reports"],
        storage=len(proxy.passed),
        record=len(proxy.seen(path=_RECORD)),
    )


@asynccontextmanager
async def _opened(users: int) -> AsyncIterator[tuple[Watch, Running, StorageProxy]]:
    """A tenant of so many users, of whose largest licensing group every second member is in a group in it."""
    world = generate(users, rates=_RATES)
    largest = world.cast["group_m365_e3"]
    inside = world.add_group("In the group of licences")
    world.add_to_group(inside.id, sorted(world.transitive_members(largest)[0])[::2])
    world.add_to_group(largest, [inside.id])
    async with AsyncExitStack() as stack:
        azurite = await stack.enter_async_context(Azurite())
        proxy = await stack.enter_async_context(StorageProxy(azurite.connection_string))
        running = await stack.enter_async_context(await serve(world))
        environment = {
            **SETTINGS,
            **running.environment,
            "WATCH_STORAGE": proxy.connection_string,
            "NOTIFICATION_BASE_URL": await notified(stack),
        }
        # The identity's client reads them there.
        os.environ.update(running.environment)
        watch = Watch(load(environment))
        stack.push_async_callback(watch.storage.close)
        stack.push_async_callback(watch.notifier.close)
        stack.push_async_callback(watch.graph.aclose)
        yield await watch.ready(), running, proxy


def as_toml(found: dict[str, dict[str, Asked]]) -> str:
    """The file that the model reads."""
    lines = ["# Counted on the sandbox by `python -m tools.cost.asked`; see there what each figure is.\n"]
    for job, parts in sorted(found.items()):
        lines.append(f"\n[{job}]\n")
        for part, asked in parts.items():
            told = ", ".join(
                f"{name} = {round(getattr(asked, name), 2):g}" for name in asked.__struct_fields__
            )
            lines.append(f"{part} = {{ {told} }}\n")
    return "".join(lines)


def main() -> int:
    """Measure and write `asked.toml`."""
    text = as_toml(asyncio.run(measure()))
    ASKED.write_text(text)
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
