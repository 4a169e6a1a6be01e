"""A reverse proxy in front of Azurite, for tests that let a process die or wait between two storage requests.

Requests pass untouched (path, headers, body), so that the account's signature stays valid. Rules say what
happens to the requests that they match: the answer is lost, a process is killed before or after, the request
waits until it is let go, or another answer is given. What passed is recorded.
"""

import asyncio
import contextlib
import inspect
import os
import re
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import unquote

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

ADDRESS = "127.0.0.1"
SERVICES = ("Blob", "Queue")
LARGEST_BODY = 512 * 1024 * 1024
# Written anew by whoever holds the connection; everything else passes.
HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade"})

# A process id, killed with SIGKILL, or what to call instead.
Victim = int | Callable[[], None] | Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Passed:
    """One request as it went by. `target` is the decoded path without the account, and any `?query`.

    `status` is what Azurite answered, whether or not the caller got that (None: it never saw the request);
    `rule` names what a rule did to it ("" if none did).
    """

    service: str
    method: str
    target: str
    status: int | None
    rule: str = ""


@dataclass(frozen=True)
class Reply:
    """An answer: status, headers and body."""

    status: int
    headers: CIMultiDict[str]
    body: bytes


@dataclass(frozen=True)
class Asked:
    """A request that is on its way; `target` as in `Passed`."""

    service: str
    method: str
    target: str
    headers: Mapping[str, str]


Forward = Callable[[], Awaitable[Reply]]
# Gets the call that forwards the request; gives the answer for the caller, or None to cut the connection.
Act = Callable[[Forward], Awaitable[Reply | None]]


@dataclass(frozen=True)
class Match:
    """Which requests a rule is for.

    `path` is a regular expression searched in the target as Passed gives it (`^ledger/.*/users/`,
    `^journal/messages`), `header` a name and a regular expression, `service` is "Blob" or "Queue". `nth`
    (from 1) means that matching request only; None means each.
    """

    method: str | None = None
    path: str = ""
    service: str | None = None
    header: tuple[str, str] | None = None
    nth: int | None = 1

    def fits(self, service: str, method: str, target: str, headers: Mapping[str, str]) -> bool:
        """Whether a request is one of these, whatever its number."""
        if self.service not in (None, service) or self.method not in (None, method):
            return False
        if self.header is not None and not re.search(self.header[1], headers.get(self.header[0], "")):
            return False
        return re.search(self.path, target) is not None


@dataclass
class Rule:
    """What happens to matching requests; made by the methods of StorageProxy.

    `hits` counts the times that it acted; `acted` is set once it has.
    """

    name: str
    match: Match
    act: Act
    matched: int = 0
    hits: int = 0
    acted: asyncio.Event = field(default_factory=asyncio.Event)

    def takes(self, service: str, request: web.Request, target: str) -> bool:
        """Whether this rule acts on the request; counts it if it matches."""
        if not self.match.fits(service, request.method, target, request.headers):
            return False
        self.matched += 1
        if self.match.nth is not None and self.matched != self.match.nth:
            return False
        self.hits += 1
        return True


Meddler = Callable[[Asked], Rule | None]
"""Looks at a request and gives what is to happen to it; None: it passes."""


class Hold:
    """Requests that wait in the proxy until `release()`; `arrived()` waits for the first."""

    def __init__(self) -> None:
        self._arrived = asyncio.Event()
        self._released = asyncio.Event()

    async def arrived(self) -> None:
        """Wait until a request is held."""
        await self._arrived.wait()

    def release(self) -> None:
        """Let held requests go, and later ones pass."""
        self._released.set()

    async def wait(self) -> None:
        """Called by the proxy for each held request."""
        self._arrived.set()
        await self._released.wait()


