"""Every card as people see it: drawn by Microsoft's renderer in a browser, whole, and with nothing added."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest

from sandbox.cards.drawing import CardBrowser, Drawn
from sandbox.cards.look import Theme
from shared.texts.catalogue import Catalogue
from tests.hostile import HOSTILE, seen_on_card
from tests.notify.card_gallery import Payload, content, forms, forms_of, gallery
from tests.notify.card_samples import commands_of, schema_faults

NARROW, WIDE = 400, 800
"""CSS pixels of a page as wide as a telephone, and as a channel on a laptop."""

LONGEST_WORD = 18
"""So many signs of the font of Teams fit into the column of titles."""

GAP = "\u200b"
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


def visible(text: str) -> str:
    """What Markdown shows of a text of ours: without backslashes, one space for many."""
    return " ".join(_ESCAPED.sub(r"\1", text).split())


def spaced(texts: Iterable[str]) -> list[str]:
    """The texts with one space for many."""
    return [" ".join(text.split()) for text in texts]


def column_sets(elements: Iterable[Mapping[str, Any]]) -> Iterator[list[str]]:
    """The text of each column, set by set."""
    for element in elements:
        if element["type"] == "Container":
            yield from column_sets(element["items"])
        elif element["type"] == "ColumnSet":
            yield [visible(one["text"]) for column in element["columns"] for one in column["items"]]


def facts_in(payload: Payload) -> list[Mapping[str, Any]]:
    """The elements of a card that hold facts."""
    return [one for one in content(payload)["body"] if one["type"] == "Container"]


def lacks(payload: Payload, drawn: Drawn) -> list[str]:
    """What is wrong with the picture of a card: a part that isn't seen as it is written, or was added."""
    shown = content(payload)
    body, actions = shown["body"], shown.get("actions", [])
    told = [(one, spaced([block])[0]) for one, block in zip(body, drawn.blocks, strict=False)]
    facts = [fact for one in body if one["type"] == "FactSet" for fact in one["facts"]]
    right = {
        "understood": drawn.complaints == (),
        "loads nothing": drawn.requests == (),
        "no link but buttons": drawn.anchors == (),
        "not moved sideways": not drawn.scrolls,
        "not cut off": drawn.cut_off == (),
        "every element": len(drawn.blocks) == len(body),
        "title": spaced(drawn.blocks[:1]) == [visible(body[0]["text"])],
        "texts": all(seen == visible(one["text"]) for one, seen in told if one["type"] == "TextBlock"),
        "counts": [tuple(spaced(row)) for row in drawn.facts]
        == [(visible(fact["title"]), visible(fact["value"])) for fact in facts],
        "facts": [spaced(row) for row in drawn.rows] == list(column_sets(body)),
        "commands": spaced(drawn.typed) == spaced(commands_of(payload)),
        "buttons": list(drawn.buttons) == [action["title"] for action in actions],
        "opened": list(drawn.opened) == [(action["title"], action["url"]) for action in actions],
    }
    return [what for what, holds in right.items() if not holds]


def lacking(browser: CardBrowser, cards: Mapping[str, Payload], theme: Theme, width: int) -> dict[str, Any]:
    """By name of the card, what is wrong with its picture."""
    drawn = browser.draw_all([content(one) for one in cards.values()], theme, width=width)
    found = {name: lacks(cards[name], one) for name, one in zip(cards, drawn, strict=True)}
    return {name: wrong for name, wrong in found.items() if wrong}


def outline(node: Any) -> Any:
    """An element without its words: most elements of most cards are alike."""
    if isinstance(node, Mapping):
        words = ("text", "title", "value", "url")
        return {key: "" if key in words else outline(inner) for key, inner in node.items()}
    return [outline(one) for one in node] if isinstance(node, list) else node


def test_every_element_of_every_card_is_valid_by_the_published_schema() -> None:
    cards = [content(one) for one in gallery().values()]
    elements = {json.dumps(outline(one)): one for card in cards for one in card["body"]}
    actions = [one for card in cards for one in card.get("actions", [])]
    assert len(actions) > 50
    every = {**cards[0], "body": list(elements.values()), "actions": actions[:1]}
    assert {one["type"] for one in every["body"]} == {"TextBlock", "Container", "FactSet", "ColumnSet"}
    assert schema_faults({"attachments": [{"content": every}]}) == []
    assert {json.dumps(outline(one)) for one in actions} == {json.dumps(outline(actions[0]))}


