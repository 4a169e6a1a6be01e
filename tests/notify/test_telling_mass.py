"""The brake: many users at once are held, told once it is sure, and not at all if the facts return."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.notify.deciding.brake import limit
from shared.notify.deciding.routing import RouteRule
from shared.notify.deciding.scene import Reading, Telling
from shared.notify.delivering.routes import Delivered, Failed
from shared.notify.messages import RELEASED, Mass, Message
from tests.notify.story import TENANT, Story, second

DAY = 86_400.0
LOST = {"facts": {"lost": ["sku-e5"]}, "groups": ("group-all",)}


@pytest.mark.parametrize(
    ("users", "most"), [(None, 10), (0, 10), (100, 10), (200, 10), (220, 11), (1000, 50), (10_000, 500)]
)
def test_the_limit_is_the_smaller_of_500_and_the_larger_of_10_and_5_percent(
    users: int | None, most: int
) -> None:
    assert limit(users) == most
    assert limit(1_000_000) == 500


def reading(story: Story, began: float, ended: float) -> None:
    """Everybody was read once more."""
    story.reading = Reading(started_at=second(began), ended_at=second(ended))


def five_thousand(story: Story, at: float = 0) -> None:
    """5,000 users lose their SKU: 250 messages over four minutes, over several workers out of order."""
    for number in range(5000):
        message = number // 20
        story.opens(at + (message * 7 % 250), f"u{number:04}", **LOST)


def test_5000_users_who_lose_their_sku_are_one_held_card_and_one_released_card() -> None:
    story = Story(users=20_000)
    five_thousand(story)
    story.plays(960)
    assert story.decision.wants_reading
    reading(story, 1000, 1830)
    for at in range(1020, 1860, 60):
        assert not story.runs(at).decision.wants_reading, "one is under way"
    story.plays(3 * 3600, every=600, since=1860).expect(
        (960, "held: 5000 worse"), (1860, "released: 5000 opened")
    )
    assert not story.table.brakes
    assert not story.decision.wants_reading


def test_the_cards_say_what_they_have_in_common() -> None:
    story = Story(users=20_000)
    five_thousand(story)
    seen = []
    for at in range(0, 1020, 60):
        story.runs(at)
        seen += [message.about for message in story.decision.messages]
    (mass,) = seen
    assert isinstance(mass, Mass)
    assert (mass.users, mass.worse, mass.limit) == (5000, True, 500)
    assert mass.skus == mass.lost == ("sku-e5",)
    assert mass.groups == ("group-all",)
    assert mass.causes == ("nothing-held",)
    assert mass.kinds == {"coverage: uncovered": 5000}


def test_if_the_facts_return_before_it_is_certain_nothing_is_ever_told() -> None:
    story = Story(users=20_000)
    five_thousand(story)
    for number in range(5000):
        story.resolves(800, f"u{number:04}")
    story.plays(3 * 3600).expect()
    assert not story.table.brakes
    assert not story.table.entries


def test_if_they_return_after_it_was_said_that_they_are_held_one_card_says_so() -> None:
    story = Story(users=20_000)
    five_thousand(story)
    for number in range(4990):
        story.resolves(1500, f"u{number:04}")
    story.plays(3 * 3600).expect(
        (960, "held: 5000 worse"), (1500, "returned: 5000 worse, 10 left"), (1500, "one card: 10 opened")
    )


def test_a_reading_that_began_before_people_were_told_releases_nothing() -> None:
    story = Story(users=100)
    for number in range(11):
        story.opens(0, f"n{number:02}")
    reading(story, 100, 1800)
    story.plays(DAY, every=600).expect((1200, "held: 11 worse"))
    assert story.why("n00") == "held-by-brake"
    reading(story, DAY, DAY + 300)
    story.runs(DAY + 600).expect((1200, "held: 11 worse"), (DAY + 600, "released: 11 opened"))


def test_what_comes_after_the_second_reading_began_goes_its_own_way() -> None:
    story = Story(users=100)
    for number in range(11):
        story.opens(0, f"n{number:02}")
    story.opens(1500, "late")
    reading(story, 1000, 1600)
    story.plays(3600).expect(
        (900, "held: 11 worse"), (1620, "released: 11 opened"), (2460, "opened late uncovered")
    )


def test_an_administrator_releases_it_as_one_card() -> None:
    story = Story(users=100)
    for number in range(11):
        story.opens(0, f"n{number:02}")
    story.release_at(400, by="Ada")
    story.plays(3600).expect((420, "released: 11 opened"))


def test_or_discards_it_and_it_counts_as_told() -> None:
    story = Story(users=100)
    for number in range(11):
        story.opens(0, f"n{number:02}")
        story.resolves(5000, f"n{number:02}")
    story.release_at(1200, discard=True)
    story.plays(1200).expect((900, "held: 11 worse"))
    assert len(story.decision.discarded) == 11
    story.runs(1260)
    assert story.why("n00") == "told"
    assert not story.table.brakes


def test_an_order_from_before_the_brake_releases_nothing() -> None:
    story = Story(users=100)
    story.release_at(-600)
    for number in range(11):
        story.opens(0, f"n{number:02}")
    story.plays(3600).expect((900, "held: 11 worse"))


def test_many_who_get_better_at_once_are_held_and_released_too() -> None:
    story = Story(users=100)
    for number in range(11):
        story.opens(60.0 * 31 * number, f"n{number:02}")
    at = 31 * 60 * 12
    story.plays(at)
    told = len(story.collector.heard)
    assert told == 11
    for number in range(11):
        story.resolves(at + 10, f"n{number:02}")
    story.plays(at + 1800, since=at + 60)
    assert story.collector.heard[told:] == [(at + 960, "held: 11 better")]
    reading(story, at + 1000, at + 1700)
    story.plays(at + 3600, since=at + 1860)
    assert story.collector.heard[told + 1 :] == [(at + 1860, "released: 11 resolved")]
    assert not story.table.entries


def test_ten_users_of_a_small_tenant_are_told_as_ever() -> None:
    story = Story(users=100)
    for number in range(10):
        story.opens(0, f"n{number:02}")
    story.plays(3600).expect((960, "one card: 10 opened"))


def test_a_trickle_is_no_mass_change() -> None:
    story = Story(users=100)
    for number in range(40):
        story.opens(number * 200, f"n{number:02}")
    story.plays(4 * 3600)
    assert not [words for _, words in story.collector.heard if words.startswith("held")]


def test_a_mass_loss_while_the_notifier_stood_still_is_held_as_any_other() -> None:
    story = Story(users=20_000)
    five_thousand(story, at=60)
    story.runs(0)
    back = 3 * 3600
    story.plays(back + 900, since=back)
    assert story.decision.wants_reading
    reading(story, back + 1000, back + 1830)
    story.plays(back + 7200, since=back + 960).expect(
        (back + 900, "held: 5000 worse"), (back + 1860, "released: 5000 opened")
    )


def test_of_one_that_went_back_while_it_stood_still_nothing_is_told() -> None:
    story = Story(users=20_000)
    five_thousand(story, at=60)
    for number in range(5000):
        story.resolves(3600, f"u{number:04}")
    story.runs(0).plays(4 * 3600, since=3 * 3600).expect()


def test_one_whose_journal_comes_late_is_held_too() -> None:
    story = Story(users=100)
    for number in range(11):
        story.opens_unread(0, f"n{number:02}", until=3000)
    story.plays(7200).expect((3900, "held: 11 worse"))


def test_what_trickled_in_while_the_notifier_stood_still_is_no_mass_change() -> None:
    story = Story(users=100)
    for number in range(40):
        story.opens(number * 200, f"n{number:02}")
    story.runs(0).plays(4 * 3600, since=3 * 3600).expect((3 * 3600, "one card: 40 opened"))


def test_what_was_hindered_for_long_and_is_let_go_at_once_is_no_mass_change() -> None:
    story = Story(users=100)
    story.opens(0, "cause", kind="no-licence", state="missing", subject_type="tenant", subject=TENANT)
    for number in range(40):
        story.opens(10, f"n{number:02}")
    story.resolves(7200, "cause", cause="fixed")
    story.plays(4 * 3600).expect(
        (0, "opened cause missing"), (7260, "fixed cause"), (8160, "one card: 40 opened")
    )


def test_what_a_cause_explains_or_an_exception_covers_does_not_count() -> None:
    story = Story(users=100)
    story.opens(0, "cause", kind="no-licence", state="missing", subject_type="tenant", subject=TENANT)
    for number in range(40):
        story.opens(10, f"n{number:02}")
    story.plays(3600).expect((0, "opened cause missing"))


def test_one_user_with_many_findings_is_one_user() -> None:
    story = Story(users=100)
    for number in range(11):
        story.opens(0, f"n{number:02}", subject="the-one", about=f"sku-{number}", kind="assignment-error")
    story.plays(3600).expect((960, "one card: 11 opened"))


def test_a_held_card_that_was_sent_before_a_crash_is_repeated_and_its_end_is_told() -> None:
    story = Story(users=100)
    for number in range(11):
        story.opens(0, f"n{number:02}")
        story.resolves(1000, f"n{number:02}")
    story.plays(840).runs(900, crash=True).runs(960)
    story.plays(3600, since=1020).expect(
        (900, "held: 11 worse"), (960, "held: 11 worse"), (1020, "returned: 11 worse, 0 left")
    )


def test_a_held_card_that_may_have_been_seen_is_followed_by_its_end() -> None:
    story = Story(users=100)
    for number in range(11):
        story.opens(0, f"n{number:02}")
        story.resolves(930, f"n{number:02}")
    story.plays(840).runs(900, crash=True)
    story.plays(3600, since=960).expect((900, "held: 11 worse"), (960, "returned: 11 worse, 0 left"))


def test_a_released_card_that_fails_is_tried_again_whole() -> None:
    def route(message: object, at: object) -> Delivered | Failed:
        form = getattr(message, "form", "")
        return Failed(status="http-500") if form == RELEASED and story.now < second(2000) else Delivered()

    story = Story(users=100, route=route)
    for number in range(11):
        story.opens(0, f"n{number:02}")
    reading(story, 1000, 1100)
    story.plays(7200)
    first = next(at for at, words in story.collector.heard if words.startswith("released"))
    assert first > 2000
    story.expect((900, "held: 11 worse"), (first, "released: 11 opened"))


@given(st.integers(0, 40), st.integers(0, 40))
def test_no_more_than_the_limit_is_ever_told_of_at_once_without_a_second_reading(
    many: int, gone: int
) -> None:
    story = Story(users=100)
    for number in range(many):
        story.opens(number, f"n{number:02}")
    for number in range(min(many, gone)):
        story.resolves(1200 + number, f"n{number:02}")
    told: set[str] = set()
    for at in range(0, 7200, 60):
        story.runs(at)
        for message in story.decision.messages:
            told.update(item.entry.id for item in message.items)
    assert len(told) <= 10


TWO_ROUTES = (RouteRule(), RouteRule(name="desk", copy=True))


def desk_is_dead(message: Message, at: datetime) -> Delivered | Failed:
    """The second route takes nothing, ever."""
    return Failed(status="http-410") if message.route == "desk" else Delivered()


def many(story: Story, at: float, name: str = "n", until: float | None = None) -> None:
    """Eleven users break, in a tenant of a hundred too many at once."""
    for number in range(11):
        story.opens(at, f"{name}{number:02}")
        if until is not None:
            story.resolves(until, f"{name}{number:02}")


def test_a_route_that_takes_nothing_does_not_keep_the_next_mass_change_from_being_held() -> None:
    story = Story(users=100, routes=TWO_ROUTES, route=desk_is_dead)
    many(story, 0)
    many(story, DAY, "m")
    story.plays(960)
    reading(story, 1000, 1100)
    story.plays(DAY + 7200, every=300, since=1200).expect(
        (900, "held: 11 worse"), (1200, "released: 11 opened"), (DAY + 900, "held: 11 worse")
    )
    assert story.why("m00") == "held-by-brake"


def test_a_route_that_was_removed_does_not_keep_the_next_mass_change_from_being_held() -> None:
    story = Story(users=100, routes=TWO_ROUTES)
    many(story, 0, until=1500)
    many(story, DAY, "m")
    story.plays(1440)
    story.routes = (RouteRule(),)
    reading(story, 1450, 1490)
    story.runs(1500).runs(1560)
    assert not story.table.brakes
    story.plays(DAY + 7200, every=300, since=1800)
    assert story.collector.heard[2:] == [(1500, "returned: 11 worse, 0 left"), (DAY + 900, "held: 11 worse")]


def test_what_breaks_again_right_after_it_went_back_is_held_anew() -> None:
    story = Story(users=100)
    many(story, 0, until=1500)
    many(story, 1530, "m")
    reading(story, 1000, 1520)
    story.plays(1440).plays(7200, since=1500).expect(
        (900, "held: 11 worse"), (1500, "returned: 11 worse, 0 left"), (2460, "held: 11 worse")
    )


def test_a_route_that_heard_of_a_hold_and_not_of_its_end_hears_of_the_end_of_the_next() -> None:
    down = [True]

    def route(message: Message, at: datetime) -> Delivered | Failed:
        late = message.route == "desk" and at > second(1000) and down[0]
        return Failed(status="http-503") if late else Delivered()

    story = Story(users=100, routes=TWO_ROUTES, route=route)
    many(story, 0, until=1500)
    many(story, 3000, "m", until=3600)
    story.plays(3540)
    down[0] = False
    story.plays(DAY, every=300, since=3600)
    assert [words for _, words in story.collector.heard] == [
        "held: 11 worse",
        "desk: held: 11 worse",
        "returned: 11 worse, 0 left",
        "desk: returned: 11 worse, 0 left",
    ]


def test_a_new_route_that_was_told_how_things_stand_hears_of_no_hold_and_no_return() -> None:
    story = Story(users=100)
    many(story, 0)
    story.plays(1000)
    story.routes = TWO_ROUTES
    story.plays(1200, since=1020)
    reading(story, 1250, 1290)
    story.plays(7200, since=1320).expect(
        (900, "held: 11 worse"), (1020, "desk: baseline: 11 opened"), (1320, "released: 11 opened")
    )


def test_users_whose_cause_is_found_while_they_are_held_are_not_said_to_have_gone_back() -> None:
    story = Story(users=100)
    many(story, 0)
    story.opens(1100, "cause", kind="no-licence", state="missing", subject_type="tenant", subject=TENANT)
    story.plays(7200).expect(
        (900, "held: 11 worse"), (1140, "returned: 11 worse, 11 left"), (1140, "opened cause missing")
    )


@pytest.mark.parametrize("window", [30, 240])
def test_a_loss_so_slow_that_the_first_were_told_is_told_as_it_comes(window: int) -> None:
    """As docs/telling.md says of MASS_WINDOW: a longer one does not count who was told."""
    story = Story(Telling(digest_every=timedelta(0), mass_window=timedelta(minutes=window)), users=200)
    for number in range(60):
        story.opens(number * 200, f"u{number:02}")
    story.plays(60 * 200 + 3600)
    assert {words.split()[0] for _, words in story.collector.heard} == {"opened"}
    assert len(story.collector.heard) == 60


def test_a_loss_that_passes_the_limit_before_the_first_is_told_is_held_whole() -> None:
    story = Story(Telling(digest_every=timedelta(0)), users=200)
    for number in range(20):
        story.opens(number * 80, f"u{number:02}")
    story.plays(2400)
    assert [words for _, words in story.collector.heard] == ["held: 20 worse"]
