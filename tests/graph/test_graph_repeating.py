"""One call again: what is repeated after which failure, how long it waits, and what is never repeated."""

import asyncio
import time

import pytest
from kiota_abstractions.method import Method

from shared.graph.errors import Throttled, Unavailable
from shared.graph.retry import Patience
from shared.graph.session import Answer, GraphSession, with_body
from shared.settings import GraphSettings
from tests.graph.stub_graph import ANY, TENANT, Bench, Credential, Hours, Reply, ask, bench, error
from tests.telemetry.sdk import collected


async def change(on: Bench) -> Answer:
    body = {"changeType": "updated"}
    return await on.session.send(with_body(on.session.client.subscriptions, Method.POST, body))


# --- throttling -------------------------------------------------------------------------------------------


async def test_a_decimal_retry_after_is_waited_for(at_bench: Bench) -> None:
    at_bench.stub.replies = [error(429, "TooManyRequests", Retry_After="2.128"), ANY]
    await ask(at_bench)
    assert 2.128 <= at_bench.hours.elapsed < 3.2


async def test_each_attempt_is_counted_by_its_call_and_status_and_each_429_besides(at_bench: Bench) -> None:
    at_bench.stub.replies = [error(429, "TooManyRequests", Retry_After="1"), error(503, "busy"), ANY]
    with collected() as noted:
        await ask(at_bench)
        points = noted.points()
    calls = {
        (one.attributes["call"], one.attributes["status"]): one.value for one in points["watch.graph_calls"]
    }
    assert calls == {("GET /subscribedSkus", status): 1 for status in ("429", "5xx", "2xx")}
    (throttled,) = points["watch.graph_throttles"]
    assert (throttled.value, dict(throttled.attributes)) == (1, {"call": "GET /subscribedSkus"})


async def test_after_a_429_every_call_waits(at_bench: Bench) -> None:
    at_bench.hours.held = asyncio.Event()
    at_bench.stub.replies = [error(429, "TooManyRequests", Retry_After="30"), ANY, ANY]
    throttled = asyncio.create_task(ask(at_bench))
    await at_bench.hours.asleep(1)
    other = asyncio.create_task(ask(at_bench))
    await at_bench.hours.asleep(2)
    assert len(at_bench.stub.seen) == 1
    assert min(at_bench.hours.slept) >= 30
    at_bench.hours.held.set()
    assert [(await throttled).status, (await other).status] == [200, 200]


async def test_a_wait_of_more_than_a_minute_is_handed_to_the_caller_and_to_all_others(
    at_bench: Bench,
) -> None:
    at_bench.stub.replies = [error(429, "TooManyRequests", Retry_After="300")]
    for _ in range(2):
        with pytest.raises(Throttled) as caught:
            await ask(at_bench)
        assert caught.value.retry_after == pytest.approx(300)
    assert at_bench.hours.slept == []
    assert len(at_bench.stub.seen) == 1


async def test_a_429_without_a_time_backs_off_and_gives_up_in_the_end(at_bench: Bench) -> None:
    at_bench.stub.replies = [error(429, "TooManyRequests")] * 9
    with pytest.raises(Throttled):
        await ask(at_bench)
    assert len(at_bench.stub.seen) == at_bench.session.patience.attempts
    assert len(at_bench.hours.slept) == at_bench.session.patience.attempts - 1


async def test_a_retry_after_of_nothing_still_waits_a_little(at_bench: Bench) -> None:
    at_bench.stub.replies = [error(429, "TooManyRequests", Retry_After="0"), ANY]
    await ask(at_bench)
    assert at_bench.hours.elapsed > 0


async def test_a_change_is_repeated_after_a_429_for_graph_has_not_acted_on_it(at_bench: Bench) -> None:
    at_bench.stub.replies = [error(429, "TooManyRequests", Retry_After="1"), Reply({"id": "x"}, status=201)]
    assert (await change(at_bench)).status == 201


# --- failures ---------------------------------------------------------------------------------------------

BROKEN = [
    Reply(b"<html>Bad Gateway</html>", status=502, content_type="text/html"),
    Reply(b"", status=500),
    error(503, "ServiceUnavailable"),
    error(504, "GatewayTimeout"),
    Reply(fault="reset"),
    Reply({"value": []}, fault="truncated"),
]


@pytest.mark.parametrize("broken", BROKEN, ids=["html-502", "500", "503", "504", "reset", "truncated"])
async def test_a_reading_is_repeated_after_a_failure(at_bench: Bench, broken: Reply) -> None:
    at_bench.stub.replies = [broken, broken, ANY]
    assert (await ask(at_bench)).status == 200
    assert len(at_bench.stub.seen) == 3
    assert len(at_bench.hours.slept) == 2


@pytest.mark.parametrize("broken", BROKEN, ids=["html-502", "500", "503", "504", "reset", "truncated"])
async def test_a_reading_that_keeps_failing_is_unavailable(at_bench: Bench, broken: Reply) -> None:
    at_bench.stub.replies = [broken] * 9
    with pytest.raises(Unavailable):
        await ask(at_bench)
    assert len(at_bench.stub.seen) == at_bench.session.patience.attempts


@pytest.mark.parametrize("broken", BROKEN, ids=["html-502", "500", "503", "504", "reset", "truncated"])
async def test_a_change_is_not_repeated_when_graph_may_have_acted_on_it(
    at_bench: Bench, broken: Reply
) -> None:
    at_bench.stub.replies = [broken, Reply({"id": "x"}, status=201)]
    with pytest.raises(Unavailable):
        await change(at_bench)
    assert len(at_bench.stub.seen) == 1


async def test_a_change_is_repeated_when_no_connection_was_made() -> None:
    hours = Hours()
    settings = GraphSettings(base_url="http://127.0.0.1:9/v1.0", tenant_id=TENANT)
    session = GraphSession(settings, hours.clock, hours.sleep, Credential())
    try:
        with pytest.raises(Unavailable) as caught:
            await session.send(with_body(session.client.subscriptions, Method.POST, {}))
    finally:
        await session.aclose()
    assert caught.value.code == "ConnectError"
    assert len(hours.slept) == session.patience.attempts - 1


async def test_an_attempt_that_hangs_is_given_up_and_tried_again() -> None:
    async with bench(Patience(attempt_timeout=0.3)) as on:
        on.stub.replies = [Reply(fault="hang"), ANY]
        started = time.monotonic()
        assert (await ask(on)).status == 200
        assert time.monotonic() - started < 5


async def test_a_503_that_asks_for_an_hour_is_handed_to_the_caller(at_bench: Bench) -> None:
    at_bench.stub.replies = [error(503, "ServiceUnavailable", Retry_After="3600")]
    with pytest.raises(Throttled) as caught:
        await ask(at_bench)
    assert (caught.value.retry_after, caught.value.status) == (3600, 503)
