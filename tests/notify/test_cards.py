"""Cards of one finding: what they say, in the envelope and the schema that Teams takes."""

import msgspec
import pytest

from shared.model import Moment, Step, SubjectType
from shared.notify.entries import Heard
from shared.notify.exceptions.proposals import NEVER
from shared.notify.messages import Item, Message
from shared.notify.saying.cards import LIMIT, Backdrop, card
from tests.notify.card_samples import (
    ALLOWED,
    AT,
    BACKDROP,
    BY_STATE,
    EMS_E3,
    GROUP_ID,
    ended,
    entry,
    facts_of,
    kinds_of,
    remedy_of,
    schema_faults,
    single,
    size,
    text_of,
    wording,
)
from tests.notify.story import RULES, second


@pytest.mark.parametrize(("kind", "state"), BY_STATE)
def test_a_card_of_every_kind_is_valid_and_says_what_why_and_what_to_do(kind: str, state: str) -> None:
    one = entry(kind, state)
    payload = single(one)
    assert schema_faults(payload) == []
    assert kinds_of(payload["attachments"][0]["content"]) <= ALLOWED
    assert size(payload) <= LIMIT
    facts, text = facts_of(payload), text_of(payload)
    assert {"Who", "State", "Since"} <= facts.keys()
    assert "Why am I told this?" in text
    assert len(remedy_of(payload)) >= 1
    of_the_watch = kind == "watch-unwell"
    foot = (
        "Judged by Microsoft's page of 24 October 2017. "
        "7 users would be judged otherwise by its page of 4 March 2025."
    )
    assert ("Rule" in facts, foot in text, "Microsoft's page of" in text) == (not of_the_watch,) * 3
    assert ("exception add" in text) == (kind not in NEVER)
    assert "the code " not in text
    (action,) = payload["attachments"][0]["content"]["actions"]
    assert action["url"].startswith("https://")
    assert "{" not in action["url"]


def test_the_envelope_is_the_one_that_workflows_take() -> None:
    payload = single(entry())
    assert payload["type"] == "message"
    (attachment,) = payload["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert attachment["contentUrl"] is None
    content = attachment["content"]
    assert (content["type"], content["version"]) == ("AdaptiveCard", "1.4")
    assert content["$schema"] == "http://adaptivecards.io/schemas/adaptive-card.json"
    assert content["msteams"] == {"width": "full"}


def test_a_writeback_card_cites_both_rules_their_page_the_cause_and_the_free_seats() -> None:
    step = Step(step="assign-free-seat", values={"sku": EMS_E3, "free": 3, "groups": [GROUP_ID]})
    one = entry("coverage", "writeback-uncovered", rule="S7", cause="cloud-level-only", remedy=(step,))
    payload = single(one)
    facts = facts_of(payload)
    reset, _, writeback = facts["Rule"].partition("; ")
    assert reset.startswith("S5: a synchronised user needs Entra ID P1 or P2")
    assert writeback.startswith("S7: an Office 365 licence by itself does not allow password writeback")
    assert writeback.endswith(" — Microsoft's page of 24 October 2017")
    assert "needs Entra ID P1 or better" in facts["Cause"]
    assert facts["Licences held"] == "Office 365 E3"
    assert (
        "\nAssign Enterprise Mobility + Security E3 by making whoever needs it a direct member "
        "of a group that assigns it: Licensing EMS" in text_of(payload)
    )


def test_the_second_edition_cites_its_own_rules() -> None:
    cell = next(
        cell for cell in RULES.editions["2025-03-04"].cells.values() if cell.state == "writeback-uncovered"
    )
    one = entry("coverage", "writeback-uncovered", rule=cell.rule, edition="2025-03-04")
    rule = facts_of(single(one))["Rule"]
    assert rule.endswith("Microsoft's page of 4 March 2025")
    assert cell.rule in rule


def test_a_group_card_names_group_product_seats_and_error() -> None:
    facts = facts_of(single(entry("licence-errors", "error", cause="CountViolation")))
    assert facts["Who"] == "Licensing EMS"
    assert facts["Products"] == "Enterprise Mobility + Security E3"
    assert facts["Seats"] == "25 of 25 in use, 0 free"
    assert facts["Cause"] == "not enough seats (CountViolation)"
    assert facts["Members concerned"] == "40"


def test_a_fixed_card_says_fixed_and_asks_for_nothing() -> None:
    payload = single(ended(entry(), "licensed"))
    title = payload["attachments"][0]["content"]["body"][0]["text"]
    assert title == "Fixed: A user is licensed for password reset again"
    assert "What to do" not in text_of(payload)
    assert "exception add" not in text_of(payload)
    facts = facts_of(payload)
    assert facts["Before"].startswith("Not covered")
    assert facts["Now"] == "A licence for it is in place."
    assert facts["Was open since"] < facts["Ended"]
    assert "Rule" not in facts
    assert schema_faults(payload) == []


@pytest.mark.parametrize(
    ("times", "words"),
    [(1, "It was closed before and came back."), (3, "It was closed before and came back (3 times).")],
)
def test_a_card_says_how_often_a_finding_came_back(times: int, words: str) -> None:
    again = msgspec.structs.replace(entry(), reopened=times)
    assert words in text_of(single(again))
    assert "came back" not in text_of(single(entry()))


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        ("left-reach: account-disabled", "No longer asked of this user: the account is disabled."),
        ("deleted", "was deleted"),
        ("rule-changed", "that is not to say that anything was mended"),
        ("still-broken", "not in order"),
        ("administrator-free", "as an administrator the user needs none"),
        ("covered-otherwise", "Another licence covers the user"),
        ("no-longer-synced", "no longer synchronised"),
        ("fact-known", "is known now"),
        ("not-registered", "no longer says that the account is registered"),
        ("fixed", "This is no longer so."),
        ("something new", "It ended: something new."),
    ],
)
def test_any_other_end_of_a_user_finding_is_called_closed_with_its_reason(cause: str, words: str) -> None:
    payload = single(ended(entry(), cause))
    title = payload["attachments"][0]["content"]["body"][0]["text"]
    assert title.startswith("Closed: ")
    assert words in facts_of(payload)["Now"]


