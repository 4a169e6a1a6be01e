"""The address that Graph calls, for tests that care what becomes of each notification."""

from collections import Counter
from contextlib import AsyncExitStack
from datetime import datetime
from types import TracebackType
from typing import Self

from aiohttp import web

from shared.graph.notifications import Call, handshake, parse_call
from shared.watch.hearing import calls, subscriptions
from shared.watch.messages import LifecycleEvent, read_step
from tests.watch.scene import Scene


class Postbox:
    """Verifies every call as the function app does, under the secrets that a test sets. `reachable`: False
    and it answers 503."""

    def __init__(self) -> None:
        self.tenant_id = ""
        self.secrets: tuple[str, ...] = ()
        self.reachable = True
        self.taken: list[Call] = []
        self.lifecycle: list[LifecycleEvent] = []
        self._stack = AsyncExitStack()
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/{tail:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def serve(self, scene: Scene) -> None:
        """Answer for this scene's watch, with its settings as they are now."""
        settings = scene.watch.settings
        self.tenant_id, self.secrets = settings.tenant_id, settings.client_states

    @property
    def counts(self) -> Counter[str]:
        """What became of all items so far; classes without any are left out."""
        return sum((Counter(call.counts) for call in self.taken), Counter())

    @property
    def users(self) -> set[str]:
        """Whom authentic notifications named."""
        return {user for call in self.taken for user in call.user_ids}

    @property
    def groups(self) -> set[str]:
        """The groups that authentic notifications named."""
        return {group for call in self.taken for group in call.group_ids}

    def refused(self) -> dict[str, int]:
        """The items that were turned away."""
        return {name: self.counts[name] for name in ("forged", "foreign", "malformed") if self.counts[name]}

    async def tell_counts(self, scene: Scene, at: datetime) -> None:
        """Have what came since the last time counted, as a process does that gets another call."""
        tally = calls.Tally()
        for call in self.taken:
            tally.add(call.counts, call.subscriptions, at)
        if (text := tally.due(at)) and (told := read_step(text).calls):
            await calls.take(scene.watch, told)
        self.taken.clear()

    async def answer_lifecycle(self, scene: Scene) -> int:
        """Have the lifecycle events that came answered; how many."""
        events, self.lifecycle = self.lifecycle, []
        for event in events:
            await subscriptions.answer(scene.watch, [event], scene.clock.now())
        return len(events)

    async def _answer(self, request: web.Request) -> web.Response:
        if not self.reachable:
            return web.Response(status=503)
        if "validationToken" in request.query:
            shake = handshake(request.query["validationToken"])
            return web.Response(status=shake.status, body=shake.body.encode(), headers=dict(shake.headers))
        call = parse_call(await request.read(), self.tenant_id, self.secrets)
        self.taken.append(call)
        self.lifecycle += [
            LifecycleEvent(subscription=one.subscription, event=one.event) for one in call.lifecycle
        ]
        return web.Response(status=202)
