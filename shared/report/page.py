"""The report as one HTML page that needs nothing from anywhere else. Pure.

Style, script and data stand in the page itself; a strict Content-Security-Policy names the two by their
SHA-256 and allows nothing else. What comes from a tenant is escaped by Jinja, or is data that the script
puts on the page as text. Without a script the summary reads all the same, with the first rows.
"""

import base64
import functools
import hashlib
from collections.abc import Collection, Sequence
from datetime import timedelta
from pathlib import Path

import jinja2
import msgspec
from markupsafe import Markup

from shared.model import State
from shared.notify.exceptions.exemptions import LONGEST
from shared.report import charts
from shared.report.figures import QUESTIONS, Report, SkuSeats
from shared.report.packing import as_data, pack
from shared.report.page_words import JUDGED, OPEN, REACHED, PageWords
from shared.report.views import RowView, Views
from shared.texts.catalogue import Catalogue, catalogue, languages

MOST_INLINED = 5_000
"""Rows that a served page carries; it asks for the rest."""

LARGEST = 1_000_000
"""Bytes of a served page."""

MOST_IN_FILE = 50_000
"""Rows of a page that can't ask for more: beyond, browsers become slow, and the CSV has them all."""

SHOWN = 50
"""Rows that are there before any script has run, and rows to a page of the table."""

MOST_CONCERNS, MOST_EXCEPTIONS = 100, 250
"""Findings of tenant and groups, and exceptions, that a page shows: either may be thousands."""

MOST_BARS = 8
"""Products that the chart of seats shows: those with the most seats. The table has all."""

AHEAD = timedelta(days=30)
"""How far ahead the end of an exception lies that the page proposes, as cards do."""

_SCRIPT = ("words", "whole", "rows", "table", "paper", "history", "selection", "start")
"""The parts of the script, in the order in which they run: one function holds them all."""

_HERE = Path(__file__).parent
_ROOM_FOR_DATA = 2_000
"""Bytes set aside for what is not counted while rows are packed."""


class Page(msgspec.Struct, frozen=True):
    """A page, and the Content-Security-Policy that a server sends with it. A file carries its own."""

    html: str
    csp: str


def as_page(
    report: Report,
    views: Sequence[RowView],
    total: int,
    texts: Catalogue,
    *,
    states: Collection[State] | None = None,
    rows_url: str = "",
    user_url: str = "",
    csv_url: str = "",
    json_url: str = "",
) -> Page:
    """The page of a report in one language.

    `views`: rows to act on in their own order, the first at least; `total`: how many there are. `states`: in
    which somebody of them is; None: those of `views`. `rows_url`, `user_url`: where the page asks for other
    rows and for a user's history, of its own origin; without them it is a file that asks nobody. `csv_url`,
    `json_url`: where the same is as CSV and JSON, if anywhere.
    """
    words = PageWords(texts, report)
    served = bool(rows_url)
    style, script = _packaged("page.css"), _script()
    csp = _policy(style, script, "'self'" if served else "'none'")
    settings = {
        "words": words.for_script(),
        "rowsUrl": rows_url,
        "userUrl": user_url,
        "total": total,
        "size": SHOWN,
        "until": f"{report.at + AHEAD:%Y-%m-%d}",
        "latest": f"{report.at + LONGEST - timedelta(days=1):%Y-%m-%d}",
        "hashed": report.pseudonymised,
        "served": served,
    }
    values = {
        "w": words,
        "r": report,
        "views": views[:SHOWN],
        "total": total,
        "filters": _filters(words, views, states, served),
        "questions": [one for code in QUESTIONS for one in report.questions if one.code == code],
        "trend": _trend(words),
        "seats": _seats(words),
        "concerns": Views(report, texts).concerns(MOST_CONCERNS),
        "exceptions": report.exceptions[:MOST_EXCEPTIONS],
        "judged": JUDGED,
        "reached": REACHED,
        "drawn": OPEN,
        "languages": _other_languages(texts) if served else (),
        "csv_url": csv_url,
        "json_url": json_url,
        "csp": csp,
        "style": Markup(style),  # noqa: S704 - our own file
        "script": Markup(script),  # noqa: S704 - our own file
        "settings": _data(settings),
    }
    template = _template()
    bare = len(template.render(values, packed="", cut=False).encode())
    room = max(0, LARGEST - bare - _ROOM_FOR_DATA) if served else 100 * LARGEST
    packed = pack(views, most=MOST_INLINED if served else MOST_IN_FILE, room=room)
    cut = packed.rows if not served and packed.rows < total else 0
    html = template.render(values, packed=Markup(packed.text), cut=cut)  # noqa: S704 - escaped by `pack`
    return Page(html, csp + "; frame-ancestors 'none'")


