"""Waiting for something to come true, for demos and tests that watch other processes."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

PAUSE = 0.1


async def until(what: str, look: Callable[[], Awaitable[Any]], seconds: float) -> Any:
    """Call `look` until it finds something; gives that. Raises TimeoutError naming `what`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := await look():
            return found
        await asyncio.sleep(PAUSE)
    raise TimeoutError(f"not within {seconds:.0f} s: {what}")
