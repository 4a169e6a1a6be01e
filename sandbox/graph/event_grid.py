"""Event Grid between Graph and the app: partner topics, and what their event subscriptions deliver (graph.md
§5).

Graph creates a topic with the first subscription that names it. It is not active then, and has no event
subscription: somebody with rights in Azure makes both, and until then events are dropped. Delivery is at
least once, in no order, with Event Grid's own retries and dead letters. (Azure Event Grid: receive Microsoft
Graph change events, message delivery and retry, CloudEvents 1.0 schema.)
"""

import asyncio
import random
import re
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import msgspec
from yarl import URL

from sandbox.graph.rates import Rates
from sandbox.graph.wire import GraphFault, bad_request

if TYPE_CHECKING:
    from sandbox.graph.notices import Tally

SCHEME = "eventgrid"
ORIGIN = "eventgrid.azure.net"
MOST_TOPICS = 10
"""Partner topics that an application may have made in a tenant (graph.md §5)."""

_NAMES = ("azuresubscriptionid", "resourcegroup", "partnertopic", "location")
_TOPIC = re.compile(r"[A-Za-z0-9-]{3,50}")
_FINAL = (400, 401, 403, 413)
"""Answers after which Event Grid does not try again."""
_CONCURRENT = 16


def is_topic(url: str | None) -> bool:
    """Whether a notification URL is meant for Event Grid."""
    return (url or "").partition(":")[0].lower() == SCHEME


def address(url: str) -> dict[str, str]:
    """The four parts of an `EventGrid:` URL; 400 where one is missing."""
    parts = {name.lower(): value for name, value in parse_qsl(urlsplit(url).query)}
    for name in _NAMES:
        if not parts.get(name):
            raise bad_request(f"The Event Grid notification URL misses '{name}'.", "ValidationError")
    try:
        uuid.UUID(parts["azuresubscriptionid"])
    except ValueError:
        raise bad_request("'azuresubscriptionid' must be a GUID.", "ValidationError") from None
    if not _TOPIC.fullmatch(parts["partnertopic"]):
        raise bad_request("'partnertopic' has 3 to 50 letters, digits and hyphens.", "ValidationError")
    return {name: parts[name] for name in _NAMES}


@dataclass(slots=True)
class Route:
    """An event subscription of a topic: where its events go, and so many in a call at most.

    `state` as Azure has it: `Creating` until the endpoint has answered the handshake, `Succeeded`, `Failed`.
    """

    name: str
    endpoint: str
    batch: int = 1
    most_attempts: int = 30
    state: str = "Creating"
    waiting: deque[dict[str, Any]] = field(default_factory=deque)
    dead: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class PartnerTopic:
    """A partner topic as it lies in a resource group."""

    name: str
    group: str
    location: str
    active: bool = False
    routes: dict[str, Route] = field(default_factory=dict)


