"""How long the host waits for a slow caller: as the platform's own web server does, which is Kestrel.

A head must be whole within 30 seconds. A body must come at 240 bytes a second on average, after a grace of 5
seconds; between two requests a connection may rest for 130 (ASP.NET Core, KestrelServerLimits: its defaults).
Whoever is slower gets a 408 or nothing, and the connection is closed. Kestrel doesn't unpack what comes
compressed, and so doesn't this.
"""

import asyncio
import logging
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

HEAD_SECONDS = 30.0
REST_SECONDS = 130.0
GRACE_SECONDS = 5.0
LINGER_SECONDS = 1.0
SLOWEST = 240
"""Bytes of a body per second."""

# Nothing is written to it: each invocation has its own lines in the host's log.
_ACCESS = logging.getLogger("sandbox.host.access")
_ACCESS.disabled = True


class Connection(web.RequestHandler):
    """A connection that ends if its first request's head isn't whole in time."""

    __slots__ = ("_patience",)

    def __init__(self, server: web.Server, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=REST_SECONDS,
            access_log=_ACCESS,
            auto_decompress=False,
            lingering_time=LINGER_SECONDS,
        )
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the head."""
        super().connection_made(transport)
        self._patience = asyncio.get_running_loop().call_later(HEAD_SECONDS, transport.close)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Wait no longer."""
        self.heard()
        super().connection_lost(exc)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """What is no HTTP is the caller's fault, not the host's: Kestrel writes nothing of it either."""
        if not isinstance(kw.get("exc_info"), HttpProcessingError):
            super().log_exception(*args, **kw)

    def heard(self) -> None:
        """The head is whole; from now on aiohttp itself ends what rests too long."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


@web.middleware
async def heard(request: web.Request, handler: Any) -> web.StreamResponse:
    """Tells the connection that a request's head is there."""
    if isinstance(request.protocol, Connection):
        request.protocol.heard()
    answer: web.StreamResponse = await handler(request)
    return answer


async def body_of(request: web.Request, largest: int) -> bytes:
    """The whole body. Raises 408 where it is too slow, 413 over `largest` bytes, 400 where it was cut.

    All three close the connection: what is still to come is not waited for.
    """
    loop, body = asyncio.get_running_loop(), bytearray()
    began = loop.time()
    try:
        while True:
            async with asyncio.timeout_at(began + max(GRACE_SECONDS, len(body) / SLOWEST)):
                part = await request.content.readany()
            if not part:
                return bytes(body)
            body += part
            if len(body) > largest:
                raise _closing(web.HTTPRequestEntityTooLarge(largest, len(body)), request)
    except TimeoutError:
        raise _closing(web.HTTPRequestTimeout(), request) from None
    except (web.RequestPayloadError, ConnectionResetError):
        raise _closing(web.HTTPBadRequest(), request) from None


def _closing[T: web.HTTPException](fault: T, request: web.Request) -> T:
    fault.force_close()
    request.protocol.close()
    return fault
