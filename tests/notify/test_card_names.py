"""Names on cards: as the administrator chose, and whatever they are, they do nothing."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from shared.model import Moment, Step
from shared.notify.messages import BASELINE, SUMMARY, Item, Message
from shared.notify.saying.cards import LIMIT, NAMED, users_named
from shared.notify.saying.names import Person
from shared.texts.plain import LONGEST, plain, unescaped
from tests.notify.card_samples import (
    EMS_E3,
    GROUP_ID,
    USER_ID,
    all_texts,
    entry,
    facts_of,
    many,
    names,
    schema_faults,
    single,
    size,
    text_of,
)


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


TRICKS = [
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


@pytest.mark.parametrize("name", TRICKS, ids=range(len(TRICKS)))
def test_a_hostile_name_does_nothing(name: str) -> None:
    safe = plain(name)
    assert inert(safe)
    assert len(safe) <= 3 * LONGEST
    for sign in ("<", ">", "\n", "\r", "\u2028", "\u202e", "{{", "${", "://", "www."):
        assert sign not in safe


@settings(max_examples=500)
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


@pytest.mark.parametrize("name", TRICKS, ids=range(len(TRICKS)))
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


@given(st.text(max_size=200))
def test_a_text_without_its_escapes_is_still_one_line_without_brackets_or_links(text: str) -> None:
    shown = unescaped(plain(text))
    assert not any(sign in shown for sign in "<>\n\r\t\x00\u202e")
    assert "://" not in shown
    assert unescaped(plain("O'Neil_Jr. *A* [b] 1. C & D; e&amp;f")) == "O'Neil_Jr. *A* [b] 1. C & D; e&amp;f"


def test_a_long_sign_in_name_can_be_copied_as_it_is() -> None:
    name = "jan-willem.van-den-berg-de-vries@subsidiary.contoso.onmicrosoft.example"
    assert plain(name) == name
