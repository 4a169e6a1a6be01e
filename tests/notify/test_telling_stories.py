"""At t, expect exactly these cards (judgement.md §6). Times are seconds of the story; a run a minute."""

from datetime import timedelta
from typing import Any

import pytest

from shared.model import Severity
from shared.notify.deciding.scene import Telling
from tests.notify.story import TENANT, Story, second

CONFIRM = 900.0
TENANT_WIDE: dict[str, Any] = {"subject_type": "tenant", "subject": TENANT}
GROUP: dict[str, Any] = {
    "subject_type": "group",
    "subject": "group-1",
    "kind": "licence-errors",
    "state": "error",
}


def test_a_user_finding_is_told_once_after_the_confirm_time_and_the_group_wait() -> None:
    story = Story()
    story.opens(0, "a")
    story.plays(3600).expect((960, "opened a uncovered"))


def test_what_opens_and_closes_within_the_confirm_time_is_never_told() -> None:
    story = Story()
    story.opens(0, "a")
    story.resolves(840, "a")
    story.plays(7200).expect()
    assert not story.table.entries


def test_a_loss_and_its_return_make_two_cards() -> None:
    story = Story()
    story.opens(0, "a")
    story.resolves(2000, "a")
    story.plays(7200).expect((960, "opened a uncovered"), (2100, "fixed a"))


@pytest.mark.parametrize("cause", ["left-reach: account-disabled", "deleted", "rule-changed", "still-broken"])
def test_only_a_licence_is_called_fixed(cause: str) -> None:
    story = Story()
    story.opens(0, "a")
    story.resolves(2000, "a", cause=cause)
    story.plays(7200).expect((960, "opened a uncovered"), (2100, "closed a"))


def test_a_tenant_finding_of_high_severity_is_told_at_once() -> None:
    story = Story()
    story.opens(0, "s1", kind="no-licence", state="missing", **TENANT_WIDE)
    story.runs(0).expect((0, "opened s1 missing"))


@pytest.mark.parametrize("severity", [Severity.MEDIUM, Severity.LOW])
def test_a_tenant_finding_of_lesser_severity_is_confirmed(severity: Severity) -> None:
    story = Story()
    story.opens(0, "s", kind="setting-needed", state="unknown", severity=severity, **TENANT_WIDE)
    story.plays(3600).expect((960, "opened s unknown"))


def test_a_group_finding_is_confirmed_whatever_its_severity() -> None:
    story = Story()
    story.opens(0, "g", **GROUP)
    story.plays(3600).expect((960, "opened g error"))


def test_a_change_is_told_when_it_has_lasted_and_differs_from_what_was_told() -> None:
    story = Story()
    story.opens(0, "a")
    story.changes(2000, "a", state="writeback-uncovered")
    story.plays(7200).expect((960, "opened a uncovered"), (2960 + 40, "changed a writeback-uncovered"))


def test_a_change_that_goes_back_is_not_told() -> None:
    story = Story()
    story.opens(0, "a")
    story.changes(2000, "a", state="writeback-uncovered")
    story.changes(2500, "a", state="uncovered")
    story.plays(7200).expect((960, "opened a uncovered"))


def test_a_change_before_the_first_telling_does_not_start_the_confirm_time_anew() -> None:
    story = Story()
    story.opens(0, "a")
    story.changes(800, "a", state="writeback-uncovered")
    story.plays(3600).expect((960, "opened a writeback-uncovered"))


def test_a_finding_that_comes_back_before_its_end_was_told_is_silent() -> None:
    story = Story(Telling(group_wait=timedelta(minutes=5), digest_every=timedelta(0)))
    story.opens(0, "a")
    story.plays(1200)
    story.resolves(1300, "a")
    story.opens(1400, "a", reopened=1)
    story.plays(7200, since=1260).expect((1200, "opened a uncovered"))


def test_a_finding_that_comes_back_after_its_end_was_told_is_told_again() -> None:
    story = Story()
    story.opens(0, "a")
    story.resolves(2000, "a")
    story.opens(4000, "a", reopened=1)
    story.plays(7200).expect((960, "opened a uncovered"), (2100, "fixed a"), (4980, "opened a uncovered"))


def test_a_finding_that_comes_back_after_an_untold_opening_waits_from_then() -> None:
    story = Story()
    story.opens(0, "a")
    story.resolves(500, "a")
    story.opens(800, "a", reopened=1)
    story.plays(3600).expect((1800, "opened a uncovered"))


def test_a_finding_that_closes_and_opens_between_two_runs_waits_from_its_last_opening() -> None:
    story = Story()
    story.opens(0, "a")
    story.resolves(830, "a")
    story.opens(838, "a", reopened=1)
    story.plays(3600).expect((1800, "opened a uncovered"))


# --- grouping -------------------------------------------------------------------------------------------


def test_five_get_a_card_each() -> None:
    story = Story()
    for name in "abcde":
        story.opens(0, name)
    story.plays(1800).expect(*((960, f"opened {name} uncovered") for name in "abcde"))


