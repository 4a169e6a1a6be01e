"""Every card as people see it: drawn by Microsoft's renderer in a browser, whole, and with nothing added."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import pytest

from sandbox.cards.drawing import CardBrowser
from sandbox.cards.look import THEMES, Theme
from shared.model import Moment
from shared.notify.cards import card
from shared.notify.messages import BASELINE, SUMMARY, Item, Message
from shared.notify.names import Names, Person
from tests.notify.card_gallery import content, gallery
from tests.notify.card_samples import (
    BACKDROP,
    GROUP_ID,
    USER_ID,
    entry,
    names,
    schema_faults,
    single,
    wording,
)

GALLERY = gallery()
NARROW, WIDE = 400, 800
"""CSS pixels of a page as wide as a telephone, and as a channel on a laptop."""

_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


def visible(text: str) -> str:
    """What Markdown shows of a text of ours: without backslashes, one space for many."""
    return " ".join(_ESCAPED.sub(r"\1", text).split())


def spaced(texts: Iterable[str]) -> list[str]:
    """The texts with one space for many."""
    return [" ".join(text.split()) for text in texts]


@pytest.mark.parametrize("name", GALLERY)
def test_every_card_is_valid_by_the_published_schema(name: str) -> None:
    assert schema_faults(GALLERY[name]) == []


@pytest.mark.real
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", GALLERY)
def test_every_card_is_drawn_whole_and_nothing_else(
    name: str, theme: Theme, card_browser: CardBrowser
) -> None:
    shown = content(GALLERY[name])
    drawn = card_browser.draw(shown, theme, width=WIDE)
    assert drawn.complaints == ()
    assert drawn.requests == ()
    assert drawn.anchors == ()
    assert (drawn.scrolls, drawn.cut_off) == (False, ())
    assert len(drawn.blocks) == len(shown["body"])
    for block, element in zip(spaced(drawn.blocks), shown["body"], strict=True):
        assert element["type"] == "FactSet" or block == visible(element["text"])
    facts = [fact for one in shown["body"] if one["type"] == "FactSet" for fact in one["facts"]]
    assert [tuple(spaced(row)) for row in drawn.facts] == [
        (visible(fact["title"]), visible(fact["value"])) for fact in facts
    ]
    actions = shown.get("actions", [])
    assert list(drawn.buttons) == [action["title"] for action in actions]
    assert drawn.opened == tuple((action["title"], action["url"]) for action in actions)


@pytest.mark.real
@pytest.mark.parametrize("name", GALLERY)
def test_no_card_is_wider_than_a_telephone(name: str, card_browser: CardBrowser) -> None:
    drawn = card_browser.draw(content(GALLERY[name]), width=NARROW)
    assert (drawn.scrolls, drawn.cut_off) == (False, ())


HOSTILE = {
    "[x](https://evil.example)": "[x](https://evil.example)",
    "![x](https://evil.example/p.png)": "![x](https://evil.example/p.png)",
    "<at>everyone</at>": "\u2039at\u203aeveryone\u2039/at\u203a",
    "<script>alert(1)</script>": "\u2039script\u203aalert(1)\u2039/script\u203a",
    "<img src=x onerror=alert(1)>": "\u2039img src=x onerror=alert(1)\u203a",
    "Ada \u202egnp.exe\u202c\u200f": "Ada gnp.exe",
    "x" * 2000: "x" * 119 + "…",
    "W" * 119: "W" * 119,
    "W" * 40: "W" * 40,
    "🧑\u200d💻 Zoë 🚀": "🧑💻 Zoë 🚀",
    "=cmd|' /C calc'!A0": "=cmd|' /C calc'!A0",
    "{{DATE(2026-01-01T00:00:00Z, SHORT)}}": "{{DATE(2026-01-01T00:00:00Z, SHORT)}}",
    "Ada\n# heading": "Ada # heading",
    "# heading": "# heading",
    "1. list": "1. list",
    "**bold** _it_ ~~gone~~ `code`": "**bold** _it_ ~~gone~~ `code`",
    "https://evil.example": "https://evil.example",
    "&lt;b&gt; &#35;": "&lt;b&gt; &#35;",
    "@channel": "@channel",
}
"""Hostile names, and what a reader sees of each."""

GAP = "\u200b"


def of_one(shown: Names) -> dict[str, Mapping[str, Any]]:
    """Cards with the name of a user, a group, a product and the tenant in each place a name can take."""
    kinds = {
        "coverage": "uncovered",
        "licence-errors": "error",
        "assignment-error": "error",
        "no-licence": "missing",
    }
    cards = {kind: content(single(entry(kind, state), shown=shown)) for kind, state in kinds.items()}
    items = tuple(Item(moment=Moment.OPENED, entry=entry(kind, state)) for kind, state in kinds.items())
    for form in (SUMMARY, BASELINE):
        cards[form] = content(card(Message(form=form, items=items), wording(shown), BACKDROP))
    return cards


def named(name: str) -> Names:
    """A tenant in which everything is called this."""
    return msgspec.structs.replace(
        names(users={USER_ID: Person(name, f"{name}@contoso.example")}, groups={GROUP_ID: name}),
        product=lambda _: name,
        tenant=name,
    )


@pytest.fixture(scope="module")
def harmless_trees(card_browser: CardBrowser) -> Mapping[str, str]:
    """The elements of the same cards where everything has an ordinary name."""
    return {kind: card_browser.draw(shown).tree for kind, shown in of_one(named("Ada Example")).items()}


@pytest.mark.real
@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_name_is_text_and_changes_nothing_else_of_a_card(
    name: str, harmless_trees: Mapping[str, str], card_browser: CardBrowser
) -> None:
    for kind, shown in of_one(named(name)).items():
        narrow, drawn = (card_browser.draw(shown, width=width) for width in (NARROW, WIDE))
        assert drawn.tree == harmless_trees[kind]
        # On the narrowest page a long address may not fit into a table; all of it is on any other.
        assert (narrow.scrolls, drawn.scrolls, drawn.cut_off) == (False, False, ())
        assert HOSTILE[name] in drawn.text.replace(GAP, "")
        assert drawn.complaints == drawn.requests == drawn.anchors == ()
        assert [url for _, url in drawn.opened] == [action["url"] for action in shown.get("actions", [])]


@pytest.mark.real
@pytest.mark.parametrize(
    "name",
    [
        "[x](https://evil.example)",
        "![x](https://evil.example/p.png)",
        "# heading",
        "1. list",
        "**bold**",
        "https://evil.example",
        "{{DATE(2026-01-01T00:00:00Z, SHORT)}}",
        "&lt;b&gt;",
    ],
)
def test_the_same_name_unguarded_would_be_seen_to_do_something(name: str, card_browser: CardBrowser) -> None:
    bare = {"type": "AdaptiveCard", "version": "1.4"}
    plainly, raw = (
        card_browser.draw(bare | {"body": [{"type": "TextBlock", "text": text, "wrap": True}]})
        for text in ("Ada Example", name)
    )
    assert raw.tree != plainly.tree or raw.text.strip() != name
