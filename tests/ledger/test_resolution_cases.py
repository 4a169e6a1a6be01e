"""Every case of `tests/cases/resolutions.toml` holds: what ends in a commit, and why."""

import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared import findings
from shared.findings import transitions
from shared.judgement import Judge
from shared.ledger.commits import UserReading, apply_readings
from shared.ledger.records import Shard
from shared.model import Finding, JudgedBy, Moment
from shared.rules.loader import load_rules
from tests.findings.finding_cases import AT, TENANT_ID, USER_ID, Case

FILE = Path(__file__).parents[1] / "cases" / "resolutions.toml"
CASES: list[Mapping[str, Any]] = tomllib.loads(FILE.read_text(encoding="utf-8"))["case"]
RULES = load_rules()
MINUTE = timedelta(minutes=1)


def looked_at(raw: Mapping[str, Any], when: str, number: int) -> tuple[Case, UserReading]:
    """The user at one of the two times, read, judged and searched as the watch does it."""
    case = Case({**raw, **raw[when]}, RULES)
    at = AT + number * MINUTE
    judged = Judge(RULES, case.policy, case.facts).judged(case.user, case.standing, at)
    found = findings.of_user(case.user, judged, case.standing, case.facts, RULES, case.policy, at)
    by = JudgedBy(generation=number, policy=case.policy.fingerprint(RULES.digest))
    reading = UserReading(
        user=case.user,
        judged=judged,
        observed_at=at,
        judged_by=by,
        findings=found,
        edition=case.policy.edition,
        standing=case.standing,
    )
    return case, reading


def key_of(case: Case, finding: Finding) -> str:
    """`Finding.key` with the SKU's name."""
    about = case.readable(finding.about)
    return f"{finding.kind}|{about}" if about else finding.kind


@pytest.mark.parametrize("raw", CASES, ids=lambda raw: str(raw["name"]))
def test_ends_what_the_case_says_for_the_reason_it_says(raw: Mapping[str, Any]) -> None:
    _, first = looked_at(raw, "before", 1)
    case, second = looked_at(raw, "after", 2)
    shard, _ = apply_readings(Shard(name="0000"), (first,), AT, TENANT_ID, RULES)
    assert shard.users[USER_ID].open, "the case opens nothing"
    shard, outcome = apply_readings(shard, (second,), AT + MINUTE, TENANT_ID, RULES)
    ended = {
        key_of(case, one.transition.finding.finding): one.transition.cause
        for one in outcome.transitions
        if one.transition.moment is Moment.RESOLVED
    }
    assert ended == raw["resolved"]
    assert sorted(shard.users[USER_ID].open) == sorted(raw.get("still", ()))


def test_every_cause_has_a_case() -> None:
    causes = {
        value
        for name, value in vars(transitions).items()
        if name.isupper() and not name.startswith("_") and isinstance(value, str)
    }
    shown = {cause.partition(":")[0] for raw in CASES for cause in raw["resolved"].values()}
    assert causes | {"left-reach"} == shown
