"""What may be excepted, and that everything wrong with a proposal is said at once."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model import Severity, SubjectType
from shared.notify.exceptions.exemptions import LONGEST, LONGEST_OF_A_KIND, Exemption
from shared.notify.exceptions.proposals import NEVER, Proposal, end_of_day, faults_of, faults_of_all, tidy
from shared.rules.kinds import KINDS
from shared.rules.loader import load_rules
from shared.texts.catalogue import catalogue

ROWS = load_rules().kinds
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
USER = "5f000000-0000-4000-8000-000000000001"
GOOD = Proposal(
    owner="Ada", reason="Leaves in June", until=NOW + timedelta(days=90), subject_type="user", subject_id=USER
)


def but(**changes: object) -> Proposal:
    return msgspec.structs.replace(GOOD, **changes)


def codes(proposal: Proposal, *agreed: Exemption) -> set[str]:
    return {fault.code for fault in faults_of(proposal, agreed, ROWS, NOW)}


def in_force(days: float = 90, **changes: str) -> Exemption:
    until = NOW + timedelta(days=days)
    made = Exemption(id="e-1", owner="Ada", reason="r", until=until, created_at=NOW, subject_type="user")
    return msgspec.structs.replace(made, **{"subject_id": USER, **changes})


def test_a_proposal_with_everything_in_order_has_no_fault() -> None:
    assert codes(GOOD) == set()
    assert codes(but(kind="coverage")) == set()
    assert codes(but(subject_type="group", kind="licence-errors")) == set()
    assert codes(but(subject_type="group", kind="coverage")) == set()
    assert codes(but(subject_type="tenant", subject_id="", kind="seats-short")) == set()


WRONG = [
    (but(owner=" "), "no-owner"),
    (but(owner="x" * 201), "long-owner"),
    (but(reason=""), "no-reason"),
    (but(reason="x" * 501), "long-reason"),
    (but(until=None), "no-until"),
    (but(until=NOW), "past-until"),
    (but(until=end_of_day(NOW + LONGEST) + timedelta(seconds=1)), "late-until"),
    (but(kind="coverages"), "unknown-kind"),
    (but(kind="watch-unwell", subject_type="tenant"), "never"),
    (but(kind="evidence-missing", subject_type="tenant"), "never"),
    (but(kind="evidence-missing", subject_type="", subject_id=""), "never"),
    (but(kind="watch-unwell", subject_type="", subject_id=""), "never"),
    (but(subject_type="", subject_id=""), "nothing-named"),
    (but(subject_type="", subject_id="", kind="coverage"), "kind-alone"),
    (but(subject_type="", subject_id="", kind="seats-low"), "late-until-of-kind"),
    (but(subject_type="tenant", subject_id=""), "tenant-without-kind"),
    (but(subject_type="tenant", subject_id="", kind="coverage"), "not-of-tenant"),
    (but(subject_id="ada@contoso.example"), "no-user-id"),
    (but(subject_type="group", subject_id="Sales"), "no-group-id"),
    (but(kind="licence-errors"), "not-of-user"),
    (but(subject_type="group", kind="seats-short"), "not-of-group"),
    (but(subject_type="device"), "unknown-subject"),
]


@pytest.mark.parametrize(("proposal", "code"), WRONG, ids=lambda one: one if isinstance(one, str) else "")
def test_each_fault_is_found_and_has_words_with_its_values(proposal: Proposal, code: str) -> None:
    [fault] = faults_of(tidy(proposal), (), ROWS, NOW)
    assert fault.code == code
    assert catalogue().text("cli", "faults", code, **fault.values).endswith(".")


def test_all_faults_are_told_at_once() -> None:
    worst = Proposal(subject_type="user", subject_id="x", kind="y")
    assert codes(worst) == {"no-owner", "no-reason", "unknown-kind", "no-user-id", "no-until"}


def test_a_kind_alone_is_for_warnings_and_for_thirty_days() -> None:
    for kind, row in ROWS.items():
        alone = but(subject_type="", subject_id="", kind=kind, until=end_of_day(NOW + LONGEST_OF_A_KIND))
        high = Severity.HIGH in row.severity.values()
        assert codes(alone) == ({"never"} if kind in NEVER else {"kind-alone"} if high else set()), kind


def test_every_kind_has_a_subject_that_it_can_be_excepted_for_but_those_of_the_watch() -> None:
    for kind in KINDS:
        fitting = [
            subject
            for subject in SubjectType
            if not codes(but(kind=kind, subject_type=str(subject), subject_id=USER))
        ]
        assert bool(fitting) == (kind not in NEVER), kind


def test_an_end_as_a_date_covers_that_day_and_the_last_day_allowed_is_allowed() -> None:
    assert end_of_day(NOW) == datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC)
    assert codes(but(until=end_of_day(NOW))) == set()
    assert codes(but(until=end_of_day(NOW + LONGEST))) == set()


def test_the_same_subject_and_kind_is_refused_by_id_unless_it_lasts_longer() -> None:
    [fault] = faults_of(GOOD, (in_force(days=90),), ROWS, NOW)
    assert (fault.code, fault.values["id"]) == ("agreed-already", "e-1")
    assert codes(GOOD, in_force(days=91)) == {"agreed-already"}
    assert codes(GOOD, in_force(days=89)) == set()
    assert codes(GOOD, in_force(kind="coverage")) == set()
    assert codes(GOOD, in_force(days=-1)) == set()
    # Also one that was ended by a clock that was ahead and was set back since.
    for at in (NOW, NOW + timedelta(days=60)):
        ended = msgspec.structs.replace(in_force(), ended_at=at)
        assert codes(GOOD, ended) == set()


def test_the_tenant_is_the_same_however_it_is_written() -> None:
    wide = but(subject_type="tenant", subject_id="", kind="seats-short")
    assert codes(wide, in_force(subject_type="tenant", kind="seats-short")) == {"agreed-already"}


def test_two_lines_of_one_list_that_name_the_same_are_one_too_many() -> None:
    first, second, third = faults_of_all([GOOD, but(kind="coverage"), GOOD], (), ROWS, NOW)
    assert (first, second) == ((), ())
    assert [(fault.code, fault.values) for fault in third] == [("named-twice", {"n": 1})]


@given(st.text(max_size=40), st.text(max_size=40))
def test_owner_and_reason_become_one_line_each(owner: str, reason: str) -> None:
    one = tidy(but(owner=owner, reason=reason, subject_id=f" {USER.upper()} ", kind=" Coverage"))
    assert "\n" not in one.owner + one.reason
    assert (one.subject_id, one.kind) == (USER, "coverage")
    assert tidy(one) == one
