"""Histories by the thousand, in as many processes as there are processors."""

import asyncio
import itertools
import logging
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from tests.oracle.outcome import Outcome
from tests.oracle.run import play

HISTORIES_A_POOL = 400
"""Then new processes go on, for an old one grows. The pool's own `max_tasks_per_child` is no way to that: it
waits for ever once its processes have ended so (python/cpython#115634, in 3.13.0)."""


def one(seed: int) -> Outcome:
    """Play a history; what raises is one of its faults."""
    logging.disable(logging.ERROR)
    try:
        return asyncio.run(play(seed))
    except Exception as problem:
        return Outcome(seed, faults=[f"the history came to no end: {problem!r}"])


def several(seeds: range, pool_of: int = HISTORIES_A_POOL) -> Iterator[Outcome]:
    """Outcomes as they come, from as many processes as there are processors."""
    for some in itertools.batched(seeds, pool_of, strict=False):
        with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
            for done in as_completed([pool.submit(one, seed) for seed in some]):
                yield done.result()
