"""`python -m benchmarks.slow_consumer`: does Graph get its answer in time while evaluation can't keep up?

Graph counts an endpoint as slow when more than a tenth of its answers take over 3 seconds, and tells it later
or not at all then (Microsoft Graph change notifications, delivery by webhooks). So the endpoint must stay
under 3 seconds for 99.9 % of its calls however much there is to evaluate.
"""

import asyncio
import sys
import time
from typing import Annotated

import typer

from benchmarks import slow_chart
from benchmarks.machine import about, headed
from benchmarks.page import write
from benchmarks.process import Failed
from benchmarks.slow_curve import Curve, curve, within
from benchmarks.slow_run import USERS, Run, run
from sandbox.azurite import AzuriteError
from sandbox.host.errors import HostError

CALLS, FEWER, RATE = 10_000, 3000, 30.0
SHARE = 0.999
"""Of the calls of the split app are to be answered in time."""
FULL = 0.99
"""Of the looks at the queue are to find messages waiting: else evaluation kept up, and nothing was tried."""

SPLIT, ONE = "split as Flex does", "one process"


def main(
    calls: Annotated[int, typer.Option(help="Calls to the app split into processes.", min=20)] = CALLS,
    fewer: Annotated[int, typer.Option(help="Calls to the app in one process; 0: none.", min=0)] = FEWER,
    rate: Annotated[float, typer.Option(help="Calls a second.", min=0.1)] = RATE,
    users: Annotated[int, typer.Option(help="Users of the tenant.", min=200)] = USERS,
    written: Annotated[
        bool | None,
        typer.Option("--write/--no-write", help="Write the page; a run as long as the standard one does."),
    ] = None,
) -> None:
    """Measure, print, and end with 1 if the split app answers less than 99.9 % of its calls in time, or if
    its evaluation kept up with them."""
    begun = time.monotonic()
    runs: dict[str, Run] = {}
    try:
        for name, count, split in ((SPLIT, calls, True), (ONE, fewer, False)):
            if count:
                print(f"{time.strftime('%H:%M:%S')} {name}: {count:,} calls ...", file=sys.stderr, flush=True)
                runs[name] = asyncio.run(run(count, rate, split=split, users=users))
    except (Failed, AzuriteError, HostError) as problem:
        print(problem, file=sys.stderr)
        raise typer.Exit(2) from None
    told = table(runs)
    print(told)
    standard = (calls, fewer, rate, users) == (CALLS, FEWER, RATE, USERS)
    if standard if written is None else written:
        asked = f"--calls {calls} --fewer {fewer} --rate {rate:g} --users {users}"
        command = "make slow-consumer" if standard else f"python -m benchmarks.slow_consumer {asked}"
        head = f"{headed(command, time.monotonic() - begun, about())} {rate:g} calls a second."
        slow_chart.PICTURE.write_text(slow_chart.drawn({name: one.answers for name, one in runs.items()}))
        write("slow-consumer", f"{head}\n\n{told}\n{_PICTURE}")
    raise typer.Exit(0 if kept(runs[SPLIT]) else 1)


def kept(one: Run) -> bool:
    """Whether calls were answered in time, and while there was more to evaluate than could be."""
    return curve(one.answers).in_time >= SHARE and one.full >= FULL


def table(runs: dict[str, Run]) -> str:
    """The runs beside each other, as a table of markdown."""
    curves = {name: curve(one.answers) for name, one in runs.items()}
    rows = [("", *runs), ("---", *("---" for _ in runs))]
    rows += [(what, *(_shown(one, what) for one in curves.values())) for what in _TIMES]
    rows += [
        (
            "calls in the time that Graph grants (3 s)",
            *(f"{_percent(one.in_time)}" for one in curves.values()),
        ),
        ("calls", *(f"{one.calls:,}" for one in curves.values())),
        ("not answered with 202", *(f"{one.refused:,}" for one in curves.values())),
        ("the function and its writes to the queue alone, 99.9 %", *(_inside(one) for one in runs.values())),
        ("users read and judged a second meanwhile", *(f"{one.looked_at:,.0f}" for one in runs.values())),
        ("looks at the queue that found messages waiting", *(_percent(one.full) for one in runs.values())),
        ("Graph treats the endpoint as", *(" and ".join(sorted({*one.modes})) for one in runs.values())),
        ("cores at work", *(_cores(one) for one in runs.values())),
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


_TIMES = ("50 %", "90 %", "99 %", "99.9 %", "the slowest")
_PICTURE = (
    "![How long calls took, by the share of them that took less](pictures/slow-consumer.svg)\n\n"
    "Times count from when a call was due. All processes of a run, Azurite and the simulated Graph among\n"
    "them, share the cores of one machine; on Flex Consumption the function that answers Graph has\n"
    "instances to itself. Calls bring 21 notifications on average, one to 1,000. Whenever the queue holds\n"
    "more than 500 messages it is emptied and filled anew: with each further one Azurite gets slower, as\n"
    "Azure's queues do not."
)


def _shown(found: Curve, what: str) -> str:
    by_name = dict(zip(_TIMES, (found.p50, found.p90, found.p99, found.p999, found.worst), strict=True))
    return f"{by_name[what] * 1000:,.0f} ms"


def _percent(share: float) -> str:
    # Rounded down: 99.996 % is not all of them.
    return f"{int(share * 10_000) / 100:g} %"


def _inside(one: Run) -> str:
    return f"{within(one.inside, 999):,} ms" if one.inside else "unknown"


def _cores(one: Run) -> str:
    """By process, most first; what other programs of the machine took is said too."""
    ours = {name: cores for name, cores in one.cpu.items() if name != "whole machine"}
    others = max(0.0, one.cpu["whole machine"] - sum(ours.values()))
    parts = [f"{name} {cores:.2f}" for name, cores in sorted(ours.items(), key=lambda each: -each[1])]
    return ", ".join([*parts, f"everything else on the machine {others:.2f}"])


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app(prog_name="python -m benchmarks.slow_consumer")
