"""Over days and weeks: reminders, findings that come and go, the digest, silence that has an end."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model import Severity
from shared.notify.deciding.digest import next_due
from shared.notify.deciding.routing import RouteRule
from shared.notify.deciding.scene import Reading, Telling
from shared.notify.delivering.routes import Delivered, Failed
from shared.notify.exceptions.exemptions import Exemption
from shared.notify.messages import DIGEST, REMINDER, Digest, Message
from tests.notify.story import TENANT, Story, second

HOUR, DAY = 3600.0, 86_400.0
WITH_DIGEST = Telling()


def digests(story: Story) -> list[Digest]:
    """The digests of the last run."""
    return [one.about for one in story.decision.messages if isinstance(one.about, Digest)]


def test_the_reminder_comes_after_seven_days_and_not_before() -> None:
    story = Story()
    story.opens(0, "a")
    story.plays(1200)
    story.plays(7 * DAY + 900, every=60, since=7 * DAY - HOUR).expect((960, "opened a uncovered"))
    story.runs(7 * DAY + 960).expect((960, "opened a uncovered"), (7 * DAY + 960, "reminder: 1"))


def test_reminders_go_on_every_seven_days_until_it_is_over() -> None:
    story = Story()
    story.opens(0, "a")
    story.resolves(20 * DAY, "a")
    story.plays(30 * DAY, every=HOUR).expect(
        (HOUR, "opened a uncovered"),
        (7 * DAY + HOUR, "reminder: 1"),
        (14 * DAY + HOUR, "reminder: 1"),
        (20 * DAY + HOUR, "fixed a"),
    )


def test_what_is_due_within_a_day_shares_a_card() -> None:
    story = Story()
    for number in range(8):
        story.opens(number * 2 * HOUR, f"n{number}")
    story.plays(DAY, every=HOUR)
    told = len(story.collector.heard)
    story.plays(9 * DAY, every=HOUR, since=DAY + HOUR)
    assert [words for _, words in story.collector.heard[told:]] == ["reminder: 1", "reminder: 7"]


def test_the_clock_of_the_reminders_stands_still_while_a_cause_mutes() -> None:
    story = Story()
    story.opens(0, "a")
    cause = {"kind": "no-licence", "state": "missing", "subject_type": "tenant", "subject": TENANT}
    story.opens(2 * DAY, "cause", **cause)
    story.resolves(5 * DAY, "cause", cause="fixed")
    story.plays(11 * DAY, every=HOUR).expect(
        (HOUR, "opened a uncovered"),
        (2 * DAY, "opened cause missing"),
        (5 * DAY + HOUR, "fixed cause"),
        (10 * DAY + HOUR, "reminder: 1"),
    )


def test_a_route_that_first_hears_of_it_while_it_is_muted_is_reminded_seven_days_after_that_ends() -> None:
    story = Story()
    cause = {"kind": "no-licence", "state": "missing", "subject_type": "tenant", "subject": TENANT}
    story.opens(0, "cause", **cause)
    story.opens(60, "a")
    story.plays(50 * DAY, every=HOUR)
    story.routes = (RouteRule(), RouteRule(name="new", copy=True))
    story.resolves(60 * DAY, "cause", cause="fixed")
    story.plays(70 * DAY, every=HOUR, since=50 * DAY + HOUR)
    heard = [card for card in story.collector.heard if "reminder" in card[1] and card[0] > 58 * DAY]
    # That route stood still until day 60; the other first heard of it an hour later.
    assert heard == [(67 * DAY, "new: reminder: 1"), (67 * DAY + HOUR, "reminder: 1")]


def test_a_joiner_licensed_late_is_told_once_and_fixed_once() -> None:
    story = Story()
    story.opens(0, "a")
    story.resolves(2 * DAY, "a")
    story.plays(10 * DAY, every=60 * 10).expect((1200, "opened a uncovered"), (2 * DAY + 600, "fixed a"))


# --- comes and goes ---------------------------------------------------------------------------------------


def weekly_leave(story: Story, weeks: int) -> None:
    """Every Friday evening the licence goes, on Monday morning it is back."""
    for week in range(weeks):
        begins = week * 7 * DAY + 4 * DAY
        story.opens(begins, "a", reopened=week)
        story.resolves(begins + 2.5 * DAY, "a")


def test_a_weekly_leave_of_absence_is_told_twice_and_from_then_on_a_line_of_the_digest() -> None:
    story = Story()
    weekly_leave(story, 6)
    story.plays(45 * DAY, every=HOUR)
    assert [words for _, words in story.collector.heard] == ["opened a uncovered", "fixed a"] * 2


def test_the_digest_names_what_comes_and_goes() -> None:
    story = Story(Telling(digest_every=timedelta(days=1)))
    weekly_leave(story, 3)
    story.plays(18 * DAY + 2 * HOUR, every=HOUR)
    assert story.why("a") == "flapping"
    (about,) = digests(story.runs(19 * DAY))
    assert [entry.id for entry in about.flapping] == ["a"]
    assert about.quiet == {"flapping": 1}


def test_what_comes_and_goes_is_told_once_it_stays() -> None:
    story = Story()
    story.opens(0, "a", reopened=3)
    story.plays(8 * DAY, every=HOUR).expect((7 * DAY, "opened a uncovered"))


def test_the_tenants_worst_is_told_as_soon_as_it_lasts_however_often_it_came_back() -> None:
    story = Story()
    story.opens(0, "s", kind="no-licence", state="missing", subject_type="tenant", subject=TENANT, reopened=4)
    story.plays(HOUR).expect((900, "opened s missing"))


# --- the digest ---------------------------------------------------------------------------------------------


def test_a_digest_comes_every_monday_at_eight_also_when_there_is_nothing_to_say() -> None:
    # The story begins on a Monday at nine.
    story = Story(WITH_DIGEST)
    story.plays(22 * DAY, every=HOUR).expect(
        (7 * DAY - HOUR, "digest"), (14 * DAY - HOUR, "digest"), (21 * DAY - HOUR, "digest")
    )


def test_the_digest_names_when_the_next_is_due() -> None:
    story = Story(WITH_DIGEST)
    (about,) = digests(story.runs(7 * DAY - HOUR))
    assert about.next_due == second(14 * DAY - HOUR)
    assert about.quiet_week


def test_the_digest_counts_what_was_told_since_the_last_and_what_stands() -> None:
    story = Story(WITH_DIGEST)
    story.reading = Reading(started_at=second(-7200), ended_at=second(-3600))
    story.opens(0, "a")
    story.opens(0, "b")
    story.resolves(DAY, "b")
    story.opens(2 * DAY, "c", kind="licence-errors", state="error", subject_type="group", subject="g")
    story.opens(2 * DAY, "d", severity=Severity.LOW)
    story.holds = frozenset({"user-d"})
    story.plays(7 * DAY - 2 * HOUR, every=HOUR)
    story.opens(7 * DAY - HOUR - 60, "late")
    (about,) = digests(story.runs(7 * DAY - HOUR))
    assert about.opened == {"coverage: uncovered": 3, "licence-errors: error": 1}
    assert about.resolved == {"coverage: uncovered": 1}
    assert about.open == {"coverage: uncovered": 2, "licence-errors: error": 1}
    assert about.swept_at == second(-3600)
    assert not about.quiet_week
    story.plays(14 * DAY - 2 * HOUR, every=HOUR, since=7 * DAY)
    (after,) = digests(story.runs(14 * DAY - HOUR))
    assert after.opened == {"coverage: uncovered": 1}
    assert after.resolved == {}
    assert after.since == second(7 * DAY - HOUR)


def test_what_was_told_and_is_excepted_now_counts_once_as_not_told() -> None:
    story = Story(WITH_DIGEST)
    story.opens(0, "a")
    story.plays(2 * HOUR, every=HOUR)
    story.exemptions = (
        Exemption(id="x", owner="Ada", reason="leaves", created_at=second(3 * HOUR), until=second(90 * DAY),
                  subject_type="user", subject_id="user-a"),
    )  # fmt: skip
    story.plays(7 * DAY - 2 * HOUR, every=HOUR, since=3 * HOUR)
    (about,) = digests(story.runs(7 * DAY - HOUR))
    assert (about.open, about.quiet) == ({}, {"excepted": 1})


def test_the_digest_says_why_what_stands_is_not_told() -> None:
    story = Story(WITH_DIGEST)
    story.opens(0, "s", kind="no-licence", state="missing", subject_type="tenant", subject=TENANT)
    for name in "abc":
        story.opens(0, name)
    story.plays(7 * DAY - 2 * HOUR, every=HOUR)
    (about,) = digests(story.runs(7 * DAY - HOUR))
    assert about.quiet == {"muted-by:no-licence": 3}
    assert about.open == {"no-licence: missing": 1}


def test_seats_are_in_the_digest_even_if_muted() -> None:
    story = Story(WITH_DIGEST)
    story.opens(0, "a")
    story.opens(
        0,
        "s",
        kind="seats-short",
        state="short",
        subject_type="tenant",
        subject=TENANT,
        severity=Severity.MEDIUM,
    )
    story.plays(7 * DAY - 2 * HOUR, every=HOUR).expect((HOUR, "opened a uncovered"))
    (about,) = digests(story.runs(7 * DAY - HOUR))
    assert [entry.id for entry in about.seats] == ["s"]


def test_a_flow_that_died_silently_shows_by_the_digest_that_does_not_come() -> None:
    """Workflows answers 202 and posts nothing. The watch can't know; the last digest said when one is due."""
    story = Story(WITH_DIGEST)
    (about,) = digests(story.runs(7 * DAY - HOUR))
    assert about.next_due - second(7 * DAY - HOUR) == timedelta(days=7)
    assert story.table.route("teams").handed_at == second(7 * DAY - HOUR)


