"""Every link of every page leads to a file that is there, and to a heading where it names one."""

import re
from functools import cache
from pathlib import Path

import pytest

from tests.docs.shown_commands import pages

ROOT = Path(__file__).resolve().parents[2]
PAGES = pages(ROOT)
_FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def links(text: str) -> list[str]:
    """What the links of a page lead to, without those that leave the repository."""
    found = _LINK.findall(_FENCE.sub("", text))
    return [one for one in found if "://" not in one and not one.startswith("mailto:")]


@cache
def anchors(page: Path) -> frozenset[str]:
    """The headings of a page as GitHub names them in addresses."""
    found: dict[str, int] = {}
    for title in re.findall(r"^#+ (.+?)\s*$", _FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title)
        name = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found[name] = found.get(name, -1) + 1
        if found[name]:
            found[f"{name}-{found[name]}"] = 0
    return frozenset(found)


def dead(page: Path, text: str) -> list[str]:
    """The links of a page that lead nowhere."""
    lost = []
    for link in links(text):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            lost.append(link)
    return lost


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading_that_there_are(page: Path) -> None:
    assert dead(page, page.read_text(encoding="utf-8")) == []


def test_a_link_that_leads_nowhere_is_found() -> None:
    page = ROOT / "docs" / "operate.md"
    text = "[a](nothing.md) [b](settings.md#nothing) [c](#nothing) [d](settings.md) [e](#health) [f](https://x.y)"
    assert dead(page, text) == ["nothing.md", "settings.md#nothing", "#nothing"]


def test_every_page_of_docs_can_be_reached_from_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    named = {link.partition("#")[0] for link in links(index.read_text(encoding="utf-8"))}
    assert {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"} <= named


def test_how_it_works_leads_through_the_code_in_order() -> None:
    page = (ROOT / "docs" / "how-it-works.md").read_text(encoding="utf-8")
    named = [link for link in links(page) if link.endswith(".py")]
    assert len(named) >= 25
    rooms = ("functions/", "ledger/", "notify/")
    ways = [next(at for at, one in enumerate(named) if room in one) for room in rooms]
    assert ways == sorted(ways)
