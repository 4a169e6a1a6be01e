"""docs/journal.md and docs/journal.schema.json say what the code writes."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from docs.examples.on_journal_blob import place
from shared.judgement import Judge
from shared.ledger.commits import UserReading, apply_readings
from shared.ledger.journal import lines_of, read_lines, write_lines
from shared.ledger.manifest import Paths
from shared.ledger.records import Manifest, OutboxEntry, Shard
from shared.model import JudgedBy
from tests.findings.finding_cases import AT, TENANT_ID, load_cases
from tests.journal_contract import SCHEMA, breaches
from tools import write_journal_schema
from tools.write_journal_schema import RESOLVED_BY

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "journal.md").read_text()
EPOCH = "20260301T080000Z-5f3a9c"
CASE = "a synced user who has lost EMS E3 keeps Office 365 E3 and cannot write back"
FIELDS: dict[str, Any] = json.loads(SCHEMA.read_text())["properties"]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def example() -> bytes:
    """The line on the page, written by the code for a case of the findings."""
    [case] = [one for one in load_cases() if one.name == CASE]
    reading = UserReading(
        user=case.user,
        judged=Judge(case.rules, case.policy, case.facts).judged(case.user, case.standing, AT),
        observed_at=AT,
        judged_by=JudgedBy(generation=1, policy="policy"),
        findings=case.found["user"],
        edition=case.policy.edition,
        evidence={"skusAt": (AT - timedelta(hours=1)).isoformat()},
    )
    at = AT + timedelta(seconds=2)
    _, outcome = apply_readings(Shard(name="0007"), [reading], at, TENANT_ID, case.rules)
    entry = OutboxEntry(seq=4, postings=outcome.transitions)
    return write_lines(lines_of(TENANT_ID, EPOCH, "0007", entry, case.rules))


def test_the_schema_is_what_structs_and_rules_say() -> None:
    assert SCHEMA.read_text() == write_journal_schema.page(), "run: make journal-schema"
    Draft202012Validator.check_schema(json.loads(SCHEMA.read_text()))


def test_the_schema_describes_every_field() -> None:
    def fields(part: Any, where: str = "") -> list[str]:
        if isinstance(part, list):
            return [name for one in part for name in fields(one, where)]
        if not isinstance(part, dict):
            return []
        bare = [
            f"{where}.{name}"
            for name, one in part.get("properties", {}).items()
            if isinstance(one, dict) and "description" not in one
        ]
        # What is under `if` and beside it only narrows fields that are described above.
        deeper = [(key, one) for key, one in part.items() if key not in ("if", "allOf", "anyOf")]
        return bare + [name for key, one in deeper for name in fields(one, f"{where}.{key}")]

    assert fields(json.loads(SCHEMA.read_text())) == []


def test_the_line_on_the_page_is_what_the_watch_writes() -> None:
    shown = json.loads(blocks("json")[0])
    [line] = [json.loads(row) for row in example().splitlines()]
    assert shown == line
    assert list(shown) == list(FIELDS)
    assert breaches(json.dumps(shown).encode()) == []
    assert write_lines(read_lines(json.dumps(shown).encode(), "the page")) == example()


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"schema": 2}, "$.schema"),
        ({"new": 1}, "$"),
        ({"id": "epoch/0007/0/0"}, "$.id"),
        ({"at": "2026-03-02T13:00:02+01:00"}, "$.at"),
        ({"state": "short"}, "$"),
        ({"severity": "low"}, "$"),
        ({"kind": "uncovered"}, "$.kind"),
        ({"subject": {"type": "tenant", "id": "t", "about": ""}}, "$.subject.type"),
        ({"facts": {"name": "Ada Lovelace"}}, "$.facts"),
        ({"remedy": [{"step": "assign-free-seat", "values": {"sku": "s", "free": 4}}]}, "$.remedy[0].values"),
        ({"remedy": [{"step": "remove-registration", "values": {}}]}, "$.remedy[0]"),
        ({"transition": "changed"}, "$.previous"),
        ({"previous": {"state": "uncovered", "fingerprint": "0" * 16}}, "$.previous"),
        (
            {
                "transition": "resolved",
                "cause": "because",
                "previous": {"state": "a", "fingerprint": "0" * 16},
            },
            "$.cause",
        ),
        ({"evidence": {"skus_at": "2026-03-02T11:00:00Z"}}, "$.evidence"),
        ({"fingerprint": ""}, "$.fingerprint"),
    ],
)
def test_a_line_that_is_not_so_is_against_the_schema(wrong: dict[str, Any], where: str) -> None:
    line = json.loads(example()) | wrong
    found = breaches(json.dumps(line).encode())
    assert any(f": {where}: " in one for one in found), found


@pytest.mark.parametrize("field", FIELDS)
def test_a_line_without_one_of_its_fields_is_against_the_schema(field: str) -> None:
    line = json.loads(example())
    del line[field]
    assert breaches(json.dumps(line).encode()) != []


def test_the_page_names_every_cause_of_a_resolution() -> None:
    [said] = re.findall(r"Causes of a resolution:(.*?)\n\n", PAGE, re.DOTALL)
    assert set(re.findall(r"`([a-z-]+)(?:: <reason>)?`", said)) == {*RESOLVED_BY, "left-reach"}


def test_the_blob_on_the_page_has_the_name_that_the_ledger_gives() -> None:
    manifest = Manifest(tenant_id=TENANT_ID, epoch=EPOCH, shards=8, created_at=AT)
    name = Paths(manifest).journal("0007", 4)
    short = name.replace(TENANT_ID, f"{TENANT_ID[:8]}-…-{TENANT_ID[-12:]}")
    assert short in PAGE


def test_the_filter_passes_journal_blobs_and_nothing_else() -> None:
    shown = json.loads(blocks("json")[1])
    assert set(shown) == {"includedEventTypes", "subjectBeginsWith", "subjectEndsWith"}

    def passes(subject: str) -> bool:
        return subject.startswith(shown["subjectBeginsWith"]) and subject.endswith(shown["subjectEndsWith"])

    subject = f"/blobServices/default/containers/alerts/blobs/{TENANT_ID}/{EPOCH}/0007/0000000004.ndjson"
    assert passes(subject)
    assert not passes(subject.replace("/alerts/", "/ledger/"))
    assert not passes(subject.replace(".ndjson", ".json"))


def test_the_replay_has_twenty_lines_of_code_and_stands_on_the_page() -> None:
    text = (DOCS / "examples" / "replay_journal.py").read_text()
    docstring, *code = [line for line in text.splitlines() if line]
    assert docstring.startswith('"""')
    assert len(code) <= 20
    assert f"```python\n{text}```" in PAGE


