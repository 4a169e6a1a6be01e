"""A clock that was ahead and was set back: what it noted keeps nobody waiting for as long as it was wrong."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from shared.notify.deciding.decide import decide
from shared.notify.deciding.routing import RouteRule
from shared.notify.deciding.scene import Reading, Release, Telling
from shared.notify.deciding.set_back import set_back
from shared.notify.delivering.routes import Delivered, Failed
from shared.notify.exceptions.exemptions import Exemption
from shared.notify.messages import Message
from tests.notify.story import TENANT, Story, second

HOUR, DAY = 3600.0, 86_400.0
AHEAD = 400 * DAY
CAUSE = {"kind": "no-licence", "state": "missing", "subject_type": "tenant", "subject": TENANT}


def test_what_opened_by_that_clock_is_told_once_it_has_lasted() -> None:
    story = Story()
    story.opens(AHEAD, "a")
    story.runs(AHEAD + 60)
    story.plays(HOUR).expect((960, "opened a uncovered"))


def test_a_line_dated_later_than_it_is_read_counts_as_of_then() -> None:
    story = Story()
    story.opens_unread(AHEAD, "a", until=60)
    story.plays(HOUR).expect((1020, "opened a uncovered"))


def test_what_ended_by_that_clock_is_told() -> None:
    story = Story()
    story.opens(0, "a")
    story.plays(HOUR)
    story.resolves(AHEAD, "a")
    story.runs(AHEAD + 1)
    story.plays(2 * HOUR, since=HOUR + 60).expect((960, "opened a uncovered"), (HOUR + 120, "fixed a"))


def test_what_muted_until_then_lets_go_and_the_finding_is_told() -> None:
    story = Story()
    story.opens(0, "cause", **CAUSE)
    story.opens(60, "a")
    story.runs(120)
    story.resolves(AHEAD, "cause", cause="fixed")
    story.runs(AHEAD + 1)
    story.plays(2 * HOUR, since=HOUR)
    assert (HOUR + 960, "opened a uncovered") in story.collector.heard


def test_reminders_come_seven_days_after_the_clock_was_set_back() -> None:
    story = Story()
    story.opens(0, "a")
    story.plays(HOUR)
    story.runs(AHEAD)
    story.plays(9 * DAY, every=HOUR, since=2 * HOUR).expect(
        (960, "opened a uncovered"), (AHEAD, "reminder: 1"), (7 * DAY + 2 * HOUR, "reminder: 1")
    )


def test_a_pause_that_ended_by_that_clock_puts_no_reminder_off() -> None:
    story = Story()
    story.opens(0, "a")
    story.plays(HOUR)
    story.opens(2 * HOUR, "cause", **CAUSE)
    story.runs(2 * HOUR)
    story.resolves(AHEAD, "cause", cause="fixed")
    story.runs(AHEAD)
    story.plays(9 * DAY, every=HOUR, since=3 * HOUR)
    assert (7 * DAY + 2 * HOUR, "reminder: 1") in story.collector.heard


def test_the_digest_comes_at_its_next_time() -> None:
    story = Story(Telling())
    story.runs(AHEAD)
    story.plays(8 * DAY, every=HOUR, since=HOUR)
    # The story begins on a Monday at nine.
    assert story.collector.heard == [(AHEAD, "digest"), (7 * DAY - HOUR, "digest")]


@pytest.mark.parametrize(("retry_after", "left"), [(None, 60), (timedelta(hours=2), 2 * HOUR)])
def test_a_barred_way_is_tried_again_after_what_was_left_of_its_delay(
    retry_after: timedelta | None, left: float
) -> None:
    tries: list[datetime] = []

    def refuses_once(message: Message, at: datetime) -> Delivered | Failed:
        tries.append(at)
        return Delivered() if len(tries) > 1 else Failed(status="http-429", retry_after=retry_after)

    story = Story(route=refuses_once)
    story.opens(0, "a")
    story.runs(AHEAD)
    story.plays(4 * HOUR, since=HOUR).expect((HOUR + left, "opened a uncovered"))


def test_a_mass_change_by_that_clock_is_let_go_by_a_reading_after_it() -> None:
    story = Story()
    for number in range(60):
        story.opens(AHEAD, f"u{number}")
    story.plays(AHEAD + 1200, since=AHEAD)
    assert [words for _, words in story.collector.heard] == ["held: 60 worse"]
    story.runs(HOUR)
    story.reading = Reading(started_at=second(HOUR + 60), ended_at=second(HOUR + 600))
    story.plays(2 * HOUR, since=HOUR + 60)
    assert story.collector.heard[1:] == [(HOUR + 600, "released: 60 opened")]


@pytest.mark.parametrize(
    "dated_ahead",
    [
        {"release": Release(at=second(AHEAD), by="Ada")},
        {"reading": Reading(started_at=second(AHEAD), ended_at=second(AHEAD + 600))},
    ],
    ids=["order", "reading"],
)
def test_what_that_clock_dated_later_than_now_lets_nothing_go(dated_ahead: dict[str, Any]) -> None:
    story = Story()
    for number in range(60):
        story.opens(0, f"u{number}")
    story.plays(1200).expect((900, "held: 60 worse"))
    scene = msgspec.structs.replace(story.scene(second(1260)), **dated_ahead)
    decision = decide(story.table, story.mutes, story.telling, scene)
    assert [one.holds for one in decision.table.brakes] == [True]
    assert decision.messages == ()


def test_a_declared_change_of_that_clock_is_told() -> None:
    story = Story()
    story.runs(0)
    story.choices = {**story.choices, "writeback": "on"}
    story.settled = False
    story.runs(AHEAD)
    story.settled = True
    story.plays(2 * HOUR, since=HOUR).expect((HOUR + 960, "since your change: nothing"))


def test_a_new_route_waits_for_its_groups_no_longer() -> None:
    story = Story(baseline_told=False, routes=(RouteRule(groups=("g",)),))
    story.baseline_ended_at, story.untried = second(-60), frozenset("g")
    story.runs(AHEAD)
    story.plays(2 * HOUR, since=HOUR).expect((HOUR + 2700, "baseline: nothing"))


@pytest.mark.parametrize("fields", [{}, {"ended_at": second(AHEAD)}])
def test_an_exception_holds_from_its_agreement_and_not_after_its_end_whatever_the_clock_said(
    fields: dict[str, Any],
) -> None:
    made = Exemption(
        id="x", owner="Ada", reason="leaves", created_at=second(AHEAD - 60), until=second(2 * AHEAD), **fields
    )
    assert made.holds(second(0)) is not bool(fields)


def test_a_table_of_a_clock_that_was_right_is_the_same_object() -> None:
    story = Story()
    story.opens(0, "a")
    story.plays(HOUR)
    assert set_back(story.table, second(HOUR)) is story.table
    assert set_back(story.table, second(2 * HOUR)) is story.table
