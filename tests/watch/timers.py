"""The timers of the app, run by hand in a scene: an hour of the watch's life in one call."""

from collections.abc import Awaitable, Callable
from typing import Any

from shared.graph.errors import GraphError
from shared.watch import upkeep
from shared.watch.hearing import subscriptions
from shared.watch.licensing import errors, group_delta
from shared.watch.reach import named_groups, registration
from shared.watch.users import delta, sweep
from shared.watch.wellbeing import self_watch
from tests.watch.scene import Scene, Worker, run_reading

TIMERS: tuple[Callable[[Worker], Awaitable[Any]], ...] = (
    upkeep.keep_up,
    registration.refresh_if_due,
    named_groups.refresh_if_due,
    subscriptions.keep,
    sweep.start_if_due,
    delta.run_if_due,
    errors.look_if_due,
    group_delta.look,
    self_watch.look_if_due,
)
"""As `functions/` registers them; none depends on another's success."""


async def hours(scene: Scene, count: int = 1) -> set[str]:
    """Let so many hours pass, every timer and all that it asks for; what Graph's refusals let fail, by name.

    Any other exception is an error. A job that fails so fails by itself, as an invocation does.
    """
    failed: set[str] = set()
    for _ in range(count):
        scene.clock.pass_by(hours=1)
        for timer in TIMERS:
            name = f"{timer.__module__.rpartition('.')[2]}.{timer.__name__}"
            try:
                await timer(await scene.watch.ready())
            except GraphError as problem:
                failed.add(f"{name}: {problem.brief}")
                continue
            await scene.run_sweep()
            await run_reading(scene.watch)
            await scene.work_off()
    return failed
