"""The table of situations: it decides every situation, and there is one story for each of its rows."""

import itertools
from collections.abc import Callable
from datetime import timedelta

import pytest

from shared.notify.deciding.scene import Telling
from shared.notify.deciding.states import ROWS, Held, Pending, Reason, Say, Situation, Told, row_of
from shared.notify.delivering.routes import Delivered, Failed
from shared.notify.exceptions.exemptions import Exemption
from shared.notify.messages import REMINDER
from tests.notify.story import TENANT, Story, second

SITUATIONS = [
    Situation(told, opened, muted, excepted, held, pending)
    for told, opened, muted, excepted, held, pending in itertools.product(
        Told, (True, False), (True, False), (True, False), Held, Pending
    )
]

CAUSE = {"kind": "no-licence", "state": "missing", "subject_type": "tenant", "subject": TENANT}
DAY = 86_400.0


def of_user_a(until: float = 10 * DAY) -> Exemption:
    """An exception for the user of finding `a`."""
    return Exemption(
        id="x",
        owner="Ada",
        reason="leaves soon",
        created_at=second(-60),
        until=second(until),
        subject_type="user",
        subject_id="user-a",
    )


def over_and_never_heard_of() -> Story:
    story = Story()
    story.opens(0, "a")
    story.resolves(300, "a")
    story.plays(3600).expect()
    return story


def over_one_of_many_at_once() -> Story:
    story = Story(users=100)
    for number in range(12):
        story.opens(0, f"n{number:02}")
        story.resolves(5000, f"n{number:02}")
    story.release_at(2000)
    story.plays(5100).expect((900, "held: 12 worse"), (2040, "released: 12 opened"))
    return story


def over_by_a_declared_change() -> Story:
    story = Story()
    story.opens(0, "a")
    story.plays(1800)
    story.choices, story.settled = {**story.choices, "edition": "2025-03-04"}, False
    story.resolves(1820, "a", cause="rule-changed")
    story.plays(3600, since=1860).expect((960, "opened a uncovered"))
    return story


def over_and_the_way_is_barred() -> Story:
    story = Story(route=lambda message, at: Delivered() if at < second(1000) else Failed(status="http-500"))
    story.opens(0, "a")
    story.resolves(1500, "a")
    story.plays(1590, every=30).expect((960, "opened a uncovered"))
    return story


def over_others_may_follow() -> Story:
    story = Story(Telling(group_wait=timedelta(minutes=5), digest_every=timedelta(0)))
    story.opens(0, "a")
    story.resolves(1500, "a")
    story.plays(1620).expect((1200, "opened a uncovered"))
    return story


def over() -> Story:
    story = Story()
    story.opens(0, "a")
    story.resolves(1500, "a")
    story.plays(1560).expect((960, "opened a uncovered"), (1560, "fixed a"))
    return story


def explained_by_its_cause() -> Story:
    story = Story()
    story.opens(0, "a")
    story.opens(0, "cause", **CAUSE)
    story.plays(3600).expect((0, "opened cause missing"))
    return story


def agreed_not_to_be_told() -> Story:
    story = Story()
    story.exemptions = (of_user_a(),)
    story.opens(0, "a")
    story.plays(DAY, every=600).expect()
    return story


def told_long_ago() -> Story:
    story = Story()
    story.opens(0, "a")
    story.plays(1200)
    story.plays(7 * DAY + 960, every=DAY, since=960 + DAY)
    story.expect((960, "opened a uncovered"), (7 * DAY + 960, "reminder: 1"))
    return story


def told() -> Story:
    story = Story()
    story.opens(0, "a")
    story.plays(1200)
    story.plays(7 * DAY, every=3600, since=1260).expect((960, "opened a uncovered"))
    return story


def a_licensing_job_runs() -> Story:
    story = Story()
    story.holds = frozenset({"user-a"})
    story.opens(0, "a")
    story.plays(4 * 3600 - 60).expect()
    return story


def one_of_many_at_once() -> Story:
    story = Story(users=100)
    for number in range(11):
        story.opens(0, f"n{number:02}")
    story.plays(3600).expect((900, "held: 11 worse"))
    return story


