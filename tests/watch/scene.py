"""A scene: the simulated tenant, the storage account, and as many workers (`Watch`) as a test wants."""

import functools
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import msgspec

from sandbox.graph.control import Control
from sandbox.graph.rates import Rates
from sandbox.graph.server import Running, serve
from sandbox.graph.world import World
from sandbox.notified import notified
from sandbox.storage_proxy import StorageProxy
from shared.graph.retry import Patience
from shared.graph.session import GraphSession
from shared.ledger.journal import JournalLine
from shared.ledger.records import Posting, Sweep, TenantRecord, UserRecord
from shared.ledger.shards import shard_names
from shared.model import Evidence, Standing, TenantFacts
from shared.settings import Settings, load
from shared.storage import Queue, Storage
from shared.watch.hearing import subscriptions
from shared.watch.licensing import groups
from shared.watch.messages import AGAIN, REGISTRATION, SWEEP, Changed, ReadingStep, read_changed, read_step
from shared.watch.parts import Watch
from shared.watch.reach import registration
from shared.watch.tenant import judge_tenant, with_evidence
from shared.watch.tenant_facts import facts
from shared.watch.users import evaluation, sweep

QUICK = Rates(
    notification_latency=(0.0, 0.0),
    licensing_delay=(0.0, 0.0),
    replication_delay=0.0,
    retry_base=0.01,
    # Tests let months pass; the identity client keeps its token by the real clock.
    token_lifetime=400 * 24 * 3600,
    index_lag=0.0,
    report_takes_top=True,
    report_page_size=999,
)
SETTINGS = {
    "NOTIFICATION_BASE_URL": "http://127.0.0.1:9",
    "CLIENT_STATE": "the-secret-of-these-tests-0123456789",
    "TEAMS_WORKFLOW_URL": "http://127.0.0.1:9/workflow",
    "TELLING_SCHEDULE": "0 * * * * *",
    "RECONCILE_SCHEDULE": "0 */5 * * * *",
    "SUBSCRIPTIONS_SCHEDULE": "0 0 * * * *",
    "PASSWORD_WRITEBACK": "on",
    "SSPR_SCOPE": "all",
}
LEDGER = r"^ledger/.*/(users/|tenant$)"


class Clock:
    """The time of day that everybody in a scene goes by: the real one, and what a test let pass besides."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def pass_by(self, **length: float) -> None:
        """Let hours, minutes, days pass at once."""
        self._ahead += timedelta(**length)


class Post(Queue):
    """A queue that remembers what this worker sent, with its delay; everything really is sent."""

    def __init__(self, queue: Queue) -> None:
        super().__init__(queue._client)
        self.sent: list[tuple[str, float]] = []

    async def send(self, text: str, delay: float = 0.0) -> None:
        await super().send(text, delay)
        self.sent.append((text, delay))


class Worker(Watch):
    """A process's watch: its own clients and caches, the scene's clock, and little patience with Graph."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        super().__init__(settings)
        self._clock = clock
        self.changed_users = Post(self.storage.changed_users)
        self.sweeps = Post(self.storage.sweeps)
        self.storage.changed_users, self.storage.sweeps = self.changed_users, self.sweeps

    @functools.cached_property
    def graph(self) -> GraphSession:
        patience = Patience(attempts=2, first_backoff=0.01, longest_wait=5.0)
        return GraphSession(self.settings.graph, now=self.now, patience=patience)

    def now(self) -> datetime:
        return self._clock.now()

    async def close(self) -> None:
        """Close its connections."""
        await self.graph.aclose()
        await self.notifier.close()
        await self.storage.close()

    def changed(self) -> list[Changed]:
        """What it put on `changed-users` since it was last asked."""
        sent, self.changed_users.sent = self.changed_users.sent, []
        return [read_changed(text) for text, _ in sent]

    def steps(self) -> list[ReadingStep]:
        """What it put on `sweeps` since it was last asked."""
        sent, self.sweeps.sent = self.sweeps.sent, []
        return [read_step(text) for text, _ in sent]

    def take_steps(self, reading: str) -> list[ReadingStep]:
        """What it put on `sweeps` for readings of that kind; the rest stays to be asked for."""
        steps = [(one, read_step(one[0])) for one in self.sweeps.sent]
        self.sweeps.sent = [one for one, step in steps if step.reading != reading]
        return [step for _, step in steps if step.reading == reading]

    async def tenant(self) -> TenantRecord:
        """The tenant's record as committed."""
        return (await self.ledger.read_tenant()).record

    async def facts(self) -> TenantFacts:
        """The tenant's facts as committed."""
        found = (await self.tenant()).facts
        assert found is not None
        return found

    async def record(self, user_id: str) -> UserRecord:
        """A user's record."""
        return (await self.ledger.user_records([user_id]))[user_id]

    async def lines(self, subject_id: str) -> list[JournalLine]:
        """The journal's lines about a user, a group or the tenant."""
        return [
            line
            for book in await self.ledger.books()
            async for _, lines in self.ledger.read_journal(book)
            for line in lines
            if line.subject.id == subject_id
        ]


