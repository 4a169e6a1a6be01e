"""A ticket system, as far as the watch can tell: a receiver that checks and keeps signed events.

It verifies by the specification of Standard Webhooks and not with the code of the watch, holds each event
against `docs/webhook.schema.json`, and keeps a repeat apart from what is new.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from jsonschema import Draft202012Validator

from sandbox.listening import listening
from sandbox.misfortune import Attempt, Luck, befalling, no_misfortune

__all__ = ["SECRET", "Received", "WebhookError", "WebhookSink", "serve"]

SECRET = "whsec_" + base64.b64encode(b"the sandbox has no secrets......").decode()
TOLERANCE = timedelta(minutes=5)
LARGEST_EVENT = 256 * 1024
SCHEMA = Path(__file__).resolve().parents[1] / "docs" / "webhook.schema.json"


class WebhookError(OSError):
    """The receiver can't start; the message says why and how to mend it."""


@dataclass(frozen=True)
class Received:
    """An event that is genuine; `repeated`: one of this id was there before."""

    at: datetime
    id: str
    event: Mapping[str, Any]
    repeated: bool


class WebhookSink:
    """The receiver: `async with WebhookSink() as tickets`, then set `tickets.environment` for the app.

    `clock` says what time it is for the signature's tolerance. `on_event` is called with each event. `luck`
    says what befalls each event, `attempts` what became of it.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        on_event: Callable[[Received], None] | None = None,
    ) -> None:
        self._port = port
        self._clock = clock
        self._on_event = on_event
        self._answers: deque[int] = deque()
        self._stack = contextlib.AsyncExitStack()
        self.secret = SECRET
        self.base = ""
        self.received: list[Received] = []
        self.rejected: list[str] = []
        self.luck: Luck = no_misfortune
        self.attempts: list[Attempt] = []
        self._ids: set[str] = set()

    @property
    def url(self) -> str:
        """Where events are posted."""
        return f"{self.base}/events"

    @property
    def environment(self) -> dict[str, str]:
        """App settings of a route called `tickets` to here, that hears all that Teams hears."""
        route = {"name": "tickets", "type": "webhook", "copy": True}
        routes = [route | {"url": "TICKETS_URL", "secret": "TICKETS_SECRET"}]
        return {"ROUTES": json.dumps(routes), "TICKETS_URL": self.url, "TICKETS_SECRET": self.secret}

    def events(self) -> list[Mapping[str, Any]]:
        """What it has learnt: each event once."""
        return [one.event for one in self.received if not one.repeated]

    def answer_next(self, status: int, times: int = 1) -> None:
        """Answer the next events with this status, taking none of them."""
        self._answers.extend([status] * times)

    async def __aenter__(self) -> Self:
        unlucky = befalling(lambda: self.luck(), self.attempts)
        application = web.Application(middlewares=[unlucky], client_max_size=16 * 1024 * 1024)
        application.router.add_post("/events", self._take)
        async with contextlib.AsyncExitStack() as stack:
            self.base = await listening(stack, application, self._port, WebhookError)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if self._answers:
            return web.Response(status=self._answers.popleft())
        now = self._clock()
        if not is_genuine(request.headers, body, self.secret, now):
            return self._reject(401, "the signature or its time is wrong")
        if len(body) > LARGEST_EVENT:
            return self._reject(413, f"the event has {len(body)} bytes, more than {LARGEST_EVENT}")
        event = json.loads(body)
        fault = next(_schema().iter_errors(event), None)
        if fault is not None:
            return self._reject(400, f"{'/'.join(map(str, fault.absolute_path))}: {fault.message[:300]}")
        event_id = request.headers["webhook-id"]
        known = event_id in self._ids
        self._ids.add(event_id)
        self.received.append(Received(now, event_id, event, known))
        if self._on_event is not None:
            self._on_event(self.received[-1])
        return web.Response(status=204)

    def _reject(self, status: int, reason: str) -> web.StreamResponse:
        self.rejected.append(f"{status}: {reason}")
        return web.Response(status=status, text=reason)


def is_genuine(headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> bool:
    """Whether whoever knows the secret signed this body less than five minutes from `now`."""
    event_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not timestamp.isascii() or not timestamp.isdigit():
        return False
    if abs(now - datetime.fromtimestamp(int(timestamp), UTC)) > TOLERANCE:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{event_id}.{timestamp}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    return expected in headers.get("webhook-signature", "").split()


@cache
def _schema() -> Draft202012Validator:
    return Draft202012Validator(json.loads(SCHEMA.read_text("utf-8")))


async def serve(port: int) -> None:
    """Run a receiver until cancelled, printing what the app needs to know and each event as it comes."""

    def show(received: Received) -> None:
        lines = [finding["line"] for finding in received.event["data"]["findings"]]
        again = " (again)" if received.repeated else ""
        print(f"{received.event['type']}{again}", *lines, sep="\n  ", flush=True)

    async with WebhookSink(port, on_event=show) as sink:
        print(f"WEBHOOK READY {sink.url}")
        for name, value in sink.environment.items():
            print(f"{name}={value}")
        print(end="", flush=True)
        await asyncio.Event().wait()
