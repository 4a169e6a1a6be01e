"""What `make bench` leaves in docs/: a section, two charts and the results, which say the same."""

import re
import xml.etree.ElementTree as ET

import msgspec
import pytest

from benchmarks.budgets import budgets, reasons, row
from benchmarks.chart import MOST, budget_use, charts, reading
from benchmarks.page import PAGE
from benchmarks.results import KEPT, Results, as_json, read
from benchmarks.section import CHARTS, section
from tests.benchmarks.test_machine import KNOWN

ROWS = (
    row("import", 18.94, "loads msgspec", times=9),
    row("import-naive", 521, times=9),
    row("sweep-over-typed", 40.0, "12,000 over 300", times=3, users="100,000"),
    row("typed-paging", 300.0, times=3),
    row("page-iterator", 280.0, times=3),
    row("change-cpu-each", 10.0),
    row("judging", 1.7, "a < b & c"),
)
RUN = Results(machine=KNOWN, command="make bench", seconds=450, users=10**6, sample=2000, rows=ROWS)


def test_the_section_says_when_and_where_and_has_every_row_once() -> None:
    text = section(RUN, budgets(), {})
    assert text.startswith("`make bench` took 7 min 30 s: 1 October 2026 at ec85c03, on 2 cores")
    lines = text.splitlines()
    what = "import of `function_app` beyond azure.functions, CPU"
    assert f"| {what} | 18.9 ms | ≤ 25 ms | ok | 9 | loads msgspec |" in lines
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == len(ROWS) + 2
    assert {line.count("|") for line in table} == {7}
    for one in ROWS:
        assert f"- *{one.what}*: {budgets()[one.id].means}" in lines


def test_what_is_over_its_budget_says_so_with_its_reason_or_that_nobody_knows_it() -> None:
    text = section(RUN, budgets(), {"judging": "Two lookups, 0.7 µs.", "import": "Not needed."})
    assert "| **over** |" in text
    assert "- judging one user, warm, over its decode: Two lookups, 0.7 µs." in text
    assert "users a CPU second: not looked into yet." in text
    assert "Not needed." not in text
    kept = msgspec.structs.replace(RUN, rows=ROWS[:2])
    assert "Over budget" not in section(kept, budgets(), {})


def test_results_are_read_as_they_were_written_and_say_what_was_kept() -> None:
    data = as_json(RUN)
    assert read(data) == RUN
    plain = msgspec.json.decode(data)
    assert [one["ok"] for one in plain["rows"]] == [True, True, False, True, True, True, False]
    assert plain["machine"]["cores"] == 2


def test_ways_of_reading_are_held_against_each_other_in_users_a_cpu_second() -> None:
    assert [(bar.length, bar.figure, bar.colour) for bar in reading(RUN)] == [
        (12_000, "12,000", "ours"),
        (300, "300", "theirs"),
        (280, "280", "theirs"),
        (100, "100", "theirs"),
    ]
    assert reading(msgspec.structs.replace(RUN, rows=())) == []


def test_a_bar_of_a_budget_is_its_share_and_its_figure_says_how_far_over_it_is() -> None:
    assert [(bar.name, round(bar.length), bar.figure, bar.colour) for bar in budget_use(RUN)] == [
        ("import, CPU", 76, "75.8 %", "kept"),
        ("sweep, speed", MOST, "375 %", "over"),
        ("judging a user", MOST, "170 %", "over"),
    ]


@pytest.mark.parametrize("name", ["bench-reading.svg", "bench-budgets.svg"])
def test_a_chart_is_small_the_same_for_the_same_figures_and_asks_for_nothing(name: str) -> None:
    picture = charts(RUN)[name]
    assert picture == charts(RUN)[name]
    assert len(picture) < 12_000
    root = ET.fromstring(picture)  # noqa: S314 - drawn two lines above
    tags = {one.tag.rpartition("}")[2] for one in root.iter()}
    assert tags <= {"svg", "g", "rect", "path", "text", "style"}
    assert root.get("role") == "img"
    assert root.get("aria-label")
    text = picture.decode()
    assert re.findall(r"https?://[^\"' ]+", text) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"href|url\(|@import|<script|\son\w+=", text)
    # Both sets of colours, each on its own ground.
    assert text.count(".ground{fill:") == 2
    assert "prefers-color-scheme:dark" in text


def test_figures_at_the_ends_of_bars_can_be_read_in_the_charts() -> None:
    root = ET.fromstring(charts(RUN)["bench-budgets.svg"])  # noqa: S314 - drawn by ourselves
    words = [one.text for one in root.iter() if one.tag.rpartition("}")[2] == "text"]
    assert {"import, CPU", "75.8 %", "375 %", "170 %", "100 %"} <= set(words)


def test_the_page_its_charts_and_the_kept_results_are_of_one_run() -> None:
    kept = read(KEPT.read_bytes())
    assert kept.command == "make bench"
    assert f"<!-- bench -->\n{section(kept, budgets(), reasons())}\n<!-- end -->" in PAGE.read_text()
    drawn = charts(kept)
    assert {f"pictures/{name}" for name in drawn} == set(CHARTS)
    for name, picture in drawn.items():
        assert (PAGE.parent / "pictures" / name).read_bytes() == picture, f"make bench-page for {name}"
