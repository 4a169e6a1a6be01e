"""The browser that draws cards: it notices what is wrong with one, and reaches nothing."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.cards.browser import NAMES, BrowserMissing, find_browser
from sandbox.cards.drawing import CardBrowser

SENTENCE = {"type": "TextBlock", "text": "A sentence.", "wrap": True}


def of(*body: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A card of these elements."""
    return {"type": "AdaptiveCard", "version": "1.4", "lang": "en", "body": list(body), **fields}


# --- finding it -----------------------------------------------------------------------------------------


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("name", NAMES)
def test_a_browser_on_the_path_is_found_by_each_of_its_names(name: str, tmp_path: Path) -> None:
    there = executable(tmp_path / name)
    assert find_browser(path=str(tmp_path), bundles=()) == there


def test_a_browser_among_macos_applications_is_found_where_the_path_has_none(tmp_path: Path) -> None:
    there = executable(tmp_path / "Google Chrome.app" / "Contents" / "MacOS" / "Google Chrome")
    nothing = tmp_path / "Chromium.app" / "Contents" / "MacOS" / "Chromium"
    assert find_browser(path=str(tmp_path), bundles=(nothing, there)) == there


def test_a_machine_without_a_browser_is_told_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(BrowserMissing) as said:
        find_browser(path=str(tmp_path), bundles=())
    for words in ("chromium", "apt-get install chromium", "brew install --cask google-chrome"):
        assert words in str(said.value)


# --- drawing --------------------------------------------------------------------------------------------


@pytest.fixture
def visitors() -> Iterator[tuple[str, list[str]]]:
    """A web server on this machine, and the paths it was asked for."""
    asked: list[str] = []

    class Door(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


@pytest.mark.real
def test_what_a_card_would_load_is_listed_and_not_loaded(
    visitors: tuple[str, list[str]], card_browser: CardBrowser
) -> None:
    address, asked = visitors
    drawn = card_browser.draw(of({"type": "Image", "url": f"{address}/x.png"}))
    assert drawn.requests == (f"{address}/x.png",)
    assert asked == []
    assert card_browser.draw(of(SENTENCE)).requests == ()


@pytest.mark.real
def test_what_the_renderer_does_not_know_is_complained_of_and_missing(card_browser: CardBrowser) -> None:
    drawn = card_browser.draw(of(SENTENCE, {"type": "Unheard.Of"}))
    assert [one.partition(":")[0] for one in drawn.complaints] == ["UnknownElementType"]
    assert drawn.blocks == ("A sentence.",)


@pytest.mark.real
def test_a_card_without_faults_is_never_complained_of_however_often_it_is_drawn(
    card_browser: CardBrowser,
) -> None:
    assert [card_browser.draw(of(SENTENCE)).complaints for _ in range(4)] == [()] * 4


@pytest.mark.real
def test_markdown_and_addresses_work_as_in_the_most_generous_host(card_browser: CardBrowser) -> None:
    text = "**bold** [x](https://a.example) https://b.example <b>raw</b>"
    drawn = card_browser.draw(of({"type": "TextBlock", "text": text, "wrap": True}))
    assert "p(strong a a)" in drawn.tree
    assert len(drawn.anchors) == 2
    assert "<b>raw</b>" in drawn.text


@pytest.mark.real
def test_what_is_wider_than_its_place_is_noticed(card_browser: CardBrowser) -> None:
    picture = {"type": "Image", "url": "data:image/svg+xml,<svg/>", "width": "900px", "height": "9px"}
    wide = card_browser.draw(of(picture), width=400)
    assert wide.scrolls or wide.cut_off
    unbroken = {"type": "FactSet", "facts": [{"title": "t", "value": "v" * 300}]}
    assert card_browser.draw(of(unbroken), width=400).cut_off
    columns = [
        {"type": "Column", "width": "50px", "items": [{"type": "TextBlock", "text": "W" * 20, "wrap": wrap}]}
        for wrap in (False, True)
    ]
    first, second = (of({"type": "ColumnSet", "columns": [one]}) for one in columns)
    assert card_browser.draw(first).cut_off
    assert card_browser.draw(second).cut_off == ()
    harmless = card_browser.draw(of(SENTENCE), width=400)
    assert (harmless.scrolls, harmless.cut_off) == (False, ())


@pytest.mark.real
def test_pressing_a_button_is_seen_to_open_its_address(card_browser: CardBrowser) -> None:
    action = {"type": "Action.OpenUrl", "title": "Go", "url": "https://a.example/x"}
    assert card_browser.draw(of(SENTENCE, actions=[action])).opened == (("Go", "https://a.example/x"),)


@pytest.mark.real
def test_a_picture_is_as_wide_as_asked_and_differs_by_theme(card_browser: CardBrowser) -> None:
    light, dark = (
        card_browser.pixels(card_browser.picture(of(SENTENCE), theme, width=300, scale=1.5))
        for theme in ("light", "dark")
    )
    assert light.width == dark.width == 450
    assert len(light.rgba) == 4 * light.width * light.height
    assert light.rgba[:3] > dark.rgba[:3]
