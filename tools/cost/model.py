"""What the watch costs in a month: usage from assumptions and measured figures, cost from prices. Pure.

Figures are read from the TOML files beside this; `docs/cost.md` is made of what comes out.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
HOURS = 730.0
"""Of a month."""
PAGE = 999
USERS_A_SHARD = 2000
PAGES_A_STEP = 20


@dataclass(frozen=True)
class Figures:
    """`assumed` and `measured` by name, and `prices` in dollars."""

    assumed: Mapping[str, float]
    measured: Mapping[str, float]
    prices: Mapping[str, float]


@dataclass(frozen=True)
class Choice:
    """What an administrator may choose: instances that are always ready, memory in GB (None: as assumed), how
    Graph delivers, private networking. `grants`: what Azure gives for free is taken off."""

    always_ready: int = 1
    memory_gb: float | None = None
    event_grid: bool = False
    private: bool = False
    grants: bool = False


@dataclass(frozen=True)
class Usage:
    """What a month takes."""

    executions: float
    gb_seconds: float
    ready_executions: float
    ready_gb_seconds: float
    baseline_gb_seconds: float
    blob_writes: float
    blob_reads: float
    blob_others: float
    queue_requests: float
    stored_gb: float
    logs_gb: float
    event_grid_operations: float


def read() -> Figures:
    """The figures as they stand in the files."""

    def values(name: str, key: str) -> dict[str, float]:
        rows = tomllib.loads((HERE / name).read_text())
        return {one: float(row[key]) for one, row in rows.items()}

    measured = tomllib.loads((HERE / "measured.toml").read_text())
    return Figures(
        assumed=values("assumptions.toml", "value"),
        measured={name: float(value) for name, value in measured.items()},
        prices=values("prices.toml", "price"),
    )


def usage(users: int, figures: Figures, choice: Choice) -> Usage:
    """What a tenant of so many users takes."""
    a, m = figures.assumed, figures.measured
    memory = a["memory_gb"] if choice.memory_gb is None else choice.memory_gb
    minutes, weeks, days = HOURS * 60, HOURS / (24 * 7), HOURS / 24
    timer_runs = a["reconcile_timers"] * minutes / 5 + minutes / 15 + minutes
    changes = users * a["changes_a_user"]
    calls = changes if choice.event_grid else changes / a["notifications_a_call"]
    # What Event Grid brings one by one is joined by a function of its own (shared.watch.hearing.collecting).
    joins = changes if choice.event_grid else 0
    evaluations = changes * m["change_evaluations"] / a["users_a_message"]
    pages = math.ceil(users / PAGE)
    shards = math.ceil(users / USERS_A_SHARD)
    steps = weeks * (math.ceil(pages / PAGES_A_STEP) + shards) + days * math.ceil(pages / PAGES_A_STEP)
    step_seconds = weeks * pages * a["page_seconds"] + days * pages * a["report_page_seconds"]
    on_demand = timer_runs + evaluations + joins + steps
    seconds = (
        timer_runs * a["timer_seconds"]
        + evaluations * a["evaluation_seconds"]
        + joins * a["collect_seconds"]
        + step_seconds
    )
    call_gb_seconds = memory * calls * a["call_seconds"]
    ready = choice.always_ready > 0 and not choice.event_grid
    requests = {
        kind: timer_runs * m[f"timer_{kind}"]
        + changes * m[f"change_{kind}"] / a["users_a_message"]
        + weeks * m[f"reading_{kind}"] * users / USERS_A_SHARD
        for kind in ("blob_writes", "blob_reads", "blob_others", "queue_requests")
    }
    timers = a["reconcile_timers"] + 2
    shard_bytes = m["ledger_bytes_a_user"] * min(users, USERS_A_SHARD)
    ledger_writes = changes * m["change_blob_writes"] / a["users_a_message"]
    kept = ledger_writes * a["kept_days"] / days * shard_bytes + users * m["ledger_bytes_a_user"]
    logs = (
        (on_demand + calls) * a["bytes_an_invocation"]
        + changes * a["bytes_a_change"]
        + minutes * a["workers"] * a["counter_rows_a_minute"] * a["bytes_a_row"]
    )
    return Usage(
        executions=on_demand + (0 if ready else calls),
        gb_seconds=memory * seconds + (0 if ready else call_gb_seconds),
        ready_executions=calls if ready else 0,
        ready_gb_seconds=call_gb_seconds if ready else 0,
        baseline_gb_seconds=choice.always_ready * memory * HOURS * 3600 if ready else 0,
        blob_writes=requests["blob_writes"],
        blob_reads=requests["blob_reads"],
        blob_others=requests["blob_others"] + minutes * timers * a["lease_renewals_a_minute"],
        queue_requests=requests["queue_requests"]
        + joins * a["collect_queue_requests"]
        + minutes * a["queue_polls_a_minute"] * (3 if choice.event_grid else 2) / 2,
        stored_gb=kept / 1e9,
        logs_gb=logs / 1e9,
        event_grid_operations=2 * changes if choice.event_grid else 0,
    )


def granted(used: Usage, figures: Figures) -> Usage:
    """What is left to pay for, where nothing else uses up what Azure gives for free."""
    prices = figures.prices
    return replace(
        used,
        executions=max(0.0, used.executions - prices["grant_executions"]),
        gb_seconds=max(0.0, used.gb_seconds - prices["grant_gb_seconds"]),
        logs_gb=max(0.0, used.logs_gb - prices["grant_logs_gb"]),
        event_grid_operations=max(0.0, used.event_grid_operations - prices["grant_event_grid"]),
    )


def cost(users: int, figures: Figures, choice: Choice) -> dict[str, float]:
    """Dollars a month, by what they are for."""
    used = usage(users, figures, choice)
    if choice.grants:
        used = granted(used, figures)
    prices, a = figures.prices, figures.assumed
    lines = {
        "always-ready instance": used.baseline_gb_seconds * prices["ready_baseline_gb_second"]
        + used.ready_gb_seconds * prices["ready_execution_gb_second"]
        + used.ready_executions * prices["execution_million"] / 1e6,
        "timers, queues and readings": used.gb_seconds * prices["execution_gb_second"]
        + used.executions * prices["execution_million"] / 1e6,
        "storage requests": used.blob_writes * prices["blob_writes_10k"] / 1e4
        + used.blob_reads * prices["blob_reads_10k"] / 1e4
        + used.blob_others * prices["blob_others_10k"] / 1e4
        + used.queue_requests * prices["queue_10k"] / 1e4,
        "stored data": used.stored_gb * prices["stored_gb"],
        "logs and metrics": used.logs_gb * prices["logs_gb"],
        "alert rules": a["alert_rules"] * prices["alert_rule"],
    }
    if choice.event_grid:
        lines["Event Grid"] = used.event_grid_operations * prices["event_grid_million"] / 1e6
    if choice.private:
        lines["private endpoints"] = a["private_endpoints"] * prices["private_endpoint"]
    return lines
