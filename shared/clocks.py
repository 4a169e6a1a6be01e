"""What to make of a moment that lies ahead of now: it was noted by a clock that has been set back since."""

from datetime import datetime, timedelta

DIFFER = timedelta(minutes=1)
"""The clocks of two workers differ by less than this."""


def is_ahead(moment: datetime, now: datetime) -> bool:
    """Whether a moment that was noted before lies in the future, so that nothing can be told by it."""
    return moment > now + DIFFER


def is_since(moment: datetime | None, at: datetime, now: datetime) -> bool:
    """Whether what was noted at that moment came after `at`; never by a moment that lies ahead of now.

    For whoever is about to write: of two workers the one whose clock is a little ahead may be right.
    """
    return moment is not None and moment > at and not is_ahead(moment, now)


def is_surely_since(moment: datetime | None, at: datetime, now: datetime) -> bool:
    """The same for whoever would leave something undone because of it: not by a moment that is yet to come,
    however near. To do a thing twice is better than never."""
    return moment is not None and at < moment <= now
