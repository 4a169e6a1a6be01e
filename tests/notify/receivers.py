"""Webhooks on loopback that answer as they are told, and all that a route says of its hand-over to one."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from aiohttp import web

from shared.notify.delivering.posting import Delivered, Failed
from shared.notify.delivering.routes import Route

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SECRET = "sig-of-the-webhook"
"""Stands in every URL of these receivers."""

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def receiver(answer: Answer) -> AsyncIterator[str]:
    """A webhook on loopback; yields its URL with a secret in it."""
    app = web.Application()
    app.router.add_post("/workflows/invoke", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}/workflows/invoke?api-version=1&sig={SECRET}"
    finally:
        await runner.cleanup()


def answers(status: int, **headers: str) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(
            status=status, headers={key.replace("_", "-"): value for key, value in headers.items()}
        )

    return answer


def nobody() -> str:
    """A URL at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/workflows/invoke?sig={SECRET}"


CASES = ("ok", "refused", "breaks", "unreachable", "slow", "bad")
"""What can become of a hand-over."""


async def all_that_is_said(
    case: str, made: Callable[[str], Route], caplog: pytest.LogCaptureFixture
) -> tuple[Delivered | Failed, list[str]]:
    """The result of a hand-over by the route that `made` makes of a URL, and every text that tells of it:
    result, route and log."""
    caplog.set_level(logging.DEBUG)

    async def answer(request: web.Request) -> web.StreamResponse:
        if case == "breaks":
            assert request.transport is not None
            request.transport.abort()
        if case == "slow":
            await asyncio.sleep(1)
        return web.Response(status=202 if case == "ok" else 403)

    async with receiver(answer) as url:
        if case == "unreachable":
            url = nobody()
        elif case == "bad":
            url = f"http://[{SECRET}"
        route = made(url)
        try:
            result = await route.post("an-id", {"type": "message"}, NOW)
        finally:
            await route.close()
    records = [record for record in caplog.records if record.name != "aiohttp.access"]
    logged = " ".join(f"{record.getMessage()} {record.exc_info}" for record in records)
    return result, [str(result), repr(result), repr(route), str(route), logged]
