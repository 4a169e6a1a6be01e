"""Failed hand-overs, crashes, and answers that got lost: a card may come twice, and never goes missing."""

import itertools
from datetime import datetime, timedelta

import pytest

from shared.notify.deciding import handover
from shared.notify.deciding.decide import decide
from shared.notify.deciding.routing import DEFAULT, RouteRule
from shared.notify.delivering.routes import Delivered, Failed
from shared.notify.messages import Message
from tests.notify.story import Route, Story, second


def fails_until(end: float, failure: Failed) -> Route:
    """A route that fails in one way until that second."""

    def post(message: Message, at: datetime) -> Delivered | Failed:
        return failure if at < second(end) else Delivered()

    return post


def attempts(route: Route) -> tuple[Route, list[float]]:
    """The route, and the seconds at which it was tried."""
    tried: list[float] = []

    def post(message: Message, at: datetime) -> Delivered | Failed:
        tried.append((at - second(0)).total_seconds())
        return route(message, at)

    return post, tried


def test_a_failed_hand_over_is_tried_again_after_a_minute_doubling_to_an_hour_and_then_hourly() -> None:
    route, tried = attempts(fails_until(10**9, Failed(status="http-500")))
    story = Story(route=route)
    story.opens(0, "a")
    story.plays(30 * 3600, every=20, since=960).expect()
    gaps = [round(b - a) for a, b in itertools.pairwise(tried)]
    assert gaps[:7] == [60, 120, 240, 480, 960, 1920, 3600]
    assert set(gaps[7:]) == {3600}
    assert len(gaps) > 24


def test_what_the_receiver_asks_for_is_honoured_to_the_fraction() -> None:
    route, tried = attempts(fails_until(960.5, Failed(status="http-429", retry_after=timedelta(seconds=2.5))))
    story = Story(route=route)
    story.opens(0, "a")
    story.plays(970, every=0.5, since=960)
    assert tried == [960, 962.5]


def test_a_receiver_that_asks_for_quiet_gets_it_from_every_message() -> None:
    route, tried = attempts(fails_until(960.5, Failed(status="http-429", retry_after=timedelta(minutes=10))))
    story = Story(route=route)
    story.opens(0, "a")
    story.opens(120, "b")
    story.plays(1560, since=960)
    assert tried == [960, 1560, 1560]
    story.expect((1560, "opened a uncovered"), (1560, "opened b uncovered"))


def test_one_failed_message_does_not_keep_the_others() -> None:
    def refuses_a(message: Message, at: datetime) -> Delivered | Failed:
        return Failed(status="http-400", route=False) if message.items[0].entry.id == "a" else Delivered()

    story = Story(route=refuses_a)
    story.opens(0, "a")
    story.opens(0, "b")
    story.plays(990, every=30).expect((960, "opened b uncovered"))
    assert story.why("a") == "handover-delayed"


def test_what_failed_is_netted_again_before_the_next_attempt() -> None:
    story = Story(route=fails_until(3000, Failed(status="http-503")))
    story.opens(0, "a")
    story.resolves(1500, "a")
    story.plays(7200).expect()


def test_what_failed_is_grouped_again_at_the_next_attempt() -> None:
    story = Story(route=fails_until(1000, Failed(status="unreachable")))
    for name in "abc":
        story.opens(0, name)
    for name in "def":
        story.opens(60, name)
    story.runs(960).plays(3600, since=1080).expect((1080, "one card: 6 opened"))


def test_the_next_card_that_gets_through_says_since_when_earlier_ones_failed() -> None:
    story = Story(route=fails_until(1000, Failed(status="unreachable")))
    story.opens(0, "a")
    story.runs(960)
    story.runs(1020)
    assert [message.late_since for message in story.decision.messages] == [second(960)]
    assert not story.table.handovers
    story.opens(1030, "b")
    story.runs(1990)
    assert [message.late_since for message in story.decision.messages] == [None]


def test_only_the_first_card_of_a_run_mentions_what_failed_for_others() -> None:
    story = Story(route=fails_until(1000, Failed(status="unreachable")))
    story.opens(0, "a")
    story.runs(960)
    story.resolves(970, "a")
    story.opens(100, "b")
    story.opens(100, "c")
    story.runs(1080)
    assert [message.late_since for message in story.decision.messages] == [second(960), None]


def test_no_receiver_is_obeyed_for_longer_than_a_day() -> None:
    story = Story(route=fails_until(10**9, Failed(status="http-429", retry_after=timedelta(days=400))))
    story.opens(0, "a")
    story.runs(960)
    assert story.table.handovers[0].not_before == second(960 + 86_400)


def test_a_failure_whose_findings_are_gone_is_still_mentioned_once() -> None:
    story = Story(route=fails_until(1000, Failed(status="http-503")))
    story.opens(0, "a")
    story.runs(960)
    story.resolves(980, "a")
    story.opens(990, "b")
    notes: list[datetime | None] = []
    for at in range(1020, 4000, 60):
        story.runs(at)
        notes += [message.late_since for message in story.decision.messages]
    story.expect((1980, "opened b uncovered"))
    assert notes == [second(960)]
    assert not story.table.handovers


