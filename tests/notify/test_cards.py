"""Cards: what they say, the schema they keep, the size they never pass, and names that can do nothing."""

import json
import re
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from shared.model import Moment, Step, SubjectType
from shared.notify.cards import LIMIT, NAMED, Backdrop, card, users_named
from shared.notify.names import Person
from shared.notify.table import BASELINE, SUMMARY, Heard, Item, Message
from shared.texts.plain import LONGEST, plain
from tests.notify.card_samples import (
    BACKDROP,
    EMS_E3,
    GROUP_ID,
    OFFICE_E3,
    USER_ID,
    all_texts,
    ended,
    entry,
    names,
    schema_faults,
    single,
    wording,
)
from tests.notify.story import RULES, second

BY_STATE = [(kind, state) for kind, row in RULES.kinds.items() for state in row.states]
ALLOWED = {"AdaptiveCard", "TextBlock", "FactSet", "Action.OpenUrl"}


def size(payload: dict[str, Any]) -> int:
    return len(msgspec.json.encode(payload))


def facts_of(payload: dict[str, Any]) -> dict[str, str]:
    body = payload["attachments"][0]["content"]["body"]
    return {fact["title"]: fact["value"] for one in body if one["type"] == "FactSet" for fact in one["facts"]}


def text_of(payload: dict[str, Any]) -> str:
    return "\n".join(all_texts(payload))


def kinds_of(node: Any) -> set[str]:
    """Every element type in a card."""
    if isinstance(node, dict):
        own = {node["type"]} if isinstance(node.get("type"), str) else set()
        return own.union(*(kinds_of(one) for one in node.values()))
    return set().union(*(kinds_of(one) for one in node)) if isinstance(node, list) else set()


def many(count: int, moment: Moment = Moment.OPENED, name: str = "u", **fields: Any) -> tuple[Item, ...]:
    return tuple(
        Item(moment=moment, entry=entry(id=f"{name}{n}", subject_id=f"{name}-{n:06}", **fields))
        for n in range(count)
    )


# --- what every card says -------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "state"), BY_STATE)
def test_a_card_of_every_kind_is_valid_and_says_what_why_and_what_to_do(kind: str, state: str) -> None:
    one = entry(kind, state)
    payload = single(one)
    assert schema_faults(payload) == []
    assert kinds_of(payload["attachments"][0]["content"]) <= ALLOWED
    assert size(payload) <= LIMIT
    facts, text = facts_of(payload), text_of(payload)
    assert {"Who", "State", "Rule", "Since"} <= facts.keys()
    assert "Why am I told this?" in text
    assert "Step 1: " in text
    assert (
        "Judged by Microsoft's page of 24 October 2017; 7 users differ by the page of 4 March 2025." in text
    )
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
    assert facts["Rule"] == "S5, S7 — Microsoft's page of 24 October 2017"
    assert "needs Entra ID P1 or better" in facts["Cause"]
    assert facts["Licences held"] == "Office 365 E3"
    assert (
        "Step 1: Assign Enterprise Mobility + Security E3. Seats free: 3. Assigned by group: Licensing EMS."
        in (text_of(payload))
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
    assert "Step 1" not in text_of(payload)
    assert schema_faults(payload) == []


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        ("left-reach: account-disabled", "No longer asked of this user: the account is disabled."),
        ("deleted", "was deleted"),
        ("rule-changed", "nothing in the tenant did"),
        ("still-broken", "not in order"),
        ("fixed", "This is no longer so."),
        ("something new", "It ended: something new."),
    ],
)
def test_any_other_end_of_a_user_finding_is_called_closed_with_its_reason(cause: str, words: str) -> None:
    payload = single(ended(entry(), cause))
    title = payload["attachments"][0]["content"]["body"][0]["text"]
    assert title.startswith("Closed: ")
    assert words in facts_of(payload)["State"]


def test_the_end_of_a_tenants_trouble_is_called_fixed() -> None:
    payload = single(ended(entry("no-licence", "missing"), "fixed"))
    assert payload["attachments"][0]["content"]["body"][0]["text"].startswith("Fixed: ")


def test_a_changed_card_says_how_it_was_before() -> None:
    told = Heard(state="uncovered", fingerprint="uncovered", at=second(0))
    payload = single(entry("coverage", "writeback-uncovered", told=told), Moment.CHANGED)
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
        ({}, "no user differs by the page of 4 March 2025"),
        ({"2025-03-04": 1}, "1 user differs by the page of 4 March 2025"),
        ({"2025-03-04": 1234}, "1,234 users differ by the page of 4 March 2025"),
    ],
)
def test_the_foot_says_by_which_page_and_how_many_differ(
    differing: dict[str, int] | None, words: str
) -> None:
    message = Message(form="single", items=(Item(moment=Moment.OPENED, entry=entry()),))
    assert words in text_of(card(message, wording(), Backdrop(edition="2017-10-24", differing=differing)))


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