def test_no_digest_where_none_is_wanted() -> None:
    story = Story(Telling(digest_every=timedelta(0)))
    story.plays(30 * DAY, every=HOUR).expect()


def test_a_digest_that_fails_is_tried_again() -> None:
    story = Story(
        WITH_DIGEST,
        route=lambda message, at: Failed(status="http-500") if at < second(7 * DAY) else Delivered(),
    )
    story.plays(8 * DAY, every=HOUR / 2)
    assert [words for _, words in story.collector.heard] == ["digest"]


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds
    st.sampled_from([timedelta(days=7), timedelta(days=1), timedelta(hours=6), timedelta(seconds=30)]),
    st.timedeltas(timedelta(0), timedelta(days=6)),
)
def test_the_next_digest_is_later_and_no_further_than_one_interval(
    after: datetime, every: timedelta, at: timedelta
) -> None:
    due = next_due(after, Telling(digest_every=every, digest_at=at))
    assert due is not None
    assert after < due <= after + every


def test_monday_at_eight_is_monday_at_eight() -> None:
    due = next_due(second(0), WITH_DIGEST)
    assert due == datetime(2026, 3, 9, 8, 0, tzinfo=UTC)
    assert due.strftime("%A") == "Monday"


@pytest.mark.parametrize("crash_at", [960.0, 7 * DAY - HOUR, 7 * DAY + HOUR])
def test_a_crash_repeats_at_most_and_loses_nothing(crash_at: float) -> None:
    story = Story(WITH_DIGEST)
    story.opens(0, "a")
    for at in (960.0, 7 * DAY - HOUR, 7 * DAY + HOUR, 7 * DAY + 2 * HOUR, 14 * DAY):
        story.runs(at, crash=at == crash_at)
    assert {words for _, words in story.collector.heard} >= {"digest", "reminder: 1"}
    assert any(words.endswith("a uncovered") for _, words in story.collector.heard)
    assert DIGEST in [words for _, words in story.collector.heard]


