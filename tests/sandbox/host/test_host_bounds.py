"""Slow callers at the sandbox's host: what doesn't come in time is not waited for, and others don't wait."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from yarl import URL

from sandbox.host import bounds
from sandbox.host.live import LiveHost
from tests.sandbox.host.support import PARCELS

pytestmark = pytest.mark.real

HEAD = b"POST /api/parcels/box HTTP/1.1\r\nHost: watch\r\n"


@pytest_asyncio.fixture
async def port(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """Where a host listens that is impatient: a third of a second for a head, a half for a body's grace."""
    monkeypatch.setattr(bounds, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(bounds, "GRACE_SECONDS", 0.5)
    async with LiveHost(PARCELS, 0, {"receive", "lose", "plain"}, environ=settings) as host:
        yield URL(host.url).port or 0


async def told(port: int, *parts: bytes, pause: float = 0.0, wait: float = 15.0) -> bytes:
    """What comes back until the host closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)
        async with asyncio.timeout(wait):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_a_head_that_is_never_whole_ends_the_connection(port: int) -> None:
    assert await told(port, HEAD + b"X-Slow: ", wait=5) == b""
    assert await told(port, wait=5) == b""


async def test_a_head_that_comes_in_time_is_answered_however_long_the_connection_rests_then(
    port: int,
) -> None:
    whole = HEAD + b"Content-Length: 0\r\n\r\n"
    last = whole.replace(b"Host:", b"Connection: close\r\nHost:")
    answers = await told(port, whole, last, pause=0.8)
    assert answers.count(b"HTTP/1.1 202") == 2


async def test_a_body_slower_than_the_platform_takes_it_is_408(port: int) -> None:
    head = HEAD + b"Content-Length: 500\r\n\r\n"
    assert (await told(port, head, b"x")).startswith(b"HTTP/1.1 408")


async def test_a_body_that_comes_in_pieces_at_a_fair_rate_is_taken(port: int) -> None:
    head = HEAD + b"Connection: close\r\nContent-Length: 2000\r\n\r\n"
    answer = await told(port, head, b"[" + b" " * 499, *[b" " * 500] * 2, b" " * 499 + b"]", pause=0.3)
    assert answer.startswith(b"HTTP/1.1 202")


async def test_a_body_without_length_is_taken_and_a_broken_one_refused(port: int) -> None:
    head = HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert (await told(port, head + b"2\r\n[]\r\n0\r\n\r\n")).startswith(b"HTTP/1.1 202")
    broken = await told(port, head + b"2\r\n[]\r\n", b"no number\r\n\r\n", pause=0.1)
    assert broken.startswith((b"HTTP/1.1 400", b"HTTP/1.1 408"))


async def test_a_body_said_to_be_compressed_reaches_the_app_as_it_came(port: int) -> None:
    head = HEAD + b"Connection: close\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n"
    assert (await told(port, head + b"[]")).startswith(b"HTTP/1.1 202")


async def test_what_is_no_http_is_400_and_no_fault_of_the_host(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    for sent in (b"\x00\x01\x02\r\n\r\n", b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\n\r\n"):
        # In the version of HTTP that the answer's writer falls back to.
        assert (await told(port, sent)).split(b" ")[1] == b"400"
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
