"""The README's pictures: small, of the cards they are named for, and none without its card."""

import struct
import zlib
from pathlib import Path

import pytest

from sandbox.cards.drawing import CardBrowser
from tools.draw_pictures import BOXES, PICTURES, SHOWN, CardMissing, card_that_says, draw_cards, flow
from tools.few_colours import COLOURS, palette, small_png
from tools.report_pictures import LARGEST as LARGEST_REPORT
from tools.report_pictures import THEMES, draw_report

LARGEST = 60_000
"""Bytes of a picture that a README loads at once."""


def of(words: str, **fact: str) -> dict[str, object]:
    """A card with these words as its title, and perhaps a fact."""
    body: list[dict[str, object]] = [{"type": "TextBlock", "text": words}]
    if fact:
        columns = [{"type": "Column", "items": [{"type": "TextBlock", "text": one}]} for one in fact.values()]
        body.append({"type": "Container", "items": [{"type": "ColumnSet", "columns": columns}]})
    return {"type": "AdaptiveCard", "version": "1.4", "fallbackText": words, "body": body}


def test_a_card_is_found_by_its_title_or_by_its_facts() -> None:
    cards = [of("One"), of("Two", title="Who", value="Ada")]
    assert card_that_says("One", cards) is cards[0]
    assert card_that_says("Who: Ada", cards) is cards[1]


def test_a_card_that_the_demo_did_not_post_is_named_beside_those_it_did() -> None:
    with pytest.raises(CardMissing, match=r"No card of the demo says 'Three'. There are: One; Two\."):
        card_that_says("Three", [of("One"), of("Two")])


def test_nothing_is_drawn_where_a_card_is_missing(tmp_path: Path) -> None:
    with pytest.raises(CardMissing):
        draw_cards([of(words) for words in list(SHOWN.values())[:-1]], tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.real
def test_each_picture_is_drawn_from_its_card(tmp_path: Path) -> None:
    draw_cards([of(words) for words in SHOWN.values()], tmp_path)
    assert {one.stem for one in tmp_path.iterdir()} == set(SHOWN)
    assert all(one.read_bytes().startswith(b"\x89PNG") for one in tmp_path.iterdir())


@pytest.mark.real
def test_the_report_is_drawn_in_light_and_dark(tmp_path: Path, card_browser: CardBrowser) -> None:
    draw_report(tmp_path, card_browser)
    drawn = {one.stem: card_browser.pixels(one.read_bytes()) for one in tmp_path.iterdir()}
    assert set(drawn) == {f"report-{theme}" for theme in THEMES}
    corner = {name: sum(one.rgba[-4:-1]) for name, one in drawn.items()}
    assert corner["report-light"] > 2 * corner["report-dark"]


@pytest.mark.parametrize("theme", THEMES)
def test_the_pictures_of_the_report_are_kept_and_small(theme: str) -> None:
    assert 0 < (PICTURES / f"report-{theme}.png").stat().st_size <= LARGEST_REPORT


def test_a_picture_of_many_colours_keeps_those_that_few_would_blend() -> None:
    shades = [(n, n, n) for n in range(0, 256, 16)]
    rgba = b"".join(bytes((*shade, 255)) for shade in shades)
    assert len(palette(shades)) < len(shades)
    many = small_png(len(shades), 1, rgba, many=True)
    start = many.index(b"PLTE") + 4
    assert many[start : start + 3 * len(shades)] == bytes(part for shade in shades for part in shade)
    packed = many[many.index(b"IDAT") + 4 : many.index(b"IEND") - 8]
    assert zlib.decompress(packed) == bytes([0, *range(len(shades))])


@pytest.mark.parametrize("name", SHOWN)
def test_each_picture_is_kept_and_small(name: str) -> None:
    assert 0 < (PICTURES / f"{name}.png").stat().st_size < LARGEST


def test_the_flow_that_is_kept_is_the_one_that_is_drawn_and_names_every_part() -> None:
    kept = (PICTURES / "flow.svg").read_text()
    assert kept == flow()
    assert all(f">{title}</text>" in kept for *_, title, _subtitle in BOXES.values())
    assert {"Teams", "ticket system"} <= {title for *_, title, _subtitle in BOXES.values()}


# --- few colours ----------------------------------------------------------------------------------------

WHITE, BLACK, RED = (255, 255, 255), (0, 0, 0), (255, 0, 0)


def rgba(*colours: tuple[int, int, int]) -> bytes:
    return b"".join(bytes((*colour, 255)) for colour in colours)


@pytest.mark.real
def test_a_small_png_shows_the_same_picture(card_browser: CardBrowser) -> None:
    picture = rgba(WHITE, BLACK, RED, RED, WHITE, BLACK)
    shown = card_browser.pixels(small_png(3, 2, picture))
    assert (shown.width, shown.height, shown.rgba) == (3, 2, picture)


def test_a_near_colour_becomes_the_more_frequent_one() -> None:
    data = small_png(3, 1, rgba(WHITE, (250, 250, 250), WHITE))
    at = data.index(b"PLTE")
    assert struct.unpack(">I", data[at - 4 : at]) == (3,)
    assert data[at + 4 : at + 7] == bytes(WHITE)
    at = data.index(b"IDAT")
    assert zlib.decompress(data[at + 4 : data.index(b"IEND") - 8]) == b"\0\0\0"


def test_there_are_never_more_colours_than_four_bits_tell_apart() -> None:
    many = [(red, green, 0) for red in range(0, 256, 64) for green in range(0, 256, 32)]
    assert len(palette(many)) == COLOURS