# --- names ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("style", "shown"),
    [
        ("full", "Ada Example (ada@contoso.example)"),
        ("upn", "ada@contoso.example"),
        ("hidden", f"User {USER_ID}"),
    ],
)
def test_users_are_named_as_the_administrator_chose(style: str, shown: str) -> None:
    payload = single(entry(), shown=names(style=style))
    assert facts_of(payload)["Who"] == shown
    if style != "full":
        assert "Ada" not in text_of(payload)
    if style == "hidden":
        assert "ada@" not in json.dumps(payload)


def test_whoever_has_no_name_is_shown_by_id() -> None:
    assert facts_of(single(entry(), shown=names(users={})))["Who"] == f"User {USER_ID}"
    shown = names(groups={})
    assert facts_of(single(entry("licence-errors", "error"), shown=shown))["Who"] == f"Group {GROUP_ID}"


def test_the_card_asks_only_for_names_it_shows() -> None:
    reclaim = Step(step="reclaim-seats", values={"sku": EMS_E3, "reclaimable": 1, "sample": ["other"]})
    one = Message(form="single", items=(Item(moment=Moment.OPENED, entry=entry(remedy=(reclaim,))),))
    assert users_named(one) == {USER_ID, "other"}
    assert len(users_named(Message(form=SUMMARY, items=many(500)))) == NAMED
    assert len(users_named(Message(form=BASELINE, items=many(500)))) == NAMED


HOSTILE = [
    "[click](https://evil.example)",
    "<at>Everyone</at>",
    "![x](https://evil.example/p.png)",
    "# Heading",
    "- list",
    "1. list",
    "+ list",
    "> quote",
    "**bold** _it_ ~~gone~~ `code`",
    "line\nbreak\r\n\u2028\u2029# Heading",
    "{{DATE(2026-01-01T00:00:00Z)}}",
    "${subject}",
    "https://evil.example",
    "www.evil.example",
    "mailto:x@evil.example",
    "&lt;at&gt;x&lt;/at&gt; &#35; &amp;",
    "a\u202egnp.exe\u202c",
    "\\[x\\](y)",
    "| a | b |\n|---|---|",
    "***",
    "===",
    "\ud800 half",
    "x" * 5000,
]
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def inert(text: str) -> bool:
    """Whether Markdown makes one paragraph of plain text of it: no link, mark, list, heading or HTML."""
    blocks = [token.type for token in MARKDOWN.parse(text)]
    if blocks not in (["paragraph_open", "inline", "paragraph_close"], []):
        return False
    tokens = MARKDOWN.parseInline(text)[0].children or []
    return all(token.type in ("text", "text_special") for token in tokens)


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_name_does_nothing(name: str) -> None:
    safe = plain(name)
    assert inert(safe)
    assert len(safe) <= 3 * LONGEST
    for sign in ("<", ">", "\n", "\r", "\u2028", "\u202e", "{{", "${", "://", "www."):
        assert sign not in safe


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=200) | st.text(alphabet="[]()!<>&#;*_~`\\|-+=1.{}$: a\n", max_size=60))
def test_no_name_does_anything_at_the_start_of_a_line_or_within_it(name: str) -> None:
    safe = plain(name)
    assert inert(safe)
    assert inert(f"Who: {safe} and {safe}.")
    safe.encode()


@pytest.mark.parametrize(
    "name", ["Ada Example", "o'neil_jan.de-vries@contoso.example", "R&D (EMEA)", "日本 太郎"]
)
def test_an_ordinary_name_is_shown_unchanged(name: str) -> None:
    assert plain(name) == name


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_leave_the_card_valid_small_and_without_mentions(name: str) -> None:
    shown = msgspec.structs.replace(
        names(users={USER_ID: Person(name, name)}, groups={GROUP_ID: name}),
        product=lambda _: name,
        tenant=name,
    )
    for kind, state in (("coverage", "uncovered"), ("licence-errors", "error"), ("no-licence", "missing")):
        payload = single(entry(kind, state), shown=shown)
        assert schema_faults(payload) == []
        assert size(payload) <= LIMIT
        assert payload["attachments"][0]["content"]["msteams"] == {"width": "full"}
        assert all(inert(text) for text in all_texts(payload))


# --- many findings --------------------------------------------------------------------------------------


