"""When and how people are told: waits, reminders, the digest, language and names."""

import re
from datetime import timedelta

from shared.settings.faults import Problem, Remedy
from shared.settings.parts import TellingSettings
from shared.settings.reader import Reader, shown
from shared.texts import catalogue

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKDAY_AND_TIME = re.compile(rf"({'|'.join(_WEEKDAYS)}) ([01]\d|2[0-3]):([0-5]\d)")


def read_telling(read: Reader) -> TellingSettings:
    """How people are told; what is wrong is noted at `read`."""
    telling = TellingSettings(
        confirm_after=read.duration("CONFIRM_AFTER", "15m"),
        group_wait=read.duration("GROUP_WAIT", "60s"),
        group_wait_max=read.duration("GROUP_WAIT_MAX", "10m"),
        mass_window=read.duration("MASS_WINDOW", "30m"),
        remind_after=timedelta(days=read.number("REMIND_AFTER_DAYS", 7, 0, 365)),
        digest_every=read.duration("DIGEST_EVERY", "7d"),
        digest_at=_weekday_and_time(read, "DIGEST_AT", "mon 08:00"),
        names=read.choice("TEAMS_NAMES", "full", "full", "upn", "hidden"),
        language=read_language(read),
    )
    read.at_least("GROUP_WAIT_MAX", telling.group_wait_max, "GROUP_WAIT", telling.group_wait)
    return telling


def read_language(read: Reader) -> str:
    """The language of texts; English where what is set is none that there is."""
    return read.choice("WATCH_LANGUAGE", catalogue.DEFAULT, *catalogue.languages())


def _weekday_and_time(read: Reader, name: str, default: str) -> timedelta:
    """How long after Monday, 00:00 UTC."""
    value = read.text(name, default)
    found = _WEEKDAY_AND_TIME.fullmatch(value.lower())
    if not found:
        read.fault(
            name, Problem("not-weekday", {"value": shown(value)}), Remedy("weekday", {"example": default})
        )
        return timedelta(0)
    return timedelta(days=_WEEKDAYS.index(found[1]), hours=int(found[2]), minutes=int(found[3]))
