"""Draws the README's pictures: the flow, the report, cards of the last demo (see `make pictures`)."""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from sandbox.cards.browser import BrowserMissing
from sandbox.cards.drawing import CardBrowser
from sandbox.demo.run import folder_of
from sandbox.stage import BASE_PORT
from tools.few_colours import small_png
from tools.report_pictures import draw_report

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"

SHOWN = {
    "broken": "A synchronised user lacks the licence for password writeback",
    "mass": "got worse at once: held until it is sure",
    "digest": "The next digest is due on",
}
"""Pictures of cards: the file's name, and words that only that card of the demo says."""

WIDTH, SCALE = 720, 1.5
"""CSS pixels of a picture's width, and pixels to each: sharp on most screens, and small."""

BOXES = {
    "graph": (20, 40, 150, 64, "Microsoft Graph", "users, groups, licences"),
    "notifications": (240, 40, 150, 64, "notifications", "verified, queued"),
    "evaluation": (460, 40, 150, 64, "evaluation", "read, judge"),
    "ledger": (680, 40, 150, 64, "ledger", "what we believe now"),
    "timers": (240, 170, 150, 64, "timers", "facts, report, sweep"),
    "rules": (460, 170, 150, 64, "rules", "dated editions, SKUs"),
    "journal": (680, 170, 150, 64, "journal", "every transition"),
    "notifier": (680, 300, 150, 64, "notifier", "confirm, group, mute"),
    "teams": (460, 300, 150, 64, "Teams", "broken once, fixed once"),
    "others": (240, 300, 150, 64, "anyone else", "Sentinel, Power BI"),
    "tickets": (460, 384, 150, 64, "ticket system", "events, signed"),
}
ARROWS = [
    ("graph", "notifications", "POST"),
    ("notifications", "evaluation", "queue"),
    ("evaluation", "ledger", "commit"),
    ("timers", "evaluation", ""),
    ("rules", "evaluation", ""),
    ("ledger", "journal", "outbox"),
    ("journal", "notifier", "queue"),
    ("notifier", "teams", "card"),
    ("notifier", "tickets", "webhook"),
]


def flow() -> str:
    """The way of the data, as SVG that is readable on light and dark pages."""
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 850 476" role="img" '
        'aria-label="Graph notifies, the watch judges into ledger and journal, the notifier tells Teams '
        'and a ticket system">',
        "<style>rect{fill:#f6f8fa;stroke:#57606a;rx:8}text{font-family:system-ui,sans-serif;fill:#1f2328;"
        "text-anchor:middle}.s{font-size:12px;fill:#57606a}.t{font-size:15px;font-weight:600}"
        ".h{font-size:13px;font-weight:600;fill:#0969da}path{stroke:#57606a;fill:none;stroke-width:1.6}</style>",
        '<rect x="0" y="0" width="850" height="476" style="fill:#ffffff;stroke:none"/>',
        '<defs><marker id="a" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
        'orient="auto"><path d="M0 0L10 5L0 10z" style="fill:#57606a;stroke:none"/></marker></defs>',
        '<text class="h" x="425" y="22">detecting: immediate, always true to the last reading</text>',
        '<text class="h" x="425" y="470">telling: with its own memory, and patience</text>',
    ]
    for x, y, width, height, title, subtitle in BOXES.values():
        middle = x + width // 2
        parts.append(f'<rect x="{x}" y="{y}" width="{width}" height="{height}"/>')
        parts.append(f'<text class="t" x="{middle}" y="{y + 28}">{escape(title)}</text>')
        parts.append(f'<text class="s" x="{middle}" y="{y + 48}">{escape(subtitle)}</text>')
    parts += [_arrow(*arrow) for arrow in ARROWS]
    parts.append('<path d="M680 215 C 560 262 420 262 330 298" marker-end="url(#a)"/>')
    return "\n".join([*parts, "</svg>", ""])


def _arrow(start: str, end: str, label: str) -> str:
    x1, y1, w1, h1, *_ = BOXES[start]
    x2, y2, w2, h2, *_ = BOXES[end]
    if y1 == y2:
        left, right = (x1 + w1, x2) if x2 > x1 else (x1, x2 + w2)
        y = y1 + h1 // 2
        path, at = f"M{left} {y}L{right} {y}", ((left + right) // 2, y - 6)
    elif x1 == x2:
        down = y2 > y1
        path = f"M{x1 + w1 // 2} {y1 + h1 if down else y1}L{x2 + w2 // 2} {y2 if down else y2 + h2}"
        at = (x1 + w1 // 2 + 28, (y1 + h1 + y2) // 2 + 4)
    elif y2 > y1:
        y = y2 + h2 // 2
        path, at = f"M{x1 + w1 // 2} {y1 + h1}L{x1 + w1 // 2} {y}L{x2 + w2} {y}", (x1, y - 6)
    else:
        path, at = f"M{x1 + w1} {y1 + 20}L{x2} {y2 + h2 - 12}", (0, 0)
    text = f'<text class="s" x="{at[0]}" y="{at[1]}">{escape(label)}</text>' if label else ""
    return f'<path d="{path}" marker-end="url(#a)"/>{text}'


class CardMissing(Exception):
    """The last demo posted no such card; the message says which."""


def card_that_says(words: str, cards: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The first of these cards with the words in its title or anywhere else. Raises `CardMissing`."""
    titles = []
    for card in cards:
        if any(words in text for text in texts(card.get("body", ()))):
            return card
        titles.append(str(card.get("fallbackText", "")))
    raise CardMissing(f"No card of the demo says {words!r}. There are: {'; '.join(titles) or 'none'}.")


def texts(elements: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The texts of a card's elements and of their facts; of columns in one line, as `Who: Ada`."""
    for element in elements:
        yield str(element.get("text", ""))
        yield from texts(element.get("items", ()))
        if columns := element.get("columns", ()):
            yield ": ".join(text for column in columns for text in texts(column["items"]))
        for fact in element.get("facts", ()):
            yield f"{fact['title']}: {fact['value']}"


def draw_cards(cards: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Write the picture of each of `SHOWN`. Raises `CardMissing` before any is written."""
    chosen = {name: card_that_says(words, cards) for name, words in SHOWN.items()}
    with CardBrowser() as browser:
        for name, card in chosen.items():
            pixels = browser.pixels(browser.picture(card, width=WIDTH, scale=SCALE))
            (folder / f"{name}.png").write_bytes(small_png(pixels.width, pixels.height, pixels.rgba))


def main() -> int:
    """Write all pictures: 0, or say what is missing: 1. `--ports`: those that the demo was played on."""
    options = argparse.ArgumentParser(prog="python -m tools.draw_pictures", description=__doc__)
    options.add_argument("--ports", type=int, default=BASE_PORT, help="the first port of that demo")
    played = folder_of(options.parse_args().ports)
    PICTURES.mkdir(parents=True, exist_ok=True)
    (PICTURES / "flow.svg").write_text(flow())
    try:
        with CardBrowser() as browser:
            draw_report(PICTURES, browser)
        draw_cards(json.loads((played / "cards.json").read_text()), PICTURES)
    except (BrowserMissing, CardMissing) as missing:
        print(missing, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
