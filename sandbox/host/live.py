"""A live host: the app's HTTP routes, timers and queues, until a signal ends it."""

import asyncio
import contextlib
import hashlib
import logging
import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from sandbox.host import appsettings, triggers
from sandbox.host.bounds import Connection
from sandbox.host.errors import HostError
from sandbox.host.event_grid import TRIGGER, EventGridEndpoint, system_key
from sandbox.host.hostjson import HostJson, read_host_json
from sandbox.host.invoker import Invoker
from sandbox.host.queues import QueueListener
from sandbox.host.runtime import Function, IndexedApp
from sandbox.host.storage import Connections
from sandbox.host.timers import Monitor, Schedule, Timer
from sandbox.host.web import Web

ADDRESS = "127.0.0.1"
BY_HAND = "This function was programmatically called via the host APIs."
# How long a stopping host waits for functions that are still running.
GRACE_SECONDS = 10.0
# How long a message stays hidden if the host dies over it; the Azure host's figure.
LEASE_SECONDS = 600

log = logging.getLogger("sandbox.host")


class LiveHost:
    """Serves an app: `async with LiveHost(app_dir, port) as host`, then `host.url`.

    `only` names the functions that this host is for (all if None). Raises HostError or AppFailure when it
    can't start.
    """

    def __init__(
        self,
        app_dir: Path,
        port: int,
        only: set[str] | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        lease: int = LEASE_SECONDS,
    ) -> None:
        self._app_dir = app_dir.resolve()
        self._port = port
        self._only = only
        self._environ = os.environ if environ is None else environ
        self._lease = lease
        self._connections = Connections(self._environ)
        self._stack = contextlib.AsyncExitStack()
        self._loops: list[asyncio.Task[None]] = []
        self._listeners: dict[str, QueueListener] = {}
        self._timers: dict[str, Timer] = {}
        self._by_hand: set[asyncio.Task[None]] = set()
        self.url = ""

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            # The port first: when it is taken, that is said before the app does anything.
            listening = _listen(self._port)
            stack.callback(listening.close)
            host_json = read_host_json(self._app_dir, self._environ)
            app = await stack.enter_async_context(IndexedApp(self._app_dir))
            stack.push_async_callback(self._connections.close)
            runner = web.AppRunner(self._compose(app, host_json), shutdown_timeout=GRACE_SECONDS)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            stack.push_async_callback(self._drain)
            loop, server = asyncio.get_running_loop(), runner.server
            if server is None:
                raise HostError("the web server didn't start")
            site = await loop.create_server(lambda: Connection(server, loop), sock=listening)
            stack.callback(site.close)
            self.url = f"http://{ADDRESS}:{listening.getsockname()[1]}"
            self._loops += [asyncio.create_task(each.listen()) for each in self._listeners.values()]
            self._loops += [asyncio.create_task(timer.keep()) for timer in self._timers.values()]
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def ended(self) -> None:
        """Returns never, unless a loop of the host failed: then raises what it failed with."""
        if not self._loops:
            await asyncio.Event().wait()
        done, _ = await asyncio.wait(self._loops, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    def _compose(self, app: IndexedApp, host_json: HostJson) -> web.Application:
        invoker = Invoker(
            app,
            self._connections,
            self._environ,
            base64=host_json.queues.base64,
            timeout=host_json.function_timeout,
            wake=self._wake,
        )
        served = self._served(app)
        over_http, by_event = [], []
        for function in served:
            invoker.check(function)
            kind = function.trigger["type"]
            log.info("Serving 'Functions.%s' (%s)", function.name, kind)
            if kind == "httpTrigger":
                over_http.append(function)
            elif kind == "queueTrigger":
                self._listeners[function.name] = self._listener(function, host_json, invoker)
            elif kind == "timerTrigger":
                self._timers[function.name] = self._timer(function, invoker)
            elif kind == TRIGGER:
                by_event.append(function)
            else:
                raise HostError(
                    f"{function.name} has a {kind}, which this host doesn't know: http, queue, timer and "
                    "event grid only"
                )
        key = system_key(self._app_dir, self._environ)
        return Web(
            over_http,
            host_json.route_prefix,
            invoker,
            lambda name, text: self._start(invoker, name, text),
            EventGridEndpoint(by_event, invoker, key, self._environ),
        ).application

    def _served(self, app: IndexedApp) -> list[Function]:
        for name in sorted(self._only or ()):
            app.function(name)
        return [
            function
            for function in app.functions
            if (self._only is None or function.name in self._only)
            and not appsettings.is_disabled(function.name, self._environ)
        ]

    def _listener(self, function: Function, host_json: HostJson, invoker: Invoker) -> QueueListener:
        trigger = function.trigger
        name = appsettings.resolve(str(trigger["queueName"]), self._environ, f"queueName of {function.name}")
        connection = str(trigger.get("connection") or "")
        return QueueListener(
            function,
            self._connections.queue(connection, name, function.name),
            self._connections.queue(connection, f"{name}-poison", function.name),
            host_json.queues,
            invoker,
            self._lease,
        )

    def _timer(self, function: Function, invoker: Invoker) -> Timer:
        what = f"schedule of {function.name}"
        schedule = Schedule(appsettings.resolve(str(function.trigger["schedule"]), self._environ, what), what)
        return Timer(function, schedule, invoker, self._monitor(function, schedule))

    def _monitor(self, function: Function, schedule: Schedule) -> Monitor | None:
        if function.trigger.get("useMonitor") is False or schedule.is_frequent(datetime.now(UTC)):
            return None
        blobs = self._connections.host_blobs()
        if blobs is None:
            log.warning(
                "%s isn't set: what timer %s misses while no host runs won't be made up for",
                appsettings.HOST_CONNECTION,
                function.name,
            )
            return None
        host_id = hashlib.sha256(str(self._app_dir).encode()).hexdigest()[:32]
        return Monitor(blobs, host_id, function.name)

    def _wake(self, queue_name: str) -> None:
        for listener in self._listeners.values():
            if listener.queue_name == queue_name:
                listener.wake()

    async def _start(self, invoker: Invoker, name: str, text: str) -> bool:
        """Start a function by hand, not waiting for its end. False if this host has no such function."""
        if timer := self._timers.get(name):
            task = asyncio.create_task(timer.run(BY_HAND, past_due=False), name=name)
        elif listener := self._listeners.get(name):
            task = asyncio.create_task(_by_hand(invoker, listener.function, text), name=name)
        else:
            return False
        self._by_hand.add(task)
        task.add_done_callback(self._by_hand.discard)
        return True

    async def _drain(self) -> None:
        """Take nothing new, and let what runs come to its end within the grace time."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        working = set(self._by_hand)
        working.update(*(listener.running for listener in self._listeners.values()))
        working.update(*(timer.running for timer in self._timers.values()))
        if not working:
            return
        log.info("Stopping: waiting for %d running functions", len(working))
        _, still = await asyncio.wait(working, timeout=GRACE_SECONDS)
        for task in still:
            log.warning("Stopping: %s is cut off", task.get_name())
            task.cancel()
        await asyncio.gather(*still, return_exceptions=True)


async def _by_hand(invoker: Invoker, function: Function, text: str) -> None:
    datum, metadata = triggers.queue_data(triggers.made_up_message(text, 1))
    await invoker.invoke(function, BY_HAND, datum, metadata)


def _listen(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((ADDRESS, port))
    except OSError as error:
        listening.close()
        raise HostError(
            f"port {port} on {ADDRESS} can't be used ({error.strerror}): stop what uses it or choose another "
            "(0 lets the system choose)"
        ) from None
    return listening
