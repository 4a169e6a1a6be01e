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

WIDTH = 880
"""Units of a drawing's width; a browser scales it."""

MOST_POINTS = 120
"""More days than these would be closer together than a screen's pixels: every second, third … is drawn."""

_SVG = "http://www.w3.org/2000/svg"
_PLAIN = Style(background="transparent", plot_background="transparent", font_family="inherit")
_LEFT_OUT = ("defs", "desc", "title", "script", "style")
_LEFT_OUT_GROUPS = ("overlay", "titles", "background")

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
    chart = StackedLine(
        fill=True,
        show_dots=False,
        height=260,
        show_minor_x_labels=False,
        order_min=0,
        range=(0, max(1, *(sum(one[n] for one in series.values()) for n in chosen))),
        **_common(number),
    )
    chart.x_labels = [days[n] for n in chosen]
    every = max(1, -(-len(chosen) // 6))
    chart.x_labels_major = [days[n] for n in chosen[::-1][::every]]
    for name, values in series.items():
        chart.add(name, [values[n] for n in chosen])
    return _drawn(chart, label, tuple(series))


def bars(label: str, names: Sequence[str], series: Mapping[str, Sequence[int]]) -> str:
    """Parts of a whole for each name, as shares of a hundred. `series`: by class of colour, counts."""
    whole = [max(1, sum(one[n] for one in series.values())) for n in range(len(names))]
    chart = HorizontalStackedBar(
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


def _common(number: Callable[[int], str]) -> dict[str, object]:
    def shown(value: float) -> str:
        return number(round(value)) if value == round(value) else ""

    return {
        "style": _PLAIN,
        "js": [],
        "explicit_size": False,
        "show_legend": False,
        "width": WIDTH,
        "margin": 12,
        "value_formatter": shown,
    }


def _drawn(chart: Graph, label: str, classes: Sequence[str]) -> str:
    root: Element = chart.render_tree()
    _tidy(root, {f"serie-{n}": f"c-{name}" for n, name in enumerate(classes)})
    root.attrib.pop("id", None)
    root.set("role", "img")
    root.set("aria-label", label)
    return tostring(root, encoding="unicode", short_empty_elements=True)


def _tidy(node: Element, classes: Mapping[str, str]) -> None:
    """Leave of the drawing what is seen: shapes, their text, one class each."""
    for child in list(node):
        kind = child.get("class", "").split()
        # A comment's tag is a function.
        if not isinstance(child.tag, str) or child.tag.rpartition("}")[2] in _LEFT_OUT:
            node.remove(child)
        elif any(one in kind for one in _LEFT_OUT_GROUPS):
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
            _tidy(child, classes)
