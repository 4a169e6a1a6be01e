"""What was found, for people in groups of eighty columns, and for programs as JSON."""

import json
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby

from admin.doctor.examining import Found
from admin.doctor.lights import Light, Line, Said
from admin.doctor.rows import BY_NAME, light_of
from shared.model import zulu
from shared.texts.catalogue import Catalogue
from shared.texts.plain import one_line

WIDTH = 80
SIGNS: Mapping[Light, str] = {Light.GREEN: "+", Light.AMBER: "!", Light.RED: "x", Light.SKIPPED: "-"}
"""Beside its word, so that nobody has to see the colour; every terminal has these."""
_COLOURS: Mapping[Light, str] = {Light.GREEN: "32", Light.AMBER: "33", Light.RED: "31", Light.SKIPPED: "2"}
_LONGEST = 1_000


def lines_of(found: Found, texts: Catalogue) -> list[Line]:
    """A line for everything that was said, in words."""
    return [_line(check, one, texts) for check, said in found.items() for one in said]


def _line(check: str, said: Said, texts: Catalogue) -> Line:
    row = BY_NAME[check]
    place = check if said.code in row.lights else "any"
    values = {
        name: one_line(value, _LONGEST) if isinstance(value, str) else value
        for name, value in said.values.items()
    }
    light = light_of(check, said.code)
    remedy = ""
    if light is not Light.GREEN:
        remedy = texts.text("doctor", "remedies", place, said.remedy or said.code, **values)
    sentence = texts.text("doctor", "says", place, said.code, **values)
    return Line(check=check, group=row.group, light=light, code=said.code, said=sentence, remedy=remedy)


def status_of(lines: Sequence[Line]) -> Light:
    """The worst light; what was not asked does not count."""
    for light in (Light.RED, Light.AMBER, Light.GREEN):
        if any(line.light is light for line in lines):
            return light
    return Light.SKIPPED


def as_text(lines: Sequence[Line], texts: Catalogue, *, colour: bool = False) -> str:
    """In groups, the sum at the end."""
    return "\n".join(_text(lines, texts, colour)) + "\n"


def _text(lines: Sequence[Line], texts: Catalogue, colour: bool) -> Iterator[str]:
    width = max(len(texts.text("doctor", "lights", light)) for light in Light)
    indent = " " * (width + 6)
    shown = list(_alike(lines))
    for number, (titles, line) in enumerate(shown):
        before = shown[number - 1][1] if number else None
        after = shown[number + 1][1] if number + 1 < len(shown) else None
        if before is None or before.group != line.group:
            yield from ([""] if before else [])
            yield texts.text("doctor", "groups", line.group)
        names = ", ".join(texts.text("doctor", "checks", title) for title in titles)
        mark = f"{SIGNS[line.light]} {texts.text('doctor', 'lights', line.light).ljust(width)}"
        mark = f"\x1b[{_COLOURS[line.light]}m{mark}\x1b[0m" if colour else mark
        yield f"  {mark}  {_wrapped(f'{names}: {line.said}', indent).removeprefix(indent)}"
        if line.remedy and (after is None or (after.group, after.remedy) != (line.group, line.remedy)):
            yield _wrapped(f"-> {line.remedy}", indent, indent + "   ")
    counts = Counter(line.light for line in lines)
    yield ""
    yield texts.text("doctor", "sum", **{light: counts[light] for light in Light})


def _alike(lines: Sequence[Line]) -> Iterator[tuple[list[str], Line]]:
    """Neighbours that say the same share a line: the names of their checks, and one of them."""
    for _, alike in groupby(lines, lambda one: (one.group, one.light, one.said)):
        same = list(alike)
        yield list(dict.fromkeys(one.check for one in same)), same[0]


def _wrapped(text: str, first: str, rest: str = "") -> str:
    """Within eighty columns; a command or an address stays whole, to be copied."""
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest or first,
        break_long_words=False,
        break_on_hyphens=False,
    )


def as_json(lines: Sequence[Line], at: datetime) -> str:
    """For programs: the worst light, and each line with its codes and its words."""
    rows = [
        {
            "check": line.check,
            "group": line.group,
            "light": line.light,
            "code": line.code,
            "said": line.said,
            "remedy": line.remedy,
        }
        for line in lines
    ]
    return json.dumps(
        {"at": zulu(at), "status": status_of(lines), "lines": rows}, indent=2, ensure_ascii=False
    )
