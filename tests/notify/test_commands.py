"""The commands that cards print: words of ids and dates only, whoever wrote the rest."""

import shlex
from datetime import UTC, datetime, timedelta

import pytest

from shared.model import Severity, SubjectType
from shared.notify.exceptions.exemptions import LONGEST, LONGEST_OF_A_KIND
from shared.notify.exceptions.proposals import NEVER, Proposal, end_of_day, faults_of
from shared.notify.saying import commands
from shared.texts.plain import plain
from tests.notify.card_samples import AT, BY_STATE, GROUP_ID, USER_ID, entry, exemption
from tests.notify.story import RULES

TAIL = '--until 2026-04-11 --owner "you" --reason "why"'


@pytest.mark.parametrize(
    ("kind", "state", "subject"),
    [
        ("coverage", "uncovered", f"--user {USER_ID}"),
        ("licence-errors", "error", f"--group {GROUP_ID}"),
        ("no-licence", "missing", "--tenant"),
    ],
)
def test_a_finding_is_excepted_for_a_month(kind: str, state: str, subject: str) -> None:
    line = commands.except_finding(entry(kind, state), AT)
    assert line == f"python -m admin exception add {subject} --kind {kind} {TAIL}"


def test_an_exception_is_extended_from_its_end_or_from_now() -> None:
    running = exemption(until=AT + timedelta(days=7))
    assert "--until 2026-04-18 " in commands.extend(running, AT)
    over = exemption(until=AT - timedelta(days=7))
    assert "--until 2026-04-11 " in commands.extend(over, AT)
    assert commands.extend(over, AT) == (
        f"python -m admin exception add --user {USER_ID} --kind coverage {TAIL}"
    )


def test_what_is_proposed_is_never_longer_than_what_is_allowed() -> None:
    assert commands.AHEAD + timedelta(days=1) <= LONGEST
    assert commands.AHEAD_OF_A_KIND + timedelta(days=1) <= LONGEST_OF_A_KIND


@pytest.mark.parametrize("kind", [one for one in RULES.kinds if one not in NEVER])
@pytest.mark.parametrize("days_left", [6, 1, -2])
def test_what_a_card_prints_to_agree_again_is_accepted_for_every_kind(kind: str, days_left: int) -> None:
    """By the check that the command makes; while the exception runs its end must lie later."""
    ways: list[tuple[str, str]] = [("tenant", "")] if SubjectType.TENANT in RULES.kinds[kind].subjects else []
    if Severity.HIGH not in RULES.kinds[kind].severity.values():
        ways.append(("", ""))
    if not {SubjectType.USER, SubjectType.GROUP}.isdisjoint(RULES.kinds[kind].subjects):
        ways.append(("group", GROUP_ID))
    if SubjectType.USER in RULES.kinds[kind].subjects:
        ways.append(("user", USER_ID))
    assert ways
    for subject_type, subject_id in ways:
        running = exemption(
            kind=kind,
            subject_type=subject_type,
            subject_id=subject_id,
            created_at=AT - timedelta(days=24),
            until=end_of_day(AT + timedelta(days=days_left)),
        )
        words = shlex.split(commands.extend(running, AT))
        until = datetime.fromisoformat(words[words.index("--until") + 1]).replace(tzinfo=UTC)
        proposal = Proposal(
            owner="Ada",
            reason="Agreed anew",
            until=end_of_day(until),
            kind=kind,
            subject_type=subject_type,
            subject_id=subject_id,
        )
        assert faults_of(proposal, (running,), RULES.kinds, AT) == ()


def test_an_exception_without_kind_or_without_subject_is_extended_as_it_is() -> None:
    assert "--kind" not in commands.extend(exemption(kind=""), AT)
    of_a_kind = exemption(subject_type="", subject_id="", until=AT)
    assert commands.extend(of_a_kind, AT).startswith("python -m admin exception add --kind coverage --until")


def test_nothing_that_a_person_wrote_gets_into_a_command() -> None:
    hostile = exemption(owner='"; rm -rf / #', reason="$(reboot)", id="x; reboot", subject_id="`id`")
    for line in (commands.extend(hostile, AT), commands.end(hostile)):
        assert "reboot" not in line
        assert "rm" not in line.split()
        assert "`" not in line
    bad = entry(subject_id="u; reboot", subject_type=SubjectType.USER)
    assert "reboot" not in commands.except_finding(bad, AT)


@pytest.mark.parametrize("owner", ['a "b" c', "50% off!", "back\\slash", "new\nline", "$HOME `id`"])
def test_a_placeholder_stays_one_word_in_every_shell(owner: str) -> None:
    words = shlex.split(commands.except_finding(entry(), AT, owner=owner))
    assert words[words.index("--owner") + 2] == "--reason"
    assert not set('"\\$`%!\n') & set(words[words.index("--owner") + 1])


@pytest.mark.parametrize(("kind", "state"), BY_STATE)
def test_a_command_is_the_same_on_a_card_and_in_a_shell(kind: str, state: str) -> None:
    line = commands.except_finding(entry(kind, state), AT, owner="your name", reason="why it is agreed")
    assert plain(line, 400) == line
    assert shlex.split(line)[-1] == "why it is agreed"


@pytest.mark.parametrize("line", [commands.RELEASE, commands.DISCARD, commands.end(exemption())])
def test_the_other_commands_need_no_escape_either(line: str) -> None:
    assert plain(line) == line
