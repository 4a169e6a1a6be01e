"""Plays one history: the simulated tenant over HTTP, notifications that get lost, two workers, one reconcile.

Then the ledger is held against the truth (`truth.py`) and against its own journal (`replay.py`).
"""

import random
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import timedelta
from typing import Any

from sandbox.graph import operations as ops
from sandbox.graph import service_operations as service
from sandbox.graph.rates import Rates
from sandbox.graph.server import Running, serve
from sandbox.graph.state import DEFAULT_ROLES
from sandbox.graph.world import Refused, World
from shared.graph import users as graph_users
from shared.ledger.records import TenantRecord
from shared.settings import Settings, load
from shared.watch.parts import Busy
from shared.watch.reach import registration_pages
from shared.watch.users import sweep_phases
from tests.oracle import policies, truth
from tests.oracle.author import Author, Step, shown
from tests.oracle.comparison import Difference, compare
from tests.oracle.forced import (
    break_and_mend,
    fail_otherwise,
    restore_the_tenant,
    settings_that_show_all,
)
from tests.oracle.histories import next_step
from tests.oracle.host import Host, StoryClock, in_process
from tests.oracle.mailbox import Mailbox
from tests.oracle.memory_storage import MemoryAccount
from tests.oracle.outcome import LEAST_TRANSITIONS, STATES, Outcome
from tests.oracle.past import Past
from tests.oracle.replay import open_in_ledger, replay
from tests.oracle.tenants import CLOUD, P1, RESET, UNKNOWN, UNLOCK, Tenant
from tests.oracle.workers import Hand, Place
from tests.watch.scene import SETTINGS

TICKS = 4
"""How often the timers come round in the reconcile, every five minutes: what one orders, the next does."""
EDGE = timedelta(hours=8)
"""No account may come of age, and no report grow too old, so soon after the reconcile began."""


async def play(seed: int, connection: str = "") -> Outcome:
    """The history of this seed. `connection`: a storage account of its own; empty: memory."""
    with in_process(), small_pages():
        async with AsyncExitStack() as stack:
            return await Play(seed, stack, connection).whole()


@contextmanager
def small_pages() -> Iterator[None]:
    """Twenty users a page and two pages a step: the sweep of a hundred users has several steps."""
    before = graph_users.PAGE, sweep_phases.PAGES_A_STEP, registration_pages.PAGES_A_STEP
    graph_users.PAGE, sweep_phases.PAGES_A_STEP, registration_pages.PAGES_A_STEP = 20, 2, 2
    try:
        yield
    finally:
        graph_users.PAGE, sweep_phases.PAGES_A_STEP, registration_pages.PAGES_A_STEP = before


