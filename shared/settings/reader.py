"""Reading single settings, each with its own check; what is wrong is collected, not raised.

Imports stay within the standard library, msgspec and the GUIDs: this lies on the path of every notification
(design §7).
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlsplit

from shared.guids import GUID
from shared.settings.faults import Fault, Problem, Remedy

LOOPBACK = ("127.0.0.1", "localhost", "::1")
TEAMS_HOSTS = (".logic.azure.com", ".environment.api.powerplatform.com")
"""How hosts of Teams Workflows URLs end, the older and the newer form."""

MISSING = Problem("missing")
REFERENCE = "@Microsoft.KeyVault("
"""How a setting begins that names a secret in Key Vault (App Service: Key Vault references)."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LENGTH = Remedy("length")
_LONGEST_NUMBER = 20
"""Digits."""


class Reader:
    """Reads single settings and collects what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.faults: list[Fault] = []

    def fault(self, name: str, problem: Problem, remedy: Remedy) -> None:
        self.faults.append(Fault(setting=name, problem=problem, remedy=remedy))

    def text(self, name: str, default: str = "") -> str:
        """What is set. A reference to Key Vault that was not resolved is a fault, and counts as nothing.

        App Service leaves the reference itself where it can't have the secret; taken for the secret, it would
        be one that anybody can guess.
        """
        value = self.environ.get(name, "").strip()
        if value.startswith(REFERENCE):
            if not self.has_fault(name):
                self.fault(name, Problem("unresolved"), Remedy("vault", {"secret": _secret_of(name)}))
            return default
        return value or default

    def required(self, name: str, remedy: Remedy) -> str:
        value = self.text(name)
        if not value and not self.has_fault(name):
            self.fault(name, MISSING, remedy)
        return value

    def guid(self, name: str, remedy: Remedy, *, required: bool = False) -> str:
        value = (self.required(name, remedy) if required else self.text(name)).lower()
        if value and not GUID.fullmatch(value):
            self.fault(name, Problem("not-guid"), remedy)
        return value

    def choice(self, name: str, default: str, *allowed: str) -> str:
        """One of these words, all of small letters; capitals mean the same."""
        value = self.text(name, default)
        if value.lower() in allowed:
            return value.lower()
        if value or default:
            self.fault(name, unknown(value), Remedy("one-of", {"allowed": ", ".join(allowed)}))
        return default

    def duration(self, name: str, default: str) -> timedelta:
        found = _DURATION.fullmatch(self.text(name, default))
        if not found:
            self.fault(name, Problem("not-length"), _LENGTH)
            return timedelta(0)
        seconds = float(found[1]) * _UNITS[found[2]]
        if seconds > 366 * _UNITS["d"]:
            self.fault(name, Problem("long-length"), _LENGTH)
            return timedelta(0)
        return timedelta(seconds=seconds)

    def interval(self, name: str, default: str) -> timedelta:
        """How often something is done: a length that is longer than nothing."""
        length = self.duration(name, default)
        if not length and not self.has_fault(name):
            self.fault(name, Problem("no-interval"), _LENGTH)
        return length

    def has_fault(self, name: str) -> bool:
        """Whether something is wrong with that setting already."""
        return any(one.setting == name for one in self.faults)

    def at_least(
        self, name: str, value: timedelta, other: str, least: timedelta, *, longer: bool = False
    ) -> None:
        """Where two lengths go together this one must be as long as the other, with `longer` longer."""
        if self.has_fault(name) or self.has_fault(other):
            return
        if value < least:
            self.fault(name, Problem("shorter", {"other": other}), Remedy("raise"))
        elif longer and value == least:
            self.fault(name, Problem("not-longer", {"other": other}), Remedy("raise"))

    def number(self, name: str, default: int, least: int, most: int) -> int:
        value = self.text(name, str(default))
        # So long a number Python refuses to read.
        if not value.isdecimal() or len(value) > _LONGEST_NUMBER or not least <= int(value) <= most:
            of: dict[str, str | int] = {"value": shown(value), "least": least, "most": most}
            self.fault(name, Problem("not-number", of), Remedy("correct"))
            return default
        return int(value)

    def url(
        self,
        name: str,
        remedy: Remedy,
        *,
        default: str = "",
        teams: bool = False,
        base: bool = False,
    ) -> str:
        """An https address (http only on loopback); the value itself is never quoted, it may be a secret.

        `teams`: the address of a Teams workflow. `base`: more is put behind it: a query is a fault, a last
        slash is not.
        """
        value = self.text(name, default)
        problem = url_problem(value, teams=teams, base=base)
        if problem and not self.has_fault(name):
            self.fault(name, problem, remedy)
        return value.rstrip("/") if base else value


def url_problem(value: str, *, teams: bool = False, base: bool = False) -> Problem | None:
    """What is wrong with an address, without quoting it; None if nothing is."""
    if not value:
        return MISSING
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return Problem("not-url")
    secure = parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)
    if not secure or not host or "@" in parts.netloc:
        return Problem("not-https")
    # Also an empty query: what is put behind it would be one.
    if base and not {"?", "#"}.isdisjoint(value):
        return Problem("not-base")
    if teams and host not in LOOPBACK and not host.endswith(TEAMS_HOSTS):
        older, newer = (f"*{one}" for one in TEAMS_HOSTS)
        return Problem("not-teams", {"older": older, "newer": newer})
    return None


def _secret_of(setting: str) -> str:
    """The secret's name in the vault, as infra/app/app-settings.bicep gives it."""
    return setting.lower().replace("_", "-")


def unknown(value: str) -> Problem:
    """A value that is none of those there are; quoted, so not for what may be a secret."""
    return Problem("unknown", {"value": shown(value)})


def shown(value: str) -> str:
    """A value as a fault may quote it: not for what may be a secret."""
    return value if len(value) <= 40 else value[:37] + "..."