def test_the_end_of_a_tenants_trouble_is_called_fixed() -> None:
    payload = single(ended(entry("no-licence", "missing"), "fixed"))
    assert payload["attachments"][0]["content"]["body"][0]["text"].startswith("Fixed: ")


def test_a_changed_card_says_how_it_was_before() -> None:
    told = Heard(state="uncovered", fingerprint="uncovered", at=second(0))
    payload = single(entry("coverage", "writeback-uncovered", told={"": told}), Moment.CHANGED)
    assert payload["attachments"][0]["content"]["body"][0]["text"].startswith("Changed: ")
    assert facts_of(payload)["Before"].startswith("Not covered")


def test_a_card_after_failed_hand_overs_says_since_when() -> None:
    message = Message(form="single", items=(Item(moment=Moment.OPENED, entry=entry()),), late_since=second(0))
    text = text_of(card(message, wording(), BACKDROP))
    assert "could not be handed over since 2 March 2026, 09:00 UTC" in text


@pytest.mark.parametrize(
    ("differing", "words"),
    [
        (None, "Judged by Microsoft's page of 24 October 2017."),
        ({}, "Its page of 4 March 2025 would judge nobody otherwise."),
        ({"2025-03-04": 1}, "1 user would be judged otherwise by its page of 4 March 2025."),
        ({"2025-03-04": 1234}, "1,234 users would be judged otherwise by its page of 4 March 2025."),
    ],
)
def test_the_foot_says_by_which_page_and_how_many_differ(
    differing: dict[str, int] | None, words: str
) -> None:
    message = Message(form="single", items=(Item(moment=Moment.OPENED, entry=entry()),))
    assert words in text_of(
        card(message, wording(), Backdrop(edition="2017-10-24", at=AT, differing=differing))
    )


def test_codes_without_words_are_shown_and_stop_nothing() -> None:
    steps = (Step(step="dance", values={"sku": EMS_E3}), Step(step="buy-seats", values={}))
    one = entry(cause="gremlins", remedy=steps)
    one = msgspec.structs.replace(one, kind="unheard-of", state="odd", rule="", edition="2031-01-01")
    payload = single(one)
    text = text_of(payload)
    assert "the code unheard-of" in text
    assert "the code gremlins" in text
    assert "the code dance" in text
    assert schema_faults(payload) == []


def test_a_licence_error_shows_an_unknown_code_as_it_is() -> None:
    step = Step(step="look-up-error", values={"sku": EMS_E3, "group": "", "code": "NewViolation"})
    payload = single(entry("assignment-error", "error", cause="NewViolation", remedy=(step,)))
    assert facts_of(payload)["Cause"] == "NewViolation"
    assert "(assigned directly) failed with NewViolation" in text_of(payload)


def test_the_links_of_a_card_carry_only_ids_quoted() -> None:
    one = entry(subject_id="a/../b?c=d&e", subject_type=SubjectType.USER)
    (action,) = single(one)["attachments"][0]["content"]["actions"]
    assert "a%2F..%2Fb%3Fc%3Dd%26e" in action["url"]
