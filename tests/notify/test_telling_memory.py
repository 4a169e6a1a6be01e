"""What the notifier keeps of a finding: all that a card needs until it is told, and little afterwards."""

from datetime import datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.model import Moment, Step
from shared.notify.delivering.routes import Delivered, Failed
from shared.notify.entries import Entry
from shared.notify.memory import packed, unpacked
from shared.notify.messages import Item, Message
from shared.notify.table import Table, apply
from tests.notify.story import TENANT, Story, line, second

SAID: dict[str, Any] = {
    "facts": {"synced": True},
    "remedy": (Step(step="assign-free-seat", values={"sku": "sku-2", "free": 4}),),
    "skus": ("sku-1",),
    "groups": ("group-1",),
}
NOTHING_SAID: dict[str, Any] = {"facts": {}, "remedy": (), "skus": (), "groups": ()}
TOLD = 960.0


def said(entry: Entry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in SAID}


def test_of_a_user_who_was_told_of_only_what_recognises_the_finding_is_kept() -> None:
    story = Story()
    story.opens(0, "a", **SAID)
    assert said(story.runs(0).table.entries["a"]) == SAID
    entry = story.runs(TOLD).table.entries["a"]
    assert entry.told
    assert said(entry) == NOTHING_SAID
    assert (entry.id, entry.subject_id, entry.kind, entry.fingerprint) == (
        "a",
        "user-a",
        "coverage",
        "uncovered",
    )


def test_of_a_finding_that_could_not_be_handed_over_everything_is_kept() -> None:
    story = Story(route=lambda message, at: Failed(status="http-500"))
    story.opens(0, "a", **SAID)
    assert said(story.runs(TOLD).table.entries["a"]) == SAID


def test_after_a_crash_on_the_way_everything_is_still_there_for_the_next_card() -> None:
    story = Story()
    story.opens(0, "a", **SAID)
    assert said(story.runs(TOLD, crash=True).table.entries["a"]) == SAID


def test_a_finding_of_the_tenant_keeps_everything_for_it_explains_others() -> None:
    story = Story()
    story.opens(0, "t", subject_type="tenant", subject=TENANT, **SAID)
    entry = story.runs(TOLD).table.entries["t"]
    assert entry.told
    assert said(entry) == SAID


def test_the_card_that_ends_or_changes_a_finding_has_what_its_journal_line_says() -> None:
    story = Story()
    for finding in ("a", "b"):
        story.opens(0, finding, **SAID)
    story.runs(TOLD)
    story.resolves(TOLD + 1, "a", **SAID)
    story.changes(TOLD + 1, "b", state="writeback-uncovered", **SAID)
    seen: list[Item] = []

    def watched(message: Message, at: datetime) -> Delivered | Failed:
        seen.extend(message.items)
        return Delivered()

    story.route = watched
    story.plays(TOLD + 1200, since=TOLD + 1)
    assert [(str(item.moment), said(item.entry)) for item in seen] == [("resolved", SAID), ("changed", SAID)]


def test_users_of_whom_the_same_is_said_share_it() -> None:
    lines = [line(1, 0, Moment.OPENED, str(number), **SAID) for number in range(2)]
    other = line(1, 0, Moment.OPENED, "2", **{**SAID, "skus": ("sku-9",)})
    entries = apply(Table(), "0000", [(1, [*lines, other])], second(0)).entries
    assert entries["0"].remedy is entries["1"].remedy
    assert said(entries["0"]) == said(entries["1"]) == SAID
    assert entries["2"].skus == ("sku-9",)


def test_what_thousands_have_in_common_is_in_memory_once_after_it_was_read() -> None:
    story = Story(baseline_told=False)
    for number in range(2):
        story.opens(0, str(number), baseline=True)
    story.baseline_ended_at = second(10)
    one, other = unpacked(packed(story.runs(60).table)).entries.values()
    assert one.told is other.told
    assert one.fingerprint is other.fingerprint
    assert one.since is one.changed_at is other.since
    assert one.id != other.id


@given(st.integers(0, 5), st.booleans())
def test_a_stored_table_comes_back_as_it_was_and_is_always_the_same_bytes(findings: int, told: bool) -> None:
    story = Story(baseline_told=told)
    for number in range(findings):
        story.opens(number, str(number), **SAID)
    table = story.runs(TOLD).table
    assert unpacked(packed(table)) == table
    assert packed(unpacked(packed(table))) == packed(table)
