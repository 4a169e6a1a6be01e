"""What to make of a moment that lies ahead of now: it was noted by a clock that has been set back since."""

from datetime import datetime, timedelta

DIFFER = timedelta(minutes=1)
"""The clocks of two workers differ by less than this."""


def is_ahead(moment: datetime, now: datetime) -> bool:
    """Whether a moment that was noted before lies in the future, so that nothing can be told by it."""
    return moment > now + DIFFER


def is_since(moment: datetime | None, at: datetime, now: datetime) -> bool:
    """Whether what was noted at that moment came after `at`; never by a moment that lies ahead of now."""
    return moment is not None and moment > at and not is_ahead(moment, now)
