"""The digest: how things stand at a look, each silence with its reason, and a sign of life."""

from datetime import timedelta
from typing import Any

import pytest

from shared.notify.messages import DIGEST, Digest, Message
from shared.notify.saying.cards.digest import BAR, CHARTED, LONGEST_BAR
from tests.notify.card_samples import (
    AT,
    BACKDROP,
    TEXTS,
    card_of,
    digest,
    entry,
    exemption,
    facts_of,
    quiet_digest,
    seats,
    text_of,
    title_of,
)
from tests.notify.story import RULES

DUE = (
    "The next digest is due on 19 March 2026, 09:00 UTC. "
    "If it does not come, the watch or the way to Teams is broken"
)


def card_of_digest(about: Digest) -> dict[str, Any]:
    """Its card."""
    return card_of(Message(form=DIGEST, about=about))


def chart_of(payload: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Words, number and bar of each row."""
    body = payload["attachments"][0]["content"]["body"]
    rows = []
    for one in body:
        if one["type"] == "ColumnSet":
            words, number, bar = (column["items"][0]["text"] for column in one["columns"])
            rows.append((words, number, bar))
    return rows


def test_the_title_counts_what_stands_told_or_not() -> None:
    assert title_of(card_of_digest(digest())) == "Digest: 209 findings open, 15 new, 11 ended"


def test_what_is_open_is_a_chart_with_its_numbers_the_largest_first() -> None:
    rows = chart_of(card_of_digest(digest(open={"coverage: uncovered": 1200, "seats-low: low": 600})))
    assert rows == [
        ("users not covered", "1,200", BAR * LONGEST_BAR),
        ("products with few seats left", "600", BAR * (LONGEST_BAR // 2)),
    ]


def test_no_bar_is_without_length_and_none_is_longer_than_the_longest() -> None:
    rows = chart_of(card_of_digest(digest(open={"coverage: uncovered": 100_000, "seats-low: low": 1})))
    assert [len(bar) for _, _, bar in rows] == [LONGEST_BAR, 1]


def test_the_chart_sums_up_what_is_beyond_its_rows() -> None:
    codes = [f"{kind}: {state}" for kind, row in RULES.kinds.items() for state in row.states]
    counts = {code: 1000 - n for n, code in enumerate(codes)}
    rows = chart_of(card_of_digest(digest(open=counts)))
    assert len(rows) == CHARTED + 1
    assert rows[-1][:2] == ("others", TEXTS.number(sum(sorted(counts.values())[:-CHARTED])))


def test_it_says_what_was_told_since_the_last_one() -> None:
    payload = card_of_digest(digest())
    assert "Told since 5 March 2026" in text_of(payload)
    assert facts_of(payload)["users not covered"] == "14 new, 11 ended"
    assert "Told until now" in text_of(card_of_digest(digest(since=None)))


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("muted-by:no-licence", "explained by another finding: no licence for password reset in the tenant"),
        ("muted-by:unheard-of", "explained by another finding: unheard-of"),
        ("excepted:x7k2", "excepted: it is agreed not to be told of them"),
        ("held-by-brake", "held: many users changed at once, and it is not sure yet"),
        ("something-new", "something-new"),
    ],
)
def test_every_silence_has_its_reason_in_words(reason: str, words: str) -> None:
    assert f"\n7: {words}\n" in text_of(card_of_digest(digest(quiet={reason: 7})))


def test_reasons_that_read_alike_are_one_line() -> None:
    text = text_of(card_of_digest(digest(quiet={"excepted:a": 2, "excepted:b": 3})))
    assert "\n5: excepted" in text


def test_the_reasons_of_the_decision_are_those_that_have_words() -> None:
    assert TEXTS.codes("quiet") == {
        "told",
        "muted-by",
        "excepted",
        "held-by-licensing",
        "held-by-brake",
        "held-by-change",
        "flapping",
        "confirming",
        "handover-delayed",
        "waiting-for-group",
        "baseline",
    }


def test_what_comes_and_goes_is_named_and_the_rest_counted() -> None:
    flapping = tuple(entry(id=f"f{n}", subject_id=f"f-{n:02}") for n in range(12))
    text = text_of(card_of_digest(digest(flapping=flapping, flapping_more=30)))
    assert "f-09: not covered" in text
    assert "f-10" not in text
    assert "32 more are not listed here." in text


def test_seats_say_what_it_takes() -> None:
    text = text_of(card_of_digest(digest()))
    assert (
        "Entra ID P1 or better: 14 needed, 3 free; 5 more held by accounts that are disabled or "
        "out of reach; 6 to buy." in text
    )
    assert "3 of 25 free, fewer than your threshold of 10." in text
    assert "28 assigned, 25 usable; users without a seat of their own: 3." in text


def test_a_finding_about_seats_without_its_numbers_is_still_a_line() -> None:
    text = text_of(card_of_digest(digest(seats=(entry("seats-short", "short", facts={}),))))
    assert "Your tenant Contoso: Entra ID P1 or better: There are not enough seats" in text


def test_exceptions_are_listed_with_owner_and_end_and_cut() -> None:
    some = tuple(exemption(id=str(n), owner=f"Owner {n}") for n in range(13))
    text = text_of(card_of_digest(digest(exceptions=some)))
    assert (
        "Until 19 March 2026: users without the licence for password reset, for Ada Example "
        "(ada@contoso.example). Owner: Owner 0." in text
    )
    assert "Owner 10" not in text
    assert "3 more are not listed here." in text


@pytest.mark.parametrize(("waiting", "words"), [(1, "1 message could not"), (3, "3 messages could not")])
def test_what_could_not_be_handed_over_is_said(waiting: int, words: str) -> None:
    assert words in text_of(card_of_digest(digest(waiting=waiting)))
    assert "could not be handed over yet;" not in text_of(card_of_digest(digest(waiting=0, quiet={})))


@pytest.mark.parametrize("about", [digest(), quiet_digest(), quiet_digest(users=None, swept_at=None)])
def test_it_always_says_when_the_next_is_due_and_what_its_absence_means(about: Digest) -> None:
    assert about.next_due == AT + timedelta(days=7)
    assert DUE in text_of(card_of_digest(about))


def test_a_quiet_week_is_a_short_sign_of_life() -> None:
    payload = card_of_digest(quiet_digest())
    assert title_of(payload) == "All quiet: 48,210 users watched, nothing to report"
    assert payload["attachments"][0]["content"]["body"][0]["color"] == "good"
    assert facts_of(payload) == {
        "Users watched": "48,210",
        "Everybody was last read": "10 March 2026, 09:00 UTC",
    }
    assert len(text_of(payload).splitlines()) <= 12
    assert BACKDROP.edition in RULES.editions


@pytest.mark.parametrize("about", [quiet_digest(waiting=1), quiet_digest(seats=seats())])
def test_a_week_with_something_in_it_is_not_called_quiet(about: Digest) -> None:
    payload = card_of_digest(about)
    assert title_of(payload) == "Digest: 0 findings open, 0 new, 0 ended"
    assert "Nothing that you were told of is open." in text_of(payload)
    assert payload["attachments"][0]["content"]["body"][0]["color"] == "default"


def test_before_the_first_reading_ends_it_says_so() -> None:
    payload = card_of_digest(quiet_digest(users=None, swept_at=None))
    assert title_of(payload) == "All quiet: nothing to report"
    assert facts_of(payload) == {"Everybody was last read": "not yet"}
