"""Histories by the thousand, in as many processes as there are processors."""

import asyncio
import logging
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed

from tests.oracle.outcome import Outcome
from tests.oracle.run import play

HISTORIES_A_PROCESS = 200


def one(seed: int) -> Outcome:
    """Play a history; what raises is one of its faults."""
    logging.disable(logging.ERROR)
    try:
        return asyncio.run(play(seed))
    except Exception as problem:
        return Outcome(seed, faults=[f"the history came to no end: {problem!r}"])


def several(seeds: range) -> Iterator[Outcome]:
    """Outcomes as they come, from as many processes as there are processors."""
    with ProcessPoolExecutor(os.cpu_count(), max_tasks_per_child=HISTORIES_A_PROCESS) as pool:
        for done in as_completed([pool.submit(one, seed) for seed in seeds]):
            yield done.result()
