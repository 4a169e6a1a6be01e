"""A browser, a server with a large report, and a report as a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.texts.catalogue import catalogue
from tests.report.page.drawn import page as drawn_page
from tests.report.page.looking import Looker, looker
from tests.report.page.serving import Server, served

ENGLISH = catalogue("en")
N = 12_000


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with served(N) as running:
        yield running


@pytest.fixture(scope="module")
def looks() -> Iterator[Looker]:
    with looker() as running:
        yield running


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A report as an audit writes it."""
    there = tmp_path / "report.html"
    there.write_text(drawn_page(ENGLISH, 343).html, encoding="utf-8")
    return there.as_uri()
