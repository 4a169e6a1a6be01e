"""docs/measurements.md: commands put their sections into it, and nothing else of it changes."""

import re
from pathlib import Path

import pytest

from benchmarks.page import PAGE, write

BEFORE = (
    "# Page\r\n\n<!-- one -->\nold, with \\1 in it\n<!-- end -->\nprose\n<!-- two-words -->\n<!-- end -->\n"
)
SECTIONS = ["bench", "soak", "slow-consumer", "fuzz", "faults"]


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    path.write_bytes(BEFORE.encode())
    return path


def test_a_section_is_replaced_whole_and_the_rest_stays_byte_by_byte(page: Path) -> None:
    write("one", "\n\nnew \\g<0> µs\n", page)
    write("two-words", "| a |\n| --- |", page)
    assert page.read_bytes().decode() == BEFORE.replace("old, with \\1 in it", "new \\g<0> µs").replace(
        "<!-- two-words -->\n", "<!-- two-words -->\n| a |\n| --- |\n"
    )
    write("one", "again", page)
    write("one", "", page)
    assert "<!-- one -->\n<!-- end -->\nprose" in page.read_text()


@pytest.mark.parametrize("name", ["three", "one -->", "two", "words", "end", ""])
def test_a_section_that_the_page_does_not_have_is_refused(page: Path, name: str) -> None:
    with pytest.raises(LookupError, match="must have one block"):
        write(name, "new", page)
    assert page.read_bytes() == BEFORE.encode()


@pytest.mark.parametrize(
    "text",
    [
        "<!-- one -->\na\n<!-- end -->\n<!-- one -->\nb\n<!-- end -->",
        "<!-- one -->\nnever closed\n<!-- two -->\n<!-- end -->",
        "<!-- one -->\nnever closed",
    ],
)
def test_a_section_that_is_there_twice_or_not_closed_is_refused(page: Path, text: str) -> None:
    page.write_text(text)
    with pytest.raises(LookupError):
        write("one", "new", page)
    assert page.read_text() == text


@pytest.mark.parametrize("mark", ["<!-- end -->", "<!--end-->", "<!-- two-words -->"])
def test_a_text_that_would_end_its_section_is_refused(page: Path, mark: str) -> None:
    with pytest.raises(ValueError, match="mark"):
        write("one", f"new {mark} more", page)
    assert page.read_bytes() == BEFORE.encode()


def test_the_page_has_a_section_for_each_command_that_measures(tmp_path: Path) -> None:
    text = PAGE.read_text()
    assert re.findall(r"^<!-- ([\w-]+) -->$", text, re.MULTILINE) == [
        mark for name in SECTIONS for mark in (name, "end")
    ]
    copy = tmp_path / "copy.md"
    for name in SECTIONS:
        copy.write_text(text)
        write(name, f"what {name} found", copy)
        assert f"make {name}`\n\n<!-- {name} -->\nwhat {name} found\n<!-- end -->" in copy.read_text()
