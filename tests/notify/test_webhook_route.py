"""Handing over to a signed webhook: what is signed, what counts as handed over, and no secret anywhere."""

import asyncio
import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from sandbox.webhook import is_genuine
from shared.notify.delivering.posting import Delivered, Failed
from shared.notify.delivering.routes import WorkflowsRoute, route_of
from shared.notify.delivering.webhook import WebhookRoute, signed
from shared.settings.routes import RouteRule, RouteSettings, signing_keys
from tests.notify.receivers import CASES, NOW, Answer, all_that_is_said, answers, receiver
from tests.notify.receivers import SECRET as IN_URL

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
NEW = "whsec_" + base64.b64encode(b"n" * 32).decode()
PAYLOAD = {"type": "finding.opened", "text": "naïve ✓"}


async def posted(url: str, *, secret: str = SECRET, seconds: float = 5.0) -> Delivered | Failed:
    route = WebhookRoute(url, secret, total_seconds=seconds)
    try:
        return await route.post("an-id", PAYLOAD, NOW)
    finally:
        await route.close()


def keeping(seen: list[tuple[Mapping[str, str], bytes]], status: int = 204) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append((request.headers, await request.read()))
        return web.Response(status=status)

    return answer


def test_a_signature_is_that_of_the_vector_that_standard_webhooks_publishes() -> None:
    """The key, id, time, body and signature of its libraries' own tests (libraries/go/webhook_test.go)."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = datetime.fromtimestamp(1614265330, UTC)
    assert signed("msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}', [key]) == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


async def test_what_arrives_is_what_was_signed() -> None:
    seen: list[tuple[Mapping[str, str], bytes]] = []
    async with receiver(keeping(seen)) as url:
        assert await posted(url) == Delivered()
    [(headers, body)] = seen
    assert headers["Content-Type"] == "application/json"
    assert headers["webhook-id"] == "an-id"
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert is_genuine(headers, body, SECRET, NOW)
    assert not is_genuine(headers, body + b" ", SECRET, NOW)
    assert not is_genuine(headers, body, NEW, NOW)
    assert json.loads(body) == PAYLOAD


async def test_while_the_secret_is_changed_both_sign() -> None:
    seen: list[tuple[Mapping[str, str], bytes]] = []
    async with receiver(keeping(seen)) as url:
        await posted(url, secret=f"{NEW} {SECRET}")
    [(headers, body)] = seen
    assert len(headers["webhook-signature"].split()) == 2
    assert is_genuine(headers, body, SECRET, NOW)
    assert is_genuine(headers, body, NEW, NOW)


async def test_a_retry_has_the_same_id_and_its_own_time() -> None:
    seen: list[tuple[Mapping[str, str], bytes]] = []
    async with receiver(keeping(seen, 503)) as url:
        route = WebhookRoute(url, SECRET)
        for minutes in (0, 10):
            await route.post("an-id", PAYLOAD, NOW + timedelta(minutes=minutes))
        await route.close()
    (first, body), (second, again) = seen
    assert first["webhook-id"] == second["webhook-id"]
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 600
    assert is_genuine(second, again, SECRET, NOW + timedelta(minutes=10))
    assert body == again


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_every_2xx_is_handed_over(status: int) -> None:
    async with receiver(answers(status)) as url:
        assert await posted(url) == Delivered()


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 404, 413, 422, 429, 500, 502, 503, 504])
async def test_any_other_status_is_a_failure_that_is_named(status: int) -> None:
    async with receiver(answers(status, Location="http://127.0.0.1:9/")) as url:
        result = await posted(url)
    assert result == Failed(
        status=f"http-{status}",
        certain=status not in (500, 502, 504),
        route=status not in (400, 413, 422),
    )


@pytest.mark.parametrize("status", [429, 502, 503])
async def test_a_receiver_under_load_says_when_to_come_back(status: int) -> None:
    async with receiver(answers(status, Retry_After="90")) as url:
        result = await posted(url)
    assert isinstance(result, Failed)
    assert result.retry_after == timedelta(seconds=90)


async def test_a_receiver_that_wants_no_more_is_left_alone_for_a_day() -> None:
    async with receiver(answers(410)) as url:
        assert await posted(url) == Failed(status="http-410", retry_after=timedelta(days=1))


async def test_a_slow_receiver_may_have_taken_it() -> None:
    async def sleeps(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(2)
        return web.Response(status=204)

    async with receiver(sleeps) as url:
        assert await posted(url, seconds=0.2) == Failed(status="timeout", certain=False)


def test_an_unusable_secret_is_refused_without_quoting_it() -> None:
    with pytest.raises(ValueError, match="a secret is whsec_") as caught:
        WebhookRoute("https://tickets.example/", "whsec_bm90IGxvbmc=")
    assert "bm90" not in str(caught.value)


@pytest.mark.parametrize("case", CASES)
async def test_url_and_secret_are_in_no_result_and_no_log(
    case: str, caplog: pytest.LogCaptureFixture
) -> None:
    result, said = await all_that_is_said(
        case, lambda url: WebhookRoute(url, SECRET, total_seconds=0.3), caplog
    )
    assert isinstance(result, Delivered) == (case == "ok")
    for text in said:
        for secret in (IN_URL, "workflows/invoke", SECRET, SECRET.removeprefix("whsec_"), repr(b"k" * 32)):
            assert secret not in text


async def test_the_settings_say_which_kind_of_route_it_is() -> None:
    teams = route_of(RouteSettings(rule=RouteRule(), url="https://a.example/"))
    tickets = route_of(
        RouteSettings(rule=RouteRule(name="tickets", type="webhook"), url="https://b.example/", secret=SECRET)
    )
    assert isinstance(teams, WorkflowsRoute)
    assert isinstance(tickets, WebhookRoute)
    assert signing_keys(SECRET) == (b"k" * 32,)
