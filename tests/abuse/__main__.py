"""`make fuzz`: many inputs at the parsers, schemathesis at length at the running app; writes what was.

A run of other sizes prints and writes nothing, unless `--write` says so.
"""

import argparse
import asyncio
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import about, headed
from benchmarks.page import write
from sandbox.azurite import Azurite
from tests.abuse import parser_fuzz
from tests.abuse.door import door
from tests.abuse.http_fuzz import Seen, run
from tests.abuse.parser_fuzz import Tried

INPUTS = 100_000
EXAMPLES = 150
"""Of each route, as the file says and against it, with the key, without and with a wrong one."""


@dataclass(frozen=True)
class Answered:
    """What the running app did: the calls, what moved in its storage, odd lines of its log."""

    seen: Seen
    moved: tuple[str, ...]
    odd: tuple[str, ...]
    seconds: float


def main() -> int:
    """Run; 1 if a promise does not hold."""
    asked = _asked()
    began = time.monotonic()
    tried = parser_fuzz.run(asked.seed, asked.inputs)
    print(f"{tried.inputs:,} inputs in {tried.cpu:.0f} s of CPU: {dict(tried.became)}", flush=True)
    answered = asyncio.run(_called(asked.examples, asked.seed))
    print(f"{answered.seen.calls:,} calls in {answered.seconds:.0f} s: {answered.seen.by_status}")
    wrong = {*answered.seen.unstated(), *answered.seen.fallen()}
    faults = [*answered.moved, *answered.odd, *map(str, sorted(wrong))]
    for fault in faults:
        print(f"wrong: {fault}")
    standard = (asked.inputs, asked.examples, asked.seed) == (INPUTS, EXAMPLES, 1)
    if not faults and (standard or asked.write):
        command = "make fuzz" if standard else f"python -m tests.abuse {_sizes(asked)}"
        write("fuzz", told(command, tried, answered, time.monotonic() - began))
    return 1 if faults else 0


def _sizes(asked: argparse.Namespace) -> str:
    return f"--inputs {asked.inputs} --examples {asked.examples} --seed {asked.seed}"


def told(command: str, tried: Tried, answered: Answered, seconds: float) -> str:
    """The section of docs/measurements.md."""
    by = ", ".join(f"{n:,} by {maker}" for maker, n in tried.made_by.items())
    became = ", ".join(f"{n:,} {what}" for what, n in tried.became.items())
    statuses = ", ".join(f"{n:,} of {status}" for status, n in answered.seen.by_status.items())
    return "\n".join(
        [
            headed(command, seconds, about()),
            "",
            "| what | measured | promised | |",
            "|---|---|---|---|",
            f"| inputs at the parsers of calls and events | {tried.inputs:,} ({by}) | {INPUTS:,} "
            f"| {'ok' if tried.inputs >= INPUTS else 'fewer'} |",
            f"| a second of CPU, with the checks | {tried.inputs / max(tried.cpu, 0.001):,.0f} inputs | | |",
            f"| what became of them | {became} | | |",
            "| raised anything but `BadCall`, named whom nobody proved, took too long | 0 | 0 | ok |",
            f"| calls by schemathesis | {answered.seen.calls:,} ({statuses}) | | |",
            f"| seconds, the longest call | {answered.seconds:,.0f}, {answered.seen.longest:.1f} | | |",
            "| statuses of a fault or that docs/openapi.json doesn't state, faults in the log, what moved in "
            "storage | 0 | 0 | ok |",
        ]
    )


async def _called(examples: int, number: int) -> Answered:
    began, seen = time.monotonic(), Seen()
    with Azurite() as azurite, tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        async with door(azurite.connection_string, Path(folder) / "host.log") as watch:
            before = await watch.blobs()
            for headers in ({"X-Watch-Key": watch.key}, {}, {"X-Watch-Key": "guessed"}):
                await asyncio.to_thread(run, watch.url, headers, examples, seen, number)
            after = await watch.blobs()
            moved = [name for name in {*before, *after} if before.get(name) != after.get(name)]
            moved += await watch.queued()
            odd = watch.odd_lines()
    return Answered(seen, tuple(sorted(moved)), tuple(odd), time.monotonic() - began)


def _asked() -> argparse.Namespace:
    asks = argparse.ArgumentParser(prog="python -m tests.abuse", description=__doc__)
    asks.add_argument("--inputs", type=int, default=INPUTS, help="inputs to the parsers")
    asks.add_argument("--examples", type=int, default=EXAMPLES, help="calls of each route and way")
    asks.add_argument("--seed", type=int, default=1, help="another number makes other inputs")
    asks.add_argument("--write", action="store_true", help="write docs/measurements.md whatever the sizes")
    return asks.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
