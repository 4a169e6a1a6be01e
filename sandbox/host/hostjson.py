"""host.json as the host needs it: the route prefix, the queue options, the time limit of a function.

Meaning, defaults and limits as on Microsoft's host.json pages for Functions 4.x and the storage extension.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sandbox.host.errors import HostError


@dataclass(frozen=True)
class QueueOptions:
    """`extensions.queues`; times in seconds.

    `visibility_timeout` is the wait between a failure and the next try, not the time that a function may
    take.
    """

    batch_size: int = 16
    new_batch_threshold: int = 8
    max_dequeue_count: int = 5
    visibility_timeout: float = 0.0
    max_polling_interval: float = 60.0
    base64: bool = True


@dataclass(frozen=True)
class HostJson:
    """What of host.json matters on the laptop; `function_timeout` in seconds."""

    route_prefix: str = "api"
    function_timeout: float = 1800.0
    queues: QueueOptions = QueueOptions()


OVERRIDE = "AzureFunctionsJobHost__"
"""App settings that begin so go over host.json, `__` between the parts of the key (host.json reference)."""


def read_host_json(app_dir: Path, environ: Mapping[str, str] = MappingProxyType({})) -> HostJson:
    """Read host.json of an app, and what app settings put over it.

    Raises HostError naming the key that can't be read and what it may hold.
    """
    path = app_dir / "host.json"
    try:
        top = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise HostError(f"{path} is missing: the Azure host doesn't start an app without it") from None
    except ValueError as error:
        raise HostError(f"{path} isn't JSON: {error}") from None
    if not isinstance(top, dict) or top.get("version") != "2.0":
        raise HostError(f'{path}: "version" must be "2.0"')
    read = _Reader(path, top, environ)
    batch = read.number("extensions.queues.batchSize", 16, 1, 32)
    return HostJson(
        route_prefix=read.text("extensions.http.routePrefix", "api").strip("/"),
        function_timeout=read.span("functionTimeout", 1800.0),
        queues=QueueOptions(
            batch_size=batch,
            new_batch_threshold=read.number("extensions.queues.newBatchThreshold", batch // 2, 0, 1000),
            max_dequeue_count=read.number("extensions.queues.maxDequeueCount", 5, 1, 1_000_000),
            visibility_timeout=read.span("extensions.queues.visibilityTimeout", 0.0),
            max_polling_interval=read.span("extensions.queues.maxPollingInterval", 60.0, shortest=0.1),
            base64=read.choice("extensions.queues.messageEncoding", "base64", ("base64", "none")) == "base64",
        ),
    )


class _Reader:
    """Looks up dotted keys and says which one is wrong."""

    def __init__(self, path: Path, top: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        self._path = path
        self._top = top
        self._environ = environ

    def text(self, key: str, default: str) -> str:
        value = self._find(key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self._wrong(key, value, "a text")
        return value

    def choice(self, key: str, default: str, allowed: tuple[str, ...]) -> str:
        value = self.text(key, default)
        if value.lower() not in allowed:
            raise self._wrong(key, value, " or ".join(allowed))
        return value.lower()

    def number(self, key: str, default: int, least: int, most: int) -> int:
        value = self._find(key)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self._wrong(key, value, f"a whole number from {least} to {most}")
        return value

    def span(self, key: str, default: float, shortest: float = 0.0) -> float:
        value = self._find(key)
        if value is None:
            return default
        seconds = seconds_of(value) if isinstance(value, str) else None
        if seconds is None or seconds < shortest:
            raise self._wrong(key, value, f"a time as hh:mm:ss, at least {shortest:g} s")
        return seconds

    def _find(self, key: str) -> Any:
        over = self._environ.get(OVERRIDE + key.replace(".", "__"))
        if over is not None:
            return int(over) if over.isdecimal() else over
        value: Any = self._top
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return value

    def _wrong(self, key: str, value: Any, wanted: str) -> HostError:
        return HostError(f"{self._path}: {key} is {value!r} but must be {wanted}")


def seconds_of(span: str) -> float | None:
    """Seconds of a .NET time span (`hh:mm:ss`, `d.hh:mm:ss`, with fractions); None if it isn't one."""
    found = re.fullmatch(r"(?:(\d+)\.)?(\d{1,2}):([0-5]?\d):([0-5]?\d(?:\.\d{1,7})?)", span.strip())
    if found is None:
        return None
    days, hours, minutes, seconds = found.groups(default="0")
    return ((int(days) * 24 + int(hours)) * 60 + int(minutes)) * 60 + float(seconds)
