"""Told, open, baseline, muted, held, lasted, delayed: the table of outcomes, and every cell of it."""

import itertools
from datetime import timedelta

import msgspec
import pytest

from shared.model import Moment, Severity, SubjectType
from shared.notify.decide import Reason, Telling, decide, standing
from shared.notify.table import BASELINE, Ended, Entry, Handover, Heard, Item, Table
from tests.notify.story import RULES, second

NOW = second(100_000)

ANY = "*"
OUTCOMES: tuple[tuple[str, str, str, str, str, str, str, str], ...] = (
    # told     open    baseline  muted  held   lasted delayed  outcome
    ("same", "open", ANY, ANY, ANY, ANY, ANY, "told"),
    ("never", "ended", ANY, ANY, ANY, ANY, ANY, "netted"),
    (ANY, ANY, "before", ANY, ANY, ANY, ANY, "baseline"),
    (ANY, "ended", "due", ANY, ANY, ANY, ANY, "baseline"),
    (ANY, "open", "due", ANY, ANY, ANY, ANY, "counted"),
    (ANY, "ended", "over", ANY, ANY, ANY, "delayed", "handover-delayed"),
    (ANY, "ended", "over", ANY, ANY, ANY, "due", "resolved"),
    (ANY, "open", "over", "muted", ANY, ANY, ANY, "muted-by:no-licence"),
    (ANY, "open", "over", "clear", "held", ANY, ANY, "held-by-licensing"),
    (ANY, "open", "over", "clear", "free", "fresh", ANY, "confirming"),
    (ANY, "open", "over", "clear", "free", "lasted", "delayed", "handover-delayed"),
    ("never", "open", "over", "clear", "free", "lasted", "due", "opened"),
    ("doubt", "open", "over", "clear", "free", "lasted", "due", "opened"),
    ("other", "open", "over", "clear", "free", "lasted", "due", "changed"),
)
"""The first row that fits says what becomes of a finding."""

CELLS = tuple(
    itertools.product(
        ("never", "same", "other", "doubt"),
        ("open", "ended"),
        ("before", "due", "over"),
        ("muted", "clear"),
        ("held", "free"),
        ("fresh", "lasted"),
        ("delayed", "due"),
    )
)


def expected(cell: tuple[str, ...]) -> str:
    """The outcome of the first row that fits."""
    for row in OUTCOMES:
        if all(wanted in (ANY, given) for wanted, given in zip(row, cell, strict=False)):
            return row[-1]
    raise AssertionError(f"no row for {cell}")


def outcome(cell: tuple[str, ...]) -> str:
    """What `decide` makes of the finding `u` in that cell."""
    told, opened, baseline, muted, held, lasted, delayed = cell
    since = NOW if lasted == "fresh" else NOW - timedelta(hours=1)
    entry = Entry(
        id="u",
        subject_type=SubjectType.USER,
        subject_id="user",
        kind="coverage",
        state="uncovered",
        severity=Severity.HIGH,
        fingerprint="now",
        since=since,
        changed_at=since,
        told={
            "same": Heard(state="uncovered", fingerprint="now", at=since),
            "other": Heard(state="undetermined", fingerprint="then", at=since),
        }.get(told),
        doubt=Heard(state="uncovered", fingerprint="now", at=since) if told == "doubt" else None,
        ended=Ended(at=NOW - timedelta(hours=1), cause="licensed") if opened == "ended" else None,
    )
    cause = Entry(
        id="cause",
        subject_type=SubjectType.TENANT,
        subject_id="tenant",
        kind="no-licence",
        state="missing",
        severity=Severity.HIGH,
        fingerprint="f",
        since=since,
        changed_at=since,
        told=Heard(state="missing", fingerprint="f", at=since),
    )
    moments = (Moment.OPENED, Moment.CHANGED, Moment.RESOLVED)
    failed = Handover(
        items=tuple(Item(moment=moment, entry=entry).key for moment in moments),
        failed_at=NOW,
        attempts=1,
        not_before=NOW + timedelta(minutes=1),
        status="unreachable",
    )
    table = Table(
        entries={one.id: one for one in ((entry, cause) if muted == "muted" else (entry,))},
        handovers=(failed,) if delayed == "delayed" else (),
        baseline_told_at=NOW - timedelta(days=1) if baseline == "over" else None,
    )
    decision = decide(
        table,
        RULES.mutes,
        Telling(),
        NOW,
        None if baseline == "before" else NOW,
        frozenset({"user"} if held == "held" else ()),
    )
    said = [
        "counted" if message.form == BASELINE else str(item.moment)
        for message in decision.messages
        for item in message.items
        if item.entry.id == "u"
    ]
    why = [str(decision.standing["u"])] if "u" in decision.standing else []
    dropped = ["netted"] if "u" in decision.netted else []
    (only,) = said + why + dropped
    return only


@pytest.mark.parametrize("told", ["never", "same", "other", "doubt"])
def test_every_cell_has_the_outcome_of_the_table(told: str) -> None:
    cells = [cell for cell in CELLS if cell[0] == told]
    wrong = {cell: (outcome(cell), expected(cell)) for cell in cells if outcome(cell) != expected(cell)}
    assert not wrong


@pytest.mark.parametrize("row", OUTCOMES, ids=" ".join)
def test_every_row_of_the_table_decides_a_cell(row: tuple[str, ...]) -> None:
    number = OUTCOMES.index(row)
    reached = [
        cell
        for cell in CELLS
        if next(
            n
            for n, one in enumerate(OUTCOMES)
            if all(wanted in (ANY, given) for wanted, given in zip(one, cell, strict=False))
        )
        == number
    ]
    assert reached


def test_every_reason_has_a_name_that_standing_can_give() -> None:
    table = Table(baseline_told_at=NOW - timedelta(days=1))
    entry = Entry(
        id="a",
        subject_type=SubjectType.USER,
        subject_id="a",
        kind="coverage",
        state="uncovered",
        severity=Severity.HIGH,
        fingerprint="f",
        since=NOW - timedelta(seconds=930),
        changed_at=NOW - timedelta(seconds=930),
    )
    table = msgspec.structs.replace(table, entries={"a": entry})
    assert str(standing(table, (), Telling(), NOW, NOW)["a"]) == Reason.WAITING_FOR_GROUP
    ended = msgspec.structs.replace(entry, ended=Ended(at=NOW, cause="licensed"))
    table = msgspec.structs.replace(table, entries={"a": ended})
    assert str(standing(table, (), Telling(), NOW, NOW)["a"]) == Reason.NETTED
