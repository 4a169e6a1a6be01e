"""A small HTTP server that answers as a test says, faults included; and a clock that only sleeping moves."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web
from azure.core.credentials import AccessToken

from shared.graph.retry import Patience
from shared.graph.session import Answer, GraphSession, asking
from shared.settings import GraphSettings

TENANT = "11111111-1111-4111-8111-111111111111"
AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def oid(number: int, kind: str = "a") -> str:
    """A GUID that a reader recognises."""
    return f"{kind * 8}-0000-4000-8000-{number:012d}"


@dataclass(frozen=True)
class Reply:
    """One answer. `fault`: reset (aborted), truncated (fewer bytes than announced), hang (none at all)."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    fault: str = ""

    @property
    def content(self) -> bytes:
        """The bytes of the body; JSON unless it is bytes already."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


ANY = Reply({"value": []})
"""An answer that says nothing."""


def error(status: int, code: str, message: str = "secret text with ada@contoso.com", **headers: str) -> Reply:
    """An error as Graph writes it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply({"error": {"code": code, "message": message}}, status=status, headers=named)


@dataclass(frozen=True)
class Seen:
    """A request as it arrived; `target` is path and query, undecoded."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Stub:
    """Answers each request with the next scripted reply, or what `route` says of it."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.replies: list[Reply] = []
        self.route: Callable[[Seen], Reply | None] = lambda seen: None
        self.origin = ""

    @property
    def base_url(self) -> str:
        """What the session takes for Graph."""
        return f"{self.origin}/v1.0"

    def targets(self) -> list[str]:
        """Paths and queries in the order of arrival, without the version."""
        return [seen.target.removeprefix("/v1.0") for seen in self.seen]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        target = request.raw_path
        headers = {name.lower(): value for name, value in request.headers.items()}
        seen = Seen(request.method, target, headers, await request.read())
        self.seen.append(seen)
        reply = self.route(seen)
        if reply is None:
            reply = self.replies.pop(0) if self.replies else error(501, "NotScripted")
        if reply.fault == "hang":
            await asyncio.sleep(30)
        if reply.fault == "reset":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if reply.fault == "truncated":
            response = web.StreamResponse(status=reply.status, headers=reply.headers)
            response.content_length = len(reply.content) + 100
            await response.prepare(request)
            await response.write(reply.content)
            assert request.transport is not None
            request.transport.close()
            return response
        return web.Response(
            status=reply.status, body=reply.content, headers=reply.headers, content_type=reply.content_type
        )


class Hours:
    """A clock that stands still until somebody sleeps."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.slept: list[float] = []
        self.held: asyncio.Event | None = None
        self._change = asyncio.Condition()

    def clock(self) -> float:
        """Monotonic seconds."""
        return self.elapsed

    def now(self) -> datetime:
        """The time of day."""
        return AT + timedelta(seconds=self.elapsed)

    async def sleep(self, seconds: float) -> None:
        """Let the time pass at once, or when `held` is set."""
        async with self._change:
            self.slept.append(seconds)
            self._change.notify_all()
        until = self.elapsed + seconds
        if self.held is not None:
            await self.held.wait()
        self.elapsed = max(self.elapsed, until)
        await asyncio.sleep(0)

    async def asleep(self, count: int) -> None:
        """Return once `sleep` has been called so many times."""
        async with self._change:
            await self._change.wait_for(lambda: len(self.slept) >= count)


class Credential:
    """Hands out numbered tokens and remembers what it was asked for."""

    def __init__(self) -> None:
        self.scopes: list[tuple[str, ...]] = []
        self.claims: list[str | None] = []

    async def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **kwargs: Any,
    ) -> AccessToken:
        """A token that is valid for long."""
        self.scopes.append(scopes)
        self.claims.append(claims)
        return AccessToken(f"token-{len(self.scopes)}", 4_000_000_000)

    async def close(self) -> None:
        """Nothing to close."""

    async def __aenter__(self) -> "Credential":
        return self

    async def __aexit__(self, *exc: object) -> None:
        return None


@dataclass
class Bench:
    """Everything a test of a Graph call needs."""

    stub: Stub
    hours: Hours
    credential: Credential
    session: GraphSession


@asynccontextmanager
async def bench(patience: Patience | None = None) -> AsyncIterator[Bench]:
    """A session against a stub on a free port, with a clock of its own."""
    stub, hours, credential = Stub(), Hours(), Credential()
    app = web.Application(client_max_size=1 << 24)
    app.router.add_route("*", "/{tail:.*}", stub.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    stub.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    session = GraphSession(
        GraphSettings(base_url=stub.base_url, tenant_id=TENANT),
        hours.clock,
        hours.sleep,
        credential,
        now=hours.now,
        patience=patience,
    )
    try:
        yield Bench(stub, hours, credential, session)
    finally:
        await session.aclose()
        await runner.cleanup()


async def ask(on: Bench) -> Answer:
    """Send one reading, of no matter what."""
    return await on.session.send(on.session.client.subscribed_skus.to_get_request_information(asking()))
