"""Event Grid triggers: `/runtime/webhooks/eventgrid?functionName=…&code=…`, as the host's own extension
serves it.

Unlike the keys of HTTP functions this one is asked for: nobody but Event Grid has business here. Each event
is an invocation of its own, one or many to a call; 202 once all have ended well and their outputs are
written, else 500, and Event Grid sends the whole call again. (Azure Functions: Event Grid trigger;
CloudEvents HTTP webhook.)
"""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from sandbox.host import triggers
from sandbox.host.appsettings import HOST_CONNECTION
from sandbox.host.invoker import Invoker
from sandbox.host.runtime import Function

TRIGGER = "eventGridTrigger"
KEY = "eventgrid_extension"
PATH = "/runtime/webhooks/{extension}"
KEY_PATH = f"/admin/host/systemkeys/{KEY}"
FORWARD = "SANDBOX_EVENTS_ELSEWHERE"
"""The environment of a split host's front: JSON, the functions that other processes run, and where those
are."""

_REASON = "This function was called by Event Grid."


def system_key(app_dir: Path, environ: Mapping[str, str]) -> str:
    """The key of this app on this storage: the same after a restart, as in Azure, where it lies in a blob."""
    named = f"{KEY}|{app_dir.resolve()}|{environ.get(HOST_CONNECTION, '')}"
    return hashlib.sha256(named.encode()).hexdigest()


class EventGridEndpoint:
    """Takes what Event Grid sends, for the functions that this process runs and those run elsewhere."""

    def __init__(
        self, functions: Sequence[Function], invoker: Invoker, key: str, environ: Mapping[str, str]
    ) -> None:
        self._functions = {function.name.lower(): function for function in functions}
        self._invoker = invoker
        self._key = key
        elsewhere: dict[str, str] = json.loads(environ.get(FORWARD) or "{}")
        self._elsewhere = {name.lower(): url for name, url in elsewhere.items()}

    def add_to(self, application: web.Application) -> None:
        """Put in its routes; before those of the app, which may take any path."""
        application.router.add_route("*", PATH, self._answer)
        application.router.add_get(KEY_PATH, self._tell_key)

    async def _tell_key(self, _request: web.Request) -> web.Response:
        """As in Azure, where the master key opens it; on a laptop nothing is asked for."""
        return web.json_response({"name": KEY, "value": self._key})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.match_info["extension"].lower() != "eventgrid":
            return web.Response(status=404)
        given = request.query.get("code") or request.headers.get("x-functions-key") or ""
        if not hmac.compare_digest(given.encode(), self._key.encode()):
            return web.Response(status=401)
        name = request.query.get("functionName", "").lower()
        if url := self._elsewhere.get(name):
            return await _forwarded(request, url)
        function = self._functions.get(name)
        if function is None:
            return web.Response(status=404)
        if request.method == "OPTIONS":
            origin = request.headers.get("WebHook-Request-Origin", "")
            return web.Response(headers={"WebHook-Allowed-Origin": origin} if origin else {})
        if request.method != "POST":
            return web.Response(status=405, headers={"Allow": "OPTIONS, POST"})
        return web.Response(status=await self._taken(function, await request.read()))

    async def _taken(self, function: Function, body: bytes) -> int:
        try:
            parsed: Any = json.loads(body)
        except ValueError:
            return 400
        events = parsed if isinstance(parsed, list) else [parsed]
        if not all(isinstance(event, dict) for event in events):
            return 400
        outcomes = await asyncio.gather(
            *(self._invoker.invoke(function, _REASON, triggers.event_datum(event), {}) for event in events)
        )
        return 202 if all(outcome.ok for outcome in outcomes) else 500


async def _forwarded(request: web.Request, url: str) -> web.Response:
    """Have another process answer, as Azure's front end does."""
    async with (
        aiohttp.ClientSession(trust_env=False) as session,
        session.request(
            request.method,
            f"{url}{request.path_qs}",
            headers={k: v for k, v in request.headers.items() if k.lower() not in ("host", "content-length")},
            data=await request.read(),
        ) as answer,
    ):
        kept = {k: v for k, v in answer.headers.items() if k.lower().startswith("webhook-")}
        return web.Response(status=answer.status, headers=kept, body=await answer.read())
