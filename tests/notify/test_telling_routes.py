"""Several routes: who hears what, and each remembers for itself what its people were told."""

import pytest

from shared.model import Severity
from shared.notify.deciding.routing import DEFAULT, RouteRule
from shared.notify.delivering.routes import Delivered, Failed
from shared.notify.messages import Message
from shared.notify.table import RouteMemory, Table
from tests.notify.story import TENANT, Story, second

DAY = 86_400.0
TEAMS = RouteRule()
USERS = RouteRule(name="helpdesk", kinds=("coverage",))
TICKETS = RouteRule(name="tickets", type="webhook", copy=True)


def test_a_route_takes_its_kinds_and_the_default_hears_the_rest() -> None:
    story = Story(routes=(TEAMS, USERS))
    story.opens(0, "a")
    story.opens(0, "g", kind="licence-errors", state="error", subject_type="group", subject="g")
    story.plays(1200).expect((960, "helpdesk: opened a uncovered"), (960, "opened g error"))


def test_a_copy_takes_nothing_away() -> None:
    story = Story(routes=(TEAMS, TICKETS))
    story.opens(0, "a")
    story.resolves(2000, "a")
    story.plays(3000).expect(
        (960, "opened a uncovered"),
        (960, "tickets: opened a uncovered"),
        (2100, "fixed a"),
        (2100, "tickets: fixed a"),
    )


def test_a_severity_chooses_the_route() -> None:
    story = Story(routes=(TEAMS, RouteRule(name="pager", severities=("high",))))
    story.opens(0, "a", severity=Severity.HIGH)
    story.opens(0, "b", severity=Severity.LOW)
    story.plays(1200).expect((960, "pager: opened a uncovered"), (960, "opened b uncovered"))


def test_a_group_of_the_subject_chooses_the_route() -> None:
    story = Story(routes=(TEAMS, RouteRule(name="lyon", groups=("group-lyon",))))
    story.memberships = {"user-a": frozenset({"group-lyon"})}
    story.opens(0, "a")
    story.opens(0, "b")
    story.opens(0, "g", kind="licence-errors", state="error", subject_type="group", subject="group-lyon")
    story.plays(1200).expect(
        (960, "lyon: opened a uncovered"), (960, "opened b uncovered"), (960, "lyon: opened g error")
    )


def test_a_failure_on_one_route_is_no_failure_on_another() -> None:
    def route(message: Message, at: object) -> Delivered | Failed:
        failing = message.route == "tickets" and story.now < second(3000)
        return Failed(status="http-503") if failing else Delivered()

    story = Story(routes=(TEAMS, TICKETS), route=route)
    story.opens(0, "a")
    story.plays(7200)
    (late,) = [at for at, words in story.collector.heard if words.startswith("tickets")]
    assert late >= 3000
    story.expect((960, "opened a uncovered"), (late, "tickets: opened a uncovered"))


def test_what_ends_is_told_only_where_it_was_heard_of() -> None:
    def route(message: Message, at: object) -> Delivered | Failed:
        return Failed(status="http-503") if message.route == "tickets" else Delivered()

    story = Story(routes=(TEAMS, TICKETS), route=route)
    story.opens(0, "a")
    story.plays(1200)
    story.route = lambda message, at: Delivered()
    story.resolves(1210, "a")
    story.plays(3 * 3600, since=1260).expect((960, "opened a uncovered"), (1320, "fixed a"))
    assert not story.table.entries


def test_who_heard_of_it_hears_its_end_although_the_routes_changed_meanwhile() -> None:
    story = Story(routes=(TEAMS, USERS))
    story.opens(0, "a")
    story.plays(1200)
    story.routes = (TEAMS, RouteRule(name="helpdesk", kinds=("licence-errors",)))
    story.resolves(2000, "a")
    story.plays(1980, since=1260)
    story.plays(3000, since=2040)
    assert [words for _, words in story.collector.heard] == [
        "helpdesk: opened a uncovered",
        "opened a uncovered",
        "fixed a",
        "helpdesk: fixed a",
    ]


def test_a_new_route_begins_with_how_things_stand() -> None:
    story = Story()
    for name in "abcdefg":
        story.opens(0, name)
    story.plays(1200)
    story.routes = (TEAMS, TICKETS)
    story.plays(3600, since=1260).expect((960, "one card: 7 opened"), (1260, "tickets: baseline: 7 opened"))


