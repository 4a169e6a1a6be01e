"""Writes the tables of docs/cost.md from the cost model: `make cost-page`."""

import re
import sys
import tomllib
from pathlib import Path

from benchmarks.machine import lasted
from tools.cost import load
from tools.cost.asked import Asked
from tools.cost.model import HERE, Choice, Figures, cost, read, usage

PAGE = Path(__file__).resolve().parents[1] / "docs" / "cost.md"
USERS = (1_000, 10_000, 100_000, 1_000_000)

CHOICES: dict[str, Choice] = {
    "as the templates deploy it": Choice(),
    "the same, less what Azure gives for free": Choice(grants=True),
    "no always-ready instance": Choice(always_ready=0),
    "no always-ready instance, less what is free": Choice(always_ready=0, grants=True),
    "instances of 512 MB": Choice(memory_gb=0.5),
    "Graph delivers by Event Grid": Choice(event_grid=True),
    "private networking": Choice(private=True),
}

_USED = {
    "executions on demand": "executions",
    "GB-seconds on demand": "gb_seconds",
    "executions of the always-ready instance": "ready_executions",
    "GB-seconds of the always-ready instance, at work": "ready_gb_seconds",
    "GB-seconds of the always-ready instance, there": "baseline_gb_seconds",
    "blob writes and lists": "blob_writes",
    "blob reads": "blob_reads",
    "other blob requests": "blob_others",
    "queue requests": "queue_requests",
    "GB stored": "stored_gb",
    "GB of logs": "logs_gb",
}


def tables(figures: Figures) -> dict[str, str]:
    """Each table of the page by its name."""
    loads = load.read(figures)
    return {
        "day": _day(loads),
        "busiest": _busiest(loads),
        "spans": _spans(loads),
        "asked": _asked(loads),
        "limits": _limits(loads),
        "cost": _cost(figures),
        "choices": _choices(figures),
        "usage": _usage(figures),
        "assumptions": _given("assumptions.toml", ("assumption", "value", "why"), ("value", "why")),
        "measured": _table(
            ("figure", "value"), [(f"`{name}`", f"{v:g}") for name, v in sorted(figures.measured.items())]
        ),
        "prices": _given("prices.toml", ("price", "dollars", "what for", "known from"), _PRICE),
    }


_PRICE = ("price", "what", "source")


def filled(page: str, figures: Figures) -> str:
    """The page with its tables as they come out now. Raises `LookupError` for a place without a table."""
    made = tables(figures)

    def table(found: re.Match[str]) -> str:
        return f"<!-- {found[1]} -->\n{made[found[1]]}<!-- end -->"

    return re.sub(r"<!-- (\w+) -->\n.*?<!-- end -->", table, page, flags=re.DOTALL)


def _cost(figures: Figures) -> str:
    columns = [cost(users, figures, Choice()) for users in USERS]
    rows = [(name, *(_dollars(one[name]) for one in columns)) for name in columns[0]]
    rows.append(("**together**", *(f"**{_dollars(sum(one.values()))}**" for one in columns)))
    return _table(("dollars a month", *_heads()), rows)


def _choices(figures: Figures) -> str:
    rows = [
        (name, *(_dollars(sum(cost(users, figures, choice).values())) for users in USERS))
        for name, choice in CHOICES.items()
    ]
    return _table(("dollars a month", *_heads()), rows)


def _usage(figures: Figures) -> str:
    columns = [usage(users, figures, Choice()) for users in USERS]
    rows = [(name, *(_amount(getattr(one, field)) for one in columns)) for name, field in _USED.items()]
    return _table(("a month", *_heads()), rows)


_JOBS = {
    "look": "users who changed, both looks",
    "delta": "the delta query, 96 rounds",
    "errors": "groups whose licences fail, 96 times",
    "facts": "the tenant's facts, hourly",
    "nested": "members of groups in licensing groups, hourly",
    "subscriptions": "our subscriptions, 96 times",
    "report": "the registration report",
    "sweep": "a seventh of the weekly reading of everybody",
}


def _day(loads: load.Loads) -> str:
    days = [load.day(users, loads) for users in USERS]
    billed = [load.billed(users, loads) for users in USERS]
    rows = [(name, *(_many(one[job].requests) for one in days)) for job, name in _JOBS.items()]
    sums = [Asked() for _ in USERS]
    for job in _JOBS:
        sums = [total.plus(one[job]) for total, one in zip(sums, days, strict=True)]
    rows += [
        ("**Graph requests**", *(f"**{_many(one.requests)}**" for one in sums)),
        ("**resource units of the directory**", *(f"**{_many(one.units)}**" for one in sums)),
        ("**requests of the report**", *(f"**{_many(one.reports)}**" for one in sums)),
        ("**storage transactions**", *(f"**{_many(one)}**" for one, _ in billed)),
        ("**executions of functions**", *(f"**{_many(one)}**" for _, one in billed)),
    ]
    return _table(("a day", *_heads()), rows)


_NAMED = {
    "directory_units": "resource units of the directory in 10 s",
    "directory_writes": "writes to the directory in 150 s",
    "reports": "requests of report and audit log in 10 s",
    "subscriptions": "requests to subscriptions in 20 s",
    "subscriptions_list": "lists of subscriptions in 20 s",
    "storage_requests": "requests to the storage account in a second",
    "queue_messages": "messages put on and taken from `changed-users` in a second",
    "blob_requests": "requests for one blob, the tenant's record, in a second",
    "run_seconds": "seconds of the longest run of a function",
}


def _busiest(loads: load.Loads) -> str:
    found = [load.busiest(users, loads) for users in USERS]
    rows = [
        (what, _many(loads.limits[name].value), *(_many(one[name]) for one in found))
        for name, what in _NAMED.items()
    ]
    return _table(("at the most", "granted", *_heads()), rows)


def _spans(loads: load.Loads) -> str:
    found = [load.spans(users, loads) for users in USERS]
    rows = [(what, *(lasted(one[what]) for one in found)) for what in found[0]]
    return _table(("how long", *_heads()), rows)


def _asked(loads: load.Loads) -> str:
    names = Asked.__struct_fields__
    rows = [
        (f"`{job}`", *(_exact(getattr(parts["once"], name), getattr(parts["page"], name)) for name in names))
        for job, parts in sorted(loads.asked.items())
    ]
    heads = ("job", "Graph requests", "units", "of the report", "storage requests", "for the tenant's record")
    return _table(heads, rows)


def _exact(once: float, page: float) -> str:
    return f"{once:g} + {page:g} a page" if page else f"{once:g}"


def _limits(loads: load.Loads) -> str:
    rows: list[tuple[str, ...]] = []
    for one in loads.limits.values():
        within = f" in {one.seconds:g} s" if one.seconds else " s"
        rows.append((one.what, f"{one.value:,.0f}{within}", one.source))
    return _table(("limit", "", "known from"), rows)


def _many(value: float) -> str:
    return f"{value:,.1f}" if 0 < value < 10 and value != round(value) else f"{value:,.0f}"


def _given(file: str, heads: tuple[str, ...], keys: tuple[str, ...]) -> str:
    given = tomllib.loads((HERE / file).read_text())
    return _table(heads, [(f"`{name}`", *(str(row[key]) for key in keys)) for name, row in given.items()])


def _heads() -> tuple[str, ...]:
    return tuple(f"{users:,} users" for users in USERS)


def _dollars(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in lines)


def main() -> int:
    """Write the page."""
    PAGE.write_text(filled(PAGE.read_text(), read()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
