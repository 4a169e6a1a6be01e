"""Write the tables of docs/doctor.md: every check of `python -m admin doctor`, its lights and remedies."""

import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path

from admin.doctor.lights import Light
from admin.doctor.rows import ANY, ROWS
from shared.texts.catalogue import catalogue

PAGE = Path(__file__).resolve().parents[1] / "docs" / "doctor.md"
BEGIN, END = "<!-- written by make doctor-page -->\n", "<!-- end of what is written -->\n"
_TEXTS = catalogue("en")


def page() -> str:
    """The page as it is, with its tables as the code has them."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return f"{before}{BEGIN}{tables()}{END}{rest.partition(END)[2]}"


def tables() -> str:
    """A table for each group, and one for what every check can end in."""
    parts = []
    for group, rows in groupby(ROWS, lambda row: row.group):
        lines = [one for row in rows for one in _lines(row.check, row.lights)]
        parts.append(_table(_TEXTS.text("doctor", "groups", group), lines))
    parts.append(_table("Any check", list(_lines("any", ANY))))
    return "\n".join(parts)


def _table(title: str, lines: list[str]) -> str:
    head = "| check | code | light | what it says | what to do |\n|---|---|---|---|---|\n"
    return f"### {title}\n{head}" + "\n".join(lines) + "\n"


def _lines(check: str, lights: Mapping[str, Light]) -> Iterator[str]:
    for code, light in lights.items():
        said = _TEXTS.text("doctor", "says", check, code, **_places("says", check, code))
        remedy = "-"
        if light is not Light.GREEN:
            remedy = _TEXTS.text("doctor", "remedies", check, code, **_places("remedies", check, code))
        word = _TEXTS.text("doctor", "lights", light)
        yield f"| `{check}` | `{code}` | {word} | {_safe(said)} | {_safe(remedy)} |"


def _places(section: str, check: str, code: str) -> dict[str, str]:
    return dict.fromkeys(_TEXTS.places("doctor", section, check, code), "…")


def _safe(text: str) -> str:
    return re.sub(r"([|*<])", r"\\\1", text)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