def test_a_reminder_whose_answer_was_lost_comes_again_as_a_reminder_and_not_as_a_change() -> None:
    def route(message: Message, at: datetime) -> Delivered | Failed:
        lost = message.form == REMINDER and at < second(7 * DAY + 1000)
        return Failed(status="timeout", certain=False) if lost else Delivered()

    story = Story(route=route)
    story.opens(0, "a")
    story.plays(8 * DAY, every=60).expect((960, "opened a uncovered"), (7 * DAY + 1020, "reminder: 1"))


def test_a_reminder_that_was_sent_before_a_crash_comes_again_as_a_reminder() -> None:
    story = Story()
    story.opens(0, "a")
    story.plays(7 * DAY + 900).runs(7 * DAY + 960, crash=True)
    story.plays(8 * DAY, since=7 * DAY + 1020).expect(
        (960, "opened a uncovered"), (7 * DAY + 960, "reminder: 1"), (7 * DAY + 1020, "reminder: 1")
    )


def test_what_was_discarded_is_reminded_of_a_week_later_however_long_it_was_muted_before() -> None:
    """The clock stood still before the order; what counts as told by order is told then."""
    story = Story(users=100)
    story.opens(-1, "cause", kind="no-licence", state="missing", subject_type="tenant", subject=TENANT)
    for number in range(11):
        story.opens(0, f"n{number:02}")
    story.resolves(3 * DAY, "cause", cause="fixed")
    for number in range(11):
        story.changes(3 * DAY, f"n{number:02}", fingerprint="otherwise")
    story.release_at(3 * DAY + 600, discard=True)
    story.plays(11 * DAY, every=600)
    assert story.collector.heard[2:] == [(10 * DAY + 600, "reminder: 11")]
