"""The control API: `GET /control` lists the operations, `POST /control/do` does one, `settle` waits."""

from typing import Any

import msgspec
from aiohttp import web

from sandbox.graph import offer
from sandbox.graph.service_operations import AnyOperation
from sandbox.graph.simulator import Simulator
from sandbox.graph.world import Refused


class Settle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long to wait, in seconds."""

    timeout: float = 10.0


def add(app: web.Application, simulator: Simulator) -> None:
    """Put in the control routes. 400: unreadable; 409: a real tenant would refuse it too."""

    async def every(_request: web.Request) -> web.Response:
        return _readable(offer.everything())

    async def do(request: web.Request) -> web.Response:
        body = None
        try:
            body = msgspec.json.decode(await request.read())
            operation = msgspec.convert(offer.by_id(body, simulator.world), AnyOperation)
            answer = operation.apply(simulator)
        except msgspec.MsgspecError as problem:
            return _readable(offer.complaint(body, problem), status=400)
        except Refused as refusal:
            return _readable({"error": str(refusal)}, status=409)
        return _readable(answer)

    async def settle(request: web.Request) -> web.Response:
        raw = await request.read()
        try:
            wanted = msgspec.json.decode(raw, type=Settle) if raw else Settle()
        except msgspec.MsgspecError as problem:
            return web.json_response({"error": str(problem)}, status=400)
        return web.json_response({"quiet": await simulator.settle(wanted.timeout)})

    app.router.add_get("/control", every)
    app.router.add_post("/control/do", do)
    app.router.add_post("/control/settle", settle)


def _readable(answer: Any, status: int = 200) -> web.Response:
    """For the eyes of whoever asks with curl: indented, and a newline before the next prompt."""
    shown = msgspec.json.format(msgspec.json.encode(answer), indent=2) + b"\n"
    return web.Response(body=shown, status=status, content_type="application/json")
