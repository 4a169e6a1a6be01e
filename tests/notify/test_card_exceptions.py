"""Cards of exceptions: what was agreed, how to agree again; and people's own words, which do nothing."""

import msgspec
import pytest

from shared.notify.messages import DECLARED, DIGEST, ENDED, ENDING, RELEASED, ManyExemptions, Message
from shared.notify.saying import commands
from shared.notify.saying.cards import LIMIT
from tests.notify.card_samples import (
    AT,
    GROUP_ID,
    TEXTS,
    all_texts,
    card_of,
    change,
    commands_of,
    digest,
    every_form,
    exemption,
    facts_of,
    many,
    mass,
    names,
    schema_faults,
    size,
    text_of,
    title_of,
)
from tests.notify.story import RULES
from tests.notify.test_card_names import TRICKS, inert

FORMS = every_form()


def test_an_exception_that_ends_says_whose_why_until_when_and_how_to_extend_it() -> None:
    message = FORMS["exception-ending"]
    payload = card_of(message)
    assert title_of(payload) == "An exception ends on 19 March 2026: 1 finding will be told again"
    facts = facts_of(payload)
    assert facts["Excepted"] == "users without the licence for password reset"
    assert facts["For"] == "Ada Example (ada@contoso.example)"
    assert facts["Owner"] == "Ada Example"
    assert facts["Reason"] == "Leaves at the end of the month"
    assert facts["Ends"] == "19 March 2026, 09:00 UTC"
    assert commands_of(payload) == [
        commands.extend(exemption(), AT, owner="your name", reason="why it is agreed"),
        "python -m admin exception end x7k2",
    ]


def test_an_exception_that_has_ended_tells_what_stands_and_what_to_do() -> None:
    payload = card_of(FORMS["exception-ended"])
    assert title_of(payload) == "An exception ended on 12 March 2026: 3 findings still stand"
    text = text_of(payload)
    assert "3 users: " in text
    assert "u-000002: not covered" in text
    assert len(commands_of(payload)) == 1


def test_an_exception_ended_before_its_time_says_until_when_it_was_agreed() -> None:
    assert (
        facts_of(card_of(FORMS["exception-ended-by-hand"]))["Was agreed until"] == "19 March 2026, 09:00 UTC"
    )
    assert "Was agreed until" not in facts_of(card_of(FORMS["exception-ended"]))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"subject_type": "group", "subject_id": GROUP_ID}, "Licensing EMS and everyone in it"),
        ({"subject_type": "tenant", "subject_id": ""}, "Your tenant Contoso"),
        ({"subject_type": "", "subject_id": ""}, "everyone"),
    ],
)
def test_an_exception_says_whom_it_covers(fields: dict[str, str], words: str) -> None:
    message = Message(form=ENDING, items=many(2), about=exemption(**fields))
    assert facts_of(card_of(message))["For"] == words


def test_many_that_end_together_are_listed_with_what_they_cover() -> None:
    payload = card_of(FORMS["exceptions-ending"])
    assert title_of(payload) == "30 exceptions end soon: 30 findings will be told again"
    text = text_of(payload)
    line = "Until 19 March 2026: users without the licence for password reset, for User {}. Owner"
    assert line.format("u-000009") in text
    assert line.format("u-000010") not in text
    assert "20 more are not listed here." in text
    assert commands_of(payload) == [
        "python -m admin exception list",
        "python -m admin exception import exceptions.csv",
    ]


def test_many_that_have_ended_are_listed_with_what_to_do() -> None:
    payload = card_of(FORMS["exceptions-ended"])
    assert title_of(payload) == "30 exceptions have ended: 30 findings still stand"
    assert "30 users: " in text_of(payload)
    assert commands_of(payload)[0] == "python -m admin exception list --all"


@pytest.mark.parametrize("form", [DIGEST, ENDING])
def test_an_exception_of_a_group_says_how_many_users_it_covers_where_that_is_known(form: str) -> None:
    one = exemption(subject_type="group", subject_id=GROUP_ID, kind="")
    about = digest(exceptions=(one,)) if form == DIGEST else one
    counted = msgspec.structs.replace(names(), members={GROUP_ID: 1234}, everybody=1300)
    message = Message(form=form, items=() if form == DIGEST else many(2), about=about)
    assert "Licensing EMS and everyone in it (1,234 of 1,300 users)" in text_of(card_of(message, counted))
    unread = msgspec.structs.replace(counted, members={})
    assert "Licensing EMS and everyone in it" in text_of(card_of(message, unread))
    assert "1,300" not in text_of(card_of(message, unread))


def test_every_kind_has_words_in_an_exception() -> None:
    assert TEXTS.codes("exception", "kinds") == set(RULES.kinds)


@pytest.mark.parametrize("text", TRICKS, ids=range(len(TRICKS)))
def test_what_people_wrote_into_an_exception_does_nothing(text: str) -> None:
    one = exemption(owner=text, reason=text, kind=text, subject_id=text, id=text)
    messages = (
        Message(form=ENDING, items=many(2), about=one),
        Message(form=ENDED, items=many(2), about=one),
        Message(form=ENDING, items=many(2), about=ManyExemptions((one, one))),
        Message(form=DIGEST, about=digest(exceptions=(one,), quiet={text: 1, f"muted-by:{text}": 2})),
        Message(form=RELEASED, items=many(2), about=mass(by=text, causes=(text,), kinds={text: 3})),
        Message(form=DECLARED, about=change(settings={text: (text, text)}, skus=(text,))),
    )
    for message in messages:
        payload = card_of(message, msgspec.structs.replace(names(), product=str))
        assert schema_faults(payload) == []
        assert size(payload) <= LIMIT
        assert payload["attachments"][0]["content"]["msteams"] == {"width": "full"}
        assert all(inert(line) for line in all_texts(payload))
        assert all(text not in line for line in commands_of(payload))
