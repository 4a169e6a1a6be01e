"""Handing over to a Workflows webhook: what counts as handed over, what is asked, and a URL kept secret."""

import asyncio
from datetime import timedelta

import pytest
from aiohttp import web

from shared.notify.delivering.posting import Delivered, Failed, parse_retry_after
from shared.notify.delivering.routes import WorkflowsRoute
from tests.notify.receivers import CASES, NOW, SECRET, all_that_is_said, answers, nobody, receiver


async def posted(url: str, *, seconds: float = 5.0) -> Delivered | Failed:
    route = WorkflowsRoute(url, total_seconds=seconds)
    try:
        return await route.post("id", {"type": "message", "text": "naïve ✓"}, NOW)
    finally:
        await route.close()


@pytest.mark.parametrize("status", [200, 202])
async def test_200_and_202_are_handed_over(status: int) -> None:
    async with receiver(answers(status)) as url:
        assert await posted(url) == Delivered()


async def test_a_card_bears_its_id_so_that_a_flow_can_tell_a_repeat() -> None:
    seen: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers["webhook-id"])
        return web.Response(status=202)

    async with receiver(answer) as url:
        await posted(url)
        await posted(url)
    assert seen == ["id", "id"]


async def test_the_message_arrives_as_json_with_the_urls_own_query() -> None:
    seen: list[tuple[str, str, object]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append((request.content_type, request.query_string, await request.json()))
        return web.Response(status=202)

    async with receiver(answer) as url:
        await posted(url)
    message = {"type": "message", "text": "naïve ✓"}
    assert seen == [("application/json", f"api-version=1&sig={SECRET}", message)]


@pytest.mark.parametrize(
    "status", [201, 204, 301, 302, 307, 400, 401, 403, 404, 410, 413, 422, 429, 500, 502, 503, 504]
)
async def test_any_other_status_is_a_failure_that_is_named(status: int) -> None:
    async with receiver(answers(status, Location="http://127.0.0.1:9/")) as url:
        result = await posted(url)
    assert isinstance(result, Failed)
    assert result.status == f"http-{status}"
    assert result.retry_after is None
    assert result.route == (status not in (400, 413, 422))
    assert result.certain == (status not in (500, 502, 504))


@pytest.mark.parametrize("status", [429, 503])
async def test_a_decimal_retry_after_is_honoured(status: int) -> None:
    async with receiver(answers(status, Retry_After="2.75")) as url:
        result = await posted(url)
    assert isinstance(result, Failed)
    assert result.retry_after == timedelta(seconds=2.75)


async def test_a_refusal_is_not_asked_when_to_come_back() -> None:
    async with receiver(answers(403, Retry_After="5")) as url:
        result = await posted(url)
    assert isinstance(result, Failed)
    assert result.retry_after is None


async def test_no_answer_in_time_is_a_failure_that_may_have_arrived() -> None:
    async def sleeps(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(2)
        return web.Response(status=202)

    async with receiver(sleeps) as url:
        assert await posted(url, seconds=0.2) == Failed(status="timeout", certain=False)


async def test_a_connection_that_breaks_is_a_failure_that_may_have_arrived() -> None:
    async def breaks(request: web.Request) -> web.StreamResponse:
        await request.read()
        assert request.transport is not None
        request.transport.abort()
        return web.Response(status=202)

    async with receiver(breaks) as url:
        assert await posted(url) == Failed(status="reset", certain=False)


async def test_nobody_listening_is_a_failure_that_surely_did_not_arrive() -> None:
    assert await posted(nobody()) == Failed(status="unreachable", certain=True)


@pytest.mark.parametrize("url", ["", "not a url", f"ftp://{SECRET}/", f"http://[{SECRET}/"])
async def test_an_address_that_is_none_is_a_failure(url: str) -> None:
    result = await posted(url)
    assert isinstance(result, Failed)
    assert SECRET not in str(result)


@pytest.mark.parametrize("case", CASES)
async def test_the_url_is_in_no_result_and_no_log(case: str, caplog: pytest.LogCaptureFixture) -> None:
    result, said = await all_that_is_said(case, lambda url: WorkflowsRoute(url, total_seconds=0.3), caplog)
    assert isinstance(result, Delivered) == (case == "ok")
    for text in said:
        assert SECRET not in text
        assert "workflows/invoke" not in text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", None),
        ("0", 0.0),
        ("1.5", 1.5),
        (" 30 ", 30.0),
        ("-5", 0.0),
        ("1e12", 86_400.0),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("Mon, 02 Mar 2026 09:01:30 GMT", 90.0),
        ("Mon, 02 Mar 2026 08:00:00 GMT", 0.0),
        ("Mon, 02 Mar 2099 08:00:00 GMT", 86_400.0),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(text: str, seconds: float | None) -> None:
    assert parse_retry_after(text, NOW) == (None if seconds is None else timedelta(seconds=seconds))
