"""A browser that looks at a report as people do, and notes what no report may do."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

from sandbox.cards.browser import find_browser

AXE = Path(__file__).resolve().parents[3] / "sandbox" / "node_modules" / "axe-core" / "axe.min.js"
GRAVE = ("serious", "critical")
Theme = Literal["light", "dark"]


class Looker:
    """Opens pages; `complaints` are errors of console and scripts, `elsewhere` requests to others."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self.complaints: list[str] = []
        self.elsewhere: list[str] = []

    @contextlib.contextmanager
    def page(
        self, url: str, *, theme: Theme = "light", width: int = 1280, height: int = 900, **options: Any
    ) -> Iterator[Page]:
        """The page at `url`, loaded. On leaving, nothing may have been complained of or asked elsewhere."""
        self.complaints, self.elsewhere = [], []
        context = self._browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=theme, **options
        )
        try:
            page = context.new_page()
            page.on("console", lambda said: self._said(said.type, said.text))
            page.on("pageerror", lambda fault: self.complaints.append(str(fault)))
            page.on("request", lambda request: self._asked(url, request.url))
            page.goto(url)
            yield page
            assert self.complaints == []
            assert self.elsewhere == []
        finally:
            context.close()

    def _said(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def _asked(self, own: str, url: str) -> None:
        if urlsplit(url).scheme not in ("data", "blob") and urlsplit(url).netloc != urlsplit(own).netloc:
            self.elsewhere.append(url)


@contextlib.contextmanager
def looker() -> Iterator[Looker]:
    """Chromium, while the context lasts. Its Playwright keeps this thread's loop: use no other meanwhile."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser())
        yield Looker(browser)
        browser.close()


def grave_faults(page: Page) -> list[str]:
    """What axe-core finds serious or critical, by rule and element.

    The page's policy forbids its script to be put in as an element: it is evaluated by the debugger instead,
    which no policy of a page concerns.
    """
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found["violations"]
        if one["impact"] in GRAVE
        for node in one["nodes"][:3]
    ]


def names(page: Page) -> list[str]:
    """The users that the table shows, in order."""
    return page.locator("#rows .name").all_inner_texts()


def ids(page: Page) -> list[str]:
    """Their object ids."""
    return [one.get_attribute("data-id") or "" for one in page.locator("#rows tr.row").all()]


def settled(page: Page, text: str) -> None:
    """Wait until the line above the table says that."""
    page.locator("#status", has_text=text).wait_for()


def ground(page: Page) -> int:
    """How light the page's ground is, 0 to 255."""
    colour = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    return max(int(one) for one in re.findall(r"\d+", colour)[:3])