class EventGrid:
    """All partner topics of one application.

    `rates` is asked each time, so that a changed rate counts at once.
    """

    def __init__(
        self, rates: Callable[[], Rates], rng: random.Random, tally: "Tally", source: tuple[str, str]
    ) -> None:
        self.topics: dict[tuple[str, str, str], PartnerTopic] = {}
        self.authorized = True
        self._rates = rates
        self._rng = rng
        self._tally = tally
        self._source = f"/tenants/{source[0]}/applications/{source[1]}"
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._gate = asyncio.Semaphore(_CONCURRENT)

    @property
    def pending(self) -> int:
        """What is to be validated, delivered, or tried again."""
        return len(self._tasks)

    async def start(self) -> None:
        """Begin to deliver."""
        self._session = aiohttp.ClientSession(trust_env=False, auto_decompress=False)

    async def stop(self) -> None:
        """Stop; what is not delivered is forgotten."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    # --- what Graph does -----------------------------------------------------------------------------------

    def ensure(self, url: str) -> None:
        """Have the topic of that URL; 400 where the partner may not create it, 403 beyond the limit."""
        parts = address(url)
        if _key(parts) in self.topics:
            return
        if not self.authorized:
            text = "Microsoft Graph API is not authorized to create partner topics in this resource group."
            raise bad_request(text, "ValidationError")
        if len(self.topics) >= MOST_TOPICS:
            text = f"An application can have {MOST_TOPICS} partner topics in a tenant."
            raise GraphFault(403, "ExtensionError", text)
        self.topics[_key(parts)] = PartnerTopic(
            parts["partnertopic"], parts["resourcegroup"], parts["location"]
        )

    def publish(self, url: str, items: Iterable[dict[str, Any]]) -> None:
        """Give notifications to the topic as events; dropped where it is not active, or nobody gets them."""
        topic = self.topics.get(_key(address(url)))
        for item in items:
            self._tally.published += 1
            routes = [one for one in topic.routes.values() if one.state != "Failed"] if topic else []
            if topic is None or not topic.active or not routes:
                self._tally.unrouted += 1
                continue
            for route in routes:
                route.waiting.append(self.event(item))
        for route in topic.routes.values() if topic else ():
            self._pump(route)

    def event(self, item: dict[str, Any]) -> dict[str, Any]:
        """The notification as a CloudEvent."""
        data, lifecycle = dict(item), item.get("lifecycleEvent")
        if lifecycle and not self._rates().event_names_lifecycle:
            del data["lifecycleEvent"]
        return {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "type": _lifecycle_type(lifecycle) if lifecycle else _change_type(item),
            "source": self._source,
            "subject": item.get("resource") or f"subscriptions/{item['subscriptionId']}",
            "time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "data": data,
        }

    # --- what somebody with rights in Azure does -----------------------------------------------------------

    def named(self, name: str) -> PartnerTopic | None:
        """The topic of that name."""
        return next((one for one in self.topics.values() if one.name.lower() == name.lower()), None)

    def route(self, topic: PartnerTopic, route: Route) -> None:
        """Have an event subscription, or another in its place; its endpoint is asked whether it wants
        events."""
        topic.routes[route.name] = route
        self._spawn(self._validate(route))

    def remove(self, topic: PartnerTopic) -> None:
        """Delete a topic. Graph's subscriptions to it stay, and send nowhere."""
        self.topics = {key: one for key, one in self.topics.items() if one is not topic}

    async def _validate(self, route: Route) -> None:
        """The handshake of CloudEvents webhooks: the endpoint must allow the origin."""
        headers = {"WebHook-Request-Origin": ORIGIN}
        allowed = ""
        try:
            async with self._http().options(URL(route.endpoint, encoded=True), headers=headers) as answer:
                if answer.status == 200:
                    allowed = answer.headers.get("WebHook-Allowed-Origin", "")
        except (aiohttp.ClientError, TimeoutError):
            pass
        route.state = "Succeeded" if allowed in ("*", ORIGIN) else "Failed"
        self._pump(route)

    # --- delivery ------------------------------------------------------------------------------------------

    def _pump(self, route: Route) -> None:
        if route.state == "Failed":
            self._tally.unrouted += len(route.waiting)
            route.waiting.clear()
        while route.state == "Succeeded" and route.waiting:
            events = [route.waiting.popleft() for _ in range(min(route.batch, len(route.waiting)))]
            times = 1 + (self._rng.random() < self._rates().event_duplicate_rate)
            self._tally.duplicated += (times - 1) * len(events)
            for _ in range(times):
                self._spawn(self._deliver(route, events))

    async def _deliver(self, route: Route, events: list[dict[str, Any]]) -> None:
        for attempt in range(route.most_attempts):
            async with self._gate:
                status = await self._post(route, events)
            if 200 <= status < 300:
                self._tally.delivered += len(events)
                return
            schedule = self._rates().event_retries
            if status in _FINAL or attempt + 1 == route.most_attempts or not schedule:
                break
            self._tally.retried += 1
            await asyncio.sleep(schedule[min(attempt, len(schedule) - 1)])
        self._tally.dead_lettered += len(events)
        route.dead.extend(events)

    async def _post(self, route: Route, events: list[dict[str, Any]]) -> int:
        """One call: an event by itself, or a list of them where the subscription takes batches."""
        single = route.batch == 1
        kind = "application/cloudevents+json" if single else "application/cloudevents-batch+json"
        headers = {"Content-Type": f"{kind}; charset=utf-8", "aeg-event-type": "Notification"}
        self._tally.posts += 1
        try:
            async with self._http().post(
                URL(route.endpoint, encoded=True),
                data=msgspec.json.encode(events[0] if single else events),
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=self._rates().event_timeout),
                allow_redirects=False,
            ) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("the simulator has not been started")
        return self._session

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _key(parts: dict[str, str]) -> tuple[str, str, str]:
    return (
        parts["azuresubscriptionid"].lower(),
        parts["resourcegroup"].lower(),
        parts["partnertopic"].lower(),
    )


def _change_type(item: dict[str, Any]) -> str:
    singular = "User" if item["resource"].lower().startswith("users") else "Group"
    return f"Microsoft.Graph.{singular}{item['changeType'].capitalize()}"


def _lifecycle_type(event: str) -> str:
    """Only that of reauthorizationRequired is documented; the others are named alike here."""
    named = "subscription" if not event.startswith("subscription") else ""
    return f"microsoft.graph.{named}{event[0].upper() if named else event[0]}{event[1:]}"
