"""Where the simulated Graph sends its calls: taken as the function app takes them, some of them late."""

import asyncio
import random
import zlib
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from aiohttp import web

from sandbox.graph.simulator import Simulator
from shared.graph.notifications import handshake, lifecycle_messages, messages, parse_call
from shared.settings import Settings
from tests.oracle.host import Host, StoryClock

LATE = (0.0,) * 6 + (90.0, 1500.0, 20_000.0)
"""Seconds by which a call comes late, each as likely as listed: so what happened later is told first."""


@dataclass(frozen=True, slots=True, order=True)
class Call:
    """A call that is still under way. `chance`: its place among those that arrive together."""

    due: datetime
    chance: int
    body: bytes


class Mailbox:
    """Answers Graph at once; when the function app gets to see a call is up to chance."""

    def __init__(self, clock: StoryClock, host: Host, rng: random.Random) -> None:
        self.settings: Settings | None = None
        self.address = ""
        self.taken = 0
        self._clock = clock
        self._host = host
        self._salt = rng.getrandbits(32)
        self._calls: list[Call] = []

    async def open(self, stack: AsyncExitStack) -> None:
        """Listen on a port of its own while the stack lasts."""
        app = web.Application()
        app.router.add_post("/{tail:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.address = f"http://127.0.0.1:{runner.addresses[0][1]}"

    async def arrive(self, simulator: Simulator) -> None:
        """Wait until whatever Graph has to send is here, late or not."""
        while simulator.outbound.pending:  # noqa: ASYNC110 - the simulator has no event for it
            await asyncio.sleep(0.001)
        self.deliver()

    def deliver(self, *, everything: bool = False) -> None:
        """Hand over the calls that are due; or all of them."""
        due = sorted(call for call in self._calls if everything or call.due <= self._clock.at)
        self._calls = [call for call in self._calls if call not in due]
        for call in due:
            self._take(call.body)

    def _take(self, body: bytes) -> None:
        """As `functions/notifications.py` does, by the story's clock."""
        assert self.settings is not None
        call = parse_call(body, self.settings.tenant_id, self.settings.client_states)
        at = self._clock.now()
        for text in messages(call, at):
            self._host.put("changed-users", text)
        for text in lifecycle_messages(call, at):
            self._host.put("sweeps", text)
        self.taken += 1

    async def _answer(self, request: web.Request) -> web.Response:
        if "validationToken" in request.query:
            shake = handshake(request.query["validationToken"])
            return web.Response(status=shake.status, body=shake.body.encode(), headers=dict(shake.headers))
        body = await request.read()
        # By what the call says: calls that come at once must not draw in the order of the network.
        chance = zlib.crc32(_said(body), self._salt)
        due = self._clock.at + timedelta(seconds=LATE[chance % len(LATE)])
        self._calls.append(Call(due, chance, body))
        return web.Response(status=202)


def _said(body: bytes) -> bytes:
    """What a call tells of, without ids that are new each time that the history is played."""
    items = msgspec.json.decode(body)["value"]
    return msgspec.json.encode(
        [
            (
                one.get("resource"),
                one.get("lifecycleEvent"),
                one.get("resourceData", {}).get("sequenceNumber"),
            )
            for one in items
        ]
    )
