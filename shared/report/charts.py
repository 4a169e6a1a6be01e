"""The report's charts: drawn by pygal on the server, as SVG that takes its colours from the page. Pure.

Nothing of pygal's own style, script or random ids is left: a page with a strict Content-Security-Policy can
hold the drawing, the same figures give the same bytes, and `page.css` gives colours by class (`c-uncovered`).
Each chart stands beside a table of the same numbers, so its label only says what it shows.
"""

from collections.abc import Callable, Mapping, Sequence
from xml.etree.ElementTree import Element, register_namespace, tostring

from pygal import HorizontalStackedBar, StackedLine
from pygal.graph.graph import Graph
from pygal.style import Style

WIDE, NARROW = 1160, 560
"""Units of a drawing's width: of one that has the page's to itself, and of one that shares it."""

STEPS = 4
"""Into so many parts lines across a chart divide it."""

MOST_POINTS = 120
"""More days than these would be closer together than a screen's pixels: every second, third … is drawn."""

_SVG = "http://www.w3.org/2000/svg"
PLAIN = Style(background="transparent", plot_background="transparent", font_family="inherit")
_LEFT_OUT = ("defs", "desc", "title", "script", "style")
_LEFT_OUT_GROUPS = frozenset(("overlay", "titles", "background"))

register_namespace("", _SVG)


def lines(
    label: str,
    days: Sequence[str],
    series: Mapping[str, Sequence[int]],
    number: Callable[[int], str],
) -> str:
    """Counts day by day, one upon the other. `series`: by class of colour, one count a day."""
    step = max(1, -(-len(days) // MOST_POINTS))
    # The last day is always drawn: it is the one that people compare with.
    chosen = list(range(len(days) - 1, -1, -step))[::-1]
    step_up = _step(max(sum(one[n] for one in series.values()) for n in chosen))
    chart = StackedLine(
        fill=True,
        show_dots=False,
        width=NARROW,
        height=230,
        show_minor_x_labels=False,
        truncate_label=-1,
        margin_right=58,
        range=(0, STEPS * step_up),
        **_common(number),
    )
    chart.y_labels = [n * step_up for n in range(STEPS + 1)]
    chart.x_labels = [days[n] for n in chosen]
    every = max(1, -(-len(chosen) // 3))
    chart.x_labels_major = [days[n] for n in chosen[::-1][::every]]
    for name, values in series.items():
        chart.add(name, [values[n] for n in chosen])
    return _drawn(chart, label, tuple(series))


def bars(label: str, names: Sequence[str], series: Mapping[str, Sequence[int]]) -> str:
    """Parts of a whole for each name, as shares of a hundred. `series`: by class of colour, counts."""
    whole = [max(1, sum(one[n] for one in series.values())) for n in range(len(names))]
    chart = HorizontalStackedBar(
        width=WIDE,
        height=70 + 34 * len(names),
        truncate_label=34,
        range=(0, 100),
        **_common(lambda share: f"{share} %"),
    )
    chart.y_labels = [0, 25, 50, 75, 100]
    # The axis runs upwards, and a table downwards.
    chart.x_labels = list(reversed(names))
    for name, values in series.items():
        shares = [100 * count / of for count, of in zip(values, whole, strict=True)]
        chart.add(name, shares[::-1])
    return _drawn(chart, label, tuple(series))


def _step(highest: int) -> int:
    """The least round number of which `STEPS` reach so high: 1, 2, 5, 10, 20, 50 …"""
    unit = 1
    while True:
        for factor in (1, 2, 5):
            if STEPS * factor * unit >= highest:
                return factor * unit
        unit *= 10


def _common(number: Callable[[int], str]) -> dict[str, object]:
    def shown(value: float) -> str:
        return number(round(value)) if value == round(value) else ""

    return {
        "style": PLAIN,
        "js": [],
        "explicit_size": False,
        "show_legend": False,
        "margin": 12,
        "value_formatter": shown,
    }


def _drawn(chart: Graph, label: str, classes: Sequence[str]) -> str:
    root: Element = chart.render_tree()
    tidy(root, {f"serie-{n}": f"c-{name}" for n, name in enumerate(classes)})
    root.attrib.pop("id", None)
    root.set("role", "img")
    root.set("aria-label", label)
    return tostring(root, encoding="unicode", short_empty_elements=True)


def tidy(node: Element, classes: Mapping[str, str]) -> None:
    """Leave of pygal's drawing what is seen: shapes, their text, one class each, renamed by `classes`."""
    for child in list(node):
        kind = child.get("class", "").split()
        # A comment's tag is a function.
        plain = isinstance(child.tag, str) and child.tag.rpartition("}")[2] not in _LEFT_OUT
        if not plain or not _LEFT_OUT_GROUPS.isdisjoint(kind):
            node.remove(child)
        else:
            child.attrib.pop("style", None)
            for name in ("rx", "ry"):
                child.attrib.pop(name, None)
            shown = [classes.get(one, one) for one in kind if one not in ("reactive", "tooltip-trigger")]
            if shown:
                child.set("class", " ".join(one for one in shown if not one.startswith("color-")))
            else:
                child.attrib.pop("class", None)
            tidy(child, classes)
