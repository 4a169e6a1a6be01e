"""Calls that the service makes: handshakes, and notifications with their retries (graph.md §2, §3.2)."""

import asyncio
import contextlib
import heapq
import itertools
import logging
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from sandbox.graph.endpoints import Endpoints
from sandbox.graph.event_grid import EventGrid, is_topic
from sandbox.graph.notices import Tally
from sandbox.graph.rates import Rates
from sandbox.graph.wire import GraphFault

_CONCURRENT = 16
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answered:
    """One POST of notifications: when it began (monotonic), how many items, and how it ended.

    `seconds`: how long the answer took, the time-out where there was none in time; None: nobody was there.
    """

    began: float
    items: int
    accepted: bool
    seconds: float | None


@dataclass(slots=True)
class _Parcel:
    url: str
    items: list[dict[str, Any]]
    attempt: int
    first_at: float
    delayed: bool = False


class Outbound:
    """The agenda of deliveries. `rates` is asked each time, so that a changed rate counts at once.

    `paused` says whether nothing is delivered for a subscription now (graph.md §3.2, "expired access token").
    What goes to a topic is given to `grid`, which does the rest.
    """

    def __init__(
        self,
        rates: Callable[[], Rates],
        rng: random.Random,
        tally: Tally,
        grid: EventGrid,
        paused: Callable[[str], bool] = lambda subscription_id: False,
    ) -> None:
        self.endpoints = Endpoints()
        self._grid = grid
        self._paused = paused
        self._held: list[_Parcel] = []
        self._rates = rates
        self._rng = rng
        self._tally = tally
        self._due: list[tuple[float, int, _Parcel]] = []
        self._numbers = itertools.count()
        self._wake = asyncio.Event()
        self._posting: set[asyncio.Task[None]] = set()
        self._gate = asyncio.Semaphore(_CONCURRENT)
        self._session: aiohttp.ClientSession | None = None
        self._runner: asyncio.Task[None] | None = None
        self.on_answer: Callable[[Answered], None] | None = None
        """Called with what came of each POST, for whoever measures."""

    @property
    def pending(self) -> int:
        """POSTs that are due later, waiting for a retry, or under way; not those of paused subscriptions.

        Those of Event Grid too.
        """
        return len(self._due) + len(self._posting) + self._grid.pending

    async def start(self) -> None:
        """Begin to deliver."""
        await self._grid.start()
        self._session = aiohttp.ClientSession(trust_env=False, auto_decompress=False)
        self._runner = asyncio.create_task(self._run())
        self._runner.add_done_callback(report_failure)

    async def stop(self) -> None:
        """Stop; what is not delivered is forgotten."""
        tasks = [task for task in (self._runner, *self._posting) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._grid.stop()
        if self._session is not None:
            await self._session.close()

    def post_later(self, seconds: float, url: str, item: dict[str, Any]) -> None:
        """Deliver one item after so many seconds, perhaps together with others for the same URL."""
        at = asyncio.get_running_loop().time() + seconds
        self._put(at, _Parcel(url, [item], 0, at))

    async def post_at_once(self, url: str, item: dict[str, Any]) -> None:
        """Deliver one item, or fail to, before this returns; it is not sent again.

        A topic takes it at once.
        """
        if is_topic(url):
            self._grid.publish(url, [item])
            return
        self._tally.posts += 1
        accepted, _ = await self._accepted(_Parcel(url, [item], 0, 0.0), self._rates().first_timeout)
        self._tally.delivered += accepted

    def release(self) -> None:
        """Deliver what was held for subscriptions that are no longer paused; what is too old is discarded."""
        now = asyncio.get_running_loop().time()
        held, self._held = self._held, []
        for parcel in held:
            if now - parcel.first_at > self._rates().retry_horizon:
                self._tally.discarded += len(parcel.items)
            else:
                self._put(now, parcel)

    async def handshake(self, url: str) -> None:
        """Validate a URL: 200, text/plain and the decoded token in time, else 400 (graph.md §2)."""
        token = (
            f"Validation: Testing client application reachability for subscription Request-Id: {uuid.uuid4()}"
        )
        joined = f"{url}{'&' if '?' in url else '?'}validationToken={quote(token, safe='')}"
        timeout = aiohttp.ClientTimeout(total=self._rates().handshake_timeout)
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        if self._session is None:
            raise RuntimeError("the simulator has not been started")
        try:
            async with self._session.post(
                # encoded=True: the query of the caller's own URL goes out as it was given.
                URL(joined, encoded=True),
                timeout=timeout,
                headers=headers,
                allow_redirects=False,
            ) as response:
                body = await response.text()
                if response.status != 200:
                    raise _invalid(f"Notification endpoint returned status {response.status}, not 200.")
                if response.content_type != "text/plain":
                    raise _invalid("Notification endpoint must answer with content type text/plain.")
        except TimeoutError:
            raise _invalid("Subscription validation request timed out.") from None
        except aiohttp.ClientError:
            raise _invalid("Notification endpoint can't be reached.") from None
        if body != token:
            raise _invalid("Notification endpoint must answer with the decoded validation token.")

    def _put(self, at: float, parcel: _Parcel) -> None:
        heapq.heappush(self._due, (at, next(self._numbers), parcel))
        self._wake.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            wait = self._due[0][0] - loop.time() if self._due else None
            if wait is None or wait > 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), wait)
                continue
            for parcel in self._collect(loop.time()):
                task = asyncio.create_task(self._post(parcel))
                self._posting.add(task)
                task.add_done_callback(self._posting.discard)

    def _collect(self, now: float) -> list[_Parcel]:
        """What is due, or nearly, put together by URL: subscriptions share a POST (graph.md §3.1)."""
        rates = self._rates()
        parcels: list[_Parcel] = []
        open_by_url: dict[str, _Parcel] = {}
        while self._due and self._due[0][0] <= now + rates.batch_window:
            parcel = heapq.heappop(self._due)[2]
            if not self._let_out(parcel):
                continue
            held = open_by_url.get(parcel.url)
            if parcel.attempt or held is None or len(held.items) >= rates.items_per_post:
                parcels.append(parcel)
                if not parcel.attempt:
                    open_by_url[parcel.url] = parcel
            else:
                held.items.extend(parcel.items)
        if rates.out_of_order_rate:
            for parcel in parcels:
                self._rng.shuffle(parcel.items)
        return parcels

    def _let_out(self, parcel: _Parcel) -> bool:
        """Keep back the items of paused subscriptions; whether anything is left to send."""
        kept = [i for i in parcel.items if "lifecycleEvent" not in i and self._paused(i["subscriptionId"])]
        if kept:
            self._held.append(_Parcel(parcel.url, kept, parcel.attempt, parcel.first_at))
            parcel.items = [item for item in parcel.items if item not in kept]
        return bool(parcel.items)

    def _admitted(self, parcel: _Parcel) -> bool:
        """Whether a new parcel goes out now; a slow host gets it later, a dropped one never."""
        if parcel.attempt or parcel.delayed:
            return True
        rates, now = self._rates(), asyncio.get_running_loop().time()
        how = self.endpoints.admit(parcel.url, now, rates)
        if how == "late":
            self._tally.delayed += len(parcel.items)
            self._put(now + rates.slow_delay, _Parcel(parcel.url, parcel.items, 0, parcel.first_at, True))
        elif how == "never":
            self._tally.dropped += len(parcel.items)
        return how == "now"

    async def _post(self, parcel: _Parcel) -> None:
        if is_topic(parcel.url):
            self._grid.publish(parcel.url, parcel.items)
            return
        if not self._admitted(parcel):
            return
        rates = self._rates()
        seconds = rates.retry_timeout if parcel.attempt else rates.first_timeout
        async with self._gate:
            self._tally.posts += 1
            began = asyncio.get_running_loop().time()
            accepted, took = await self._accepted(parcel, seconds)
        now = asyncio.get_running_loop().time()
        if self.on_answer is not None:
            self.on_answer(Answered(began, len(parcel.items), accepted, took))
        if took is None:
            self.endpoints.unreachable(parcel.url)
        else:
            self.endpoints.answered(parcel.url, now, took, rates)
        if accepted:
            self._tally.delivered += len(parcel.items)
            return
        pause = rates.retry_base * 2**parcel.attempt
        if now + pause - parcel.first_at > rates.retry_horizon:
            self._tally.discarded += len(parcel.items)
            return
        self._tally.retried += 1
        self._put(now + pause, _Parcel(parcel.url, parcel.items, parcel.attempt + 1, parcel.first_at))

    async def _accepted(self, parcel: _Parcel, seconds: float) -> tuple[bool, float | None]:
        """Whether the endpoint answered 2xx in time (graph.md §3.2), and after how many seconds if at all."""
        if self._session is None:
            return False, None
        begun = asyncio.get_running_loop().time()
        body = msgspec.json.encode({"value": parcel.items})
        headers = {"Content-Type": "application/json"}
        try:
            async with self._session.post(
                URL(parcel.url, encoded=True),
                data=body,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=seconds),
                allow_redirects=False,
            ) as response:
                await response.read()
                taken = 200 <= response.status < 300
                return taken, min(seconds, asyncio.get_running_loop().time() - begun)
        except TimeoutError:
            return False, seconds
        except aiohttp.ClientError:
            return False, None


def report_failure(task: asyncio.Task[None]) -> None:
    """Say so when something that runs by itself has died; without it the simulator would just fall silent."""
    if not task.cancelled() and (problem := task.exception()) is not None:
        _LOG.error("a background task of the simulator died", exc_info=problem)


def _invalid(reason: str) -> GraphFault:
    text = f"Subscription validation request failed. {reason}"
    return GraphFault(400, "ValidationError", text)
