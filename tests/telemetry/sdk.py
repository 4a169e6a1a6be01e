"""Metrics as OpenTelemetry's own SDK collects them for Microsoft's exporter."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast
from unittest import mock

from azure.monitor.opentelemetry.exporter.export.metrics._exporter import (
    APPLICATION_INSIGHTS_METRIC_TEMPORALITIES,
)
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader

from shared import telemetry

_TEMPORALITIES = cast("dict[type, AggregationTemporality]", APPLICATION_INSIGHTS_METRIC_TEMPORALITIES)


class Collected:
    """What was noted since this began."""

    def __init__(self, reader: InMemoryMetricReader) -> None:
        self._reader = reader

    def points(self) -> dict[str, list[Any]]:
        """The SDK's data points by metric; asked for once."""
        data = self._reader.get_metrics_data()
        if data is None:
            return {}
        return {
            metric.name: list(metric.data.data_points)
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def counts(self, name: str) -> Mapping[tuple[str, ...], float]:
        """What a counter came to, by the values of its attributes in their order; asked for once."""
        return {
            tuple(str(one) for one in point.attributes.values()): point.value for point in self.points()[name]
        }


@contextmanager
def collected() -> Iterator[Collected]:
    """The real SDK takes what is noted meanwhile; the process's own provider stays as it is.

    How often a value is sent depends on the exporter, so the reader is set up as Microsoft's would be.
    """
    reader = InMemoryMetricReader(preferred_temporality=_TEMPORALITIES)
    provider = MeterProvider([reader])
    with (
        mock.patch.object(metrics, "get_meter", provider.get_meter),
        mock.patch.object(telemetry, "_instruments", {}),
    ):
        yield Collected(reader)
    provider.shutdown()
