"""The chart of `make slow-consumer`: milliseconds over the share of calls that took less."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pygal
from pygal.style import Style

from benchmarks.slow_curve import IN_TIME
from benchmarks.slow_driver import Answered

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "pictures" / "slow-consumer.svg"

_SHARES = (0.5, 0.9, 0.99, 0.999)
_MILLISECONDS = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000)
_POINTS = 60
_STYLE = Style(
    background="white",
    plot_background="white",
    font_family="sans-serif",
    colors=("#0b6a8f", "#b4540a", "#8a8a8a"),
    label_font_size=13,
    major_label_font_size=13,
    legend_font_size=13,
)


def drawn(runs: Mapping[str, Sequence[Answered]]) -> str:
    """The chart as SVG, without script and without anything that isn't in it; a grey line stands at 3 s."""
    chart = pygal.XY(
        style=_STYLE,
        js=[],
        no_prefix=True,
        width=760,
        height=380,
        logarithmic=True,
        show_dots=False,
        stroke_style={"width": 2},
        legend_at_bottom=True,
        truncate_label=-1,
        truncate_legend=-1,
        value_formatter=lambda value: f"{value:,.0f} ms",
        x_value_formatter=lambda place: f"{100 * (1 - 10**-place):.4g} %",
    )
    chart.y_labels = _MILLISECONDS
    chart.x_labels = [_place(share) for share in _SHARES]
    longest = 0.0
    for name, answers in runs.items():
        points = _points(sorted(one.seconds * 1000 for one in answers))
        longest = max(longest, points[-1][0])
        chart.add(name, points)
    limit = IN_TIME * 1000
    chart.add("what Graph grants", [(_place(0.5), limit), (longest, limit)])
    return _plain(chart.render(is_unicode=True))


def _points(ordered: Sequence[float]) -> list[tuple[float, float]]:
    """(place, milliseconds) from the median to the slowest, evenly over the places."""
    last = math.log10(2 * len(ordered))
    first = _place(0.5)
    places = [first + (last - first) * number / _POINTS for number in range(_POINTS + 1)]
    return [
        (place, max(0.1, ordered[min(len(ordered) - 1, int((1 - 10**-place) * len(ordered)))]))
        for place in places
    ]


def _place(share: float) -> float:
    """Where a share of the calls stands: each further nine is as far again."""
    return -math.log10(1 - share)


def _plain(svg: str) -> str:
    svg = re.sub(r"<script\b.*?</script>|<!--.*?-->", "", svg, flags=re.DOTALL)
    return re.sub(r' id="(?:chart-[0-9a-f-]+)?"', "", svg) + "\n"
