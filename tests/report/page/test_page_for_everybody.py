"""The page for whoever sees little, has a small screen, likes it dark, or uses the keyboard alone."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from shared.texts.catalogue import catalogue, languages
from tests.report.page.drawn import EMPTY
from tests.report.page.drawn import page as drawn_page
from tests.report.page.looking import Looker, Theme, grave_faults, ground, settled
from tests.report.page.serving import Server

pytestmark = pytest.mark.real

ENGLISH = catalogue("en")
N = 12_000
THEMES: tuple[Theme, ...] = ("light", "dark")


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_grave(looks: Looker, server: Server, theme: Theme, language: str) -> None:
    with looks.page(f"{server.url}/report?language={language}", theme=theme) as page:
        page.locator("#rows input").nth(1).check()
        page.locator("#rows .open").first.click()
        expect(page.locator(".detail li").first).to_be_visible()
        for one in page.locator("summary").all():
            one.click()
        assert grave_faults(page) == []
        assert page.locator("html").get_attribute("lang") == language


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_grave_where_all_is_empty(looks: Looker, tmp_path: Path, theme: Theme) -> None:
    there = tmp_path / "report.html"
    there.write_text(drawn_page(ENGLISH, 0, EMPTY).html, encoding="utf-8")
    with looks.page(there.as_uri(), theme=theme) as page:
        assert grave_faults(page) == []


def test_the_theme_is_the_systems_until_the_button_says_otherwise_and_is_kept(
    looks: Looker, server: Server
) -> None:
    for theme in THEMES:
        with looks.page(f"{server.url}/report", theme=theme) as page:
            button = page.get_by_role("button", name="Dark theme")
            assert (ground(page) < 128) == (theme == "dark")
            expect(button).to_have_attribute("aria-pressed", str(theme == "dark").lower())
            button.click()
            assert (ground(page) < 128) == (theme == "light")
            page.reload()
            assert (ground(page) < 128) == (theme == "light")


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("width", [360, 768])
def test_a_narrow_screen_scrolls_downwards_only(
    looks: Looker, server: Server, width: int, language: str
) -> None:
    with looks.page(f"{server.url}/report?language={language}", width=width) as page:
        page.locator("#rows input").nth(1).check()
        page.locator("#rows .open").first.click()
        for one in page.locator("summary").all():
            one.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for one in page.locator("#rows .level .icon").all():
            seen = one.bounding_box()
            assert seen
            assert seen["x"] + seen["width"] < width - 14, "the table need not be scrolled either"


@pytest.mark.parametrize("language", languages())
def test_on_a_telephone_rows_are_blocks_whose_cells_have_their_titles(
    looks: Looker, server: Server, language: str
) -> None:
    with looks.page(f"{server.url}/report?language={language}", width=360, height=740) as page:
        expect(page.locator("#rows tr.row")).to_have_count(25)
        titles = [one.strip() for one in page.locator("#users thead th").all_text_contents()]
        first = page.locator("#rows tr.row").first
        shown = first.locator("td:not(.pick)").evaluate_all(
            "(all) => all.map((one) => getComputedStyle(one, '::before').content)"
        )
        assert shown == [f'"{one}: "' for one in titles[2:]]
        wide = page.locator("table.stacks:visible").evaluate_all(
            "(all) => all.filter((one) => one.scrollWidth > one.parentElement.clientWidth).length"
        )
        assert wide == 0, "nothing is beyond the edge"
        assert page.locator("table.stacks").count() >= 6
        narrow = page.locator(".stacks tbody th bdi:visible, .stacks td bdi:visible").evaluate_all(
            "(all) => Math.min(...all.map((one) => one.closest('th, td').clientWidth))"
        )
        assert narrow >= 200
        expect(page.locator("#seats .drawing")).to_be_hidden()
        trend = page.locator("#trend .drawing svg").bounding_box()
        assert trend
        assert trend["x"] + trend["width"] <= 360
        assert page.evaluate("document.documentElement.scrollHeight") < 17_000
        assert grave_faults(page) == []


def test_all_can_be_done_by_keyboard(looks: Looker, file: str) -> None:
    with looks.page(file) as page:
        page.keyboard.press("Tab")
        expect(page.locator(".skip")).to_be_focused()
        expect(page.locator(".skip")).to_be_in_viewport()
        page.keyboard.press("Enter")
        expect(page.locator("#act")).to_be_focused()
        page.keyboard.press("Tab")
        expect(page.get_by_label("Search by name")).to_be_focused()
        page.keyboard.type("a")
        for _ in range(4):
            page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Clear")).to_be_focused()
        page.keyboard.press("Enter")
        settled(page, "343 users found")
        page.keyboard.press("Tab")  # the region that can be scrolled
        page.keyboard.press("Tab")
        expect(page.get_by_label("Select every user of this page")).to_be_focused()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("[data-sort=name]")).to_have_attribute("aria-sort", "ascending")
        for _ in range(4):
            page.keyboard.press("Tab")
        page.keyboard.press("Space")
        expect(page.locator("#picked-count")).to_have_text("1 user selected")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator(".detail")).to_be_visible()
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
