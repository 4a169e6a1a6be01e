"""`python -m benchmarks`: what the watch costs, against the budgets of design §7."""

import asyncio
import platform
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import change, package, rows, start, sweep
from benchmarks.process import Failed
from benchmarks.rows import Row
from sandbox.azurite import AzuriteError
from sandbox.host.errors import HostError
from tools.package.errors import PackageError

SMALL = 100_000


def main(
    users: Annotated[int, typer.Option(help="Users of the largest tenant.", min=1000)] = 1_000_000,
    sample: Annotated[int, typer.Option(help="Users read by the SDK's typed paging.", min=100)] = 5000,
    only: Annotated[str, typer.Option(help="start, package, change or sweep: these rows alone.")] = "",
    json: Annotated[Path | None, typer.Option(help="Write the results there too.")] = None,
) -> None:
    """Measure, print a table, and end with 1 if a budget is not kept."""
    begun = time.monotonic()
    found: list[Row] = []
    broken = False
    try:
        asyncio.run(measure(found, users, sample, only))
    except (Failed, AzuriteError, HostError, PackageError) as problem:
        # What was measured before it is worth showing.
        print(problem, file=sys.stderr)
        broken = True
    rows.show(found)
    if json is not None:
        json.write_bytes(rows.as_json(found, _about(users, sample, time.monotonic() - begun)))
    raise typer.Exit(2 if broken else 0 if all(row.ok for row in found) else 1)


async def measure(found: list[Row], users: int, sample: int, only: str = "") -> None:
    """Put all rows, or those of one kind, into `found`. Raises what keeps a benchmark from running."""
    if only in ("", "start"):
        _say("the notification path")
        found += [await start.imports(), await start.call_apart()]
    if only in ("", "package"):
        _say("the package and a plain install")
        found += await package.rows()
    if only in ("", "change"):
        _say(f"{change.CHANGED:,} changed users")
        found += await change.rows()
    if only in ("", "sweep"):
        small = min(SMALL, max(users // 10, 1000))
        _say(f"a sweep of {small:,} users")
        smaller = await sweep.sweep_only(small)
        _say(f"a sweep of {users:,} users, typed paging, the bare work")
        larger, side_by_side = await sweep.sweep_rows(users, sample)
        found += [*side_by_side, *sweep.memory_rows(larger, smaller)]


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what} ...", file=sys.stderr, flush=True)


def _about(users: int, sample: int, seconds: float) -> dict[str, Any]:
    return {
        "users": users,
        "sample": sample,
        "seconds": round(seconds),
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app(prog_name="python -m benchmarks")