def test_a_route_that_is_gone_holds_nothing_back() -> None:
    story = Story(routes=(TEAMS, USERS))
    story.opens(0, "a")
    story.plays(1200)
    story.routes = (TEAMS,)
    story.resolves(1210, "a")
    story.plays(3600, since=1260).expect((960, "helpdesk: opened a uncovered"))
    assert not story.table.entries


@pytest.mark.parametrize("route", [DEFAULT, "tickets"])
def test_many_at_once_are_held_and_released_on_every_route(route: str) -> None:
    story = Story(routes=(TEAMS, TICKETS), users=100)
    for number in range(12):
        story.opens(0, f"n{number:02}")
    story.release_at(1500)
    story.plays(3600)
    heard = [words.removeprefix("tickets: ") for _, words in story.collector.heard
             if words.startswith("tickets") == (route == "tickets")]  # fmt: skip
    assert heard == ["held: 12 worse", "released: 12 opened"]


def test_the_worst_of_the_tenant_goes_to_its_route_at_once() -> None:
    story = Story(routes=(TEAMS, RouteRule(name="boss", kinds=("no-licence",), copy=True)))
    story.opens(0, "s", kind="no-licence", state="missing", subject_type="tenant", subject=TENANT)
    story.runs(0).expect((0, "opened s missing"), (0, "boss: opened s missing"))


def test_a_new_route_for_a_group_begins_once_its_members_were_asked_for() -> None:
    story = Story()
    for name in "abcdef":
        story.opens(0, name)
    story.plays(1200)
    story.routes, story.untried = (TEAMS, RouteRule(name="desk", groups=("g",))), frozenset({"g"})
    story.plays(1500, since=1260)
    story.memberships = {f"user-{name}": frozenset({"g"}) for name in "abcd"}
    story.untried = frozenset()
    story.plays(3600, since=1560).expect((960, "one card: 6 opened"), (1560, "desk: baseline: 4 opened"))


def test_a_group_of_a_new_route_that_cannot_be_read_does_not_keep_it_silent() -> None:
    story = Story(routes=(TEAMS, RouteRule(name="desk", groups=("g",), kinds=("coverage",))))
    story.table = Table(routes={DEFAULT: RouteMemory(baseline_told_at=second(-3600))})
    story.plays(600).expect((0, "desk: baseline: nothing"))


def desk_waits() -> Story:
    """A new route for a group that nobody has tried to read; the group's own licences fail."""
    story = Story()
    story.routes, story.untried = (TEAMS, RouteRule(name="desk", groups=("g",))), frozenset({"g"})
    story.opens(0, "x", kind="licence-errors", state="error", subject_type="group", subject="g")
    return story


def test_while_a_route_waits_for_its_group_the_default_hears_of_the_group_itself() -> None:
    desk_waits().plays(2400).expect((960, "opened x error"))


def test_a_route_begins_although_its_group_is_never_read() -> None:
    story = desk_waits()
    story.plays(3600).expect((960, "opened x error"), (2700, "desk: baseline: 1 opened"))
    story.opens(3660, "y", kind="licence-errors", state="error", subject_type="group", subject="g")
    story.resolves(5400, "x", cause="fixed")
    story.plays(6000, since=3660)
    assert {words for at, words in story.collector.heard if at > 3600} == {
        "desk: opened y error",
        "desk: fixed x",
        "fixed x",
    }


def test_the_wait_for_a_group_begins_when_the_first_reading_of_all_users_has_ended() -> None:
    story = Story(baseline_told=False)
    story.routes, story.untried = (TEAMS, RouteRule(name="desk", groups=("g",))), frozenset({"g"})
    story.plays(7200)
    story.baseline_ended_at = second(7260)
    story.plays(7260 + 3600, since=7260).expect(
        (7260, "baseline: nothing"), (7260 + 2700, "desk: baseline: nothing")
    )


def test_a_group_that_is_added_to_a_route_keeps_it_waiting_for_nothing() -> None:
    story = Story(routes=(TEAMS, RouteRule(name="desk", groups=("g", "h"))))
    story.untried = frozenset({"h"})
    story.opens(0, "x", kind="licence-errors", state="error", subject_type="group", subject="g")
    story.plays(1200).expect((960, "desk: opened x error"))
