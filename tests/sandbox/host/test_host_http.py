"""The live host over HTTP: routes, methods, decoding, outputs before the answer."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from yarl import URL

from sandbox.host.live import LiveHost
from sandbox.storage_proxy import Match, StorageProxy
from tests.sandbox.host.support import PARCELS, Queues

pytestmark = pytest.mark.real

HTTP_ONLY = {"receive", "lose", "plain"}


@pytest_asyncio.fixture
async def web(settings: dict[str, str]) -> AsyncIterator[aiohttp.ClientSession]:
    async with (
        LiveHost(PARCELS, 0, HTTP_ONLY, environ=settings) as host,
        aiohttp.ClientSession(host.url) as session,
    ):
        yield session


async def test_answers_under_the_route_prefix_of_host_json_and_404_elsewhere(
    web: aiohttp.ClientSession,
) -> None:
    async with web.get("/api/parcels/box") as answer:
        assert answer.status == 202
        assert answer.headers["X-Seen"] == "1"
        assert answer.content_type == "application/json"
        assert (await answer.json())["name"] == "box"
    for path in ("/parcels/box", "/api/nothing", "/api/parcels/box/deeper", "/"):
        async with web.get(path) as answer:
            assert answer.status == 404, path


async def test_an_optional_route_parameter_may_be_absent(web: aiohttp.ClientSession) -> None:
    async with web.get("/api/parcels") as answer:
        assert (await answer.json())["name"] is None


async def test_a_method_that_the_route_does_not_take_is_405_naming_those_it_takes(
    web: aiohttp.ClientSession,
) -> None:
    async with web.delete("/api/parcels/box") as answer:
        assert answer.status == 405
        assert answer.headers["Allow"] == "GET, POST"


async def test_a_route_without_methods_takes_any_and_text_comes_back_as_utf_8(
    web: aiohttp.ClientSession,
) -> None:
    async with web.put("/api/plain") as answer:
        assert (answer.status, await answer.text()) == (200, "Grüße")


@pytest.mark.parametrize(
    ("raw", "decoded"),
    [("a%2520b", "a%20b"), ("a+b", "a b"), ("a%2Bb", "a+b"), ("%C3%A9", "é"), ("", ""), ("a%26b%3D", "a&b=")],
)
async def test_the_query_is_decoded_exactly_once(web: aiohttp.ClientSession, raw: str, decoded: str) -> None:
    async with web.get(URL(f"/api/parcels?validationToken={raw}", encoded=True)) as answer:
        assert (await answer.json())["query"] == {"validationToken": decoded}


async def test_an_encoded_slash_stays_within_its_route_parameter(web: aiohttp.ClientSession) -> None:
    async with web.get(URL("/api/parcels/a%2Fb", encoded=True)) as answer:
        assert (await answer.json())["name"] == "a/b"


async def test_headers_and_body_arrive(web: aiohttp.ClientSession) -> None:
    async with web.post("/api/parcels", data=b'["x"]', headers={"x-parcel": "heavy"}) as answer:
        told = await answer.json()
    assert (told["header"], told["body"]) == ("heavy", 5)


async def test_a_list_output_is_one_message_for_each_element_written_before_the_answer(
    web: aiohttp.ClientSession, queues: Queues
) -> None:
    texts = [f"parcel {n} ü" for n in range(20)]
    async with web.post("/api/parcels", json=texts) as answer:
        assert answer.status == 202
    # No waiting: the answer came after the writes.
    assert sorted(await queues.texts("parcels")) == sorted(texts)


async def test_a_function_that_raises_is_500_and_its_output_is_not_written(
    web: aiohttp.ClientSession, queues: Queues
) -> None:
    async with web.post("/api/parcels/lost") as answer:
        assert (answer.status, await answer.read()) == (500, b"")
    assert await queues.texts("lost") == []


async def test_an_output_that_cannot_be_written_is_500(settings: dict[str, str]) -> None:
    async with StorageProxy(settings["PARCEL_STORAGE"]) as proxy:
        proxy.answer(Match(method="POST", path="^parcels/messages", nth=None), 503)
        broken = settings | {"PARCEL_STORAGE": proxy.connection_string}
        async with (
            LiveHost(PARCELS, 0, HTTP_ONLY, environ=broken) as host,
            aiohttp.ClientSession(host.url) as session,
            session.post("/api/parcels", json=["x"]) as answer,
        ):
            assert answer.status == 500


async def test_an_output_longer_than_a_queue_takes_is_500(web: aiohttp.ClientSession) -> None:
    async with web.post("/api/parcels", json=["x" * 49 * 1024]) as answer:
        assert answer.status == 500


async def test_a_function_can_be_started_by_hand(settings: dict[str, str], queues: Queues) -> None:
    async with (
        LiveHost(PARCELS, 0, {"count", "handle"}, environ=settings) as host,
        aiohttp.ClientSession(host.url) as session,
    ):
        async with session.post("/admin/functions/count", json={}) as answer:
            assert answer.status == 202
        async with session.post("/admin/functions/handle", json={"input": "by hand"}) as answer:
            assert answer.status == 202
        async with session.post("/admin/functions/unknown", json={}) as answer:
            assert answer.status == 404
        assert await queues.wait_for("counted", bool) == ["on time"]
        assert "by hand" in (await queues.wait_for("handled", bool))[0]
