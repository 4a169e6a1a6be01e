"""Whoever publishes a line in a test, it is held against the schema."""

import json

import msgspec
import pytest

from shared.ledger import outbox
from shared.ledger.journal import JournalLine
from tests.docs.test_journal_page import example
from tests.journal_contract import Inspector, breaches


def _line(**changed: object) -> JournalLine:
    return msgspec.json.decode(json.dumps(json.loads(example()) | changed), type=JournalLine)


def test_what_is_published_passes_the_inspector(inspected_journal: Inspector) -> None:
    assert vars(outbox)["write_lines"] == inspected_journal.write_lines


def test_a_line_against_the_schema_fails_the_test_at_its_end_and_only_that_test() -> None:
    inspector = Inspector()
    assert inspector.write_lines([_line(), _line(state="short")]).count(b"\n") == 2
    with pytest.raises(AssertionError, match="0007/4/0"):
        inspector.settle()
    inspector.write_lines([_line()])
    inspector.settle()


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ({"finding": "0" * 23}, {"finding": "1" * 24}),
        ({"fingerprint": "0" * 17}, {"fingerprint": "1" * 16}),
        ({"at": "2026-03-02T12:00:02"}, {"at": "2026-03-02T13:01:02.123456Z"}),
        ({"seq": 0}, {"seq": 12}),
        ({"id": "epoch/0007/4/01"}, {"id": "epoch/0007/5/0"}),
        ({"reopened": -1}, {"tenant": "another"}),
    ],
)
def test_of_lines_that_are_alike_each_that_is_wrong_is_found(
    wrong: dict[str, object], right: dict[str, object]
) -> None:
    line = json.loads(example())
    for _ in range(2):
        assert breaches(json.dumps(line | right).encode()) == []
        assert breaches(json.dumps(line | wrong).encode()) != []
