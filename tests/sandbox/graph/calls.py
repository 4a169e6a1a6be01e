"""How the simulator's tests call it: over HTTP, with the token of the application or another one."""

import asyncio
import base64
import json
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
from aiohttp import web
from yarl import URL

from sandbox.graph.server import Running


def token_of(
    graph: Running, *roles: str, lifetime: int = 3600, audience: str = "https://graph.microsoft.com"
) -> str:
    """An unsigned token with these roles, as the identity endpoint would make it."""

    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims = {
        "aud": audience,
        "tid": graph.world.organization.id,
        "appid": graph.world.app_id,
        "exp": int(graph.world.now().timestamp()) + lifetime,
        "roles": list(roles),
    }
    return f"{part({'alg': 'none'})}.{part(claims)}."


@dataclass(frozen=True)
class Answer:
    """Status, headers and body of an answer."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def code(self) -> str:
        """The code of a Graph error body."""
        return str(self.body["error"]["code"])

    @property
    def ids(self) -> list[str]:
        """Ids of a page."""
        return [row["id"] for row in self.body["value"]]


@dataclass
class Calls:
    """Calls Graph with a token of the application's own roles, unless told otherwise."""

    graph: Running
    session: aiohttp.ClientSession

    async def get(self, path: str, *, token: str | None = None, **headers: str) -> Answer:
        """GET a path below the service root, or a whole link."""
        return await self.send("GET", path, token=token, headers=headers)

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send any call; an empty `token` sends none."""
        url = path if path.startswith("http") else self.graph.graph_url + path
        given = dict(headers or {})
        mine = token_of(self.graph, *self.graph.world.roles) if token is None else token
        if mine:
            given["Authorization"] = f"Bearer {mine}"
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            given.setdefault("Content-Type", "application/json")
        encoded = URL(url, encoded=True)
        async with self.session.request(method, encoded, data=data, headers=given) as response:
            raw = await response.read()
            is_json = "json" in response.content_type
            read = json.loads(raw) if is_json and raw else raw.decode()
            return Answer(response.status, dict(response.headers), read)

    async def subscribe(self, url: str, **fields: Any) -> Answer:
        """Create a subscription on users, by default for an hour."""
        until = self.graph.world.now() + timedelta(hours=1)
        body = {
            "changeType": "updated,deleted",
            "resource": "users",
            "notificationUrl": url,
            "lifecycleNotificationUrl": url.replace("/hook", "/lifecycle"),
            "clientState": "between us",
            "expirationDateTime": until.isoformat().replace("+00:00", "Z"),
        }
        return await self.send("POST", "/subscriptions", {**body, **fields})


@dataclass
class Endpoint:
    """A notification endpoint. `status` answers calls; `handshake` says how validation is answered.

    `seconds`: how long it takes to answer a notification. `arrived`: when each of `calls` came, in monotonic
    seconds.
    """

    url: str = ""
    status: int = 202
    handshake: str = "right"
    refuse_first: int = 0
    seconds: float = 0.0
    calls: list[list[dict[str, Any]]] = field(default_factory=list)
    arrived: list[float] = field(default_factory=list)
    validated: list[str] = field(default_factory=list)

    @property
    def items(self) -> list[dict[str, Any]]:
        """All items received, in order."""
        return [item for call in self.calls for item in call]

    @property
    def told(self) -> list[str]:
        """Ids of the objects told of, in order."""
        return [item["resourceData"]["id"] for item in self.items]

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a validation or a notification."""
        query = dict(parse_qsl(urlsplit(request.raw_path).query))
        if "validationToken" in query:
            self.validated.append(request.path)
            token = query["validationToken"]
            if self.handshake == "slow":
                await asyncio.sleep(5)
            if self.handshake == "encoded":
                return web.Response(text=token.replace(" ", "%20"))
            if self.handshake == "json":
                return web.json_response(token)
            if self.handshake == "lifecycle-fails" and request.path.endswith("lifecycle"):
                return web.Response(status=404)
            return web.Response(status=201 if self.handshake == "created" else 200, text=token)
        if self.refuse_first:
            self.refuse_first -= 1
            return web.Response(status=503)
        self.arrived.append(time.monotonic())
        self.calls.append((await request.json())["value"])
        await asyncio.sleep(self.seconds)
        return web.Response(status=self.status)
