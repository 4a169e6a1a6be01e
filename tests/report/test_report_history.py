"""A user's history: what the journal tells of the user, and nothing of anybody else."""

import itertools
import random
from collections import defaultdict
from datetime import datetime

import msgspec
import pytest

from shared.ledger.journal import JournalLine, lines_of, read_lines, write_lines
from shared.ledger.manifest import Paths
from shared.ledger.records import OutboxEntry, Posting, Shard
from shared.model import Finding
from shared.report import history
from shared.report.history import episodes, lines_about
from shared.storage import Storage
from shared.texts.catalogue import Catalogue
from tests.ledger.readings import (
    CANNOT_WRITE_BACK,
    FAILED,
    RULES,
    TENANT_ID,
    UNCOVERED,
    after,
    apply,
    reading,
    user_id,
)
from tests.report.ledgers import Made, fill, made
from tests.report.test_report_views import report_and_rows

LEDGER = made(300, per_shard=150)


def told(*steps: tuple[float, tuple[Finding, ...]], baseline: bool = False) -> list[JournalLine]:
    """Lines of the journal of user 1, read at these seconds with these findings."""
    shard, lines = Shard(name="0000"), list[JournalLine]()
    for seq, (seconds, found) in enumerate(steps, 1):
        shard, outcome = apply(
            shard, reading(1, *found, seen=seconds, baseline=baseline and seq == 1), at=seconds
        )
        lines += of(outcome.transitions, seq)
    return lines


def of(postings: tuple[Posting, ...], seq: int) -> list[JournalLine]:
    entry = OutboxEntry(seq=seq, postings=postings)
    return lines_of(TENANT_ID, "epoch", "0000", entry, RULES) if postings else []


def spans(lines: list[JournalLine]) -> list[tuple[str, datetime, datetime | None, str]]:
    return [(one.state, one.since, one.until, one.ended) for one in episodes(lines, user_id(1))]


def test_a_finding_that_opened_and_was_resolved_is_one_episode() -> None:
    assert spans(told((0, (UNCOVERED,)), (60, ()))) == [("uncovered", after(0), after(60), "licensed")]


def test_one_that_stands_has_no_end() -> None:
    assert spans(told((0, ()), (60, (UNCOVERED,)))) == [("uncovered", after(60), None, "")]


def test_a_change_of_state_ends_one_episode_and_begins_the_next() -> None:
    assert spans(told((0, (UNCOVERED,)), (60, (CANNOT_WRITE_BACK,)), (90, ()))) == [
        ("writeback-uncovered", after(60), after(90), "licensed"),
        ("uncovered", after(0), after(60), ""),
    ]


def test_one_that_came_back_is_two_episodes_with_peace_between() -> None:
    assert spans(told((0, (UNCOVERED,)), (60, ()), (120, (UNCOVERED,)))) == [
        ("uncovered", after(120), None, ""),
        ("uncovered", after(0), after(60), "licensed"),
    ]


def test_a_change_of_details_alone_begins_no_episode() -> None:
    lines = told((0, (FAILED,)))
    again = msgspec.structs.replace(lines[0], transition="changed", at=after(30), fingerprint="f" * 16)
    assert spans([*lines, again]) == [("error", after(0), None, "")]


def test_two_findings_at_once_are_told_apart() -> None:
    found = episodes(told((0, (UNCOVERED, FAILED)), (60, (UNCOVERED,))), user_id(1))
    assert {(one.kind, one.until) for one in found} == {
        ("coverage", None),
        ("assignment-error", after(60)),
    }


def test_what_was_there_at_the_first_reading_is_marked_since_it_may_be_older() -> None:
    (one,) = episodes(told((0, (UNCOVERED,)), baseline=True), user_id(1))
    assert one.first_reading


