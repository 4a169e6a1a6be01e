"""Every form of card: valid, small, with what happened, why, what to do and what comes by itself."""

import re

import msgspec
import pytest

from shared.model import Moment, Step
from shared.notify.exceptions.exemptions import Exemption
from shared.notify.messages import (
    DECLARED,
    DIGEST,
    ENDED,
    ENDING,
    HELD,
    RELEASED,
    REMINDER,
    RETURNED,
    SUMMARY,
    Digest,
    Item,
    Message,
)
from shared.notify.saying import commands
from shared.notify.saying.cards import LIMIT, NAMED, card, users_named
from shared.notify.saying.names import Person
from shared.texts.plain import LONGEST
from tests.notify.card_samples import (
    ALLOWED,
    AT,
    BACKDROP,
    EMS_E3,
    GROUP_ID,
    OFFICE_E3,
    TEXTS,
    USER_ID,
    all_texts,
    card_of,
    change,
    commands_of,
    ended,
    entry,
    every_form,
    exemption,
    facts_of,
    kinds_of,
    many,
    mass,
    names,
    over,
    remedy_of,
    schema_faults,
    size,
    text_of,
    title_of,
    wording,
)
from tests.notify.test_card_names import inert

FORMS = every_form()
CROWD = many(20_000)


# --- all of them -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMS)
def test_a_card_of_every_form_is_valid_and_small(name: str) -> None:
    payload = card_of(FORMS[name])
    assert schema_faults(payload) == []
    assert kinds_of(payload["attachments"][0]["content"]) <= ALLOWED
    assert size(payload) <= LIMIT
    text = text_of(payload)
    assert "the code " not in text
    assert not re.search(r"\{\w+\}", text)
    assert all(inert(line) for line in all_texts(payload))


@pytest.mark.parametrize("name", [name for name in FORMS if not name.startswith("digest")])
def test_every_card_says_why_it_was_sent(name: str) -> None:
    assert "Why am I told this?" in text_of(card_of(FORMS[name]))


def test_there_is_a_sample_of_every_form() -> None:
    forms = {SUMMARY, REMINDER, HELD, RELEASED, RETURNED, DECLARED, ENDING, ENDED, DIGEST}
    assert {one.form for one in FORMS.values()} == forms | {"single", "baseline"}


@pytest.mark.parametrize("name", FORMS)
def test_a_card_asks_for_exactly_the_names_it_shows(name: str) -> None:
    message = FORMS[name]
    everyone = {item.entry.subject_id for item in message.items} | {USER_ID, "f-2"}
    everyone.update(users_named(message))
    people = {one: Person(f"Person{n:05}", "") for n, one in enumerate(sorted(everyone))}
    text = text_of(card_of(message, names(users=people)))
    shown = {one for one, person in people.items() if person.name in text}
    assert shown == users_named(message)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("sign", ["\U0001f600", "_*"])
def test_twenty_thousand_findings_with_the_longest_names_stay_small(name: str, sign: str) -> None:
    message, long = FORMS[name], sign * LONGEST
    if len(message.items) > 1:
        message = msgspec.structs.replace(message, items=message.items[:1] + CROWD)
    if isinstance(message.about, Digest):
        flapping = tuple(entry(id=f"f{n}", subject_id=f"u-{n:06}") for n in range(500))
        some = tuple(exemption(id=str(n), owner=long, reason=long * 9) for n in range(500))
        about = msgspec.structs.replace(
            message.about, flapping=flapping, exceptions=some, seats=message.about.seats * 100
        )
        message = msgspec.structs.replace(message, about=about)
    if isinstance(message.about, Exemption):
        wordy = msgspec.structs.replace(message.about, owner=long * 9, reason=long * 9)
        message = msgspec.structs.replace(message, about=wordy)
    users = {f"u-{n:06}": Person(long, long) for n in range(NAMED * 2)} | {USER_ID: Person(long, long)}
    shown = msgspec.structs.replace(
        names(users=users, groups={GROUP_ID: long}), product=lambda _: long, tenant=long
    )
    payload = card_of(message, shown)
    assert size(payload) <= LIMIT
    assert schema_faults(payload) == []


def test_a_mass_change_for_the_better_reads_as_good_news() -> None:
    held = text_of(card_of(FORMS["held-better"]))
    assert "users not covered, no longer so" in held
    assert "At least nine in ten of them are covered now." in held
    assert not re.search(r"users not covered$", held, re.MULTILINE)
    released = text_of(card_of(FORMS["released-better"]))
    assert "users covered now, not covered before" in released
    assert not re.search(r"users not covered$", released, re.MULTILINE)
    assert "covered now" not in text_of(
        card_of(Message(form=HELD, about=mass(worse=False, causes=("deleted",))))
    )


# --- many users at once ----------------------------------------------------------------------------------


