"""A few requests at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable


async def few_at_a_time[T](count: int, jobs: Iterable[Callable[[], Awaitable[T]]]) -> list[T]:
    """Results in the order of `jobs`, of which `count` run at once. The first failure ends the others."""
    turns = asyncio.Semaphore(count)

    async def run(job: Callable[[], Awaitable[T]]) -> T:
        async with turns:
            return await job()

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run(job)) for job in jobs]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]
