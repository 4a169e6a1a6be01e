"""Reading single settings, each with its own check; what is wrong is collected, not raised.

Imports stay within the standard library and the GUIDs: this lies on the path of every notification
(design §7).
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlsplit

from shared.guids import GUID

LOOPBACK = ("127.0.0.1", "localhost", "::1")
TEAMS_HOSTS = (".logic.azure.com", ".environment.api.powerplatform.com")
"""How hosts of Teams Workflows URLs end, the older and the newer form."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Reader:
    """Reads single settings and collects what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.faults: list[str] = []

    def fault(self, name: str, problem: str, remedy: str) -> None:
        self.faults.append(f"{name}: {problem}. {remedy}")

    def text(self, name: str, default: str = "") -> str:
        return self._environ.get(name, "").strip() or default

    def required(self, name: str, remedy: str) -> str:
        value = self.text(name)
        if not value:
            self.fault(name, "is missing", remedy)
        return value

    def guid(self, name: str, remedy: str, *, required: bool = False) -> str:
        value = (self.required(name, remedy) if required else self.text(name)).lower()
        if value and not GUID.fullmatch(value):
            self.fault(name, "is not a GUID", remedy)
        return value

    def choice(self, name: str, default: str, *allowed: str) -> str:
        value = self.text(name, default)
        if value not in allowed and not (value == "" and default == ""):
            self.fault(name, f"'{shown(value)}' is not known", f"Use one of: {', '.join(allowed)}")
            return default
        return value

    def duration(self, name: str, default: str) -> timedelta:
        found = _DURATION.fullmatch(self.text(name, default))
        if not found:
            self.fault(name, "is not a length of time", "Write a number and a unit: 30s, 15m, 48h or 14d")
            return timedelta(0)
        seconds = float(found[1]) * _UNITS[found[2]]
        if seconds > 366 * _UNITS["d"]:
            self.fault(name, "is longer than a year", "Write a number and a unit: 30s, 15m, 48h or 14d")
            return timedelta(0)
        return timedelta(seconds=seconds)

    def number(self, name: str, default: int, least: int, most: int) -> int:
        value = self.text(name, str(default))
        if not value.isdecimal() or not least <= int(value) <= most:
            self.fault(name, f"'{shown(value)}' is not a whole number from {least} to {most}", "Correct it")
            return default
        return int(value)

    def url(
        self,
        name: str,
        remedy: str,
        *,
        default: str = "",
        hosts: tuple[str, ...] = (),
        base: bool = False,
    ) -> str:
        """An https address (http only on loopback); the value itself is never quoted, it may be a secret.

        `hosts`: how its host may end. `base`: more is put behind it: a query is a fault, a last slash is not.
        """
        value = self.text(name, default)
        problem = url_problem(value, hosts=hosts, base=base)
        if problem:
            self.fault(name, problem, remedy)
        return value.rstrip("/") if base else value


def url_problem(value: str, *, hosts: tuple[str, ...] = (), base: bool = False) -> str:
    """What is wrong with an address, in words that don't quote it; empty if nothing is."""
    if not value:
        return "is missing"
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "is not a URL"
    secure = parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)
    if not secure or not host or parts.username or parts.password:
        return "is not an https URL"
    if base and (parts.query or parts.fragment):
        return "has more than scheme, host and path"
    if hosts and host not in LOOPBACK and not host.endswith(hosts):
        expected = " or ".join(f"*{one}" for one in hosts)
        return f"has a host that is not expected here (expected: {expected})"
    return ""


def shown(value: str) -> str:
    """A value as a fault may quote it: not for what may be a secret."""
    return value if len(value) <= 40 else value[:37] + "..."
