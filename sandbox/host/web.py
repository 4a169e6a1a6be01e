"""HTTP triggers: routes under host.json's prefix, served by aiohttp.

Function keys (`authLevel`) aren't asked for, as in Microsoft's own local tools. `POST
/admin/functions/<name>` starts a timer or queue function by hand, as there.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from aiohttp import web
from multidict import CIMultiDict

from sandbox.host import bounds, triggers
from sandbox.host.errors import HostError
from sandbox.host.event_grid import EventGridEndpoint
from sandbox.host.invoker import Invoker
from sandbox.host.runtime import Function

# Flex Consumption takes bodies up to this size.
LARGEST_BODY = 210 * 1024 * 1024

CONSTRAINTS = {
    "": r"[^/]+",
    "alpha": r"[A-Za-z]+",
    "bool": r"(?:true|false)",
    "guid": r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "int": r"-?\d+",
    "long": r"-?\d+",
}

log = logging.getLogger("sandbox.host")

Start = Callable[[str, str], Awaitable[bool]]


@dataclass(frozen=True)
class Route:
    """One HTTP function's address; `methods` empty means any."""

    function: Function
    template: str
    pattern: re.Pattern[str]
    methods: frozenset[str]

    @property
    def rank(self) -> tuple[int, str]:
        """Sorts literal routes before those with parameters, as the Azure host prefers them."""
        return self.template.count("{") + 100 * self.template.count("{*"), self.template


def route_of(function: Function, prefix: str) -> Route:
    """Route of an HTTP function. Raises HostError for a template that this host doesn't know."""
    trigger = function.trigger
    template = str(trigger.get("route") or function.name).strip("/")
    whole = f"{prefix}/{template}" if prefix else template
    methods = frozenset(str(method).upper() for method in trigger.get("methods") or ())
    return Route(function, whole, _pattern(whole, function.name), methods)


def _pattern(template: str, name: str) -> re.Pattern[str]:
    expression = ""
    for segment in template.split("/"):
        found = re.fullmatch(r"\{(\*?)(\w+)(?::(\w+))?(\?)?\}", segment)
        if found is None:
            if "{" in segment:
                raise HostError(f"{name}: the route segment {segment!r} isn't known here")
            expression += "/" + re.escape(segment)
            continue
        star, parameter, constraint, optional = found.groups()
        if (constraint or "") not in CONSTRAINTS:
            raise HostError(f"{name}: the route constraint {constraint!r} isn't known here")
        value = ".*" if star else CONSTRAINTS[constraint or ""]
        one = f"/(?P<{parameter}>{value})"
        expression += f"(?:{one})?" if optional or star else one
    return re.compile(expression + "/?", re.IGNORECASE)


class Web:
    """The aiohttp application that answers for an app's HTTP functions."""

    def __init__(
        self,
        functions: Sequence[Function],
        prefix: str,
        invoker: Invoker,
        start: Start,
        events: EventGridEndpoint,
    ) -> None:
        self._routes = sorted(
            (route_of(function, prefix) for function in functions), key=lambda route: route.rank
        )
        self._invoker = invoker
        self._start = start
        self.application = web.Application(client_max_size=LARGEST_BODY, middlewares=[bounds.heard])
        self.application.router.add_post("/admin/functions/{name}", self._by_hand)
        events.add_to(self.application)
        self.application.router.add_route("*", "/{path:.*}", self._answer)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        # The path is split before it is decoded, so that %2F stays inside its segment.
        path = request.raw_path.partition("?")[0]
        matching = [(route, found) for route in self._routes if (found := route.pattern.fullmatch(path))]
        if not matching:
            return web.Response(status=404)
        for route, found in matching:
            if not route.methods or request.method in route.methods:
                return await self._invoke(route.function, found.groupdict(), request)
        allowed = sorted(set().union(*(route.methods for route, _ in matching)))
        return web.Response(status=405, headers={"Allow": ", ".join(allowed)})

    async def _invoke(
        self, function: Function, params: Mapping[str, str | None], request: web.Request
    ) -> web.StreamResponse:
        body = await bounds.body_of(request, LARGEST_BODY)
        headers: dict[str, str] = {}
        for name, value in request.headers.items():
            lower = name.lower()
            headers[lower] = f"{headers[lower]},{value}" if lower in headers else value
        url = f"{request.scheme}://{request.host}{request.raw_path}"
        decoded = {name: unquote(value) for name, value in params.items() if value is not None}
        datum = triggers.http_datum(request.method, url, headers, decoded, body)
        reason = "This function was programmatically called via the host APIs."
        outcome = await self._invoker.invoke(function, reason, datum, {})
        status, answered, content = triggers.http_answer(outcome.ok, outcome.returned)
        answer_headers: CIMultiDict[str] = CIMultiDict(answered)
        return web.Response(status=status, headers=answer_headers, body=content)

    async def _by_hand(self, request: web.Request) -> web.StreamResponse:
        try:
            body: Any = await request.json() if request.can_read_body else {}
        except ValueError:
            return web.Response(status=400, text='the body must be JSON like {"input": "…"}')
        given = body.get("input", "") if isinstance(body, dict) else ""
        known = await self._start(request.match_info["name"], str(given))
        return web.Response(status=202 if known else 404)
