"""What the watch asks of Graph and storage in a day and in its busiest ten seconds, against the limits. Pure.

`asked.toml` says what each job asks (counted), `assumptions.toml` what nobody counted, `limits.toml` what
Microsoft grants; how often a job comes is the default of its setting.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass

from shared.watch.hearing.subscriptions import RESOURCES
from tools.cost.asked import Asked
from tools.cost.model import HERE, HOURS, PAGE, PAGES_A_STEP, USERS_A_SHARD, Choice, Figures, usage

DAY = 24 * 60.0
EVERY = {
    "facts": 60.0,
    "nested": 60.0,
    "errors": 15.0,
    "delta": 15.0,
    "subscriptions": 15.0,
    "report": DAY,
    "sweep": 7 * DAY,
}
"""Minutes between two runs that have something to do: FACTS_EVERY, DELTA_EVERY, REGISTRATION_EVERY,
SWEEP_EVERY, and the schedule of the templates for subscriptions."""

LOOK = "look"
"""The job that does not come by the clock: each changed user is looked at, twice."""

PARALLEL = 4
"""Groups whose members are read at a time."""


@dataclass(frozen=True)
class Limit:
    """`value` in so many `seconds` (0: the value itself is a time)."""

    value: float
    seconds: float
    what: str
    source: str


@dataclass(frozen=True)
class Loads:
    """All that the load is worked out from. `asked`: by job, what it asks `once` and for each `page`."""

    figures: Figures
    asked: Mapping[str, Mapping[str, Asked]]
    limits: Mapping[str, Limit]


def read(figures: Figures) -> Loads:
    """The figures as they stand in the files."""
    asked = tomllib.loads((HERE / "asked.toml").read_text())
    limits = tomllib.loads((HERE / "limits.toml").read_text())
    return Loads(
        figures,
        {job: {part: Asked(**one) for part, one in parts.items()} for job, parts in asked.items()},
        {name: Limit(**one) for name, one in limits.items()},
    )


def run(job: str, users: int, loads: Loads) -> Asked:
    """What one run of a job asks in a tenant of so many users."""
    parts = loads.asked[job]
    return parts["once"].plus(parts["page"], math.ceil(users / PAGE))


def changes_a_second(users: int, loads: Loads) -> float:
    """On average."""
    return users * loads.figures.assumed["changes_a_user"] / (HOURS * 3600)


def day(users: int, loads: Loads) -> dict[str, Asked]:
    """What a day asks, by job."""
    found = {job: Asked().plus(run(job, users, loads), DAY / every) for job, every in EVERY.items()}
    looks = changes_a_second(users, loads) * DAY * 60 * loads.figures.measured["change_evaluations"]
    found[LOOK] = Asked().plus(run(LOOK, users, loads), looks / loads.figures.assumed["users_a_message"])
    return found


def billed(users: int, loads: Loads) -> tuple[float, float]:
    """Storage transactions and executions of functions in a day, as the cost model has them for a month."""
    used = usage(users, loads.figures, Choice())
    days = HOURS / 24
    transactions = used.blob_writes + used.blob_reads + used.blob_others + used.queue_requests
    return transactions / days, (used.executions + used.ready_executions) / days


def directory_limit(users: int) -> str:
    """The limit that holds for the directory of a tenant of so many users."""
    return (
        "directory_units_small"
        if users < 50
        else "directory_units_medium"
        if users <= 500
        else "directory_units"
    )


def busiest(users: int, loads: Loads) -> dict[str, float]:
    """By limit, the most that is asked of it in its time: every timer at once, both readings of everybody
    under way, and `busy_factor` times as many changes as on average."""
    a = loads.figures.assumed
    looks = (
        changes_a_second(users, loads) * a["busy_factor"] * loads.figures.measured["change_evaluations"]
    ) / a["users_a_message"]
    ten = loads.limits["directory_units"].seconds
    timers = [loads.asked[job]["once"] for job in EVERY]
    # Readings that go from page to page: no faster than Graph answers, and no more pages than there are.
    pages = min(math.ceil(users / PAGE), a["pages_a_second"] * ten)
    sweep = pages * loads.asked["sweep"]["page"].units
    members = loads.asked["nested"]["page"]
    nested = min(
        run("nested", users, loads).units,
        PARALLEL * a["pages_a_second"] * ten * members.units / max(1.0, members.requests),
    )
    look = loads.asked[LOOK]["once"]
    units = sum(one.units for one in timers) + sweep + nested + ten * looks * look.units
    report = loads.limits["reports"]
    return {
        directory_limit(users): units,
        "directory_writes": 0.0,
        # At its limit: `shared.graph.retry.Pace` lets no more go.
        "reports": min(report.value, run("report", users, loads).reports),
        "subscriptions": loads.asked["subscriptions"]["once"].requests,
        # Once in a day, and again where one could not be had and the list may show why.
        "subscriptions_list": 1.0 + len(RESOURCES),
        "storage_requests": sum(one.storage for one in timers)
        + a["pages_a_second"] * loads.asked["sweep"]["page"].storage
        + looks * look.storage,
        "queue_messages": 2 * looks,
        "blob_requests": sum(one.record for one in timers) + looks * look.record,
        "run_seconds": max(length(users, loads).values()),
    }


def length(users: int, loads: Loads) -> dict[str, float]:
    """Seconds of the longest runs of a function, by what they do."""
    a = loads.figures.assumed
    pages = min(math.ceil(users / PAGE), PAGES_A_STEP)
    return {
        "a step of the sweep": pages * a["page_seconds"],
        "a step of the report": pages * a["report_page_seconds"],
        "members of nested groups": run("nested", users, loads).requests * a["member_page_seconds"],
    }


def spans(users: int, loads: Loads) -> dict[str, float]:
    """Seconds from the beginning to the end of what takes many runs."""
    a, report = loads.figures.assumed, loads.limits["reports"]
    pages, shards = math.ceil(users / PAGE), math.ceil(users / USERS_A_SHARD)
    each = report.seconds / report.value
    units = loads.limits[directory_limit(users)]
    return {
        "the registration report, 999 rows a page": each * pages,
        "the registration report, 100 rows a page": each * math.ceil(users / a["rows_a_small_page"]),
        "a reading of all users": pages * a["page_seconds"] + shards * a["seconds_a_shard"],
        "one look at every user, as fast as Graph lets": users * units.seconds / units.value,
    }