def test_nobody_elses_lines_are_told() -> None:
    lines = told((0, (UNCOVERED,)))
    assert episodes(lines, user_id(2)) == ()
    group = msgspec.structs.replace(lines[0], subject=msgspec.structs.replace(lines[0].subject, type="group"))
    assert episodes([group], user_id(1)) == ()


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happened_what_stands_at_the_end_is_what_the_ledger_has(seed: int) -> None:
    rng = random.Random(seed)
    choices: tuple[tuple[Finding, ...], ...] = ((), (UNCOVERED,), (CANNOT_WRITE_BACK,), (UNCOVERED, FAILED))
    steps = [(60.0 * n, rng.choice(choices)) for n in range(12)]
    shard = Shard(name="0000")
    for seconds, found in steps:
        shard, _ = apply(shard, reading(1, *found, seen=seconds), at=seconds)
    said = episodes(told(*steps), user_id(1))
    record = shard.users[user_id(1)]
    standing = {(one.kind, one.about, one.state) for one in said if one.until is None}
    assert standing == {(f.finding.kind, f.finding.about, f.finding.state) for f in record.open.values()}
    by_key: defaultdict[tuple[str, str], list[history.Episode]] = defaultdict(list)
    for one in sorted(said, key=lambda one: one.since):
        by_key[one.kind, one.about].append(one)
    for several in by_key.values():
        for earlier, later in itertools.pairwise(several):
            assert earlier.until is not None
            assert earlier.since < earlier.until <= later.since


def test_episodes_read_in_each_language(texts: Catalogue) -> None:
    report, _ = report_and_rows(texts)
    lines = told((0, (UNCOVERED, FAILED)), (60, (CANNOT_WRITE_BACK,)), (90, ()))
    for one in history.views(episodes(lines, user_id(1)), report, texts, RULES):
        assert one.text
        assert one.cause_text
        assert one.since.endswith("Z")
        built = msgspec.to_builtins(one)
        assert built["from"] == one.since
        assert built["to"] == one.until
        assert texts.text("format", "unknown_code", code="").strip() not in one.text


@pytest.mark.real
async def test_the_journal_is_read_for_one_user_and_only_its_shard(storage: Storage) -> None:
    await fill(storage, LEDGER)
    checked = 0
    for user in itertools.islice((one for one in LEDGER.users if one.open or one.closed), 30):
        found = await lines_about(storage.alerts, LEDGER.manifest, user.id)
        assert found.whole
        assert list(found.lines) == written(LEDGER, user.id)
        standing = {one.kind for one in episodes(found.lines, user.id) if one.until is None}
        assert standing == {one.finding.kind for one in user.open.values()}
        checked += 1
    assert checked == 30


@pytest.mark.real
async def test_of_a_long_journal_the_latest_is_read_and_that_is_said(storage: Storage) -> None:
    await fill(storage, LEDGER)
    user = next(one for one in LEDGER.users if one.closed and not one.open)
    found = await lines_about(storage.alerts, LEDGER.manifest, user.id, blobs=1)
    assert not found.whole
    assert len(found.lines) < len(written(LEDGER, user.id))


@pytest.mark.real
async def test_a_line_that_merely_names_the_user_is_not_taken_for_the_users(storage: Storage) -> None:
    user = next(one for one in LEDGER.users if one.open)
    (line, *_) = written(LEDGER, user.id)
    other = msgspec.structs.replace(
        line,
        subject=msgspec.structs.replace(line.subject, id=user_id(9)),
        facts={"sample": [user.id]},
    )
    book = next(name for name, shard in LEDGER.shards.items() if user.id in shard.users)
    await storage.alerts.put(Paths(LEDGER.manifest).journal(book, 1), write_lines([other]), gzip=False)
    assert (await lines_about(storage.alerts, LEDGER.manifest, user.id)).lines == ()


def written(ledger: Made, wanted: str) -> list[JournalLine]:
    return [
        line
        for journal in ledger.journals.values()
        for data in journal.values()
        for line in read_lines(data, "")
        if line.subject.id == wanted
    ]
