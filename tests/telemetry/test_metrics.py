"""Metrics are recorded where OpenTelemetry is loaded, and cost nothing where it is not."""

import subprocess
import sys
from pathlib import Path

import pytest

from shared.telemetry import LAST_RECONCILE, METRICS, Metric
from tests.telemetry.sdk import collected

ROOT = Path(__file__).resolve().parents[2]


def test_every_metric_is_recorded_by_the_sdk_with_its_attributes() -> None:
    with collected() as noted:
        for metric in METRICS:
            attributes = dict.fromkeys(metric.attributes, "word")
            metric.note(2, **attributes)
            metric.note(3, **attributes)
        seen = noted.points()
    assert seen.keys() == {metric.name for metric in METRICS}
    for metric in METRICS:
        (point,) = seen[metric.name]
        assert dict(point.attributes) == dict.fromkeys(metric.attributes, "word")
        value = point.sum if metric.kind == "histogram" else point.value
        assert value == (3 if metric.kind == "gauge" else 5)


def test_a_value_is_sent_once_so_that_one_who_looks_no_longer_says_nothing() -> None:
    """As Microsoft's exporter has it collected: an alert asks whether the watch still looks after itself."""
    with collected() as noted:
        for metric in METRICS:
            metric.note(2, **dict.fromkeys(metric.attributes, "word"))
        assert noted.points().keys() == {metric.name for metric in METRICS}
        assert noted.points() == {}
        LAST_RECONCILE.note(7, reading="delta")
        (point,) = noted.points()["watch.last_reconcile"]
        assert point.value == 7


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_attributes_that_are_not_declared_are_refused_and_so_is_one_left_out(metric: Metric) -> None:
    with pytest.raises(ValueError, match=metric.name):
        metric.note(1, **dict.fromkeys(metric.attributes, "x"), user="x")
    if metric.attributes:
        with pytest.raises(ValueError, match=metric.name):
            metric.note(1)


def test_names_are_those_of_the_watch_each_once() -> None:
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    assert all(name.startswith("watch.") for name in names)


def test_a_note_loads_nothing_where_telemetry_is_off() -> None:
    code = (
        "import sys; from shared import telemetry; telemetry.NOTIFICATIONS.note(1);"
        "print(telemetry.loaded(), [one for one in sys.modules if one.startswith('opentelemetry')])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False []"