def test_a_hand_over_counts_as_failing_after_a_day() -> None:
    story = Story(route=fails_until(10**9, Failed(status="http-403")))
    story.opens(0, "a")
    story.plays(26 * 3600, every=600)
    assert not handover.failing(story.table, second(960 + 23 * 3600))
    (one,) = handover.failing(story.table, second(960 + 24 * 3600 + 600))
    assert one.status == "http-403"
    assert one.attempts > 24


def test_a_crash_after_sending_repeats_the_card_and_loses_none() -> None:
    story = Story()
    story.opens(0, "a")
    story.runs(960, crash=True).runs(1020).runs(1080)
    story.expect((960, "opened a uncovered"), (1020, "opened a uncovered"))


def test_the_end_of_what_was_sent_before_a_crash_is_told() -> None:
    story = Story()
    story.opens(0, "a")
    story.runs(960, crash=True)
    story.resolves(970, "a")
    story.plays(3600, since=1020).expect((960, "opened a uncovered"), (1080, "fixed a"))


def test_an_answer_that_got_lost_makes_the_end_worth_telling() -> None:
    def loses_answers(message: Message, at: datetime) -> Delivered | Failed:
        return Failed(status="timeout", certain=False) if at < second(1000) else Delivered()

    story = Story(route=loses_answers)
    story.opens(0, "a")
    story.runs(960)
    story.resolves(970, "a")
    story.plays(3600, since=1080).expect((1080, "fixed a"))


def test_a_refusal_leaves_nothing_to_take_back() -> None:
    story = Story(route=fails_until(1000, Failed(status="http-400", certain=True)))
    story.opens(0, "a")
    story.runs(960)
    assert not story.table.entries["a"].doubt
    story.resolves(970, "a")
    story.plays(3600, since=1080).expect()


def test_a_lost_answer_is_not_forgotten_by_a_later_refusal() -> None:
    def first_lost_then_refused(message: Message, at: datetime) -> Delivered | Failed:
        return Failed(status="timeout", certain=False) if at < second(1000) else Failed(status="http-400")

    story = Story(route=first_lost_then_refused)
    story.opens(0, "a")
    story.runs(960).runs(1080)
    assert story.table.entries["a"].doubt[DEFAULT].at == second(960)


def test_after_a_change_whose_answer_got_lost_the_change_back_is_told() -> None:
    def loses_the_change(message: Message, at: datetime) -> Delivered | Failed:
        lost = second(3000) <= at < second(3100)
        return Failed(status="timeout", certain=False) if lost else Delivered()

    story = Story(route=loses_the_change)
    story.opens(0, "a")
    story.changes(2000, "a", state="writeback-uncovered")
    story.plays(3060)
    story.changes(3080, "a", state="uncovered")
    story.plays(7200, since=3120).expect((960, "opened a uncovered"), (4080, "changed a uncovered"))


def test_a_failed_baseline_card_holds_everything_back_and_is_tried_again() -> None:
    story = Story(baseline_told=False, route=fails_until(100, Failed(status="http-500")))
    story.opens(0, "old", baseline=True)
    story.opens(70, "s1", kind="no-licence", state="missing", subject_type="tenant", subject="t")
    story.baseline_ended_at = second(50)
    story.runs(60)
    story.runs(90)
    assert story.why("s1") == "baseline"
    assert story.why("old") == "handover-delayed"
    story.plays(300, since=120).expect((120, "baseline: 1 opened"), (180, "opened s1 missing"))


@pytest.mark.parametrize("crash", [False, True])
def test_the_key_of_a_message_is_the_same_after_a_restart(crash: bool) -> None:
    story = Story(route=fails_until(1000, Failed(status="unreachable")))
    for name in "abcdef":
        story.opens(0, name)
    story.runs(960, crash=crash)
    (first,) = story.decision.messages
    again = decide(story.table, story.mutes, story.telling, story.scene(second(1080)))
    assert [message.key for message in again.messages] == [first.key]


def test_a_route_that_takes_nothing_for_weeks_does_not_fill_the_memory_with_what_is_over() -> None:
    story = Story(
        routes=(RouteRule(), RouteRule(name="desk", copy=True)),
        route=lambda message, at: Failed(status="http-410") if message.route == "desk" else Delivered(),
    )
    for number in range(50):
        story.opens(number * 7200, f"f{number}")
        story.resolves(number * 7200 + 3600, f"f{number}")
    story.plays(50 * 7200, every=300)
    (left,) = story.table.handovers
    assert (left.route, left.items) == ("desk", ())
    assert left.failed_at < second(7200), "the next that gets through says since when"
    story.routes = (RouteRule(),)
    story.runs(51 * 7200)
    assert not story.table.handovers, "a route that was removed is forgotten"