def _other_languages(texts: Catalogue) -> list[tuple[str, str]]:
    """Other languages that a served page can be asked for, each by its own name."""
    others = (catalogue(one) for one in languages() if one != texts.language)
    return [(one.language, one.text("report", "page", "language")) for one in others]


def _data(value: object) -> Markup:
    return Markup(as_data(value).decode())  # noqa: S704 - escaped by `as_data`


@functools.cache
def _packaged(name: str) -> str:
    """A file beside this one."""
    return (_HERE / name).read_text(encoding="utf-8")


@functools.cache
def _script() -> str:
    """The script, one of its parts after the other, in a scope of its own."""
    parts = "\n".join(_packaged(f"script/{part}.js") for part in _SCRIPT)
    return f'"use strict";\n(() => {{\n{parts}}})();\n'


@functools.cache
def _template() -> jinja2.Template:
    folder = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return folder.get_template("page.html.j2")


def _policy(style: str, script: str, connect: str) -> str:
    """What the page may do: run its own script, wear its own style, ask its own origin. A file asks nobody.

    `frame-ancestors` is for a header only: in a page browsers ignore it, and complain.
    """
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_hash(script)}'",
            f"style-src '{_hash(style)}'",
            f"connect-src {connect}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _filters(
    words: PageWords, views: Sequence[RowView], states: Collection[State] | None, served: bool
) -> dict[str, list[tuple[str, str]]]:
    """What people may filter by: states that occur, and kinds; where the page has all rows, those in them."""
    occurring = {view.state for view in views} if states is None else states
    kinds = {kind for view in views for kind in view.kinds}
    if served:
        kinds |= {one.kind for one in words.report.kinds if one.subject == "user"}
    return {
        "states": [(code, words.words("states", code)) for code in JUDGED if code in occurring],
        "kinds": words.kinds_of(kinds),
        "severities": [(code, words.t(f"level.{code}")) for code in ("high", "medium", "low")],
    }


def _trend(words: PageWords) -> Markup | None:
    """The chart of the days; None while there are not two of them."""
    points = words.report.trend
    if len(points) < 2:
        return None
    days = [words.day(one.day) for one in points]
    series = {state.value: [one.states.get(state, 0) for one in points] for state in OPEN}
    label = words.t("trend_label", first=days[0], last=days[-1])
    return Markup(charts.lines(label, days, series, words.number))  # noqa: S704 - pygal escapes the labels


def _seats(words: PageWords) -> Markup | None:
    """The chart of seats; None where no product counts."""
    counting = [one for one in words.report.skus if one.tier and one.usable]
    largest = sorted(counting, key=lambda one: (-one.usable, one.name))[:MOST_BARS]
    if not largest:
        return None
    series = {
        "used": [max(0, min(one.consumed, one.usable) - _idle(one)) for one in largest],
        "idle": [_idle(one) for one in largest],
        "free": [one.free for one in largest],
    }
    names = [words.clean(one.name) for one in largest]
    return Markup(charts.bars(words.t("seats_label"), names, series))  # noqa: S704 - pygal escapes the names


def _idle(sku: SkuSeats) -> int:
    """Of the seats in use those that are reclaimable."""
    return min(sku.reclaimable, sku.consumed, sku.usable)
