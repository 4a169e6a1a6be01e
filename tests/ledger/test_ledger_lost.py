"""A journal line says which licences went, where that opened a user's finding; the ledger keeps it so."""

import msgspec

from shared.ledger.commits import UserReading
from shared.ledger.journal import lines_of
from shared.ledger.records import OutboxEntry, Shard
from shared.model import Moment
from tests.ledger.readings import (
    CANNOT_WRITE_BACK,
    FAILED,
    RULES,
    TENANT_ID,
    UNCOVERED,
    absence,
    apply,
    reading,
    user_id,
)

EMPTY = Shard(name="0000")


def covered_by(counted: str, *skus: str, seen: float = 0) -> UserReading:
    """A covered user, whose verdict rests on one of these SKUs."""
    one = reading(1, skus=skus, seen=seen)
    verdict = msgspec.structs.replace(one.judged.verdict, counted=(counted,))
    return msgspec.structs.replace(one, judged=msgspec.structs.replace(one.judged, verdict=verdict))


def lost(shard: Shard) -> object:
    (known,) = shard.users[user_id(1)].open.values()
    return known.finding.facts.get("lost")


def test_the_line_that_opens_a_finding_names_what_went_and_the_ledger_keeps_it() -> None:
    shard, _ = apply(EMPTY, covered_by("sku-ems", "sku-e3", "sku-ems"))
    shard, outcome = apply(shard, reading(1, CANNOT_WRITE_BACK, seen=1))
    (posting,) = outcome.transitions
    assert posting.transition.finding.finding.facts == {"lost": ["sku-ems"]}
    shard, outcome = apply(shard, reading(1, CANNOT_WRITE_BACK, seen=2))
    assert (outcome.unchanged, outcome.transitions) == ((user_id(1),), ())
    assert lost(shard) == ["sku-ems"]


def test_a_line_of_the_journal_has_it_among_its_facts() -> None:
    shard, _ = apply(EMPTY, covered_by("sku-e3", "sku-e3"))
    _, outcome = apply(shard, reading(1, UNCOVERED, seen=1, skus=()))
    entry = OutboxEntry(seq=1, postings=outcome.transitions)
    (line,) = lines_of(TENANT_ID, "e", "0000", entry, RULES)
    assert (line.transition, line.facts["lost"]) == (Moment.OPENED, ["sku-e3"])


def test_nothing_is_named_of_a_user_who_is_seen_for_the_first_time_or_again_after_a_deletion() -> None:
    shard, _ = apply(EMPTY, reading(1, UNCOVERED, skus=()))
    assert lost(shard) is None
    shard, _ = apply(EMPTY, covered_by("sku-e3", "sku-e3"))
    shard, _ = apply(shard, absence(1, seen=1))
    shard, _ = apply(shard, reading(1, UNCOVERED, seen=2, skus=()))
    assert lost(shard) is None


def test_a_licence_that_went_without_having_counted_is_not_named() -> None:
    shard, _ = apply(EMPTY, covered_by("sku-ems", "sku-e3", "sku-ems", "sku-visio"))
    shard, _ = apply(shard, reading(1, CANNOT_WRITE_BACK, seen=1, skus=("sku-e3", "sku-ems")))
    assert lost(shard) is None


def test_other_findings_of_the_user_say_nothing_of_it() -> None:
    shard, _ = apply(EMPTY, covered_by("sku-e3", "sku-e3"))
    shard, _ = apply(shard, reading(1, UNCOVERED, FAILED, seen=1, skus=()))
    open_now = shard.users[user_id(1)].open
    assert {key: one.finding.facts.get("lost") for key, one in open_now.items()} == {
        UNCOVERED.key: ["sku-e3"],
        FAILED.key: None,
    }
