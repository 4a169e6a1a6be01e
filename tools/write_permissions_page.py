"""Writes the tables of docs/permissions.md from shared/graph/permissions.json (`make permissions-page`)."""

from pathlib import Path

from shared.graph.permissions import Row, Variant, table

PAGE = Path(__file__).resolve().parents[1] / "docs" / "permissions.md"
BEGIN, END = "<!-- written by make permissions-page: {} -->\n", "<!-- end of what is written -->\n"


def page() -> str:
    """The page as it is, with its tables as the file has them."""
    text = PAGE.read_text(encoding="utf-8")
    for name, rows in (
        ("permissions", [_row(one) for one in table().permissions]),
        ("calls", [_calls(one) for one in table().permissions]),
        ("lesser", [_lesser(one) for one in table().variants]),
    ):
        before, begin, rest = text.partition(BEGIN.format(name))
        head, rule, *_ = rest.splitlines(keepends=True)
        text = f"{before}{begin}{head}{rule}{''.join(rows)}{END}{rest.partition(END)[2]}"
    return text


def _row(one: Row) -> str:
    return f"| `{one.permission}` | `{one.pack}` | {one.feature} | {one.lost} |\n"


def _calls(one: Row) -> str:
    calls = ", ".join(f"`{call}`" for call in one.calls)
    heard = "".join(f"; subscription on `{name}`" for name in one.subscriptions)
    return f"| `{one.permission}` (`{one.pack}`) | {calls}{heard} | {one.why} [Microsoft]({one.source}) |\n"


def _lesser(one: Variant) -> str:
    return f"| `{one.permission}` | `{one.instead_of}` | {one.lost} [Microsoft]({one.source}) |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
