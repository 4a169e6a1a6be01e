"""A made-up sign-in: red wherever the app believes it, and never green where that can't be said."""

import asyncio
import base64

import pytest
from aiohttp import web

from admin.doctor import forgery_checks
from admin.doctor.lights import Light
from shared.settings import load
from shared.watch.access import Access, access_of
from tests.doctor.answering import Answer, answering
from tests.doctor.patients import Findings, ask
from tests.settings.good_settings import GOOD

WORD = {"status": "ok"}
DETAIL = {"status": "ok", "problems": ["Anna is not covered"]}
SIGNED_IN = load({**GOOD, "WEBSITE_AUTH_ENABLED": "True"})
LOCAL = load(GOOD)


async def forged_at(url: str) -> Findings:
    return await ask({**GOOD, "NOTIFICATION_BASE_URL": url}, "forged")


def app(settings_believe: bool, strips: bool = False) -> Answer:
    """The app's own decision behind a platform that takes the header away, or does not."""

    def answer(seen: web.Request) -> web.Response:
        headers = {} if strips else dict(seen.headers)
        may = access_of(headers, SIGNED_IN if settings_believe else LOCAL)
        if seen.path == "/api/health":
            return web.json_response(DETAIL if may is Access.DETAIL else WORD)
        return web.Response(text="<html>Anna</html>") if may is Access.DETAIL else web.Response(status=401)

    return answer


async def test_a_host_that_believes_the_header_is_red_on_both_paths_and_nothing_that_it_told_is_shown() -> (
    None
):
    async with answering(app(settings_believe=True)) as url:
        found = await forged_at(url)
    assert (found.codes("forged"), found.lights("forged")) == (["believed"] * 2, {Light.RED})
    assert {path for path in ("/api/health", "/api/report") if path in str(found.lines)} == {
        "/api/health",
        "/api/report",
    }
    for never in ("Anna", forgery_checks.made_up(), "127.0.0.1", GOOD["CLIENT_STATE"]):
        assert never not in str(found.lines)


@pytest.mark.parametrize("answer", [app(True, strips=True), app(False)], ids=["taken away", "no sign-in"])
async def test_where_the_header_is_taken_away_or_not_believed_it_is_green(answer: Answer) -> None:
    async with answering(answer) as url:
        found = await forged_at(url)
    assert (found.codes("forged"), found.lights("forged")) == (["ok"], {Light.GREEN})


@pytest.mark.parametrize(
    ("health", "report", "codes"),
    [
        ((200, '{"status": "ok"}'), (302, ""), ["ok"]),
        ((503, '{"status": "unwell"}'), (403, ""), ["ok"]),
        ((401, ""), (401, ""), ["ok"]),
        ((503, '{"status": "unwell", "problems": []}'), (401, ""), ["believed"]),
        ((200, '{"status": "ok", "more": "' + "x" * 200_000 + '"}'), (401, ""), ["believed"]),
        ((200, "null"), (401, ""), ["believed"]),
        ((200, '{"status": "ok"}'), (200, ""), ["believed"]),
        ((503, "<html>no</html>"), (401, ""), ["unclear"]),
        ((200, '{"status": "ok"}'), (404, ""), ["unclear"]),
        ((500, ""), (500, ""), ["unclear", "unclear"]),
    ],
)
async def test_what_each_answer_means(
    health: tuple[int, str], report: tuple[int, str], codes: list[str]
) -> None:
    def answer(seen: web.Request) -> web.Response:
        status, text = health if seen.path == "/api/health" else report
        return web.Response(status=status, text=text, headers={"Location": "/x"} if status == 302 else {})

    async with answering(answer) as url:
        assert (await forged_at(url)).codes("forged") == codes


async def test_nobody_but_the_address_is_called_and_both_calls_bear_the_header() -> None:
    seen: list[tuple[str, str, str]] = []
    elsewhere: list[str] = []

    def strange(call: web.Request) -> web.Response:
        elsewhere.append(call.path)
        return web.Response(text="taken")

    async with answering(strange) as other:

        def answer(call: web.Request) -> web.Response:
            seen.append((call.method, call.path, call.headers.get("X-MS-CLIENT-PRINCIPAL", "")))
            return web.Response(status=307, headers={"Location": f"{other}{call.path}"})

        async with answering(answer) as url:
            found = await forged_at(url)
    header = forgery_checks.made_up()
    assert seen == [("GET", "/api/health", header), ("GET", "/api/report", header)]
    assert elsewhere == []
    assert found.codes("forged") == ["ok"]
    assert b"Watch.Read" in base64.b64decode(header)


async def test_an_address_that_is_not_reached_is_never_an_all_clear() -> None:
    found = await forged_at("http://127.0.0.1:9")
    assert (found.codes("forged"), found.lights("forged")) == (["unreached"] * 2, {Light.AMBER})


async def test_an_app_that_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)
        writer.close()

    monkeypatch.setattr(forgery_checks, "WITHIN", 0.2)
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    try:
        found = await forged_at(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    finally:
        server.close()
    assert found.codes("forged") == ["unreached"] * 2