def test_a_held_card_says_how_many_which_way_since_when_and_what_they_share() -> None:
    payload = card_of(FORMS["held-worse"])
    assert title_of(payload) == "5,012 users got worse at once: held until it is sure"
    facts, text = facts_of(payload), text_of(payload)
    assert "5,000" in text
    assert facts["users not covered for writeback"] == "12"
    for words in (
        "2 March 2026, 09:00 UTC",
        "no licence is held",
        "Enterprise Mobility + Security E3",
        "Licensing EMS",
        "More than 500 users",
        "Every user is read once more.",
        "one short card says so",
    ):
        assert words in text
    assert commands_of(payload) == [commands.RELEASE, commands.DISCARD]
    assert "Judged by" not in text


def test_a_held_card_names_nobody() -> None:
    assert users_named(FORMS["held-worse"]) == frozenset()


def test_what_got_better_is_said_in_the_words_of_an_end() -> None:
    text = text_of(card_of(FORMS["held-better"]))
    assert "5,012 users got better at once" in text
    assert "A licence for it is in place." in text
    left = Message(form=HELD, about=mass(worse=False, causes=("left-reach: account-disabled",)))
    assert "No longer asked of this user: the account is disabled." in text_of(card_of(left))


@pytest.mark.parametrize(
    ("cause", "words"),
    [("CountViolation", "not enough seats (CountViolation)"), ("NewViolation", "NewViolation")],
)
def test_an_error_in_common_is_shown_with_its_meaning_or_as_it_is(cause: str, words: str) -> None:
    message = Message(form=HELD, about=mass(causes=(cause,)))
    assert facts_of(card_of(message))["Cause in common"] == words


def test_a_mass_with_nothing_in_common_says_so() -> None:
    message = Message(form=HELD, about=mass(causes=(), skus=(), groups=()))
    assert "nothing that nine in ten of them share" in text_of(card_of(message))


@pytest.mark.parametrize(
    ("by", "words"),
    [
        ("", "A second reading of all users found the same"),
        ("Ada <at>x</at>", "Ada \u2039at\u203ax\u2039/at\u203a released it"),
    ],
)
def test_a_released_card_says_who_released_it(by: str, words: str) -> None:
    text = text_of(card_of(Message(form=RELEASED, items=many(3), about=mass(by=by))))
    assert "Confirmed: 5,012 users got worse at once" in text
    assert words in text
    assert "u-000002: not covered" in text
    assert "3 users: " in text


def test_what_many_lost_is_first_to_be_given_back_and_only_then_comes_what_else_would_do() -> None:
    small = Step(step="assign-free-seat", values={"sku": OFFICE_E3, "free": 900, "groups": []})
    losers = many(11, facts={"lost": [EMS_E3]}, remedy=(small,))
    message = Message(form=RELEASED, items=(*losers, *many(1, name="other")), about=mass(lost=(EMS_E3,)))
    back, instead, *others = remedy_of(card_of(message), TEXTS.text("summary", "next"))
    assert back.startswith("11 users: Give back what they lost: Enterprise Mobility + Security E3.")
    assert instead == "If it was taken on purpose, this would do instead:"
    assert others[0].startswith("11 users: Assign Office 365 E3")


def test_where_they_lost_nothing_in_common_the_steps_stand_alone() -> None:
    for items, about in (
        (many(11), mass()),
        (many(11, facts={"lost": [OFFICE_E3]}), mass(lost=(EMS_E3,))),
        (over(many(11, facts={"lost": [EMS_E3]})), mass(worse=False)),
    ):
        text = text_of(card_of(Message(form=RELEASED, items=items, about=about)))
        assert "Give back" not in text
        assert "taken on purpose" not in text


def test_what_they_lost_is_named_also_where_nothing_else_is_known_to_do() -> None:
    message = Message(
        form=RELEASED, items=many(11, facts={"lost": [EMS_E3]}, remedy=()), about=mass(lost=(EMS_E3,))
    )
    [back] = remedy_of(card_of(message), TEXTS.text("summary", "next"))
    assert "Give back what they lost: Enterprise Mobility" in back


@pytest.mark.parametrize(
    ("left", "title", "words"),
    [
        (0, "Gone back: 5,012 of 5,012 users are as they were before", ""),
        (
            1,
            "Gone back: 5,011 of 5,012 users are as they were before",
            "1 user is still as the change left them.",
        ),
        (
            12,
            "Gone back: 5,000 of 5,012 users are as they were before",
            "12 users are still as the change left them.",
        ),
    ],
)
def test_a_returned_card_says_how_many_went_back(left: int, title: str, words: str) -> None:
    payload = card_of(Message(form=RETURNED, about=mass(left=left)))
    assert title_of(payload) == title
    assert words in text_of(payload)
    assert ("still as" in text_of(payload)) == bool(left)
    assert "Nothing to do." in text_of(payload)


# --- changes ---------------------------------------------------------------------------------------------


