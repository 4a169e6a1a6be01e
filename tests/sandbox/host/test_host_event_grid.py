"""The live host for Event Grid: its key, its handshake, events one by one and in batches, outputs before
202."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from sandbox.host.event_grid import KEY_PATH
from sandbox.host.live import LiveHost
from sandbox.host.process import HostProcess
from sandbox.storage_proxy import Match, StorageProxy
from tests.sandbox.host.support import Queues

pytestmark = pytest.mark.real

EVENTS = Path(__file__).parent / "apps" / "events"
PATH = "/runtime/webhooks/eventgrid"


def event(data: Any, subject: str = "Users/1") -> dict[str, Any]:
    return {"specversion": "1.0", "id": "1", "source": "s", "type": "T", "subject": subject, "data": data}


async def query(web: aiohttp.ClientSession, **changes: str) -> dict[str, str]:
    async with web.get(KEY_PATH) as answer:
        key = (await answer.json())["value"]
    return {"functionName": "told", "code": key, **changes}


@pytest_asyncio.fixture
async def web(settings: dict[str, str]) -> AsyncIterator[aiohttp.ClientSession]:
    async with LiveHost(EVENTS, 0, environ=settings) as host, aiohttp.ClientSession(host.url) as session:
        yield session


async def test_the_handshake_allows_who_asks_and_has_the_key(web: aiohttp.ClientSession) -> None:
    origin = {"WebHook-Request-Origin": "eventgrid.azure.net"}
    async with web.options(PATH, params=await query(web), headers=origin) as answer:
        assert (answer.status, answer.headers["WebHook-Allowed-Origin"]) == (200, "eventgrid.azure.net")
    async with web.options(PATH, params=await query(web, code="x"), headers=origin) as answer:
        assert (answer.status, "WebHook-Allowed-Origin" in answer.headers) == (401, False)


@pytest.mark.parametrize("body", [event("a"), [event("a"), event("b", "Users/2")]], ids=["one", "a batch"])
async def test_each_event_is_a_call_of_the_function_and_its_output_is_written_first(
    web: aiohttp.ClientSession, queues: Queues, body: Any
) -> None:
    async with web.post(PATH.replace("eventgrid", "EventGrid"), params=await query(web), json=body) as answer:
        assert answer.status == 202
    wanted = ["T Users/1 a", "T Users/2 b"][: len(body) if isinstance(body, list) else 1]
    assert sorted(await queues.texts("named")) == wanted


async def test_a_batch_in_which_one_fails_is_to_be_sent_again(
    web: aiohttp.ClientSession, queues: Queues
) -> None:
    async with web.post(PATH, params=await query(web), json=[event("fail"), event("b")]) as answer:
        assert answer.status == 500
    assert await queues.texts("named") == ["T Users/1 b"]


@pytest.mark.parametrize("body", [b"", b"{", b"7", b'["x"]'])
async def test_what_is_no_event_is_400_and_calls_nobody(
    web: aiohttp.ClientSession, queues: Queues, body: bytes
) -> None:
    async with web.post(PATH, params=await query(web), data=body) as answer:
        assert answer.status == 400
    assert await queues.texts("named") == []


async def test_without_the_key_nobody_is_called(web: aiohttp.ClientSession, queues: Queues) -> None:
    for params in ({"functionName": "told"}, {"functionName": "told", "code": "guessed"}):
        async with web.post(PATH, params=params, json=event("a")) as answer:
            assert answer.status == 401
    for params in (await query(web, functionName="nobody"), await query(web, functionName="plain")):
        async with web.post(PATH, params=params, json=event("a")) as answer:
            assert answer.status == 404
    async with web.post("/runtime/webhooks/blobs", params=await query(web), json=event("a")) as answer:
        assert answer.status == 404
    async with web.get(PATH, params=await query(web)) as answer:
        assert answer.status == 405
    assert await queues.texts("named") == []


async def test_an_output_that_cannot_be_written_has_the_event_sent_again(
    settings: dict[str, str], proxy: StorageProxy
) -> None:
    proxy.answer(Match("POST", r"^named/messages"), 403)
    environ = {**settings, "PARCEL_STORAGE": proxy.connection_string}
    async with LiveHost(EVENTS, 0, environ=environ) as host, aiohttp.ClientSession(host.url) as web:
        answer = await web.post(PATH, params=await query(web), json=event("a"))
        assert answer.status == 500


async def test_split_the_front_passes_events_on_and_the_key_outlives_a_restart(
    settings: dict[str, str], queues: Queues
) -> None:
    async with HostProcess(EVENTS, settings) as host, aiohttp.ClientSession(host.url) as web:
        before = await query(web)
    async with HostProcess(EVENTS, settings, split=True) as host, aiohttp.ClientSession(host.url) as web:
        assert await query(web) == before
        async with web.post(PATH, params=before, json=event("a")) as answer:
            assert answer.status == 202
        async with web.options(PATH, params=before, headers={"WebHook-Request-Origin": "x"}) as answer:
            assert answer.headers["WebHook-Allowed-Origin"] == "x"
        async with web.get("/api/plain") as answer:
            assert await answer.text() == "here"
        assert "HOST WORKER told" in host.log_text()
    await asyncio.wait_for(queues.wait_for("named", bool), 20)
    assert json.dumps(await queues.texts("named")) == '["T Users/1 a"]'
