"""Waiting as long as Graph asks: nobody else takes an audit up later, as queues do for the watch."""

import asyncio
from collections.abc import Awaitable, Callable

from shared.audit.told import Told
from shared.graph.errors import GraphError, Throttled

LONGEST = 600.0
"""Seconds. Whoever is asked to wait longer may as well begin again later."""

_TIMES = 6


class Unfinished(Exception):
    """A part could not be read whole, so there is no report. `part`: a stage or a piece of evidence."""

    def __init__(self, part: str, problem: GraphError) -> None:
        super().__init__(part, problem)
        self.part, self.problem = part, problem


async def patiently[T](told: Told, call: Callable[[], Awaitable[T]]) -> T:
    """What the call gives, asked again after each wait that Graph wants. Raises `GraphError`."""
    for _ in range(_TIMES):
        try:
            return await call()
        except Throttled as later:
            if later.retry_after > LONGEST:
                raise
            told.waits(later.retry_after)
            await asyncio.sleep(later.retry_after)
    return await call()
