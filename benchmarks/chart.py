"""The charts of a run: bars with their figures, as SVG without scripts, links or random ids.

Drawn by pygal and coloured by a style of their own, in a light and a dark set, each on its own ground: a page
shows a picture in whichever set the reader's system asks for, whatever the page itself looks like.
"""

from collections.abc import Mapping, Sequence
from typing import Literal
from xml.etree.ElementTree import Element, tostring

import msgspec
from pygal import HorizontalBar

from benchmarks.budgets import budgets
from benchmarks.results import Results
from benchmarks.rows import number
from shared.report.charts import PLAIN, tidy

WIDE, TALL = 900, 34
"""Units of a drawing's width, and of a bar's height with what is around it."""

MOST = 120.0
"""Per cent of a budget that a bar shows at most; its figure says how much it is."""

_STYLE = (
    "svg{font:12px system-ui,sans-serif}.ground{fill:#fff}text{fill:#1f2328;stroke:none}"
    ".x text{text-anchor:middle}.y text{text-anchor:end}.value{text-anchor:start!important;font-weight:600}"
    ".c-ours rect,.c-kept rect{fill:#0969da}.c-theirs rect{fill:#8c959f}.c-over rect{fill:#cf222e}"
    ".guides path{stroke:#8c959f;fill:none}"
    "@media(prefers-color-scheme:dark){.ground{fill:#0d1117}text{fill:#e6edf3}"
    ".c-ours rect,.c-kept rect{fill:#4493f8}.c-theirs rect{fill:#768390}.c-over rect{fill:#ff7b72}"
    ".guides path{stroke:#768390}}"
)

_READING: Mapping[str, tuple[str, Literal["ours", "theirs"]]] = {
    "sweep-over-typed": ("the watch, all of it", "ours"),
    "typed-paging": ("typed paging by hand", "theirs"),
    "page-iterator": ("the SDK's PageIterator", "theirs"),
    "change-cpu-each": ("one typed GET a user", "theirs"),
}


class Bar(msgspec.Struct, frozen=True):
    """One bar: its name, its length, the figure written at its end, its class of colour."""

    name: str
    length: float
    figure: str
    colour: Literal["ours", "theirs", "kept", "over"]


def charts(results: Results) -> dict[str, bytes]:
    """Each chart by its file's name."""
    return {
        "bench-reading.svg": drawn("Users a CPU second, by how they are read", reading(results)),
        "bench-budgets.svg": drawn(
            "Per cent of each budget that is used", budget_use(results), most=MOST, line=100
        ),
    }


def reading(results: Results) -> list[Bar]:
    """Users a CPU second, for each way of reading that the run measured."""
    bars = []
    for row_id, (name, colour) in _READING.items():
        row, typed = results.find(row_id), results.find("typed-paging")
        if row is None or typed is None:
            continue
        speed = {
            # A ratio of speeds over that of typed paging.
            "sweep-over-typed": row.measured * typed.measured,
            # Milliseconds of CPU for each user.
            "change-cpu-each": 1000 / row.measured,
        }.get(row_id, row.measured)
        bars.append(Bar(name, speed, number(speed, ""), colour))
    return bars


def budget_use(results: Results) -> list[Bar]:
    """How much of its budget each row uses, in per cent."""
    names = budgets()
    return [
        Bar(
            names[row.id].short,
            min(100 * row.use, MOST),
            number(100 * row.use, "%"),
            "kept" if row.ok else "over",
        )
        for row in results.rows
        if row.budget is not None and row.id in names
    ]


def drawn(label: str, bars: Sequence[Bar], most: float = 0.0, line: float | None = None) -> bytes:
    """Bars from the top down. `most`: the end of the scale, else the longest's; `line`: drawn across."""
    end = most or max((bar.length for bar in bars), default=1.0)
    marks = [0.0] if line is None else [0.0, line]
    chart = HorizontalBar(
        style=PLAIN,
        js=[],
        explicit_size=False,
        show_legend=False,
        print_values=True,
        print_values_position="top",
        width=WIDE,
        height=60 + TALL * len(bars),
        margin=12,
        truncate_label=-1,
        range=(0, end * 1.12),
    )
    chart.y_labels = [{"value": mark, "label": number(mark, "" if line is None else "%")} for mark in marks]
    # The axis runs upwards, and a list downwards.
    upwards = list(reversed(bars))
    chart.x_labels = [bar.name for bar in upwards]
    chart.add("", [{"value": bar.length, "formatter": lambda _, told=bar.figure: told} for bar in upwards])
    root: Element = chart.render_tree()
    tidy(root, {"serie-0": "bars"})
    drawn_bars = [one for one in root.iter("g") if one.get("class") == "bar"]
    for one, bar in zip(drawn_bars, upwards, strict=True):
        one.set("class", f"c-{bar.colour}")
    return _finished(root, label)


def _finished(root: Element, label: str) -> bytes:
    root.attrib.pop("id", None)
    root.set("role", "img")
    root.set("aria-label", label)
    style = Element("style")
    style.text = _STYLE
    ground = Element("rect", {"class": "ground", "width": "100%", "height": "100%"})
    root[:0] = [style, ground]
    return tostring(root, encoding="unicode", short_empty_elements=True).encode() + b"\n"
