"""The sandbox's receiver of signed events: what it keeps, what it refuses and why."""

import asyncio
import base64
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sandbox.webhook import LARGEST_EVENT, SECRET, WebhookError, WebhookSink
from shared.notify.delivering.posting import Delivered, Failed
from shared.notify.delivering.routes import route_of
from shared.notify.saying import events
from shared.settings import load
from tests.notify.event_samples import FORMS, made
from tests.settings.good_settings import GOOD

ROOT = Path(__file__).resolve().parents[3]
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest_asyncio.fixture
async def tickets() -> AsyncIterator[WebhookSink]:
    async with WebhookSink(clock=lambda: NOON) as sink:
        yield sink


async def post(sink: WebhookSink, event: dict[str, Any], event_id: str = "an-id", at: datetime = NOON) -> Any:
    route = route_of(load({**GOOD, **sink.environment}).routes[1])
    try:
        return await route.post(event_id, event, at)
    finally:
        await route.close()


async def test_its_settings_make_a_route_whose_events_it_keeps(tickets: WebhookSink) -> None:
    for number, message in enumerate(FORMS.values()):
        assert await post(tickets, made(message), str(number)) == Delivered()
    assert tickets.events() == [made(message) for message in FORMS.values()]
    assert tickets.rejected == []


async def test_a_repeat_is_kept_apart_from_what_is_new(tickets: WebhookSink) -> None:
    for _ in range(2):
        assert await post(tickets, made(FORMS["opened"])) == Delivered()
    assert [one.repeated for one in tickets.received] == [False, True]
    assert len(tickets.events()) == 1


async def test_what_is_not_as_documented_is_refused_with_the_reason(tickets: WebhookSink) -> None:
    broken = made(FORMS["opened"])
    del broken["data"]["findings"][0]["subject"]
    assert await post(tickets, broken) == Failed(status="http-400", route=False)
    assert tickets.rejected == ["400: data/findings/0: 'subject' is a required property"]
    assert tickets.events() == []


async def test_an_event_that_is_too_large_or_of_another_time_is_refused(tickets: WebhookSink) -> None:
    large = made(FORMS["opened"]) | {"more": "x" * LARGEST_EVENT}
    assert await post(tickets, large) == Failed(status="http-413", route=False)
    late = NOON - timedelta(minutes=6)
    assert await post(tickets, made(FORMS["opened"]), at=late) == Failed(status="http-401")
    assert LARGEST_EVENT == events.LIMIT


async def test_another_secret_is_refused() -> None:
    async with WebhookSink(clock=lambda: NOON) as sink:
        sent = sink.environment
        sink.secret = "whsec_" + base64.b64encode(b"other" * 6).decode()
        route = route_of(load({**GOOD, **sent}).routes[1])
        assert await route.post("an-id", made(FORMS["opened"]), NOON) == Failed(status="http-401")
        await route.close()
    assert sent["TICKETS_SECRET"] == SECRET


async def test_answers_can_be_ordered(tickets: WebhookSink) -> None:
    tickets.answer_next(503, times=2)
    answers = [await post(tickets, made(FORMS["opened"])) for _ in range(3)]
    assert answers == [*[Failed(status="http-503")] * 2, Delivered()]
    assert len(tickets.received) == 1


async def test_a_port_in_use_is_said_so() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(WebhookError, match="stop what uses it or choose another"):
            await WebhookSink(taken.getsockname()[1]).__aenter__()


async def test_the_command_prints_the_settings_and_each_event() -> None:
    command = [sys.executable, "-m", "sandbox", "webhook", "--port", "0"]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        lines = [(await process.stdout.readline()).decode().strip() for _ in range(4)]
        ready, *settings = lines
        assert ready.startswith("WEBHOOK READY http://127.0.0.1:")
        environment = dict(one.split("=", 1) for one in settings)
        route = route_of(load({**GOOD, **environment}).routes[1])
        assert await route.post("an-id", made(FORMS["opened"]), datetime.now(UTC)) == Delivered()
        await route.close()
        assert (await process.stdout.readline()).decode() == "finding.opened\n"
        assert "Ada Example" in (await process.stdout.readline()).decode()
    finally:
        process.terminate()
        await process.wait()
