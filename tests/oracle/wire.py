"""Graph without sockets: the calls of a worker go straight to the simulator, with every fault it knows.

The watch's own session, the SDK, its middleware and its requests are the real ones; only the bytes take no
way through the machine. So a history is the same each time that it is played, and a time-out takes no time.
A part of the histories goes over real HTTP all the same (`test_oracle_histories.py`).
"""

import asyncio
import contextlib
from collections.abc import Iterator
from urllib.parse import parse_qsl

import httpx
import msgspec

from sandbox.graph.batch import answer_batch, normal_path
from sandbox.graph.faults import Fault
from sandbox.graph.simulator import Incoming, Simulator, fault_answer
from sandbox.graph.wire import GraphAnswer


class DirectTransport(httpx.AsyncBaseTransport):
    """Answers as `sandbox.graph.server` does; what breaks there on the wire is httpx's own exception here."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One call. Raises what httpx raises where the connection breaks or nobody answers."""
        # Whoever else has something to do comes first, as on a network.
        await asyncio.sleep(0)
        simulator, incoming = self._simulator, _incoming(request, await request.aread())
        simulator.count(incoming)
        faults = simulator.faults
        fault = faults.take(incoming.method, incoming.path, item=False) or faults.draw(
            simulator.world.rates, incoming.path, incoming.query, item=False
        )
        answer = _response(await self._answer(incoming, fault), request)
        await asyncio.sleep(0)
        return answer

    async def _answer(self, incoming: Incoming, fault: Fault | None) -> GraphAnswer:
        simulator = self._simulator
        if fault is None:
            return await _serve(simulator, incoming)
        if fault.kind == "status":
            return fault_answer(fault, simulator.world.now())
        if fault.kind == "html":
            return GraphAnswer(fault.status, f"<html><body><h1>{fault.status}</h1></body></html>")
        if fault.kind == "hang":
            raise httpx.ReadTimeout("nobody answers")
        if fault.kind == "reset":
            raise httpx.ReadError("the connection was reset")
        answer = await _serve(simulator, incoming)
        if fault.kind in ("lost-answer", "truncate"):
            raise httpx.RemoteProtocolError("the connection broke within the answer")
        assert fault.kind in ("delay", "foreign-link"), fault.kind
        return answer


async def _serve(simulator: Simulator, incoming: Incoming) -> GraphAnswer:
    if (incoming.method, incoming.path) == ("POST", "/$batch"):
        return await answer_batch(simulator, incoming)
    return await simulator.answer(incoming)


def _incoming(request: httpx.Request, body: bytes) -> Incoming:
    raw_path, _, raw_query = request.url.raw_path.decode("ascii").partition("?")
    host = request.url.netloc.decode("ascii")
    return Incoming(
        request.method,
        normal_path(raw_path.removeprefix("/v1.0")),
        dict(parse_qsl(raw_query, keep_blank_values=True)),
        {name.lower(): value for name, value in request.headers.items()},
        msgspec.json.decode(body) if body else None,
        f"{request.url.scheme}://{host}/v1.0",
    )


def _response(answer: GraphAnswer, request: httpx.Request) -> httpx.Response:
    content = answer.body
    if not isinstance(content, str | None):
        content = msgspec.json.encode(content)
    return httpx.Response(answer.status, headers=dict(answer.headers), content=content, request=request)


@contextlib.contextmanager
def straight_to(simulator: Simulator) -> Iterator[None]:
    """Sessions that are made while this lasts talk to that simulator."""
    before = httpx.AsyncHTTPTransport
    httpx.AsyncHTTPTransport = lambda **_: DirectTransport(simulator)  # type: ignore[assignment,misc]  # the one way in: a session makes its own
    try:
        yield
    finally:
        httpx.AsyncHTTPTransport = before  # type: ignore[misc]  # as above
