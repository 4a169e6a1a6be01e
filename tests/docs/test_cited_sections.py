"""Code, cases and texts cite sections of the docs by number or heading: each is there."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("shared", "functions", "admin", "infra", "sandbox", "tools", "benchmarks", "tests")
_BY_NUMBER = re.compile(r"\b(design|judgement)(?:\.md)? (§\d(?:[-,. ]*§?\d)*)")
_BY_HEADING = re.compile(r"docs/([\w-]+\.md), '?([A-Z][A-Za-z ]+)")


def texts() -> Iterator[tuple[str, str]]:
    """Every file that may cite, by its path."""
    for folder in FOLDERS:
        for kind in ("py", "toml", "bicep"):
            for one in (ROOT / folder).rglob(f"*.{kind}"):
                if "node_modules" not in one.parts and one != Path(__file__):
                    yield str(one.relative_to(ROOT)), one.read_text(encoding="utf-8")


@cache
def sections(name: str) -> frozenset[str]:
    """The numbers of a page's sections, `4`, and of the numbered paragraphs in them, `4.1`."""
    found = set()
    for part in re.split(r"^## §", (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8"), flags=re.M)[
        1:
    ]:
        number = part[0]
        found |= {number, *(f"{number}.{one}" for one in re.findall(r"^(\d)\. ", part, re.MULTILINE))}
    return frozenset(found)


def by_number() -> Iterator[tuple[str, str, str]]:
    for file, text in texts():
        for name, cited in _BY_NUMBER.findall(text):
            for number in re.findall(r"\d(?:\.\d)?", cited):
                yield file, name, number


def test_every_section_that_is_cited_by_number_is_there() -> None:
    cited = list(by_number())
    assert {("design", "4.6"), ("design", "1"), ("judgement", "4")} <= {one[1:] for one in cited}
    assert [one for one in cited if one[2] not in sections(one[1])] == []


def test_every_section_that_people_are_sent_to_is_there() -> None:
    english = (ROOT / "shared/texts/en.toml").read_text(encoding="utf-8")
    sent = set(_BY_HEADING.findall(english))
    assert ("runbook.md", "Going back") in sent
    for page, heading in sent:
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        assert re.search(rf"^#+ {re.escape(heading.strip())}$", text, re.MULTILINE), (page, heading)
