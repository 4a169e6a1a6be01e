"""docs/telemetry.md against the code: settings, ids, metrics, and every query word for word."""

import re
from pathlib import Path

import pytest

from shared import following
from shared.telemetry import METRICS
from tests.telemetry.azure_settings import SETTINGS
from tests.telemetry.queries import queries

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "telemetry.md").read_text()
_SHOWN = re.compile(r"\[`([a-z-]+)\.kql`\]\(\.\./infra/queries/\1\.kql\)\n\n```kusto\n(.*?)```\n", re.DOTALL)


def rows(head: str) -> dict[str, list[str]]:
    """The table under this heading, by the name in its first column."""
    section = PAGE.split(f"\n## {head}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {first.strip("`"): rest for first, *rest in cells}


def test_the_settings_are_those_that_telemetry_was_tried_with() -> None:
    shown = {name: value.strip("`").replace(", ", ",") for name, (value, _) in rows("Settings").items()}
    where = {
        name: shown.pop(name)
        for name in ("APPLICATIONINSIGHTS_CONNECTION_STRING", "APPLICATIONINSIGHTS_AUTHENTICATION_STRING")
    }
    assert len(where) == 2
    assert shown == SETTINGS


def test_the_ids_are_those_that_records_bear() -> None:
    assert {name: said for name, (said,) in rows("Records").items()} == following.ATTRIBUTES


def test_the_metrics_are_the_declared_ones() -> None:
    expected = {
        metric.name: [
            metric.kind,
            metric.unit.strip("{}"),
            metric.description,
            "; ".join(f"`{name}`: {said}" for name, said in metric.attributes.items()) or "none",
        ]
        for metric in METRICS
    }
    assert rows("Metrics") == expected


def test_every_query_is_shown_once_and_word_for_word() -> None:
    shown = _SHOWN.findall(PAGE)
    assert dict(shown) == queries()
    assert len(shown) == len(queries())


@pytest.mark.parametrize("example", re.findall(r"`(call taken: [^`]+)`", PAGE))
def test_the_example_of_a_record_is_as_records_are(example: str) -> None:
    text, ids = re.fullmatch(r"(.*) \[call=([0-9a-f]{16}) job=graph_notifications\]", example).groups()  # type: ignore[union-attr]  # a mismatch fails here
    assert text == "call taken: accepted=1"
    assert following.is_call(ids)
