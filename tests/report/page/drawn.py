"""Pages of the sample report, and a reader of their HTML: what people see, hear and can press."""

import functools
import json
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any

import msgspec

from sandbox.sample_report import report, rows
from shared.report.figures import Report
from shared.report.page import Page, as_page
from shared.report.views import RowView, Views
from shared.texts.catalogue import Catalogue

VOID = frozenset(("meta", "link", "input", "br"))
SPOKEN = ("aria-label", "placeholder", "title")
OPTIONAL_END: frozenset[str] = frozenset()

EMPTY = msgspec.structs.replace(
    report(),
    users=0,
    in_reach=0,
    states={},
    reach={},
    kinds=(),
    skus=(),
    needs=(),
    disagreements=(),
    rows=0,
    concerns=(),
    trend=(),
    exceptions=(),
    evidence={},
    health=None,
)
"""Nothing is known: an audit of nobody."""


@functools.cache
def some_views(n: int, language: Catalogue) -> tuple[RowView, ...]:
    """The sample's rows in words."""
    return tuple(Views(report(), language).rows(rows(n)))


def page(texts: Catalogue, n: int = 120, of: Report | None = None, **options: Any) -> Page:
    """The page of the sample with n rows, as a file."""
    made = of or report(to_act_on=n)
    views: Sequence[RowView] = some_views(n, texts) if n else ()
    return as_page(made, views, n, texts, **options)


class Read(HTMLParser):
    """What a page holds. `faults`: elements that are not closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.seen: list[str] = []
        self.raw: dict[str, str] = {}
        self.faults: list[str] = []
        self._open: list[tuple[str, str]] = []
        self.feed(html)
        self.close()
        self.faults += [f"{name} is never closed" for name, _ in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.append((tag, found))
        self.seen += [found[name] for name in SPOKEN if found.get(name)]
        if tag not in VOID:
            self._open.append((tag, found.get("id", tag)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1][0] != tag:
            self.faults.append(f"</{tag}> closes {self._open[-1:]}")
            return
        self._open.pop()

    def handle_data(self, data: str) -> None:
        tag, name = self._open[-1] if self._open else ("", "")
        if tag in ("script", "style"):
            self.raw[name] = self.raw.get(name, "") + data
        elif data.strip():
            self.seen.append(data.strip())

    def every(self, tag: str) -> list[dict[str, str]]:
        """The attributes of each element of a kind."""
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        """All that can be seen or heard."""
        return "\n".join(self.seen)

    def data(self, name: str) -> Any:
        """What a data block holds."""
        return json.loads(self.raw[name])
