"""The Kusto queries are right by Microsoft's language service, and ask only for what the watch sends."""

import re

import pytest

from shared import following, telemetry
from tests.telemetry.queries import faults, queries

DECLARED = {metric.name: metric for metric in telemetry.METRICS}
_NAMED = re.compile(r'"(watch\.[a-z_]+)"')
_ATTRIBUTE = re.compile(r"Properties\.([a-z_]+)")
_PROPERTY = re.compile(r'Properties\["([^"]+)"\]')

ALERTS = ("alert-poison", "alert-no-reconcile", "alert-slow-notifications", "alert-failures")


@pytest.mark.real
def test_microsofts_language_service_finds_nothing_wrong_with_any_query() -> None:
    found = faults(queries())
    assert len(found) >= 12
    assert {name: said for name, said in found.items() if said} == {}


@pytest.mark.real
def test_a_wrong_word_or_an_unknown_column_is_found() -> None:
    found = faults({"word": "AppTraces | whre true", "column": "AppMetrics\n| where Nme == 'x'"})
    assert found["word"]
    assert found["column"] == [
        "line 2: The name 'Nme' does not refer to any known column, table, variable or function."
    ]


@pytest.mark.parametrize("name", queries())
def test_a_query_asks_only_for_metrics_and_properties_that_are_sent(name: str) -> None:
    text = queries()[name]
    metrics = {one for one in _NAMED.findall(text) if one not in following.ATTRIBUTES}
    assert metrics <= DECLARED.keys()
    attributes = {one for metric in metrics for one in DECLARED[metric].attributes}
    assert set(_ATTRIBUTE.findall(text)) <= attributes
    assert set(_PROPERTY.findall(text)) <= following.ATTRIBUTES.keys()


def test_every_metric_is_asked_for_by_a_query() -> None:
    asked = {one for text in queries().values() for one in _NAMED.findall(text)}
    assert DECLARED.keys() <= asked


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_in_its_first_line_why_somebody_should_look(name: str) -> None:
    assert queries()[name].startswith("// ")


def test_values_that_queries_compare_with_are_values_that_are_sent() -> None:
    texts = queries()
    assert 'Properties.reading == "delta"' in texts["alert-no-reconcile"]
    assert "delta" in telemetry.LAST_RECONCILE.attributes["reading"]
    assert 'Properties.result != "delivered"' in texts["alert-failures"]
    assert telemetry.TEAMS_RESULTS.attributes["result"].startswith("delivered")
    assert set(re.findall(r'Properties\.heard == "(\w+)"', texts["gap"])) == {"yes", "no"}
