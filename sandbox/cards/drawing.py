"""A card drawn by Microsoft's renderer (npm `adaptivecards`) in Chromium, as Teams would show it.

The browser reaches no host: it is offline, and every name resolves to nothing. What a card asks for all the
same is listed.
"""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from playwright.sync_api import Browser, Page, Playwright, Request, sync_playwright

from sandbox.cards.browser import find_browser
from sandbox.cards.look import Theme, host_config, stylesheet

HERE = Path(__file__).resolve().parent
PACKAGES = HERE.parent / "node_modules"
SCRIPTS = (
    PACKAGES / "markdown-it" / "dist" / "markdown-it.min.js",
    PACKAGES / "adaptivecards" / "dist" / "adaptivecards.min.js",
    HERE / "page.js",
)
STYLE = PACKAGES / "adaptivecards" / "dist" / "adaptivecards.css"

PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8">'
    '<style id="look"></style><div id="card"></div></html>'
)

WIDE = 800
"""CSS pixels of a page as wide as a Teams channel on a laptop."""

HEIGHT = 600
"""CSS pixels of the page's height; a longer card is drawn whole."""


@dataclass(frozen=True)
class Drawn:
    """What a reader sees of a card, and what the renderer made of it.

    `complaints`: what the renderer said while it read the card. `text`: all that is visible. `blocks`: the
    visible text of each element of the body that is drawn. `facts`: title and value of each row; `rows`: the
    columns of each set of columns; `typed`: what stands in monospace and can be selected. `buttons`: their
    titles; `opened`: title and URL of what pressing each would open; `anchors`: any other way out of the
    card. `tree`: the tags of its elements. `scrolls`: whether the page has to be moved sideways to see it
    all; `cut_off`: elements of which a part can't be seen at all. `requests`: what it tried to load, it or
    any other that was drawn with it.
    """

    complaints: tuple[str, ...]
    text: str
    blocks: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, ...], ...]
    typed: tuple[str, ...]
    buttons: tuple[str, ...]
    opened: tuple[tuple[str, str], ...]
    anchors: tuple[str, ...]
    tree: str
    scrolls: bool
    cut_off: tuple[str, ...]
    requests: tuple[str, ...]


@dataclass(frozen=True)
class Pixels:
    """A picture of `width` by `height`; `rgba`: four bytes for each pixel, row by row from the top."""

    width: int
    height: int
    rgba: bytes


class CardBrowser:
    """One Chromium for many cards: `with CardBrowser() as browser`.

    Entering raises `BrowserMissing` where there is none. Playwright runs in a thread of its own, so that
    callers may use asyncio themselves.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="card-browser")
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None
        self._pages: dict[tuple[int, float], Page] = {}
        self._requests: list[str] = []

    def __enter__(self) -> Self:
        executable = find_browser()
        try:
            self._call(lambda: self._start(executable))
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the browser."""
        self._call(self._stop)
        self._thread.shutdown()

    def draw(self, card: Mapping[str, Any], theme: Theme = "light", *, width: int = WIDE) -> Drawn:
        """What comes of this card on a page `width` CSS pixels wide."""
        return self.draw_all((card,), theme, width=width)[0]

    def draw_all(
        self, cards: Sequence[Mapping[str, Any]], theme: Theme = "light", *, width: int = WIDE
    ) -> tuple[Drawn, ...]:
        """The same for many at once, each drawn alone: much faster than one by one."""
        return self._call(lambda: self._draw(cards, theme, width, 1))

    def picture(
        self, card: Mapping[str, Any], theme: Theme = "light", *, width: int = WIDE, scale: float = 1
    ) -> bytes:
        """The card as PNG, `width` CSS pixels wide with what is around it, `scale` pixels to each."""

        def taken() -> bytes:
            self._draw((card,), theme, width, scale)
            return self._page(width, scale).locator("body").screenshot()

        return self._call(taken)

    def pixels(self, png: bytes) -> Pixels:
        """The pixels of a PNG."""

        def read() -> Pixels:
            encoded = base64.b64encode(png).decode("ascii")
            wide, high, rgba = self._page(WIDE, 1).evaluate("pixelsOf", encoded)
            return Pixels(wide, high, base64.b64decode(rgba))

        return self._call(read)

    def _call[T](self, work: Callable[[], T]) -> T:
        return self._thread.submit(work).result()

    def _start(self, executable: Path) -> None:
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(
            executable_path=executable, args=["--host-resolver-rules=MAP * ~NOTFOUND"]
        )

    def _stop(self) -> None:
        self._pages.clear()
        if self._browser is not None:
            self._browser.close()
            self._browser = None
        if self._playwright is not None:
            self._playwright.stop()
            self._playwright = None

    def _page(self, width: int, scale: float) -> Page:
        page = self._pages.get((width, scale))
        if page is None:
            assert self._browser is not None, "use it as a context manager"  # noqa: S101 - a caller's mistake
            context = self._browser.new_context(
                viewport={"width": width, "height": HEIGHT},
                device_scale_factor=scale,
                offline=True,
                locale="en-GB",
                timezone_id="UTC",
            )
            page = context.new_page()
            page.set_content(PAGE)
            page.add_style_tag(path=STYLE)
            for script in SCRIPTS:
                page.add_script_tag(path=script)
            page.on("request", self._note)
            self._pages[width, scale] = page
        return page

    def _note(self, request: Request) -> None:
        # A picture that is in its own address asks nobody for anything.
        if not request.url.startswith("data:"):
            self._requests.append(request.url)

    def _draw(
        self, cards: Iterable[Mapping[str, Any]], theme: Theme, width: int, scale: float
    ) -> tuple[Drawn, ...]:
        page = self._page(width, scale)
        self._requests.clear()
        told: list[dict[str, Any]] = page.evaluate(
            "([cards, config, style]) => drawCards(cards, config, style)",
            [[dict(card) for card in cards], host_config(theme), stylesheet(theme)],
        )
        return tuple(self._drawn(one) for one in told)

    def _drawn(self, told: Mapping[str, Any]) -> Drawn:
        return Drawn(
            complaints=tuple(told["complaints"]),
            text=told["text"],
            blocks=tuple(told["blocks"]),
            facts=tuple((title, value) for title, value in told["facts"]),
            rows=tuple(tuple(row) for row in told["rows"]),
            typed=tuple(told["typed"]),
            buttons=tuple(told["buttons"]),
            opened=tuple((title, url) for title, url in told["opened"]),
            anchors=tuple(told["anchors"]),
            tree=told["tree"],
            scrolls=told["scrolls"],
            cut_off=tuple(told["cut_off"]),
            requests=tuple(self._requests),
        )
