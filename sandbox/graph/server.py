"""Graph, its identity endpoint and the control API over real HTTP on one port."""

import asyncio
import ipaddress
import secrets
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from sandbox.graph import control_routes, identity
from sandbox.graph.batch import answer_batch, normal_path
from sandbox.graph.faults import Fault
from sandbox.graph.simulator import Incoming, Simulator, fault_answer
from sandbox.graph.wire import GraphAnswer, error_body, new_request_id
from sandbox.graph.world import World

SIMULATOR = web.AppKey("simulator", Simulator)
IDENTITY_SECRET = web.AppKey("identity_secret", str)


def build_app(world: World, identity_secret: str | None = None) -> web.Application:
    """The application that answers for `world`; it delivers notifications while it runs."""
    app = web.Application(middlewares=[_loopback_only], client_max_size=8 * 2**20)
    simulator = Simulator(world)
    app[SIMULATOR] = simulator
    app[IDENTITY_SECRET] = identity_secret or secrets.token_hex(16)
    app.router.add_route("*", "/v1.0/{tail:.*}", _graph)
    app.router.add_get("/msi/token", _identity)
    control_routes.add(app, simulator)

    async def start(_: web.Application) -> None:
        await simulator.start()

    async def stop(_: web.Application) -> None:
        await simulator.stop()

    app.on_startup.append(start)
    app.on_cleanup.append(stop)
    return app


class Running:
    """A server that listens. `url` has no trailing slash; Graph is at `graph_url`."""

    def __init__(self, runner: web.AppRunner, app: web.Application, url: str) -> None:
        self._runner = runner
        self.simulator = app[SIMULATOR]
        self.world = self.simulator.world
        self.identity_secret = app[IDENTITY_SECRET]
        self.url = url

    @property
    def graph_url(self) -> str:
        """The service root, as `GRAPH_BASE_URL` wants it."""
        return f"{self.url}/v1.0"

    @property
    def environment(self) -> dict[str, str]:
        """What an app on App Service would find: identity endpoint, client id, tenant, Graph."""
        return {
            "IDENTITY_ENDPOINT": f"{self.url}/msi/token",
            "IDENTITY_HEADER": self.identity_secret,
            "AZURE_CLIENT_ID": self.world.app_id,
            "TENANT_ID": self.world.organization.id,
            "GRAPH_BASE_URL": self.graph_url,
        }

    async def close(self) -> None:
        """Stop listening and delivering; hanging calls are cut."""
        await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def serve(
    world: World, host: str = "127.0.0.1", port: int = 0, identity_secret: str | None = None
) -> Running:
    """Listen for `world`. Port 0: any free one. Raises OSError if the port is taken."""
    app = build_app(world, identity_secret)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    try:
        await site.start()
    except OSError:
        await runner.cleanup()
        raise
    bound = runner.addresses[0][1]
    shown = f"[{host}]" if ":" in host else host
    return Running(runner, app, f"http://{shown}:{bound}")


@web.middleware
async def _loopback_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tokens and control are for this machine: refuse other machines, and pages in a browser on this one."""
    remote = request.remote or ""
    if not ipaddress.ip_address(remote.partition("%")[0]).is_loopback or "Origin" in request.headers:
        raise web.HTTPForbidden(text="loopback only")
    return await handler(request)


async def _identity(request: web.Request) -> web.Response:
    world = request.app[SIMULATOR].world
    header = request.headers.get("X-IDENTITY-HEADER")
    try:
        body = identity.answer(world, request.app[IDENTITY_SECRET], header, dict(request.query))
    except identity.IdentityRefusal as refusal:
        error = {"error": "invalid_request", "error_description": str(refusal)}
        return web.json_response(error, status=refusal.status)
    return web.json_response(body)


async def _graph(request: web.Request) -> web.StreamResponse:
    simulator = request.app[SIMULATOR]
    incoming = await _incoming(request)
    simulator.count(incoming)
    faults = simulator.faults
    fault = faults.take(incoming.method, incoming.path, item=False) or faults.draw(
        simulator.world.rates, incoming.path, incoming.query, item=False
    )
    if fault is not None:
        return await _fail(request, simulator, incoming, fault)
    return _response(await _answer(simulator, incoming))


async def _answer(simulator: Simulator, incoming: Incoming) -> GraphAnswer:
    if isinstance(incoming.body, msgspec.Raw):
        body = error_body("BadRequest", "Unable to read JSON request payload.", "", simulator.world.now())
        return GraphAnswer(400, body)
    if (incoming.method, incoming.path) == ("POST", "/$batch"):
        return await answer_batch(simulator, incoming)
    return await simulator.answer(incoming)


async def _incoming(request: web.Request) -> Incoming:
    """The call as it is on the wire: `+` in a query is a blank, `%2F` in a segment stays inside it."""
    raw_path, _, raw_query = request.raw_path.partition("?")
    raw = await request.read()
    body = None
    if raw:
        try:
            body = msgspec.json.decode(raw)
        except msgspec.DecodeError:
            body = msgspec.Raw(raw)
    return Incoming(
        request.method,
        normal_path(raw_path.removeprefix("/v1.0")),
        dict(parse_qsl(raw_query, keep_blank_values=True)),
        {name.lower(): value for name, value in request.headers.items()},
        body,
        f"{request.scheme}://{request.host}/v1.0",
    )


def _response(answer: GraphAnswer) -> web.Response:
    if answer.body is None:
        return web.Response(status=answer.status, headers=answer.headers)
    if isinstance(answer.body, str):
        return web.Response(status=answer.status, headers=answer.headers, text=answer.body)
    content = (
        "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
    )
    headers = {"Content-Type": content + "charset=utf-8"} | dict(answer.headers)
    return web.Response(status=answer.status, headers=headers, body=msgspec.json.encode(answer.body))


async def _fail(
    request: web.Request, simulator: Simulator, incoming: Incoming, fault: Fault
) -> web.StreamResponse:
    """Let a call fail as the fault says."""
    if fault.kind == "status":
        return _response(fault_answer(fault, simulator.world.now()))
    if fault.kind == "html":
        page = f"<html><body><h1>{fault.status}</h1>{new_request_id()}</body></html>"
        return web.Response(status=fault.status, text=page, content_type="text/html")
    if fault.kind in ("hang", "delay"):
        await asyncio.sleep(fault.seconds)
    if fault.kind in ("hang", "reset"):
        return _cut(request)
    answer = await _answer(simulator, incoming)
    if fault.kind == "lost-answer":
        return _cut(request)
    if fault.kind == "foreign-link" and isinstance(answer.body, dict):
        for name in ("@odata.nextLink", "@odata.deltaLink"):
            if name in answer.body:
                link = str(answer.body[name]).replace(incoming.base, "http://127.0.0.2:9/v1.0")
                answer.body[name] = link
    response = _response(answer)
    if fault.kind != "truncate" or not isinstance(response.body, bytes):
        return response
    half = web.StreamResponse(status=answer.status, headers=response.headers)
    half.content_length = len(response.body)
    await half.prepare(request)
    await half.write(response.body[: len(response.body) // 2])
    _cut(request)
    return half


def _cut(request: web.Request) -> web.Response:
    """Drop the connection under the answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
