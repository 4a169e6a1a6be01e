"""The proxy before storage as a process of its own, so that what it costs stands apart from the simulator.

`python -m tests.soak.storage_front <connection string>` prints its own connection string as one line of JSON.
Then each line of JSON on its input is a `Weather`, and is answered by the counts of what was done so far.
"""

import asyncio
import json
import logging
import os
import random
import sys
from collections import Counter
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
from multidict import CIMultiDict

from sandbox.storage_proxy import Asked, Forward, Match, Reply, Rule, StorageProxy

ROOT = Path(__file__).resolve().parents[2]
REMEMBERED = 1000
HANG_SECONDS = 2.0
_BUSY = (
    b'<?xml version="1.0" encoding="utf-8"?>'
    b"<Error><Code>ServerBusy</Code><Message>The server is busy.</Message></Error>"
)


class Weather(msgspec.Struct, frozen=True):
    """Which share of the requests meets what, for whoever asks.

    `refuse`: 500 or 503, and Azurite never sees it. `stale`: 412 for a write over a version, which another
    writer has overtaken, as far as ours can tell. `taken`: 409 for a lease, which another holds. `lose`:
    Azurite does it and the answer is lost, or becomes a 500: the client tries again by itself and meets its
    own write as 409 or 412. `hang`: the answer of a blob comes too late and then not at all. `ahead`: seconds
    by which every answer that nothing befalls is dated later.
    """

    refuse: float = 0.0
    stale: float = 0.0
    taken: float = 0.0
    lose: float = 0.0
    hang: float = 0.0
    ahead: float = 0.0
    seed: int = 0


class Meddling:
    """Decides what befalls a request; `counts` says what did. A 409 or 412 is never said of a write that
    creates: there it would mean that the blob exists, which Azure never says of one that does not."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._weather = Weather()
        self._dice = random.Random(0)

    def change(self, weather: Weather) -> None:
        """From now on this weather."""
        self._weather = weather
        self._dice = random.Random(weather.seed)

    def __call__(self, asked: Asked) -> Rule | None:
        """What happens to this request."""
        weather, drawn = self._weather, self._dice.random()
        found = None
        for name, rate in (
            ("refuse", weather.refuse),
            ("lose", weather.lose),
            ("hang", weather.hang if asked.service == "Blob" else 0.0),
            ("stale", weather.stale if _writes_over(asked) else 0.0),
            ("taken", weather.taken if _takes_lease(asked) else 0.0),
        ):
            if drawn < rate:
                found = name
                break
            drawn -= rate
        if found is None:
            return Rule("ahead", Match(), self._ahead) if weather.ahead else None
        self.counts[found] += 1
        return Rule(found, Match(), getattr(self, f"_{found}"))

    async def _refuse(self, forward: Forward) -> Reply | None:
        status, code = self._dice.choice(((500, "InternalError"), (503, "ServerBusy")))
        return _error(status, code)

    async def _lose(self, forward: Forward) -> Reply | None:
        await forward()
        return self._dice.choice((None, _error(500, "OperationTimedOut")))

    async def _hang(self, forward: Forward) -> Reply | None:
        await forward()
        await asyncio.sleep(HANG_SECONDS)
        return None

    async def _ahead(self, forward: Forward) -> Reply | None:
        reply = await forward()
        when = parsedate_to_datetime(reply.headers["Date"]) + timedelta(seconds=self._weather.ahead)
        reply.headers["Date"] = format_datetime(when, usegmt=True)
        return reply

    async def _stale(self, forward: Forward) -> Reply | None:
        return _error(412, "ConditionNotMet")

    async def _taken(self, forward: Forward) -> Reply | None:
        return _error(409, "LeaseAlreadyPresent")


def _writes_over(asked: Asked) -> bool:
    return asked.method == "PUT" and "If-Match" in asked.headers and "comp=" not in asked.target


def _takes_lease(asked: Asked) -> bool:
    action = asked.headers.get("x-ms-lease-action", "")
    return asked.method == "PUT" and action.lower() == "acquire"


def _error(status: int, code: str) -> Reply:
    body = _BUSY.replace(b"ServerBusy", code.encode())
    headers = {"Content-Type": "application/xml", "x-ms-error-code": code}
    return Reply(status, CIMultiDict(headers), body)


class StorageFront:
    """The process: `async with StorageFront(connection_string) as front`, then `front.connection_string`."""

    def __init__(self, connection_string: str) -> None:
        self._behind = connection_string
        self._process: asyncio.subprocess.Process | None = None
        self.connection_string = ""
        self.counts: Counter[str] = Counter()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    async def weather(self, weather: Weather) -> None:
        """Change the weather; `counts` is as of then."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(weather) + b"\n")
        await self._process.stdin.drain()
        self.counts = Counter(json.loads(await self._line()))

    async def _line(self) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("the proxy before storage has ended")
        return line

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.soak.storage_front",
            self._behind,
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        self.connection_string = json.loads(await self._line())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()


async def serve(connection_string: str) -> None:
    """Run the proxy until its input ends."""
    # Azurite ends idle connections: a request on one of them becomes a 500, which needs no traceback.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    meddling = Meddling()
    async with StorageProxy(connection_string, remember=REMEMBERED) as proxy:
        proxy.meddle(meddling)
        print(json.dumps(proxy.connection_string), flush=True)
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(0, "rb")
        )
        while line := await reader.readline():
            meddling.change(msgspec.json.decode(line, type=Weather))
            print(json.dumps(meddling.counts), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
