"""What administrators were promised, story by story: at t exactly these cards, no more and no fewer.

Each run of a story is a restart: it knows nothing but what was stored.
"""

from typing import Any

from shared.model import Because, Severity
from shared.notify.deciding.scene import Reading, Telling
from shared.notify.delivering.routes import Delivered, Failed
from shared.notify.exceptions.exemptions import Exemption
from shared.notify.messages import Digest
from tests.notify.story import TENANT, Story, second

HOUR, DAY = 3600.0, 86_400.0
OF_TENANT: dict[str, Any] = {"subject_type": "tenant", "subject": TENANT}


def test_a_first_run_on_1000_users_is_one_card() -> None:
    story = Story(baseline_told=False)
    for number in range(1000):
        if number % 6 == 0:
            story.opens(number / 10, f"u{number}", baseline=True)
    story.opens(90, "setting", kind="setting-needed", state="unknown", severity=Severity.MEDIUM, **OF_TENANT)
    story.plays(240)
    story.baseline_ended_at = second(250)
    story.plays(HOUR, since=300).plays(DAY, every=HOUR, since=2 * HOUR)
    story.expect((300, "baseline: 168 opened"))


def test_one_user_breaks_and_is_fixed() -> None:
    story = Story()
    story.opens(0, "a")
    story.resolves(HOUR, "a")
    story.plays(DAY, every=60).expect((960, "opened a uncovered"), (HOUR + 60, "fixed a"))


def test_a_joiner_who_is_licensed_within_the_confirm_time_is_no_news() -> None:
    story = Story()
    story.opens(0, "a")
    story.resolves(800, "a")
    story.plays(DAY).expect()


def test_a_joiner_who_is_licensed_late_is_told_and_fixed() -> None:
    story = Story()
    story.opens(0, "a")
    story.resolves(3 * HOUR, "a")
    story.plays(DAY).expect((960, "opened a uncovered"), (3 * HOUR + 60, "fixed a"))


