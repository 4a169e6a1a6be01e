"""Declared changes: what comes of another edition, scope, writeback or product state is one card."""

from datetime import datetime
from typing import Any

from shared.model import Because, Severity
from shared.notify.deciding.routing import RouteRule
from shared.notify.delivering.routes import Delivered, Failed
from shared.notify.messages import DECLARED, Change, Message
from tests.notify.story import TENANT, Story, second

DAY = 86_400.0
SKU = "sku-e5"
HOLDS: dict[str, Any] = {"facts": {"held": [SKU]}}


def declares(story: Story, **choices: str) -> None:
    """Somebody changes a setting; until told otherwise everybody has yet to be judged under it."""
    story.choices, story.settled = {**story.choices, **choices}, False


def last_change(story: Story) -> Change:
    """What the last card about a change said."""
    (about,) = [one.about for one in story.decision.messages if one.form == DECLARED]
    assert isinstance(about, Change)
    return about


def test_another_edition_is_one_card_since_your_change_whatever_comes_of_it() -> None:
    story = Story(users=10_000)
    for number in range(8):
        story.opens(0, f"old{number}")
    story.plays(1200)
    declares(story, edition="2025-03-04")
    for number in range(600):
        story.opens(1300 + number, f"new{number:03}", rule="T2")
    for number in range(3):
        story.resolves(1500, f"old{number}", cause="rule-changed")
    for number in range(3, 8):
        story.changes(1500, f"old{number}", rule="T2", fingerprint="by 2025")
    story.opens(1600, "contested", kind="sku-contested", state="contested", severity=Severity.MEDIUM,
                subject_type="tenant", subject=TENANT, about=SKU)  # fmt: skip
    story.plays(2400, since=1260)
    story.settled = True
    story.plays(3600, since=2460).plays(DAY, every=3600, since=7200).expect(
        (960, "one card: 8 opened"),
        (2460 + 900, "since your change: 601 opened, 5 changed, 3 resolved"),
    )
    assert story.table.declared is None


def test_the_card_says_when_the_change_was_noticed() -> None:
    """Not when the run before it was, which may be long ago."""
    story = Story()
    story.runs(0)
    declares(story, writeback="on")
    story.settled = True
    story.plays(5400, every=900, since=3600)
    assert last_change(story).at == second(3600)


def test_the_card_says_what_was_changed_from_what_to_what() -> None:
    story = Story()
    story.plays(60)
    declares(story, writeback="on")
    story.settled = True
    story.plays(1020, since=120)
    assert last_change(story.runs(1080) if not story.decision.messages else story).settings == {
        "writeback": ("unknown", "on")
    }


def test_a_change_of_a_setting_that_brings_nothing_about_is_said_too() -> None:
    story = Story()
    story.plays(60)
    declares(story, writeback="on")
    story.runs(120)
    story.settled = True
    story.plays(3600, since=180).expect((180 + 900, "since your change: nothing"))


def test_a_second_change_on_top_is_the_same_card() -> None:
    story = Story()
    story.plays(60)
    declares(story, writeback="on")
    story.opens(150, "a")
    story.plays(600, since=120)
    declares(story, edition="2025-03-04")
    story.opens(700, "b")
    story.plays(1200, since=660)
    story.settled = True
    story.plays(7200, since=1260).expect((1260 + 900, "since your change: 2 opened"))


def test_users_whom_a_setting_was_needed_for_are_part_of_what_came_of_it() -> None:
    """They were muted for weeks; that they come up now is by the change."""
    story = Story()
    needed = Because(kind="setting-needed", about="PASSWORD_WRITEBACK")
    setting = {"kind": "setting-needed", "state": "unknown", "about": "PASSWORD_WRITEBACK"}
    tenant = {"subject_type": "tenant", "subject": TENANT, "severity": Severity.MEDIUM}
    story.opens(0, "setting", **setting, **tenant)
    for number in range(7):
        story.opens(0, f"u{number}", state="undetermined", because=(needed,))
    story.plays(DAY, every=600)
    declares(story, writeback="on")
    story.resolves(DAY + 700, "setting", cause="fixed")
    for number in range(7):
        story.changes(DAY + 700, f"u{number}", state="uncovered")
    story.plays(DAY + 1200, every=600, since=DAY + 600)
    story.settled = True
    story.plays(DAY + 7200, every=600, since=DAY + 1800).expect(
        (1200, "opened setting unknown"), (DAY + 3000, "since your change: 7 opened, 1 resolved")
    )


