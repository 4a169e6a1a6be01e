"""Ten display names that try to be something else than a name, with what may be seen of each.

One list for cards, events, terminal and spreadsheet.
"""

HOSTILE = {
    "markdown": (
        "![x](https://evil.example/p.png) [Reset now](https://evil.example/x)",
        "![x](https://evil.example/p.png) [Reset now](https://evil.example/x)",
    ),
    "mention": ("<at>Everyone</at>", "<at>Everyone</at>"),
    "html": ("<b>Ada</b><img src=x onerror=alert(1)>", "<b>Ada</b><img src=x onerror=alert(1)>"),
    "direction marks": ("Ada \u202egnp.exe\u2066\u200f", "Ada gnp.exe"),
    "very long": ("x" * 2_000, "xxxxxxxx"),
    "emoji": (
        "Ada \U0001f469\u200d\U0001f4bb \U0001f1f3\U0001f1f1",
        "Ada \U0001f469\U0001f4bb \U0001f1f3\U0001f1f1",
    ),
    "formula": ("=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0"),
    "escape sequence": ("Ada\x1b[2J\x1b]0;owned\x07\x9b31m", "Ada [2J ]0;owned 31m"),
    "new line": ("Ada\n# **Agreed** as e-00000000", "Ada # **Agreed** as e-00000000"),
    "date function": ("{{DATE(2026-01-01)}}", "{{DATE(2026-01-01)}}"),
}
"""By what each tries: the name, and how it begins to read in a terminal."""


def seen_on_card(what: str) -> str:
    """How that name begins to read on a card, where angle brackets become quotation marks."""
    return HOSTILE[what][1].replace("<", "\u2039").replace(">", "\u203a")