class Scene:
    """Everything of one test. `watch` is the first worker; `calls` counts Graph calls by name."""

    def __init__(
        self,
        running: Running,
        control: Control,
        clock: Clock,
        proxy: StorageProxy,
        settings: Mapping[str, str],
        stack: AsyncExitStack,
    ) -> None:
        self.running, self.control, self.clock, self.proxy = running, control, clock, proxy
        self.world = running.world
        self._settings = settings
        self._stack = stack
        self.watch = self.another()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def another(self, **settings: str) -> Worker:
        """Another worker on the same storage and tenant, perhaps set up differently."""
        worker = Worker(load({**self._settings, **settings}), self.clock)
        self._stack.push_async_callback(worker.close)
        return worker

    async def ready(self) -> Worker:
        """The first worker, with facts read and the registration report as if read, not yet any user."""
        await self.watch.ready()
        await facts.refresh(self.watch)
        at = self.clock.now()
        read = {"registration": Evidence(read_at=at, tried_at=at)}

        def change(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
            assert record.facts
            facts = with_evidence(record.facts, read)
            policy = self.watch.policy_fingerprint
            changed = msgspec.structs.replace(record, facts=facts, standing_policy=policy)
            return judge_tenant(changed, self.watch.rules, self.watch.settings.policy, at)

        await self.watch.ledger.commit_tenant(change, at)
        return self.watch

    async def restarted(self, **settings: str) -> Worker:
        """The first worker is another process from now on, set up differently."""
        self.watch = await self.another(**settings).ready()
        return self.watch

    async def begin(self, *, report: bool = False) -> None:
        """Make `watch` ready and read everybody once: the baseline has ended, nothing is left to do.

        With `report`, registration report and groups were really read.
        """
        watch = await self.ready()
        if report:
            await read_report(watch)
        await subscriptions.keep(watch)
        assert await sweep.start_if_due(watch)
        await self.run_sweep()
        await self.empty_queues()
        assert (await watch.tenant()).baseline_ended_at

    async def run_sweep(self) -> int:
        """Take the steps of the sweep until none is asked for; how many."""
        taken = 0
        while steps := self.watch.take_steps(SWEEP):
            for step in steps:
                await sweep.take_step(self.watch, step)
                taken += 1
        return taken

    async def work_off(self) -> int:
        """Work on every message that the first worker sent, and on what follows from them; how many.

        None waits for its delay: the clock goes on to it.
        """
        taken = 0
        while waiting := self.watch.changed_users.sent:
            text, delay = waiting.pop(0)
            self.clock.pass_by(seconds=delay)
            changed = read_changed(text)
            job = evaluation.evaluate_users if changed.users else groups.evaluate_groups
            await job(self.watch, changed)
            taken += 1
        return taken

    async def empty_queues(self) -> None:
        """Forget what is on the queues, here and in storage."""
        self.watch.changed()
        self.watch.steps()
        for queue in (self.watch.storage.changed_users, self.watch.storage.sweeps):
            for message in await queue.receive(32):
                await queue.delete(message)

    async def look_at(self, *users: str, look: int = 2, worker: Worker | None = None) -> None:
        """A message about these users, worked on at once."""
        message = Changed(at=self.clock.now(), users=users, look=look)
        await evaluation.evaluate_users(worker or self.watch, message)

    async def look_at_group(self, group_id: str, look: int = 2, why: str = AGAIN) -> None:
        """A message about this group, worked on at once; from the watch itself, unless `why` says else."""
        message = Changed(at=self.clock.now(), groups=(group_id,), look=look, why=why)
        await groups.evaluate_groups(self.watch, message)

    async def calls(self, *names: str) -> int:
        """Graph calls so far, those in batches included; all, or those with these names."""
        counted = await self.control.calls()
        return sum(count for name, count in counted.items() if not names or name in names)

    async def requests(self) -> int:
        """HTTP requests to Graph so far: a batch is one."""
        return sum((await self.control.state())["requests"].values())

    def ledger_writes(self) -> int:
        """Requests so far that wrote a book of the ledger."""
        return len(self.proxy.seen("PUT", LEDGER))

    @property
    def storage(self) -> Storage:
        """The first worker's storage."""
        return self.watch.storage


async def sweep_of(watch: Worker) -> Sweep:
    """Where the reading of all users stands."""
    found = (await watch.tenant()).sweep
    assert found is not None
    return found


def looked_at(scene: Scene) -> set[str]:
    """Users whom the first worker put on the queue."""
    return {user for one in scene.watch.changed() for user in one.users}


async def standing_rows(watch: Worker) -> dict[str, Standing]:
    """The whole index of standings."""
    found: dict[str, Standing] = {}
    for name in shard_names(watch.manifest.shards):
        found |= await watch.standings.read(watch.manifest.epoch, name)
    return found


async def read_report(worker: Watch) -> None:
    """The registration report and the groups of the scope, read to the end by this worker."""
    assert isinstance(worker, Worker)
    assert await registration.start(worker)
    await run_reading(worker)


async def run_reading(worker: Worker) -> int:
    """Take the steps of the reading of the report until none is asked for; how many. None waits its time."""
    taken = 0
    while due := worker.take_steps(REGISTRATION):
        for step in due:
            await registration.take_step(worker, step)
            taken += 1
    return taken


async def listening(world: World, clock: Clock, proxy: StorageProxy, settings: Mapping[str, str]) -> Scene:
    """Start Graph and the address that it calls for handshakes and notifications."""
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(await serve(world))
        control = await stack.enter_async_context(Control(running.url))
        address = await notified(stack)
        environment = {
            **SETTINGS,
            **running.environment,
            "NOTIFICATION_BASE_URL": address,
            "WATCH_STORAGE": proxy.connection_string,
            **settings,
        }
        return Scene(running, control, clock, proxy, environment, stack.pop_all())
