"""The job of the telling timer: tell people, and have everybody read again where that has to be sure."""

from shared.watch.parts import Watch
from shared.watch.users import sweep

MASS_CHANGE = "mass-change"
"""Why everybody is read: many users changed at once, and people are told once a second reading agrees."""


async def tell(watch: Watch) -> None:
    """One run of the notifier. Raises what `Notifier.tell` raises."""
    told = await watch.notifier.tell(watch.now())
    if told.wants_reading:
        await sweep.start_again(watch, MASS_CHANGE)
