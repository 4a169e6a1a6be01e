"""What time it is, and what to make of a moment that lies ahead of now: a clock was set back since.

All jobs go by the clock of storage: which of two looks at a user came first must not hang on the workers'.
"""

from datetime import UTC, datetime, timedelta

DIFFER = timedelta(minutes=1)
"""The times of two workers differ by less than this. Once each has heard from storage, by far less."""

SECOND = timedelta(seconds=1)
"""What an HTTP header `Date` leaves out is less."""


class StorageClock:
    """The time by storage, as near as its answers tell; by this machine's clock until the first of them.

    Each answer bounds how far our own clock may be off. While that agrees with what is known nothing changes;
    where our own was set meanwhile, the next answer says so.
    """

    def __init__(self) -> None:
        self._off = timedelta()

    def now(self) -> datetime:
        """The time, in UTC."""
        return self.own() + self._off

    def own(self) -> datetime:
        """The time by this machine's clock, in UTC."""
        return datetime.now(UTC)

    def answered(self, said: datetime, sent: datetime, received: datetime) -> None:
        """Storage said that time, cut to the second; by our own clock it was asked and answered at those."""
        least, most = said - received, said + SECOND - sent
        if least <= most:
            # Else our own clock was set back in between, and this answer tells nothing.
            self._off = min(max(self._off, least), most)


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
