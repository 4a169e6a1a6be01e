"""How long a timer can be silent by its schedule: six fields, seconds first (NCRONTAB, as timers take it)."""

from datetime import timedelta
from itertools import pairwise

_LIMITS = (60, 60, 24)


def longest_wait(schedule: str) -> timedelta | None:
    """The longest time between two runs on a day; None where the schedule can't be read.

    With a day, month or weekday in it: at least two days, since it does not come every day.
    """
    fields = schedule.split()
    if len(fields) != 6:
        return None
    seconds, minutes, hours = (_numbers(text, limit) for text, limit in zip(fields, _LIMITS, strict=False))
    if not (seconds and minutes and hours):
        return None
    if any(field not in ("*", "?", "*/1") for field in fields[3:]):
        return timedelta(days=2)
    times = [hour * 3600 + minute * 60 + second for hour in hours for minute in minutes for second in seconds]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    return timedelta(seconds=max([*gaps, times[0] + 86_400 - times[-1]]))


def _numbers(text: str, limit: int) -> list[int]:
    """The values that a field allows, in order; none where it can't be read."""
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        first, dash, last = span.partition("-")
        if span == "*":
            first, last = "0", str(limit - 1)
        elif not dash:
            last = str(limit - 1) if slash else first
        given = (first, last, step if slash else "1")
        if not all(one.isdecimal() and len(one) < 3 for one in given) or int(given[2]) < 1:
            return []
        found.update(range(int(first), int(last) + 1, int(given[2])))
    return sorted(found) if found and max(found) < limit else []
