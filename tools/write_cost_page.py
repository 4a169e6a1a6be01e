"""Writes the tables of docs/cost.md from the cost model: `make cost-page`."""

import re
import sys
import tomllib
from pathlib import Path

from tools.cost.model import HERE, Choice, Figures, cost, read, usage

PAGE = Path(__file__).resolve().parents[1] / "docs" / "cost.md"
USERS = (1_000, 10_000, 100_000)

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
    return {
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


def _given(file: str, heads: tuple[str, ...], keys: tuple[str, ...]) -> str:
    given = tomllib.loads((HERE / file).read_text())
    return _table(heads, [(f"`{name}`", *(str(row[key]) for key in keys)) for name, row in given.items()])


def _heads() -> tuple[str, ...]:
    return tuple(f"{users:,} users" for users in USERS)


def _dollars(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


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
