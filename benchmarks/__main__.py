"""`python -m benchmarks`: what the watch costs, against the budgets of design §7."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import change, chart, package, page, results, rows, start, sweep
from benchmarks.budgets import budgets, reasons
from benchmarks.machine import about, lasted
from benchmarks.process import Failed
from benchmarks.results import Results
from benchmarks.rows import Row
from benchmarks.section import section
from sandbox.azurite import AzuriteError
from sandbox.host.errors import HostError
from tools.package.errors import PackageError

SMALL = 100_000
USERS, SAMPLE = 1_000_000, 2000
"""Of the standard run, the one whose figures stand in docs/measurements.md."""

PICTURES = page.PAGE.parent / "pictures"

Found = Callable[[list[Row]], None]


def main(
    users: Annotated[int, typer.Option(help="Users of the largest tenant.", min=1000)] = USERS,
    sample: Annotated[int, typer.Option(help="Users read by the SDK's own ways.", min=100)] = SAMPLE,
    only: Annotated[str, typer.Option(help="start, package, change or sweep: these rows alone.")] = "",
    json: Annotated[Path | None, typer.Option(help="Write the results there too.")] = None,
    write: Annotated[
        bool, typer.Option(help="Write docs/measurements.md from a run that isn't whole.")
    ] = False,
    redraw: Annotated[
        bool, typer.Option(help="Measure nothing: write the page from docs/bench.json.")
    ] = False,
) -> None:
    """Measure, print a table, and end with 1 if a budget is not kept and nobody has said why.

    A whole run of the standard size writes its section of docs/measurements.md, with charts. Ends with 2 if
    something could not be measured; the page is left alone then.
    """
    told = Console()
    if redraw:
        publish(results.read(results.KEPT.read_bytes()))
        raise typer.Exit
    begun = time.monotonic()
    machine = about()
    found: list[Row] = []

    def take(some: list[Row]) -> None:
        found.extend(some)
        for row in some:
            rows.tell(told, row)

    try:
        asyncio.run(measure(take, told, users, sample, only))
    except (Failed, AzuriteError, HostError, PackageError) as problem:
        # What was measured before it is worth showing.
        told.print(str(problem), style="red", markup=False)
        broken = True
    else:
        broken = False
    seconds = time.monotonic() - begun
    standard = (users, sample, only) == (USERS, SAMPLE, "")
    whole = Results(
        machine=machine,
        command="make bench" if standard else _command(users, sample, only),
        seconds=round(seconds),
        users=users,
        sample=sample,
        rows=tuple(found),
    )
    told.print(rows.table(found))
    told.print(lasted(seconds))
    if json is not None:
        json.write_bytes(results.as_json(whole))
    if not broken and (write or standard):
        publish(whole)
        told.print(f"written: {page.PAGE.name}, {results.KEPT.name}, {', '.join(chart.charts(whole))}")
    raise typer.Exit(2 if broken else verdict(told, found))


def verdict(told: Console, found: list[Row]) -> int:
    """1 if a budget is not kept without a reason; says for each that is not kept why."""
    known = reasons()
    over = [row for row in found if not row.ok]
    for row in over:
        why = known.get(row.id, "no reason is known")
        told.print(f"over: {row.what}: {why}", style="yellow" if row.id in known else "red", markup=False)
    return 0 if all(row.id in known for row in over) else 1


def publish(whole: Results) -> None:
    """Write section, charts and the results themselves."""
    page.write("bench", section(whole, budgets(), reasons()))
    for name, picture in chart.charts(whole).items():
        (PICTURES / name).write_bytes(picture)
    results.KEPT.write_bytes(results.as_json(whole))


async def measure(take: Found, told: Console, users: int, sample: int, only: str = "") -> None:
    """Hand all rows, or those of one kind, to `take`. Raises what keeps a benchmark from running."""
    if only in ("", "start"):
        _say(told, "the notification path")
        take([*await start.imports(), await start.call_apart()])
    if only in ("", "package"):
        _say(told, "the package and a plain install")
        take(await package.rows())
    if only in ("", "change"):
        _say(told, f"{change.CHANGED:,} changed users, {change.ROUNDS + 1} times")
        take(await change.rows())
    if only in ("", "sweep"):
        few = min(SMALL, max(users // 10, 1000))
        small = []
        for n in range(sweep.TIMES):
            _say(told, f"a sweep of {few:,} users, the SDK's ways, the bare work: {n + 1} of {sweep.TIMES}")
            small.append(await sweep.run(few, sample))
        _say(told, f"the same of {users:,} users")
        take(sweep.rows(small, await sweep.run(users, sample)))


def _command(users: int, sample: int, only: str) -> str:
    kind = f" --only {only}" if only else ""
    return f"python -m benchmarks --users {users} --sample {sample}{kind}"


def _say(told: Console, what: str) -> None:
    told.print(f"{time.strftime('%H:%M:%S')} {what} ...", style="bold", highlight=False)


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app(prog_name="python -m benchmarks")
