"""Charts are plain SVG: the same for the same figures, without style, script or ids, and labelled."""

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.report.charts import MOST_POINTS, STEPS, bars, lines

SVG = "{http://www.w3.org/2000/svg}"
COUNTS = st.lists(st.integers(0, 2_000_000), min_size=2, max_size=9)


def drawn(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)  # noqa: S314 - what the code above it just drew


def some_lines(n: int = 60) -> str:
    return lines("what it shows", [f"day {i}" for i in range(n)], {"uncovered": list(range(n))}, str)


def some_bars(names: tuple[str, ...] = ("one", "two")) -> str:
    return bars("what it shows", names, {"used": [3] * len(names), "free": [1] * len(names)})


@pytest.mark.parametrize("draw", [some_lines, some_bars])
def test_a_chart_has_a_label_and_nothing_that_a_strict_page_refuses(draw: object) -> None:
    assert callable(draw)
    root = drawn(draw())
    assert (root.tag, root.get("role"), root.get("aria-label")) == (f"{SVG}svg", "img", "what it shows")
    for node in root.iter():
        assert node.tag in {f"{SVG}{name}" for name in ("svg", "g", "path", "rect", "text")}
        assert not {"style", "id", "onclick"} & set(node.attrib)
    assert draw() == draw()


def test_each_series_has_the_class_of_its_colour() -> None:
    classes = {one.get("class") for one in drawn(some_bars()).iter(f"{SVG}g")}
    assert {"series c-used", "series c-free"} <= classes


def test_names_are_text_and_stand_from_the_top_as_in_the_table() -> None:
    names = ("<b>&\"'", "last")
    texts = [
        (float(one.get("y", 0)), one.text)
        for one in drawn(some_bars(names)).iter(f"{SVG}text")
        if one.text in names
    ]
    assert [text for _, text in sorted(texts)] == list(names)


def test_a_long_time_is_thinned_and_the_last_day_stays() -> None:
    root = drawn(some_lines(1_095))
    assert "day 1094" in [one.text for one in root.iter(f"{SVG}text")]
    path = max((one.get("d", "") for one in root.iter(f"{SVG}path")), key=len)
    assert MOST_POINTS / 2 < path.count(" ") / 2 <= MOST_POINTS + 4


@given(COUNTS)
def test_the_axis_has_whole_numbers_and_reaches_the_highest(counts: list[int]) -> None:
    root = drawn(lines("x", [f"day {i}" for i in range(len(counts))], {"uncovered": counts}, str))
    marks = [int(one.text) for one in root.iter(f"{SVG}text") if one.text and one.text.isdecimal()]
    assert len(marks) == len(set(marks)) == STEPS + 1
    assert marks[0] == 0
    assert max(marks) >= max(counts)


def test_a_product_without_seats_is_drawn_as_nothing() -> None:
    assert "c-used" in bars("x", ["none"], {"used": [0], "free": [0]})