def loses_its_sku(story: Story) -> None:
    """5,000 users in 250 messages of 20, taken by several workers out of order, over four minutes."""
    for number in range(5000):
        story.opens(number // 20 * 7 % 250, f"u{number:04}", facts={"lost": ["sku-e5"]})


def test_5000_users_who_lose_their_sku_are_one_held_and_one_released_card() -> None:
    story = Story(users=20_000)
    loses_its_sku(story)
    story.plays(1800)
    assert story.decision.wants_reading
    story.reading = Reading(started_at=second(1000), ended_at=second(1830))
    story.plays(6 * HOUR, every=900, since=1860).expect(
        (960, "held: 5000 worse"), (1860, "released: 5000 opened")
    )


def test_5000_users_who_get_their_sku_back_before_it_is_certain_are_no_news() -> None:
    story = Story(users=20_000)
    loses_its_sku(story)
    for number in range(5000):
        story.resolves(800, f"u{number:04}")
    story.plays(HOUR).plays(6 * HOUR, every=900, since=4500).expect()


def test_a_tenant_that_loses_its_last_licence_is_one_card_and_its_users_are_silent_before_and_after() -> None:
    story = Story(users=1000)
    story.opens(0, "told-before")
    story.plays(1200)
    story.opens(1500, "s1", kind="no-licence", state="missing", **OF_TENANT)
    for number in range(400):
        story.opens(1500 + number / 10, f"u{number:03}")
        story.resolves(5 * HOUR, f"u{number:03}")
    story.resolves(5 * HOUR - 60, "s1", cause="fixed")
    story.plays(6 * DAY, every=60, since=1260).expect(
        (960, "opened told-before uncovered"), (1500, "opened s1 missing"), (5 * HOUR, "fixed s1")
    )


def test_a_group_that_is_three_seats_short_is_one_card() -> None:
    story = Story()
    short = Because(kind="licence-errors", about="sku-e5", subject="group-1")
    group = {"subject_type": "group", "subject": "group-1", "about": "sku-e5"}
    story.opens(0, "g", kind="licence-errors", state="error", **group)
    for name in "abc":
        story.opens(0, name, because=(short,))
        story.opens(0, f"e{name}", kind="assignment-error", state="error", subject=f"user-{name}",
                    because=(short,))  # fmt: skip
    story.opens(0, "seats", kind="seats-short", state="short", severity=Severity.MEDIUM, **OF_TENANT)
    story.plays(DAY).expect((960, "opened g error"))


def test_a_reminder_comes_after_seven_days_and_not_before() -> None:
    story = Story()
    story.opens(0, "a")
    story.plays(8 * DAY, every=60).expect((960, "opened a uncovered"), (7 * DAY + 960, "reminder: 1"))


def test_an_exception_covers_warns_and_ends() -> None:
    story = Story()
    story.exemptions = (
        Exemption(
            id="x",
            owner="Ada",
            reason="leaves in June",
            created_at=second(0),
            until=second(60 * DAY),
            kind="coverage",
            subject_type="user",
            subject_id="user-a",
        ),
    )
    story.opens(60, "a")
    story.plays(61 * DAY, every=HOUR).expect(
        (53 * DAY, "exception ends soon: 1"), (60 * DAY, "exception ended: 1")
    )


def test_another_edition_is_one_card_since_your_change() -> None:
    story = Story(users=1000)
    for number in range(20):
        story.opens(0, f"u{number:02}")
    story.plays(1200)
    story.choices, story.settled = {**story.choices, "edition": "2025-03-04"}, False
    for number in range(20):
        story.resolves(1300, f"u{number:02}", cause="rule-changed")
    for number in range(70):
        story.opens(1300, f"v{number:02}", rule="T3")
    story.plays(1800, since=1260)
    story.settled = True
    story.plays(DAY, since=1860).expect(
        (960, "one card: 20 opened"), (1860 + 900, "since your change: 70 opened, 20 resolved")
    )


def test_a_weekly_leave_of_absence_is_told_twice_and_then_stands_in_the_digest() -> None:
    story = Story(Telling())
    for week in range(5):
        story.opens(week * 7 * DAY + 4 * DAY, "a", reopened=week)
        story.resolves(week * 7 * DAY + 6 * DAY, "a")
    story.plays(35 * DAY, every=HOUR)
    assert [words for _, words in story.collector.heard if words != "digest"] == [
        "opened a uncovered",
        "fixed a",
    ] * 2


def test_teams_down_for_three_hours_loses_nothing_and_says_so() -> None:
    story = Story(
        route=lambda message, at: Failed(status="http-503") if at < second(3 * HOUR) else Delivered()
    )
    story.opens(0, "a")
    story.opens(0, "mended")
    story.resolves(2 * HOUR, "mended")
    story.opens(2 * HOUR, "b")
    late = []
    for at in range(0, int(5 * HOUR), 60):
        story.runs(at)
        late += [message.late_since for message in story.decision.messages if story.now >= second(3 * HOUR)]
    first, second_card = story.collector.heard
    assert 3 * HOUR <= first[0] <= second_card[0] <= 4 * HOUR
    assert {first[1], second_card[1]} == {"opened a uncovered", "opened b uncovered"}
    assert late[0] == second(960)


def test_a_flow_that_dies_silently_is_noticed_by_the_digest_that_is_missing() -> None:
    """Workflows goes on answering 202. Each digest names the next; `health` says when one was handed over."""
    story = Story(Telling())
    promised = []
    for at in (7 * DAY - HOUR, 14 * DAY - HOUR):
        story.runs(at)
        promised += [one.about.next_due for one in story.decision.messages if isinstance(one.about, Digest)]
        assert story.table.route("teams").digest_at == second(at)
    assert promised == [second(14 * DAY - HOUR), second(21 * DAY - HOUR)]