class StorageProxy:
    """The proxy: `async with StorageProxy(connection_string) as proxy`, then `proxy.connection_string`.

    Rules are tried in the order in which they were made; the first that takes a request acts on it.
    `remember`: of how many requests, at least, `passed` keeps the last (None: of all).
    """

    def __init__(self, connection_string: str, *, remember: int | None = None) -> None:
        self._parts = dict(part.split("=", 1) for part in connection_string.split(";") if part)
        self._targets = {service: URL(self._parts[f"{service}Endpoint"]) for service in SERVICES}
        self._ports: dict[str, int] = {}
        self._rules: list[Rule] = []
        self._session: aiohttp.ClientSession | None = None
        self._stack = contextlib.AsyncExitStack()
        self._holds: list[Hold] = []
        self._remember = remember
        self.passed: list[Passed] = []
        self._meddler: Meddler | None = None

    @property
    def connection_string(self) -> str:
        """The same account, reached through the proxy."""
        parts = dict(self._parts)
        for service, port in self._ports.items():
            parts[f"{service}Endpoint"] = str(self._targets[service].with_host(ADDRESS).with_port(port))
        return ";".join(f"{name}={value}" for name, value in parts.items())

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            # Bytes stay as they are: what Azurite compressed isn't unpacked on the way.
            self._session = await stack.enter_async_context(
                aiohttp.ClientSession(auto_decompress=False, timeout=aiohttp.ClientTimeout(total=None))
            )
            for service in SERVICES:
                await self._serve(service, stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for hold in self._holds:
            hold.release()
        await self._stack.aclose()

    def drop_answer(self, match: Match) -> Rule:
        """Azurite gets the request, the caller loses the connection instead of getting the answer.

        aiohttp, which the Azure SDK uses, itself repeats a PUT or GET when a connection that it used before
        breaks; `nth=None` in the match takes the repetition too.
        """

        async def act(forward: Forward) -> Reply | None:
            await forward()
            return None

        return self._add(Rule("drop_answer", match, act))

    def kill(self, match: Match, victim: Victim, *, after: bool = True) -> Rule:
        """Kill a process (SIGKILL) or call something, after Azurite took the request or before it sees it.

        The caller never gets an answer. `rule.acted` is set once the victim is dead.
        """

        async def act(forward: Forward) -> Reply | None:
            if after:
                await forward()
            await _kill(victim)
            return None

        name = "kill_after" if after else "kill_before"
        return self._add(Rule(name, match, act))

    def hold(self, match: Match, *, before: bool = True) -> Hold:
        """Let the request wait before Azurite sees it (or its answer, with `before=False`) until released."""
        held = Hold()
        self._holds.append(held)

        async def act(forward: Forward) -> Reply | None:
            if before:
                await held.wait()
                return await forward()
            answer = await forward()
            await held.wait()
            return answer

        self._add(Rule("hold", match, act))
        return held

    def answer(
        self, match: Match, status: int, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Rule:
        """Answer in Azurite's stead; it never sees the request."""

        async def act(forward: Forward) -> Reply | None:
            return Reply(status, CIMultiDict(headers or {}), body)

        return self._add(Rule(f"answer_{status}", match, act))

    def meddle(self, meddler: "Meddler | None") -> None:
        """Have this one asked about every request that no rule takes; None: nobody any more."""
        self._meddler = meddler

    def forget_rules(self) -> None:
        """Drop all rules and let go whatever is held."""
        for hold in self._holds:
            hold.release()
        self._rules.clear()

    def seen(self, method: str | None = None, path: str = "", status: int | None = None) -> list[Passed]:
        """Recorded requests that match."""
        return [
            each
            for each in self.passed
            if method in (None, each.method)
            and re.search(path, each.target)
            and status in (None, each.status)
        ]

    def _add(self, rule: Rule) -> Rule:
        self._rules.append(rule)
        return rule

    async def _serve(self, service: str, stack: contextlib.AsyncExitStack) -> None:
        application = web.Application(client_max_size=LARGEST_BODY)

        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._pass(service, request)

        application.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, ADDRESS, 0)
        await site.start()
        self._ports[service] = runner.addresses[0][1]

    async def _pass(self, service: str, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        target = self._target(service, request)
        statuses: list[int] = []

        async def forward() -> Reply:
            reply = await self._forward(service, request, body)
            statuses.append(reply.status)
            return reply

        rule = next((rule for rule in self._rules if rule.takes(service, request, target)), None)
        if rule is None and self._meddler is not None:
            rule = self._meddler(Asked(service, request.method, target, request.headers))
        try:
            reply = await (rule.act(forward) if rule else forward())
        finally:
            status = statuses[0] if statuses else None
            self.passed.append(Passed(service, request.method, target, status, rule.name if rule else ""))
            if self._remember is not None and len(self.passed) > 2 * self._remember:
                del self.passed[: -self._remember]
        if rule is not None:
            rule.acted.set()
        if reply is None:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()  # for aiohttp's sake: nobody can get it any more
        return web.Response(status=reply.status, headers=reply.headers, body=reply.body)

    async def _forward(self, service: str, request: web.Request, body: bytes) -> Reply:
        assert self._session is not None  # noqa: S101 - the ports aren't open before there is a session
        origin = self._targets[service].origin()
        url = URL(f"{origin}{request.raw_path}", encoded=True)
        headers = CIMultiDict(
            (name, value) for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP
        )
        async with self._session.request(
            request.method,
            url,
            headers=headers,
            data=body or None,
            allow_redirects=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        ) as answer:
            content = await answer.read()
            kept = CIMultiDict(
                (name, value) for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP
            )
            return Reply(answer.status, kept, content)

    def _target(self, service: str, request: web.Request) -> str:
        path, _, query = request.raw_path.partition("?")
        account = self._targets[service].raw_path.rstrip("/")
        inside = unquote(path.removeprefix(account).lstrip("/"))
        return f"{inside}?{unquote(query)}" if query else inside


async def _kill(victim: Victim) -> None:
    if isinstance(victim, int):
        with contextlib.suppress(ProcessLookupError):  # dead already is as good
            os.kill(victim, signal.SIGKILL)
        return
    answer = victim()
    if inspect.isawaitable(answer):
        await answer
