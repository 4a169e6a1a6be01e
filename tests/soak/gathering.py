"""From a played soak to what was found: everything that is judged once the app has stopped."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from benchmarks.machine import about
from shared.model import Moment
from shared.notify import memory
from shared.notify.deciding.states import Reason
from tests.soak.befallen import Befallen, died, missing
from tests.soak.handed import KILLED_OVER, TEAMS, TICKETS, handed, trail_of
from tests.soak.measuring import cpu_seconds, latencies, memory_of, slopes
from tests.soak.oracle import judged
from tests.soak.poisoned import FAILED, put_aside
from tests.soak.report import Found, Use
from tests.soak.run import Run, Soak
from tests.soak.troupe import SHORTER, Troupe

WARM_UP = 0.2
"""Of segment two so much is left out of the slope: processes that were killed last are still filling."""
SHORT_OF = frozenset(
    {
        Reason.HELD_BY_BRAKE,
        Reason.HELD_BY_CHANGE,
        Reason.CONFIRMING,
        Reason.HANDOVER_DELAYED,
        Reason.WAITING_FOR_GROUP,
    }
)
"""Reasons that are over once nothing waits any more."""

_ENDED_BADLY = re.compile(r"Executed 'Functions\.(\w+)' \(Failed")
_IDS = re.compile(r"[0-9a-f]{8}[0-9a-f-]*|\b\d+\b")


@dataclass(frozen=True)
class Asked:
    """How the soak was asked for."""

    command: str
    users: int
    seed: int
    seconds: float


async def gathered(soak: Soak, asked: Asked) -> Found:
    """Stop the app, then judge. Raises what reading storage raises."""
    troupe, run = soak.troupe, soak.run
    silent = await _silent(troupe)
    await troupe.stage.host.stop()
    # As of what the app took the time to be: calm puts a clock that is ahead back.
    at = troupe.clock.now()
    # What the counts are now; the weather was cleared long ago.
    await soak.sky.calm()
    befell, killed = _befallen(soak), Counter(one.process for one in run.kills)
    table = (await memory.recall(troupe.storage.ledger, await troupe.ledger.manifest())).table
    trail = await trail_of(troupe.storage.evidence, troupe.world.organization.id)
    kills: list[datetime] = [one.when for one in run.kills if one.process == KILLED_OVER]
    changes, held = await _journal(troupe, table.cursors)
    log = troupe.log_path.read_text("utf-8", "replace").splitlines()
    size = soak.schedule.size
    return Found(
        command=asked.command,
        machine=about(),
        seed=asked.seed,
        users=asked.users,
        segment=size.seconds,
        seconds=asked.seconds,
        baseline=run.baseline_seconds,
        drained=run.drained - run.ended,
        changes=dict(soak.author.done),
        storms=dict(Counter(one.kind for one in soak.schedule.storms)),
        left_out=soak.author.left_out.total(),
        met={
            **{f"storage: {name}": count for name, count in befell.storage.items()},
            **{f"Graph: {name}": count for name, count in befell.graph.items()},
            **{f"receivers: {name}": count for name, count in befell.receivers.items()},
        },
        missing=missing(befell, soak.schedule.kills),
        late=befell.late,
        kills=dict(killed),
        died=died(troupe.workers.started, killed),
        notifications=befell.notifications,
        modes=sorted(run.modes),
        left=str(run.left) if run.left is not None and run.left.anything else "",
        forwarded=run.forwarded,
        settings=SHORTER,
        judged=await judged(troupe.ledger, troupe.simulator, at),
        handed=handed(
            table,
            trail,
            troupe.tickets.received,
            {TEAMS: troupe.teams.attempts, TICKETS: troupe.tickets.attempts},
            kills,
            changes,
            held,
        ),
        put_aside=put_aside(log, killed),
        latencies=latencies(run.answers, run.front_windows),
        lag=run.lag.shown,
        uses=_uses(run, size.seconds, troupe.workers.started),
        silent=silent,
        unknown_silence=sorted(
            reason for reason in silent if any(reason.startswith(one) for one in SHORT_OF)
        ),
        failures=_failures(log),
    )


def _befallen(soak: Soak) -> Befallen:
    simulator = soak.troupe.simulator
    return Befallen(
        storage=dict(soak.troupe.front.counts),
        graph={**simulator.faults.met, "429": simulator.statuses["429"]},
        receivers=dict(soak.sky.met),
        notifications=msgspec.to_builtins(simulator.planner.tally),
        done=dict(soak.author.done),
        killed=Counter(one.process for one in soak.run.kills),
        late=soak.run.late,
    )


async def _silent(troupe: Troupe) -> dict[str, int]:
    """How many findings are not told now, by reason and route: as `health` says it."""
    well = await troupe.watch.notifier.health(troupe.clock.now())
    await troupe.watch.notifier.close()
    return {name: count for name, count in sorted(well.detail["standing"].items()) if name != Reason.TOLD}


async def _journal(
    troupe: Troupe, cursors: Mapping[str, int]
) -> tuple[Counter[tuple[str, str]], frozenset[str]]:
    """By the journal: how often each finding changed to a state, and what is open as far as the notifier has
    read."""
    changes: Counter[tuple[str, str]] = Counter()
    held: set[str] = set()
    for book in await troupe.ledger.books():
        async for seq, lines in troupe.ledger.read_journal(book):
            changes.update((one.finding, one.state) for one in lines if one.transition is Moment.CHANGED)
            for one in lines if seq <= cursors.get(book, 0) else ():
                (held.discard if one.transition is Moment.RESOLVED else held.add)(one.finding)
    return changes, frozenset(held)


def _uses(run: Run, segment: float, started: Mapping[str, int]) -> list[Use]:
    """Every process, the app's first; CPU since segment one began."""
    begin = run.begun + segment * (1 + WARM_UP)
    grows = slopes(run.samples, begin, run.begun + 2 * segment)
    before = cpu_seconds(one for one in run.samples if one.at <= run.begun)
    spent = cpu_seconds(run.samples)
    seconds = run.drained - run.begun
    uses = []
    for name, (mb, most) in memory_of(run.samples).items():
        cpu = spent[name] - before.get(name, 0.0)
        uses.append(
            Use(
                name=name,
                cpu=cpu,
                share=cpu / seconds,
                mb=mb,
                most=most,
                slope=grows.get(name, 0.0),
                started=started.get(name.removeprefix("app: "), 1),
            )
        )
    return sorted(uses, key=lambda one: (not one.name.startswith("app: "), one.name))


def _failures(log: list[str]) -> dict[str, int]:
    """How often each function failed, and why messages were tried again, ids and numbers aside; the most
    frequent first."""
    ended = Counter(f"{one[1]} in all" for line in log if (one := _ENDED_BADLY.search(line)))
    found = Counter(
        f"{one[2]}: {_IDS.sub('…', one[3])[:100]}" for line in log if (one := FAILED.search(line))
    )
    return {**dict(ended.most_common()), **dict(found.most_common(20))}
