"""Exceptions cover, warn and end; they change the telling and nothing else."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.notify.deciding.scene import Telling
from shared.notify.delivering.routes import Delivered, Failed
from shared.notify.exceptions.exemptions import Exemption
from shared.notify.messages import DIGEST, ENDED, ENDING, Digest, Message
from tests.notify.story import TENANT, Story, second

DAY = 86_400.0


def agreed(name: str = "x", until: float = 30 * DAY, since: float = -60, **fields: Any) -> Exemption:
    """An exception; for the user of finding `a` unless said otherwise."""
    subject = {"subject_type": "user", "subject_id": "user-a"}
    return Exemption(
        id=name,
        owner="Ada",
        reason="leaves soon",
        created_at=second(since),
        until=second(until),
        **{**subject, **fields},
    )


def refusing_thrice(form: str, tries: list[str]) -> Callable[[Message, datetime], Delivered | Failed]:
    """A route that takes everything but the first three cards of that form, which `tries` counts."""

    def route(message: Message, at: datetime) -> Delivered | Failed:
        if message.form != form or len(tries) == 3:
            return Delivered()
        tries.append(form)
        return Failed(status="http-500")

    return route


def test_an_exception_covers_warns_seven_days_before_its_end_and_ends() -> None:
    story = Story()
    story.exemptions = (agreed(),)
    story.opens(0, "a")
    story.plays(40 * DAY, every=3600).expect(
        (23 * DAY, "exception ends soon: 1"),
        (30 * DAY, "exception ended: 1"),
        (37 * DAY, "reminder: 1"),
    )


def test_one_that_covers_nothing_is_never_told_of() -> None:
    story = Story()
    story.exemptions = (agreed(),)
    story.plays(40 * DAY, every=3600).expect()
    assert not story.table.exemptions


def test_one_agreed_for_a_week_is_not_warned_of() -> None:
    story = Story()
    story.exemptions = (agreed(until=7 * DAY - 60),)
    story.opens(0, "a")
    story.plays(8 * DAY, every=3600).expect((7 * DAY, "exception ended: 1"))


def test_what_it_covered_and_is_over_by_then_is_not_told() -> None:
    story = Story()
    story.exemptions = (agreed(),)
    story.opens(0, "a")
    story.resolves(29 * DAY, "a")
    story.plays(40 * DAY, every=3600).expect((23 * DAY, "exception ends soon: 1"))


def test_whoever_heard_that_it_broke_hears_that_it_is_fixed_although_it_is_excepted() -> None:
    story = Story()
    story.opens(0, "a")
    story.plays(1200)
    story.exemptions = (agreed(since=1200),)
    story.resolves(5000, "a")
    story.plays(6000, since=1260).expect((960, "opened a uncovered"), (5100, "fixed a"))


def test_no_reminder_comes_while_it_lasts_and_the_clock_stands_still() -> None:
    story = Story()
    story.opens(0, "a")
    story.plays(1200)
    story.exemptions = (agreed(since=4 * DAY, until=20 * DAY),)
    story.plays(30 * DAY, every=3600, since=3600).expect(
        (960, "opened a uncovered"),
        (13 * DAY, "exception ends soon: 1"),
        (20 * DAY, "exception ended: 1"),
        (27 * DAY, "reminder: 1"),
    )


def test_ended_by_hand_it_is_over_at_once() -> None:
    story = Story()
    story.exemptions = (agreed(),)
    story.opens(0, "a")
    story.plays(DAY, every=3600)
    story.exemptions = (agreed(ended_at=second(DAY + 60)),)
    story.plays(3 * DAY, every=3600, since=DAY + 3600).expect((DAY + 3600, "exception ended: 1"))


def test_extended_it_goes_on_without_a_word() -> None:
    story = Story()
    story.exemptions = (agreed(),)
    story.opens(0, "a")
    story.plays(22 * DAY, every=3600)
    story.exemptions = (agreed(until=90 * DAY),)
    story.plays(80 * DAY, every=3600, since=22 * DAY + 3600).expect()


def test_replaced_by_a_longer_one_it_goes_on_without_a_word() -> None:
    story = Story()
    story.exemptions = (agreed(),)
    story.opens(0, "a")
    story.plays(22 * DAY, every=3600)
    ended = agreed(ended_at=second(22 * DAY + 60))
    story.exemptions = (ended, agreed("y", since=22 * DAY + 60, until=90 * DAY))
    story.plays(80 * DAY, every=3600, since=22 * DAY + 3600).expect()
    assert story.why("a") == "excepted:y"


def test_it_covers_everybody_in_its_group_and_the_group_itself() -> None:
    story = Story()
    story.exemptions = (agreed(subject_type="group", subject_id="group-1"),)
    story.memberships = {"user-a": frozenset({"group-1"}), "user-b": frozenset({"group-2"})}
    story.opens(0, "a")
    story.opens(0, "b")
    story.opens(0, "g", kind="licence-errors", state="error", subject_type="group", subject="group-1")
    story.plays(3600).expect((960, "opened b uncovered"))
    assert story.why("g") == story.why("a") == "excepted:x"


def test_it_covers_only_its_kind() -> None:
    story = Story(mutes=())
    story.exemptions = (agreed(kind="assignment-error"),)
    story.opens(0, "a")
    story.opens(0, "e", subject="user-a", kind="assignment-error", state="error")
    story.plays(3600).expect((960, "opened a uncovered"))


def test_one_of_the_tenant_covers_the_tenants_finding() -> None:
    story = Story()
    story.exemptions = (agreed(subject_type="tenant", subject_id=TENANT, kind="seats-low"),)
    story.opens(0, "s", kind="seats-low", state="low", subject_type="tenant", subject=TENANT)
    story.plays(3600).expect()


def test_one_of_a_kind_alone_covers_every_subject() -> None:
    story = Story()
    story.exemptions = (agreed(subject_type="", subject_id="", kind="not-a-person-licence"),)
    story.opens(0, "a", kind="not-a-person-licence", state="registered")
    story.opens(0, "b", kind="not-a-person-licence", state="registered")
    story.plays(3600).expect()


def test_a_cause_comes_before_an_exception() -> None:
    story = Story()
    story.exemptions = (agreed(),)
    story.opens(0, "cause", kind="no-licence", state="missing", subject_type="tenant", subject=TENANT)
    story.opens(0, "a")
    story.runs(60)
    assert story.why("a") == "muted-by:no-licence"


def test_an_excepted_cause_still_mutes_what_it_explains_and_the_digest_counts_both() -> None:
    """Who agreed to leave the cause did not ask for a card about each of its symptoms."""
    story = Story(Telling())
    story.exemptions = (agreed(subject_type="tenant", subject_id=TENANT, kind="no-licence", until=10 * DAY),)
    story.opens(0, "cause", kind="no-licence", state="missing", subject_type="tenant", subject=TENANT)
    for number in range(40):
        story.opens(0, f"n{number:02}")
    story.plays(7 * DAY - 7200, every=3600)
    [about] = [one.about for one in story.runs(7 * DAY - 3600).decision.messages if one.form == DIGEST]
    assert isinstance(about, Digest)
    assert about.quiet == {"excepted": 1, "muted-by:no-licence": 40}
    assert [one.id for one in about.exceptions] == ["x"]
    story.expect((3 * DAY, "exception ends soon: 1"), (7 * DAY - 3600, "digest"))


def test_many_who_are_no_longer_covered_are_one_card() -> None:
    story = Story(users=100)
    story.exemptions = (agreed(subject_type="group", subject_id="group-1", until=DAY),)
    story.memberships = {f"user-n{n:02}": frozenset({"group-1"}) for n in range(40)}
    for number in range(40):
        story.opens(0, f"n{number:02}")
    story.plays(3 * DAY, every=3600).expect((DAY, "exception ended: 40"))


@pytest.mark.parametrize("form", [ENDING, ENDED])
def test_what_fails_or_crashes_is_told_again_and_once(form: str) -> None:
    tries: list[str] = []
    story = Story(route=refusing_thrice(form, tries))
    story.exemptions = (agreed(),)
    story.opens(0, "a")
    story.plays(36 * DAY, every=3600)
    assert [words for _, words in story.collector.heard] == [
        "exception ends soon: 1",
        "exception ended: 1",
    ]
    assert len(tries) == 3


def imported(story: Story, count: int, until: float = 30 * DAY) -> None:
    """So many exceptions out of one file, each for a user who breaks."""
    for number in range(count):
        story.opens(0, f"n{number:03}")
    story.exemptions += tuple(
        agreed(f"e-{number:03}", until, subject_id=f"user-n{number:03}") for number in range(count)
    )


@pytest.mark.parametrize("count", [6, 200])
def test_exceptions_agreed_together_are_one_card_before_their_end_and_one_after(count: int) -> None:
    story = Story(Telling(digest_every=timedelta(0), remind_after=timedelta(0)), users=5000)
    imported(story, count)
    story.plays(40 * DAY, every=3600).expect(
        (23 * DAY, f"{count} exceptions end soon: {count}"),
        (30 * DAY, f"{count} exceptions ended: {count}"),
    )
    assert all(one.told for one in story.table.entries.values())
    assert not story.table.exemptions


def test_five_that_end_together_are_a_card_each() -> None:
    story = Story(Telling(digest_every=timedelta(0), remind_after=timedelta(0)))
    imported(story, 5)
    story.plays(40 * DAY, every=3600).expect(
        *[(23 * DAY, "exception ends soon: 1")] * 5, *[(30 * DAY, "exception ended: 1")] * 5
    )


def test_one_that_ends_after_many_is_told_by_itself() -> None:
    story = Story(Telling(digest_every=timedelta(0), remind_after=timedelta(0)))
    imported(story, 8)
    story.opens(0, "a")
    story.exemptions += (agreed(until=32 * DAY),)
    story.plays(40 * DAY, every=3600).expect(
        (23 * DAY, "8 exceptions end soon: 8"),
        (25 * DAY, "exception ends soon: 1"),
        (30 * DAY, "8 exceptions ended: 8"),
        (32 * DAY, "exception ended: 1"),
    )


@pytest.mark.parametrize("form", [ENDING, ENDED])
def test_many_whose_card_fails_are_told_again_and_once(form: str) -> None:
    tries: list[str] = []
    story = Story(route=refusing_thrice(form, tries))
    imported(story, 8)
    story.plays(36 * DAY, every=3600)
    assert [words for _, words in story.collector.heard] == [
        "8 exceptions end soon: 8",
        "8 exceptions ended: 8",
    ]
    assert len(tries) == 3
