"""Users: one by one in batches, or all of them page by page. Always by the one `$select` of the watch."""

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import quote

import msgspec
from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation

from shared import telemetry
from shared.graph.errors import Forbidden, GraphError, LinkError, Throttled, Unauthorized, Unavailable
from shared.graph.pages import RawRows, read_object, read_raw_page, read_row, read_rows
from shared.graph.parallel import few_at_a_time
from shared.graph.retry import retry_after
from shared.graph.session import GraphSession, Query, asking, code_of, unhurried
from shared.guids import guid
from shared.model import USER_SELECT, User

BATCH = 20
"""The most requests in one `$batch` (Microsoft Graph JSON batching)."""
PARALLEL = 4
PAGE = 999

_DEFAULT_DELAY = 5.0
_IN_BATCH = "GET /users/{id}"
_HARMLESS_BATCH = frozenset({424})


class Readings(msgspec.Struct, kw_only=True):
    """What became of each id that was asked for: exactly one of the four.

    `missing`: 404, deleted or not yet replicated. `throttled`: seconds after which to ask again. `failed`: no
    usable answer; `codes` counts why (status and Graph's code). `observed_at` of a user: our clock just
    before the request that read it was sent.
    """

    users: dict[str, User] = msgspec.field(default_factory=dict)
    missing: set[str] = msgspec.field(default_factory=set)
    throttled: dict[str, float] = msgspec.field(default_factory=dict)
    failed: set[str] = msgspec.field(default_factory=set)
    observed_at: dict[str, datetime] = msgspec.field(default_factory=dict)
    codes: dict[str, int] = msgspec.field(default_factory=dict)

    def fail(self, user_id: str, status: int, code: str) -> None:
        """Count an id that gave no usable answer."""
        self.failed.add(user_id)
        name = f"{status} {code}".strip()
        self.codes[name] = self.codes.get(name, 0) + 1


class _Item(msgspec.Struct):
    id: str
    status: int
    headers: dict[str, Any] | None = None
    body: msgspec.Raw = msgspec.Raw(b"null")


class _Batch(msgspec.Struct):
    responses: list[msgspec.Raw]


async def read_users(session: GraphSession, ids: Iterable[str]) -> Readings:
    """Read users by `$batch` of 20, a few at a time; each item's status is its own.

    An item's 429 is not waited for here: it goes back with its delay. Raises ValueError for an id that is not
    a GUID, `Unauthorized`, `Forbidden` or `LinkError` where the whole call was refused.
    """
    distinct = list(dict.fromkeys(guid(user_id) for user_id in ids))
    readings = Readings()

    async def read(batch: list[str]) -> None:
        try:
            await _read_batch(session, batch, readings)
        except Throttled as problem:
            readings.throttled.update(dict.fromkeys(batch, problem.retry_after))
        except (Unauthorized, Forbidden, LinkError):
            raise
        except GraphError as problem:
            for user_id in batch:
                readings.fail(user_id, problem.status, problem.code)

    batches = [distinct[start : start + BATCH] for start in range(0, len(distinct), BATCH)]
    await few_at_a_time(PARALLEL, [partial(read, batch) for batch in batches])
    return readings


async def read_user(session: GraphSession, named: str) -> User:
    """One user by object id or user principal name. Raises `GraphError`, `NotFound` where there is none."""
    builder: Any = session.client.users.by_user_id(named)
    request = builder.to_get_request_information(asking(Query(select=list(USER_SELECT))))
    answer = await session.send(unhurried(request))
    user = read_row(answer.body, User)
    if user is None:
        raise Unavailable(answer.status, code="unreadable-answer")
    return _lower(user)


async def user_pages(session: GraphSession, link: str | None = None) -> RawRows:
    """One page of all users: the first, or the one that `link` (an earlier page's `next_link`) leads to.

    Rows come as they are, for `users_of` to read. An empty page may have a next one. Raises `Gone410` where
    Graph has forgotten the link.
    """
    if link is None:
        builder: Any = session.client.users
        request: RequestInformation = builder.to_get_request_information(
            asking(Query(select=list(USER_SELECT), top=PAGE))
        )
    else:
        request = session.follow(link)
    page = await read_raw_page(session, unhurried(request))
    if page.next_link is not None and page.next_link == link:
        raise LinkError(code="circular-link")
    return page


def users_of(rows: bytes) -> tuple[list[User], tuple[str, ...]]:
    """Users of a JSON array of rows, and the ids of rows that are not as documented: read these anew.

    Raises `msgspec.DecodeError` if it is no array at all.
    """
    users, unreadable = read_rows(rows, User)
    return [_lower(user) for user in users], unreadable


async def count_users(session: GraphSession) -> int:
    """How many users the directory has, from its index (so a recent change may not be in it yet)."""
    builder: Any = session.client.users.count
    answer = await session.send(builder.to_get_request_information(asking(eventual=True)))
    text = answer.body.decode("utf-8-sig", "replace").strip()
    if not (text.isascii() and text.isdigit()):
        raise Unavailable(answer.status, code="unreadable-answer")
    return int(text)


async def _read_batch(session: GraphSession, ids: list[str], readings: Readings) -> None:
    select = ",".join(USER_SELECT)
    body = {
        "requests": [
            {"id": str(number), "method": "GET", "url": f"/users/{quote(user_id, safe='')}?$select={select}"}
            for number, user_id in enumerate(ids)
        ]
    }
    request = RequestInformation(Method.POST, "{+baseurl}/$batch", {})
    request.headers.try_add("Accept", "application/json")
    request.set_stream_content(msgspec.json.encode(body), "application/json")
    answer = await session.send(request, repeatable=True, accept=_HARMLESS_BATCH)
    answers = (read_row(raw, _Item) for raw in read_object(answer, _Batch).responses)
    items = {item.id: item for item in answers if item is not None}
    now = session.now()
    for number, user_id in enumerate(ids):
        item = items.get(str(number))
        if item is None:
            readings.fail(user_id, 0, "no-answer")
        else:
            _take(readings, user_id, item, now, answer.asked_at)
    delays = [readings.throttled[user_id] for user_id in ids if user_id in readings.throttled]
    if delays:
        telemetry.GRAPH_THROTTLES.note(len(delays), call=_IN_BATCH)
    if len(delays) == len(ids) and min(delays) <= session.patience.longest_wait:
        # Nothing of it came through: the tenant's budget is spent, other calls would only spend more.
        session.gate.shut(min(delays))


def _take(readings: Readings, user_id: str, item: _Item, now: datetime, asked_at: datetime) -> None:
    """Put one item of a batch where it belongs."""
    if item.status == 404:
        readings.missing.add(user_id)
        readings.observed_at[user_id] = asked_at
    elif item.status == 429:
        headers = {name.lower(): value for name, value in (item.headers or {}).items()}
        delay = retry_after(str(headers["retry-after"]), now) if "retry-after" in headers else None
        readings.throttled[user_id] = _DEFAULT_DELAY if delay is None else delay
    elif item.status == 200:
        user = read_row(item.body, User)
        if user is None or user.id.lower() != user_id:
            readings.fail(user_id, 200, "unreadable-answer")
        else:
            readings.users[user_id] = _lower(user)
            readings.observed_at[user_id] = asked_at
    else:
        readings.fail(user_id, item.status, code_of(bytes(item.body)))


def _lower(user: User) -> User:
    """The user with its id in lower case, as all ids of the watch are."""
    lower = user.id.lower()
    return user if lower == user.id else msgspec.structs.replace(user, id=lower)
