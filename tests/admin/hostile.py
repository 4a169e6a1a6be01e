"""Ten display names that try to be something else than a name, with what may be seen of each."""

HOSTILE = {
    "markdown link": ("[Reset now](https://evil.example/x)", "[Reset now](https://evil.example/x)"),
    "mention": ("<at>Everyone</at>", "<at>Everyone</at>"),
    "html": ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    "direction marks": ("Ada \u202egnp.exe\u2066\u200f", "Ada gnp.exe"),
    "very long": ("x" * 2_000, "xxxxxxxx"),
    "emoji": (
        "Ada \U0001f469\u200d\U0001f4bb \U0001f1f3\U0001f1f1",
        "Ada \U0001f469\U0001f4bb \U0001f1f3\U0001f1f1",
    ),
    "formula": ("=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0"),
    "escape sequence": ("Ada\x1b[2J\x1b]0;owned\x07\x9b31m", "Ada [2J ]0;owned 31m"),
    "new line": ("Ada\nAgreed as e-00000000", "Ada Agreed as e-00000000"),
    "date function": ("{{DATE(2026-01-01)}}", "{{DATE(2026-01-01)}}"),
}
