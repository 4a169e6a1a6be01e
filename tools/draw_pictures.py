"""Draws the README's pictures: the flow, and cards of the last demo (`make pictures` runs one first)."""

import io
import json
import re
from html import escape
from pathlib import Path

from rich.console import Console
from rich.text import Text

from sandbox.card_text import as_text

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
CARDS = ROOT / ".sandbox" / "demo" / "cards.json"

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
]


def flow() -> str:
    """The way of the data, as SVG that is readable on light and dark pages."""
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 850 390" role="img" '
        'aria-label="Graph notifies, the watch judges into ledger and journal, the notifier tells Teams">',
        "<style>rect{fill:#f6f8fa;stroke:#57606a;rx:8}text{font-family:system-ui,sans-serif;fill:#1f2328;"
        "text-anchor:middle}.s{font-size:12px;fill:#57606a}.t{font-size:15px;font-weight:600}"
        ".h{font-size:13px;font-weight:600;fill:#0969da}path{stroke:#57606a;fill:none;stroke-width:1.6}</style>",
        '<rect x="0" y="0" width="850" height="390" style="fill:#ffffff;stroke:none"/>',
        '<defs><marker id="a" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
        'orient="auto"><path d="M0 0L10 5L0 10z" style="fill:#57606a;stroke:none"/></marker></defs>',
        '<text class="h" x="425" y="22">detecting: immediate, always true to the last reading</text>',
        '<text class="h" x="425" y="384">telling: with its own memory, and patience</text>',
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
    else:
        path, at = f"M{x1 + w1} {y1 + 20}L{x2} {y2 + h2 - 12}", (0, 0)
    text = f'<text class="s" x="{at[0]}" y="{at[1]}">{escape(label)}</text>' if label else ""
    return f'<path d="{path}" marker-end="url(#a)"/>{text}'


def card(number: int, title: str) -> str:
    """A card of the last demo, as the terminal shows it, as SVG."""
    drawn = as_text(json.loads(CARDS.read_text())[number], width=84, colour=True)
    console = Console(record=True, width=84, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(drawn))
    svg = console.export_svg(title=title, unique_id=f"card{number}")
    # Fonts from another host: the pictures must not load anything, and a system font serves.
    return re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)


def main() -> None:
    """Write all pictures."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    (PICTURES / "flow.svg").write_text(flow())
    (PICTURES / "broken.svg").write_text(card(1, "a licence is taken away"))
    (PICTURES / "group.svg").write_text(card(3, "a group runs out of seats"))


if __name__ == "__main__":
    main()