def test_a_place_orders_lines_as_the_journal_does() -> None:
    ids = ["e/0007/2/0", "e/0007/2/1", "e/0007/2/10", "e/0007/9/0", "e/0007/10/0"]
    assert sorted(sorted(ids), key=place) == ids


# --- Kusto: it can't be run here, but what it names can be looked up ----------------------------------------

TABLE = "SsprJournal_CL"


def columns() -> dict[str, list[str]]:
    """The table's columns, and the path of the field that each is made of."""
    transformation = blocks("kusto")[0]
    assert transformation.startswith("source\n| project ")
    made = re.findall(r"(\w+) = (?:tostring\(parse_json\()?\['(\w+)'\](?:\)\.(\w+)\))?", transformation)
    assert len(made) == transformation.count(" = ")
    return {name: [part for part in path if part] for name, *path in made}


def test_every_column_is_made_of_a_field_that_lines_have() -> None:
    line = json.loads(example())
    assert "TimeGenerated" in columns()
    for name, path in columns().items():
        value = line
        for part in path:
            assert part in value, name
            value = value[part]
        assert not isinstance(value, dict | list), name


def test_no_column_has_a_name_that_log_analytics_reserves() -> None:
    reserved = {
        "type",
        "tenantid",
        "resource",
        "resourceid",
        "resourcename",
        "resourcetype",
        "subscriptionid",
    }
    assert not {name.lower() for name in columns()} & {*reserved, "id", "_resourceid"}


@pytest.mark.parametrize("query", blocks("kusto")[1:], ids=["open now", "the last day"])
def test_a_query_names_only_columns_that_there_are(query: str) -> None:
    made = set(re.findall(r"(?:let|extend|summarize|,) (\w+) = ", query)) | {TABLE}
    bare = re.sub(r'"[^"]*"', '""', query)
    used = set(re.findall(r"\b[A-Z]\w*\b", bare))
    assert used <= set(columns()) | made
    assert used & set(columns())


@pytest.mark.parametrize("query", blocks("kusto")[1:], ids=["open now", "the last day"])
def test_a_query_compares_with_values_that_lines_can_have(query: str) -> None:
    compared = re.findall(r'(\w+) (?:==|!=|in) \(?((?:"[^"]+"(?:, )?)+)', query)
    assert compared
    for column, values in compared:
        [field] = columns()[column]
        assert set(re.findall(r'"([^"]+)"', values)) <= set(FIELDS[field]["enum"]), column