def test_a_declared_card_of_a_new_release_says_so_in_words_and_shows_no_digest() -> None:
    text = text_of(card_of(every_form()["declared-rules"]))
    assert "Since the watch judges by new rules" in text
    assert "judges by other rules" in text
    assert "a1" not in text


def test_a_declared_card_names_the_setting_as_people_know_it_before_and_after() -> None:
    payload = card_of(FORMS["declared-edition"])
    assert title_of(payload) == "Since your change of POLICY_EDITION: 12 opened, 3 resolved"
    text = text_of(payload)
    assert "POLICY_EDITION: 24 October 2017 → 4 March 2025" in text
    assert "12 users: " in text


@pytest.mark.parametrize(
    ("settings", "skus", "title"),
    [
        ({"writeback": ("unknown", "on")}, (), "Since your change of PASSWORD_WRITEBACK:"),
        (
            {"scope": ("auto", "groups"), "scope_groups": ("", GROUP_ID)},
            (),
            "Since your change of SSPR_SCOPE:",
        ),
        (
            {"scope": ("auto", "all"), "seats_low": ("0", "5"), "population": ("enabled", "used")},
            (),
            "Since your change of 3 settings:",
        ),
        ({}, (EMS_E3,), "Since Enterprise Mobility + Security E3 counts otherwise:"),
        ({}, (EMS_E3, OFFICE_E3), "Since 2 products count otherwise:"),
    ],
)
def test_the_title_names_what_was_changed(
    settings: dict[str, tuple[str, str]], skus: tuple[str, ...], title: str
) -> None:
    message = Message(form=DECLARED, about=change(settings=settings, skus=skus))
    assert title_of(card_of(message)).startswith(title)


def test_groups_in_a_setting_are_named_and_no_value_is_called_not_set() -> None:
    settings = {"scope_groups": ("", f"['{GROUP_ID}']"), "contested": ("", "covered")}
    text = text_of(card_of(Message(form=DECLARED, about=change(settings=settings))))
    assert "SSPR_SCOPE: not set → Licensing EMS" in text
    assert "CONTESTED: not set → covered" in text


def test_a_change_that_came_to_nothing_says_so() -> None:
    assert title_of(card_of(FORMS["declared-nothing"])).endswith(": nothing changed for anyone")


# --- still open ------------------------------------------------------------------------------------------


def test_a_reminder_says_for_how_long_and_names_the_oldest_with_their_day() -> None:
    payload = card_of(FORMS["reminder"])
    assert title_of(payload) == "Still open after 10 days: 31 findings"
    assert "u-000000: not covered — no licence is held, since 2 March 2026" in text_of(payload)
    assert "21 more are not named here." in text_of(payload)


def test_the_title_of_a_reminder_has_the_shortest_time() -> None:
    young = Item(moment=Moment.OPENED, entry=entry(since=AT, changed_at=AT))
    assert title_of(card_of(Message(form=REMINDER, items=(*many(1), young)))).startswith(
        "Still open after 0 days: 2 findings"
    )


def test_a_reminder_of_findings_whose_steps_are_not_kept_says_where_they_are() -> None:
    text = text_of(card_of(Message(form=REMINDER, items=many(3, remedy=()))))
    assert "What to do" in text
    assert "The card that first told of a finding has its own steps." in text


def test_a_card_of_many_shows_how_to_except_one_only_where_one_stands() -> None:
    assert commands_of(card_of(FORMS["summary"])) == [
        "python -m admin exception add --user ID --kind KIND --until 2026-04-11 "
        '--owner "your name" --reason "why it is agreed"'
    ]
    ends = over(many(20))
    assert commands_of(card_of(Message(form=SUMMARY, items=ends))) == []


def test_the_page_of_someone_deleted_is_not_opened() -> None:
    payload = card_of(FORMS["single-closed"])
    assert "actions" not in payload["attachments"][0]["content"]
    assert "actions" in card_of(FORMS["single-fixed"])["attachments"][0]["content"]


@pytest.mark.parametrize("form", FORMS)
def test_every_card_has_a_button_that_opens_the_report_by_an_address_without_a_secret(form: str) -> None:
    address = "https://watch.contoso.example/api/report"
    payload = card(FORMS[form], wording(), msgspec.structs.replace(BACKDROP, report=address))
    button = payload["attachments"][0]["content"]["actions"][-1]
    assert (button["title"], button["url"]) == ("Open the report", address)
    assert schema_faults(payload) == []


def test_the_end_of_a_fault_of_the_watch_cites_no_page_of_microsofts() -> None:
    fault = ended(entry("watch-unwell", "unwell", about="sweep"), "fixed")
    payload = card_of(Message(form="single", items=(Item(moment=Moment.RESOLVED, entry=fault),)))
    assert title_of(payload) == "Fixed: The reading of all users goes on again"
    assert "Judged by" not in text_of(payload)