def test_no_word_of_a_facts_title_is_too_wide_for_its_column(texts: Catalogue) -> None:
    facts = [fact for one in gallery(texts).values() for fact in column_sets(facts_in(one))]
    words = {word for title, _ in facts for word in title.split()}
    assert len(words) > 20
    assert {word for word in words if len(word) > LONGEST_WORD} == set()


@pytest.mark.real
@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_every_card_is_drawn_whole_and_nothing_else(width: int, card_browser: CardBrowser) -> None:
    assert lacking(card_browser, gallery(), "light", width) == {}


@pytest.mark.real
def test_every_form_is_drawn_whole_in_every_language(texts: Catalogue, card_browser: CardBrowser) -> None:
    assert lacking(card_browser, forms(texts), "light", NARROW) == {}


@pytest.mark.real
def test_every_form_is_drawn_whole_on_a_dark_page(card_browser: CardBrowser) -> None:
    assert lacking(card_browser, forms(), "dark", WIDE) == {}


@pytest.mark.real
def test_a_command_stands_as_it_is_typed_and_can_be_copied(
    texts: Catalogue, card_browser: CardBrowser
) -> None:
    cards = [content(one) for one in forms(texts).values()]
    typed = [line for drawn in card_browser.draw_all(cards) for line in drawn.typed]
    assert {line.split()[3] for line in typed} == {"exception", "release"}
    for line in typed:
        assert line.startswith("python -m admin ")
        assert line.isascii()
        assert "\\" not in line
    assert any(' --owner "' in line for line in typed)
    assert "python -m admin release --discard" in typed


# --- hostile names ----------------------------------------------------------------------------------------

NAMELESS = {
    "baseline-clean",
    "declared-nothing",
    "digest-quiet",
    "digest-quiet-uncounted",
    "returned",
    "returned-some-left",
}
"""Forms that name nobody and nothing of the tenant."""


@pytest.fixture(scope="module")
def harmless(card_browser: CardBrowser) -> Mapping[str, str]:
    """The elements of every form where everything has an ordinary name."""
    cards = forms_of("Ada Example")
    drawn = card_browser.draw_all([content(one) for one in cards.values()])
    return {form: one.tree for form, one in zip(cards, drawn, strict=True)}


@pytest.mark.real
@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_name_is_text_and_changes_nothing_else_of_any_form(
    what: str, harmless: Mapping[str, str], card_browser: CardBrowser
) -> None:
    cards = forms_of(HOSTILE[what][0])
    for width in (NARROW, WIDE):
        drawn = card_browser.draw_all([content(one) for one in cards.values()], width=width)
        for form, one in zip(cards, drawn, strict=True):
            assert lacks(cards[form], one) == [], form
            assert one.tree == harmless[form], form
            assert form in NAMELESS or seen_on_card(what) in one.text.replace(GAP, ""), form


@pytest.mark.real
def test_a_long_word_in_a_name_hides_nothing_on_a_telephone(card_browser: CardBrowser) -> None:
    for name in ("SG_LICENCES_MICROSOFT365_E5_EMPLOYEES_NL", "W" * 24, "W" * 119):
        assert lacking(card_browser, forms_of(name), "light", NARROW) == {}


@pytest.mark.real
def test_the_same_names_unguarded_would_be_seen_to_do_something(card_browser: CardBrowser) -> None:
    raw = [
        "[x](https://evil.example)",
        "![x](https://evil.example/p.png)",
        "# heading",
        "1. list",
        "**bold**",
        "https://evil.example",
        "{{DATE(2026-01-01T00:00:00Z, SHORT)}}",
        "&lt;b&gt;",
    ]
    bare = {"type": "AdaptiveCard", "version": "1.4"}
    cards = [
        bare | {"body": [{"type": "TextBlock", "text": one, "wrap": True}]} for one in ("Ada Example", *raw)
    ]
    plainly, *others = card_browser.draw_all(cards)
    for name, one in zip(raw, others, strict=True):
        assert one.tree != plainly.tree or one.text.strip() != name
