"""What a journal line says, and what it must not say."""

from typing import Any

import msgspec
import pytest

from shared.ledger.commits import apply_readings
from shared.ledger.journal import JournalUnreadable, lines_of, read_lines, write_lines
from shared.ledger.records import OutboxEntry, Shard
from shared.model import Because, Finding, Severity, Step
from shared.rules.loader import load_rules
from tests.ledger.readings import TENANT_ID, UNCOVERED, after, reading, user_id

RULES = load_rules()

RICH = Finding(
    kind="coverage",
    state="writeback-uncovered",
    severity=Severity.HIGH,
    rule="S7",
    cause="assignment-failed",
    skus=("sku-ems",),
    groups=("group-1",),
    facts={"free": 3},
    remedy=(Step(step="assign-free-seat", values={"sku": "sku-ems", "free": 3}),),
    because=(Because(kind="licence-errors", about="sku-ems", subject="group-1"),),
)


def _entry(seq: int, *found: Finding) -> OutboxEntry:
    _, outcome = apply_readings(Shard(name="0007"), [reading(1, *found, seen=3)], after(9), TENANT_ID, RULES)
    return OutboxEntry(seq=seq, postings=outcome.transitions)


def test_a_line_carries_the_whole_contract() -> None:
    entry = _entry(4, RICH)
    held = entry.postings[0].transition.finding
    [line] = [msgspec.json.decode(row) for row in write_lines(_lines(entry)).splitlines()]
    wanted: dict[str, Any] = {
        "schema": 1,
        "tenant": TENANT_ID,
        "id": "epoch/0007/4/0",
        "finding": held.id,
        "seq": 4,
        "at": "2026-03-01T12:00:09Z",
        "transition": "opened",
        "cause": "assignment-failed",
        "kind": "coverage",
        "state": "writeback-uncovered",
        "severity": "high",
        "subject": {"type": "user", "id": user_id(1), "about": ""},
        "edition": "2017-10-24",
        "rule": {"id": "S7", "source": RULES.editions["2017-10-24"].rules["S7"].source},
        "facts": {"free": 3},
        "remedy": [{"step": "assign-free-seat", "values": {"sku": "sku-ems", "free": 3}}],
        "evidence": {"skusAt": "2026-03-01T12:00:00+00:00", "observedAt": "2026-03-01T12:00:03+00:00"},
        "baseline": False,
        "previous": {},
        "skus": ["sku-ems"],
        "groups": ["group-1"],
        "because": [{"kind": "licence-errors", "about": "sku-ems", "subject": "group-1"}],
        "fingerprint": held.fingerprint,
        "reopened": 0,
        "opened_at": "2026-03-01T12:00:09Z",
    }
    assert line == wanted
    assert line["rule"]["source"]


def test_a_line_carries_ids_and_never_a_name() -> None:
    text = write_lines(_lines(_entry(1, RICH))).decode()
    assert user_id(1) in text
    assert "lovelace" not in text.lower()
    assert "ada@" not in text


def test_a_resolution_says_its_own_cause_and_how_the_finding_last_stood() -> None:
    shard, _ = apply_readings(Shard(name="0007"), [reading(1, RICH)], after(1), TENANT_ID, RULES)
    _, outcome = apply_readings(shard, [reading(1, seen=1)], after(2), TENANT_ID, RULES)
    [line] = _lines(OutboxEntry(seq=2, postings=outcome.transitions))
    assert (line.transition, line.cause, line.state) == ("resolved", "licensed", "writeback-uncovered")
    assert line.previous["state"] == "writeback-uncovered"


@pytest.mark.parametrize(
    ("rule", "edition"), [("", "2017-10-24"), ("S99", "2017-10-24"), ("S4", "1999-01-01")]
)
def test_where_no_rule_is_known_the_source_is_empty(rule: str, edition: str) -> None:
    entry = _entry(1, UNCOVERED)
    posting = entry.postings[0]
    held = posting.transition.finding
    changed = msgspec.structs.replace(
        posting,
        edition=edition,
        transition=msgspec.structs.replace(
            posting.transition,
            finding=msgspec.structs.replace(held, finding=msgspec.structs.replace(held.finding, rule=rule)),
        ),
    )
    [line] = _lines(OutboxEntry(seq=1, postings=(changed,)))
    assert (line.rule.id, line.rule.source) == (rule, "")


def test_lines_are_read_back_as_written_and_unknown_fields_of_later_schemas_ignored() -> None:
    lines = _lines(_entry(1, RICH, UNCOVERED_OF_ANOTHER_KIND))
    assert len(lines) == 2
    data = write_lines(lines)
    assert data.count(b"\n") == 2
    assert read_lines(data, "path") == lines
    assert read_lines(data.replace(b'{"schema"', b'{"new_field":1,"schema"'), "path") == lines


UNCOVERED_OF_ANOTHER_KIND = msgspec.structs.replace(UNCOVERED, kind="ends-soon", state="ends-soon")


def test_a_blob_that_is_not_a_journal_is_named_without_its_content() -> None:
    with pytest.raises(JournalUnreadable) as caught:
        read_lines(b'{"schema":1,"tenant":"a secret"}\n', "t/e/0007/0000000004.ndjson")
    assert "t/e/0007/0000000004.ndjson" in str(caught.value)
    assert "secret" not in str(caught.value)


def _lines(entry: OutboxEntry) -> list[Any]:
    return lines_of(TENANT_ID, "epoch", "0007", entry, RULES)
