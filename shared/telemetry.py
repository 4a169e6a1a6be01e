"""The watch's metrics: declared as data, recorded where OpenTelemetry is loaded and nowhere else.

Microsoft's runtime loads and configures it before it imports the app, where
PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY is set; without it a note costs a dictionary's look-up. Nothing is
imported here but the standard library and msgspec, so that the notification path stays light.

Attributes have few values, all of them words of ours: no id, no name, no address. How a single change went is
told by the log records (`shared.following`). docs/telemetry.md is held against `METRICS`.
"""

import sys
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

METER = "watch"

Kind = Literal["counter", "histogram", "gauge"]

_API = "opentelemetry.metrics"
_RECORDERS: Mapping[Kind, str] = {"counter": "add", "histogram": "record", "gauge": "set"}


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One metric. `attributes`: what each says, by its name; every note gives all of them."""

    name: str
    kind: Kind
    unit: str
    description: str
    attributes: Mapping[str, str] = {}

    def note(self, value: float, **attributes: str) -> None:
        """Count so many more (counter), or note a value. Nothing is noted where OpenTelemetry is not loaded.

        Raises `ValueError` for attributes that are not the declared ones, loaded or not.
        """
        if attributes.keys() != self.attributes.keys():
            raise ValueError(f"{self.name} has the attributes {', '.join(self.attributes) or 'none'}")
        api = sys.modules.get(_API)
        if api is not None:
            getattr(_instrument(api, self), _RECORDERS[self.kind])(value, attributes)


class _Gauge:
    """Sends each value once.

    The SDK's own gauge, as Microsoft's exporter has it collected, sends its last value every minute for as
    long as the process lives: one that looks no longer would go on saying that all is well.
    """

    def __init__(self, api: Any, metric: Metric) -> None:
        self._observation = api.Observation
        self._unsent: dict[tuple[tuple[str, str], ...], float] = {}
        api.get_meter(METER).create_observable_gauge(
            metric.name, [self._taken], unit=metric.unit, description=metric.description
        )

    def set(self, value: float, attributes: Mapping[str, str]) -> None:
        """Keep it until the next sending; of two before that the later counts."""
        self._unsent[tuple(attributes.items())] = value

    def _taken(self, _: Any) -> list[Any]:
        # Called on the exporter's thread: one by one, so that nothing that is set meanwhile is lost.
        taken = []
        while self._unsent:
            attributes, value = self._unsent.popitem()
            taken.append(self._observation(value, dict(attributes)))
        return taken


_instruments: dict[str, Any] = {}


def _instrument(api: Any, metric: Metric) -> Any:
    """Made once a process: what is made before a provider is configured, is handed on to it."""
    made = _instruments.get(metric.name)
    if made is None:
        made = _instruments[metric.name] = _made(api, metric)
    return made


def _made(api: Any, metric: Metric) -> Any:
    if metric.kind == "gauge":
        return _Gauge(api, metric)
    meter = api.get_meter(METER)
    make = meter.create_counter if metric.kind == "counter" else meter.create_histogram
    return make(metric.name, unit=metric.unit, description=metric.description)


def loaded() -> bool:
    """Whether what is noted goes anywhere: what costs something to find out need not be found out else."""
    return _API in sys.modules


NOTIFICATIONS = Metric(
    name="watch.notifications",
    kind="counter",
    unit="{notification}",
    description="Authentic change and lifecycle notifications of Microsoft Graph, copies included",
)
REJECTS = Metric(
    name="watch.rejects",
    kind="counter",
    unit="{notification}",
    description="What was refused: single notifications, or a call as a whole",
    attributes={
        "reason": "forged, foreign, malformed: a notification; refused: a call that is no JSON, or too large"
    },
)
EVALUATIONS = Metric(
    name="watch.evaluations",
    kind="counter",
    unit="{user}",
    description="Users who were looked at and committed, by what became of the reading",
    attributes={
        "outcome": "committed, unchanged, refused (older facts), superseded (older reading), gone, restored"
    },
)
VERDICT_LATENCY = Metric(
    name="watch.verdict_latency",
    kind="histogram",
    unit="s",
    description="From the notification to the commit of the changed verdict, a value for each user",
)
GAP = Metric(
    name="watch.gap",
    kind="counter",
    unit="{user}",
    description="Users whose judged facts changed, as counted after a delta round",
    attributes={"heard": "yes: a notification told of it; no: delta found it"},
)
QUEUE_LENGTH = Metric(
    name="watch.queue_length",
    kind="gauge",
    unit="{message}",
    description="Messages on a queue, hidden ones too, as the storage service counts them",
    attributes={"queue": "changed-users, sweeps, journal; heard with DELIVERY=eventgrid"},
)
QUEUE_AGE = Metric(
    name="watch.queue_age",
    kind="gauge",
    unit="s",
    description="How long the first message that could be taken now has been on its queue; 0: there is none",
    attributes={"queue": "as of watch.queue_length"},
)
POISON = Metric(
    name="watch.poison",
    kind="gauge",
    unit="{message}",
    description="Messages that were put aside after five tries",
    attributes={"queue": "changed-users-poison, sweeps-poison, heard-poison"},
)
GRAPH_CALLS = Metric(
    name="watch.graph_calls",
    kind="counter",
    unit="{request}",
    description="Requests to Microsoft Graph, each attempt by itself",
    attributes={
        "call": "method and path with every id replaced by {id}, as in docs/permissions.md",
        "status": "2xx, 3xx, 4xx, 429, 5xx; none: no answer",
    },
)
GRAPH_THROTTLES = Metric(
    name="watch.graph_throttles",
    kind="counter",
    unit="{request}",
    description="Requests that Graph throttled: whole ones, and single ones of a $batch",
    attributes={"call": "as of watch.graph_calls; of a $batch the request in it"},
)
TEAMS_RESULTS = Metric(
    name="watch.teams_results",
    kind="counter",
    unit="{message}",
    description="Messages that were handed over to people, or not",
    attributes={
        "route": "teams, webhook: the type of the route",
        "result": "delivered; else why not: http-<status>, timeout, unreachable, reset, bad-url, "
        "unwordable, names-unread",
    },
)
LAST_RECONCILE = Metric(
    name="watch.last_reconcile",
    kind="gauge",
    unit="s",
    description="How old the last complete reading is; before the first, how old the ledger is",
    attributes={"reading": "delta, facts, sweep: users who changed, the tenant's facts, all users"},
)

METRICS = (
    NOTIFICATIONS,
    REJECTS,
    EVALUATIONS,
    VERDICT_LATENCY,
    GAP,
    QUEUE_LENGTH,
    QUEUE_AGE,
    POISON,
    GRAPH_CALLS,
    GRAPH_THROTTLES,
    TEAMS_RESULTS,
    LAST_RECONCILE,
)