def by_a_declared_change() -> Story:
    story = Story()
    story.plays(60)
    story.choices, story.settled = {**story.choices, "writeback": "on"}, False
    story.opens(80, "a")
    story.plays(DAY, every=600, since=120).expect()
    return story


def comes_and_goes() -> Story:
    story = Story()
    story.opens(0, "a", reopened=2)
    story.plays(6 * DAY, every=3600).expect()
    return story


def may_go_away_by_itself() -> Story:
    story = Story()
    story.opens(0, "a")
    story.plays(840).expect()
    return story


def the_way_is_barred() -> Story:
    story = Story(route=lambda message, at: Failed(status="http-500"))
    story.opens(0, "a")
    story.plays(990, every=30).expect()
    return story


def others_may_follow() -> Story:
    story = Story(Telling(group_wait=timedelta(minutes=5), digest_every=timedelta(0)))
    story.opens(0, "a")
    story.plays(1140).expect()
    return story


def new() -> Story:
    story = Story()
    story.opens(0, "a")
    story.plays(960).expect((960, "opened a uncovered"))
    return story


def otherwise_than_told() -> Story:
    story = Story()
    story.opens(0, "a")
    story.changes(2000, "a", state="writeback-uncovered")
    story.plays(3000).expect((960, "opened a uncovered"), (3000, "changed a writeback-uncovered"))
    return story


STORIES: dict[str, Callable[[], Story]] = {
    "over and never heard of": over_and_never_heard_of,
    "over, one of many at once": over_one_of_many_at_once,
    "over by a declared change": over_by_a_declared_change,
    "over, and the way is barred": over_and_the_way_is_barred,
    "over, others may follow": over_others_may_follow,
    "over": over,
    "explained by its cause": explained_by_its_cause,
    "agreed not to be told": agreed_not_to_be_told,
    "told long ago": told_long_ago,
    "told": told,
    "a licensing job runs": a_licensing_job_runs,
    "one of many at once": one_of_many_at_once,
    "by a declared change": by_a_declared_change,
    "comes and goes": comes_and_goes,
    "may go away by itself": may_go_away_by_itself,
    "the way is barred": the_way_is_barred,
    "others may follow": others_may_follow,
    "new": new,
    "otherwise than told": otherwise_than_told,
}


def test_every_row_has_its_story() -> None:
    assert list(STORIES) == [row.name for row in ROWS]


@pytest.mark.parametrize("name", STORIES)
def test_the_story_of_each_row_ends_as_the_row_says(name: str) -> None:
    (row,) = (row for row in ROWS if row.name == name)
    story = STORIES[name]()
    finding = "a" if "many" not in name else "n00"
    entry = story.table.entries.get(finding)
    if row.outcome is Reason.NETTED:
        assert entry is None
    elif isinstance(row.outcome, Reason):
        assert story.why(finding).partition(":")[0] == row.outcome
        assert entry is not None
        assert entry.open == row.open
    else:
        assert story.said(finding) == [REMINDER if row.outcome is Say.REMIND else row.outcome]


def test_every_situation_has_a_row_and_every_row_a_situation() -> None:
    assert {row_of(situation).name for situation in SITUATIONS} == {row.name for row in ROWS}


def test_whoever_heard_that_it_broke_hears_that_it_ended_whatever_mutes_or_excepts_it() -> None:
    ends = [one for one in SITUATIONS if not one.open and one.told is not Told.NEVER]
    free = [one for one in ends if one.held in (Held.NO, Held.LICENSING)]
    assert {row_of(one).outcome for one in free if one.pending not in (Pending.DELAYED, Pending.WAITING)} == {
        Say.RESOLVED
    }


def test_nothing_muted_or_excepted_is_ever_said_while_it_stands() -> None:
    quiet = [one for one in SITUATIONS if one.open and (one.muted or one.excepted)]
    assert {row_of(one).outcome for one in quiet} == {Reason.MUTED, Reason.EXCEPTED}
