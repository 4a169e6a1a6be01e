"""docs/report.md and docs/report.schema.json say what the code answers."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from shared.model import State
from shared.notify.exceptions.exemptions import Exemptions
from shared.report.building import Builder
from shared.report.figures import Point
from shared.report.json_form import as_json
from shared.report.rows import _READERS, LARGEST, SORTS, Query, query_of
from shared.rules.kinds import KINDS
from shared.texts.catalogue import catalogue, languages
from tests.report.ledgers import NOW, POLICY, RULES, made
from tools import write_report_schema

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "report.md").read_text()
SCHEMA: dict[str, Any] = json.loads((DOCS / "report.schema.json").read_text())
LINES = re.findall(r"^curl .+$", PAGE, re.MULTILINE)
CHECK = Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)


def document(*, users: int = 300, health: tuple[str, ...] | None = ("a problem",)) -> Any:
    """A report as it is answered, with something in every part."""
    ledger = made(users, per_shard=100)
    point = Point(
        day=NOW.date(), users=users, in_reach=users, states={"covered": users}, edition=POLICY.edition
    )
    builder = Builder(
        ledger.tenant,
        RULES,
        POLICY,
        catalogue(),
        at=NOW,
        source="ledger",
        exceptions=Exemptions(ledger.exceptions, {}),
        trend=(point,),
        health=health,
    )
    rows = [row for user in ledger.users if (row := builder.add(user))]
    return json.loads(as_json(builder.report(), rows))


def test_the_schema_is_the_one_that_the_code_writes() -> None:
    assert (DOCS / "report.schema.json").read_text() == write_report_schema.page(), "run: make report-schema"


def test_what_is_answered_fits_the_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    for whole in (document(), document(health=None), document(users=0)):
        CHECK.validate(whole)
    whole = document()
    assert whole["users"]
    for part in ("questions", "kinds", "skus", "needs", "concerns", "trend", "exceptions", "evidence"):
        assert whole["report"][part], part


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema",), 2),
        (("report", "source"), "rumour"),
        (("report", "users"), -1),
        (("report", "questions", 0, "answer"), "perhaps"),
        (("report", "kinds", 0, "severity"), "dire"),
        (("users", 0, "state"), "fine"),
        (("users", 0, "remedy", 0, "advice"), "x"),
        (("report", "surprise"), 1),
    ],
)
def test_what_the_code_would_not_answer_does_not_fit(path: tuple[Any, ...], value: Any) -> None:
    whole = document()
    *way, last = path
    place = whole
    for step in way:
        place = place[step]
    place[last] = value
    with pytest.raises(ValidationError):
        CHECK.validate(whole)


def test_a_field_without_words_stops_the_writing() -> None:
    words = tomllib.loads(write_report_schema.WORDS.read_text())
    del words["Need"]["buy"]
    with pytest.raises(Exception, match="buy"):
        write_report_schema.schema(words)


def test_the_example_fits_the_schema() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    part = {"$defs": SCHEMA["$defs"], "$ref": "#/$defs/Need"}
    Draft202012Validator(part).validate(json.loads(example))


def test_the_page_names_every_parameter_and_its_values() -> None:
    (table,) = re.findall(r"\| parameter \|.*?\n\n", PAGE, re.DOTALL)
    rows = {
        cell
        for line in table.strip().splitlines()[2:]
        for cell in re.findall(r"`([^`]+)`", line.split("|")[1])
    }
    assert rows == {*_READERS, "language"}
    for value in (*State, *SORTS, "high", "medium", "low", "differing", *languages()):
        assert f"`{value}`" in table
    assert f"{LARGEST:,}" in table
    assert set(Query.__struct_fields__) == set(_READERS)


def test_the_parameters_of_the_examples_are_understood() -> None:
    asked = [dict(re.findall(r"[?&](\w+)=([^&\"]+)", line)) for line in LINES]
    assert query_of(asked[1]) == Query(states=("uncovered", "undetermined"), sort="name")
    assert query_of(asked[2]) == Query(kinds=("coverage",), size=10)
    assert "coverage" in KINDS
