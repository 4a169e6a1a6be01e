"""Calls of Graph at a fixed rate, whether or not the answers keep up: `python -m benchmarks.slow_driver`.

A plan comes on standard input, the answers go to standard output, both as JSON. How long a call took counts
from when it was due: if the endpoint, or this process, holds up one call, the wait of those behind it counts
too (else a slow endpoint would be asked less and look better: coordinated omission).
"""

import asyncio
import random
import sys
import time

import aiohttp
import msgspec

GIVEN_UP_AFTER = 30.0
"""Seconds. Graph itself gives up after 3 the first time, but then nobody would know how long it took."""

_MICROSECOND = 1e6


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`calls` at `rate` a second to `url`; `items` are notifications as JSON to put into them.

    `mix`: (notifications in a call, weight) of each size of call; `seed` decides which comes when.
    """

    url: str
    items: list[str]
    calls: int
    rate: float
    mix: list[tuple[int, float]]
    seed: int = 2017


class Answered(msgspec.Struct, frozen=True, array_like=True):
    """A call of `size` notifications. `seconds` from when it was due to its answer, `late` of them until it
    was sent. `status` 0: no answer."""

    size: int
    late: float
    seconds: float
    status: int


class Driven(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the plan: every call, and the CPU seconds of this process."""

    answers: list[Answered]
    cpu: float


async def drive(plan: Plan) -> list[Answered]:
    """Make the calls; each is answered or given up."""
    chance = random.Random(plan.seed)
    sizes = chance.choices([size for size, _ in plan.mix], [weight for _, weight in plan.mix], k=plan.calls)
    items = [item.encode() for item in plan.items]
    answers: list[Answered] = []
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=GIVEN_UP_AFTER),
        headers={"Content-Type": "application/json"},
        trust_env=False,
    ) as session:

        async def call(due: float, size: int, place: int) -> None:
            told = [items[(place + number) % len(items)] for number in range(size)]
            body = b'{"value":[' + b",".join(told) + b"]}"
            sent, status = time.monotonic(), 0
            try:
                async with session.post(plan.url, data=body) as answer:
                    await answer.read()
                    status = answer.status
            except (aiohttp.ClientError, TimeoutError):
                pass
            answers.append(Answered(size, _rounded(sent - due), _rounded(time.monotonic() - due), status))

        begun = time.monotonic()
        async with asyncio.TaskGroup() as calls:
            for number, size in enumerate(sizes):
                due = begun + number / plan.rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                calls.create_task(call(due, size, chance.randrange(len(items))))
    return answers


def _rounded(seconds: float) -> float:
    return round(seconds * _MICROSECOND) / _MICROSECOND


def main() -> int:
    """Read the plan, carry it out, print what became of it."""
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    answers = asyncio.run(drive(plan))
    sys.stdout.buffer.write(msgspec.json.encode(Driven(answers=answers, cpu=time.process_time())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
