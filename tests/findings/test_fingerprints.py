"""A fingerprint moves with what its kind's row names, and with nothing else."""

from typing import Any

import msgspec
import pytest

from shared.findings import fingerprint
from shared.model import Because, Finding, Severity, Step
from shared.rules.kinds import KINDS
from shared.rules.loader import load_rules

BASE = Finding(
    kind="coverage",
    state="uncovered",
    severity=Severity.HIGH,
    rule="S4",
    cause="nothing-held",
    skus=("sku-1", "sku-2"),
    groups=("group-1", "group-2"),
)

MAY_MOVE: dict[str, Any] = {
    "state": "undetermined",
    "severity": Severity.LOW,
    "rule": "S5",
    "cause": "free",
    "skus": ("sku-1",),
    "groups": ("group-1",),
}

# What makes a change of each kind worth a transition. Where a kind has one cause, no SKU or no group of its
# own, or its subject and `about` say it already, there is nothing to move.
MOVES = {
    "coverage": {"state", "severity", "rule", "cause", "skus", "groups"},
    "assignment-error": {"state", "severity", "rule", "cause", "skus", "groups"},
    "ends-soon": {"state", "severity", "rule", "cause", "skus"},
    "not-a-person-licence": {"state", "severity", "rule", "cause", "skus"},
    "licence-errors": {"state", "severity", "rule", "cause", "skus"},
    "nested-members-unlicensed": {"state", "severity", "rule", "skus"},
    "no-licence": {"state", "severity", "rule", "cause"},
    "no-writeback-licence": {"state", "severity", "rule", "cause"},
    "subscription-lapsing": {"state", "severity", "rule", "cause", "skus"},
    "over-assigned": {"state", "severity", "rule", "skus"},
    "seats-short": {"state", "severity", "rule", "cause", "skus"},
    "seats-low": {"state", "severity", "skus"},
    "sku-unknown": {"state", "severity", "rule", "skus"},
    "sku-contested": {"state", "severity", "rule", "skus"},
    "setting-needed": {"state", "severity", "rule"},
    "setting-contradicted": {"state", "severity", "cause"},
    "scope-mismatch": {"state", "severity", "rule", "groups"},
    "directory-location-missing": {"state", "severity", "rule"},
    "evidence-missing": {"state", "severity", "groups"},
    "watch-unwell": {"state", "cause", "severity"},
}


@pytest.mark.parametrize("field", MAY_MOVE)
@pytest.mark.parametrize("kind", KINDS)
def test_it_moves_with_what_matters_to_its_kind_and_with_nothing_else(kind: str, field: str) -> None:
    rules = load_rules()
    before = msgspec.structs.replace(BASE, kind=kind)
    after = msgspec.structs.replace(before, **{field: MAY_MOVE[field]})
    moved = fingerprint(before, rules) != fingerprint(after, rules)
    assert moved == (field in MOVES[kind])


@pytest.mark.parametrize(
    "change",
    [
        {"facts": {"free": 3, "ends_at": "2026-03-02T00:00:00+00:00"}},
        {"remedy": (Step(step="assign-free-seat", values={"free": 3}),)},
        {"because": (Because(kind="no-licence"),)},
        {"about": "sku-9"},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", KINDS)
def test_counts_seats_dates_and_explanations_never_move_it(kind: str, change: dict[str, Any]) -> None:
    rules = load_rules()
    before = msgspec.structs.replace(BASE, kind=kind)
    assert fingerprint(before, rules) == fingerprint(msgspec.structs.replace(before, **change), rules)


def test_the_order_of_ids_does_not_move_it() -> None:
    turned = msgspec.structs.replace(BASE, skus=("sku-2", "sku-1"), groups=("group-2", "group-1"))
    assert fingerprint(BASE, load_rules()) == fingerprint(turned, load_rules())


def test_it_is_the_same_in_every_process() -> None:
    assert fingerprint(BASE, load_rules()) == "c7bfb9b72430cc3a"
