"""Answers who asks for the report: page, CSV, JSON, further rows, one user's history (design §5).

Every route is behind the same door: without a sign-in that entitles to detail it says one sentence and reads
nothing. What is answered is for the asker's eyes: it is not stored on the way, and a browser does nothing
with it but show it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from itertools import islice
from typing import Any

import msgspec
from azure.core.exceptions import AzureError

from shared.guids import as_guid
from shared.ledger.journal import JournalUnreadable
from shared.ledger.manifest import LedgerMissing
from shared.ledger.shards import LedgerUnreadable
from shared.notify.exceptions.agreed import AgreedUnreadable
from shared.report import history
from shared.report.csv_form import as_csv
from shared.report.figures import Point
from shared.report.gathering import Gathered
from shared.report.json_form import as_json
from shared.report.page import MOST_INLINED, as_page
from shared.report.rows import LANGUAGE, BadQuery, Query, find, fitting, only, ordered, query_of
from shared.report.trend import TrendUnreadable, read_trend
from shared.report.views import RowView, Views
from shared.storage import NewerSchema
from shared.texts.catalogue import Catalogue, catalogue, languages
from shared.watch import access
from shared.watch.parts import Watch
from shared.watch.wellbeing import health

log = logging.getLogger("watch.reports")

_ALWAYS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
_TEXT, _HTML, _CSV = "text/plain; charset=utf-8", "text/html; charset=utf-8", "text/csv; charset=utf-8"
_JSON = "application/json"


class Answer(msgspec.Struct, frozen=True):
    """What goes back over HTTP."""

    status: int
    body: bytes
    kind: str
    headers: Mapping[str, str] = {}


class _Rows(msgspec.Struct, frozen=True):
    total: int
    rows: tuple[RowView, ...]


class _User(msgspec.Struct, frozen=True):
    """`row`: None where there is nothing to act on. `whole`: the history is from the beginning."""

    row: RowView | None
    episodes: tuple[history.EpisodeView, ...]
    whole: bool


class Asked(msgspec.Struct, frozen=True):
    """One question: the watch, the words to answer in, the URL's parameters."""

    watch: Watch
    texts: Catalogue
    params: Mapping[str, str]


Ask = Callable[[Asked], Awaitable[Answer]]


async def answer(watch: Watch, headers: Mapping[str, Any], params: Mapping[str, str], ask: Ask) -> Answer:
    """What `ask` gives to whoever may see detail; to anyone else one sentence.

    401: nothing was sent to be let in with; 403: what was sent does not let in; 400: a parameter that can't
    be used; 503: there is nothing to show yet, or it can't be read now.
    """
    settings = watch.settings
    texts = catalogue(settings.telling.language)
    may = access.access_of(headers, settings)
    if may is not access.Access.DETAIL:
        return _shut(may, headers, watch, texts)
    try:
        return _guarded(await ask(Asked(watch, _language(params, texts), params)))
    except BadQuery as fault:
        return _sentence(400, fault.sentence(texts))
    except LedgerMissing:
        return _sentence(503, texts.text("report", "nothing_read"))
    except NewerSchema as fault:
        sentence = texts.text("health", "newer", path=fault.path, found=fault.found, known=fault.known)
        return _sentence(503, sentence)
    except LedgerUnreadable as fault:
        return _sentence(503, texts.text("health", "ledger", path=fault.path, reason=fault.reason))
    except AgreedUnreadable as fault:
        return _sentence(503, texts.text("health", "agreed", path=fault.path, reason=fault.reason))
    except JournalUnreadable as fault:
        log.warning("%s", fault)
        return _sentence(503, texts.text("health", "storage", kind=type(fault).__name__))
    except AzureError as fault:
        # Its text may hold addresses; its kind is enough here, as in health.
        log.warning("a report could not be read: %s", type(fault).__name__)
        return _sentence(503, texts.text("health", "storage", kind=type(fault).__name__))


def _shut(may: access.Access, headers: Mapping[str, Any], watch: Watch, texts: Catalogue) -> Answer:
    refused = may is access.Access.REFUSED
    # Where the platform signs people in, it does that before us; a browser in the sandbox is asked by us.
    again = bool(watch.settings.local_key) and (not refused or access.asked_by_password(headers))
    challenge = {"WWW-Authenticate": 'Basic realm="SSPR License Watch", charset="UTF-8"'} if again else {}
    if refused:
        said = _sentence(401 if again else 403, access.refusal(watch.settings))
    else:
        said = _sentence(
            401, texts.text("report", "no_sign_in", role=access.ROLE, command="python -m sandbox up")
        )
    return msgspec.structs.replace(said, headers={**said.headers, **challenge})


def _sentence(status: int, text: str) -> Answer:
    return _guarded(Answer(status, f"{text}\n".encode(), _TEXT))