def test_a_product_that_counts_otherwise_gathers_its_holders_and_nobody_else() -> None:
    story = Story()
    story.read_as = {SKU: "before", "sku-other": "x", "*": "1", "policy": "p"}
    story.plays(60)
    story.read_as, story.settled = {**story.read_as, SKU: "after"}, False
    for number in range(3):
        story.opens(100, f"holder{number}", **HOLDS)
    story.opens(100, "else")
    story.plays(600, since=120)
    story.settled = True
    story.plays(7200, since=660).expect(
        (1060 + 20, "opened else uncovered"), (660 + 900, "since your change: 3 opened")
    )


def test_a_product_that_counts_otherwise_and_changes_nothing_is_not_told() -> None:
    story = Story()
    story.read_as = {SKU: "before"}
    story.plays(60)
    story.read_as = {SKU: "after"}
    story.plays(7200, since=120).expect()
    assert story.table.declared is None


def test_a_product_that_is_bought_or_gone_is_no_change_of_how_it_counts() -> None:
    story = Story()
    story.read_as = {SKU: "before"}
    story.plays(60)
    story.read_as = {"sku-new": "x"}
    story.opens(100, "a", **HOLDS)
    story.plays(1200, since=120).expect((1020 + 60, "opened a uncovered"))


def test_the_tenants_own_lapse_is_not_held_by_it() -> None:
    story = Story()
    story.read_as = {SKU: "before"}
    story.plays(60)
    story.read_as, story.settled = {SKU: "after"}, False
    story.opens(100, "lapse", kind="subscription-lapsing", state="suspended", about=SKU,
                subject_type="tenant", subject=TENANT)  # fmt: skip
    story.runs(120).expect((120, "opened lapse suspended"))


def test_a_change_that_never_settles_holds_nobody_longer_than_a_day() -> None:
    story = Story()
    story.plays(60)
    declares(story, edition="2025-03-04")
    story.opens(100, "a")
    story.plays(2 * DAY, every=600, since=120).expect((120 + DAY, "since your change: 1 opened"))


def test_after_a_failure_it_is_the_same_card() -> None:
    story = Story(route=lambda message, at: Failed(status="x") if at < second(3000) else Delivered())
    story.plays(60)
    declares(story, writeback="on")
    for number in range(3):
        story.opens(100, f"n{number}")
    story.runs(120)
    story.settled = True
    story.plays(9000, since=180)
    assert [words for _, words in story.collector.heard] == ["since your change: 3 opened"]


def test_at_the_first_reading_there_is_no_change() -> None:
    story = Story(baseline_told=False)
    story.runs(0)
    declares(story, edition="2025-03-04")
    story.runs(60)
    story.baseline_ended_at = second(100)
    story.settled = True
    story.plays(7200, since=120).expect((120, "baseline: nothing"))


TWO_ROUTES = (RouteRule(), RouteRule(name="desk", copy=True))


def desk_is_dead(message: Message, at: datetime) -> Delivered | Failed:
    """The second route takes nothing, ever."""
    return Failed(status="http-410") if message.route == "desk" else Delivered()


def test_a_route_that_takes_nothing_does_not_make_a_change_swallow_what_others_are_to_hear() -> None:
    story = Story(routes=TWO_ROUTES, route=desk_is_dead)
    story.plays(60)
    declares(story, writeback="on")
    story.opens(200, "of-it")
    story.settled = True
    story.opens(4000, "later")
    story.plays(7200, since=120).expect(
        (1080, "since your change: 1 opened"), (4980, "opened later uncovered")
    )


def test_a_mass_change_after_a_change_was_told_is_held_though_one_route_takes_nothing() -> None:
    story = Story(routes=TWO_ROUTES, route=desk_is_dead, users=100)
    story.plays(60)
    declares(story, writeback="on")
    story.settled = True
    for number in range(11):
        story.opens(4000, f"n{number:02}")
    story.plays(7200, since=120).expect((1080, "since your change: nothing"), (4920, "held: 11 worse"))


def test_a_second_change_does_not_repeat_the_first_where_its_card_is_out() -> None:
    story = Story(routes=TWO_ROUTES, route=desk_is_dead)
    story.plays(60)
    declares(story, writeback="on")
    story.settled = True
    story.plays(3600, since=120)
    declares(story, edition="2025-03-04")
    story.settled = True
    told = []
    for at in range(3660, 7200, 60):
        story.runs(at)
        told += [one.about for one in story.decision.messages if one.form == DECLARED and one.route != "desk"]
    (about,) = told
    assert isinstance(about, Change)
    assert about.settings == {"edition": ("2017-10-24", "2025-03-04")}


def test_a_setting_that_goes_to_and_fro_holds_nobody_for_ever() -> None:
    story = Story()
    story.plays(60)
    story.opens(200, "a")
    for number in range(6):
        declares(story, writeback="on" if number % 2 else "off")
        story.plays((number + 1) * 20 * 3600, every=600, since=number * 20 * 3600 + 120)
    at, words = story.collector.heard[0]
    assert words == "since your change: 1 opened"
    assert at <= 25 * 3600