def test_a_card_of_many_counts_names_the_first_and_says_what_it_left_out() -> None:
    items = (
        *many(30, cause="nothing-held"),
        *(Item(moment=Moment.RESOLVED, entry=ended(item.entry, "licensed")) for item in many(12, name="f")),
        Item(moment=Moment.RESOLVED, entry=ended(entry(id="d"), "deleted")),
    )
    payload = card(Message(form=SUMMARY, items=items), wording(), BACKDROP)
    text = text_of(payload)
    assert "43 findings about password reset licences: 30 new, 13 ended" in text
    assert facts_of(payload)["users not covered"] == "1"  # the last section's; the others' are in the text
    assert text.count("not covered — no licence is held") == NAMED
    assert "20 more are not named here" in text
    assert "2 more are not named here" in text
    assert "Fixed" in text
    assert "Closed for another reason" in text
    assert schema_faults(payload) == []


def test_a_card_of_many_shows_the_most_frequent_remedy_first() -> None:
    rare = many(2, name="r", remedy=(Step(step="turn-plan-on", values={"sku": EMS_E3}),))
    often = many(9, name="o", remedy=(Step(step="buy-seats", values={"sku": OFFICE_E3, "seats": 1}),))
    text = text_of(card(Message(form=SUMMARY, items=(*rare, *often)), wording(), BACKDROP))
    assert text.index("Or buy more seats") < text.index("Turn on the Entra ID plan")


def test_the_baseline_card_counts_by_kind_and_state_and_says_how_many_were_read() -> None:
    items = (
        Item(moment=Moment.OPENED, entry=entry("no-licence", "missing")),
        *many(1200),
        *many(3, name="w", kind="coverage", state="writeback-uncovered"),
    )
    payload = card(Message(form=BASELINE, items=items), wording(), BACKDROP)
    text, facts = text_of(payload), facts_of(payload)
    assert "The first reading is done: 1,000 users read" in text
    assert facts["users not covered"] == "1,200"
    assert facts["users not covered for writeback"] == "3"
    assert text.index("First look at these") < text.index("First of the users")
    assert "1,193 more are not named here" in text
    assert "What to do next" in text
    assert schema_faults(payload) == []


def test_a_baseline_without_findings_says_that_all_is_well() -> None:
    payload = card(Message(form=BASELINE, items=()), wording(), Backdrop(edition="2017-10-24"))
    text = text_of(payload)
    assert "The first reading is done" in text
    assert "everyone in reach of self-service password reset holds a licence" in text
    assert schema_faults(payload) == []


def test_a_card_of_every_kind_at_once_is_valid_and_small() -> None:
    items = tuple(Item(moment=Moment.OPENED, entry=entry(kind, state)) for kind, state in BY_STATE)
    for form in (SUMMARY, BASELINE):
        payload = card(Message(form=form, items=items), wording(), BACKDROP)
        assert schema_faults(payload) == []
        assert size(payload) <= LIMIT
        assert "the code " not in text_of(payload)


# --- size -----------------------------------------------------------------------------------------------


def test_a_card_that_is_too_large_is_cut_and_says_how_much() -> None:
    steps = tuple(Step(step="turn-plan-on", values={"sku": f"{n}{'x' * 200}"}) for n in range(400))
    payload = single(entry(remedy=steps))
    assert size(payload) <= LIMIT
    text = text_of(payload)
    found = re.search(r"This card was cut to fit: (\d+) lines are not shown", text)
    assert found is not None
    assert int(found[1]) + text.count("Step ") == 401  # every step, and the line of reference
    assert "Judged by Microsoft's page" in text
    assert schema_faults(payload) == []


def test_a_card_that_can_not_be_cut_enough_says_so_and_stays_small() -> None:
    skus = tuple(f"{n}{'y' * 200}" for n in range(5))
    fat = {f"{name}": {str(n): "z" * 100 for n in range(5)} for name in ("held", "group_skus", "short")}
    shown = msgspec.structs.replace(names(), product=lambda sku: sku + "\U0001f600" * 100)
    one = entry("assignment-error", "error", skus=skus, facts=fat | {"codes": ["\U0001f600" * 60] * 9})
    assert size(single(one, shown=shown)) <= LIMIT


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 3000), st.text(max_size=300), st.integers(0, 300), st.sampled_from([SUMMARY, BASELINE]))
def test_no_card_ever_passes_the_limit(count: int, name: str, skus: int, form: str) -> None:
    users = {f"u-{n:06}": Person(name * 5, name * 5) for n in range(count)}
    items = many(count, skus=tuple(name + str(n) for n in range(skus)))
    message = Message(form=form, items=items, late_since=second(0) - timedelta(days=1))
    payload = card(message, wording(names(users=users)), BACKDROP)
    assert size(payload) <= LIMIT
    assert schema_faults(payload) == []


def test_the_links_of_a_card_carry_only_ids_quoted() -> None:
    one = entry(subject_id="a/../b?c=d&e", subject_type=SubjectType.USER)
    (action,) = single(one)["attachments"][0]["content"]["actions"]
    assert "a%2F..%2Fb%3Fc%3Dd%26e" in action["url"]
