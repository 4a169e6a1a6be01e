"""Serves a small application on loopback, for what the sandbox puts in the place of others."""

import contextlib

from aiohttp import web

ADDRESS = "127.0.0.1"


async def listening(
    stack: contextlib.AsyncExitStack, application: web.Application, port: int, fault: type[Exception]
) -> str:
    """Serve until the stack closes; gives the address without a slash at its end.

    `port` 0 lets the system choose. Raises `fault` with a sentence where the port can't be used.
    """
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    try:
        await web.TCPSite(runner, ADDRESS, port).start()
    except OSError as error:
        raise fault(
            f"port {port} on {ADDRESS} can't be used ({error.strerror}): stop what uses it or "
            "choose another (0 lets the system choose)"
        ) from None
    return f"http://{ADDRESS}:{runner.addresses[0][1]}"
