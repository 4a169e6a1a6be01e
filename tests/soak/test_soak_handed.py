"""What people were handed: a lie about it is found, a repeat has its cause or is said to have none."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.misfortune import Attempt
from sandbox.webhook import Received
from shared.model import Severity, SubjectType
from shared.notify.entries import Entry, Heard
from shared.notify.table import Table
from shared.notify.trail import TrailLine
from tests.soak.handed import TEAMS, TICKETS, Handed, handed

START = datetime(2026, 3, 2, 8, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def event(number: int, *findings: str, transition: str = "opened") -> Received:
    rows = [
        {"id": one, "transition": transition, "state": "uncovered", "since": "t", "line": f"line of {one}"}
        for one in findings
    ]
    data = {"findings": rows, "findings_total": len(rows)}
    return Received(at(number), f"e{number}", {"type": "findings.summary", "data": data}, repeated=False)


def post(number: int, misfortune: str = "", *, taken: bool = True) -> Attempt:
    return Attempt(at(number), taken, misfortune, f"e{number}")


def sent(number: int, route: str, *findings: str) -> TrailLine:
    return TrailLine(at=at(number), event="sent", message=f"e{number}", route=route, findings=findings)


def table(*findings: str) -> Table:
    entries = [
        Entry(
            id=one,
            subject_type=SubjectType.USER,
            subject_id="u",
            kind="coverage",
            state="uncovered",
            severity=Severity.HIGH,
            fingerprint="f",
            since=START,
            changed_at=START,
            told={TICKETS: Heard(state="uncovered", fingerprint="f", at=START)},
        )
        for one in findings
    ]
    return Table(entries={one.id: one for one in entries})


def judge(
    events: list[Received],
    posts: list[Attempt],
    *,
    believed: Table | None = None,
    trail: list[TrailLine] | None = None,
    cards: list[Attempt] | None = None,
    kills: tuple[datetime, ...] = (),
    changes: dict[tuple[str, str], int] | None = None,
    held: list[str] | None = None,
) -> Handed:
    lines = trail if trail is not None else [sent(int(one.id[1:]), TICKETS) for one in events]
    knows = believed or Table()
    tried = {TICKETS: posts, TEAMS: cards or []}
    return handed(
        knows, lines, events, tried, kills, changes or {}, [*knows.entries] if held is None else held
    )


def test_what_was_sent_once_and_remembered_is_neither_lost_nor_repeated() -> None:
    found = judge(
        [event(1, "a"), event(2, "b")],
        [post(1), post(2)],
        believed=table("a", "b"),
        trail=[sent(1, TICKETS, "a"), sent(2, TICKETS, "b")],
    )
    assert (found.lost, found.repeats, found.within) == ((), (), True)


def test_a_doubled_event_without_cause_is_found() -> None:
    found = judge([event(1, "a"), event(2, "a", "b")], [post(1), post(2)])
    assert [(one.route, one.cause) for one in found.unexplained] == [(TICKETS, "")]
    assert not found.within


@pytest.mark.parametrize("misfortune", ["500, and taken", "answer lost", "hung, and taken"])
def test_a_doubled_event_after_an_ambiguous_post_has_that_for_its_cause(misfortune: str) -> None:
    found = judge([event(1, "a"), event(2, "a")], [post(1, misfortune), post(2)])
    assert [one.cause for one in found.repeats] == [f"ambiguous post: {misfortune}"]
    assert found.within


def test_a_doubled_event_after_a_kill_has_that_for_its_cause_and_a_kill_before_is_none() -> None:
    twice, posts = [event(1, "a"), event(90, "a")], [post(1), post(90)]
    assert judge(twice, posts, kills=(at(5),)).repeats[0].cause.startswith("timers killed")
    assert judge(twice, posts, kills=(at(0),)).unexplained
    assert judge(twice, posts, kills=(at(80),)).unexplained


def test_a_finding_that_went_to_and_fro_is_told_as_often_as_the_journal_says() -> None:
    thrice = [event(number, "a", transition="changed") for number in (1, 2, 3)]
    posts = [post(1), post(2), post(3)]
    assert judge(thrice, posts, changes={("a", "uncovered"): 3}).repeats == ()
    assert len(judge(thrice, posts, changes={("a", "uncovered"): 2}).unexplained) == 1


def test_what_was_said_again_because_nobody_knew_is_no_further_change() -> None:
    thrice = [event(number, "a", transition="changed") for number in (1, 2, 300)]
    for befell, kills in (("500, and taken", ()), ("", (at(1.2),))):
        posts = [post(1, befell), post(2), post(300)]
        found = judge(thrice, posts, changes={("a", "uncovered"): 2}, kills=kills)
        assert len(found.repeats) == 1, "the second, and not the third, which the journal has too"
        assert not found.unexplained
        assert judge(thrice, posts, kills=kills).unexplained


def test_a_refused_post_is_no_repeat_and_explains_none() -> None:
    found = judge([event(2, "a"), event(3, "a")], [post(1, "500", taken=False), post(2), post(3)])
    assert len(found.unexplained) == 1


def test_a_finding_that_is_believed_to_be_told_and_was_in_no_message_is_lost() -> None:
    found = judge([event(1, "a")], [post(1)], believed=table("a", "b"), trail=[sent(1, TICKETS, "a")])
    assert found.lost == ("finding b counts as told on tickets, and no message there had it",)


def test_a_message_that_counts_as_sent_and_never_came_is_lost() -> None:
    found = judge([], [], trail=[sent(1, TICKETS, "a")])
    assert len(found.lost) == 1
    found = judge([], [], trail=[sent(1, TEAMS, "a")])
    assert len(found.lost) == 1


def test_a_card_that_was_taken_and_disowned_stands_for_none_that_counts_as_sent() -> None:
    trail = [sent(1, TEAMS, "a"), sent(2, TEAMS, "b")]
    disowned = [post(1, "answer lost"), post(2)]
    assert judge([], [], trail=trail, cards=disowned).lost
    assert not judge([], [], trail=trail, cards=[*disowned, replace(post(3), id="e1")]).lost


def test_a_finding_that_the_notifier_never_learnt_of_or_holds_open_alone_is_lost() -> None:
    posted: Any = {"trail": [sent(1, TICKETS, "a")], "believed": table("a")}
    assert judge([event(1, "a")], [post(1)], held=["a"], **posted).lost == ()
    assert judge([event(1, "a")], [post(1)], held=["a", "b"], **posted).lost == (
        "finding b is open, and the notifier doesn't know of it",
    )
    assert judge([event(1, "a")], [post(1)], held=[], **posted).lost == (
        "finding a is open to the notifier only",
    )


def test_a_card_that_the_channel_had_taken_before_is_a_repeat_with_what_befell_the_first_for_its_cause() -> (
    None
):
    trail = [sent(1, TEAMS, "a")]
    second = replace(post(30), id="e1")
    found = judge([], [], trail=trail, cards=[post(1, "answer lost"), second])
    assert [one.cause for one in found.repeats] == ["ambiguous post: answer lost"]
    found = judge([], [], trail=trail, cards=[post(1), second], kills=(at(5),))
    assert [one.cause for one in found.repeats] == [f"timers killed at {at(5):%H:%M:%S}"]
    assert found.within
    assert len(judge([], [], trail=trail, cards=[post(1), second]).unexplained) == 1
    assert len(judge([], [], trail=trail, cards=[post(1), second], kills=(at(0),)).unexplained) == 1


def test_a_card_that_nothing_remembers_needs_a_cause_but_is_no_repeat() -> None:
    trail = [sent(1, TEAMS, "a")]
    assert judge([], [], trail=trail, cards=[post(1), post(2, "answer lost")]).repeats == ()
    assert judge([], [], trail=trail, cards=[post(1), post(2)], kills=(at(5),)).repeats == ()
    assert len(judge([], [], trail=trail, cards=[post(1), post(2)]).unexplained) == 1