class Licensing:
    """Group licensing that works when the story says so, not when the simulator's own loop comes round."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._run = world.licensing.run
        world.licensing.run = lambda now: None  # type: ignore[method-assign]  # its loop finds nothing to do

    def work(self) -> None:
        """Do what is due, in both stages of a job."""
        for _ in range(2):
            self._run(self._world.now())


class Play:
    """One history, from the first reading to the comparison."""

    def __init__(self, seed: int, stack: AsyncExitStack, connection: str) -> None:
        self.rng = random.Random(f"luck {seed}")
        self.clock = StoryClock()
        self.host = Host(self.clock, random.Random(f"host {seed}"))
        self.tenant = Tenant(seed, rates(self.rng, seed), self.clock.here)
        self.world = self.tenant.world
        self.fault_rate = self.world.rates.fault_rate
        account = None if connection else MemoryAccount(self.clock.now)
        self.place = Place(self.clock, self.host, self.world, account)
        self.author = Author(seed, self.tenant, policies.draw(self.rng, self.tenant.groups))
        self.outcome = Outcome(seed, settings=self.author.settings)
        self.licensing = Licensing(self.world)
        self.host.time_passed = self.licensing.work
        self.past = Past(self.world, self.tenant.groups, self.tenant.used)
        self.mailbox = Mailbox(self.clock, self.host, self.rng)
        self._connection = connection
        self._stack = stack
        self._weekly = self.rng.choice(("7d", "365d", "365d"))
        self.running: Running

    async def whole(self) -> Outcome:
        """Everything from the beginning to the comparison."""
        self.running = await self._stack.enter_async_context(await serve(self.world))
        if not self._connection:
            self.place.simulator = self.running.simulator
        self.tenant.live = lambda: self.running.simulator.subscriptions.live(self.world.now())
        await self.mailbox.open(self._stack)
        self.employ()
        await self.apply(service.SetRates(rates={"fault_rate": 0.0}))
        await self.baseline()
        await self.apply(service.SetRates(rates={"fault_rate": self.fault_rate}))
        await self.steps()
        await self.reconcile()
        return await self.judged()

    # --- workers -----------------------------------------------------------------------------------------

    def employ(self) -> None:
        """Two new workers under the present settings; the ones before have finished their message."""
        environment = {
            **SETTINGS,
            **self.running.environment,
            **self.author.settings,
            "NOTIFICATION_BASE_URL": self.mailbox.address,
            "WATCH_STORAGE": self._connection or "UseDevelopmentStorage=true",
            "SWEEP_EVERY": self._weekly,
        }
        settings: Settings = load(environment)
        self.mailbox.settings = settings
        hands = [Hand(settings, self.place) for _ in range(2)]
        for hand in hands:
            self._stack.push_async_callback(hand.close)
        self.host.workers = list(hands)

    @property
    def hand(self) -> Hand:
        """The first worker."""
        worker = self.host.workers[0]
        assert isinstance(worker, Hand)
        return worker

    async def record(self) -> TenantRecord:
        """The tenant's record."""
        return (await self.hand.ledger.read_tenant()).record

    # --- the story ---------------------------------------------------------------------------------------

    async def baseline(self) -> None:
        """The first reading of everybody, in several shards."""
        shards = self.rng.choice((1, 2, 4))

        async def count() -> int:
            return shards * 2000

        await self.hand.storage.ensure()
        await self.hand.ledger.manifest(count)
        for _ in range(TICKS):
            await self.host.timers()
            await self.host.drain()
            self.clock.pass_by(minutes=5)
            if (await self.record()).baseline_ended_at:
                break
        else:
            raise AssertionError(f"the baseline does not end: {dict(self.host.failures)}")
        await self.look_at_states()

    async def steps(self) -> None:
        """What was drawn, with the settings that show every state in the middle if some are lacking."""
        length = self.author.length()
        for number in range(length):
            step = next_step(self.author)
            if number == length // 2 and STATES - self.outcome.states:
                self.author.settings = settings_that_show_all(self.author)
                step = Step("setting", (), self.author.settings, timedelta(minutes=5), True)
            await self.take(step)

    async def take(self, step: Step) -> None:
        """One step: the tenant changes, calls come or don't, the watch works or has not got to it yet."""
        told = str(step)
        self.outcome.kinds.add(step.kind)
        if step.settings is not None:
            self.employ()
        for operation in step.does:
            told += await self.apply(operation)
        self.outcome.steps.append(told)
        if self.rng.random() < 0.7:
            await self.host.pump()
        await self.pass_by(step.after)
        if step.timers:
            await self.host.timers()
            await self.host.pump()
            await self.look_at_states()

    async def apply(self, operation: ops.Operation) -> str:
        """Have it done as the control API would; what was refused, in brackets."""
        if isinstance(operation, service.RefreshReport):
            # A reading that a refresh overtakes would be of two reports.
            await self.host.pump()
        try:
            operation.apply(self.running.simulator)
            if isinstance(operation, ops.SelfServiceReset) and operation.result == "success":
                self.tenant.used |= {operation.user} if operation.activity in (RESET, UNLOCK) else set()
        except Refused as refusal:
            return f" ({refusal})"
        finally:
            self.past.note(self.clock.at)
            await self.mailbox.arrive(self.running.simulator)
        return ""

    async def pass_by(self, length: timedelta) -> None:
        """Let time pass: licensing jobs end, late calls come."""
        self.clock.at += length
        self.licensing.work()
        self.past.note(self.clock.at)
        await self.mailbox.arrive(self.running.simulator)
        self.mailbox.deliver()

    async def look_at_states(self) -> None:
        """Remember which states the ledger has shown by now."""
        async for record in self.hand.ledger.records():
            self.outcome.states.add(record.verdict.state.value)

    # --- the end -----------------------------------------------------------------------------------------

    async def reconcile(self) -> None:
        """What is lacking happens; then the faults end, everything is due, and every timer comes round."""
        self.running.simulator.faults.clear()
        await self.apply(service.SetRates(rates={"fault_rate": 0.0}))
        await self.force()
        await self.settle()
        self.place.attempt_timeout = 60.0
        self.employ()
        await self.wait_past_the_edges()
        self.past.reconciled_from = self.clock.at
        self.host.failures.clear()
        for _ in range(TICKS):
            before = self.host.handled
            await self.host.timers()
            await self.host.drain()
            self.outcome.ticks += 1
            self.clock.pass_by(minutes=5)
            if self.host.handled == before:
                break
        self.outcome.failures = dict(self.host.failures)
        # Of two messages at a time about one thing the second waits for its next try.
        failed = [one for one in self.host.failures if f": {Busy.__name__} " not in one]
        self.outcome.faults += [f"failed in the reconcile: {one}" for one in failed]
        self.outcome.faults += [f"crashed: {one}" for one in self.host.crashes]

    async def settle(self) -> None:
        """Late calls come, licensing jobs end, readers and filters know what there is to know."""
        # Without the report the watch goes by its last reading, which is known here; without the others too,
        # but then what it should know is a question of when it read last, and not of the tenant.
        lost = {"AuditLog.Read.All"} if self.rng.random() < 0.15 else set()
        await self.apply(ops.SetTenant(roles=tuple(sorted(DEFAULT_ROLES - lost))))
        for _ in range(6):
            await self.pass_by(timedelta(minutes=30))
        self.mailbox.deliver(everything=self.rng.random() < 0.5)

    async def wait_past_the_edges(self) -> None:
        """A day later, or when nobody is about to come of age and no report about to grow too old."""
        self.clock.pass_by(hours=25)
        record = await self.record()
        assert record.facts is not None
        read_at = record.facts.evidence_of("registration").read_at
        # What the ledger takes for the moment may lie days after it: that is an edge of its own.
        taken = [one.enabled_since async for one in self.hand.ledger.records() if one.enabled_since]
        for _ in range(100):
            now = self.clock.at
            ages = [user.created_at + policies.GRACE for user in self.world.users.values()]
            ages += [at + policies.GRACE for at in (*self.past.enablings(), *taken)]
            ages += [read_at + policies.MAX_AGE] if read_at else []
            ages += self.past.endings(policies.ENDS_SOON)
            if not any(now - timedelta(minutes=5) <= age <= now + EDGE for age in ages):
                return
            self.clock.pass_by(hours=3)

    async def force(self) -> None:
        """Take licences from some and give them to others; whatever state is lacking, make it come out."""
        present = await self.truth()
        users = self.world.users
        covered = [one for one in present.users if present.of(one)["state"] == "covered"]
        alone = [one for one in covered if users[one].direct and not users[one].inherited]
        bare = [one for one in present.users if present.of(one)["state"] == "uncovered"]
        picked = [self.rng.sample(sorted(ids), min(3, len(ids))) for ids in (alone, bare)]
        await self._forced(break_and_mend(self.author, *picked) + fail_otherwise(self.author))
        then = await self.truth()
        missing = STATES - self.outcome.states - then.states()
        broken = {one for one in then.users if then.of(one)["state"] in truth.BROKEN}
        known = {one.id async for one in self.hand.ledger.records() if "coverage" in one.open}
        if not missing and len(broken ^ known) >= LEAST_TRANSITIONS:
            return
        self.author.settings = settings_that_show_all(self.author)
        self.outcome.steps.append(f"forced           {self.author.settings}")
        await self._forced(restore_the_tenant(self.author))
        for number, (synced, held) in enumerate(
            ((None, ()), (True, ()), (True, (CLOUD,)), (None, (UNKNOWN,)), (True, (P1,)), (None, ()))
        ):
            user_id = self.tenant.add_user(f"Forced {number}", synced=synced, usage_location="NL")
            self.tenant.give(user_id, *held)
            await self._forced((ops.Members(group=self.tenant.groups["scope"], add=(user_id,)),))

    async def _forced(self, operations: tuple[ops.Operation, ...]) -> None:
        for operation in operations:
            told = await self.apply(operation)
            self.outcome.steps.append(f"forced           {shown(operation)}{told}")

    # --- the comparison ----------------------------------------------------------------------------------

    async def truth(self) -> truth.Truth:
        """The truth of this moment, by what the watch has read of report and groups."""
        record = await self.record()
        assert record.facts is not None
        since = {one.id: one.enabled_since async for one in self.hand.ledger.records()}
        policy = policies.policy_of(self.author.settings)
        readings = self.past.readings(record.facts.evidence)
        return await truth.read(self.running.simulator, policy, readings, since, self.clock.now())

    async def judged(self) -> Outcome:
        """Hold the ledger against the truth, and the journal against the ledger."""
        outcome, ledger = self.outcome, self.hand.ledger
        await self.look_at_states()
        record = await self.record()
        assert record.facts is not None
        final = await self.truth()
        outcome.differences = await compare(ledger, final)
        outcome.faults += self.past.doubts(record.facts.evidence, final.policy)
        async for one in ledger.records():
            outcome.faults += self.past.doubts_of_memory(one)
        replayed = await replay(ledger)
        outcome.faults += replayed.faults
        held = await open_in_ledger(ledger, self.world.organization.id)
        for key in sorted(held.keys() | replayed.open.keys()):
            if held.get(key) != replayed.open.get(key):
                told = Difference(f"finding {key}", held.get(key), replayed.open.get(key))
                outcome.faults.append(f"the journal replayed differs: {told}")
        outcome.transitions, outcome.moments = replayed.told, replayed.moments
        outcome.lost = self.running.simulator.planner.tally.lost
        return outcome