def _guarded(said: Answer) -> Answer:
    return msgspec.structs.replace(said, headers={**_ALWAYS, **said.headers})


def _language(params: Mapping[str, str], texts: Catalogue) -> Catalogue:
    """The language asked for, else the watch's own."""
    wanted = params.get(LANGUAGE, "")
    if not wanted:
        return texts
    if wanted not in languages():
        raise BadQuery(LANGUAGE, wanted, ", ".join(languages()))
    return catalogue(wanted)


# --- what can be asked ------------------------------------------------------------------------------------


async def page(asked: Asked) -> Answer:
    """The page with its first rows; it asks for the rest."""
    only(asked.params, ())
    gathered, texts = await _gathered(asked, whole=True), asked.texts
    rows = ordered(gathered.rows, Query())
    views = list(Views(gathered.report, texts).rows(islice(rows, MOST_INLINED)))
    tail = f"?language={texts.language}" if asked.params.get(LANGUAGE) else ""
    made = as_page(
        gathered.report,
        views,
        len(rows),
        texts,
        states=frozenset(row.state for row in rows),
        rows_url=f"report/rows{tail}",
        user_url=f"report/user{tail}",
        csv_url=f"report.csv{tail}",
        json_url="report.json",
    )
    return Answer(200, made.html.encode(), _HTML, {"Content-Security-Policy": made.csp})


async def csv(asked: Asked) -> Answer:
    """All rows that fit the query, as a file."""
    query = query_of(asked.params)
    gathered = await _gathered(asked)
    rows = ordered(fitting(gathered.rows, query), query)
    text = as_csv(Views(gathered.report, asked.texts).rows(rows), asked.texts)
    name = f"sspr-licences-{gathered.report.at:%Y-%m-%d}.csv"
    return Answer(200, text.encode(), _CSV, {"Content-Disposition": f'attachment; filename="{name}"'})


async def json(asked: Asked) -> Answer:
    """The whole report for programs, with all rows."""
    only(asked.params, ())
    gathered = await _gathered(asked, whole=True)
    return Answer(200, as_json(gathered.report, ordered(gathered.rows, Query())), _JSON)


async def rows(asked: Asked) -> Answer:
    """A page of the rows that fit the query, and how many fit."""
    query = query_of(asked.params)
    gathered = await _gathered(asked)
    found = find(gathered.rows, query)
    views = tuple(Views(gathered.report, asked.texts).rows(found.rows))
    return Answer(200, msgspec.json.encode(_Rows(found.total, views)), _JSON)


async def user(asked: Asked) -> Answer:
    """One user: the row, and the history from the journal."""
    only(asked.params, ("id",))
    user_id = as_guid(asked.params.get("id", "").strip())
    if user_id is None:
        return _sentence(400, asked.texts.text("report", "no_user_id"))
    watch = asked.watch
    await _begun(watch)
    gathered, told = await asyncio.gather(_gathered(asked), _told(watch, user_id))
    row = next((one for one in gathered.rows if one.id == user_id), None)
    views = Views(gathered.report, asked.texts)
    episodes = history.views(history.episodes(told.lines, user_id), gathered.report, asked.texts, watch.rules)
    said = _User(views.row(row) if row else None, episodes, told.whole)
    return Answer(200, msgspec.json.encode(said), _JSON)


async def _told(watch: Watch, user_id: str) -> history.Told:
    manifest = await watch.gatherer.manifest()
    return await history.lines_about(watch.storage.alerts, manifest, user_id)


async def _gathered(asked: Asked, *, whole: bool = False) -> Gathered:
    """`whole`: with trend and health, which only page and JSON show."""
    watch = asked.watch
    await _begun(watch)
    if not whole:
        return await watch.gatherer.gather(asked.texts, watch.now())
    (trend, problems), seen = await asyncio.gather(
        _trend(watch, asked.texts), health.look(watch, asked.texts)
    )
    return await watch.gatherer.gather(
        asked.texts, watch.now(), trend=trend, health=(*seen.problems, *problems)
    )


async def _begun(watch: Watch) -> None:
    """Raises `LedgerMissing` where there is no ledger yet: health would begin one, and count users in Graph
    for it; a report only reads."""
    if not await watch.found():
        raise LedgerMissing(watch.settings.tenant_id)


async def _trend(watch: Watch, texts: Catalogue) -> tuple[tuple[Point, ...], tuple[str, ...]]:
    """The points, and what is wrong with them: without that, none would read as none yet."""
    try:
        return await read_trend(watch.storage.evidence, watch.settings.tenant_id), ()
    except TrendUnreadable as fault:
        log.warning("%s", fault)
        return (), (texts.text("report", "trend_unreadable", path=fault.name),)
