"""What the digest counts, of stories that were told: each finding once, and each silence with its reason."""

from datetime import timedelta

import pytest

from shared.notify.deciding.routing import DEFAULT
from shared.notify.deciding.scene import Telling
from shared.notify.deciding.states import LASTING
from shared.notify.messages import DIGEST, Digest
from tests.notify.card_samples import card_of, text_of, title_of
from tests.notify.story import TENANT, Story

MANY = 20
"""More than the brake lets pass of 200 users."""
NIGHT = 86_400.0
DUE = 2 * NIGHT + 2400
"""The digest of the third day falls 40 minutes into the story's clock."""


def begun() -> Story:
    """Twenty users who are not covered were told long ago, in the first card; a digest is due each day."""
    telling = Telling(
        digest_every=timedelta(days=1), digest_at=timedelta(hours=9, minutes=40), remind_after=timedelta(0)
    )
    story = Story(telling, users=200, baseline_told=False)
    for number in range(MANY):
        story.opens(0, f"u{number:02}", baseline=True)
    story.runs(10)
    story.baseline_ended_at = story.now
    story.plays(NIGHT * 2, every=3600, since=60)
    return story


def digest_of(story: Story) -> Digest:
    """What the digest says that comes at its time."""
    story.plays(DUE - 60, since=2 * NIGHT + 60)
    [message] = [one for one in story.runs(DUE).decision.messages if one.form == DIGEST]
    assert isinstance(message.about, Digest)
    about = message.about
    silent = {one for one, silence in story.decision.standing[DEFAULT].items() if silence.reason in LASTING}
    entries = story.decision.table.entries.values()
    counted = [one for one in entries if one.open and (DEFAULT in one.told or one.id in silent)]
    assert sum(about.open.values()) + sum(about.quiet.values()) == len(counted)
    opened = sum(about.open.values()) + sum(about.quiet.values())
    assert title_of(card_of(message)).startswith((f"Digest: {opened} finding", "All quiet"))
    return about


def test_what_people_were_told_of_is_open() -> None:
    about = digest_of(begun())
    assert (about.open, about.quiet, about.ends_held) == ({"coverage: uncovered": MANY}, {}, {})


def test_ends_that_the_brake_holds_are_neither_open_nor_forgotten() -> None:
    story = begun()
    for number in range(MANY):
        story.resolves(DUE - 300, f"u{number:02}")
    about = digest_of(story)
    assert (about.open, about.quiet, about.ends_held) == ({}, {}, {"held-by-brake": MANY})
    assert not about.quiet_week
    [message] = [one for one in story.decision.messages if one.form == DIGEST]
    payload = card_of(message)
    assert "All quiet" not in title_of(payload)
    assert f"{MANY}: held: many users changed at once" in text_of(payload)
    assert "none is held back" not in text_of(payload)


def test_what_was_told_and_changed_in_a_mass_is_counted_once_as_held() -> None:
    story = begun()
    for number in range(MANY):
        story.changes(DUE - 300, f"u{number:02}", state="writeback-uncovered")
    about = digest_of(story)
    assert (about.open, about.quiet) == ({}, {"held-by-brake": MANY})


def test_what_is_known_and_muted_now_is_counted_once_as_muted() -> None:
    story = begun()
    story.opens(DUE - 1500, "c", kind="no-licence", state="missing", subject_type="tenant", subject=TENANT)
    about = digest_of(story)
    assert about.open == {"no-licence: missing": 1}
    assert about.quiet == {"muted-by:no-licence": MANY}


@pytest.mark.parametrize("count", [1, 7])
def test_what_is_told_and_waits_for_a_licensing_job_is_still_open(count: int) -> None:
    """Nothing more is to be said of it, so nothing is held."""
    story = begun()
    story.holds = frozenset(f"user-u{number:02}" for number in range(count))
    about = digest_of(story)
    assert (about.open, about.quiet) == ({"coverage: uncovered": MANY}, {})
