"""Receivers that fail: refused, slow, or taken while whoever sent it never learns so.

`TeamsSink` and `WebhookSink` ask their `luck` about each call; what became of it is kept in `attempts`.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware


@dataclass(frozen=True)
class Misfortune:
    """What befalls one call. `taken`: the receiver keeps what was sent, whatever it answers.

    `status`: what it answers (0: nothing, the connection ends). `seconds`: how long that takes. `retry_after`
    goes with the answer.
    """

    name: str
    status: int = 0
    taken: bool = False
    seconds: float = 0.0
    retry_after: str | None = None


@dataclass(frozen=True)
class Attempt:
    """One call to a receiver. `at`: when it came. `taken`: it was kept.

    `misfortune` names what befell it ("": nothing); `id` is what the header `webhook-id` says, if anything.
    """

    at: datetime
    taken: bool
    misfortune: str
    id: str = ""

    @property
    def ambiguous(self) -> bool:
        """Whether it was kept and whoever sent it could not know."""
        return self.taken and bool(self.misfortune)


Luck = Callable[[], Misfortune | None]
"""What befalls the next call; None: nothing."""


def no_misfortune() -> Misfortune | None:
    """Everything goes well."""
    return None


def befalling(luck: Callable[[], Misfortune | None], attempts: list[Attempt]) -> Middleware:
    """A middleware that lets calls fail as `luck` says, and notes every POST that tells something."""

    @web.middleware
    async def befall(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method != "POST" or request.path == "/control":
            return await handler(request)
        came, event_id = datetime.now(UTC), request.headers.get("webhook-id", "")
        met = luck()
        if met is None:
            answer = await handler(request)
            attempts.append(Attempt(came, answer.status < 300, "", event_id))
            return answer
        taken = False
        if met.taken:
            taken = (await handler(request)).status < 300
        attempts.append(Attempt(came, taken, met.name, event_id))
        await asyncio.sleep(met.seconds)
        if not met.status:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)  # for aiohttp's sake: nobody can get it any more
        headers = {} if met.retry_after is None else {"Retry-After": met.retry_after}
        return web.Response(status=met.status, headers=headers)

    return befall
