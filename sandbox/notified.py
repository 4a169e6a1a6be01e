"""An address for Graph to call where no app is: it answers the handshake and takes every call."""

import contextlib

from aiohttp import web

from sandbox.listening import listening
from shared.graph.notifications import handshake


async def notified(stack: contextlib.AsyncExitStack) -> str:
    """Serve until the stack closes; gives the address without a slash at its end."""

    async def answer(request: web.Request) -> web.Response:
        if "validationToken" in request.query:
            said = handshake(request.query["validationToken"])
            return web.Response(status=said.status, body=said.body.encode(), headers=dict(said.headers))
        return web.Response(status=202)

    app = web.Application()
    app.router.add_post("/{tail:.*}", answer)
    return await listening(stack, app, 0, OSError)
