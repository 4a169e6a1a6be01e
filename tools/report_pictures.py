"""Draws the report of a tenant that does not exist, in light and dark (`make pictures`)."""

import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, sync_playwright

from sandbox.cards.browser import find_browser
from sandbox.cards.drawing import CardBrowser
from sandbox.sample_report import report, rows
from shared.report.page import as_page
from shared.report.views import Views
from shared.texts.catalogue import catalogue
from tools.few_colours import small_png

WIDTH, HEIGHT, SCALE = 1180, 1030, 1.5
"""CSS pixels: what a laptop shows at first sight, and a little more; and pixels to each."""

LARGEST = 150_000
"""Bytes of a picture."""

THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def draw_report(folder: Path, decoder: CardBrowser) -> None:
    """Write `report-light.png` and `report-dark.png`; `decoder` tells pixels. Raises `BrowserMissing`."""
    texts, made = catalogue("en"), report()
    page = as_page(made, tuple(Views(made, texts).rows(rows(made.rows))), made.rows, texts)
    with tempfile.TemporaryDirectory() as there, sync_playwright() as playwright:
        file = Path(there, "report.html")
        file.write_text(page.html, encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=find_browser())
        for theme in THEMES:
            pixels = decoder.pixels(_picture(browser, file, theme))
            small = small_png(pixels.width, pixels.height, pixels.rgba, many=True)
            (folder / f"report-{theme}.png").write_bytes(small)
        browser.close()


def _picture(browser: Browser, file: Path, theme: Literal["light", "dark"]) -> bytes:
    context = browser.new_context(
        viewport={"width": WIDTH, "height": HEIGHT},
        device_scale_factor=SCALE,
        color_scheme=theme,
        offline=True,
    )
    page = context.new_page()
    page.goto(file.as_uri())
    page.locator("#status:not(:empty)").wait_for(state="attached")
    drawn = page.screenshot(type="png", animations="disabled")
    context.close()
    return drawn
