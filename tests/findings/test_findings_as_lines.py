"""Every finding of `tests/cases/findings.toml`, all its life long, makes lines that keep the contract."""

from collections.abc import Iterator

import msgspec
import pytest

from shared import findings
from shared.ledger.journal import JournalLine, lines_of, write_lines
from shared.ledger.records import OutboxEntry, Posting
from shared.model import Finding, Moment, Transition
from shared.rules.loader import load_rules
from tests.findings.finding_cases import AT, TENANT_ID, Case, load_cases, subject_id
from tests.journal_contract import breaches

CASES = load_cases()
RULES = load_rules()


def life(subject_type: str, subject: str, found: tuple[Finding, ...]) -> Iterator[Transition]:
    """Found, found by another rule, gone, and back."""
    otherwise = tuple(_cited_otherwise(one) for one in found)
    state = findings.Advance({}, {}, ())
    for now in (found, otherwise, (), otherwise):
        gone = "licensed" if subject_type == "user" else "fixed"
        state = findings.advance(
            TENANT_ID, subject_type, subject, state.open, state.closed, now, AT, gone, RULES, baseline=True
        )
        yield from state.transitions


def _cited_otherwise(finding: Finding) -> Finding:
    """As if the administrator had chosen another edition."""
    return msgspec.structs.replace(finding, rule=f"{finding.rule or 'S'}9", cause=f"{finding.cause}-too")


def lines(case: Case) -> list[JournalLine]:
    """All lines about all subjects of a case."""
    postings = []
    for subject, found in case.found.items():
        of = subject if subject in ("user", "tenant") else "group"
        postings += [
            Posting(
                subject_type=of,
                subject_id=subject_id(subject),
                transition=one,
                edition=case.policy.edition,
                evidence={
                    "skusAt": AT.isoformat(),
                    "registrationAt": AT.isoformat(),
                    "groupsAt": AT.isoformat(),
                },
            )
            for one in life(of, subject_id(subject), found)
        ]
    return lines_of(TENANT_ID, "epoch", "book", OutboxEntry(seq=1, postings=tuple(postings)), RULES)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_line_of_a_case_keeps_the_contract(case: Case) -> None:
    assert breaches(write_lines(lines(case))) == []


def test_the_cases_make_lines_of_every_kind_and_state_in_every_transition() -> None:
    told = {(line.kind, line.state, line.transition) for case in CASES for line in lines(case)}
    states = {(kind, state) for kind, row in RULES.kinds.items() for state in row.states}
    for moment in (Moment.OPENED, Moment.RESOLVED):
        assert {(kind, state) for kind, state, seen in told if seen is moment} == states
    changed = {kind for kind, _, seen in told if seen is Moment.CHANGED}
    assert changed == {kind for kind, row in RULES.kinds.items() if {"rule", "cause"} & set(row.fingerprint)}
