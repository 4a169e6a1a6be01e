"""When to ask Graph again: how long to wait, one gate for all calls, the pace of slow reports, and
the room that is left to what can wait.

Microsoft Graph throttling guidance: honour Retry-After (its own sample is decimal, `2.128`), else back off
exponentially; throttled calls count against the limit too, so after a 429 every call waits, not only that
one.
"""

import random
import re
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec

from shared.graph.errors import Throttled

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]

_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How hard one call tries. Times in seconds.

    `attempts` in all; `attempt_timeout` for each, from token to last byte; a wait over `longest_wait` is
    never slept but handed to the caller. Back-off: a random part of `first_backoff` doubling up to
    `longest_backoff`.
    """

    attempts: int = 5
    attempt_timeout: float = 60.0
    longest_wait: float = 60.0
    first_backoff: float = 0.5
    longest_backoff: float = 20.0

    def backoff(self, attempt: int, chance: float) -> float:
        """Seconds before the attempt after `attempt` (from 1); `chance` in 0..1 spreads callers apart."""
        whole = min(self.longest_backoff, self.first_backoff * 2.0**attempt)
        return whole * (0.5 + 0.5 * chance)


def chance() -> float:
    """A number in 0..1 that spreads callers apart."""
    return random.SystemRandom().random()


def retry_after(text: str | None, now: datetime) -> float | None:
    """Seconds from a Retry-After header: whole or decimal seconds or a date; None if absent or odd."""
    if text is None:
        return None
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    date = date.replace(tzinfo=UTC) if date.tzinfo is None else date
    return max(0.0, (date - now).total_seconds())


class Gate:
    """Shut by a 429 for as long as Graph asked; every call passes through it before it is sent."""

    def __init__(self, clock: Clock, sleep: Sleep, longest_wait: float) -> None:
        self._clock = clock
        self._sleep = sleep
        self._longest_wait = longest_wait
        self._opens_at = clock()

    def shut(self, seconds: float) -> None:
        """Nobody passes for `seconds` from now; never shortens an earlier order."""
        self._opens_at = max(self._opens_at, self._clock() + seconds)

    async def passed(self) -> None:
        """Return once the gate is open; raise `Throttled` at once if that is too far away to wait for."""
        while (left := self._opens_at - self._clock()) > 0:
            if left > self._longest_wait:
                raise Throttled(left)
            # A little more than asked, differently for each, so that the waiting calls do not arrive as one.
            await self._sleep(left + min(1.0, left / 4) * chance())


class Pace:
    """At most `count` requests in any `seconds` (report APIs: five in ten seconds for app and tenant)."""

    def __init__(self, count: int, seconds: float, clock: Clock, sleep: Sleep) -> None:
        self._sent: deque[float] = deque(maxlen=count)
        self._seconds = seconds
        self._clock = clock
        self._sleep = sleep

    async def turn(self, gate: Gate) -> None:
        """Return when one more request fits and the gate is open; takes its place. Raises `Throttled`.

        The place is taken with nothing to wait for after it: a request sent later than it was counted would
        let one too many follow.
        """
        while True:
            await gate.passed()
            if len(self._sent) < (self._sent.maxlen or 0):
                break
            left = self._sent[0] + self._seconds - self._clock()
            if left <= 0:
                self._sent.popleft()
                break
            await self._sleep(left)
        self._sent.append(self._clock())


class Room:
    """What can wait leaves the last fifth of the directory's budget to what can't.

    From 0.8 on Graph tells which share of an app's budget for a tenant is spent, in a window of ten seconds
    (Microsoft Graph throttling limits, identity and access: x-ms-throttle-limit-percentage). The share is
    that of all workers together, so a reading of all users makes way for an evaluation that others are at.
    """

    FULL = 0.8

    def __init__(self, seconds: float, clock: Clock, sleep: Sleep) -> None:
        self._seconds = seconds
        self._clock = clock
        self._sleep = sleep
        self._opens_at = clock()

    def told(self, share: str) -> None:
        """Take in what an answer said; anything but a number is taken for no word."""
        if not _SECONDS.fullmatch(share) or float(share) <= self.FULL:
            return
        # The nearer to the end of the budget the longer; at its end until all that is spent now is free.
        over = min(1.0, (float(share) - self.FULL) / (1.0 - self.FULL))
        pause = self._seconds * max(0.2, over)
        self._opens_at = max(self._opens_at, self._clock() + pause)

    async def turn(self, gate: Gate) -> None:
        """Return when there is room and the gate is open. Raises `Throttled`."""
        await gate.passed()
        while (left := self._opens_at - self._clock()) > 0:
            await self._sleep(left)
            await gate.passed()
