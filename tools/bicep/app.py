"""What the app itself says that the templates must agree with: its settings, its routes, its storage."""

import contextlib
import importlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from shared import telemetry
from shared.settings import SettingsError, load
from shared.storage.account import CONTAINERS, QUEUES

ROOT = Path(__file__).resolve().parents[2]

__all__ = ["CONTAINERS", "QUEUES", "metrics", "open_paths", "settings_read"]

_TRIED: tuple[dict[str, str], ...] = (
    {},
    {
        "DELIVERY": "eventgrid",
        "WATCH_STORAGE__blobServiceUri": "https://example.com",
        "WATCH_STORAGE__queueServiceUri": "https://example.com",
    },
)
"""Some settings are only looked at where others say so."""


class _Noting(Mapping[str, str]):
    """An environment that notes what it is asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def settings_read() -> set[str]:
    """Every setting that the watch asks its environment for."""
    asked: set[str] = set()
    for values in _TRIED:
        environ = _Noting(values)
        with contextlib.suppress(SettingsError):
            load(environ)
        asked |= environ.asked
    return asked


def open_paths(delivery: str) -> set[str]:
    """The paths that must be reached without signing in: health, and wherever notifications come in.

    Event Grid comes by the host's own route, which no function declares.
    """
    prefix = json.loads((ROOT / "host.json").read_text())["extensions"]["http"]["routePrefix"]
    paths = {f"/{prefix}/{route}" for route in _routes("functions.reporting") if route == "health"}
    if delivery == "eventgrid":
        return paths | {"/runtime/webhooks/EventGrid", "/runtime/webhooks/eventgrid"}
    return paths | {f"/{prefix}/{route}" for route in _routes("functions.notifications")}


def metrics() -> set[str]:
    """The names of the metrics that the watch notes."""
    return {metric.name for metric in vars(telemetry).values() if isinstance(metric, telemetry.Metric)}


def _routes(module: str) -> Iterator[str]:
    for builder in importlib.import_module(module).bp._function_builders:
        trigger = builder._function.get_trigger()
        if trigger.type == "httpTrigger":
            yield trigger.route