def test_six_get_one_card() -> None:
    story = Story()
    for name in "abcdef":
        story.opens(0, name)
    story.plays(1800).expect((960, "one card: 6 opened"))


def test_what_opened_changed_and_ended_together_shares_the_one_card() -> None:
    story = Story()
    for name in "abcdef":
        story.opens(0, name)
    story.plays(1200)
    for name in "abc":
        story.resolves(1500, name)
    for name in "uvw":
        story.opens(600, name)
    story.plays(1620, since=1260).expect(
        (960, "one card: 6 opened"), (1560, "one card: 3 opened, 3 resolved")
    )


def test_the_group_waits_while_more_arrives() -> None:
    story = Story()
    for number in range(6):
        story.opens(number * 50, f"n{number}")
    story.plays(3600, every=10).expect((900 + 250 + 60, "one card: 6 opened"))


def test_the_group_waits_no_longer_than_its_limit() -> None:
    story = Story()
    for number in range(30):
        story.opens(number * 50, f"n{number:02}")
    story.plays(CONFIRM + 600, every=10).expect((CONFIRM + 600, "one card: 13 opened"))


def test_a_high_tenant_finding_does_not_wait_for_the_group_nor_hurry_it() -> None:
    story = Story()
    story.opens(0, "a")
    story.opens(910, "unwell", kind="watch-unwell", state="unwell", **TENANT_WIDE)
    story.plays(1800, every=10).expect((910, "opened unwell unwell"), (960, "opened a uncovered"))


# --- the baseline ---------------------------------------------------------------------------------------


def test_nothing_is_told_before_the_first_reading_has_ended() -> None:
    story = Story(baseline_told=False)
    story.opens(0, "a", baseline=True)
    story.opens(0, "s1", kind="no-licence", state="missing", **TENANT_WIDE)
    story.plays(7200).expect()
    assert story.why("a") == story.why("s1") == "baseline"


def test_the_first_reading_ends_in_one_card_and_its_findings_count_as_told() -> None:
    story = Story(baseline_told=False, mutes=())
    for name in "abcdefg":
        story.opens(10, name, baseline=True)
    story.opens(20, "heard-by-notification")
    story.runs(30)
    story.baseline_ended_at = second(40)
    story.plays(7200, since=60).expect((60, "baseline: 8 opened"))
    assert {story.why(name) for name in "abcdefg"} == {"told"}


def test_a_first_reading_without_findings_says_so() -> None:
    story = Story(baseline_told=False)
    story.baseline_ended_at = second(0)
    story.plays(600).expect((0, "baseline: nothing"))


def test_what_opens_after_the_first_reading_follows_the_normal_way() -> None:
    story = Story(baseline_told=False)
    story.opens(0, "old", baseline=True)
    story.opens(50, "new")
    story.baseline_ended_at = second(40)
    story.plays(1800, since=60).expect((60, "baseline: 1 opened"), (50 + 900 + 70, "opened new uncovered"))


def test_what_is_fixed_after_the_baseline_card_is_told_as_fixed() -> None:
    story = Story(baseline_told=False)
    story.opens(0, "old", baseline=True)
    story.baseline_ended_at = second(40)
    story.resolves(1000, "old")
    story.plays(1800, since=60).expect((60, "baseline: 1 opened"), (1080, "fixed old"))


def test_a_line_of_the_first_reading_that_comes_late_is_told_and_not_lost() -> None:
    story = Story(baseline_told=False)
    story.baseline_ended_at = second(40)
    story.opens(100, "late", baseline=True)
    story.plays(1800, since=60).expect((60, "baseline: nothing"), (1080, "opened late uncovered"))


# --- the hold of group licensing ------------------------------------------------------------------------


def test_members_of_a_group_whose_licensing_job_runs_are_held_until_it_is_done() -> None:
    story = Story()
    story.opens(0, "a", subject="member")
    story.holds = frozenset({"member"})
    story.plays(1800)
    assert story.why("a") == "held-by-licensing"
    story.resolves(1850, "a")
    story.holds = frozenset()
    story.plays(7200, since=1860).expect()


def test_a_hold_ends_after_four_hours_and_then_the_finding_is_confirmed_and_told() -> None:
    story = Story()
    story.opens(0, "a", subject="member")
    story.holds = frozenset({"member"})
    story.plays(4 * 3600 + 1800).expect((4 * 3600 + 960, "opened a uncovered"))


def test_a_job_that_ends_leaves_the_confirm_time_to_the_licences_it_gave() -> None:
    story = Story()
    story.opens(0, "a", subject="member")
    story.holds = frozenset({"member"})
    story.plays(3600)
    story.holds = frozenset()
    story.plays(7200, since=3660).expect((3660 + 960, "opened a uncovered"))


def test_an_end_is_told_even_while_members_are_held() -> None:
    story = Story()
    story.opens(0, "a", subject="member")
    story.plays(1200)
    story.holds = frozenset({"member"})
    story.resolves(1300, "a")
    story.plays(1800, since=1260).expect((960, "opened a uncovered"), (1380, "fixed a"))