def rates(rng: random.Random, seed: int) -> Rates:
    """Half of the tenants never notify of licences; in all, notifications get lost, doubled and mixed."""
    draw: dict[str, Any] = {
        "items_per_post": (1, 3, 100),
        "replication_delay": (0.0, 20.0),
        "index_lag": (0.0, 30.0),
        "sibling_error": ("same", "Other"),
        "empty_page_rate": (0.0, 0.2),
        "delta_page_size": (3, 200),
        "delta_replay_rate": (0.0, 0.3),
        "delta_shuffle": (False, True),
        "delta_lag": (0.0, 120.0),
        "delta_expired_status": (400, 404, 410),
        "plan_status_in_delta": (False, True),
        "purged_members_in_delta": (False, True),
        "audits_need_directory_role": (False, False, True),
        "paused_are_lost": (False, True),
        "twins_by_spelling": (False, True),
        "fault_rate": (0.0, 0.02, 0.06),
    }
    return Rates(
        notification_latency=(0.0, 0.0),
        batch_window=0.0,
        loss_rate=0.3,
        duplicate_rate=0.2,
        licence_changes_notify=bool(seed % 2),
        licensing_delay=(0.0, rng.choice((0.0, 60.0, 900.0))),
        report_takes_top=True,
        report_page_size=40,
        token_lifetime=20 * 365 * 86_400,
        retry_base=0.01,
        throttling=False,
        delta_members_per_row=4,
        delta_token_lifetime=60 * 86_400.0,
        fault_seconds=(0.0, 0.02),
        **{name: rng.choice(choices) for name, choices in draw.items()},
    )


def drawn_rates(seed: int) -> Rates:
    """Rates of that seed, for a tenant that nobody watches."""
    return rates(random.Random(f"luck {seed}"), seed)
